/*
 * fsck-internal.h - what the files of fsck/ share.
 *
 * A pass collects things to look at (an Item each), looks at them on all cores, and notes findings
 * with the way to mend each.  A repair mends in order, then a second pass looks again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "fsck/fsck.h"
#include "oci/manifest.h"

#include <pthread.h>
#include <sys/stat.h>

typedef struct Fsck Fsck;
typedef VEC(FsckFinding) Findings;
typedef struct Finding Finding;

/* How a finding is mended.  In the order in which it is done: forms are made from others before
 * what has none is dropped. */
typedef enum Fix {
	FIX_NONE,
	FIX_VERSION,
	FIX_RIGHTS,   /* owner and mode of a file of the store */
	FIX_MOVE,     /* to lost+found */
	FIX_DIR,      /* a directory of the store that is gone */
	FIX_TAR,      /* blob = diff ID: an uncompressed layer */
	FIX_PACKED,   /* .key: a compressed blob of the layer .of */
	FIX_LAYER,    /* made again from a blob, else dropped */
	FIX_MAP,      /* made again from the manifests */
	FIX_MANIFEST, /* .name forgets its manifest .key */
	FIX_REF,      /* .name is dropped: its image cannot be healed */
	FIX_REMOVE,   /* what the next build makes again */
	FIX_LAYOUT,
	FIX_COUNT
} Fix;

struct Finding {
	FsckFinding told;
	Fix fix;
	Digest key, of;
	Str name;
};

typedef struct Uses {
	VEC(uint32_t) refs; /* numbers of Fsck.refs */
	Digest digest;
	bool layer, blob; /* as what it is needed */
} Uses;

/* A name that is whole, with what its image is made of. */
typedef struct Ref {
	StoreRef ref;
	bool chosen; /* one of those that were asked for */
} Ref;

typedef Err *ItemFn(Fsck *f, const Str *path, const Digest *d);
typedef struct Item {
	ItemFn *look;
	Str path;
	Digest digest;
	uint64_t weight; /* bytes, more or less: large ones first */
} Item;

struct Fsck {
	Store *store;
	const FsckRequest *request;
	Arena *arena;          /* of the caller; under the mutex while threads run */
	pthread_mutex_t mutex; /* guards found, arena and the counts */
	VEC(Finding) found;
	VEC(Item) items;
	VEC(Ref) refs;
	Map uses;         /* hex of a blob or layer → Uses */
	Map seen;         /* layers and blobs that are items already, by "l:HEX", "b:HEX" */
	bool broken_refs; /* some name cannot be read */
	uid_t uid;        /* who owns the store */
	size_t done, blobs, layers, files;
};

/* --- fsck.c --- */
/* Text kept in the arena; from any thread. */
Str fsck_str(Fsck *f, const char *fmt, ...) PRINTF(2, 3);
/* Note a finding; KEY (may be NULL) tells the images concerned.  From any thread. */
void fsck_found(Fsck *f, const Finding *finding, const Digest *uses_of);
/* Mark those that were asked for.  ERR_NOT_FOUND. */
NODISCARD Err *fsck_choose_images(Fsck *f);
/* Is it one of a pass over chosen images, and this is not of them? */
bool fsck_is_passed_over(const Fsck *f, const Digest *d);
void fsck_item(Fsck *f, ItemFn *look, Str path, const Digest *d, uint64_t weight);
/* Look at a layer, a blob: once. */
void fsck_want_layer(Fsck *f, const Digest *diff_id);
void fsck_want_blob(Fsck *f, const Digest *d);

/* --- uses.c --- */
/* Read all names and what their images need. */
NODISCARD Err *fsck_read_refs(Fsck *f);
const Uses *fsck_uses(const Fsck *f, const Digest *d);

/* What to do about the images that need D: "'decant pull X'; build 'Y' again"; "" none needs it. */
Str fsck_advice(Fsck *f, const Digest *d);
/* What was examined as it was SEEN is damaged: marked, so that a pull or build replaces it. */
void fsck_mark(Fsck *f, StoreDamaged what, const Digest *d, const struct stat *seen, Str path,
               const char *problem);
/* Is D needed by some name as a blob: a manifest says so? */
bool fsck_uses_blob(const Fsck *f, const Digest *d);

/* The layers of images, each with its blob in the manifest. */
typedef struct FsckPair {
	Digest diff_id;
	Descriptor blob;
} FsckPair;
typedef VEC(FsckPair) FsckPairs;
/* Of all images that need D; texts live in A. */
void fsck_pairs_around(const Fsck *f, const Digest *d, Arena *a, FsckPairs *all);

/* --- parts.c --- */
NODISCARD Err *fsck_list_parts(Fsck *f);
/* A file of ours: regular, owned by us, readable, writable by nobody else.  False: told. */
bool fsck_check_file(Fsck *f, int dir_fd, const char *name, Str path, const struct stat *st,
                     const Digest *uses_of);

/* --- blobs.c, layers.c, repos.c, texts.c: ItemFn --- */
NODISCARD Err *fsck_look_blob(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_layer(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_record(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_map(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_mark(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_attest(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_manifests(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_sealed(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_list(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_log(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_ctx(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_container(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_mount(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_repo(Fsck *f, const Str *path, const Digest *d);
/* PATH is the name. */
NODISCARD Err *fsck_look_ref(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_init(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_locks(Fsck *f, const Str *path, const Digest *d);
NODISCARD Err *fsck_look_layout(Fsck *f, const Str *path, const Digest *d);

/* --- places.c --- */
bool fsck_is_lockable(Store *s);
/* What is in the place of locks/, locks/gc and tmp/ goes to lost+found. */
NODISCARD Err *fsck_mend_places(Store *s, Arena *a, Findings *ret);

/* --- repair.c --- */
/* Mend each finding; what was done is told in it. */
NODISCARD Err *fsck_repair(Fsck *f);
