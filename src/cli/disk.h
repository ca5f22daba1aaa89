/* disk.h - filters and tables of the commands that speak of disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/disk.h"

/* --filter of prune and du; OF_CACHE: the keys of cache entries, else those of images. */
NODISCARD Err *disk_read_filter(Cli *cli, const OptionList *filters, bool of_cache,
                                DiskFilter *ret);
/* As `buildx du`: FORMAT as for listing_print(), NULL the table; VERBOSE: paragraphs. */
NODISCARD Err *disk_print_entries(Arena *a, const char *format, bool verbose,
                                  const DiskEntry *entries, size_t count);
