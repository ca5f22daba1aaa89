/*
 * pax-internal.h - records of a pax extended header, for tar_read.c and tar_write.c alone.
 *
 * A record is "LEN KEY=VALUE\n", LEN counting itself and the line end (POSIX pax, "pax Extended
 * Header").
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/entry.h"

/* Cut the first record off *REST (not empty).  ERR_CORRUPT says what is wrong, not where. */
NODISCARD Err *pax_cut_record(Str *rest, Str *ret_key, Str *ret_value);
void pax_add_record(Buf *out, Str key, Str value);
/* Seconds with an optional sign and fraction; digits below 1 ns are dropped towards zero. */
bool pax_parse_time(Str text, int64_t *ret_ns);
void pax_format_time(Buf *out, int64_t ns);
/* libarchive's xattr names (%xx) and values (base64 without '='), decoded to the end of OUT. */
bool pax_decode_url(Str text, Buf *out);
bool pax_decode_base64(Str text, Buf *out);
