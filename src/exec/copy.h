/*
 * copy.h - what a COPY or ADD takes, and where it goes: shared by key.c and op_copy.c.
 *
 * WHAT     CopySet is all files that one instruction takes, with their content's digest, before any
 *          destination is known; copy_list turns it into the entries of the new layer.
 * SOURCE   FEATURES A.6
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"
#include "fs/match.h"

/* One file to be copied. */
typedef struct CopyFile {
	Entry entry; /* path below its match: "" for the match itself; hardlink targets as well */
	OriginKind origin;
	Str source;       /* path in the context or the origin's root */
	const View *view; /* ORIGIN_STEP: where it is */
	size_t layer;     /* ORIGIN_STEP: index in that view */
	Entry from;       /* ORIGIN_STEP: the entry in the origin */
	Str body;         /* ORIGIN_INLINE */
	bool implied;     /* a directory that is here only for what is below it (CopyWant) */
	bool unpacked;    /* of an archive: source is below the store's scratch directory */
} CopyFile;

typedef struct CopyMatch {
	Str name;   /* what a file is called in a directory */
	Str source; /* as the user wrote it, for messages */
	Span span;
	bool is_dir;
	bool fetched; /* by this ADD itself */
	CopyFile *files;
	size_t count;
} CopyMatch;

typedef struct CopySet {
	CopyMatch *matches;
	size_t count;
	Context *context;    /* ORIGIN_CONTEXT: which */
	View *origin;        /* ORIGIN_STEP: kept open for reading files */
	VEC(View *) fetched; /* the same of what was fetched */
	Arena arena;         /* all of the above */
} CopySet;

void copy_set_done(CopySet *set);
/* Everything the step takes; done once and kept in the step's state until the build ends. */
NODISCARD Err *copy_select(Build *b, const Step *step, CopySet **ret);
/* The same of sources that no COPY names; the caller frees it. */
NODISCARD Err *copy_select_args(Build *b, const CopyArgs *c, CopySet **ret);
/* Lines for the key: one a file, without the mtimes of untimed ones (Entry); a long list is one
 * line, and added to LISTS. */
NODISCARD Err *copy_context_inputs(Build *b, const Step *step, Buf *out, KeyLists *lists);
void copy_content_inputs(const CopySet *set, Buf *out, KeyLists *lists);

/* The entries of the layer, with DEST looked up in the parent's root; *ret_sources: path in the
 * layer → CopyFile, for files whose bytes come from one. */
NODISCARD Err *copy_list(Build *b, const Step *step, CopySet *set, const View *parent, Arena *a,
                         List **ret_list, Map *ret_sources);

/* copy_stack.c: the layer that the step would make is one of those that it copies from.  *ret_found
 * false: it has to be made, or nobody can say without looking at each file. */
NODISCARD Err *copy_stack(Build *b, const Step *step, StoreLayer *ret, bool *ret_found);

/* The content of F, a file of SET, for reading. */
NODISCARD Err *copy_open(Build *b, const CopySet *set, const CopyFile *f, int *ret_fd);

/* --- copy_write.c: without a layer --- */
#define COPY_FILE_NAME "file"
/* The one match of SET into the empty directory DIR_FD: what is in it if it is a directory, with
 * its owner and mode on DIR_FD; else a file called COPY_FILE_NAME. */
NODISCARD Err *copy_write(Build *b, const CopySet *set, int dir_fd);

/* --- copy_filter.c --- */
/* What of one source is wanted: --parents, --exclude. */
typedef struct CopyWant {
	Str path;           /* the source; with --parents: the directory before its pivot */
	bool filtered;      /* filter says what is wanted of directories */
	MatchFilter filter; /* include: NULL unless --parents */
	Ignore include, exclude;
	Str required; /* path below .path that must be there, "" none */
} CopyWant;
/* *ret points into itself: it must stay where it is. */
NODISCARD Err *copy_want(const CopyArgs *c, const CopySource *source, Arena *a, CopyWant *ret);
/* Is what is required among MATCHES? */
bool copy_want_is_met(const CopyWant *want, const CopyMatch *matches, size_t count);
/* ERR: what is required is not there; why not, although the path exists. */
NODISCARD Err *copy_want_note(const CopyWant *want, Err *err);

/* --- copy_origin.c --- */
/* The matches of SOURCE in the step that C copies from are added to *OUT. */
typedef VEC(CopyMatch) CopyMatches;
NODISCARD Err *copy_origin_select(Build *b, const CopyArgs *c, CopySet *set,
                                  const CopySource *source, const CopyWant *want, CopyMatches *out);

/* All of PATH in VIEW that is wanted, as one match; "" is the root. */
NODISCARD Err *copy_origin_take(View *view, const CopySource *source, const CopyWant *want,
                                Str path, Arena *a, CopyMatches *out);

/* --- copy_fetched.c: ADD of URLs and repositories --- */
NODISCARD Err *copy_select_fetched(Build *b, const CopyArgs *c, CopySet *set,
                                   const CopySource *source, CopyMatches *out);

/* --- chown.c --- */
typedef struct CopyOwner {
	bool set;
	uint32_t uid, gid;
} CopyOwner;
NODISCARD Err *copy_owner(const View *parent, Str text, Span span, CopyOwner *ret);

/* --- archive.c: ADD of local archives --- */
/*
 * If the file FD is an archive (by its content, never by its name), its entries, and its files
 * below *ret_dir, a name in the store's scratch directory.  *ret_list NULL: it is none.
 */
NODISCARD Err *archive_unpack(Build *b, int fd, Str name, Arena *a, Str *ret_dir, List **ret_list);
