/*
 * foreign.h - xz and bzip2, read through libarchive, which is loaded when one is met.
 *
 * WHAT     A Reader of the uncompressed bytes of BELOW, whatever filter libarchive finds in it.
 * ERRORS   ERR_INPUT   libarchive is not installed (note: the package)
 *          ERR_CORRUPT what libarchive says
 * OWNS     BELOW is borrowed
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/stream.h"

NODISCARD Err *foreign_reader(Reader *below, Reader **ret);
