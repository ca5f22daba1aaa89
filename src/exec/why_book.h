/* why_book.h - the earlier builds that a build is compared with. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

typedef struct WhyEarlier {
	StoreBuild build;
	uint32_t *old_of; /* step of this plan → of that build; STEP_NONE: none is like it */
	uint32_t *new_of; /* the other way */
} WhyEarlier;

typedef struct WhyBook {
	Arena arena;            /* also of the causes */
	VEC(WhyEarlier) builds; /* newest first */
	Map by_key;             /* bytes of a key → StoreStep */
	Map with_content;       /* the same, of those whose .content is known */
} WhyBook;
