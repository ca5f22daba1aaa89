/*
 * key.h - the lines of a key, by the table in key_inputs.def.
 *
 * A line can be written only with an entry of that table, so each has words for `decant why`.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "codec/digest.h"

typedef enum KeyStyle {
	KEY_STYLE_VALUE,   /* one value: old → new */
	KEY_STYLE_TEXT,    /* too long to be shown */
	KEY_STYLE_COMMAND, /* the words of a command */
	KEY_STYLE_ENV,     /* "NAME=VALUE" */
	KEY_STYLE_MEMBER,  /* one of several: added, removed */
	KEY_STYLE_MOUNT,   /* belongs to the "mount" line before it */
	KEY_STYLE_FILES,
	KEY_STYLE_MATCH,
	KEY_STYLE_FROM,
	KEY_STYLE_PARENT,
} KeyStyle;

typedef enum KeyInput {
#define KEY_INPUT(id, name, style, written, code, words) KEY_##id,
#include "exec/key_inputs.def"
#undef KEY_INPUT
	KEY_INPUT_COUNT
} KeyInput;

typedef struct KeyInputInfo {
	const char *name;
	KeyStyle style;
	bool written;
	const char *code, *words;
} KeyInputInfo;
extern const KeyInputInfo key_input_table[KEY_INPUT_COUNT];

/* "NAME VALUE", escaped so that it is one line. */
void key_add(Buf *out, KeyInput input, Str value);
/* The start of a line whose rest the caller writes: "NAME ". */
void key_begin(Buf *out, KeyInput input);

/* A list of files too long to stand in the key itself: its digest does. */
typedef struct KeyList {
	Digest digest;
	Buf text;
} KeyList;
typedef VEC(KeyList) KeyLists;
void key_lists_done(KeyLists *lists);
