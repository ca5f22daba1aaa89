/*
 * attest.h - what is said of an image: in-toto statements, and the manifests that carry them.
 *
 * WHAT     An attestation is a predicate (how it was made: provenance.h; what is in it: sbom.h) and
 *          the image that it speaks of.  The predicate is made once and kept beside the image
 *          (keep.h); the statement names a manifest, so it is made when there is one: at a push.
 * FORMS    referrer  an OCI artifact whose "subject" is the image's manifest, one a statement; the
 *                    image itself stays as it is
 *          index     BuildKit's: one manifest an image, unknown/unknown, beside it in an index
 * SOURCE   in-toto attestation framework, statement v1; OCI image-spec 1.1, manifest.md "subject";
 *          BuildKit docs/attestations/attestation-storage.md
 * OWNS     texts live in the arena that was given
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"
#include "oci/manifest.h"

#define MEDIA_IN_TOTO           "application/vnd.in-toto+json"
#define MEDIA_OCI_EMPTY         "application/vnd.oci.empty.v1+json"
#define MEDIA_DOCKER_ATTEST     "application/vnd.docker.attestation.manifest.v1+json"
#define PREDICATE_PROVENANCE_1  "https://slsa.dev/provenance/v1"
#define PREDICATE_PROVENANCE_02 "https://slsa.dev/provenance/v0.2"
#define PREDICATE_SPDX          "https://spdx.dev/Document"
#define ATTEST_PREDICATE_KEY    "in-toto.io/predicate-type"
/* The one blob of an artifact without a config. */
#define ATTEST_EMPTY_JSON "{}"

/* --- options.c: --attest, --provenance, --sbom ------------------------------------------------ */

typedef enum AttestForm { ATTEST_REFERRER, ATTEST_INDEX } AttestForm;
typedef enum AttestWish {
	ATTEST_UNSAID, /* nobody spoke of it: none, as with NO */
	ATTEST_YES,
	ATTEST_NO,
} AttestWish;

typedef struct AttestSpec {
	AttestWish provenance, sbom;
	AttestForm form;
	bool form_set;
	/* of the provenance: */
	bool max; /* mode=max */
	bool v02; /* version=v0.2 */
	bool reproducible, inline_only, complete_materials;
	Str builder_id;
	Str filename; /* in type=local and tar; "" the usual one */
} AttestSpec;

/* TEXT of one --attest ("type=provenance,mode=max"); KIND "provenance" or "sbom" for the short
 * options ("true", "false", "mode=max").  The last one of a type counts.  ERR_INPUT. */
NODISCARD Err *attest_parse(Arena *a, const char *kind, Str text, AttestSpec *spec);

/* --- statement.c ------------------------------------------------------------------------------ */

typedef struct AttestSubject {
	Str name; /* a package URL, or a path */
	Digest digest;
} AttestSubject;

/* A statement on SUBJECTS; PREDICATE is JSON already. */
void attest_statement(const AttestSubject *subjects, size_t count, Str predicate_type,
                      Str predicate, Buf *out);
/* The subjects that an image is under NAMES (full references), which may be none. */
NODISCARD Err *attest_subjects(Arena *a, const Str *names, size_t count, const Platform *platform,
                               const Digest *manifest, AttestSubject **ret, size_t *ret_count);

/* --- manifest.c ------------------------------------------------------------------------------- */

typedef struct AttestBlob {
	Str predicate_type;
	Digest digest; /* of a statement */
	uint64_t size;
} AttestBlob;

/* The referrer that carries one statement on SUBJECT. */
void attest_referrer(const Descriptor *subject, const AttestBlob *blob, Buf *out);
/* BuildKit's manifest for all statements on SUBJECT; OLD_CONFIG: its older way, with this image
 * config and no subject (NULL: as an artifact). */
void attest_index_manifest(const Descriptor *subject, const Descriptor *old_config,
                           const AttestBlob *blobs, size_t count, Buf *out);
/* The entry of a referrer in an index: of the API's answer, a layout, or a tag "sha256-HEX". */
void attest_referrer_entry(const Descriptor *manifest, Str predicate_type, JsonWriter *w);
/* JSON of the index OLD ("" none) with MORE (JSON of one entry, whose digest is DIGEST) in it;
 * *ret_changed false: it is there already.  The entries of others stay as they are.  ERR_CORRUPT.
 */
NODISCARD Err *attest_add_entry(Str old, Str more, const Digest *digest, Buf *out,
                                bool *ret_changed);
