/*
 * command.h - what a command is, and what main.c gives to it.
 *
 * One file a command: src/cli/cmd_<name>.c defines `const Command command_<name>`, and the table in
 * commands.c names it.  Dispatch, help, man pages and completion come from there.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "cli/options.h"
#include "exec/image.h"
#include "store/store.h"
#include "ui/ui.h"

typedef struct Command Command;
typedef struct Program Program; /* names.h */

/* The run of one command. */
typedef struct Cli {
	const Program *program; /* whose name it was called by */
	const Command *command;
	const char *called; /* as it was called: "images", "image ls" */
	Arguments words;    /* the command line from the command's name on */
	const char *root;   /* --root, NULL: the default */
	bool debug;
	Arena *arena;      /* lives until the program ends */
	int exit_status;   /* of a run without an Err: set by the command if it is not 0 */
	bool usage_error;  /* the Err is about the command line */
	bool option_error; /* ... about an option, found before the command began */
	Store *store;      /* opened by cli_store(), closed by main */
	Cancel cancel;     /* opened by cli_cancel(), closed by main */
	bool cancel_open;
} Cli;

typedef enum CommandGroup {
	GROUP_BUILD,
	GROUP_IMAGES,
	GROUP_CONTAINERS,
	GROUP_CLUSTER, /* builds that are remembered, and their streams */
	GROUP_OTHER,
	GROUP_HIDDEN,
} CommandGroup;

struct Command {
	const char *name;
	const char *aliases; /* other spellings with commas: "image ls,image list"; NULL: none */
	CommandGroup group;
	const char *synopsis; /* after the name: "[OPTIONS] PATH | -" */
	const char *help;     /* one line, no full stop */
	const char *about; /* paragraphs for --help and the man page, "\n\n" between; NULL: none */
	const Option *options;
	size_t option_count;
	/* of these options those that the command refuses itself, with commas: not in help, man
	 * page and completion; NULL: none */
	const char *refuses;
	size_t values_size;             /* of the struct that the options fill; zeroed before */
	void (*defaults)(void *values); /* sets what is not 0 by default; NULL: nothing */
	unsigned arguments_min, arguments_max; /* UINT_MAX: any */
	const char *choices;                   /* for completion of arguments, as Option.choices */
	bool stop_at_argument;                 /* `run IMAGE COMMAND -x` */
	int failure_status; /* exit status of every failure of our own (run: 125); 0: by kind */
	Err *(*run)(Cli *cli, const void *values, const Arguments *args);
	/* Plumbing that reads its own command line, instead of run. */
	int (*run_raw)(int argc, char **argv);
};

/* THE table (commands.c). */
extern const Command *const command_table[];
extern const size_t command_count;
/* Options that every command takes. */
typedef struct GlobalValues {
	const char *root;
	bool debug, help, version;
	const char *config; /* of docker */
	OptionList ignored;
} GlobalValues;
extern const Option global_options[];
extern const size_t global_option_count;

/* The command that ARGV begins with; *ret_words: how many words its name took.  NULL: none. */
const Command *command_find(int argc, char *const *argv, int *ret_words);
/* Is NOUN the first word of "image ls", ...? */
bool command_is_noun(const char *noun);
/* What users type for it: "cache ls" where the name, of pages and files, is "cache-ls". */
const char *command_title(const Command *c, Arena *a);
/* All spellings of a command, NULL at the end: its title first, and no "cache-ls". */
const char *const *command_spellings(const Command *c, Arena *a);
/* Is O, an option of C or a global one (C may be NULL), in help, man page and completion? */
bool command_shows(const Command *c, const Option *o);

/* --- help.c ----------------------------------------------------------------------------------- */
/* PROGRAM: as it is called, "decant" */
void help_main(const char *program);
void help_command(const char *program, const Command *c);
void help_noun(const char *program, const char *noun);
void help_group_title(CommandGroup group, Buf *out);

/* --- for commands ----------------------------------------------------------------------------- */

/* A mistake on the command line: exit status 2 and a pointer to --help. */
NODISCARD Err *cli_usage(Cli *cli, const char *fmt, ...) PRINTF(2, 3);
/* A name of the command line: a bad one is a mistake there. */
NODISCARD Err *cli_reference(Cli *cli, const char *text, Reference *ret);
/* TEXT, which the user typed for an image, without podman's "docker://" before the name. */
const char *cli_image_name(const char *text);
/* May REF become an image's name?  Not what reads as an ID: "sha256:abc". */
NODISCARD Err *cli_new_name(Cli *cli, const Reference *ref);
/* E (taken, given back) of something done with NAME: was it that NAME is none? */
NODISCARD Err *cli_of_name(Cli *cli, const char *name, Err *e);
/* image_find() for a name of the command line; S NULL: there is no store, so no image. */
NODISCARD Err *cli_image(Cli *cli, Store *s, const char *name, Image *ret);
/* The same for PLATFORM, the value of an option; NULL: what the name means by itself. */
NODISCARD Err *cli_image_for(Cli *cli, Store *s, const char *name, const char *platform,
                             Image *ret);
/* The store of --root, opened at the first call. */
NODISCARD Err *cli_store(Cli *cli, Store **ret);
/* The same for commands that only look: nothing is created, *RET is NULL if there is no store. */
NODISCARD Err *cli_store_existing(Cli *cli, Store **ret);
/* A text of the user's docker settings (config.json): "imagesFormat".  NULL: none, or
 * the file cannot be read. */
const char *cli_docker_setting(Cli *cli, const char *key);
/* From the first call on ^C, SIGTERM and SIGHUP set this; a second one kills. */
NODISCARD Err *cli_cancel(Cli *cli, Cancel **ret);
/* What the handlers tell about it (ui_signal_*); NULL: nothing any more. */
void cli_watch_ui(Ui *ui);
/* What the user can do is noted in ERR (taken, given back), for causes that any command may meet: a
 * full disk. */
NODISCARD Err *cli_advise(const Cli *cli, Err *err);
/* Print ERR (taken), go on, and end with its exit status. */
void cli_report(Cli *cli, Err *err);
int cli_status_of(const Cli *cli, const Err *err);
/* What --debug adds below an error: its kind, errno, the status of the user's command. */
void cli_print_debug(const Err *err);
