/*
 * login.c - logging in and out: asking the registry, and what the commands need of auth files.
 *
 * Nothing is written that a registry has not taken.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "registry/login.h"
#include "registry/registry-internal.h"

/* The registry's host of a server as people type it. */
static Str host_of(Str server)
{
	Str key = auth_normal_key(server), host;
	(void)str_cut(key, '/', &host);
	return host;
}

Err *login_server_parse(Arena *a, Str text, bool keep_path, LoginServer *ret)
{
	static const char *const schemes[] = { "https://", "http://" };
	Str key = arena_str(a, auth_normal_key(text));
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		keep_path = keep_path && !str_starts(text, str_from(schemes[i]));
	Str domain = arena_str(a, text.len ? host_of(text) : STR("docker.io"));
	/* the grammar of image names is that of registries and what is in them */
	Reference ref;
	Str path = keep_path ? str_from_at(key, domain.len) : STR("");
	Str probe = arena_strf(a, "%.*s%.*s/x", STR_ARG(domain), STR_ARG(path));
	bool hub = str_eqc(domain, "docker.io");
	Err *err = reference_parse(a, probe, &ref);
	/* a name without dot or port ("registry") is a host here */
	bool bare = !err && !str_eq(ref.domain, domain);
	if (err || str_find(domain, '@') >= 0) {
		err_free(err);
		return err_note(
			err_new(ERR_INPUT, "'%.*s' is no registry", STR_ARG(str_clip(text, 200))),
			"expected HOST[:PORT]");
	}
	if (bare && path.len)
		return err_new(ERR_INPUT, "'%.*s' is no registry", STR_ARG(str_clip(text, 200)));
	ret->domain = domain;
	ret->key = hub && !path.len ? auth_server(domain)
	                            : arena_strf(a, "%.*s%.*s", STR_ARG(domain), STR_ARG(path));
	return NULL;
}

Err *registry_check_login(Registry *r, const LoginServer *server, Arena *a, LoginAs *login)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	Str identity, none = { "", 0 };
	endpoint_list(r, server->domain, true, endpoints, &count);
	Endpoint *e = endpoints[count - 1];
	TRY(endpoint_open(r, e, 0));
	Credentials c = { .found = true,
		          .user = login->user,
		          .password = login->password,
		          .identity_token = login->identity_token,
		          .registry_token = none,
		          .source = login->source };
	TRY_WHILE(auth_try(r, e, &c, a, &identity), "logging in to %.*s", STR_ARG(server->domain));
	if (identity.len) {
		login->identity_token = identity;
		login->password = none;
	}
	return NULL;
}
