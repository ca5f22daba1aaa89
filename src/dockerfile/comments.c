/* comments.c - what comments above an instruction say: descriptions, and which checks to skip. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

Str node_description(const Node *node, Str name)
{
	for (size_t i = 0; name.len && i < node->comment_count; i++) {
		Str text = node->comments[i].text;
		if (str_starts(text, name) && text.len > name.len && text.ptr[name.len] == ' ')
			return str_from_at(text, name.len + 1);
	}
	return STR("");
}

/* A part of WORD's text as a Word; without a place if WORD has none (a build argument). */
static Word part_of(Word word, Str part)
{
	Span span = word.span;
	if (span.src) {
		span.start += (uint32_t)(part.ptr - word.text.ptr);
		span.end = span.start + (uint32_t)part.len;
	}
	return (Word){ part, span };
}

Word node_check(const Node *node)
{
	for (size_t i = 0; i < node->comment_count; i++) {
		Str value;
		if (!directive_parse_check(node->comments[i].text, &value))
			continue;
		return part_of(node->comments[i], value);
	}
	return (Word){ .text = STR("") };
}

/* "A, B" as Words; "all" alone sets *RET_ALL. */
static Err *read_rules(Arena *a, Word word, Str list, bool *ret_all, Word **ret, size_t *ret_count)
{
	list = rune_trim(list);
	*ret_all = str_eqc(list, "all");
	if (*ret_all)
		return NULL;
	AUTO_VEC WordVec rules = { 0 };
	for (size_t i = 0; i <= list.len;) {
		Str rule;
		(void)str_cut(str_from_at(list, i), ',', &rule);
		i += rule.len + 1;
		VEC_PUSH(&rules, part_of(word, rune_trim(rule)));
		if (rules.len > WORDS_MAX)
			return err_place(err_new(ERR_INPUT, "more than %u rules in a check option",
			                         WORDS_MAX),
			                 word.span);
	}
	*ret_count = rules.len;
	*ret = arena_alloc(a, rules.len * sizeof(Word), _Alignof(Word));
	memcpy(*ret, rules.at, rules.len * sizeof(Word));
	return NULL;
}

/* What Go's strconv.ParseBool takes. */
static bool read_bool(Str s, bool *ret)
{
	static const char *const words[][6] = { { "0", "f", "F", "false", "False", "FALSE" },
		                                { "1", "t", "T", "true", "True", "TRUE" } };
	for (int value = 0; value < 2; value++)
		for (size_t i = 0; i < ARRAY_LEN(words[0]); i++)
			if (str_eqc(s, words[value][i])) {
				*ret = value;
				return true;
			}
	return false;
}

static Err *refuse(Word word, Str part, const char *note)
{
	Word wrong = part_of(word, part);
	Err *err = err_new(ERR_INPUT, "invalid check option: '%.*s'", STR_ARG(word_clip(part)));
	return err_note(wrong.span.src ? err_place(err, wrong.span) : err, "%s", note);
}

static Err *read_option(Arena *a, Word word, Str option, CheckOptions *ret)
{
	static const char known[] = "it may be skip=RULE,... experimental=RULE,... error=true, "
				    "with ';' between and no blanks";
	ptrdiff_t equal = str_find(option, '=');
	if (equal < 0)
		return refuse(word, option, known);
	Str name = rune_trim(str_head(option, (size_t)equal));
	Str value = str_from_at(option, (size_t)equal + 1);
	if (str_eqc(name, "skip"))
		return read_rules(a, word, value, &ret->skip_all, &ret->skip, &ret->skip_count);
	if (str_eqc(name, "experimental"))
		return read_rules(a, word, value, &ret->experimental_all, &ret->experimental,
		                  &ret->experimental_count);
	if (!str_eqc(name, "error"))
		return refuse(word, option, known);
	if (!read_bool(rune_trim(value), &ret->error))
		return refuse(word, option, "error is true or false");
	return NULL;
}

Err *check_options_parse(Arena *a, Word word, CheckOptions *ret)
{
	*ret = (CheckOptions){ 0 };
	/* Behind a blank anything may stand, as in BuildKit. */
	Str text = rune_trim(word.text), option;
	(void)str_cut(text, ' ', &text);
	for (size_t at = 0; text.len && at <= text.len; at += option.len + 1) {
		(void)str_cut(str_from_at(text, at), ';', &option);
		TRY(read_option(a, word, option, ret));
	}
	return NULL;
}
