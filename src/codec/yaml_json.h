/*
 * yaml_json.h - a YAML document as JSON text, for json_parse().
 *
 * WHAT     One document; plain scalars by YAML 1.2's core schema (null, true, false, decimal integers), all other ones
 *          are strings, numbers with a fraction too.  Keys are strings.
 * ERRORS   ERR_INPUT with line and column: what is no YAML, aliases (one line of them can stand for gigabytes), a
 *          second document, more than JSON_DEPTH_MAX levels; ERR_SYSTEM: libyaml is not there
 * SOURCE   yaml.org/spec/1.2.2; libyaml reads it, and is dlopen'ed since few builds need it
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* TEXT, at most LIMIT bytes; NAME is for messages. */
NODISCARD Err *yaml_to_json(Str text, size_t limit, const char *name, Buf *out);
