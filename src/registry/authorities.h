/*
 * authorities.h - whom TLS trusts: the machine's authorities, and more.
 *
 * ERRORS   ERR_INPUT: no certificate in it, or a damaged one; WHAT ("--ca") and FILE are named
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/* Append what is trusted anyway ($SSL_CERT_FILE or the distribution's file); nothing if the machine
 * has no such file. */
NODISCARD Err *authorities_usual(Buf *out);
/* Append FILE, every certificate of it checked to be one. */
NODISCARD Err *authorities_add(const char *file, const char *what, Buf *out);
NODISCARD Err *authorities_add_text(Str text, const char *file, const char *what, Buf *out);
