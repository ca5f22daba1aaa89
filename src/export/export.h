/*
 * export.h - an image of the store → somewhere else: archives, directories, registries.
 *
 * WHAT     exporter_table (exporters.c) has one line a type: oci, docker, local, tar; push is
 *          export_push.  export_publish fixes an image's manifest: compressed blobs are made (in
 *          parallel, deterministically), remembered, and the store's OCI layout lists it.
 * ERRORS   ERR_INPUT  bad -o text (naming the key)     whatever writing says: no partial file stays
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/progress.h"
#include "exec/image.h"
#include "registry/registry.h"

typedef struct OutputSpec {
	Str type; /* "oci", "docker", "local", "tar", "registry", "cacheonly" ("image" = store
	             alone) */
	Str dest; /* file or directory; "-" stdout; "" the type's default */
	CompressionSpec compression;
	bool compression_set;
	bool tar; /* tar=false: a directory (oci, docker) */
} OutputSpec;

/* "dir", "-", "type=oci,dest=x.tar,compression=zstd" (CSV as buildx reads it). */
NODISCARD Err *export_parse_output(Arena *a, Str text, OutputSpec *ret);

/* What is named: one image, or one for each of several platforms under the same names (then an
 * index goes out, in this order). */
typedef struct ExportImage {
	const Image *images;
	size_t image_count; /* at least 1 */
	const Str *names;   /* full references to put into the archive */
	size_t name_count;
} ExportImage;

NODISCARD Err *export_run(Store *s, const OutputSpec *out, const ExportImage *images, size_t count,
                          Progress *progress, const Cancel *cancel);
/* Manifest and blobs of an image, made if they do not exist.  *ret_manifest in A. */
NODISCARD Err *export_publish(Store *s, const Image *image, const CompressionSpec *compression,
                              Progress *progress, const Cancel *cancel, Arena *a,
                              Str *ret_manifest_json, Digest *ret_manifest);

typedef struct PushListener {
	void (*layer)(void *context, Str short_id,
	              Str status); /* "Pushed", "Layer already exists", "Mounted from x" */
	void *context;
} PushListener;
NODISCARD Err *export_push(Store *s, Registry *r, const Image *image, const Reference *ref,
                           const CompressionSpec *compression, Progress *progress,
                           const PushListener *listener, const Cancel *cancel, Digest *ret_manifest,
                           uint64_t *ret_size);
