/* redact.c - passwords in URLs are nobody's to read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "remote/remote-internal.h"

/* The length of "user:password@" at the start of S; 0: there is none. */
size_t remote_user_info_len(Str s)
{
	size_t end = 0, at = 0;
	while (end < s.len && (unsigned char)s.ptr[end] > ' ' && !strchr("/?#", s.ptr[end]))
		end++;
	for (size_t i = 0; i < end; i++)
		if (s.ptr[i] == '@')
			at = i + 1; /* the last one: a password may hold another */
	return at;
}

Str remote_redact(Arena *a, Str text)
{
	AUTO_BUF Buf out = BUF_INIT;
	Str rest = text;
	for (size_t i = 0; i + 3 <= rest.len; i++) {
		if (memcmp(rest.ptr + i, "://", 3) != 0)
			continue;
		Str after = str_from_at(rest, i + 3);
		size_t len = remote_user_info_len(after);
		if (!len)
			continue;
		Str user = str_head(after, len - 1);
		buf_add_str(&out, str_head(rest, i + 3));
		/* A user alone is a name; the mask is BuildKit's. */
		buf_add_str(&out, str_find(user, ':') >= 0 ? STR("xxxxx:xxxxx@") : STR("xxxxx@"));
		rest = str_from_at(after, len);
		i = (size_t)-1;
	}
	if (!out.len)
		return text;
	buf_add_str(&out, rest);
	return arena_str(a, buf_str(&out));
}
