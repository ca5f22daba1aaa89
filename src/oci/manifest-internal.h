/* manifest-internal.h - between the readers, the writer and the chooser of manifests. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oci/manifest.h"

/* Annotations of a descriptor that are names of an image. */
#define REF_NAME       "org.opencontainers.image.ref.name"
#define CONTAINER_NAME "io.containerd.image.name"

/* Is it OCI's or docker's type of a manifest; of an index? */
bool manifest_is_image_type(Str type);
bool manifest_is_index_type(Str type);
