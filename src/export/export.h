/*
 * export.h - an image of the store → somewhere else: archives, directories, registries.
 *
 * WHAT     exporter_table (exporters.c) has one line a type: oci, docker, local, tar, registry, image;
 *          push is export_push.  export_publish fixes an image's manifest: compressed blobs are made
 *          (in parallel, deterministically), remembered, and the store's OCI layout lists it.
 * FIXED    An image has no manifest until one is needed.  The first that is made of it as it is (push,
 *          publish, an archive without keys of its own) is kept at all of its names and goes out
 *          from then on.  Keys that make another (compression, annotations, oci-mediatypes) make one
 *          of their own: type=image and type=registry keep it at the names that they give, archives
 *          nowhere.  A build's output without such keys goes out without annotations, whatever was
 *          kept before; a registry's names then have that one.
 * ERRORS   ERR_INPUT  bad -o text (naming the key)     whatever writing says: no partial file stays
 * SOURCE   docker/buildx util/buildflags/export.go, build/opt.go; moby/buildkit exporter/
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/attest.h"
#include "base/progress.h"
#include "exec/image.h"
#include "registry/registry.h"

/* Where in the documents an annotation stands. */
typedef enum AnnotationPlace {
	ANNOTATION_MANIFEST,
	ANNOTATION_MANIFEST_DESCRIPTOR, /* what an index, or a layout's index.json, says of it */
	ANNOTATION_INDEX,
	ANNOTATION_INDEX_DESCRIPTOR,
} AnnotationPlace;

typedef struct ExportAnnotation {
	AnnotationPlace place;
	bool has_platform; /* of the manifest for this one alone */
	Platform platform;
	Annotation note;
} ExportAnnotation;

typedef enum ExportMediaTypes {
	EXPORT_TYPES_ANY, /* those of the manifest that is fixed, else OCI's */
	EXPORT_TYPES_OCI,
	EXPORT_TYPES_DOCKER,
} ExportMediaTypes;

/* true, false, or nothing said */
typedef enum ExportSwitch { EXPORT_USUAL, EXPORT_YES, EXPORT_NO } ExportSwitch;

/* Who takes an archive from a pipe, and may have layers of it already. */
typedef struct ExportReceiver {
	int fd; /* borrowed */
	/* Need layer LAYER of IMAGE, whose manifest is M, not be in it?  Asked once a layer. */
	bool (*has)(void *context, const Image *image, const Manifest *m, size_t layer);
	void *context;
	bool full_names; /* "docker.io/library/app:1": who reads it takes short ones for its own */
} ExportReceiver;

/* All zero is a good start, but for type and tar. */
typedef struct OutputSpec {
	Str type; /* "oci", "docker", "local", "tar", "registry", "cacheonly" ("image" = store
	             alone) */
	const ExportReceiver *receiver; /* docker: in place of dest, which is for messages then */
	Str dest;                       /* file or directory; "-" stdout; "" the type's default */
	CompressionSpec compression;
	bool compression_set;
	bool force_compression; /* also of layers that came from elsewhere */
	bool tar;               /* tar=false: a directory (oci, docker) */
	ExportMediaTypes media_types;
	const ExportAnnotation *annotations;
	size_t annotation_count;
	bool exact;   /* no annotations but these, whatever is fixed */
	bool publish; /* type=image: make the manifest even if no key needs one */
	/* image, registry, oci, docker: in place of the image's names; full references */
	const Str *names;
	size_t name_count;
	bool tagged_name;    /* one of them was given with a tag: not to be pushed by digest */
	bool push_by_digest; /* under no tag */
	bool insecure;       /* registry.insecure */
	/* local, tar */
	bool remove_others; /* mode=delete: what is not in the result goes */
	ExportSwitch platform_split;
	ExportSwitch rewrite_timestamp;
	/* of attestations */
	ExportSwitch oci_artifact;
	Str attestation_prefix;
	/* of a build: what it attests, and no more goes out; NULL: all that is kept, but no files
	 */
	const AttestSpec *attests;
	bool no_attestations; /* what is kept of the image stays here */
} OutputSpec;

/* "dir", "-", "type=oci,dest=x.tar,compression=zstd" (CSV as buildx reads it). */
NODISCARD Err *export_parse_output(Arena *a, Str text, OutputSpec *ret);
/* --annotation: "k=v", "index,manifest[linux/amd64]:k=v"; *ret one a place. */
NODISCARD Err *export_parse_annotation(Arena *a, Str text, ExportAnnotation **ret,
                                       size_t *ret_count);
/* Will an image of one platform get an index there, for what the build attests? */
bool export_attests_in_index(const OutputSpec *out);
/* Has each of OUT's annotations a place in the documents of an image for PLATFORMS?  ERR_INPUT. */
NODISCARD Err *export_check_annotations(const OutputSpec *out, const Platform *platforms,
                                        size_t count);
/* Has the type an image's documents, so that annotations and names go with it? */
bool export_is_image(const OutputSpec *out);
/* Does it write to a directory (and not a file)? */
bool export_is_directory(const OutputSpec *out);
/* "type=oci,dest=x.tar", for messages. */
Str export_output_text(Arena *a, const OutputSpec *out);

/* What is named: one image, or one for each of several platforms under the same names (then an
 * index goes out, in this order). */
typedef struct ExportImage {
	const Image *images;
	size_t image_count; /* at least 1 */
	const Str *names;   /* full references to put into the archive */
	size_t name_count;
} ExportImage;

typedef struct ExportRequest {
	Store *store;
	const OutputSpec *outputs;
	size_t output_count;
	const ExportImage *images;
	size_t image_count;
	int64_t epoch_ns; /* SOURCE_DATE_EPOCH, the time of all files of local and tar; -1: none */
	Progress *progress;
	const Cancel *cancel;
} ExportRequest;

/* What came of one image in one output. */
typedef struct ExportResult {
	bool has_descriptor;   /* a manifest or an index is there */
	Descriptor descriptor; /* of it: with platform and annotations, as BuildKit tells it */
	bool has_config;       /* it is one image */
	Digest config;
	Str names; /* with commas between; "" none */
} ExportResult;

/*
 * Every output, from one set of blobs; side by side where that pays.  One that fails stops no
 * other: the error is the first one's, named with its type and dest, and has the others as notes.
 * *RET_RESULTS: one a (output * image_count + image), those of failed outputs empty; in A.
 */
NODISCARD Err *export_all(const ExportRequest *r, Arena *a, ExportResult **ret_results);
/* One output alone. */
NODISCARD Err *export_run(Store *s, const OutputSpec *out, const ExportImage *images, size_t count,
                          Progress *progress, const Cancel *cancel);
/* Manifest and blobs of an image, made if they do not exist, or if COMPRESSION (NULL: gzip, or what
 * is fixed) is not theirs.  *ret_manifest in A. */
NODISCARD Err *export_publish(Store *s, const Image *image, const CompressionSpec *compression,
                              Progress *progress, const Cancel *cancel, Arena *a,
                              Str *ret_manifest_json, Digest *ret_manifest);

/* The same of all platforms: the digest is that of their index. */
NODISCARD Err *export_publish_all(Store *s, const ExportImage *image,
                                  const CompressionSpec *compression, Progress *progress,
                                  const Cancel *cancel, Digest *ret);

/* skopeo's dir: one image into the folder DEST, which is made. */
NODISCARD Err *export_folder(Store *s, const Image *image, Str dest,
                             const CompressionSpec *compression, const Cancel *cancel);

typedef struct PushListener {
	void (*layer)(void *context, Str short_id,
	              Str status); /* "Pushed", "Layer already exists", "Mounted from x" */
	void *context;
} PushListener;
/* Of several platforms' images each manifest, and last their index; with what is kept of
 * attestations, unless WITHOUT_ATTESTATIONS.  *ret_manifest: what the tag names then. */
NODISCARD Err *export_push(Store *s, Registry *r, const ExportImage *image, const Reference *ref,
                           const CompressionSpec *compression, bool without_attestations,
                           Progress *progress, const PushListener *listener, const Cancel *cancel,
                           Digest *ret_manifest, uint64_t *ret_size);
