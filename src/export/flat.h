/*
 * flat.h - the root file system of an image as one stream of entries.
 *
 * WHAT     Whiteouts applied, each path once: directories first, each before what is in it; then
 *          files, layer by layer; then links and devices; hard links last.  The order depends on the
 *          image alone.  Content comes from the layers' tar streams: no layer needs to be a
 *          directory, and none is made one.
 * ERRORS   of FN, at which it stops; ERR_CORRUPT for a damaged layer
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "export/export-internal.h"

/* DATA: exactly e->size bytes of a file; NULL for all others. */
typedef Err *ExportFlatFn(void *context, const Entry *e, Reader *data);
/* Asked of each file once all directories were given: is it there already?  Then it is not given,
 * and a layer of which all is there is not read. */
typedef Err *ExportFlatHave(void *context, const Entry *e, bool *ret);

NODISCARD Err *export_flat_each(const ExportJob *job, const Image *image,
                                ExportFlatHave *have /* or NULL */, ExportFlatFn *fn,
                                void *context);
