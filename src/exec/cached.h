/*
 * cached.h - results that a cache elsewhere has (--cache-from), and giving ours away (--cache-to).
 *
 *   cached.c        a key that the store does not know → a result that a cache has
 *   cached_fetch.c  the layers of such results: only those that something looks into
 *   cached_out.c    what a build knows → the records of a cache
 *
 * WHAT     While a build only looks up, a cache's word is taken (StepState.unverified) and no layer
 *          is fetched.  Before anything runs, what runs or ends in the image needs its layers: they
 *          come side by side, each verified by digest, diff ID and identity.  A result whose layer
 *          cannot be had, or is another, is unknown again, and so is all that was built on it.
 * ERRORS   ERR_CANCELLED and those of the store; those of a cache are warnings
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

/* Is it worth asking?  Caches that were named, and a step that is not known and may be taken. */
bool cached_is_wanted(const Build *b);
/* The result that a cache has for KEY; nothing is fetched. */
bool cached_find(const Build *b, const Digest *key, StepResult *ret);
/* The same with its layer here and verified.  PARENT's layers are here. */
NODISCARD Err *cached_take(Build *b, const Step *step, const Digest *key, StepResult *ret,
                           bool *ret_found);
/* Is anything known by a cache's word alone? */
bool cached_is_used(const Build *b);
/* All layers that missing steps and the result need are here, or are to be made.  Before
 * schedule_run(), after sandbox_enter(); no thread is left. */
NODISCARD Err *cached_need_layers(Build *b);

/* The layer of R is here.  *ret_true: it is what R says. */
NODISCARD Err *cached_check(Build *b, StepResult *r, bool *ret_true);
/* From any cache that has it.  *ret_here false: none, each was told. */
NODISCARD Err *cached_fetch(Build *b, const Digest *diff_id, unsigned line, bool *ret_here);

/* --- out ---------------------------------------------------------------------------------------
 */

/* Every step that is known, into the build's arena. */
NODISCARD Err *cached_gather(Build *b, CacheRecords *ret);
/* For cached_gather(). */
void cached_note_image(Build *b, const CacheImage *image);
/* Records of what stage TARGET is made of, as an image's config has them; IMAGE: when it got
 * its times, NULL while that is looked for. */
NODISCARD Err *cached_inline(Build *b, const PlanStage *target, const ImageConfig *config,
                             CacheImage *image, Arena *a, Str *ret);
