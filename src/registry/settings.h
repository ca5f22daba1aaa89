/*
 * settings.h - the files of settings: $DECANT_CONFIG, or /etc/decant/config.json and then
 * ~/.config/decant/config.json.
 *
 * WHAT     One place that finds and reads them, and one table of their keys (settings.c).  A file may be
 *          dockerd's daemon.json: keys of dockerd that mean nothing here are let be; one that begins with
 *          "store.", or that is nearly one of ours, is a mistake and told.
 * ERRORS   ERR_INPUT naming the file
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "codec/json.h"

/* DOC is an object; NAME the file's. */
typedef Err *SettingsFn(void *context, const JsonValue *doc, const char *name);
/* Each file that is there, the user's own last.  *RET_FILES: their names with commas; "" none. */
NODISCARD Err *settings_each(Arena *a, SettingsFn *fn, void *context, Str *ret_files);
/* Are the keys of DOC ours, or none of our business? */
NODISCARD Err *settings_check(const JsonValue *doc, const char *name);

/* What is not about registries; "" not set.  The user's own file wins. */
typedef struct Settings {
	Str files;
	Str store_max, store_min_free;
} Settings;
NODISCARD Err *settings_read(Arena *a, Settings *ret);
