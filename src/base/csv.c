/* csv.c - one line of comma-separated fields. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/csv.h"

static Err *cut_quoted(Arena *a, Str *rest, Str *ret, bool *ret_more)
{
	AUTO_BUF Buf field = BUF_INIT;
	for (size_t i = 1; i < rest->len; i++) {
		if (rest->ptr[i] != '"') {
			buf_add_char(&field, rest->ptr[i]);
		} else if (i + 1 < rest->len && rest->ptr[i + 1] == '"') {
			buf_add_char(&field, '"');
			i++;
		} else {
			Str after = str_from_at(*rest, i + 1);
			if (after.len && after.ptr[0] != ',')
				return err_new(ERR_INPUT, "text after a closing quote: '%.*s'",
				               STR_ARG(after));
			*ret = arena_str(a, buf_str(&field));
			*ret_more = after.len > 0;
			*rest = str_from_at(after, 1);
			return NULL;
		}
	}
	return err_new(ERR_INPUT, "a quote without end");
}

Err *csv_cut(Arena *a, Str *rest, Str *ret, bool *ret_more)
{
	if (str_starts(*rest, STR("\"")))
		return cut_quoted(a, rest, ret, ret_more);
	Str text = *rest;
	*rest = str_cut(text, ',', ret);
	*ret_more = ret->len < text.len;
	return str_find(*ret, '"') < 0
	               ? NULL
	               : err_new(ERR_INPUT, "a quote in the middle of '%.*s'", STR_ARG(*ret));
}
