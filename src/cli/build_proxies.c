/* build_proxies.c - proxies of docker's config.json and of the environment, for RUN. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/build_proxies.h"
#include "codec/json.h"
#include "fs/path.h"

#include <fcntl.h>
#include <strings.h>

static const struct {
	const char *key; /* in config.json */
	const char *upper, *lower;
} proxies[] = {
	{ "httpProxy", "HTTP_PROXY", "http_proxy" }, { "httpsProxy", "HTTPS_PROXY", "https_proxy" },
	{ "ftpProxy", "FTP_PROXY", "ftp_proxy" },    { "noProxy", "NO_PROXY", "no_proxy" },
	{ "allProxy", "ALL_PROXY", "all_proxy" },
};

static Err *read_config(Arena *a, Buf *json)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	if (!(dir && *dir) && !(home && *home))
		return NULL;
	AUTO_CLOSE int dir_fd =
		openat(AT_FDCWD, dir && *dir ? dir : arena_strf(a, "%s/.docker", home).ptr,
	               O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return NULL;
	AUTO_CLOSE int fd = openat(dir_fd, "config.json", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? NULL : path_read_fd(fd, JSON_BYTES_MAX, "config.json", json);
}

/* The registry client tells of a damaged file, if it needs it. */
void build_proxies_of_config(Arena *a, PlanArg **ret, size_t *ret_count)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonValue *doc = NULL;
	*ret = arena_alloc(a, ARRAY_LEN(proxies) * sizeof **ret, _Alignof(PlanArg));
	*ret_count = 0;
	Err *e = read_config(a, &json);
	if (!e && json.len && str_find(buf_str(&json), '{') >= 0 &&
	    memmem(json.ptr, json.len, "\"proxies\"", 9))
		e = json_parse(buf_str(&json), JSON_BYTES_MAX, "config.json", &doc);
	err_free(e); /* docker's file is not ours to judge */
	if (!doc)
		return;
	const JsonValue *all = json_value_is_object(doc) ? json_member(doc, "proxies") : NULL;
	const JsonValue *usual = json_value_is_object(all) ? json_member(all, "default") : NULL;
	for (size_t i = 0; json_value_is_object(usual) && i < ARRAY_LEN(proxies); i++) {
		Str value = json_value_string(json_member(usual, proxies[i].key));
		if (value.len && !memchr(value.ptr, '\0', value.len))
			(*ret)[(*ret_count)++] =
				(PlanArg){ str_from(proxies[i].upper), arena_str(a, value) };
	}
	json_free(doc);
}

/* "http://user:pw@127.0.0.1:3128": is the host this machine? */
static bool is_loopback(Str url)
{
	ptrdiff_t scheme = str_find(url, '/'), at;
	if (scheme > 0 && url.ptr[scheme - 1] == ':' && url.len > (size_t)scheme + 1)
		url = str_from_at(url, (size_t)scheme + 2);
	Str authority;
	(void)str_cut(url, '/', &authority);
	while ((at = str_find(authority, '@')) >= 0)
		authority = str_from_at(authority, (size_t)at + 1);
	return str_starts(authority, STR("127.")) || str_starts(authority, STR("localhost")) ||
	       str_starts(authority, STR("[::1]")) || str_starts(authority, STR("::1"));
}

Err *build_proxies_of_environment(Cli *cli, const BuildValues *v, BuildRun *run)
{
	bool wanted = true;
	Strs found = { 0 };
	if (v->http_proxy && !str_to_bool(str_from(v->http_proxy), &wanted))
		return cli_usage(cli, "invalid value '%s' for --http-proxy: expected true or false",
		                 v->http_proxy);
	for (size_t i = 0; wanted && i < ARRAY_LEN(proxies); i++) {
		const char *value = getenv(proxies[i].lower);
		if (!value || !*value)
			value = getenv(proxies[i].upper);
		if (!value || !*value)
			continue;
		bool host_network = v->network && strcmp(v->network, "host") == 0;
		bool is_list = strcmp(proxies[i].lower, "no_proxy") == 0;
		if (!is_list && !host_network && is_loopback(str_from(value)))
			continue;
		strs_push(cli->arena, &found,
		          arena_strf(cli->arena, "%s=%s", proxies[i].upper, value));
		strs_push(cli->arena, &found,
		          arena_strf(cli->arena, "%s=%s", proxies[i].lower, value));
	}
	run->proxies = found.at;
	run->proxy_count = found.count;
	return NULL;
}
