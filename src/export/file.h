/*
 * file.h - the file that a command writes where the user says: under another name until it is
 * whole.
 *
 * WHAT     open, write to .fd, commit.  A pipe or a device is written as it is and stays what it is;
 *          of a symlink its target is the file.  What is not committed is removed.
 * ERRORS   ERR_INPUT a directory, a terminal     ERR_SYSTEM the others, naming DEST
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

typedef struct ExportFile {
	int fd;       /* to write to */
	int dir_fd;   /* where it lies; -1: standard output, or a pipe of another */
	char tmp[40]; /* its name until it is whole; "": there is none */
	char name[256];
} ExportFile;

#define EXPORT_FILE_NONE ((ExportFile){ .fd = -1, .dir_fd = -1 })

/* The file is a pipe that is there: FD stays the caller's. */
NODISCARD Err *export_file_dup(int fd, ExportFile *ret);
/* DEST "-": standard output, unless it is a terminal (ERR_INPUT). */
NODISCARD Err *export_file_open(Str dest, ExportFile *ret);
/* Put the file in place of DEST. */
NODISCARD Err *export_file_commit(ExportFile *f);
/* Close; what was not committed is removed. */
void export_file_done(ExportFile *f);
#define AUTO_EXPORT_FILE CLEANUP(export_file_done)
