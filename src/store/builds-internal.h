/* builds-internal.h - what the files of the journal share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "store/builds.h"
#include "store/store-internal.h"

/* B as text, not sealed. */
void store_build_format(const StoreBuild *b, Buf *out);
/* TEXT must live in A.  False if it is none. */
bool store_build_parse(Str text, Arena *a, StoreBuild *ret);

enum { STORE_BUILD_NAME_BYTES = 64 };
typedef VEC(StoreBuildName) StoreBuildNames;
/* Newest first. */
NODISCARD Err *store_build_names(Store *s, StoreBuildNames *names);
void store_build_name_format(const StoreBuildName *n, char text[static STORE_BUILD_NAME_BYTES]);
/* Records and logs that are too many go. */
NODISCARD Err *store_builds_prune(Store *s);
