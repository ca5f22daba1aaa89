/* journal_command.c - a command line as it may be kept: without what looks like a secret. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/journal.h"
#include "lint/lint.h"
#include "remote/remote.h"

#define MASK "***"

/* NAME=VALUE, one of a list with commas: is the value to be kept out? */
static void add_field(Buf *out, Str field)
{
	ptrdiff_t at = str_find(field, '=');
	Str name = at < 0 ? STR("") : str_head(field, (size_t)at);
	ptrdiff_t dash = str_rfind(name, '-');
	bool secret = at > 0 && (lint_is_secret_variable(name) ||
	                         lint_is_secret_variable(str_from_at(name, (size_t)(dash + 1))));
	buf_add_str(out, secret ? str_head(field, (size_t)at + 1) : field);
	if (secret && (size_t)at + 1 < field.len)
		buf_add_str(out, STR(MASK));
}

Str journal_word(Arena *a, Str word)
{
	AUTO_BUF Buf out = BUF_INIT;
	/* The first '=' decides for the rest: "TOKEN=a,b" is one value. */
	Str name;
	(void)str_cut(word, '=', &name);
	bool one = name.len < word.len && lint_is_secret_variable(name);
	for (Str rest = word; rest.len;) {
		Str field;
		if (one) {
			field = rest;
			rest = STR("");
		} else {
			rest = str_cut(rest, ',', &field);
		}
		add_field(&out, field);
		if (rest.len || (field.ptr + field.len < word.ptr + word.len))
			buf_add_char(&out, ',');
	}
	return arena_str(a, remote_redact(a, buf_str(&out)));
}

/* --- values in other texts -------------------------------------------------------------------- */

/* A shorter value is in any text by chance. */
enum { VALUE_LEN_MIN = 4 };

Str journal_hide(Arena *a, Str text, Str value)
{
	AUTO_BUF Buf out = BUF_INIT;
	if (value.len < VALUE_LEN_MIN || text.len < value.len)
		return text;
	const char *at = memmem(text.ptr, text.len, value.ptr, value.len);
	if (!at)
		return text;
	for (; at; at = memmem(text.ptr, text.len, value.ptr, value.len)) {
		buf_add_str(&out, str_head(text, (size_t)(at - text.ptr)));
		buf_add_str(&out, STR(MASK));
		text = str_from_at(text, (size_t)(at - text.ptr) + value.len);
	}
	buf_add_str(&out, text);
	return arena_str(a, buf_str(&out));
}

/* --- the inputs of a step -------------------------------------------------------------------- */

bool journal_is_hidden(Str assignment)
{
	return journal_is_secret(assignment) && str_ends(assignment, STR("=" MASK));
}

bool journal_is_secret(Str assignment)
{
	Str name;
	(void)str_cut(assignment, '=', &name);
	return name.len < assignment.len && lint_is_secret_variable(name);
}
