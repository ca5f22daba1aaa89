/*
 * complete_dockerfile.h - candidates that stand in the Dockerfile of the command line: its stages,
 * its arguments.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

typedef enum CompleteKind { COMPLETE_STAGES, COMPLETE_ARGS } CompleteKind;

typedef struct Candidate {
	const char *text; /* "builder", "VERSION=" */
	const char *help; /* the comment above it, "" if it has none */
} Candidate;

/* WORDS: the command line behind the command's name, without the word that is being written.  A
 * Dockerfile that cannot be found or read has no candidates; "-" is not read. */
void complete_dockerfile(Arena *a, const Command *command, int count, char *const *words,
                         CompleteKind kind, Candidate **ret, size_t *ret_count);
