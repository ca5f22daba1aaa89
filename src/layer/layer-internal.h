/* layer-internal.h - what the files of layer/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "layer/layer.h"

/* Sum of the file sizes of a list: what `images` adds up. */
uint64_t layer_list_bytes(const List *list);
