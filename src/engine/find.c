/* find.c - where a docker or podman listens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/sha256.h"
#include "codec/stream.h"
#include "engine/engine-internal.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

const char *engine_name(EngineKind kind)
{
	return kind == ENGINE_DOCKER ? "docker" : "podman";
}

int engine_connect(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(socket_path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	return connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
}

/* --- addresses -------------------------------------------------------------------------------- */

static Err *parse_tcp(EngineKind kind, Str host, Arena *a, EngineAddress *ret)
{
	const char *tls = getenv("DOCKER_TLS_VERIFY");
	Str rest = str_from_at(host, 6);
	if (rest.len == 0 || str_find(rest, '/') >= 0 || str_find(rest, '@') >= 0)
		return err_new(ERR_INPUT, "'%.*s' is no address of a %s", STR_ARG(host),
		               engine_name(kind));
	if (tls && *tls)
		return err_note(err_new(ERR_INPUT, "a %s behind TLS is not spoken to: '%.*s'",
		                        engine_name(kind), STR_ARG(host)),
		                "decant save IMAGE | %s load", engine_name(kind));
	ret->base = arena_strf(a, "http://%.*s", STR_ARG(rest));
	return NULL;
}

static Err *parse_address(EngineKind kind, Str host, Arena *a, EngineAddress *ret)
{
	*ret = (EngineAddress){ .text = host, .base = STR("http://engine") };
	if (str_starts(host, STR("unix://"))) {
		ret->socket = arena_str(a, str_from_at(host, 7)).ptr;
		if (*ret->socket == '/')
			return NULL;
	} else if (str_starts(host, STR("tcp://"))) {
		return parse_tcp(kind, host, a, ret);
	} else if (str_starts(host, STR("ssh://"))) {
		return err_note(err_new(ERR_INPUT, "'%.*s' is not spoken to", STR_ARG(host)),
		                "decant save IMAGE | ssh %.*s %s load",
		                STR_ARG(str_from_at(host, 6)), engine_name(kind));
	}
	return err_note(err_new(ERR_INPUT, "'%.*s' is no address of a %s", STR_ARG(host),
	                        engine_name(kind)),
	                "unix:///PATH or tcp://HOST:PORT");
}

/* --- docker's contexts ------------------------------------------------------------------------ */

/* The JSON of a file that may well not be there (*ret NULL). */
static Err *read_json(const char *path, JsonValue **ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	*ret = NULL;
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	AUTO_READER Reader *file = reader_from_fd(fd, path);
	TRY(reader_read_all(file, JSON_BYTES_MAX, path, &text));
	return err_set_kind(json_parse(buf_str(&text), JSON_BYTES_MAX, path, ret), ERR_INPUT);
}

static Str docker_folder(Arena *a)
{
	const char *config = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	if (config && *config)
		return arena_strf(a, "%s", config);
	return arena_strf(a, "%s/.docker", home ? home : "");
}

/* The host of the context in use; "": there is none but the default one. */
static Err *context_host(Arena *a, Str *ret)
{
	const char *chosen = getenv("DOCKER_CONTEXT");
	AUTO_ENGINE_JSON JsonValue *config = NULL;
	AUTO_ENGINE_JSON JsonValue *meta = NULL;
	Str folder = docker_folder(a), name = str_from(chosen ? chosen : "");
	*ret = STR("");
	if (!name.len) {
		TRY(read_json(arena_strf(a, "%.*s/config.json", STR_ARG(folder)).ptr, &config));
		if (json_value_is_object(config))
			TRY(json_get_str(config, "config.json", "currentContext", a, &name));
	}
	if (!name.len || str_eqc(name, "default"))
		return NULL;
	Digest d = sha256_of(name);
	const char *path = arena_strf(a, "%.*s/contexts/meta/%s/meta.json", STR_ARG(folder),
	                              digest_arena_hex(a, &d).ptr)
	                           .ptr;
	TRY(read_json(path, &meta));
	JsonValue *docker = json_member(json_member(meta, "Endpoints"), "docker");
	*ret = arena_str(a, json_value_string(json_member(docker, "Host")));
	if (ret->len)
		return NULL;
	return err_note(err_new(ERR_INPUT, "docker's context '%.*s' has no address", STR_ARG(name)),
	                "looked for in '%s'", path);
}

/* --- which one -------------------------------------------------------------------------------- */

/* The first of two sockets that is there; the first if none is. */
static Str usual_socket(EngineKind kind, Arena *a)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	bool docker = kind == ENGINE_DOCKER;
	Str own = runtime && *runtime ? arena_strf(a, "%s/%s", runtime,
	                                           docker ? "docker.sock" : "podman/podman.sock")
	                              : STR("");
	const char *system = docker ? "/var/run/docker.sock" : "/run/podman/podman.sock";
	bool own_works = own.len && engine_connect(own.ptr) == 0;
	if (own_works && (!docker || engine_connect(system) != 0))
		return arena_strf(a, "unix://%s", own.ptr);
	return arena_strf(a, "unix://%s", system);
}

Err *engine_find(EngineKind kind, const char *host, Arena *a, EngineAddress *ret, bool *ret_start)
{
	const char *variable = getenv(kind == ENGINE_DOCKER ? "DOCKER_HOST" : "CONTAINER_HOST");
	Str text = str_from(host && *host ? host : variable ? variable : "");
	*ret_start = false;
	if (!text.len && kind == ENGINE_DOCKER)
		TRY(context_host(a, &text));
	bool given = text.len != 0;
	if (!given)
		text = usual_socket(kind, a);
	TRY(parse_address(kind, arena_str(a, text), a, ret));
	*ret_start = kind == ENGINE_PODMAN && !given && engine_connect(ret->socket) != 0;
	return NULL;
}
