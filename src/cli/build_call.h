/*
 * build_call.h - `build --check` and `build --call=...`: a file looked at instead of built.
 *
 * SOURCE   docker/buildx commands/build.go, util/buildflags/callfunc.go; the documents' shapes are
 *          those of moby/buildkit frontend/subrequests
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/build_options.h"
#include "codec/json.h"

typedef struct BuildCall BuildCall;

/* What --check and --call ask for; *RET NULL: a build. */
NODISCARD Err *build_call_parse(Cli *cli, const BuildValues *v, const BuildCall **ret);
/* Has R to have a store, if there is one? */
bool build_call_needs_store(const BuildCall *call);
/* Look at R's file, print what CALL asks for to standard output; cli->exit_status is set. */
NODISCARD Err *build_call_run(Cli *cli, const BuildCall *call, const BuildRequest *r, Ui *ui);

/* --- build_check.c ---------------------------------------------------------------------------- */

/* Findings in docker's words: "Check complete, ...", each with the lines that it is about. */
void build_check_text(const BuildLook *look, Arena *a, Buf *out);
void build_check_json(const BuildLook *look, Arena *a, Buf *out);
/* "Dockerfile:3\n-----\n ...": lines FIRST to LAST and some around them; nothing if FIRST is 0. */
void build_check_frame(LineMap *lines, unsigned first, unsigned last, Buf *out);
/* A "location" as BuildKit writes it; FIRST 0: an empty one. */
void build_call_json_location(JsonWriter *w, unsigned first, unsigned last);
/* Bytes, as Go's encoder writes them: base64. */
void build_call_json_data(JsonWriter *w, Str data);

/* --- build_targets.c, build_outline.c --------------------------------------------------------- */

void build_targets_text(const BuildLook *look, Arena *a, Buf *out);
void build_targets_json(const BuildLook *look, Arena *a, Buf *out);
/* CELLS row by row, columns PADDING blanks apart, as Go's tabwriter puts them; made safe. */
void build_call_table(const Str *cells, size_t rows, size_t columns, size_t padding, Buf *out);
/* A member that is left out if it is empty. */
void build_call_json_text(JsonWriter *w, const char *key, Str value);
/* "sources": the text of the Dockerfile. */
void build_call_json_sources(JsonWriter *w, const Source *source);
void build_outline_text(const BuildLook *look, Arena *a, Buf *out);
void build_outline_json(const BuildLook *look, Arena *a, Buf *out);
