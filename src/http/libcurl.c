/* libcurl.c - loads libcurl and finds its functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "http/libcurl-internal.h"

#include <dlfcn.h>

static Err *find_functions(Libcurl *c)
{
	const struct {
		const char *name;
		void **slot;
	} wanted[] = {
		{ "curl_global_init", (void **)&c->global_init },
		{ "curl_global_cleanup", (void **)&c->global_cleanup },
		{ "curl_easy_init", (void **)&c->easy_init },
		{ "curl_easy_setopt", (void **)&c->easy_setopt },
		{ "curl_easy_getinfo", (void **)&c->easy_getinfo },
		{ "curl_easy_reset", (void **)&c->easy_reset },
		{ "curl_easy_cleanup", (void **)&c->easy_cleanup },
		{ "curl_easy_strerror", (void **)&c->easy_strerror },
		{ "curl_multi_init", (void **)&c->multi_init },
		{ "curl_multi_add_handle", (void **)&c->multi_add_handle },
		{ "curl_multi_remove_handle", (void **)&c->multi_remove_handle },
		{ "curl_multi_perform", (void **)&c->multi_perform },
		{ "curl_multi_poll", (void **)&c->multi_poll },
		{ "curl_multi_info_read", (void **)&c->multi_info_read },
		{ "curl_multi_cleanup", (void **)&c->multi_cleanup },
		{ "curl_multi_strerror", (void **)&c->multi_strerror },
		{ "curl_slist_append", (void **)&c->slist_append },
		{ "curl_slist_free_all", (void **)&c->slist_free_all },
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		*wanted[i].slot = dlsym(c->library, wanted[i].name);
		if (!*wanted[i].slot)
			return err_new(ERR_SYSTEM, "libcurl has no '%s': it is older than 7.66",
			               wanted[i].name);
	}
	return NULL;
}

Err *libcurl_load(Libcurl *ret)
{
	/* The same library with OpenSSL, with GnuTLS: either will do. */
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
	Libcurl c = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(names) && !c.library; i++)
		c.library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!c.library) {
		const char *why = dlerror();
		return err_note(
			err_new(ERR_SYSTEM, "cannot load libcurl: %s", why ? why : "not found"),
			"registries need it: apt-get install libcurl4");
	}
	Err *err = find_functions(&c);
	if (!err && c.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		err = err_new(ERR_SYSTEM, "libcurl cannot be initialised");
	if (err) {
		dlclose(c.library);
		return err;
	}
	*ret = c;
	return NULL;
}

void libcurl_unload(Libcurl *c)
{
	if (!c->library)
		return;
	c->global_cleanup();
	/* The library stays mapped: OpenSSL registers exit handlers that must still be there. */
	c->library = NULL;
}
