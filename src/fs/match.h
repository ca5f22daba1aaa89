/*
 * match.h - Go's filepath.Match, and the patterns of .dockerignore files.
 *
 * SOURCE   Go path/filepath Match; moby/patternmatcher (MatchesUsingParentResults).
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
/*
 * Is PATH (clean, relative) left out?  *ret_by: the deciding pattern or NULL.
 *
 * As in a walk from the root down: a line counts for what lies below a directory if it changed what
 * is said of that directory.  So '!dir' takes what is in dir back from a line that left out dir,
 * but not from one that leaves out the file itself.
 */
bool ignore_excludes(const Ignore *ig, Str path, const IgnorePattern **ret_by);

/* For many paths, directory by directory: what the lines say of the last path's directory.  Start
 * with { .ignore = ig }, end with ignore_walk_done(); of one thread. */
typedef struct IgnoreWalk {
	const Ignore *ignore; /* NULL: nothing is left out */
	Buf dir;
	bool *lines; /* those that count for what is in dir; NULL: nothing is asked yet */
} IgnoreWalk;

bool ignore_walk_excludes(IgnoreWalk *w, Str path, const IgnorePattern **ret_by);
void ignore_walk_done(IgnoreWalk *w);
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

/* F may be NULL.  PATH is not "".  EXCLUDES: a walk of f->exclude. */
MatchVerdict match_filter(const MatchFilter *f, IgnoreWalk *excludes, Str path, bool is_dir);
