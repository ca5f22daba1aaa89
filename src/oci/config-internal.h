/* config-internal.h - between reading and writing an image config: what is ours in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oci/config.h"

/* The member with a build cache's marks. */
#define MEMBER_CACHE "decant.cache.v1"
