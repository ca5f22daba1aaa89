/*
 * disk.h - what takes disk in the store, who holds it, and what may go.
 *
 *   disk.c         the picture: things, bytes, rows of `system df`
 *   disk_cache.c   the entries of the build cache, as `buildx du` lists them
 *   disk_choose.c  prune: what its filters choose; doing it
 *   disk_evict.c   the budget: what is worth the least by the byte
 *   disk_budget.c  when, and how far
 *
 * WHAT     disk_open() looks at all of the store (store/survey.h).  disk_choose_*() mark what is to go;
 *          disk_freed() says what that gives, to the block; disk_remove() does it.
 * LOCKS    Who removes holds the gc lock alone from before disk_open() on: what builds, pulls and saves
 *          use is out of reach then.  Who only looks needs none.
 * NEEDS    sandbox_enter()
 * ERRORS   those of the store; ERR_CANCELLED
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/container.h"
#include "store/mounts.h"
#include "store/survey.h"

typedef enum DiskRow {
	DISK_IMAGES,
	DISK_CONTAINERS,
	DISK_VOLUMES, /* there are none */
	DISK_CACHE,
	DISK_OTHER, /* names of builds, logs, what is known of contexts, locks ... */
	DISK_ROW_COUNT
} DiskRow;

/* A name in the store, or an image without one. */
typedef struct DiskRef {
	const StoreRef *ref;
	uint32_t thing;
	bool dangling; /* it has no name */
	bool used;     /* a container is of it */
	bool kept;     /* an image stream has it in its history */
	bool built;    /* it was built here: the cache makes it again */
} DiskRef;

typedef struct Disk {
	Store *store;
	Arena *arena;
	StoreSurvey survey;
	uint64_t *bytes; /* one a thing: its own, and of files with several names those it counts
	                    for */
	uint8_t *rows;   /* one a thing: DiskRow */
	Container *containers;
	size_t container_count;
	DiskRef *refs;
	size_t ref_count;
	StoreMount *mounts;
	size_t mount_count;
} Disk;

/* D is to be done in any case. */
NODISCARD Err *disk_open(Store *s, const Cancel *cancel, Arena *a, Disk *ret);
void disk_done(Disk *d);
#define AUTO_DISK CLEANUP(disk_done)

typedef struct DiskSum {
	size_t total, active;
	uint64_t bytes, reclaimable;
} DiskSum;
/* The rows of `system df`: their bytes are all that the store takes.  RECLAIMABLE is what `system
 * prune --all` frees while no container is stopped. */
void disk_sum(Disk *d, DiskSum ret[static DISK_ROW_COUNT]);

/* --- entries of the build cache --------------------------------------------------------------- */
typedef struct DiskEntry {
	Str id;           /* 12 hex digits */
	const char *type; /* "regular", "exec.cachemount", "internal" */
	Str description;  /* "RUN make"; "" not known */
	uint32_t thing;
	uint64_t bytes;
	size_t record_count;
	int64_t created_ns, used_ns, cost_ns; /* cost -1: not known */
	bool shared;                          /* an image or a container has it too */
	bool in_use;
} DiskEntry;
/* The one used last first. */
void disk_entries(const Disk *d, DiskEntry **ret, size_t *ret_count);
/* What the key of a record says of its step: "RUN make"; "" nothing. */
Str disk_record_title(Arena *a, Str text);

/* --- choosing --------------------------------------------------------------------------------- */
typedef struct DiskFilter {
	int64_t before_ns; /* made, or of the cache: used, before; INT64_MAX: any time */
	const char *const *labels, *const *not_labels; /* "key", "key=value" */
	size_t label_count, not_label_count;
	const char *id, *type; /* of cache entries; NULL: any */
	int shared, in_use;    /* of cache entries: 1 only those, -1 only others, 0 any */
} DiskFilter;
bool disk_entry_matches(const DiskEntry *e, const DiskFilter *f);
NODISCARD Err *disk_choose_containers(Disk *d, const DiskFilter *f);
/* Images that no container has; without ALL those without a name alone. */
NODISCARD Err *disk_choose_images(Disk *d, const DiskFilter *f, bool all);
/* Cache mounts that nothing uses. */
void disk_choose_mounts(Disk *d);
bool disk_container_runs(const Disk *d, Str id);
/* Without ALL what an image has too stays. */
void disk_choose_cache(Disk *d, const DiskFilter *f, bool all);
/* The least worth of the cache until NEED bytes are free; false: there is not so much.  Images that
 * were set at SINCE_NS or later stay, without a name too (INT64_MAX: none does for that). */
bool disk_choose_least(Disk *d, uint64_t need, int64_t since_ns, const DiskFilter *f);

uint64_t disk_freed(const Disk *d);
/* What the next build has to do again of what goes: seconds of steps, how many they are. */
typedef struct DiskCost {
	int64_t ns;
	size_t steps, unknown; /* .unknown: of these, those whose time is not known */
	size_t mounts, images; /* cache mounts that begin empty; images that no build here made */
} DiskCost;
DiskCost disk_cost(const Disk *d);

typedef struct DiskRemoved {
	Str *containers, *untagged; /* IDs; familiar names */
	size_t container_count, untagged_count;
	Digest *deleted; /* image IDs */
	size_t deleted_count;
	DiskEntry *entries;
	size_t entry_count;
	uint64_t bytes;
} DiskRemoved;
/* What disk_remove() will do. */
void disk_describe(Disk *d, DiskRemoved *ret);
NODISCARD Err *disk_remove(Disk *d, const Cancel *cancel, DiskRemoved *ret);
