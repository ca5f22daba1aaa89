/*
 * extract.h - a tar stream → entries in a list, and files beneath a directory.
 *
 * WHAT     Reads all entries, checks them, hashes the files' content, gives them to a ListBuilder
 * and, if there is a directory, creates them there.  In a layer ".wh.x" means that x is gone and
 *          ".wh..wh..opq" that the directory hides what is below; in a plain archive (ADD, a
 *          context) such names are refused, since they would turn into whiteouts in the image, and
 *          entries may be named through links of the archive (layer/follow.h).
 * ERRORS   ERR_CORRUPT naming the entry
 * SOURCE   OCI image-spec layer.md, "Whiteouts"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "codec/tar.h"
#include "fs/list.h"

typedef struct Extract {
	int root_fd;                /* -1: only the list is made */
	bool layer;                 /* whiteouts are understood */
	bool untimed;               /* all entries are (Entry.untimed) */
	bool content_only;          /* on disk only names and bytes: no owner needs rights */
	const char *overlay_prefix; /* for whiteouts on disk; may be NULL if root_fd is -1 */
	const Cancel *cancel;
} Extract;

/* *ret_list is set only on success. */
NODISCARD Err *extract_tar(const Extract *how, Reader *tar, List **ret_list);
