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
/* Append BYTES with all but unreserved characters as %XX. */
void http_url_encode(Str bytes, Buf *out);
