/* changes.h - what differs between two files, or two configs, in words and as JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"
#include "layer/compare.h"
#include "oci/config.h"

/* "file", "directory", "symlink" ... */
const char *changes_type(const Entry *e);
/* "content, size 12B -> 15B, mode 0644 -> 0755": each of C's bits, C having both entries. */
void changes_words(Arena *a, const Change *c, Buf *out);
/* The same as a JSON object: path, change, what, before, after. */
void changes_json(Arena *a, const Change *c, JsonWriter *w);

/* One value of a config: "Env.PATH", "Cmd", "Labels.version"; NULL: it has none. */
typedef struct ConfigChange {
	Str name;
	const Str *before, *after;
} ConfigChange;
/* In A; sorted as a config's members stand.  No times, no history, no layers. */
void changes_of_config(Arena *a, const ImageConfig *x, const ImageConfig *y, ConfigChange **ret,
                       size_t *ret_count);
