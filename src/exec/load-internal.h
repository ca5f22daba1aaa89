/*
 * load-internal.h - an image archive on its way into the store: what the load_*.c files share.
 *
 *   load.c         the story: unwrap, spool, read documents, commit
 *   load_spool.c   the members of the archive as scratch files with digests
 *   load_oci.c     index.json → LoadImages
 *   load_docker.c  manifest.json → LoadImages
 *   load_commit.c  LoadImages → layers, configs, names
 *   load_root.c    a root file system tar → an image of one layer
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "exec/load.h"

typedef struct Member {
	Str name;     /* clean path in the archive */
	Str link;     /* of a link: the clean path of the member it means; "" else */
	char tmp[32]; /* scratch file; gone once it was published as a blob */
	uint64_t size;
	Digest digest;
} Member;

typedef struct Spool {
	Store *store;
	const Cancel *cancel;
	Arena *arena; /* borrowed: of the whole load */
	int tmp_fd;   /* the store's */
	Map members;  /* name → Member */
} Spool;

/* Read all members of the tar stream TAR into scratch files. */
NODISCARD Err *load_spool_read(Spool *spool, Reader *tar);
void load_spool_done(Spool *spool); /* removes what was not published */
/* The file that NAME is, links followed within the archive; NULL if there is none. */
const Member *load_spool_find(const Spool *spool, Str name);
NODISCARD Err *load_spool_open(const Spool *spool, const Member *m, int *ret_fd);
NODISCARD Err *load_spool_read_file(const Spool *spool, const Member *m, size_t limit, Buf *out);

typedef struct LoadLayer {
	const Member *member;
	Str media_type; /* of the descriptor; "" in docker archives, which say nothing */
} LoadLayer;

typedef struct LoadImage {
	Digest id;
	Str config_json;
	ImageConfig config;
	LoadLayer *layers; /* config.diff_id_count of them */
	Str manifest_json; /* "" in docker archives */
	Digest manifest;   /* zero in docker archives */
	Str *names;        /* full references */
	size_t name_count;
} LoadImage;

typedef VEC(LoadImage) LoadImages;

NODISCARD Err *load_oci_read(const Spool *spool, LoadImages *ret);
NODISCARD Err *load_docker_read(const Spool *spool, LoadImages *ret);
/* The config of an image, checked; it has COUNT layers. */
NODISCARD Err *load_config_read(const Spool *spool, const Member *m, size_t count, LoadImage *ret);
/* Add NAME, as it stands in an archive, to the names of IMAGE. */
NODISCARD Err *load_name_add(const Spool *spool, LoadImage *image, Str name);
NODISCARD Err *load_commit(const Spool *spool, const LoadImages *images);
