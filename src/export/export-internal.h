/*
 * export-internal.h - what the exporters share.
 *
 *   exporters.c   the table of types; export_run
 *   output.c      -o texts → OutputSpec
 *   publish.c     an image's manifest and blobs: found or made
 *   archive.c     an OCI layout, with docker's files or without, into a tar or a directory
 *   file.c        the file that is written: whole or not at all
 *   flat.c        the root file system of an image: one stream of entries (flat.h)
 *   exp_*.c       one type each
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/tar.h"
#include "export/export.h"

typedef struct ExportJob {
	Store *store;
	const OutputSpec *out;
	const ExportImage *images;
	size_t count;
	Progress *progress;
	unsigned line; /* of progress */
	const Cancel *cancel;
} ExportJob;

typedef struct Exporter {
	const char *type;
	bool needs_dest;          /* a dest must be given */
	const char *dest_default; /* if none is given; NULL: nothing is written */
	Err *(*run)(const ExportJob *job);
} Exporter;

extern const Exporter export_table[];
extern const size_t export_table_len;
const Exporter *export_find(Str type); /* NULL if there is none */

Err *export_oci(const ExportJob *job);
Err *export_docker(const ExportJob *job);
Err *export_local(const ExportJob *job);
Err *export_tar(const ExportJob *job);
Err *export_registry(const ExportJob *job);

/* --- publish.c ------------------------------------------------------------------------------- */

typedef struct ExportManifest {
	Str json;
	Digest digest;
	Manifest manifest;
} ExportManifest;

/*
 * The manifest of IMAGE with all its blobs in the store.  The one that is fixed already is taken,
 * unless FORCED; else one is made whose layers are compressed as SPEC says, and fixed if none was.
 */
NODISCARD Err *export_manifest_get(const ExportJob *job, const Image *image,
                                   const CompressionSpec *spec, bool forced, Arena *a,
                                   ExportManifest *ret);

/* --- archive.c ------------------------------------------------------------------------------- */

/* DOCKER: with manifest.json and repositories, so that every docker can load it. */
NODISCARD Err *export_layout(const ExportJob *job, bool docker, const CompressionSpec *fallback);

/* --- file.c ---------------------------------------------------------------------------------- */

typedef struct ExportFile {
	int fd;       /* to write to */
	int dir_fd;   /* where it lies; -1: standard output, a pipe or a device */
	char tmp[40]; /* its name until it is whole */
	char name[256];
} ExportFile;

#define EXPORT_FILE_NONE ((ExportFile){ .fd = -1, .dir_fd = -1 })

/* DEST "-": standard output, unless it is a terminal (ERR_INPUT). */
NODISCARD Err *export_file_open(Str dest, ExportFile *ret);
/* Put the file in place of DEST. */
NODISCARD Err *export_file_commit(ExportFile *f);
/* Close; what was not committed is removed. */
void export_file_done(ExportFile *f);
#define AUTO_EXPORT_FILE CLEANUP(export_file_done)

/* A file of one piece, or the copy of a blob (verified), into an archive; times 0, owner root. */
NODISCARD Err *export_tar_dir(TarWriter *tar, Str path);
NODISCARD Err *export_tar_bytes(TarWriter *tar, Str path, Str bytes);
NODISCARD Err *export_copy_blob(const ExportJob *job, const Descriptor *d, Writer *to);
