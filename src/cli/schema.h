/*
 * schema.h - the Dockerfile language as data: what there is, and what it is for.
 *
 * WHAT     Everything that the .def tables of src/dockerfile/ hold, as JSON for editors and as
 *          Markdown for docs/dockerfile.md.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

/* One JSON document with a newline at its end; docs/editor-schema.md describes it. */
void schema_write_json(Buf *out);
void schema_write_markdown(Buf *out);
