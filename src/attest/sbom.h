/*
 * sbom.h - what is in an image: the packages that its files tell of, as an SPDX 2.3 document.
 *
 * WHAT     Looks through the merged layers for package databases (dpkg, apk, rpm), what languages
 *          leave (Go's build information, dist-info, jars, node_modules) and lock files.  Files of
 *          the image alone are read: through the layers' lists, never by a path of the host.
 * HOSTILE  Every reader takes any bytes: sizes are compared with limits.h, and a file that is no
 *          such database is a warning that names it.
 * ORDER    packages by package URL, each once: equal images give equal documents
 * SOURCE   SPDX 2.3; each reader names its format's
 * OWNS     texts live in the arena that was given
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/purl.h"
#include "base/map.h"
#include "base/vec.h"
#include "layer/view.h"

typedef struct SbomPackage {
	const char *type; /* of the package URL: "deb" */
	Str name, version;
	Str purl;
	Str license;              /* as it was written; "" not known */
	Str supplier;             /* whoever maintains it, as written; "" not known */
	const char *checksum_alg; /* SPDX's name: "SHA256"; NULL none */
	Str checksum;             /* hex digits */
	Str path;                 /* the file that tells of it */
	size_t layer;             /* which that is from: index of the diff ID */
} SbomPackage;

typedef struct Sbom {
	Arena *arena;
	VEC(SbomPackage) packages;
	VEC(Str) warnings; /* each once: "... (3 times)" */
	Str last_warning;  /* without that */
	unsigned last_count;
	Str distro_id, distro_version; /* of os-release: "debian", "12" */
	Map seen;                      /* purl */
} Sbom;

void sbom_init(Sbom *s, Arena *a);
void sbom_done(Sbom *s);
#define AUTO_SBOM CLEANUP(sbom_done)

/* Packages of the root file system of these layers, bottom first.  Needs sandbox_enter(). */
NODISCARD Err *sbom_scan(Sbom *s, Store *store, const Digest *diff_ids, size_t count,
                         const char *overlay_prefix, const Cancel *cancel);
/* The same of the files in the directory DIR_FD (a build context), lock files alone; paths that
 * IGNORED says yes to are left out. */
typedef bool SbomIgnoredFn(void *context, Str path, bool is_dir);
NODISCARD Err *sbom_scan_dir(Sbom *s, int dir_fd, SbomIgnoredFn *ignored, void *context,
                             const Cancel *cancel);

/* --- spdx.c ----------------------------------------------------------------------------------- */

typedef struct SpdxDocument {
	const Sbom *sbom;
	Str name;               /* of what was looked at: "example:1.0", "builder" */
	Str version, purl;      /* of it, as an image; "" not known */
	const Digest *diff_ids; /* what SbomPackage.layer counts; NULL: no layers */
	size_t diff_id_count;
	int64_t created_ns;
} SpdxDocument;

/* Compact JSON. */
void spdx_format(const SpdxDocument *d, Buf *out);
/* LICENSE as an SPDX expression, or as a reference that EXTRACTED (name → text) explains. */
Str spdx_license(Arena *a, Str license, Map *extracted);
