/*
 * export-internal.h - what the exporters share.
 *
 *   exporters.c   the table of types; export_run, export_all
 *   output.c      -o texts → OutputSpec
 *   annotation.c  annotations: read, and which of them a document gets
 *   publish.c     an image's manifest and blobs: found or made
 *   document.c    manifests of several platforms and their index → what a name stands for
 *   attest.c      what is attested of them: in an index, as referrers, as files
 *   push.c        documents → a registry
 *   archive.c     an OCI layout, with docker's files or without, into a tar or a directory
 *   merge.c       an OCI layout that is there already
 *   file.c        the file that is written: whole or not at all
 *   flat.c        the root file system of an image: one stream of entries (flat.h)
 *   platforms.c   the same of several platforms in one tree
 *   exp_*.c       one type each
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/tar.h"
#include "export/export.h"
#include "export/file.h"

typedef struct ExportManifest {
	Str json;
	Digest digest;
	Manifest manifest;
} ExportManifest;

/* What is attested of an image: a manifest of its own. */
typedef struct ExportAttest {
	Digest subject;     /* the image's manifest */
	Str predicate_type; /* of a referrer */
	Str json;
	Descriptor descriptor;
} ExportAttest;

/* What a name stands for: the manifest of an image, or an index of several. */
typedef struct ExportDocument {
	ExportManifest *manifests; /* one a platform, in the order of the ExportImage */
	size_t count;
	bool is_index;
	Str json; /* of the index, or of the one manifest */
	Descriptor descriptor;
	bool attests_in_index; /* else they are referrers */
	ExportAttest *attests;
	size_t attest_count;
	Descriptor *attest_blobs; /* what their manifests name */
	size_t attest_blob_count;
} ExportDocument;

typedef struct ExportJob {
	Store *store;
	const OutputSpec *out;
	const ExportImage *images;
	size_t count;
	int64_t epoch_ns; /* -1: none */
	Progress *progress;
	unsigned line;   /* of progress */
	unsigned number; /* among those that run at once: for temporary names */
	const Cancel *cancel;
	ExportFile file;           /* open, if it writes one */
	ExportDocument *documents; /* one an image, if the type has any */
} ExportJob;

typedef struct Exporter {
	const char *type;
	const char *title;        /* of its line of progress, BuildKit's */
	const char *dest_default; /* if none is given; NULL: nothing is written */
	/* Compression where the user asks for none; NULL: it has no documents. */
	const CompressionSpec *fallback;
	Err *(*run)(ExportJob *job); /* NULL: nothing is written */
} Exporter;

extern const Exporter export_table[];
extern const size_t export_table_len;
const Exporter *export_find(Str type); /* NULL if there is none */

Err *export_oci(ExportJob *job);
Err *export_docker(ExportJob *job);
Err *export_local(ExportJob *job);
Err *export_tar(ExportJob *job);
Err *export_registry(ExportJob *job);

/* The names of IMAGE in OUT: the output's own, else the image's. */
void export_names(const OutputSpec *out, const ExportImage *image, const Str **ret,
                  size_t *ret_count);

/* --- annotation.c ---------------------------------------------------------------------------- */

/* SMALL: a key of -o in lower case. */
bool annotation_is_key(Str small);
NODISCARD Err *annotation_parse_key(Arena *a, Str key, Str value, ExportAnnotation *ret);
/* Those for PLACE of PLATFORM (NULL: of an index); of equal keys the last one counts. */
void annotation_choose(const OutputSpec *out, AnnotationPlace place, const Platform *platform,
                       Arena *a, const Annotation **ret, size_t *ret_count);

/* --- publish.c ------------------------------------------------------------------------------- */

/* What a manifest has to be, and where it is kept. */
typedef struct ExportRecipe {
	CompressionSpec compression;
	bool compression_set; /* asked for; else what is fixed will do */
	bool force;           /* layers that came from elsewhere as well */
	bool same_will_do;    /* what is compressed so already, at whatever level; nothing else */
	bool plain_will_do;   /* of what is fixed: layers without compression */
	ExportMediaTypes types;
	const Annotation *annotations;
	size_t annotation_count;
	bool exact;       /* no other annotations */
	bool own;         /* of the output's keys: kept at NAMES alone */
	const Str *names; /* NULL: it is for no name, as an archive; none: for the image's ID */
	size_t name_count;
} ExportRecipe;

/* The manifest of IMAGE with all its blobs in the store: what is fixed if it will do, else made. */
NODISCARD Err *export_manifest_get(const ExportJob *job, const Image *image,
                                   const ExportRecipe *recipe, Arena *a, ExportManifest *ret);

/* --- document.c ------------------------------------------------------------------------------ */

/* The documents of JOB's images, into A; nothing for types that have none. */
NODISCARD Err *export_documents_make(ExportJob *job, const Exporter *exporter, Arena *a);

/* The index over RET's manifests, which are those of IMAGE. */
NODISCARD Err *export_index_make(const ExportJob *job, const ExportImage *image, Arena *a,
                                 ExportDocument *ret);

/* The index that IMAGE's name keeps goes out as it is, if all it lists is in RET. */
NODISCARD Err *export_index_keep(const ExportJob *job, const ExportImage *image, Arena *a,
                                 ExportDocument *ret, bool *ret_kept);
/* What is fixed of IMAGE, or else made now: manifests, and an index over several.  JOB's output has
 * no keys. */
NODISCARD Err *export_publish_document(const ExportJob *job, const ExportImage *image,
                                       const CompressionSpec *compression, Arena *a,
                                       ExportDocument *ret);

/* --- archive.c ------------------------------------------------------------------------------- */

/* DOCKER: with manifest.json and repositories, so that every docker can load it. */
NODISCARD Err *export_layout(ExportJob *job, bool docker);
/* INDEX, this output's index.json, becomes that of all images in the layout ROOT, which is locked.
 */
NODISCARD Err *export_layout_merge(const ExportJob *job, int root, Arena *a, Buf *index);

/* --- platforms.c ----------------------------------------------------------------------------- */

/* "linux_arm64", or "" if the trees of an output's platforms are not kept apart. */
Str export_platform_dir(const ExportJob *job, const Image *image, Arena *a);
/* May the trees of the platforms be one?  ERR_INPUT naming a path that two of them have. */
NODISCARD Err *export_platforms_check(const ExportJob *job);

/* --- push.c ---------------------------------------------------------------------------------- */

typedef struct PushSession PushSession;
/* What went up by it before is not asked for again, and is mounted into other repositories. */
PushSession *export_push_open(const ExportJob *job, Registry *r, const PushListener *listener);
/* BY_DIGEST: under no tag. */
NODISCARD Err *export_push_document(PushSession *p, const ExportDocument *d, const Reference *ref,
                                    bool by_digest);
void export_push_close(PushSession *p);
static inline void export_push_closep(PushSession **p)
{
	if (*p)
		export_push_close(*p);
}
#define AUTO_PUSH CLEANUP(export_push_closep)

/* --- file.c ---------------------------------------------------------------------------------- */

/* A file of one piece, or the copy of a blob (verified), into an archive; times 0, owner root. */
NODISCARD Err *export_tar_dir(TarWriter *tar, Str path);
NODISCARD Err *export_tar_bytes(TarWriter *tar, Str path, Str bytes);
NODISCARD Err *export_copy_blob(const ExportJob *job, const Descriptor *d, Writer *to);
