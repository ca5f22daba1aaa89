/*
 * sbom-internal.h - what looks through an image, and the readers.
 *
 *   scan.c         which files there are to read, and their bytes
 *   sbom.c         packages and warnings are gathered
 *   readers.c      THE table: which file is for which reader
 *   read_*.c       a kind of file each
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/sbom.h"
#include "codec/json.h"

/* A file, or a part of one (a layer's tar, a jar), to be read anywhere. */
typedef struct SbomFile {
	Str path; /* for people and the document: in the image, without "/" */
	size_t layer;
	uint64_t size;
	int fd;            /* -1: BYTES */
	uint64_t offset;   /* in FD */
	const char *bytes; /* of a file in memory */
} SbomFile;

/* Up to LEN bytes at AT: fewer only at the end. */
NODISCARD Err *sbom_file_read_at(const SbomFile *f, uint64_t at, void *buf, size_t len,
                                 size_t *ret_len);
/* All of it; ERR_INPUT if it is larger than LIMIT. */
NODISCARD Err *sbom_file_text(const SbomFile *f, size_t limit, Buf *out);
/* Parsed; errors name the file and the place in it.  For json_free(). */
NODISCARD Err *sbom_file_json(const SbomFile *f, JsonValue **ret);

/* An error of a reader is a warning of the document. */
typedef Err *SbomReadFn(Sbom *s, const SbomFile *f);

typedef enum SbomMatch {
	SBOM_PATH,    /* all of the path */
	SBOM_BELOW,   /* a directory that it lies right in */
	SBOM_NAME,    /* its last component */
	SBOM_ENDING,  /* how that ends */
	SBOM_PROGRAM, /* a regular file that may be executed */
} SbomMatch;

typedef struct SbomReader {
	SbomMatch match;
	const char *text;
	const char *parent; /* a directory of the path must end so; NULL: any */
	SbomReadFn *read;
	bool source; /* also looked for in a build context */
} SbomReader;

extern const SbomReader sbom_readers[];
extern const size_t sbom_reader_count;
/* The reader for PATH with MODE, or NULL. */
const SbomReader *sbom_reader_find(Str path, uint32_t mode, bool source_only);

/* --- sbom.c --- */
/* P with its purl, once; without a name it is left out. */
void sbom_add(Sbom *s, const SbomFile *f, const SbomPackage *p);
void sbom_warn(Sbom *s, const char *fmt, ...) PRINTF(2, 3);
/* "debian-12" */
Str sbom_distro(const Sbom *s);
void sbom_sort(Sbom *s);
/* One line off the front of *REST, without its end. */
Str sbom_cut_line(Str *rest);
/* The text between the first pair of quotes in VALUE; all of it if there is none. */
Str sbom_unquote(Str value);

Err *sbom_read_os_release(Sbom *s, const SbomFile *f);
Err *sbom_read_dpkg(Sbom *s, const SbomFile *f);
Err *sbom_read_apk(Sbom *s, const SbomFile *f);
Err *sbom_read_rpm(Sbom *s, const SbomFile *f);
Err *sbom_read_rpm_old(Sbom *s, const SbomFile *f);
Err *sbom_read_go_binary(Sbom *s, const SbomFile *f);
Err *sbom_read_go_mod(Sbom *s, const SbomFile *f);
Err *sbom_read_npm_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_npm_package(Sbom *s, const SbomFile *f);
Err *sbom_read_yarn_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_pnpm_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_python_metadata(Sbom *s, const SbomFile *f);
Err *sbom_read_requirements(Sbom *s, const SbomFile *f);
Err *sbom_read_pipfile_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_poetry_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_cargo_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_gem_lock(Sbom *s, const SbomFile *f);
Err *sbom_read_gemspec(Sbom *s, const SbomFile *f);
Err *sbom_read_composer(Sbom *s, const SbomFile *f);
Err *sbom_read_jar(Sbom *s, const SbomFile *f);
