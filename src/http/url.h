/*
 * url.h - the few things that are done with URLs, byte for byte.
 *
 * Registries sign query strings and keep state in them: a URL is cut and glued here, never decoded
 * and encoded again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct HttpUrl {
	bool https;
	Str authority; /* "host:port", "[::1]:5000"; as written */
	Str host;      /* without port and brackets */
	unsigned port; /* the scheme's own if none is written */
	Str path;      /* from the first '/', query included; may be "" */
} HttpUrl;

/* ERR_INPUT: not http(s), no host, user:password@ in it, blanks or control bytes.  *RET borrows
 * URL. */
NODISCARD Err *http_url_parse(Str url, HttpUrl *ret);
/* What LOCATION means in an answer from BASE (RFC 3986, 5.2, without dot segments); fragment cut
 * off. */
NODISCARD Err *http_url_resolve(Arena *a, Str base, Str location, Str *ret);
/* Same scheme, host (case does not count) and port. */
bool http_url_same_origin(const HttpUrl *a, const HttpUrl *b);
/* localhost, *.localhost, 127.0.0.0/8, ::1 */
bool http_host_is_loopback(Str host);
/* Case does not count (RFC 3986, 3.2.2). */
bool http_host_equal(Str a, Str b);
/* Does LIST, the value of no_proxy, mean HOST at PORT?  Entries between commas: NAME (it and all
 * below it; also .NAME, *.NAME), ADDRESS, each with :PORT or not, ADDRESS/BITS, "*" for all. */
bool http_host_is_listed(Str list, Str host, unsigned port);
/* The proxy for URL that the environment names, "" for none.  As Go's programs read the variables,
 * which people's settings are made for: HTTP_PROXY in capitals counts (not in CGI, where a client
 * may set it), loopback is never behind a proxy, and no_proxy has ports and networks, which not
 * each curl knows.  ERR_INPUT, which names the variable: a scheme that no proxy speaks. */
NODISCARD Err *http_proxy_of(const HttpUrl *url, const char **ret);
/* Append BYTES with all but unreserved characters as %XX. */
void http_url_encode(Str bytes, Buf *out);
