/* config_env.c - settings that the options of the command line have put into the environment:
 * before what files say. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "registry/registry-internal.h"

static Err *add_mirror(Arena *a, const char *where, Str text, RegistryConfig *c)
{
	return registry_config_add_mirror(a, where, STR("docker.io"), text, c);
}

/* kaniko's "quay.io=m:5000/inside". */
static Err *add_mapped(Arena *a, const char *where, Str text, RegistryConfig *c)
{
	Str domain;
	Str to = str_cut(text, '=', &domain);
	if (!domain.len || !to.len)
		return err_new(ERR_INPUT, "%s: '%.*s' is not REGISTRY=MIRROR", where,
		               STR_ARG(text));
	return registry_config_add_mirror(a, where, auth_normal_key(domain), to, c);
}

static const struct {
	const char *name, *option;
	Err *(*add)(Arena *a, const char *where, Str text, RegistryConfig *c);
} lists[] = {
	{ "DECANT_REGISTRY_MIRRORS", "--registry-mirror", add_mirror },
	{ "DECANT_REGISTRY_MAP", "--registry-map", add_mapped },
	{ "DECANT_INSECURE_REGISTRIES", "--insecure-registry", registry_config_add_insecure },
};

Err *registry_config_add_environment(Arena *a, RegistryConfig *c)
{
	const char *alone = getenv("DECANT_NO_REGISTRY_FALLBACK");
	const char *verify = getenv("DECANT_VERIFY_LOOPBACK");
	c->no_fallback = alone && *alone;
	c->verify_loopback = verify && *verify;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const char *value = getenv(lists[i].name);
		const char *where = arena_strf(a, "%s (%s)", lists[i].name, lists[i].option).ptr;
		Str rest = str_from(value ? value : ""), one;
		while (rest.len) {
			rest = str_cut(rest, ',', &one);
			one = str_trim(one);
			if (one.len)
				TRY(lists[i].add(a, where, one, c));
		}
	}
	return NULL;
}
