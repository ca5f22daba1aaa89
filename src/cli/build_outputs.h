/*
 * build_outputs.h - where the result of `build` goes: -o, --push and what other programs call them.
 *
 * RULES    those of buildx (build/opt.go): names are those of -t unless an output has its own;
 *          --annotation holds for every output that has an image's documents; two outputs cannot have
 *          one dest.  kaniko's and buildah's options are outputs, or defaults of their keys.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/build_options.h"
#include "export/export.h"

typedef struct BuildOutputs {
	OutputSpec *at;
	size_t count;
	ExportImage *images; /* once exported: one a target */
	size_t image_count;
	ExportResult *results; /* as of export_all(); NULL: nothing was exported */
} BuildOutputs;

/* Of the command line: R is made, and gets the names that outputs bring.  ERR_INPUT, with
 * cli->usage_error. */
NODISCARD Err *build_outputs_parse(Cli *cli, const BuildValues *v, BuildRequest *r,
                                   BuildOutputs *ret);
/* Before the build: files that an earlier one wrote about its result go. */
NODISCARD Err *build_outputs_begin(const BuildValues *v);
/* Does one of them go to standard output?  Then nothing else may. */
bool build_outputs_take_stdout(const BuildOutputs *outputs);
NODISCARD Err *build_outputs_run(Cli *cli, const BuildRequest *r, const BuildResult *result,
                                 BuildOutputs *outputs);

/* --- build_metadata.c ------------------------------------------------------------------------- */

/* --iidfile, --metadata-file, and kaniko's files with digests: each whole or not at all. */
NODISCARD Err *build_metadata_write(Cli *cli, const BuildValues *v, const BuildResult *result,
                                    const BuildOutputs *outputs);
/* Does the file of --metadata-file say how the image was made? */
bool build_metadata_wants_provenance(const BuildValues *v);
/* IDs of all images, one a line; no line end after the last. */
Str build_metadata_ids(Arena *a, const BuildResult *result);
