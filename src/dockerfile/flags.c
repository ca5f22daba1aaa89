/* flags.c - "--name=value" in front of an instruction's words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/dockerfile-internal.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One flag while it is read: its text without quotes, and where its '=' stood. */
typedef struct FlagText {
	Buf text;
	size_t equal_raw;  /* offset of the first '=' in the line; 0: none yet */
	size_t equal_text; /* offset of the same in TEXT */
} FlagText;

static void flag_text_add(FlagText *f, char c, size_t raw)
{
	if (c == '=' && !f->equal_raw) {
		f->equal_raw = raw;
		f->equal_text = f->text.len;
	}
	buf_add_char(&f->text, c);
}

/*
 * The word of TEXT that begins at AT: quotes of both kinds group and are taken off, a backslash
 * (never the escape directive's character, as in BuildKit) takes the next character along.  Returns
 * where the word ends.
 */
static size_t read_flag(Str text, size_t at, FlagText *f)
{
	char quote = '\0';
	for (; at < text.len; at++) {
		char c = text.ptr[at];
		if (!quote && is_space(c))
			break;
		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (c == '\\') {
			if (at + 1 == text.len) {
				at++;
				break; /* a backslash at the end is dropped */
			}
			c = text.ptr[++at];
		}
		flag_text_add(f, c, at);
	}
	return at;
}

static NodeFlag make_flag(Arena *a, const Line *line, Str raw, const FlagText *f, const Node *node,
                          const char *text_start)
{
	Str text = arena_str(a, buf_str(&f->text));
	Str all = str_from_at(text, 2); /* behind "--" */
	if (!f->equal_raw) {
		Str slice = str_from_at(raw, 2);
		return (NodeFlag){ .name = line_word_made(line, slice, all),
			           .value =
			                   line_word_made(line, str_from_at(raw, raw.len), STR("")),
			           .id = flag_find(node->id, all) };
	}
	size_t equal = f->equal_raw - (size_t)(raw.ptr - text_start);
	Str name = { all.ptr, f->equal_text - 2 };
	Str value = str_from_at(text, f->equal_text + 1);
	Str name_slice = { raw.ptr + 2, equal - 2 };
	return (NodeFlag){ .name = line_word_made(line, name_slice, name),
		           .value = line_word_made(line, str_from_at(raw, equal + 1), value),
		           .has_value = true,
		           .id = flag_find(node->id, name) };
}

FlagId flag_find(InstructionId id, Str name)
{
	if (id == INST_COUNT)
		return FLAG_COUNT;
	for (FlagId i = 0; i < FLAG_COUNT; i++)
		if ((flag_table[i].instructions & (1u << id)) && str_eqc(name, flag_table[i].name))
			return i;
	return FLAG_COUNT;
}

static void flag_text_done(FlagText *f)
{
	buf_done(&f->text);
}

Err *flags_parse(Arena *a, const Line *line, Str text, Node *node, Str *ret_rest)
{
	AUTO_VEC NodeFlagVec flags = { 0 };
	size_t at = 0;
	for (;;) {
		while (at < text.len && is_space(text.ptr[at]))
			at++;
		if (!str_starts(str_from_at(text, at), STR("--")))
			break;
		CLEANUP(flag_text_done) FlagText f = { 0 };
		size_t end = read_flag(text, at, &f);
		Str raw = { text.ptr + at, end - at };
		at = end;
		if (str_eqc(buf_str(&f.text), "--"))
			break; /* a bare "--" ends the flags */
		VEC_PUSH(&flags, make_flag(a, line, raw, &f, node, text.ptr));
		TRY(word_check_count(line, raw, flags.len));
	}
	*ret_rest = str_from_at(text, at);
	node->flag_count = flags.len;
	node->flags = arena_alloc(a, flags.len * sizeof(NodeFlag), _Alignof(NodeFlag));
	if (flags.len)
		memcpy(node->flags, flags.at, flags.len * sizeof(NodeFlag));
	return NULL;
}
