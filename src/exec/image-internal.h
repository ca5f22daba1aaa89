/* image-internal.h - what the image*.c files share: all names, and the images of one. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/image.h"

typedef struct ImageRefs {
	StoreRef *at;
	size_t count;
} ImageRefs;

/* The mark of an image without a name (store.h), not a name. */
static inline bool image_is_mark(const StoreRef *ref)
{
	return str_starts(ref->name, STR("sha256:"));
}

/* A name has one image, or one for each of several platforms. */
static inline size_t image_ref_count(const StoreRef *ref)
{
	return ref->variant_count ? ref->variant_count : 1;
}

static inline const Digest *image_ref_id(const StoreRef *ref, size_t number)
{
	return ref->variant_count ? &ref->variants[number].config : &ref->config;
}

/* Of a name with variants: .config and .manifest are those of the image for this machine, else of
 * the first; one variant alone is no list. */
void image_ref_set_main(StoreRef *ref, Arena *a);
