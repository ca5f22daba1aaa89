/*
 * match.h - Go's filepath.Match, and the patterns of .dockerignore files.
 *
 * SOURCE   Go path/filepath Match; moby/patternmatcher (MatchesOrParentMatches).
 *          Linear in the length of path and pattern.
 * ERRORS   ERR_INPUT "syntax error in pattern" with the Span of the line it came from.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* Go filepath.Match on one whole path: '*' and '?' do not cross '/'. */
NODISCARD Err *match_glob(Str pattern, Str path, bool *ret_match);
bool match_has_magic(Str pattern); /* holds one of * ? [ \ */

typedef struct IgnoreProgram IgnoreProgram; /* fs/ignore-internal.h */

typedef struct IgnorePattern {
	Str text; /* cleaned, without '!' */
	const IgnoreProgram *program;
	bool negate; /* '!' */
	Span span;   /* of its line in the ignore file (for "note: .dockerignore:3 excludes it") */
	unsigned line;
} IgnorePattern;

typedef struct Ignore {
	IgnorePattern *patterns;
	size_t count;
	bool has_negation;
} Ignore;

/* One line of an ignore file that is neither empty nor a comment, cleaned: "/a/" → "a", "! b" →
 * "!b". */
typedef struct IgnoreLine {
	Str pattern;
	Span span;
	unsigned line;
} IgnoreLine;

NODISCARD Err *ignore_read(Arena *a, const Source *source, IgnoreLine **ret, size_t *ret_count);

/* Read the text of an ignore file (BOM, comments, blanks, path.Clean as moby does). */
NODISCARD Err *ignore_parse(Arena *a, const Source *source, Ignore *ret);
/* From a list of patterns, each as a line. */
NODISCARD Err *ignore_from_patterns(Arena *a, const Str *patterns, size_t count, Ignore *ret);
/* Is PATH (clean, relative) left out?  Parents count.  *ret_by: the deciding pattern or NULL. */
bool ignore_excludes(const Ignore *ig, Str path, const IgnorePattern **ret_by);
/* For a directory that is excluded: could something below it be re-included by a '!' line? */
bool ignore_may_reinclude_below(const Ignore *ig, Str directory);
/* Could a line without '!' match something below DIRECTORY? */
bool ignore_may_match_below(const Ignore *ig, Str directory);

/*
 * What of a directory is wanted: COPY --parents and --exclude.  Paths are those below the
 * directory; a list matches a path when ignore_excludes() says so.  A directory that is not wanted
 * itself comes along with what is wanted below it.
 */
typedef struct MatchFilter {
	const Ignore *include; /* NULL: everything */
	const Ignore *exclude; /* NULL: nothing */
} MatchFilter;

typedef enum MatchVerdict {
	MATCH_TAKE,
	MATCH_LEAVE, /* and all below it */
	MATCH_BELOW, /* a directory that is wanted only if something below it is */
} MatchVerdict;

/* F may be NULL.  PATH is not "". */
MatchVerdict match_filter(const MatchFilter *f, Str path, bool is_dir);
