/* repair.h - what repair.c and repair_images.c share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fsck/fsck-internal.h"

/* Rename PATH into lost+found; RET_TO "": it was gone. */
NODISCARD Err *repair_move(Store *s, Str path, Buf *ret_to);

/* Each mends X and tells what it did in X->told.done. */
NODISCARD Err *repair_tar(Fsck *f, Finding *x);
NODISCARD Err *repair_packed(Fsck *f, Finding *x);
NODISCARD Err *repair_layer(Fsck *f, Finding *x);
NODISCARD Err *repair_map(Fsck *f, Finding *x);
NODISCARD Err *repair_manifest(Fsck *f, Finding *x);
NODISCARD Err *repair_ref(Fsck *f, Finding *x);
