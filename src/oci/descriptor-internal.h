/*
 * descriptor-internal.h - what the specification asks of a descriptor's texts (descriptor.c).
 *
 * SOURCE   OCI image-spec descriptor.md, and its schema's patterns
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"

/* Is it "type/subtype" of RFC 6838 4.2?  ERR_CORRUPT naming WHERE.KEY. */
NODISCARD Err *descriptor_check_type(Str type, const char *where, const char *key);
/* "urls" of OBJECT: an array of absolute addresses, or nothing. */
NODISCARD Err *descriptor_check_urls(const JsonValue *object, const char *where);
