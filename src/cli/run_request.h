/*
 * run_request.h - what `run` and `shell` have in common: options of the command line → a
 * ContainerRequest.
 *
 * ERRORS   mistakes of the command line, with cli->usage_error
 * OWNS     texts are borrowed from argv and the environment, or live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"

typedef struct RunRequestValues {
	OptionList env, volumes;
	const char *network, *pull, *user, *working_dir;
} RunRequestValues;

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses): members take none */
/* For a table of options: TYPE has the RunRequestValues MEMBER. */
#define RUN_REQUEST_OPTIONS(type, member)                                                          \
	{ .name = "env", .letter = 'e', .kind = OPTION_LIST, .offset = offsetof(type, member.env), \
	  .help = "Environment: NAME=VALUE, or NAME to take it from the environment" },            \
	{ .name = "network", .kind = OPTION_TEXT, .choices = "default,none,host",                  \
	  .offset = offsetof(type, member.network), .help = "default, none or host" },             \
	{ .name = "pull", .kind = OPTION_TEXT, .choices = "always,missing,never",                  \
	  .offset = offsetof(type, member.pull),                                                   \
	  .help = "Get the image before: always, missing or never (default missing)" },            \
	{ .name = "user", .letter = 'u', .kind = OPTION_TEXT,                                      \
	  .offset = offsetof(type, member.user), .help = "USER[:GROUP], names or numbers" },       \
	{ .name = "volume", .letter = 'v', .kind = OPTION_LIST,                                    \
	  .offset = offsetof(type, member.volumes),                                                \
	  .help = "Directory of the host in the container: HOST:CONTAINER[:ro]" },                 \
	{ .name = "workdir", .letter = 'w', .kind = OPTION_TEXT,                                   \
	  .offset = offsetof(type, member.working_dir), .help = "Working directory" }
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

/* What they say, but for --pull, added to R. */
NODISCARD Err *cli_run_given(Cli *cli, const RunRequestValues *v, ContainerRequest *r);
/* -it where standard input is none; docker ends with 1. */
ERR_MAKER Err *cli_no_terminal(void);
/* "" for NULL, as requests have what was not given. */
Str cli_run_text(const char *text);
/* The image NAME for PLATFORM (NULL: this machine's), fetched (QUIET: without a word) by --pull
 * always|missing|never (NULL: missing); after sandbox_enter. */
NODISCARD Err *cli_run_image(Cli *cli, Store *s, const char *name, const char *pull,
                             const char *platform, bool quiet, Image *ret);
