/* expand.c - one word to one string, or to several. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/lex-internal.h"

static Lex lex_for(const ExpandScope *scope, Word word)
{
	return (Lex){
		.scope = scope,
		.text = word.text,
		.place = word.span,
		.escape = scope->escape,
		.plain_quotes = scope->raw_quotes,
		.keep_escapes = scope->raw_escapes,
		.skip_unset = scope->skip_unset,
	};
}

Err *expand_word(Arena *a, const ExpandScope *scope, Word word, Str *ret)
{
	Lex lex = lex_for(scope, word);
	AUTO_BUF Buf out = BUF_INIT;
	TRY(lex_run(&lex, &out, NULL));
	*ret = arena_str(a, buf_str(&out));
	return NULL;
}

Err *expand_words(Arena *a, const ExpandScope *scope, Word word, Str **ret, size_t *ret_count)
{
	Lex lex = lex_for(scope, word);
	AUTO_BUF Buf out = BUF_INIT;
	CLEANUP(lex_words_done) LexWords words = { .arena = a };
	TRY(lex_run(&lex, &out, &words));
	*ret_count = words.words.len;
	*ret = arena_alloc(a, words.words.len * sizeof(Str), _Alignof(Str));
	if (words.words.len)
		memcpy(*ret, words.words.at, words.words.len * sizeof(Str));
	return NULL;
}
