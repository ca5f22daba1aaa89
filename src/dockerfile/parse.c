/* parse.c - the whole file: logical lines to nodes, by the grammar of instructions.def. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

typedef VEC(Node) NodeVec;

/* What one instruction is read from; DEPTH counts ONBUILD in ONBUILD. */
typedef struct Reader {
	Arena *arena;
	const Line *line;
	char escape;
	unsigned depth;
} Reader;

static Err *read_instruction(Reader *r, Str text, Node *ret);

static InstructionId find_instruction(Str keyword)
{
	for (InstructionId i = 0; i < INST_COUNT; i++)
		if (word_equal_fold(keyword, instruction_table[i].name))
			return i;
	return INST_COUNT;
}

static void one_word(Reader *r, Str text, Node *node)
{
	if (!text.len)
		return;
	node->words = arena_new(r->arena, Word);
	*node->words = line_word(r->line, text);
	node->word_count = 1;
}

/* The JSON form, else the rest as one string. */
static Err *shell_or_json(Reader *r, Str text, Node *node)
{
	TRY(json_words_parse(r->arena, r->line, text, &node->json, &node->words,
	                     &node->word_count));
	if (!node->json)
		one_word(r, text, node);
	return NULL;
}

static Err *words_or_json(Reader *r, Str text, Node *node)
{
	TRY(json_words_parse(r->arena, r->line, text, &node->json, &node->words,
	                     &node->word_count));
	if (node->json)
		return NULL;
	return words_split(r->arena, r->line, text, &node->words, &node->word_count);
}

/* HEALTHCHECK: NONE, or CMD and a command. */
static Err *type_and_command(Reader *r, Str text, Node *node)
{
	size_t n = 0;
	while (n < text.len &&
	       !(text.ptr[n] == ' ' || (text.ptr[n] >= '\t' && text.ptr[n] <= '\r')))
		n++;
	if (!n)
		return NULL;
	TRY(shell_or_json(r, str_trim(str_from_at(text, n)), node));
	Word *all = arena_alloc(r->arena, (node->word_count + 1) * sizeof(Word), _Alignof(Word));
	all[0] = line_word(r->line, str_head(text, n));
	if (node->word_count)
		memcpy(all + 1, node->words, node->word_count * sizeof(Word));
	node->words = all;
	node->word_count++;
	return NULL;
}

static Err *inner_instruction(Reader *r, Str text, Node *node)
{
	if (!text.len)
		return NULL;
	if (r->depth >= ONBUILD_DEPTH_MAX)
		return err_at(line_span(r->line, str_head(text, 7)),
		              "ONBUILD is nested more than %u deep", ONBUILD_DEPTH_MAX);
	node->onbuild = arena_new(r->arena, Node);
	r->depth++;
	TRY(read_instruction(r, text, node->onbuild));
	r->depth--;
	return NULL;
}

static Err *read_words(Reader *r, Str text, Node *node)
{
	if (node->id == INST_COUNT)
		return NULL;
	if (node->id == INST_HEALTHCHECK)
		return type_and_command(r, text, node);
	switch (instruction_table[node->id].form) {
	case WORDS:
		return words_split(r->arena, r->line, text, &node->words, &node->word_count);
	case WORDS_OR_JSON:
		return words_or_json(r, text, node);
	case ASSIGNMENTS:
		return words_assignments(r->arena, r->line, text, r->escape, node);
	case SHELL_OR_JSON:
	case JSON_ONLY: /* that it is not JSON is for dockerfile_check() to say */
		return shell_or_json(r, text, node);
	case ONE_WORD:
		one_word(r, text, node);
		return NULL;
	case SUBINSTRUCTION:
		return inner_instruction(r, text, node);
	}
	return NULL;
}

/* TEXT with the keyword in upper case. */
static Str title_of(Arena *a, Str text, Str keyword)
{
	Str upper = word_upper(a, keyword);
	if (upper.ptr == keyword.ptr)
		return text;
	char *title = arena_alloc(a, text.len + 1, 1);
	memcpy(title, text.ptr, text.len);
	memcpy(title, upper.ptr, upper.len);
	return (Str){ title, text.len };
}

static Err *read_instruction(Reader *r, Str text, Node *ret)
{
	text = rune_trim(text);
	Str keyword, rest;
	Str behind = word_cut(text, &keyword);
	*ret = (Node){
		.id = find_instruction(keyword),
		.keyword = line_word(r->line, keyword),
		.span = line_span(r->line, text),
		.line = text,
		.text = title_of(r->arena, text, keyword),
	};
	TRY(flags_parse(r->arena, r->line, behind, ret, &rest));
	rest = rune_trim(rest);
	ret->rest = line_word(r->line, rest);
	return read_words(r, rest, ret);
}

/* All behind the directives, which end at DIRECTIVES_END. */
static Err *read_nodes(Arena *a, size_t directives_end, Dockerfile *ret)
{
	const Source *source = ret->source;
	AUTO_VEC NodeVec nodes = { 0 };
	CLEANUP(lines_done)
	Lines lines = {
		.arena = a,
		.source = source,
		.at = str_starts(source->text, STR("\xef\xbb\xbf")) ? 3 : 0,
		.escape = ret->escape,
		.directives_end = directives_end,
	};
	Line line;
	while (line_next(&lines, &line)) {
		if (!rune_trim(line.text).len)
			continue; /* a lone escape character at the end of the file */
		Reader r = { .arena = a, .line = &line, .escape = ret->escape };
		Node node;
		TRY(read_instruction(&r, line.text, &node));
		TRY(heredocs_read(a, &lines, &line, &node));
		node.empty_continuation = line.empty_continuation;
		node.comments = line.comments;
		node.comment_count = line.comment_count;
		if (node.heredoc_count)
			node.span.end = (uint32_t)lines.at;
		VEC_PUSH(&nodes, node);
		if (nodes.len > INSTRUCTIONS_MAX)
			return err_at(node.keyword.span, "more than %u instructions",
			              INSTRUCTIONS_MAX);
	}
	if (!nodes.len)
		return source->text.len
		               ? err_at((Span){ .src = source }, "'%s' holds no instructions",
		                        source->name)
		               : err_new(ERR_INPUT, "'%s' holds no instructions", source->name);
	ret->node_count = nodes.len;
	ret->nodes = arena_alloc(a, nodes.len * sizeof(Node), _Alignof(Node));
	memcpy(ret->nodes, nodes.at, nodes.len * sizeof(Node));
	return NULL;
}

Err *dockerfile_parse_tree(Arena *a, const Source *source, Dockerfile *ret)
{
	size_t directives_end;
	TRY(err_check_text(source, DOCKERFILE_BYTES_MAX));
	TRY(directives_parse(a, source, ret, &directives_end));
	return read_nodes(a, directives_end, ret);
}

Err *dockerfile_parse_as(Arena *a, const Source *source, Str frontend, Dockerfile *ret)
{
	size_t directives_end;
	TRY(err_check_text(source, DOCKERFILE_BYTES_MAX));
	TRY(directives_parse(a, source, ret, &directives_end));
	if (str_trim(frontend).len)
		ret->syntax = (Word){ .text = str_trim(frontend) };
	/* Before the text is read: what is wrong with it is not the point in another language. */
	TRY(dockerfile_check_syntax(ret));
	TRY(read_nodes(a, directives_end, ret));
	return dockerfile_check(ret);
}

Err *dockerfile_parse(Arena *a, const Source *source, Dockerfile *ret)
{
	return dockerfile_parse_as(a, source, STR(""), ret);
}

Err *dockerfile_parse_trigger(Arena *a, const Source *source, const Node **ret)
{
	Dockerfile tree = { .source = source, .escape = '\\' };
	TRY(err_check_text(source, DOCKERFILE_BYTES_MAX));
	TRY(read_nodes(a, 0, &tree));
	if (tree.node_count > 1)
		return err_at(tree.nodes[1].span, "a trigger of ONBUILD is one instruction");
	TRY(dockerfile_check_trigger(&tree.nodes[0]));
	*ret = &tree.nodes[0];
	return NULL;
}

const NodeFlag *node_flag(const Node *node, FlagId id)
{
	for (size_t i = node->flag_count; i-- > 0;)
		if (node->flags[i].id == id)
			return &node->flags[i];
	return NULL;
}
