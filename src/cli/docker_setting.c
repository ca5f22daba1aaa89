/* docker_setting.c - what docker users have set for their tables, in docker's config.json. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/command.h"
#include "codec/json.h"
#include "fs/path.h"

#include <fcntl.h>

/* $DOCKER_CONFIG/config.json or $HOME/.docker/config.json; "" if neither is set. */
static Str settings_path(Arena *a)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	if (dir && *dir)
		return arena_strf(a, "%s/config.json", dir);
	return home && *home ? arena_strf(a, "%s/.docker/config.json", home) : STR("");
}

static Err *read_setting(Cli *cli, const char *path, const char *key, Str *ret)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* the user's own */
	AUTO_BUF Buf text = BUF_INIT;
	JsonValue *settings;
	if (fd < 0)
		return NULL; /* none, or none for us */
	TRY(path_read_fd(fd, JSON_BYTES_MAX, path, &text));
	if (!str_trim(buf_str(&text)).len)
		return NULL;
	TRY(json_parse(buf_str(&text), JSON_BYTES_MAX, path, &settings));
	Err *e = json_get_str(settings, path, key, cli->arena, ret);
	json_free(settings);
	return e;
}

const char *cli_docker_setting(Cli *cli, const char *key)
{
	Str path = settings_path(cli->arena), value = STR("");
	if (!path.len)
		return NULL;
	/* a table must not fail because of credentials that nobody asks for */
	err_free(read_setting(cli, path.ptr, key, &value));
	return value.len ? value.ptr : NULL;
}
