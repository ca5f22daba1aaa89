/* help.c - usage texts, from the tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/names.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

static const char *const group_titles[] = {
	[GROUP_BUILD] = "Building",   [GROUP_IMAGES] = "Images", [GROUP_CONTAINERS] = "Containers",
	[GROUP_CLUSTER] = "Projects", [GROUP_OTHER] = "Other",
};

void help_group_title(CommandGroup group, Buf *out)
{
	buf_add_str(out, str_from(group_titles[group]));
}

/* "-t, --tag list" */
static void option_head(const Option *o, Buf *out)
{
	if (o->letter)
		buf_addf(out, "  -%c, --%s", o->letter, o->name);
	else
		buf_addf(out, "      --%s", o->name);
	if (option_takes_value(o))
		buf_addf(out, " %s", option_value_name(o));
}

static void print_options(const Command *c, const char *title, const Option *options, size_t count)
{
	size_t widest = 0;
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf head = BUF_INIT;
		option_head(&options[i], &head);
		if (command_shows(c, &options[i]) && head.len > widest)
			widest = head.len;
	}
	if (!widest)
		return;
	printf("\n%s:\n", title);
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf head = BUF_INIT;
		option_head(&options[i], &head);
		if (command_shows(c, &options[i]))
			printf("%-*s   %s\n", (int)widest, head.ptr, options[i].help);
	}
}

/* Options that the command overrides (run -h is --hostname) lose their letter. */
static void print_global_options(const Command *c)
{
	Option shown[8];
	assert(global_option_count <= ARRAY_LEN(shown));
	size_t count = 0;
	for (size_t i = 0; i < global_option_count; i++) {
		if (c && strcmp(global_options[i].name, "version") == 0)
			continue;
		shown[count] = global_options[i];
		for (size_t k = 0; c && k < c->option_count; k++)
			if (c->options[k].letter == shown[count].letter)
				shown[count].letter = 0;
		count++;
	}
	print_options(NULL, "Global options", shown, count);
}

void help_command(const char *program, const Command *c)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	printf("Usage:  %s %s%s%s\n\n%s\n", program, command_title(c, &a), *c->synopsis ? " " : "",
	       c->synopsis, c->help);
	if (c->about) {
		AUTO_BUF Buf about = BUF_INIT;
		program_text(program, str_from(c->about), &about);
		printf("\n%s\n", about.ptr);
	}
	const char *const *spellings = command_spellings(c, &a);
	if (spellings[1]) {
		printf("\nAliases:\n  ");
		for (size_t i = 0; spellings[i]; i++)
			printf("%s%s %s", i ? ", " : "", program, spellings[i]);
		printf("\n");
	}
	print_options(c, "Options", c->options, c->option_count);
	print_global_options(c);
}

/* The columns that the longest name takes, and two between it and its help. */
static int name_columns(void)
{
	size_t widest = 0;
	for (size_t i = 0; i < command_count; i++)
		if (command_table[i]->group != GROUP_HIDDEN &&
		    strlen(command_table[i]->name) > widest)
			widest = strlen(command_table[i]->name);
	return (int)widest + 2;
}

static void print_group(CommandGroup group)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	int columns = name_columns();
	printf("\n%s:\n", group_titles[group]);
	for (size_t i = 0; i < command_count; i++)
		if (command_table[i]->group == group)
			printf("  %-*s%s\n", columns, command_title(command_table[i], &a),
			       command_table[i]->help);
}

void help_main(const char *program)
{
	printf("Usage:  %s [OPTIONS] COMMAND\n\n"
	       "Build small OCI images from multistage Dockerfiles, without a daemon, without "
	       "root.\n",
	       program);
	for (CommandGroup group = GROUP_BUILD; group < GROUP_HIDDEN; group++)
		print_group(group);
	print_global_options(NULL);
	printf("\nRun '%s COMMAND --help' for more about a command.\n", program);
}

/* The first spelling of C under NOUN is its name there.  NULL: it has none. */
static const char *verb_of(const Command *c, const char *noun, Arena *a)
{
	size_t len = strlen(noun);
	const char *const *spellings = command_spellings(c, a);
	for (size_t k = 0; spellings[k]; k++)
		if (strncmp(spellings[k], noun, len) == 0 && spellings[k][len] == ' ')
			return spellings[k] + len + 1;
	return NULL;
}

void help_noun(const char *program, const char *noun)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	size_t widest = 0;
	for (size_t i = 0; i < command_count; i++) {
		const char *verb = verb_of(command_table[i], noun, &a);
		if (verb && strlen(verb) > widest)
			widest = strlen(verb);
	}
	printf("Usage:  %s %s COMMAND\n\nCommands:\n", program, noun);
	for (size_t i = 0; i < command_count; i++) {
		const char *verb = verb_of(command_table[i], noun, &a);
		if (verb)
			printf("  %-*s  %s\n", (int)widest, verb, command_table[i]->help);
	}
	printf("\nRun '%s %s COMMAND --help' for more about a command.\n", program, noun);
}

static Err *run_help(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	int words = 0;
	if (args->count == 0) {
		help_main(cli->program->name);
		return NULL;
	}
	const Command *c = command_find((int)args->count, (char *const *)args->at, &words);
	if (c && (size_t)words == args->count)
		help_command(cli->program->name, c);
	else if (args->count == 1 && command_is_noun(args->at[0]))
		help_noun(cli->program->name, args->at[0]);
	else
		return cli_usage(cli, "unknown help topic: %s", args->at[0]);
	return NULL;
}

const Command command_help = {
	.name = "help",
	.group = GROUP_OTHER,
	.synopsis = "[COMMAND]",
	.help = "Print usage of a command",
	.arguments_max = UINT_MAX,
	.choices = "COMMAND",
	.run = run_help,
};
