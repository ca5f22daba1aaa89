/*
 * layout.h - an OCI image layout, a directory, as a place that images are read from.
 *
 * WHAT     layout_resolve() finds manifest and config of one image by index.json; layout_open_blob()
 *          gives its blobs.  Nothing is written, nothing outside the directory is opened.
 * ERRORS   ERR_INPUT    no layout, or several images and none was named
 *          ERR_NOT_FOUND  no such tag or digest, or none for the platform
 *          ERR_CORRUPT  a blob is missing, or is not what its descriptor says
 * SOURCE   OCI image-spec image-layout.md; which tag means what: BuildKit's client/ociindex
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry.h"

typedef struct Layout {
	int fd;           /* of the directory; borrowed */
	const char *path; /* as the user wrote it */
} Layout;

/* TAG "" and DIGEST NULL: "latest", or the only one. */
NODISCARD Err *layout_resolve(const Layout *l, Str tag, const Digest *digest,
                              const Platform *platform, Arena *a, RegistryImage *ret);
/* What exec/pull.h calls PullSource.open; CONTEXT is a Layout. */
NODISCARD Err *layout_open_blob(void *context, const Descriptor *d, Progress *progress,
                                unsigned line, Reader **ret);
