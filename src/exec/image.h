/*
 * image.h - images in the store, as commands speak of them.
 *
 * WHAT     Finds an image by name or ID prefix, reads its config, adds up its size, tags, untags.
 *          ID = config digest.
 * ERRORS   ERR_NOT_FOUND "No such image: x"; ERR_INPUT ambiguous ID prefix
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oci/config.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/store.h"

typedef struct Image {
	Digest id;
	Str ref;            /* full reference it was found under; "" if by ID alone */
	StoreRef store_ref; /* name "" if by ID alone; it may have images for other platforms too */
	Str config_json;
	ImageConfig config;
	uint64_t size_bytes; /* sum of the uncompressed layers (file sizes) */
	bool lacks_layers;   /* one is not in the store: size_bytes is without it */
} Image;

/* "No such image: NAME:TAG", of kind ERR_NOT_FOUND. */
NODISCARD Err *image_no_such(Str name);
/* NAME: a reference, an ID or a prefix of one (>= 1 hex digits), with or without "sha256:". */
NODISCARD Err *image_find(Store *s, Str name, Arena *a, Image *ret);
NODISCARD Err *image_read(Store *s, const Digest *id, Arena *a, Image *ret);
/* The same for PLATFORM (NULL: what the name means by itself).  ERR_NOT_FOUND lists the platforms
 * that there are. */
NODISCARD Err *image_find_for(Store *s, Str name, const Platform *platform, Arena *a, Image *ret);
/* All images of the name that IMAGE was found under, one a platform, in the order of its index;
 * IMAGE alone if it has no such name. */
NODISCARD Err *image_all(Store *s, const Image *image, Arena *a, Image **ret, size_t *ret_count);
/* "the store has it for ..." noted in E (taken, given back). */
NODISCARD Err *image_note_platforms(Store *s, const Image *image, Arena *a, Err *e);
/* All names (full references) of an image, by name; untagged marks are not among them. */
NODISCARD Err *image_names(Store *s, const Digest *id, Arena *a, Str **ret, size_t *ret_count);
/* Is every layer of the image here, and whole?  A layer that a power cut damaged is dropped with
 * all names that need it, and the error says so.  Needs sandbox_enter(). */
NODISCARD Err *image_check(Store *s, const Image *image);
/* The same for one layer; ERR_NOT_FOUND, ERR_CORRUPT. */
NODISCARD Err *image_check_layer(Store *s, const Digest *diff_id, const Cancel *cancel);
/* Remove the names of all images that have this layer; *ret_names lists them, for the user. */
/* CONFIG has lost a name to what was built anew.  If it has no other and cannot be used, as a layer
 * of it is damaged or gone, it goes, with what is damaged in it and nobody else needs. */
NODISCARD Err *image_forget_damaged(Store *s, const Digest *config);
NODISCARD Err *image_forget_layer(Store *s, const Digest *diff_id, Arena *a, Str *ret_names);

/* --- image_platforms.c ------------------------------------------------------------------------ */

/* REF's image that runs best on PLATFORM; NULL: none does, or REF is one image alone. */
const StoreVariant *image_variant(const StoreRef *ref, const Platform *platform, Arena *a);
/* ONE, pulled for PLATFORM, gets its name, or joins the images that the name has of the same index.
 * If the name leads to something else *RET_JOINED is false, and only with REPLACE does it move. */
NODISCARD Err *image_name_pulled(Store *s, const StoreRef *one, const Platform *platform,
                                 bool replace, const Cancel *cancel, bool *ret_joined);

/* --- image_remove.c --------------------------------------------------------------------------- */

typedef struct ImageRemoved {
	Str *untagged; /* familiar names, and NAME@DIGEST with the last tag of a repository */
	size_t untagged_count;
	Digest *deleted; /* image IDs */
	size_t deleted_count;
} ImageRemoved;
/* docker's rmi: one of several names is only taken away; an ID with several names needs FORCE, and
 * so does an image of a container.  What a running container uses loses its name at most, never its
 * layers. ERR_INPUT "conflict: ...". */
NODISCARD Err *image_remove(Store *s, Str name, bool force, Arena *a, ImageRemoved *ret);
/* Of NAME's images those for PLATFORMS alone, from every name that has them.  ERR_NOT_FOUND lists
 * the platforms that there are; ERR_INPUT "conflict: ..." while a container of it runs. */
NODISCARD Err *image_remove_platforms(Store *s, Str name, const Platform *platforms, size_t count,
                                      Arena *a, ImageRemoved *ret);
