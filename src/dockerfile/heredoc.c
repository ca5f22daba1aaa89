/*
 * heredoc.c - <<EOF and the bodies that follow the line.
 *
 * Where a heredoc begins is found with the shell lexer, run so that nothing is lost (quotes,
 * escapes and variables stay): "<<EOF" in quotes is none, and a line that the lexer cannot read (an
 * open quote) has none at all; the shell will say what it thinks of it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "dockerfile/dockerfile-internal.h"
#include "dockerfile/lex-internal.h"

/* Heredoc lines are read with '\' as escape, whatever the escape directive says, as in BuildKit. */
#define HEREDOC_ESCAPE '\\'

/* TEXT as exactly one word: its text; *ret_one false if there are none or several. */
static Err *read_one_word(Arena *a, Str text, bool keep_quotes, bool *ret_one, Str *ret)
{
	AUTO_BUF Buf out = BUF_INIT;
	CLEANUP(lex_words_done) LexWords words = { .arena = a };
	Lex lex = { .text = text,
		    .escape = HEREDOC_ESCAPE,
		    .keep_quotes = keep_quotes,
		    .skip_unset = true };
	TRY(lex_run(&lex, &out, &words));
	*ret_one = words.words.len == 1;
	if (*ret_one)
		*ret = words.words.at[0];
	return NULL;
}

static size_t count_quotes(Str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\'' || s.ptr[i] == '"';
	return n;
}

Err *heredoc_word_parse(Arena *a, Str word, bool *ret_is_heredoc, Heredoc *ret)
{
	*ret_is_heredoc = false;
	*ret = (Heredoc){ 0 };
	size_t digits = 0;
	while (digits < word.len && word.ptr[digits] >= '0' && word.ptr[digits] <= '9')
		digits++;
	Str rest = str_from_at(word, digits);
	if (!str_starts(rest, STR("<<")))
		return NULL;
	rest = str_from_at(rest, 2);
	if (rest.len && rest.ptr[0] == '-') {
		ret->strip_tabs = true;
		rest = str_from_at(rest, 1);
	}
	while (rest.len && (word_blank_length(rest) || rest.ptr[0] == '\n'))
		rest = str_from_at(rest, 1);
	if (!rest.len || str_find(rest, '<') >= 0)
		return NULL;

	bool one, one_raw;
	Str raw;
	TRY(read_one_word(a, rest, false, &one, &ret->name));
	if (!one)
		return NULL;
	TRY(read_one_word(a, rest, true, &one_raw, &raw));
	if (!one_raw)
		return NULL;
	/* A quote that went away when the word was read protects the body from expansion. */
	ret->expand = count_quotes(ret->name) == count_quotes(raw);
	uint64_t fd;
	if (digits && (!str_to_u64(str_head(word, digits), &fd) || fd > INT32_MAX))
		return err_new(ERR_INPUT, "file descriptor out of range: '%.*s'", (int)digits,
		               word.ptr);
	ret->fd = digits ? (unsigned)fd : 0;
	*ret_is_heredoc = true;
	return NULL;
}

/* BODY without the tabs that lead each of its lines. */
static Str strip_tabs(Arena *a, Str body)
{
	AUTO_BUF Buf out = BUF_INIT;
	while (body.len) {
		while (body.len && body.ptr[0] == '\t')
			body = str_from_at(body, 1);
		ptrdiff_t newline = str_find(body, '\n');
		size_t len = newline < 0 ? body.len : (size_t)newline + 1;
		buf_add(&out, body.ptr, len);
		body = str_from_at(body, len);
	}
	return arena_str(a, buf_str(&out));
}

/* WORD is where the heredoc was announced. */
static Err *read_body(Arena *a, Lines *lines, Span word, Heredoc *h)
{
	size_t start = lines->at;
	Str physical;
	while (line_next_physical(lines, &physical)) {
		Str s = line_trim_end(physical);
		while (h->strip_tabs && s.len && s.ptr[0] == '\t')
			s = str_from_at(s, 1);
		if (!str_eq(s, h->name))
			continue;
		size_t end = lines->at - physical.len;
		h->raw = (Str){ lines->source->text.ptr + start, end - start };
		h->body = h->strip_tabs ? strip_tabs(a, h->raw) : h->raw;
		h->span = (Span){ lines->source, (uint32_t)start, (uint32_t)end };
		return NULL;
	}
	enum { SHOWN_MAX = 128 }; /* the line that is shown has its start too */
	Str name = str_head(h->name, h->name.len < SHOWN_MAX ? h->name.len : SHOWN_MAX);
	const char *more = name.len < h->name.len ? "..." : "";
	return err_note(err_at(word, "unterminated heredoc: '%.*s%s'", STR_ARG(name), more),
	                "a line that holds '%.*s%s' and nothing else must end it", STR_ARG(name),
	                more);
}

/*
 * WORD in the line, from *at on: the lexer kept its text as it is written.  The whole line if it is
 * not there after all.
 */
static Span find_word(const Line *line, Str word, size_t *at)
{
	Str rest = str_from_at(line->text, *at);
	const char *found = memmem(rest.ptr, rest.len, word.ptr, word.len);
	if (!found)
		return line_span(line, line->text);
	*at = (size_t)(found - line->text.ptr) + word.len;
	return line_span(line, (Str){ found, word.len });
}

/* Does the instruction read heredocs?  ONBUILD does if its inner one does. */
static bool takes_heredocs(const Node *node)
{
	if (node->onbuild)
		node = node->onbuild;
	return node->id != INST_COUNT && node->id != INST_ONBUILD &&
	       instruction_table[node->id].heredoc && !node->json;
}

Err *heredocs_read(Arena *a, Lines *lines, const Line *line, Node *node)
{
	if (!takes_heredocs(node) || !memmem(line->text.ptr, line->text.len, "<<", 2))
		return NULL;
	AUTO_BUF Buf out = BUF_INIT;
	CLEANUP(lex_words_done) LexWords words = { .arena = a, .only_heredocs = true };
	/* Nothing is set, so what comes out is not longer than the line (the limit is none). */
	Lex lex = { .limit = SIZE_MAX,
		    .text = line->text,
		    .escape = HEREDOC_ESCAPE,
		    .keep_quotes = true,
		    .keep_escapes = true,
		    .skip_unset = true };
	Err *unreadable = lex_run(&lex, &out, &words);
	if (words.too_many)
		return err_place(unreadable, line_span(line, line->text));
	if (unreadable) {
		err_free(unreadable); /* no heredoc in a line that cannot be cut into words */
		return NULL;
	}
	AUTO_VEC VEC(Heredoc) found = { 0 };
	for (size_t i = 0, at = 0; i < words.words.len; i++) {
		bool is_heredoc;
		Span place = find_word(line, words.words.at[i], &at);
		Heredoc h;
		Err *err = heredoc_word_parse(a, words.words.at[i], &is_heredoc, &h);
		if (err)
			return err_place(err, place);
		if (!is_heredoc)
			continue;
		if (found.len == HEREDOCS_MAX)
			return err_at(line_span(line, line->text),
			              "more than %u heredocs in one instruction", HEREDOCS_MAX);
		TRY(read_body(a, lines, place, &h));
		VEC_PUSH(&found, h);
	}
	node->heredoc_count = found.len;
	node->heredocs = arena_alloc(a, found.len * sizeof(Heredoc), _Alignof(Heredoc));
	if (found.len)
		memcpy(node->heredocs, found.at, found.len * sizeof(Heredoc));
	if (node->onbuild) {
		node->onbuild->heredocs = node->heredocs;
		node->onbuild->heredoc_count = node->heredoc_count;
	}
	return NULL;
}

const Heredoc *node_heredoc(const Node *node, Word word)
{
	if (!node->heredoc_count || node->json)
		return NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	bool is_heredoc = false;
	Heredoc h;
	AUTO_ERR Err *err = heredoc_word_parse(&a, word.text, &is_heredoc, &h);
	if (err || !is_heredoc)
		return NULL;
	for (size_t i = node->heredoc_count; i-- > 0;) /* of two with one name the last counts */
		if (str_eq(node->heredocs[i].name, h.name))
			return &node->heredocs[i];
	return NULL;
}
