/*
 * manifest_list.h - a list that `manifest create` has begun: kept in the store until it is pushed.
 *
 * WHAT     An Index whose entries have the name of their source as .container_name, sorted by that as
 *          docker sorts the files that it keeps them in.
 * ERRORS   ERR_NOT_FOUND "No such manifest: NAME"; ERR_CORRUPT
 * OWNS     texts live in the arena of CLI
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "oci/manifest.h"

/* S NULL: there is no store, so no list. */
NODISCARD Err *manifest_list_read(Cli *cli, Store *s, const Reference *list, Index *ret);
/* LIST is sorted. */
NODISCARD Err *manifest_list_write(Cli *cli, Store *s, const Reference *list, Index *index);
/* The entry of the source NAME; NULL: none. */
Descriptor *manifest_list_find(const Index *index, Str name);
/* As it goes to the registry, and as it is shown.  ERR_INPUT: an entry has no platform, or is of
 * another registry. */
NODISCARD Err *manifest_list_format(Cli *cli, const Reference *list, const Index *index, Str *ret,
                                    Str *ret_media_type);
