/*
 * fuzz_dockerfile.c - any bytes as a Dockerfile.
 *
 * Besides not crashing: every span that comes out lies inside the text (a caret is drawn from it),
 * and the tree, or the refusal, can be printed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/arena.h"
#include "dockerfile/dockerfile.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(const Source *source, Span span)
{
	if (!span.src)
		return;
	assert(span.src == source);
	assert(span.start <= span.end && span.end <= source->text.len);
}

static void check_node(const Source *source, const Node *node)
{
	check_span(source, node->span);
	check_span(source, node->keyword.span);
	check_span(source, node->rest.span);
	for (size_t i = 0; i < node->flag_count; i++) {
		check_span(source, node->flags[i].name.span);
		check_span(source, node->flags[i].value.span);
	}
	for (size_t i = 0; i < node->word_count; i++)
		check_span(source, node->words[i].span);
	for (size_t i = 0; i < node->pair_count; i++) {
		check_span(source, node->pairs[i].key.span);
		check_span(source, node->pairs[i].value.span);
	}
	for (size_t i = 0; i < node->heredoc_count; i++)
		check_span(source, node->heredocs[i].span);
	if (node->onbuild)
		check_node(source, node->onbuild);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Source source = { .name = "Dockerfile", .text = { (const char *)data, size } };
	AUTO_ARENA Arena arena = ARENA_INIT;
	Dockerfile file;
	AUTO_ERR Err *e = dockerfile_parse_tree(&arena, &source, &file);
	if (!e) {
		for (size_t i = 0; i < file.node_count; i++)
			check_node(&source, &file.nodes[i]);
		AUTO_BUF Buf dump = BUF_INIT;
		dockerfile_dump(&file, &dump);
		e = dockerfile_check(&file);
	}
	if (e) {
		char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		assert(out);
		err_print(e, out); /* draws the caret */
		(void)fclose(out);
		assert(len > 0);
		free(text);
	}
	return 0;
}
