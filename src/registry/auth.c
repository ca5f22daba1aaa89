/*
 * auth.c - who we are at a registry, from the files that docker and podman keep.
 *
 * docker's file wins over podman's, since decant answers as docker does.  Inside a file: a helper
 * named for the registry, then the helper for all, then what the file itself holds.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "registry/file-internal.h"
#include "registry/registry-internal.h"

enum { AUTH_PLACES_MAX = 4 };

static FilePlace docker_place(void)
{
	const char *docker = getenv("DOCKER_CONFIG");
	return docker && *docker ? (FilePlace){ docker, "config.json" }
	                         : (FilePlace){ file_home(), ".docker/config.json" };
}

FilePlace auth_place_to_write(const char *file)
{
	const char *variable = getenv("REGISTRY_AUTH_FILE");
	return file && *file           ? (FilePlace){ file, "" }
	       : variable && *variable ? (FilePlace){ variable, "" }
	                               : docker_place();
}

static size_t auth_places(FilePlace places[static AUTH_PLACES_MAX])
{
	size_t n = 0;
	const char *file = getenv("REGISTRY_AUTH_FILE");
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *config = getenv("XDG_CONFIG_HOME");
	if (file && *file)
		places[n++] = (FilePlace){ file, "" };
	places[n++] = docker_place();
	if (runtime && *runtime)
		places[n++] = (FilePlace){ runtime, "containers/auth.json" };
	places[n++] = config && *config
	                      ? (FilePlace){ config, "containers/auth.json" }
	                      : (FilePlace){ file_home(), ".config/containers/auth.json" };
	return n;
}

Str auth_files_text(Arena *a)
{
	FilePlace places[AUTH_PLACES_MAX];
	size_t count = auth_places(places);
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < count; i++) {
		Str one = file_place_text(a, &places[i]);
		buf_addf(&text, "%s%.*s", i ? ", " : "", STR_ARG(one));
	}
	return arena_str(a, buf_str(&text));
}

/* "https://h:5000/v2/" → "h:5000"; index.docker.io is docker.io.  A path that is no API root stays.
 */
Str auth_normal_key(Str key)
{
	static const char *const schemes[] = { "https://", "http://" };
	static const char *const roots[] = { "/", "/v1", "/v2", "/v1/", "/v2/" };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_starts(key, str_from(schemes[i])))
			key = str_from_at(key, strlen(schemes[i]));
	for (size_t i = ARRAY_LEN(roots); i-- > 0;)
		if (str_ends(key, str_from(roots[i]))) {
			key.len -= strlen(roots[i]);
			break;
		}
	if (str_eqc(key, "index.docker.io") || str_eqc(key, "registry-1.docker.io"))
		return STR("docker.io");
	return key;
}

Str auth_server(Str domain)
{
	return str_eqc(domain, "docker.io") ? STR(HUB_SERVER) : domain;
}

/* Does KEY (normalised) name DOMAIN/REPOSITORY or a part above it?  The longest such key wins. */
static bool key_covers(Str key, Str domain, Str repository)
{
	if (!str_starts(key, domain))
		return false;
	Str rest = str_from_at(key, domain.len);
	if (!rest.len)
		return true;
	if (rest.ptr[0] != '/')
		return false;
	rest = str_from_at(rest, 1);
	return str_starts(repository, rest) &&
	       (repository.len == rest.len || repository.ptr[rest.len] == '/');
}

/* "auth" is base64 of user:password. */
static Err *split_auth(Arena *a, Str auth, const char *where, Credentials *c)
{
	AUTO_BUF Buf plain = BUF_INIT;
	Str user;
	if (!base64_decode(str_trim(auth), &plain) || str_find(buf_str(&plain), ':') < 0)
		return err_new(ERR_INPUT, "%s.auth: expected base64 of USER:PASSWORD", where);
	Str password = str_cut(buf_str(&plain), ':', &user);
	/* docker has written passwords padded with NUL bytes */
	while (password.len && password.ptr[password.len - 1] == '\0')
		password.len--;
	c->user = arena_str(a, user);
	c->password = arena_str(a, password);
	return NULL;
}

static Err *read_entry(Arena *a, const JsonValue *entry, const char *name, Str key,
                       Credentials *ret)
{
	const char *where = arena_strf(a, "%s: auths[\"%.*s\"]", name, STR_ARG(key)).ptr;
	if (!json_value_is_object(entry))
		return err_new(ERR_INPUT, "%s: expected an object", where);
	Str none = { "", 0 };
	Str auth = none;
	Credentials c = {
		.user = none, .password = none, .identity_token = none, .registry_token = none
	};
	TRY(json_get_str(entry, where, "auth", a, &auth));
	TRY(json_get_str(entry, where, "username", a, &c.user));
	TRY(json_get_str(entry, where, "password", a, &c.password));
	TRY(json_get_str(entry, where, "identitytoken", a, &c.identity_token));
	TRY(json_get_str(entry, where, "registrytoken", a, &c.registry_token));
	if (auth.len)
		TRY(split_auth(a, auth, where, &c));
	/* An empty entry says only that a helper has the password. */
	c.found = c.user.len || c.identity_token.len || c.registry_token.len;
	c.source = str_from(name);
	if (c.found)
		*ret = c;
	return NULL;
}

static Err *find_in_auths(Arena *a, const JsonValue *auths, const char *name, Str domain,
                          Str repository, Credentials *ret)
{
	Str key, best_key = { "", 0 };
	JsonValue *entry, *best = NULL;
	size_t best_len = 0;
	void *at = NULL;
	while (json_next_member(auths, &at, &key, &entry)) {
		Str normal = auth_normal_key(key);
		if (key_covers(normal, domain, repository) && (!best || normal.len > best_len)) {
			best = entry;
			best_key = key;
			best_len = normal.len;
		}
	}
	return best ? read_entry(a, best, name, best_key, ret) : NULL;
}

/* The helper that the file names for DOMAIN: its own in credHelpers, else credsStore. */
Err *auth_file_helper(Arena *a, const JsonValue *doc, const char *name, Str domain, Str *ret)
{
	const JsonValue *helpers = json_member(doc, "credHelpers");
	Str key;
	JsonValue *value;
	*ret = (Str){ "", 0 };
	if (!json_value_is_null(helpers) && !json_value_is_object(helpers))
		return err_new(ERR_INPUT, "%s.credHelpers: expected an object", name);
	void *at = NULL;
	while (json_next_member(helpers, &at, &key, &value)) {
		if (!str_eq(auth_normal_key(key), domain))
			continue;
		if (!json_value_is_string(value))
			return err_new(ERR_INPUT, "%s.credHelpers: expected the name of a helper",
			               name);
		*ret = arena_str(a, json_value_string(value));
		return NULL;
	}
	return json_get_str(doc, name, "credsStore", a, ret);
}

static Err *find_in_document(Arena *a, const JsonValue *doc, const char *name, Str domain,
                             Str repository, const Cancel *cancel, Credentials *ret)
{
	if (!json_value_is_object(doc))
		return err_new(ERR_INPUT, "%s: expected a JSON object", name);
	Str helper;
	TRY(auth_file_helper(a, doc, name, domain, &helper));
	if (helper.len) {
		TRY_WHILE(auth_helper_get(a, helper, auth_server(domain), cancel, ret),
		          "reading %s", name);
		if (ret->found)
			return NULL;
	}
	const JsonValue *auths = json_member(doc, "auths");
	if (json_value_is_null(auths))
		return NULL;
	if (!json_value_is_object(auths))
		return err_new(ERR_INPUT, "%s.auths: expected an object", name);
	return find_in_auths(a, auths, name, domain, repository, ret);
}

Err *auth_file_find(Arena *a, Str json, const char *name, Str domain, Str repository,
                    const Cancel *cancel, Credentials *ret)
{
	JsonValue *doc = NULL;
	TRY(err_set_kind(json_parse(json, JSON_BYTES_MAX, name, &doc), ERR_INPUT));
	Err *err = find_in_document(a, doc, name, domain, repository, cancel, ret);
	json_free(doc);
	return err;
}

Err *auth_find(Arena *a, Str domain, Str repository, const Cancel *cancel, Credentials *ret)
{
	FilePlace places[AUTH_PLACES_MAX];
	size_t count = auth_places(places);
	Credentials c = { 0 };
	for (size_t i = 0; i < count && !c.found; i++) {
		AUTO_BUF Buf json = BUF_INIT;
		bool found;
		Str name = file_place_text(a, &places[i]);
		if (str_starts(name, STR("/proc/self/fd/")))
			name = STR("--creds"); /* which became a file in memory */
		TRY_WHILE(file_read(&places[i], &json, &found), "looking for credentials of %.*s",
		          STR_ARG(domain));
		if (found)
			TRY_WHILE(auth_file_find(a, buf_str(&json), name.ptr, domain, repository,
			                         cancel, &c),
			          "looking for credentials of %.*s", STR_ARG(domain));
	}
	*ret = c;
	return NULL;
}
