/*
 * attest-internal.h - attestations on their way out (attest.c).
 *
 * Of a document they are made with it: their blobs and manifests are then in the store.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "export/export-internal.h"

/* Those of IMAGE's images, into RET, whose manifests are made; none: nothing. */
NODISCARD Err *export_attest_make(const ExportJob *job, const ExportImage *image, Arena *a,
                                  ExportDocument *ret);
/* The entry of ONE in the image's index. */
Descriptor export_attest_in_index(Arena *a, const ExportAttest *one);
/* The entry of a referrer in a layout's index.json. */
Descriptor export_attest_in_layout(Arena *a, const ExportAttest *one);
/* Their manifests to REF's repository; the blobs are there.  Before an index, after an image. */
NODISCARD Err *export_attest_push(Registry *r, const ExportDocument *d, const Reference *ref,
                                  const Cancel *cancel);

/* As files beside a root file system: what this build attested of IMAGE. */
typedef Err *ExportAttestFile(void *context, Str name, Str json);
NODISCARD Err *export_attest_files(const ExportJob *job, const Image *image, ExportAttestFile *fn,
                                   void *context);
