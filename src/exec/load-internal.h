/*
 * load-internal.h - an image archive on its way into the store: what the load_*.c files share.
 *
 *   load.c         the story: unwrap, spool, read documents, commit
 *   load_spool.c   the members of the archive as scratch files with digests
 *   load_folder.c  the same of a folder
 *   load_oci.c     index.json → LoadImages
 *   load_docker.c  manifest.json → LoadImages
 *   load_wanted.c  of the LoadImages those for some platforms
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
	int dir_fd; /* of a folder, whose files are members once they are looked for; -1: an archive
	             */
	bool flat;  /* the members are named as skopeo's dir: names them (load_oci.c) */
	const Cancel *cancel;
	Arena *arena; /* borrowed: of the whole load */
	int tmp_fd;   /* the store's */
	Map *members; /* name → Member */
} Spool;

/* Read all members of the tar stream TAR into scratch files. */
NODISCARD Err *load_spool_read(Spool *spool, Reader *tar);
void load_spool_done(Spool *spool); /* removes what was not published */
/* The bytes that READ gives, to their end, as the content of M. */
typedef Err *LoadRead(void *context, void *buf, size_t cap, size_t *ret_len);
NODISCARD Err *load_spool_write(const Spool *spool, LoadRead *read, void *context, Member *m);
/* The file NAME of the folder becomes a member; none of this name: nothing. */
NODISCARD Err *load_folder_take(const Spool *spool, Str name);
/* The file that NAME is, links followed within the archive or folder; *RET NULL if there is none.
 */
NODISCARD Err *load_spool_find(const Spool *spool, Str name, const Member **ret);
NODISCARD Err *load_spool_open(const Spool *spool, const Member *m, int *ret_fd);
NODISCARD Err *load_spool_read_file(const Spool *spool, const Member *m, size_t limit, Buf *out);

typedef struct LoadLayer {
	const Member *member;
	Str media_type; /* of the descriptor; "" in docker archives, which say nothing, and where it
	                 * is wrong in skopeo's dir: */
} LoadLayer;

typedef struct LoadImage {
	Digest id;
	Str config_json;
	ImageConfig config;
	LoadLayer *layers; /* config.diff_id_count of them */
	Str manifest_json; /* "" in docker archives, and where a layer's type is wrong */
	Digest manifest;   /* zero then */
	Str *names;        /* full references */
	size_t name_count;
} LoadImage;

typedef VEC(LoadImage) LoadImages;

NODISCARD Err *load_oci_read(const Spool *spool, LoadImages *ret);
/* M is the manifest.json of a layout without names (spool->flat), as skopeo's dir: and podman's
 * docker-dir have it. */
NODISCARD Err *load_flat_read(const Spool *spool, const Member *m, LoadImages *ret);
/* M is a docker archive's manifest.json.  *ret_flat: it is a manifest itself, nothing is read. */
NODISCARD Err *load_docker_read(const Spool *spool, const Member *m, LoadImages *ret,
                                bool *ret_flat);
/* The config of an image, checked; it has COUNT layers. */
NODISCARD Err *load_config_read(const Spool *spool, const Member *m, size_t count, LoadImage *ret);
/* Add NAME, as it stands in an archive, to the names of IMAGE. */
NODISCARD Err *load_name_add(const Spool *spool, LoadImage *image, Str name);
/* Leave in IMAGES what is WANTED. */
NODISCARD Err *load_wanted_keep(const Spool *spool, const LoadWanted *wanted, LoadImages *images);
NODISCARD Err *load_commit(const Spool *spool, const LoadImages *images);
