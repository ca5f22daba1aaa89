/* repos-internal.h - between the files that keep repositories. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "store/repos.h"
#include "store/store-internal.h"

/* "repos/<coded>/KIND[/LEAF]" */
void store_repo_path(Str repo, const char *kind, Str leaf, Buf *out);
/* The name that the directory CODED of repos/ is of. */
Str store_repo_decode(Arena *a, const char *coded);
/* Names in the directory PATH, sorted, without those that begin with a dot; none if it is not
 * there. */
NODISCARD Err *store_repo_names(Store *s, const char *path, Arena *a, Str **ret, size_t *ret_count);
/* A sealed file of a repository; ERR_NOT_FOUND. */
NODISCARD Err *store_repo_read(Store *s, Str repo, const char *kind, Str leaf, Buf *out);
