/*
 * cmd_man.c - manual pages out of the tables, so that they are true.
 *
 * `decant __man` writes decant.1, `decant __man build` decant-build.1, `decant __man --list` the
 * commands that have a page.  tools/make-man writes or checks docs/man/.
 * SOURCE   man(7): .TH .SH .TP .PP .B .I; "-" must be written "\-" and a leading "." or "'" be
 * hidden
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"

#include <stdio.h>

typedef struct ManValues {
	bool list;
} ManValues;

static const Option man_options[] = {
	{ .name = "list",
	  .kind = OPTION_FLAG,
	  .help = "Print the names of all pages",
	  .offset = offsetof(ManValues, list) },
};

static void put(const char *text)
{
	bool line_start = true;
	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			printf("\\&");
		if (*text == '-' || *text == '\\')
			printf(*text == '-' ? "\\-" : "\\e");
		else
			putchar(*text);
		line_start = *text == '\n';
	}
}

static void put_line(const char *text)
{
	put(text);
	putchar('\n');
}

static void put_paragraphs(const char *text)
{
	for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) {
		AUTO_BUF Buf one = BUF_INIT;
		buf_add(&one, text, (size_t)(end - text));
		put_line(one.ptr);
		printf(".PP\n");
	}
	put_line(text);
}

static void put_head(const char *page)
{
	AUTO_BUF Buf upper = BUF_INIT;
	for (const char *at = page; *at; at++)
		buf_add_char(&upper, (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at));
	printf(".\\\" Made by `decant __man`: do not edit, run tools/make-man.\n"
	       ".TH %s 1 \"\" \"decant %s\" \"User Commands\"\n",
	       upper.ptr, DECANT_VERSION);
}

static void put_options(const Command *c, const char *title, const Option *options, size_t count)
{
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		const Option *o = &options[i];
		if (!command_shows(c, o))
			continue;
		if (!any)
			printf(".SH %s\n", title);
		any = true;
		printf(".TP\n");
		if (o->letter)
			printf("\\fB\\-%c\\fR, ", o->letter);
		printf("\\fB\\-\\-");
		put(o->name);
		printf("\\fR");
		if (option_takes_value(o))
			printf(" \\fI%s\\fR", option_value_name(o));
		putchar('\n');
		put(o->help);
		printf(".\n");
	}
}

/* What people bring from other programs: what to write instead, then what may be left out. */
static void put_foreign(const Command *c)
{
	bool any = false, any_ignored = false;
	for (size_t i = 0; i < c->option_count; i++) {
		const Option *o = &c->options[i];
		if (o->kind != OPTION_REFUSED)
			continue;
		if (!any)
			printf(".SH OPTIONS OF OTHER BUILDERS\nRefused, with what to use "
			       "instead:\n");
		any = true;
		printf(".TP\n\\fB\\-\\-");
		put(o->name);
		printf("\\fR\n");
		put_line(o->advice ? o->advice : "not supported yet");
	}
	for (size_t i = 0; i < c->option_count; i++) {
		const Option *o = &c->options[i];
		if (o->kind != OPTION_IGNORED)
			continue;
		printf("%s\\fB\\-\\-", any_ignored ? ",\n" : ".PP\nTaken without effect:\n");
		put(o->name);
		printf("\\fR");
		any_ignored = true;
	}
	if (any_ignored)
		printf(".\n");
}

static void put_command(const Command *c)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	put_head(arena_strf(&a, "decant-%s", c->name).ptr);
	printf(".SH NAME\ndecant\\-");
	put(c->name);
	printf(" \\- ");
	put_line(c->help);
	printf(".SH SYNOPSIS\n");
	const char *const *spellings = command_spellings(c, &a);
	for (size_t i = 0; spellings[i]; i++) {
		printf("%s\\fBdecant ", i ? ".br\n" : "");
		put(spellings[i]);
		printf("\\fR ");
		put_line(c->synopsis);
	}
	printf(".SH DESCRIPTION\n");
	if (c->about) {
		put_paragraphs(c->about);
	} else {
		put(c->help);
		printf(".\n");
	}
	put_options(c, "OPTIONS", c->options, c->option_count);
	put_foreign(c);
	printf(".SH SEE ALSO\n\\fBdecant\\fR(1) for options of every command and exit statuses\n");
}

static const char *const statuses[][2] = {
	{ "0", "Done." },
	{ "1", "The build failed: a RUN command ended with another status than 0 (the message says "
	       "which), or "
	       "anything without a number of its own." },
	{ "2", "The command line is wrong." },
	{ "3", "An input file is wrong: the Dockerfile, the context, an archive." },
	{ "4", "A registry or the network." },
	{ "5", "The store is damaged." },
	{ "6", "A step was not in the cache, and --fail-on-miss asked that it is." },
	{ "129, 130, 143",
	  "Ended by SIGHUP, SIGINT (^C), SIGTERM. The first one stops the running steps, a "
	  "second one kills." },
	{ "125, 126, 127",
	  "\"decant run\" alone, which else ends as the command does: decant failed, the "
	  "command cannot be executed, the command is not there." },
};

static const char *const variables[][2] = {
	{ "DECANT_ROOT", "The store, as --root." },
	{ "DECANT_CONFIG",
	  "Configuration file instead of /etc/decant/config.json and "
	  "~/.config/decant/config.json: JSON with docker's \"registry-mirrors\" and "
	  "\"insecure-registries\", and \"mirrors\" of any registry." },
	{ "DOCKER_CONFIG", "Folder of the config.json with credentials (default ~/.docker)." },
	{ "REGISTRY_AUTH_FILE",
	  "File with logins of registries, looked into first; as --authfile." },
	{ "SSL_CERT_FILE, SSL_CERT_DIR", "Authorities that are trusted instead of the system's." },
	{ "BUILDKIT_PROGRESS", "Default of \"build --progress\"." },
	{ "NO_COLOR", "If set: no colours." },
	{ "SOURCE_DATE_EPOCH",
	  "Seconds since 1970: makes builds reproducible; see decant-build(1)." },
};

static void put_pairs(const char *title, const char *const (*pairs)[2], size_t count)
{
	printf(".SH %s\n", title);
	for (size_t i = 0; i < count; i++) {
		printf(".TP\n.B ");
		put_line(pairs[i][0]);
		put_line(pairs[i][1]);
	}
}

static void put_main(void)
{
	put_head("decant");
	printf(".SH NAME\ndecant \\- build small OCI images from multistage Dockerfiles\n"
	       ".SH SYNOPSIS\n\\fBdecant\\fR [OPTIONS] COMMAND\n"
	       ".SH DESCRIPTION\n"
	       "Builds, keeps, moves and runs OCI images, without a daemon and without root.\n"
	       "What docker's commands of the same names take and print, these take and print.\n");
	for (CommandGroup group = GROUP_BUILD; group < GROUP_HIDDEN; group++) {
		AUTO_BUF Buf title = BUF_INIT;
		help_group_title(group, &title);
		printf(".SS %s\n", title.ptr);
		for (size_t i = 0; i < command_count; i++) {
			if (command_table[i]->group != group)
				continue;
			printf(".TP\n\\fBdecant\\-");
			put(command_table[i]->name);
			printf("\\fR(1)\n");
			put(command_table[i]->help);
			printf(".\n");
		}
	}
	put_options(NULL, "OPTIONS", global_options, global_option_count);
	put_pairs("EXIT STATUS", statuses, ARRAY_LEN(statuses));
	put_pairs("ENVIRONMENT", variables, ARRAY_LEN(variables));
	printf(".SH FILES\n.TP\n.I /var/lib/decant\nThe store of root.\n"
	       ".TP\n.I ~/.local/share/decant\nThe store of an ordinary user "
	       "($XDG_DATA_HOME/decant).\n");
}

static Err *run_man(Cli *cli, const void *values, const Arguments *args)
{
	const ManValues *v = values;
	if (v->list) {
		for (size_t i = 0; i < command_count; i++)
			if (command_table[i]->group != GROUP_HIDDEN)
				printf("%s\n", command_table[i]->name);
		return NULL;
	}
	if (args->count == 0) {
		put_main();
		return NULL;
	}
	int words;
	const Command *c = command_find(1, (char *const *)args->at, &words);
	if (!c)
		return cli_usage(cli, "unknown command: %s", args->at[0]);
	put_command(c);
	return NULL;
}

const Command command_man = {
	.name = "__man",
	.group = GROUP_HIDDEN,
	.synopsis = "[COMMAND]",
	.help = "Print a manual page",
	.options = man_options,
	.option_count = ARRAY_LEN(man_options),
	.values_size = sizeof(ManValues),
	.arguments_max = 1,
	.run = run_man,
};
