/*
 * names.h - the programs that decant answers for, by the name that it was called under.
 *
 * WHAT     A symlink `docker` to decant takes docker's command lines, and ends with docker's statuses;
 *          so do `podman`, `buildah`, and kaniko's `executor`.  THE table is in names.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

typedef struct ProgramWord {
	const char *word, *ours; /* "bud": "build" */
} ProgramWord;

struct Program {
	const char *name;
	const char *first;        /* each command line begins with this word; NULL: as given */
	const char *alone;        /* ... unless it is this one; NULL: none */
	const char *context;      /* of builds that name none; NULL: they must */
	const ProgramWord *words; /* commands that are called otherwise there */
	size_t word_count;
	bool docker_options;               /* global ones, of docker and podman */
	bool docker_statuses;              /* 125 for options it does not know, else 1 */
	const char *version, *version_end; /* what stands around it in --version */
};

/* That of the last component of ARGV0; decant's own for names that are not in the table. */
const Program *program_find(const char *argv0);
/* ARGV (without the program) as decant has it, NULL at its end; in A. */
char **program_words(const Program *p, int argc, char **argv, Arena *a, int *ret_argc);
/* TEXT as whoever called NAME may type it: "'decant images' shows them" becomes 'docker images'.
 * The word is changed where a command's name follows. */
void program_text(const char *name, Str text, Buf *out);
/* Options before the command that P takes beside decant's: into GlobalValues. */
extern const Option program_options[];
extern const size_t program_option_count;
