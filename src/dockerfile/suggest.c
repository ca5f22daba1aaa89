/* suggest.c - "did you mean": the nearest of a few names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/dockerfile.h"

/* Longer words are nobody's misspelled name; the bound keeps the rows on the stack. */
#define SUGGEST_BYTES_MAX 64
#define SUGGEST_EDITS_MAX 2

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Levenshtein distance of A and B without regard to case, one row at a time. */
static size_t edit_distance(Str a, Str b)
{
	size_t row[SUGGEST_BYTES_MAX + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t change = diagonal + (fold(a.ptr[i - 1]) != fold(b.ptr[j - 1]));
			size_t grow = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < grow ? change : grow;
		}
	}
	return row[b.len];
}

const char *dockerfile_suggest(Str word, const char *const *names, size_t count)
{
	if (!word.len || word.len > SUGGEST_BYTES_MAX)
		return NULL;
	const char *best = NULL;
	size_t best_distance = SUGGEST_EDITS_MAX + 1;
	for (size_t i = 0; i < count; i++) {
		Str name = str_from(names[i]);
		if (name.len > SUGGEST_BYTES_MAX)
			continue;
		size_t distance = edit_distance(word, name);
		/* A name that would be changed in every letter is no suggestion. */
		if (distance < best_distance && distance < name.len) {
			best_distance = distance;
			best = names[i];
		}
	}
	return best;
}
