/*
 * template.h - Go's text/template, as far as people use it with --format.
 *
 * WHAT     Actions over a JSON document: .Field.Chains, $, variables, "text", `raw`, numbers, pipes,
 *          parentheses, if/else if/else/end, range/else/end (over arrays and, in order of their keys,
 *          objects; "$i, $e :="), with/else/end, comments, {{- and -}}; functions and or not eq ne lt
 *          le gt ge len index slice print printf println json join split lower upper title pad truncate html
 *          js urlquery; "$x = ..."; break, continue.  No define, template, block, call.
 *          A member that is not there is "<no value>" and false, or what the shape says.  Names that begin with a capital
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

/* Which members a document may have.  In docker's programs a document is a struct, and a member
 * that the struct has not is an error; only maps have any keys.  Without a shape all objects are
 * maps. */
typedef struct TemplateShape {
	const char *type; /* the struct, as errors name it; NULL: docker falls back to raw JSON */
	const char *const *maps;     /* members that are maps, wherever they are; NULL-ended */
	const char *const *optional; /* members that are no errors where they are missing */
} TemplateShape;

NODISCARD Err *template_parse(Arena *a, const Source *source, const Template **ret);
/* Append what the template makes of DATA.  May be called many times. */
NODISCARD Err *template_run(const Template *t, const JsonValue *data, const TemplateShape *shape,
                            Buf *out);
/* The same of the TITLES of a table's columns. */
NODISCARD Err *template_run_titles(const Template *t, const JsonValue *titles, Buf *out);
