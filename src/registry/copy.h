/*
 * copy.h - a manifest with all that it names, from one repository into another.
 *
 * WHAT     Blobs that the target lacks are mounted where both are in one registry, else streamed from
 *          the one to the other; the manifest goes last, an index after its manifests.  Within one
 *          repository there is nothing to copy.
 * ERRORS   those of registry.h; ERR_CORRUPT a manifest that is not what its digest says
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry.h"

/* The manifest or index DIGEST of FROM's repository, to TO's, where it then is under its digest. */
NODISCARD Err *registry_copy(Registry *r, const Reference *from, const Digest *digest,
                             const Reference *to, Progress *progress, unsigned line);
/* What REF means in its registry: its bytes, not empty, of the digest that REF has if it has one.
 * ERR_NOT_FOUND "NAME: not found". */
NODISCARD Err *registry_read_whole(Registry *r, const Reference *ref, Arena *a, Str *ret_json);
