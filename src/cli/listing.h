/*
 * listing.h - tables as docker prints them, and --format of them.
 *
 * WHAT     Each row is a JSON object of placeholders (".Repository"); one template makes the table,
 *          what --format says, or the JSON lines.  Columns are left aligned, three blanks between
 *          them, none narrower than ten (Go's tabwriter as docker sets it).
 * ERRORS   ERR_INPUT with a place in the template
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct ListingColumn {
	const char *key;   /* placeholder: "ID" */
	const char *title; /* "IMAGE ID" */
} ListingColumn;

/* FORMAT: NULL or "table" (then COLUMNS are shown as they come), "table TEMPLATE", "json",
 * TEMPLATE. TITLES: every placeholder there is, for the heads of "table TEMPLATE". */
NODISCARD Err *listing_print(Arena *a, const char *format, const ListingColumn *columns,
                             size_t column_count, const ListingColumn *titles, size_t title_count,
                             const Str *rows_json, size_t row_count);

/* LINES with tabs between their cells, aligned, no column narrower than COLUMN_MIN.  The last cell
 * of a line is not padded. */
enum { LISTING_COLUMN_MIN = 10 }; /* the usual */
/* LINE and its end, whatever bytes it has. */
void listing_print_line(Str line);
void listing_print_lines(const Str *lines, size_t count, size_t column_min);

/* "\t" and "\n" as they are typed in a format → the bytes (outside of actions too). */
Str listing_unescape(Arena *a, const char *format);

/* 72.9MB: decimal, three significant digits (docker's tables). */
Str cli_size(Arena *a, uint64_t bytes);
/* "12.1 MB": the same for a sentence. */
Str cli_size_words(Arena *a, uint64_t bytes);
/* "7.753GiB": of memory. */
Str cli_size_binary(Arena *a, uint64_t bytes);
/* "About a minute", "3 days": docker's HumanDuration. */
Str cli_age(Arena *a, int64_t ns);
/* "2021-03-04 03:24:42 +0000 UTC", as Go prints a time. */
Str cli_time(Arena *a, int64_t real_ns);
