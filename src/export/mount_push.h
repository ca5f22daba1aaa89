/*
 * mount_push.h - caches of RUN --mount=type=cache in a registry.
 *
 * FORMAT   An OCI image manifest.  Its config (MOUNT_PUSH_CONFIG) is {"mounts": [{"key": HEX, "info": TEXT}, ...]}, in
 *          the order of its layers; each layer is one cache as mount_archive.h writes it, zstd.  The same cache
 *          gives the same bytes, so a push moves those that changed and a pull those that are missing.
 * TRUST    Who may write the tag decides what later RUNs find in these caches.
 * ERRORS   of registries; ERR_INPUT: the tag is something else
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/progress.h"
#include "export/mount_archive.h"
#include "registry/registry.h"

#define MOUNT_PUSH_CONFIG "application/vnd.decant.cache.mounts.v1+json"

typedef struct MountPushed {
	Digest key;
	bool sent;           /* the registry did not have it */
	uint64_t size_bytes; /* packed */
} MountPushed;

/* RET has room for COUNT. */
NODISCARD Err *mount_push(Store *s, Registry *r, const Reference *ref, const StoreMount *mounts,
                          size_t count, Progress *progress, const Cancel *cancel, MountPushed *ret);
NODISCARD Err *mount_pull(Store *s, Registry *r, const Reference *ref, bool replace,
                          const char *overlay_prefix, Progress *progress, const Cancel *cancel,
                          Arena *a, MountArchived **ret, size_t *ret_count);
