/*
 * manifest.h - descriptors, image manifests and indexes.
 *
 * WHAT     Reads OCI and docker schema 2 documents, writes OCI (or docker, by media type).
 *          A document with both "layers" and "manifests", or whose mediaType contradicts its shape
 *          or its Content-Type, is refused (CVE-2021-41190).  Digests are strict sha256, sizes are
 *          non-negative integers; "data" must hash to its digest; duplicate keys are refused.
 * ERRORS   ERR_CORRUPT naming the member
 * SOURCE   OCI image-spec manifest.md, image-index.md, descriptor.md; docker "Image Manifest V2, Schema 2"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"
#include "oci/platform.h"

#define MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX       "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG      "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_INDEX    "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG   "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER    "application/vnd.docker.image.rootfs.diff.tar"

typedef struct Annotation {
	Str key, value;
} Annotation;

typedef struct Descriptor {
	Str media_type;
	Digest digest;
	uint64_t size; /* bytes */
	bool has_platform;
	Platform platform;
	Str variant; /* as it was written, where .platform has another spelling of it; "" else */
	Str os_version;
	const Str *os_features;
	size_t os_feature_count;
	Str ref_name;       /* annotation org.opencontainers.image.ref.name, "" if none */
	Str container_name; /* annotation io.containerd.image.name, "" if none */
	const Annotation *annotations; /* the others; written sorted by key, the last of equals */
	size_t annotation_count;
	Str artifact_type; /* of an entry that is no image; "" or zero: none is said */
	bool foreign;      /* has "urls": never fetched from there */
} Descriptor;

typedef struct Manifest {
	Str media_type;
	Descriptor config;
	Descriptor *layers;
	size_t layer_count;
	const Annotation *annotations;
	size_t annotation_count;
} Manifest;

typedef struct Index {
	Str media_type;
	Descriptor *manifests;
	size_t count;
	const Annotation *annotations;
	size_t annotation_count;
} Index;

typedef enum ManifestKind { MANIFEST_IMAGE, MANIFEST_INDEX } ManifestKind;

/* What JSON is; CONTENT_TYPE ("" if not known) must agree. */
NODISCARD Err *manifest_kind(Str json, Str content_type, const char *name, ManifestKind *ret);
NODISCARD Err *manifest_parse(Arena *a, Str json, const char *name, Manifest *ret);
NODISCARD Err *index_parse(Arena *a, Str json, const char *name, Index *ret);
/* One descriptor alone, as a user gives it: all but the digest may be missing (size 0). */
NODISCARD Err *manifest_parse_descriptor(Arena *a, Str json, const char *name, Descriptor *ret);
/* The platform that an image's config says: .has_platform, .platform, .variant, .os_version ... */
NODISCARD Err *manifest_platform_of_config(Arena *a, Str json, const char *name, Descriptor *ret);
void manifest_format(const Manifest *m, Buf *out);
/* One descriptor alone, as both write it. */
void manifest_format_descriptor(const Descriptor *d, Buf *out);
void index_format(const Index *i, Buf *out);
/* Is it something about an image, and no image?  What says what it is; BuildKit's attestations,
 * which are for a platform that nobody has. */
bool descriptor_is_artifact(const Descriptor *d);
/* The entry of an index for this platform; attestations (unknown/unknown) never match.
 * ERR_NOT_FOUND lists what the index offers. */
NODISCARD Err *index_choose(const Index *i, const Platform *wanted, const char *name,
                            const Descriptor **ret);
/* The media type of a layer says how it is compressed: "", "gzip", "zstd".  ERR_INPUT if it is no
 * layer type. */
NODISCARD Err *manifest_layer_compression(Str media_type, Str *ret);
