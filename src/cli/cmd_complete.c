/*
 * cmd_complete.c - what may come next on a command line; see cmd_completion.c.
 *
 * usage: decant __complete -- WORD...    the last word is the one being written (may be empty)
 *
 * Nothing here may fail loudly: whoever presses Tab wants candidates or silence.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "cli/complete_dockerfile.h"
#include "exec/container.h"

#include <limits.h>
#include <stdio.h>

typedef struct Line {
	Cli *cli;
	const char *current;    /* the word being written */
	const char *lead;       /* printed before each candidate: "--progress=" */
	const Command *command; /* NULL: none yet */
	char *const *words;     /* behind its name, up to the one being written */
	int word_count;
} Line;

static void offer(const Line *line, const char *candidate, const char *help)
{
	if (strncmp(candidate, line->current, strlen(line->current)) == 0)
		printf("%s%s%s%s\n", line->lead, candidate, *help ? "\t" : "", help);
}

static void offer_images(const Line *line)
{
	Store *store;
	StoreRef *refs = NULL;
	size_t count = 0;
	AUTO_ERR Err *no_store = cli_store(line->cli, &store);
	if (no_store)
		return;
	AUTO_ERR Err *unreadable = store_ref_list(store, line->cli->arena, &refs, &count);
	for (size_t i = 0; !unreadable && i < count; i++) {
		Reference ref;
		AUTO_ERR Err *untagged = reference_parse(line->cli->arena, refs[i].name, &ref);
		if (!untagged)
			offer(line, reference_familiar(line->cli->arena, &ref).ptr, "");
	}
}

static void offer_containers(const Line *line)
{
	Store *store;
	Container *all = NULL;
	size_t count = 0;
	AUTO_ERR Err *no_store = cli_store(line->cli, &store);
	if (no_store)
		return;
	AUTO_ERR Err *unreadable = container_list(store, line->cli->arena, &all, &count);
	for (size_t i = 0; !unreadable && i < count; i++)
		offer(line, all[i].name.ptr, all[i].running ? "running" : "ended");
}

/* The first word of "cache ls" once, with the second words of all that begin so. */
static void offer_noun(const Line *line, size_t at, Str noun)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf verbs = BUF_INIT;
	for (size_t i = 0; i < command_count; i++) {
		Str first,
			verb = str_cut(str_from(command_title(command_table[i], &a)), ' ', &first);
		if (command_table[i]->group == GROUP_HIDDEN || !str_eq(first, noun) || !verb.len)
			continue;
		if (i < at)
			return; /* offered with that */
		buf_addf(&verbs, "%s%.*s", verbs.len ? ", " : "", STR_ARG(verb));
	}
	offer(line, arena_str(&a, noun).ptr, arena_str(&a, buf_str(&verbs)).ptr);
}

static void offer_commands(const Line *line, const char *noun)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	size_t noun_len = strlen(noun);
	for (size_t i = 0; i < command_count; i++) {
		const Command *c = command_table[i];
		const char *const *spellings = command_spellings(c, &a);
		Str first;
		if (c->group == GROUP_HIDDEN)
			continue;
		if (!*noun && str_cut(str_from(spellings[0]), ' ', &first).len)
			offer_noun(line, i, first);
		else if (!*noun)
			offer(line, spellings[0], c->help);
		for (size_t k = 0; *noun && spellings[k]; k++)
			if (strncmp(spellings[k], noun, noun_len) == 0 &&
			    spellings[k][noun_len] == ' ')
				offer(line, spellings[k] + noun_len + 1, c->help);
	}
}

static void offer_of_dockerfile(const Line *line, CompleteKind kind)
{
	Candidate *list = NULL;
	size_t count = 0;
	complete_dockerfile(line->cli->arena, line->command, line->word_count, line->words, kind,
	                    &list, &count);
	for (size_t i = 0; i < count; i++)
		offer(line, list[i].text, list[i].help);
}

static void offer_choices(const Line *line, const char *choices)
{
	if (!choices)
		return;
	if (strcmp(choices, "FILE") == 0)
		printf(":file\n");
	else if (strcmp(choices, "DIRECTORY") == 0)
		printf(":directory\n");
	else if (strcmp(choices, "IMAGE") == 0)
		offer_images(line);
	else if (strcmp(choices, "COMMAND") == 0)
		offer_commands(line, "");
	else if (strcmp(choices, "CONTAINER") == 0)
		offer_containers(line);
	else if (strcmp(choices, "STAGE") == 0)
		offer_of_dockerfile(line, COMPLETE_STAGES);
	else if (strcmp(choices, "ARG") == 0)
		offer_of_dockerfile(line, COMPLETE_ARGS);
	else
		for (Str rest = str_from(choices); rest.len;) {
			Str one;
			rest = str_cut(rest, ',', &one);
			offer(line, arena_str(line->cli->arena, one).ptr, "");
		}
}

static void offer_options(const Line *line, const Option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (command_shows(line->command, &options[i]))
			offer(line, arena_strf(line->cli->arena, "--%s", options[i].name).ptr,
			      options[i].help);
}

/* The option that a word "--name" or "-x" is, if it takes a value. */
static const Option *option_of(const Option *options, size_t count, const char *word, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		const Option *o = &options[i];
		bool is_long = len > 2 && strncmp(word, "--", 2) == 0 &&
		               strlen(o->name) == len - 2 &&
		               strncmp(o->name, word + 2, len - 2) == 0;
		bool is_short = o->letter && len == 2 && word[0] == '-' && word[1] == o->letter;
		if ((is_long || is_short) && option_takes_value(o))
			return o;
	}
	return NULL;
}

static const Option *value_option(const Command *c, const char *word, size_t len)
{
	const Option *o = c ? option_of(c->options, c->option_count, word, len) : NULL;
	return o ? o : option_of(global_options, global_option_count, word, len);
}

static Err *run_complete(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	if (args->count == 0)
		return NULL;
	Line line = { .cli = cli, .current = args->at[args->count - 1], .lead = "" };
	int before = (int)args->count - 1, words = 0, start = 0;
	while (start < before && args->at[start][0] == '-')
		start += value_option(NULL, args->at[start], strlen(args->at[start])) ? 2 : 1;
	const Command *c = start < before ? command_find(before - start,
	                                                 (char *const *)args->at + start, &words)
	                                  : NULL;
	const char *previous = before > 0 ? args->at[before - 1] : "";
	const char *equals = strchr(line.current, '=');
	const Option *o = value_option(c, previous, strlen(previous));
	line.command = c;
	line.words = (char *const *)args->at + start + words;
	line.word_count = before - start - words - (o != NULL); /* without the option itself */
	if (!o && line.current[0] == '-' && equals) {
		o = value_option(c, line.current, (size_t)(equals - line.current));
		Str lead = { line.current, (size_t)(equals - line.current) + 1 };
		line.lead = arena_str(cli->arena, lead).ptr;
		line.current = equals + 1;
	}
	if (o) {
		offer_choices(&line, o->choices);
	} else if (line.current[0] == '-') {
		if (c)
			offer_options(&line, c->options, c->option_count);
		offer_options(&line, global_options, global_option_count);
	} else if (c) {
		offer_choices(&line, c->choices);
	} else if (start >= before) {
		offer_commands(&line, "");
	} else if (before - start == 1) {
		offer_commands(&line, args->at[start]);
	}
	return NULL;
}

const Command command_complete = {
	.name = "__complete",
	.group = GROUP_HIDDEN,
	.synopsis = "-- WORD...",
	.help = "Print what may come next on a command line",
	.arguments_max = UINT_MAX,
	.run = run_complete,
};
