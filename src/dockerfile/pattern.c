/*
 * pattern.c - the patterns of ${v#p}, ${v%p} and ${v/p/r}: '*', '?' and literal characters.
 *
 * BuildKit turns them into regular expressions.  The same answers come from walking all ways
 * through the pattern at once, the preferred ones first (Thompson's construction as Pike runs it):
 * time is at most length of pattern times length of value, whatever the pattern, and
 * even that product is bounded.  Neither '*' nor '?' matches a newline, as in Go's regexp without
 * (?s).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "dockerfile/lex-internal.h"

#define TOKEN_STAR 0x110000u /* beyond Unicode */
#define TOKEN_ANY  0x110001u

typedef VEC(uint32_t) RuneVec;

/* A text as characters, and the byte offset of each; count + 1 offsets. */
typedef struct Runes {
	RuneVec runes, offsets;
} Runes;

static void runes_done(Runes *r)
{
	VEC_DONE(&r->runes);
	VEC_DONE(&r->offsets);
}

static Err *runes_from(Lex *lex, Runes *r, Str s)
{
	size_t at = 0, len;
	TRY(lex_spend(lex, s.len));
	for (; at < s.len; at += len) {
		VEC_PUSH(&r->offsets, (uint32_t)at);
		VEC_PUSH(&r->runes, rune_at(s, at, &len));
	}
	VEC_PUSH(&r->offsets, (uint32_t)at);
	return NULL;
}

static void reverse(RuneVec *v)
{
	for (size_t i = 0, j = v->len; i + 1 < j; i++) {
		uint32_t swap = v->at[i];
		v->at[i] = v->at[--j];
		v->at[j] = swap;
	}
}

/* The pattern's tokens.  "\*" "\?" "\\" are literal, "\/" and "\}" stand for themselves in ${}. */
static Err *tokens_from(const Lex *lex, Str pattern, RuneVec *tokens)
{
	for (size_t at = 0, len; at < pattern.len; at += len) {
		uint32_t rune = rune_at(pattern, at, &len);
		if (rune == '\\') {
			at += len;
			rune = at < pattern.len ? rune_at(pattern, at, &len) : 0;
			if (!rune || rune >= 0x80 || !strchr("*?\\/}", (int)rune))
				return err_at(lex->place, "invalid escape in the pattern '%.*s'",
				              STR_ARG(pattern));
		} else if (rune == '*') {
			rune = TOKEN_STAR;
		} else if (rune == '?') {
			rune = TOKEN_ANY;
		}
		VEC_PUSH(tokens, rune);
	}
	return NULL;
}

typedef struct Thread {
	uint32_t token, start;
} Thread;

/* One set of threads, the preferred first; seen[token] == stamp: it is in the set already. */
typedef struct Threads {
	Thread *at;
	size_t count;
	uint32_t *seen;
	uint32_t stamp;
} Threads;

typedef struct Machine {
	Lex *lex;
	const uint32_t *tokens;
	size_t token_count;
	PatternStar star;
	Threads now, soon;
} Machine;

static void machine_init(Machine *m, Lex *lex, const RuneVec *tokens, PatternStar star)
{
	size_t room = tokens->len + 1;
	*m = (Machine){
		.lex = lex, .tokens = tokens->at, .token_count = tokens->len, .star = star
	};
	m->now = (Threads){ .at = xcalloc(room, sizeof(Thread)), .seen = xcalloc(room, 4) };
	m->soon = (Threads){ .at = xcalloc(room, sizeof(Thread)), .seen = xcalloc(room, 4) };
}

static void machine_done(Machine *m)
{
	free(m->now.at);
	free(m->now.seen);
	free(m->soon.at);
	free(m->soon.seen);
}

static bool is_star(const Machine *m, size_t token)
{
	return token < m->token_count && m->tokens[token] == TOKEN_STAR;
}

static void add_one(Threads *set, size_t token, uint32_t start)
{
	if (set->seen[token] == set->stamp)
		return;
	set->seen[token] = set->stamp;
	set->at[set->count++] = (Thread){ (uint32_t)token, start };
}

/* Add TOKEN and what can be reached from it for free: a star may match nothing. */
static void add_thread(const Machine *m, Threads *set, size_t token, uint32_t start)
{
	size_t end = token;
	while (is_star(m, end) && set->seen[end] != set->stamp)
		end++;
	if (m->star == STAR_LONGEST) {
		for (size_t i = token; i <= end; i++)
			add_one(set, i, start);
	} else {
		for (size_t i = end + 1; i-- > token;)
			add_one(set, i, start);
	}
}

static void set_clear(Threads *set)
{
	set->count = 0;
	set->stamp++;
}

/*
 * The preferred match in RUNES from FROM on; ANCHORED: it must begin there.  false: none.  A thread
 * that has reached the end of the pattern wins over all behind it in the set.
 */
static Err *find(Machine *m, const RuneVec *runes, size_t from, bool anchored, bool *ret_found,
                 size_t *ret_start, size_t *ret_end)
{
	*ret_found = false;
	set_clear(&m->now);
	for (size_t i = from;; i++) {
		if (!*ret_found && (i == from || !anchored))
			add_thread(m, &m->now, 0, (uint32_t)i);
		if (!m->now.count)
			break;
		TRY(lex_spend(m->lex, m->now.count));
		set_clear(&m->soon);
		uint32_t rune = i < runes->len ? runes->at[i] : '\n';
		for (size_t t = 0; t < m->now.count; t++) {
			Thread thread = m->now.at[t];
			if (thread.token == m->token_count) {
				*ret_found = true;
				*ret_start = thread.start;
				*ret_end = i;
				break;
			}
			uint32_t token = m->tokens[thread.token];
			if (i == runes->len)
				continue;
			if (token == TOKEN_STAR ? rune != '\n' : false)
				add_thread(m, &m->soon, thread.token, thread.start);
			else if (token == TOKEN_ANY ? rune != '\n' : token == rune)
				add_thread(m, &m->soon, thread.token + 1, thread.start);
		}
		Threads swap = m->now;
		m->now = m->soon;
		m->soon = swap;
		if (i == runes->len || (!m->now.count && (*ret_found || anchored)))
			break;
	}
	return NULL;
}

Err *pattern_trim(Lex *lex, Str pattern, Str value, bool suffix, PatternStar star, Buf *out)
{
	CLEANUP(vec_free_at) RuneVec tokens = { 0 };
	TRY(tokens_from(lex, pattern, &tokens));
	CLEANUP(runes_done) Runes runes = { 0 };
	TRY(runes_from(lex, &runes, value));
	if (suffix) {
		/* The shortest match at the end is the leftmost one of both read backwards. */
		reverse(&tokens);
		reverse(&runes.runes);
	}
	CLEANUP(machine_done) Machine m;
	machine_init(&m, lex, &tokens, star);
	bool found;
	size_t start, end = 0;
	TRY(find(&m, &runes.runes, 0, true, &found, &start, &end));
	if (!found)
		end = 0;
	if (suffix)
		buf_add_str(out, str_head(value, runes.offsets.at[runes.runes.len - end]));
	else
		buf_add_str(out, str_from_at(value, runes.offsets.at[end]));
	return NULL;
}

static bool is_word_byte(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/*
 * BuildKit gives the replacement of ${v//p/r} to Go's ReplaceAllString, which reads $0 as the match
 * and any other $name as an empty group.  MATCH is what was matched.
 */
static void add_template(Str replacement, Str match, Buf *out)
{
	for (size_t i = 0; i < replacement.len;) {
		char c = replacement.ptr[i++];
		if (c != '$' || i == replacement.len) {
			buf_add_char(out, c);
			continue;
		}
		if (replacement.ptr[i] == '$') {
			buf_add_char(out, '$');
			i++;
			continue;
		}
		bool braces = replacement.ptr[i] == '{';
		size_t start = i + braces, end = start;
		while (end < replacement.len && is_word_byte(replacement.ptr[end]))
			end++;
		bool whole = end > start &&
		             (!braces || (end < replacement.len && replacement.ptr[end] == '}'));
		if (!whole) {
			buf_add_char(out, '$');
			continue;
		}
		if (end - start == 1 && replacement.ptr[start] == '0')
			buf_add_str(out, match);
		i = end + braces;
	}
}

Err *pattern_replace(Lex *lex, Str pattern, Str value, Str replacement, bool all, Buf *out)
{
	CLEANUP(vec_free_at) RuneVec tokens = { 0 };
	TRY(tokens_from(lex, pattern, &tokens));
	CLEANUP(runes_done) Runes runes = { 0 };
	TRY(runes_from(lex, &runes, value));
	CLEANUP(machine_done) Machine m;
	machine_init(&m, lex, &tokens, STAR_LONGEST);
	const uint32_t *offset = runes.offsets.at;
	size_t copied = 0, from = 0, last_end = SIZE_MAX;
	while (from <= runes.runes.len) {
		bool found;
		size_t start = 0, end = 0;
		TRY(find(&m, &runes.runes, from, false, &found, &start, &end));
		if (!found)
			break;
		Str match = { value.ptr + offset[start], offset[end] - offset[start] };
		/* As Go does: no empty match right behind another match. */
		if (end > start || start != last_end) {
			buf_add(out, value.ptr + offset[copied], offset[start] - offset[copied]);
			if (all)
				add_template(replacement, match, out);
			else
				buf_add_str(out, replacement);
			copied = end;
			last_end = end;
		}
		if (!all)
			break;
		if (out->len > EXPANSION_BYTES_MAX)
			break; /* the caller refuses it */
		from = end > start ? end : end + 1;
	}
	buf_add_str(out, str_from_at(value, offset[copied]));
	return NULL;
}
