/* formatted.c - one JSON object as --format has it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/formatted.h"
#include "cli/listing.h"

#include <stdio.h>

Err *formatted_print(Arena *a, const char *format, const TemplateShape *shape, Str json)
{
	if (strcmp(format, "json") == 0) {
		printf("%.*s\n", STR_ARG(json));
		return NULL;
	}
	Source *source = arena_new(a, Source);
	*source = (Source){ "--format", listing_unescape(a, format) };
	const Template *t;
	JsonValue *v;
	AUTO_BUF Buf out = BUF_INIT;
	TRY(template_parse(a, source, &t));
	TRY(json_parse(json, SIZE_MAX, "answer", &v));
	Err *e = template_run(t, v, shape, &out);
	json_free(v);
	TRY(e);
	listing_print_line(buf_str(&out));
	return NULL;
}
