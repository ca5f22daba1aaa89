/* complete_dockerfile.c - stages and arguments of the Dockerfile that a command line names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "cli/build_input.h"
#include "cli/complete_dockerfile.h"
#include "dockerfile/dockerfile.h"

typedef VEC(Candidate) CandidateVec;

/* What a shell and a terminal can be given as it is. */
static bool is_name(Str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');
		if (!letter && c != '_' && c != '-' && c != '.')
			return false;
	}
	return s.len > 0;
}

static const char *safe_help(Arena *a, Str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
			return "";
	return arena_str(a, text).ptr;
}

/* The value of the command's text option NAME, which options_parse() has filled in. */
static const char *text_option(const Command *c, const char *values, const char *name)
{
	for (size_t i = 0; i < c->option_count; i++)
		if (c->options[i].kind == OPTION_TEXT && strcmp(c->options[i].name, name) == 0)
			return *(const char *const *)(const void *)(values + c->options[i].offset);
	return NULL;
}

static bool find_names(Arena *a, const Command *c, int count, char *const *words,
                       BuildInputNames *ret)
{
	GlobalValues globals = { 0 };
	void *values = arena_alloc(a, c->values_size + 1, _Alignof(max_align_t));
	const OptionSet sets[] = { { c->options, c->option_count, values },
		                   { global_options, global_option_count, &globals } };
	Arguments args;
	int used;
	AUTO_ERR Err *bad =
		options_parse(sets, ARRAY_LEN(sets), count, words, false, a, &args, &used);
	if (bad)
		return false;
	*ret = (BuildInputNames){ .context = args.count ? args.at[0] : ".",
		                  .file = text_option(c, values, "file") };
	bool reads_stdin =
		strcmp(ret->context, "-") == 0 || (ret->file && strcmp(ret->file, "-") == 0);
	return !reads_stdin;
}

static void add_once(Arena *a, Map *seen, CandidateVec *list, Str name, Str shown, Str help)
{
	if (!is_name(name) || map_find(seen, name))
		return;
	(void)map_put(seen, name, list);
	VEC_PUSH(list, (Candidate){ arena_str(a, shown).ptr, safe_help(a, help) });
}

static void add_node(Arena *a, const Node *n, CompleteKind kind, Map *seen, CandidateVec *list)
{
	if (kind == COMPLETE_STAGES && n->id == INST_FROM && n->word_count == 3) {
		Str name = n->words[2].text;
		add_once(a, seen, list, name, name, node_description(n, name));
	}
	for (size_t i = 0; kind == COMPLETE_ARGS && n->id == INST_ARG && i < n->pair_count; i++) {
		Str name = n->pairs[i].key.text;
		add_once(a, seen, list, name, arena_strf(a, "%.*s=", STR_ARG(name)),
		         node_description(n, name));
	}
}

void complete_dockerfile(Arena *a, const Command *command, int count, char *const *words,
                         CompleteKind kind, Candidate **ret, size_t *ret_count)
{
	BuildInputNames names = { 0 };
	*ret_count = 0;
	if (!find_names(a, command, count, words, &names) || build_input_is_url(names.file))
		return;
	AUTO_BUILD_INPUT BuildInput input = { .context_fd = -1 };
	Source *source = arena_new(a, Source);
	Dockerfile *file = arena_new(a, Dockerfile);
	AUTO_ERR Err *e = build_input_open(a, &names, &input);
	if (e)
		return;
	*source = input.dockerfile;
	AUTO_ERR Err *unreadable = dockerfile_parse_tree(a, source, file);
	if (unreadable)
		return;
	AUTO_MAP Map seen = MAP_INIT;
	AUTO_VEC CandidateVec list = { 0 };
	for (size_t i = 0; i < file->node_count; i++)
		add_node(a, &file->nodes[i], kind, &seen, &list);
	*ret = arena_alloc(a, (list.len + 1) * sizeof **ret, _Alignof(Candidate));
	if (list.len)
		memcpy(*ret, list.at, list.len * sizeof **ret);
	*ret_count = list.len;
}
