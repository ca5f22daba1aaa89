/* libcurl.c - loads libcurl and finds its functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"
#include "http/libcurl-internal.h"

#include <dlfcn.h>

/* The same library with OpenSSL, with GnuTLS: either will do. */
static const LibrarySource libcurl = {
	.names = { "libcurl.so.4", "libcurl-gnutls.so.4" },
	.shown = "libcurl",
	.user = "registries need",
	.package = "libcurl4",
};

Err *libcurl_load(Libcurl *ret)
{
	Libcurl c = { 0 };
	const LibrarySymbol wanted[] = {
		{ "curl_global_init", (void **)&c.global_init },
		{ "curl_global_cleanup", (void **)&c.global_cleanup },
		{ "curl_easy_init", (void **)&c.easy_init },
		{ "curl_easy_setopt", (void **)&c.easy_setopt },
		{ "curl_easy_getinfo", (void **)&c.easy_getinfo },
		{ "curl_easy_reset", (void **)&c.easy_reset },
		{ "curl_easy_cleanup", (void **)&c.easy_cleanup },
		{ "curl_easy_strerror", (void **)&c.easy_strerror },
		{ "curl_multi_init", (void **)&c.multi_init },
		{ "curl_multi_add_handle", (void **)&c.multi_add_handle },
		{ "curl_multi_remove_handle", (void **)&c.multi_remove_handle },
		{ "curl_multi_perform", (void **)&c.multi_perform },
		{ "curl_multi_poll", (void **)&c.multi_poll },
		{ "curl_multi_info_read", (void **)&c.multi_info_read },
		{ "curl_multi_cleanup", (void **)&c.multi_cleanup },
		{ "curl_multi_strerror", (void **)&c.multi_strerror },
		{ "curl_slist_append", (void **)&c.slist_append },
		{ "curl_slist_free_all", (void **)&c.slist_free_all },
	};
	TRY(library_open(&libcurl, wanted, ARRAY_LEN(wanted), &c.library));
	if (c.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		dlclose(c.library);
		return err_new(ERR_SYSTEM, "libcurl cannot be initialised");
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
