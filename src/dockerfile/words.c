/*
 * words.c - what follows keyword and flags, cut into words.
 *
 * Three ways to cut, each as BuildKit does it: at blanks alone (COPY, FROM ...), as a JSON array of
 * strings, and as assignments, where quotes hold blanks together and stay in the word: expansion
 * (expand.h) takes them off later, when it knows which $ they protect.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

size_t word_blank_length(Str s)
{
	size_t n = 0;
	while (n < s.len && s.ptr[n] != '\0' && strchr("\t\v\f\r ", s.ptr[n]))
		n++;
	return n;
}

Str word_cut(Str s, Str *ret_head)
{
	size_t n = 0;
	while (n < s.len && !word_blank_length(str_from_at(s, n)))
		n++;
	*ret_head = str_head(s, n);
	s = str_from_at(s, n);
	return str_from_at(s, word_blank_length(s));
}

#define CLIP_BYTES 80

Str word_clip(Str s)
{
	return str_clip(s, CLIP_BYTES);
}

Err *word_check_count(const Line *line, Str text, size_t count)
{
	if (count <= WORDS_MAX)
		return NULL;
	return err_at(line_span(line, str_head(text, 1)), "more than %u words in one instruction",
	              WORDS_MAX);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

bool word_equal_fold(Str a, const char *cstr)
{
	size_t i = 0;
	for (; i < a.len && cstr[i]; i++)
		if (upper(a.ptr[i]) != upper(cstr[i]))
			return false;
	return i == a.len && !cstr[i];
}

Str word_upper(Arena *a, Str s)
{
	size_t i = 0;
	while (i < s.len && upper(s.ptr[i]) == s.ptr[i])
		i++;
	if (i == s.len)
		return s;
	char *copy = arena_alloc(a, s.len + 1, 1);
	for (i = 0; i < s.len; i++)
		copy[i] = upper(s.ptr[i]);
	return (Str){ copy, s.len };
}

static void keep_words(Arena *a, const WordVec *words, Word **ret_words, size_t *ret_count)
{
	*ret_count = words->len;
	*ret_words = arena_alloc(a, words->len * sizeof(Word), _Alignof(Word));
	if (words->len)
		memcpy(*ret_words, words->at, words->len * sizeof(Word));
}

Err *words_split(Arena *a, const Line *line, Str text, Word **ret_words, size_t *ret_count)
{
	AUTO_VEC WordVec words = { 0 };
	while (text.len) {
		Str head;
		text = word_cut(text, &head);
		VEC_PUSH(&words, line_word(line, head));
		TRY(word_check_count(line, head, words.len));
	}
	keep_words(a, &words, ret_words, ret_count);
	return NULL;
}

/*
 * The next word of TEXT from *AT on: blanks are Unicode's, quotes hold them together, an escape
 * character takes the next one along.  An escape character at the very end is dropped.
 */
static bool next_quoted_word(Str text, size_t *at, char escape, Str *ret)
{
	size_t pos = *at, len = 0;
	while (pos < text.len && rune_is_space(rune_at(text, pos, &len)))
		pos += len;
	if (pos >= text.len)
		return false;
	size_t start = pos, end = 0;
	char quote = '\0';
	while (pos < text.len) {
		uint32_t rune = rune_at(text, pos, &len);
		if (!quote && rune_is_space(rune))
			break;
		if (rune == (unsigned char)escape && quote != '\'') {
			if (pos + 1 == text.len) {
				end = pos;
				pos++;
				break;
			}
			(void)rune_at(text, pos + 1, &len);
			pos += 1 + len;
			continue;
		}
		if (quote && rune == (unsigned char)quote)
			quote = '\0';
		else if (!quote && (rune == '\'' || rune == '"'))
			quote = (char)rune;
		pos += len;
	}
	*ret = (Str){ text.ptr + start, (end ? end : pos) - start };
	*at = pos;
	/* "\" alone at the end leaves nothing: no word then. */
	return ret->len > 0;
}

static void split_pair(const Line *line, Str word, NodePair *ret)
{
	ptrdiff_t equal = str_find(word, '=');
	if (equal < 0) {
		*ret = (NodePair){ .key = line_word(line, word),
			           .value = line_word(line, str_from_at(word, word.len)) };
		return;
	}
	*ret = (NodePair){ .key = line_word(line, str_head(word, (size_t)equal)),
		           .value = line_word(line, str_from_at(word, (size_t)equal + 1)),
		           .has_value = true };
}

/* ENV key the rest of the line: no '=' in the first word. */
static Err *legacy_pair(Arena *a, const Line *line, Str text, Node *node)
{
	Str key;
	Str value = word_cut(text, &key);
	if (key.len == text.len)
		return err_note(err_at(line_span(line, text), "%s must have two arguments",
		                       instruction_table[node->id].name),
		                "write name=value");
	node->legacy = true;
	node->pair_count = 1;
	node->pairs = arena_new(a, NodePair);
	*node->pairs = (NodePair){ line_word(line, key), line_word(line, value), true };
	return NULL;
}

Err *words_assignments(Arena *a, const Line *line, Str text, char escape, Node *node)
{
	AUTO_VEC VEC(NodePair) pairs = { 0 };
	size_t at = 0;
	Str word;
	while (next_quoted_word(text, &at, escape, &word)) {
		bool assigns = str_find(word, '=') >= 0;
		if (!assigns && node->id != INST_ARG) {
			if (!pairs.len)
				return legacy_pair(a, line, text, node);
			return err_note(err_at(line_span(line, word), "cannot find '=' in '%.*s'",
			                       STR_ARG(word_clip(word))),
			                "write name=value; quote a value that holds blanks");
		}
		NodePair pair;
		split_pair(line, word, &pair);
		VEC_PUSH(&pairs, pair);
		TRY(word_check_count(line, word, pairs.len));
	}
	node->pair_count = pairs.len;
	node->pairs = arena_alloc(a, pairs.len * sizeof(NodePair), _Alignof(NodePair));
	if (pairs.len)
		memcpy(node->pairs, pairs.at, pairs.len * sizeof(NodePair));
	return NULL;
}
