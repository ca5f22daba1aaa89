/*
 * survey.h - all that is in a store, what it takes on the disk, and what holds what.
 *
 * WHAT     One walk of the store makes a Survey: a StoreThing for each object, name, record, container ...,
 *          with the blocks that it has to itself and the things that it names.  Then questions are asked:
 *          what is reached from these roots, what would be free if those went.  Nothing is changed.
 * BYTES    Blocks in use (st_blocks), as du counts: a file with several names once, directories too.
 *          The bytes of all things and links are those of `du -s` of the store.
 * NEEDS    sandbox_enter() where files have subordinate owners.  Of a store in motion it is a picture as
 *          good as any; with the gc lock held alone it is exact.
 * OWNS     all of it lives in the Arena given, but for store_survey_done()
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "store/store.h"

typedef enum StoreThingKind {
	STORE_THING_OBJECT, /* a digest: a layer in all its forms, a config, a manifest, a blob */
	STORE_THING_REF,    /* a name; .name as store_ref_list() has it */
	STORE_THING_CONTAINER, /* .name its ID */
	STORE_THING_RECORD,    /* of the build cache; .name the key */
	STORE_THING_MOUNT,     /* of RUN --mount=type=cache; .name the key */
	STORE_THING_JOURNAL,   /* records of builds, their logs and lists */
	STORE_THING_CONTEXTS,  /* what is known of the files of contexts */
	STORE_THING_SCRATCH,   /* of one process; .goes if that is dead */
	STORE_THING_REPLACED,  /* a damaged layer's directory; .goes if no container runs */
	STORE_THING_REPO,      /* of a registry of ours; .name the repository */
	STORE_THING_OTHER,     /* index.json, locks, directories ... */
	STORE_THING_KIND_COUNT
} StoreThingKind;

typedef struct StoreThing {
	StoreThingKind kind;
	Str name; /* OBJECT: 64 hex digits */
	uint64_t bytes;
	uint32_t *needs; /* the objects that it names */
	uint32_t need_count;
	bool is_layer; /* OBJECT */
	bool has_map, has_attest, has_blob;
	bool goes;          /* set by who asks: as if it was not there */
	Str text;           /* RECORD, CONTAINER: what the file says */
	uint32_t layer;     /* RECORD: the layer that its step made; STORE_THING_NONE */
	uint32_t index;     /* REF: the index that it keeps, but not what that lists; or NONE */
	int64_t cost_ns;    /* RECORD: what the step took; -1: not known */
	int64_t created_ns; /* RECORD */
	int64_t used_ns;    /* RECORD, MOUNT: last use; REF: when it was set */
} StoreThing;
#define STORE_THING_NONE UINT32_MAX

/* A file with several names. */
typedef struct StoreLink {
	uint64_t bytes;
	uint32_t names; /* st_nlink */
	VEC(uint32_t) holders;
} StoreLink;

typedef struct StoreSurvey {
	Store *store;
	Arena *arena;
	VEC(StoreThing) things;
	VEC(StoreLink) links;
	Map objects;      /* hex → number of the thing + 1 */
	Map inodes;       /* of links: inode number → number + 1 */
	uint32_t *layout; /* objects that index.json names */
	uint32_t layout_count;
} StoreSurvey;

/* SURVEY is to be done in any case. */
NODISCARD Err *store_survey(Store *s, const Cancel *cancel, Arena *a, StoreSurvey *ret);
void store_survey_done(StoreSurvey *v);
/* The object HEX; STORE_THING_NONE. */
uint32_t store_survey_find(const StoreSurvey *v, Str hex);

typedef bool StoreThingFn(void *context, const StoreThing *t);
/* Which objects the things that FN wants lead to: one bool a thing, in the arena. */
bool *store_survey_reach(const StoreSurvey *v, StoreThingFn *fn, void *context);
/* What is free if all that .goes goes, and after it what nothing needs any more; RET_GONE (may be
 * NULL): one bool a thing. */
uint64_t store_survey_freed(const StoreSurvey *v, bool **ret_gone);
/* Are all its names among what is GONE? */
bool store_link_is_gone(const StoreLink *link, const bool *gone);
uint64_t store_survey_total(const StoreSurvey *v);
