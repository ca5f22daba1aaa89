/*
 * fuzz_dockerfile.c - any bytes as a Dockerfile, and each of its words expanded.
 *
 * Besides not crashing: a tree is dumped, every Span lies in the file, and a file that was read as
 * a tree is read the same a second time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/expand.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Half of all names are set, one to text that matters to the lexer. */
static bool lookup(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	(void)context;
	*ret_origin = (Span){ 0 };
	*ret_value = STR("a/b '*?\\\"$x` {}");
	return name.len % 2;
}

static void check_word(Arena *a, const Dockerfile *d, Word word)
{
	assert(word.span.start <= word.span.end && word.span.end <= d->source->text.len);
	ExpandScope scope = { .lookup = lookup, .escape = d->escape };
	Str one, *several;
	size_t count;
	err_free(expand_word(a, &scope, word, &one)); /* either answer is fine */
	err_free(expand_words(a, &scope, word, &several, &count));
	scope.skip_unset = scope.raw_quotes = true;
	err_free(expand_word(a, &scope, word, &one));
}

static void check_node(Arena *a, const Dockerfile *d, const Node *node)
{
	check_word(a, d, node->keyword);
	check_word(a, d, node->rest);
	for (size_t i = 0; i < node->flag_count; i++)
		check_word(a, d, node->flags[i].value);
	for (size_t i = 0; i < node->pair_count; i++)
		check_word(a, d, node->pairs[i].value);
	for (size_t i = 0; i < node->word_count; i++) {
		check_word(a, d, node->words[i]);
		(void)node_heredoc(node, node->words[i]);
	}
	for (size_t i = 0; i < node->heredoc_count; i++)
		check_word(a, d, (Word){ node->heredocs[i].body, node->heredocs[i].span });
	if (node->onbuild)
		check_node(a, d, node->onbuild);
}

/* Print ERR as a person would see it, and free it. */
static void print_refusal(const Source *source, Err *err)
{
	if (!err)
		return;
	Span span = err_span(err);
	assert(!span.src ||
	       (span.src == source && span.start <= span.end && span.end <= source->text.len));
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	assert(out);
	err_print(err, out); /* draws the caret */
	(void)fclose(out);
	assert(len > 0);
	free(text);
	err_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Source source = { "Dockerfile", { (const char *)data, size } };
	Dockerfile d, again;
	Err *err = dockerfile_parse_tree(&a, &source, &d);
	if (err) {
		print_refusal(&source, err);
		return 0;
	}
	for (size_t i = 0; i < d.node_count; i++)
		check_node(&a, &d, &d.nodes[i]);
	AUTO_BUF Buf tree = BUF_INIT;
	AUTO_BUF Buf tree_again = BUF_INIT;
	dockerfile_dump(&d, &tree);
	err = dockerfile_parse_tree(&a, &source, &again);
	assert(!err);
	err_free(err);
	dockerfile_dump(&again, &tree_again);
	assert(str_eq(buf_str(&tree), buf_str(&tree_again)));
	print_refusal(&source, dockerfile_check(&d));
	return 0;
}
