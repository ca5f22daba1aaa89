/* auth_challenge.c - reading WWW-Authenticate (RFC 9110, 11.6.1). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "registry/registry-internal.h"

#include <strings.h>

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static Str cut_token(Str *s)
{
	size_t n = 0;
	while (n < s->len && is_token_char(s->ptr[n]))
		n++;
	Str token = str_head(*s, n);
	*s = str_from_at(*s, n);
	return token;
}

static void skip(Str *s, const char *chars)
{
	while (s->len && strchr(chars, s->ptr[0]))
		*s = str_from_at(*s, 1);
}

static bool same(Str a, const char *b)
{
	return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

/* A quoted string (with its escapes undone) or a token. */
static Str cut_value(Arena *a, Str *s)
{
	if (!s->len || s->ptr[0] != '"')
		return arena_str(a, cut_token(s));
	AUTO_BUF Buf value = BUF_INIT;
	size_t i = 1;
	for (; i < s->len && s->ptr[i] != '"'; i++) {
		if (s->ptr[i] == '\\' && i + 1 < s->len)
			i++;
		buf_add_char(&value, s->ptr[i]);
	}
	*s = str_from_at(*s, i + 1);
	return arena_str(a, buf_str(&value));
}

static ChallengeKind kind_of(Str scheme)
{
	return same(scheme, "bearer")  ? CHALLENGE_BEARER
	       : same(scheme, "basic") ? CHALLENGE_BASIC
	                               : CHALLENGE_NONE;
}

/*
 * One header: SCHEME name=value, name="value", SCHEME ...  A token that is not followed by '='
 * begins the next challenge.
 */
static void read_header(Arena *a, Str s, Challenge *best)
{
	Challenge now = { 0 };
	for (;;) {
		skip(&s, " \t,");
		Str word = cut_token(&s);
		Str after = s;
		skip(&after, " \t");
		bool parameter = word.len && after.len && after.ptr[0] == '=';
		if (parameter) {
			s = str_from_at(after, 1);
			skip(&s, " \t");
			Str value = cut_value(a, &s);
			skip(&s, "="); /* "Negotiate YII==": no parameter, but padding */
			if (same(word, "realm"))
				now.realm = value;
			else if (same(word, "service"))
				now.service = value;
			continue;
		}
		/* A bearer challenge that names no realm cannot be answered. */
		bool usable = now.kind == CHALLENGE_BASIC ||
		              (now.kind == CHALLENGE_BEARER && now.realm.len);
		if (usable && now.kind > best->kind)
			*best = now;
		if (!word.len)
			return; /* the end, or bytes that no challenge has */
		now = (Challenge){ .kind = kind_of(word),
			           .realm = { "", 0 },
			           .service = { "", 0 } };
	}
}

Challenge auth_challenge(Arena *a, const HttpResponse *r)
{
	Challenge best = { .kind = CHALLENGE_NONE, .realm = { "", 0 }, .service = { "", 0 } };
	for (size_t i = 0; i < r->header_count; i++)
		if (str_eqc(r->headers[i].name, "www-authenticate"))
			read_header(a, r->headers[i].value, &best);
	return best;
}
