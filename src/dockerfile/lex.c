/*
 * lex.c - quotes, escapes and $variables, as BuildKit's shell lexer reads them.
 *
 * It is a small recursive reader: the word in ${v:-word} is read by the same function as the whole
 * text, up to its '}'.  Depth and size of what comes out are limited, since an ARG may hold what an
 * earlier one doubled: A=$B$B, thirty lines of it, would fill any memory.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"
#include "dockerfile/lex-internal.h"

#define END_OF_TEXT 0xffffffffu

static Err *read_until(Lex *x, uint32_t stop, bool keep_escapes, Buf *out, LexWords *words);

static uint32_t peek(const Lex *x)
{
	size_t len;
	return x->at < x->text.len ? rune_at(x->text, x->at, &len) : END_OF_TEXT;
}

/* The bytes of the next character, bad UTF-8 as it is; empty at the end. */
static Str next(Lex *x)
{
	if (x->at >= x->text.len)
		return STR("");
	size_t len;
	(void)rune_at(x->text, x->at, &len);
	Str bytes = { x->text.ptr + x->at, len };
	x->at += len;
	return bytes;
}

static uint64_t *steps_of(Lex *x)
{
	return x->scope && x->scope->steps ? x->scope->steps : &x->own_steps;
}

Err *lex_spend(Lex *x, uint64_t steps)
{
	uint64_t *sum = steps_of(x);
	*sum += steps;
	return *sum <= EXPANSION_STEPS_MAX
	               ? NULL
	               : err_note(err_at(x->place, "this takes too long to expand"),
	                          "long values, patterns, and many of them multiply");
}

static Err *check_size(Lex *x, const Buf *out)
{
	TRY(lex_spend(x, 0));
	size_t limit = x->limit ? x->limit : EXPANSION_BYTES_MAX;
	if (out->len <= limit)
		return NULL;
	return err_at(x->place, "the expansion is larger than %zu bytes", limit);
}

/* words: text in quotes, or protected by an escape, belongs to the word whatever it is. */

static void words_add_raw(LexWords *w, Str s)
{
	if (!w)
		return;
	buf_add_str(&w->word, s);
	w->in_word = true;
}

static void words_cut(LexWords *w)
{
	if (!w->word.len)
		return;
	w->too_many |= w->words.len >= WORDS_MAX;
	bool wanted = !w->only_heredocs || memmem(w->word.ptr, w->word.len, "<<", 2);
	if (wanted && !w->too_many)
		VEC_PUSH(&w->words, arena_str(w->arena, buf_str(&w->word)));
	buf_reset(&w->word);
	w->in_word = false;
}

static void words_add(LexWords *w, Str s)
{
	if (!w)
		return;
	for (size_t at = 0, len; at < s.len; at += len) {
		if (!rune_is_space(rune_at(s, at, &len)))
			words_add_raw(w, (Str){ s.ptr + at, len });
		else if (w->in_word)
			words_cut(w);
	}
}

void lex_words_done(LexWords *w)
{
	VEC_DONE(&w->words);
	buf_done(&w->word);
}

static Err *missing(const Lex *x, const char *what)
{
	return err_at(x->place, "missing %s in '%.*s'", what, STR_ARG(word_clip(x->text)));
}

static Err *read_single_quotes(Lex *x, Buf *out)
{
	Str open = next(x);
	ptrdiff_t end = str_find(str_from_at(x->text, x->at), '\'');
	if (end < 0) {
		x->at = x->text.len;
		return missing(x, "the closing single quote");
	}
	if (x->keep_quotes)
		buf_add_str(out, open);
	buf_add(out, x->text.ptr + x->at, (size_t)end);
	if (x->keep_quotes)
		buf_add_str(out, open);
	x->at += (size_t)end + 1;
	return NULL;
}

/*
 * The result of a lookup; *ret_value is "" if NAME is not set.  That a value is copied counts as
 * work, since what comes of it may be thrown away: ${unset:+$long}.
 */
static bool look_up(Lex *x, Str name, Str *ret_value, Span *ret_origin)
{
	enum { COPIED_BYTES_A_STEP = 16 };
	*ret_value = STR("");
	*ret_origin = (Span){ 0 };
	bool set = x->scope && x->scope->lookup &&
	           x->scope->lookup(x->scope->context, name, ret_value, ret_origin);
	*steps_of(x) += 1 + ret_value->len / COPIED_BYTES_A_STEP;
	return set;
}

/*
 * A name: letters, digits and '_'; or digits alone; or one of the shell's special parameters. Empty
 * if there is none.
 */
static Str read_name(Lex *x)
{
	size_t start = x->at;
	uint32_t rune = peek(x);
	if (rune >= '0' && rune <= '9') {
		while (peek(x) >= '0' && peek(x) <= '9')
			x->at++;
	} else if (rune < 0x80 && rune && strchr("@*#?-$!", (int)rune)) {
		x->at++;
	} else {
		while (rune != END_OF_TEXT &&
		       (rune_is_letter(rune) || rune == '_' || (rune >= '0' && rune <= '9'))) {
			(void)next(x);
			rune = peek(x);
		}
	}
	return (Str){ x->text.ptr + start, x->at - start };
}

/* ${name} with nothing after the name. */
static void add_plain(Lex *x, Str name, bool braces, Buf *out)
{
	Str value;
	Span origin;
	bool set = look_up(x, name, &value, &origin);
	if (set || !x->skip_unset)
		buf_add_str(out, value);
	else
		buf_addf(out, braces ? "${%.*s}" : "$%.*s", STR_ARG(name));
}

static Err *refuse_value(const Lex *x, Str name, Str word, bool set, Span origin)
{
	Err *err;
	if (word.len)
		err = err_at(x->place, "%.*s: %.*s", STR_ARG(name), STR_ARG(word));
	else
		err = err_at(x->place, "%.*s: is not allowed to be %s", STR_ARG(name),
		             set ? "empty" : "unset");
	if (!set || !origin.src)
		return err;
	unsigned line, column;
	err_line_column(origin, &line, &column);
	return err_note(err, "%s:%u sets '%.*s' to the empty string", origin.src->name, line,
	                STR_ARG(name));
}

/* ${name-word} and its family, with or without the colon; ${name#word} and ${name%word}. */
static Err *read_modified(Lex *x, Str name, uint32_t how, bool colon, Str modifier, Buf *out)
{
	bool is_trim = !colon && (how == '#' || how == '%');
	AUTO_BUF Buf word_buf = BUF_INIT;
	Err *err = read_until(x, '}', is_trim, &word_buf, NULL);
	if (err && x->at >= x->text.len && err_kind(err) == ERR_INPUT) {
		err_free(err); /* whatever was left open inside: the brace is what is missing */
		return missing(x, "'}'");
	}
	TRY(err);
	Str word = buf_str(&word_buf), value;
	Span origin;
	bool set = look_up(x, name, &value, &origin);
	if (!set && x->skip_unset) {
		buf_addf(out, "${%.*s%.*s%.*s}", STR_ARG(name), STR_ARG(modifier), STR_ARG(word));
		return NULL;
	}
	if (is_trim) {
		bool longest = word.len && (unsigned char)word.ptr[0] == how;
		return pattern_trim(x, str_from_at(word, longest), value, how == '%',
		                    longest ? STAR_LONGEST : STAR_SHORTEST, out);
	}
	bool given = set && !(colon && !value.len);
	switch (how) {
	case '-':
		buf_add_str(out, given ? value : word);
		return NULL;
	case '+':
		buf_add_str(out, given ? word : STR(""));
		return NULL;
	case '?':
		if (!given)
			return refuse_value(x, name, word, set, origin);
		buf_add_str(out, value);
		return NULL;
	default:
		return err_at(x->place, "unsupported modifier '%.*s' in '%.*s'", STR_ARG(modifier),
		              STR_ARG(word_clip(x->text)));
	}
}

/* ${name/pattern/replacement} and ${name//pattern/replacement}; the first '/' is read. */
static Err *read_replace(Lex *x, Str name, Buf *out)
{
	bool all = peek(x) == '/';
	if (all)
		x->at++;
	AUTO_BUF Buf pattern = BUF_INIT;
	AUTO_BUF Buf replacement = BUF_INIT;
	static const char *const ends[] = { "'/'", "'}'" };
	Buf *const parts[] = { &pattern, &replacement };
	for (int i = 0; i < 2; i++) {
		Err *err = read_until(x, i ? '}' : '/', true, parts[i], NULL);
		if (err && x->at >= x->text.len) {
			err_free(err);
			return missing(x, ends[i]);
		}
		TRY(err);
	}
	Str value;
	Span origin;
	if (!look_up(x, name, &value, &origin) && x->skip_unset) {
		buf_addf(out, "${%.*s/%.*s/%.*s}", STR_ARG(name), STR_ARG(buf_str(&pattern)),
		         STR_ARG(buf_str(&replacement)));
		return NULL;
	}
	return pattern_replace(x, buf_str(&pattern), value, buf_str(&replacement), all, out);
}

/* ${...}; the scan stands behind the brace. */
static Err *read_braces(Lex *x, Buf *out)
{
	switch (peek(x)) {
	case END_OF_TEXT:
		return missing(x, "'}'");
	case '{':
	case '}':
	case ':':
		return err_at(x->place, "bad substitution in '%.*s'", STR_ARG(word_clip(x->text)));
	default:
		break;
	}
	Str name = read_name(x);
	size_t start = x->at;
	uint32_t how = peek(x);
	(void)next(x);
	bool colon = how == ':';
	if (colon) {
		how = peek(x);
		(void)next(x);
	}
	Str modifier = { x->text.ptr + start, x->at - start };
	if (colon || (how < 0x80 && how && strchr("+-?#%", (int)how)))
		return read_modified(x, name, how, colon, modifier, out);
	if (how == '}') {
		add_plain(x, name, true, out);
		return NULL;
	}
	if (how == '/')
		return read_replace(x, name, out);
	if (how == END_OF_TEXT)
		return missing(x, "'}'");
	return err_at(x->place, "unsupported modifier '%.*s' in '%.*s'", STR_ARG(modifier),
	              STR_ARG(word_clip(x->text)));
}

static Err *read_dollar(Lex *x, Buf *out)
{
	x->at++;
	if (peek(x) == '{') {
		x->at++;
		if (x->depth >= SUBSTITUTION_DEPTH_MAX)
			return err_at(x->place, "substitutions are nested more than %u deep",
			              SUBSTITUTION_DEPTH_MAX);
		x->depth++;
		Err *err = read_braces(x, out);
		x->depth--;
		TRY(err);
	} else {
		Str name = read_name(x);
		if (name.len)
			add_plain(x, name, false, out);
		else
			buf_add_char(out, '$');
	}
	return check_size(x, out);
}

/* In double quotes an escape character protects '"', '$' and itself, and is kept before all else.
 */
static Err *read_double_quotes(Lex *x, Buf *out)
{
	x->at++;
	if (x->keep_quotes)
		buf_add_char(out, '"');
	for (;;) {
		uint32_t rune = peek(x);
		if (rune == END_OF_TEXT)
			return missing(x, "the closing double quote");
		if (rune == '$') {
			TRY(read_dollar(x, out));
			continue;
		}
		Str bytes = next(x);
		if (rune == '"')
			break;
		if (rune == (unsigned char)x->escape) {
			if (x->keep_escapes)
				buf_add_str(out, bytes);
			uint32_t after = peek(x);
			if (after == END_OF_TEXT)
				continue;
			if (after == '"' || after == '$' || after == (unsigned char)x->escape)
				bytes = next(x);
		}
		buf_add_str(out, bytes);
	}
	if (x->keep_quotes)
		buf_add_char(out, '"');
	return NULL;
}

/* "<<" and "<<-" take the blanks behind them along, so that "<< EOF" is one word (heredoc.c). */
static void read_less(Lex *x, Buf *out)
{
	x->at++;
	buf_add_char(out, '<');
	if (peek(x) != '<')
		return;
	x->at++;
	buf_add_char(out, '<');
	if (peek(x) == '-')
		buf_add_str(out, next(x));
	while (peek(x) == ' ' || (peek(x) >= '\t' && peek(x) <= '\r'))
		buf_add_str(out, next(x));
}

/* One escape character outside quotes; false at the end of the text, where it is dropped. */
static bool read_escape(Lex *x, Buf *out, LexWords *words)
{
	Str escape = next(x);
	if (x->keep_escapes) {
		words_add_raw(words, escape);
		buf_add_str(out, escape);
	}
	Str protected = next(x);
	if (!protected.len)
		return false;
	words_add_raw(words, protected);
	buf_add_str(out, protected);
	return true;
}

/* Something that begins with a quote, '$' or '<': to OUT, and to WORDS as its kind wants it. */
static Err *read_special(Lex *x, uint32_t rune, Buf *out, LexWords *words)
{
	size_t before = out->len;
	if (rune == '$')
		TRY(read_dollar(x, out));
	else if (rune == '\'')
		TRY(read_single_quotes(x, out));
	else if (rune == '"')
		TRY(read_double_quotes(x, out));
	else
		read_less(x, out);
	Str added = str_from_at(buf_str(out), before);
	if (rune == '$')
		words_add(words, added);
	else
		words_add_raw(words, added);
	return check_size(x, out);
}

/* Read up to STOP (which is swallowed) or the end of the text. */
static Err *read_until(Lex *x, uint32_t stop, bool keep_escapes, Buf *out, LexWords *words)
{
	bool outer_keep = x->keep_escapes;
	x->keep_escapes = keep_escapes;
	/*
	 * BuildKit collects words in one buffer and empties it here, in ${v-w} too: what stood
	 * before it in the same word is lost from the words (never from the string).  EXPOSE alone
	 * can show it, as in 80${X:-80}; the same file must open the same ports here.
	 */
	if (x->words)
		buf_reset(&x->words->word);
	Err *err = NULL;
	bool stopped = false;
	while (!err && x->at < x->text.len) {
		uint32_t rune = peek(x);
		if (rune == stop) {
			x->at++;
			stopped = true;
			break;
		}
		if (rune == '$' || rune == '<' ||
		    (!x->plain_quotes && (rune == '\'' || rune == '"'))) {
			err = read_special(x, rune, out, words);
		} else if (rune == (unsigned char)x->escape) {
			if (!read_escape(x, out, words))
				break;
		} else {
			Str bytes = next(x);
			words_add(words, bytes);
			buf_add_str(out, bytes);
		}
	}
	x->keep_escapes = outer_keep;
	TRY(err);
	if (stop != END_OF_TEXT && !stopped)
		return missing(x, stop == '}' ? "'}'" : "'/'");
	return check_size(x, out);
}

Err *lex_run(Lex *x, Buf *out, LexWords *words)
{
	x->words = words;
	TRY(read_until(x, END_OF_TEXT, x->keep_escapes, out, words));
	if (words)
		words_cut(words);
	if (words && words->too_many)
		return err_at(x->place, "more than %u words", WORDS_MAX);
	return NULL;
}
