/* url.c - cutting and joining URLs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "http/url.h"

#include <strings.h>

bool http_host_equal(Str a, Str b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static bool starts_fold(Str s, Str prefix)
{
	return http_host_equal(str_head(s, prefix.len), prefix);
}

static Err *bad_url(Str url, const char *why)
{
	return err_new(ERR_INPUT, "not a usable URL (%s): '%.*s'", why,
	               STR_ARG(str_head(url, 200)));
}

/* host[:port] or [v6][:port] */
static bool cut_authority(Str authority, HttpUrl *u)
{
	Str port = { "", 0 };
	bool has_port = false;
	if (authority.len && authority.ptr[0] == '[') {
		ptrdiff_t end = str_find(authority, ']');
		if (end < 0)
			return false;
		u->host = (Str){ authority.ptr + 1, (size_t)end - 1 };
		Str rest = str_from_at(authority, (size_t)end + 1);
		has_port = rest.len > 0;
		if (has_port && rest.ptr[0] != ':')
			return false;
		port = str_from_at(rest, 1);
	} else {
		has_port = str_find(authority, ':') >= 0;
		port = str_cut(authority, ':', &u->host);
	}
	uint64_t number = u->https ? 443 : 80;
	/* "host:" is legal and means the default port */
	if (has_port && port.len && (!str_to_u64(port, &number) || number == 0 || number > 65535))
		return false;
	u->port = (unsigned)number;
	return u->host.len > 0;
}

Err *http_url_parse(Str url, HttpUrl *ret)
{
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
			return bad_url((Str){ url.ptr, i }, "blank or control byte after this");
	HttpUrl u = { 0 };
	Str rest;
	if (starts_fold(url, STR("https://"))) {
		u.https = true;
		rest = str_from_at(url, 8);
	} else if (starts_fold(url, STR("http://"))) {
		rest = str_from_at(url, 7);
	} else {
		return bad_url(url, "only http and https");
	}
	size_t end = 0;
	while (end < rest.len && !strchr("/?#\\", rest.ptr[end]))
		end++;
	u.authority = str_head(rest, end);
	u.path = str_from_at(rest, end);
	if (str_find(u.authority, '@') >= 0)
		return bad_url(STR("..."), "it carries a user name");
	if (!cut_authority(u.authority, &u))
		return bad_url(url, "no host, or a bad port");
	*ret = u;
	return NULL;
}

static bool has_scheme(Str s)
{
	ptrdiff_t colon = str_find(s, ':');
	for (ptrdiff_t i = 0; i < colon; i++)
		if (strchr("/?#", s.ptr[i]))
			return false;
	return colon > 0;
}

Err *http_url_resolve(Arena *a, Str base, Str location, Str *ret)
{
	HttpUrl b = { 0 };
	TRY(http_url_parse(base, &b));
	(void)str_cut(location, '#', &location);
	const char *scheme = b.https ? "https" : "http";

	Str made;
	if (has_scheme(location)) {
		made = arena_str(a, location);
	} else if (str_starts(location, STR("//"))) {
		made = arena_strf(a, "%s:%.*s", scheme, STR_ARG(location));
	} else {
		Str path;
		(void)str_cut(b.path, '#', &path);
		if (location.len && location.ptr[0] == '/') {
			path = (Str){ "", 0 };
		} else {
			(void)str_cut(path, '?', &path);
			/* a relative path replaces the last component; "?x" and "" keep it */
			if (location.len && location.ptr[0] != '?')
				path = str_head(path, (size_t)(str_rfind(path, '/') + 1));
			if (!path.len)
				path = STR("/");
		}
		made = arena_strf(a, "%s://%.*s%.*s%.*s", scheme, STR_ARG(b.authority),
		                  STR_ARG(path), STR_ARG(location));
	}
	HttpUrl check;
	TRY(http_url_parse(made, &check));
	*ret = made;
	return NULL;
}

bool http_url_same_origin(const HttpUrl *a, const HttpUrl *b)
{
	return a->https == b->https && a->port == b->port && http_host_equal(a->host, b->host);
}

bool http_host_is_loopback(Str host)
{
	/* A trailing dot is the same name. */
	if (host.len && host.ptr[host.len - 1] == '.')
		host.len--;
	if (http_host_equal(host, STR("localhost")) || str_eqc(host, "::1"))
		return true;
	if (host.len > 10 && http_host_equal(str_from_at(host, host.len - 10), STR(".localhost")))
		return true;
	/* 127.x.y.z as four numbers: "127.evil.com" is a name like any other */
	unsigned parts = 0;
	bool first_is_127 = str_starts(host, STR("127."));
	while (host.len) {
		Str part;
		uint64_t n;
		host = str_cut(host, '.', &part);
		if (!str_to_u64(part, &n) || n > 255)
			return false;
		parts++;
	}
	return first_is_127 && parts == 4;
}

void http_url_encode(Str bytes, Buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
		if (plain)
			buf_add_char(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}
