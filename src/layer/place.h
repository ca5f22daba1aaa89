/*
 * place.h - create the files of a layer beneath a directory, entry by entry.
 *
 * WHAT     Every name is opened beneath the root, never through a symlink; the directory of the
 * last entry is kept open, since archives and lists give the files of a directory together. What
 * stands in the way (a file where a directory comes, a link ...) is removed first; a directory on a
 * directory stays and takes the new metadata. Whiteouts become overlay's own (character device
 * 0:0), opaque directories its xattr. Device nodes that may not be made (no CAP_MKNOD) and
 * overlay's own names from outside (c 0:0, *.overlay.* xattrs) exist only in the content list.
 * ERRORS   ERR_SYSTEM, ERR_CORRUPT naming the entry
 * OWNS     root_fd and texts are borrowed
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/entry.h"
#include "fs/list.h"

typedef struct Place {
	int root_fd;
	const char *overlay_prefix; /* NULL: whiteouts and opaque marks are refused */
	int dir_fd;                 /* of the last entry's directory; -1: none */
	Buf dir;                    /* its path */
	unsigned xattrs_skipped;    /* that the file system or our rights refused */
	bool content_only; /* files get no owner, mode, xattrs nor times: the list has them */
} Place;

void place_init(Place *p, int root_fd, const char *overlay_prefix);
void place_done(Place *p);
/* Create E.  Files: *ret_fd is open for writing and must go to place_finish; else -1. */
NODISCARD Err *place_begin(Place *p, const Entry *e, int *ret_fd);
/* Owner, mode, xattrs and times of what place_begin made; closes FD if it is not -1. */
NODISCARD Err *place_finish(Place *p, const Entry *e, int fd);
/* Remove PATH and what is below it, if it is there. */
NODISCARD Err *place_remove(Place *p, Str path);
/* Set opaque on the directory PATH, which must be there. */
NODISCARD Err *place_opaque(Place *p, Str path);
/* Set the times of all directories of LIST: last, since making files in them changes them. */
NODISCARD Err *place_dir_times(Place *p, const List *list);

#define AUTO_PLACE CLEANUP(place_done)
