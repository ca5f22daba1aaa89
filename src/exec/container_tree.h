/*
 * container_tree.h - the files of a container or an image: in and out.
 *
 * WHAT     The root is that of the running container, or it is mounted for us.  Paths in it are resolved
 *          with its own symlinks, which never lead out of it (CVE-2018-15664, CVE-2019-14271: no code or
 *          library of the container is run or loaded).
 * RULES    docker cp's: a file to a file or into a directory, a directory's content where nothing is,
 *          the directory itself into one that is there, or its content if SRC ends in "/.".
 * ERRORS   ERR_NOT_FOUND, ERR_INPUT naming the path
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/stream.h"
#include "exec/container.h"

/* Where files are: a root, and what was typed; a host's root and an absolute path serve as well. */
typedef struct TreePlace {
	int root_fd;
	Str path; /* as typed: a "/" or "/." at its end counts */
	bool host;
	Str owner; /* container or image, for messages */
} TreePlace;

typedef struct TreeCopy {
	bool archive;     /* owners stay; else they are root, on the host the caller */
	bool follow_link; /* of the source itself */
	const Cancel *cancel;
	unsigned skipped; /* filled: devices that were left out */
} TreeCopy;

/* C, or if it is NULL the image.  MOUNTS: of one that runs also what is mounted in it.
 * *ret_lock_fd: keeps one that does not run from being started meanwhile; -1.  The store is not to
 * be used any more. */
NODISCARD Err *tree_open(Store *s, const Container *c, const Image *image, bool mounts, Arena *a,
                         int *ret_root_fd, int *ret_lock_fd);
/* The process that is PID 1 inside of C, which runs. */
NODISCARD Err *tree_first_process(const Container *c, pid_t *ret);
NODISCARD Err *tree_copy(const TreePlace *from, const TreePlace *to, TreeCopy *how);
/* As a tar archive: what FROM names, under its last component; "/" : all, without a top. */
NODISCARD Err *tree_write_tar(const TreePlace *from, const TreeCopy *how, Writer *out);
/* An archive into the directory TO, which must be there. */
NODISCARD Err *tree_read_tar(Reader *tar, const TreePlace *to, const TreeCopy *how);
