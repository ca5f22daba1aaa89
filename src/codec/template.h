/*
 * template.h - Go's text/template, as far as people use it with --format.
 *
 * WHAT     Actions over a JSON document: .Field.Chains, $, variables, "text", `raw`, numbers, pipes,
 *          parentheses, if/else if/else/end, range/else/end (over arrays and, in order of their keys,
 *          objects; "$i, $e :="), with/else/end, comments, {{- and -}}; functions and or not eq ne lt
 *          le gt ge len index slice print printf println json join split lower upper title pad truncate html
 *          js urlquery; "$x = ..."; break, continue.  No define, template, block, call.
 *          A member that is not there is "<no value>" and false.  Names that begin with a capital
 *          may differ in case from the document's (.ID, .APIVersion).  .Label "NAME" is a label of a
 *          row of a listing, out of its "Labels": "a=b,c=d".
 * ERRORS   ERR_INPUT with a Span in the template: syntax, unknown functions, wrong arguments
 * SOURCE   pkg.go.dev/text/template; docker/cli templates/templates.go
 * OWNS     a Template lives in the arena and borrows its Source
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"

typedef struct Template Template;

NODISCARD Err *template_parse(Arena *a, const Source *source, const Template **ret);
/* Append what the template makes of DATA.  May be called many times. */
NODISCARD Err *template_run(const Template *t, const JsonValue *data, Buf *out);
/* The same of the TITLES of a table's columns. */
NODISCARD Err *template_run_titles(const Template *t, const JsonValue *titles, Buf *out);
