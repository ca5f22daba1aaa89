/*
 * libcurl-internal.h - the functions of libcurl, found at run time.
 *
 * A shared libcurl brings 33 libraries and 3.7 ms of start-up: only a command that
 * really talks to a registry pays for them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

#include <curl/curl.h>

typedef struct Libcurl {
	void *library;
	CURLcode (*global_init)(long flags);
	void (*global_cleanup)(void);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	void (*easy_reset)(CURL *);
	void (*easy_cleanup)(CURL *);
	const char *(*easy_strerror)(CURLcode);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode (*multi_perform)(CURLM *, int *);
	CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd[], unsigned, int, int *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
	CURLMcode (*multi_cleanup)(CURLM *);
	const char *(*multi_strerror)(CURLMcode);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
} Libcurl;

/* ERR_SYSTEM with a note naming the package if there is no usable libcurl. */
NODISCARD Err *libcurl_load(Libcurl *ret);
void libcurl_unload(Libcurl *c);
