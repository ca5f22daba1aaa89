/*
 * fsck.h - is every file of a store what it says it is?  And making it so again.
 *
 * WHAT     Looks at all that lies in a store: names, blobs by their digests, layers file by file
 *          against their content lists, lists, sealed texts, records, journal, containers; at
 *          missing files, foreign ones, wrong kinds, owners and rights.  With .repair what is
 *          damaged is made again from another form, or taken away with all that needs it; foreign
 *          files go to lost+found.  Each of these is a finding.
 * NOT      The files in cache mounts and of containers: they change, nothing says what they were.
 * LOCKS    To look: the gc lock shared, beside builds.  To repair: alone, waits for them.
 * ROOT     after sandbox_enter() where files have subordinate owners; starts threads
 * ERRORS   ERR_SYSTEM, ERR_CANCELLED, ERR_NOT_FOUND an image that was named; damage is no error
 * OWNS     texts live in the Arena given
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/parts.h"

typedef struct FsckFinding {
	Str path;    /* below the store */
	Str problem; /* "has other content than its name says" */
	Str *images; /* names of images that need it */
	size_t image_count;
	Str advice; /* what heals it, after a repair too; "" nothing is lost by it */
	Str done;   /* what a repair did; "" nothing */
} FsckFinding;

typedef struct FsckRequest {
	bool repair, quick;
	StoreVersionState version; /* as store_open_any told it */
	const Str *images;         /* full references: only these; count 0: all */
	size_t image_count;
	const char *overlay_prefix;
	const Cancel *cancel;
	/* Told now and then, from any thread; may be NULL. */
	void (*progress)(void *context, size_t done, size_t total);
	void (*waits)(void *context); /* for running builds; may be NULL */
	void *context;
} FsckRequest;

typedef struct FsckReport {
	FsckFinding *findings; /* in the order of their paths; repaired ones first */
	size_t count;
	size_t left; /* of these, not repaired */
	size_t images, blobs, layers, files;
} FsckReport;

NODISCARD Err *fsck_run(Store *s, const FsckRequest *request, Arena *a, FsckReport *ret);
