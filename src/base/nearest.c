/* nearest.c - "did you mean": the nearest of a few names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/str.h"

/* Longer words are nobody's misspelled name; the bound keeps the rows on the stack. */
#define NEAREST_BYTES_MAX 64
#define NEAREST_EDITS_MAX 2

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Does B[0..J] end in the last two letters of A[0..I], turned round? */
static bool is_turned(Str a, size_t i, Str b, size_t j)
{
	return i > 1 && j > 1 && fold(a.ptr[i - 1]) == fold(b.ptr[j - 2]) &&
	       fold(a.ptr[i - 2]) == fold(b.ptr[j - 1]);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits from A to B, rows of the table from top to bottom, of which the last three are kept. LOOSE:
 * without regard to case, two neighbours that changed places being one. */
static size_t edit_distance(Str a, Str b, bool loose)
{
	size_t rows[3][NEAREST_BYTES_MAX + 1] = { { 0 } };
	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool differ = loose ? fold(a.ptr[i - 1]) != fold(b.ptr[j - 1])
			                    : a.ptr[i - 1] != b.ptr[j - 1];
			row[j] = smaller(above[j - 1] + differ, smaller(above[j], row[j - 1]) + 1);
			if (loose && is_turned(a, i, b, j))
				row[j] = smaller(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

const char *str_nearest(Str word, const char *const *names, size_t count)
{
	if (!word.len || word.len > NEAREST_BYTES_MAX)
		return NULL;
	const char *best = NULL;
	size_t best_distance = NEAREST_EDITS_MAX + 1;
	for (size_t i = 0; i < count; i++) {
		Str name = str_from(names[i]);
		if (name.len > NEAREST_BYTES_MAX)
			continue;
		size_t distance = edit_distance(word, name, true);
		/* A name that would be changed in every letter is no suggestion. */
		if (distance < best_distance && distance < name.len) {
			best_distance = distance;
			best = names[i];
		}
	}
	return best;
}

size_t str_edits(Str a, Str b)
{
	if (a.len > NEAREST_BYTES_MAX || b.len > NEAREST_BYTES_MAX)
		return SIZE_MAX;
	return edit_distance(a, b, false);
}
