/*
 * fuzz_expand.c - any word with any variables, expanded in every way.
 *
 * Input: a line of switches ("q" raw quotes, "e" raw escapes, "u" keep unset, "`" that escape
 * character), lines NAME=VALUE, an empty line, the word.
 *
 * Besides not crashing: nothing is larger than the limit, an error has a text, what has no special
 * character comes back as it was, and the same question has the same answer.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "dockerfile/expand.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lookup(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	const Str *value = map_get(context, name);
	*ret_origin = (Span){ 0 };
	if (value)
		*ret_value = *value;
	return value != NULL;
}

/* The lines NAME=VALUE at the start of TEXT; what follows the empty line. */
static Str read_variables(Arena *a, Str text, Map *variables)
{
	while (text.len) {
		Str line, name;
		text = str_cut(text, '\n', &line);
		if (!line.len)
			break;
		Str *value = arena_new(a, Str);
		*value = str_cut(line, '=', &name);
		(void)map_put(variables, name, value);
	}
	return text;
}

static bool is_plain(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr("$'\"\\`", s.ptr[i])) /* a NUL too */
			return false;
	return true;
}

static void check_error(Err *err)
{
	assert(!err || err_cause(err).len > 0);
	err_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map variables = MAP_INIT;
	Str switches, text = str_cut((Str){ (const char *)data, size }, '\n', &switches);
	text = read_variables(&a, text, &variables);
	uint64_t steps = 0;
	ExpandScope scope = {
		.lookup = lookup,
		.context = &variables,
		.escape = str_find(switches, '`') >= 0 ? '`' : '\\',
		.raw_quotes = str_find(switches, 'q') >= 0,
		.raw_escapes = str_find(switches, 'e') >= 0,
		.skip_unset = str_find(switches, 'u') >= 0,
		.steps = &steps,
	};
	Word word = { .text = text };
	Str one, again, *several;
	size_t count;
	Err *err = expand_word(&a, &scope, word, &one);
	if (!err) {
		assert(one.len <= EXPANSION_BYTES_MAX);
		assert(!is_plain(text) || str_eq(one, text));
		err = expand_word(&a, &scope, word, &again);
		assert(err || str_eq(one, again)); /* an error: the budget is used up */
	}
	check_error(err);
	err = expand_words(&a, &scope, word, &several, &count);
	for (size_t i = 0; !err && i < count; i++)
		assert(several[i].len > 0 && several[i].len <= EXPANSION_BYTES_MAX);
	check_error(err);
	assert(steps <= 2 * (uint64_t)EXPANSION_STEPS_MAX + size);
	return 0;
}
