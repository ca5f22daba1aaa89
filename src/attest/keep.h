/*
 * keep.h - the attestations of an image in the store: kept beside it, gone with it.
 *
 * WHAT     Predicates lie as blobs; a small JSON document beside the image says which there are.
 *          The last build that gives the image decides which: they speak of that build.
 * ERRORS   ERR_CORRUPT naming the file
 * OWNS     texts live in the arena that was given
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/attest.h"
#include "store/store.h"

typedef struct AttestKept {
	Str type;           /* "provenance", "sbom" */
	Str predicate_type; /* its URI */
	Str file;           /* what it is called as a file: "provenance.json", "sbom.spdx.json" */
	Digest predicate;   /* a blob of the store */
	bool inline_only;   /* goes with images alone, never into a directory or tar */
} AttestKept;

typedef struct AttestSet {
	AttestForm form;
	bool form_set; /* it was asked for; else it is what readers of the output take best */
	AttestKept *at;
	size_t count; /* 0: none */
} AttestSet;

NODISCARD Err *attest_kept_read(Store *s, const Digest *image, Arena *a, AttestSet *ret);
/* An empty set: none any more. */
NODISCARD Err *attest_kept_write(Store *s, const Digest *image, const AttestSet *set);
/* Put PREDICATE (JSON) into the store. */
NODISCARD Err *attest_kept_put(Store *s, Str predicate, Digest *ret);
NODISCARD Err *attest_kept_text(Store *s, const AttestKept *kept, Buf *out);
void attest_set_add(Arena *a, AttestSet *set, const AttestKept *kept);
