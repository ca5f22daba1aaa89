/*
 * json_yaml.h - a JSON document as YAML text, as kubectl prints it.
 *
 * WHAT     Block style, members sorted by name, plain scalars where they are read back as the same
 *          text, two blanks a level.
 * ERRORS   ERR_SYSTEM: libyaml is not there
 * SOURCE   yaml.org/spec/1.2.2; libyaml writes it, and is dlopen'ed since few commands need it
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"

NODISCARD Err *json_to_yaml(const JsonValue *v, Buf *out);
