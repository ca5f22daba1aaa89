/* quoted.c - names in lines of text, in quotes where they need them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/quoted.h"

static const char escaped[] = "\a\b\t\n\v\f\r\"\\", letters[] = "abtnvfr\"\\";

static bool needs_quotes(Str name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		if (c < ' ' || c == 0x7f || c == '"' || c == '\\')
			return true;
	}
	return false;
}

void quoted_print(Str name, FILE *out)
{
	if (!needs_quotes(name)) {
		(void)fwrite(name.ptr, 1, name.len, out);
		return;
	}
	(void)fputc('"', out);
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		const char *at = c ? strchr(escaped, c) : NULL;
		if (at)
			(void)fprintf(out, "\\%c", letters[at - escaped]);
		else if (c < ' ' || c == 0x7f)
			(void)fprintf(out, "\\%03o", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

/* The escape at the start of S, behind its backslash; how long it is, 0 if it is none. */
static size_t read_escape(Str s, char *ret)
{
	const char *at = s.len && s.ptr[0] ? strchr(letters, s.ptr[0]) : NULL;
	uint64_t value;
	if (at) {
		*ret = escaped[at - letters];
		return 1;
	}
	if (s.len < 3 || !str_to_octal(str_head(s, 3), &value) || value > 0xff)
		return 0;
	*ret = (char)value;
	return 3;
}

Err *quoted_read(Arena *a, Str line, Str *ret)
{
	AUTO_BUF Buf out = BUF_INIT;
	*ret = line;
	if (!line.len || line.ptr[0] != '"')
		return NULL;
	Str rest = str_from_at(line, 1);
	while (rest.len && rest.ptr[0] != '"') {
		char c = rest.ptr[0];
		size_t len = 1;
		if (c == '\\') {
			len = read_escape(str_from_at(rest, 1), &c);
			if (!len++)
				break;
		}
		buf_add_char(&out, c);
		rest = str_from_at(rest, len);
	}
	if (!str_eqc(rest, "\""))
		return err_new(ERR_INPUT, "badly quoted line: '%.*s'", STR_ARG(line));
	*ret = arena_str(a, buf_str(&out));
	return NULL;
}
