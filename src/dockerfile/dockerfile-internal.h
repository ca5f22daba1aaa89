/*
 * dockerfile-internal.h - logical lines, and what the files of this module share.
 *
 * A logical line is what an instruction stands on after continuations are joined and comments
 * dropped.  Its text is a slice of the Source where it is one piece there, else a copy; the
 * segments lead from each byte of the text back to the Source, so every slice of it has a Span.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "dockerfile/dockerfile.h"

/* Text from offset OFFSET on comes from byte AT of the Source, until the next segment. */
typedef struct Segment {
	uint32_t offset, at;
} Segment;

typedef struct Line {
	const Source *source;
	Str text;
	const Segment *segments;
	size_t segment_count;
	uint32_t end;            /* end of the last physical line, its newline left out */
	Span empty_continuation; /* the first empty line inside; .src NULL: none */
	Word *comments;          /* above it */
	size_t comment_count;
} Line;

typedef VEC(Word) WordVec;
typedef VEC(NodeFlag) NodeFlagVec;

/* The reader: where it stands in the Source, and the escape character in force. */
typedef struct Lines {
	Arena *arena;
	const Source *source;
	size_t at;
	char escape;
	size_t directives_end; /* comments that begin before it are directives */
	WordVec comments;      /* since the last logical line */
} Lines;

void lines_done(Lines *lines);

/* The next physical line with its line end; false at the end of the Source. */
bool line_next_physical(Lines *lines, Str *ret);
/* The next logical line that is not empty and no comment; false at the end of the Source. */
bool line_next(Lines *lines, Line *ret);
/* The Span of SLICE, which must point into line->text. */
Span line_span(const Line *line, Str slice);
Word line_word(const Line *line, Str slice);
/* TEXT was made from SLICE of the line (quotes taken off, escapes undone). */
Word line_word_made(const Line *line, Str slice, Str text);
Str line_trim_end(Str physical); /* without \r and \n at the end */

/* Cut the first word off: the blanks are \t \v \f \r and space alone, as in BuildKit. */
Str word_cut(Str s, Str *ret_head);
size_t word_blank_length(Str s); /* blanks at the start of S */

/* Parser directives at the top, starting behind a BOM; sets escape, syntax, check.  *ret_end: where
 * the line after the last one begins. */
NODISCARD Err *directives_parse(Arena *a, const Source *source, Dockerfile *d, size_t *ret_end);

/* Flags at the start of TEXT; *ret_rest is what follows them, trimmed. */
NODISCARD Err *flags_parse(Arena *a, const Line *line, Str text, Node *node, Str *ret_rest);

/* JSON array of strings: *ret_is_json false if TEXT is no JSON array at all (not an error). */
NODISCARD Err *json_words_parse(Arena *a, const Line *line, Str text, bool *ret_is_json,
                                Word **ret_words, size_t *ret_count);
/* TEXT is one JSON object whose member KEY (the last of that name) is a string: that, and its place
 * in TEXT with the quotes. */
bool json_member_find(Arena *a, Str text, Str key, Str *ret_value, Str *ret_slice);
NODISCARD Err *words_split(Arena *a, const Line *line, Str text, Word **ret_words,
                           size_t *ret_count);
NODISCARD Err *words_assignments(Arena *a, const Line *line, Str text, char escape, Node *node);

/* The heredocs that LINE announces, their bodies read from LINES. */
NODISCARD Err *heredocs_read(Arena *a, Lines *lines, const Line *line, Node *node);
/* Is WORD (one word of a COPY) the start of a heredoc?  Its name, flags and fd without a body. */
NODISCARD Err *heredoc_word_parse(Arena *a, Str word, bool *ret_is_heredoc, Heredoc *ret);

/* COMMENT (without '#') as "check = value"; false if it is something else. */
bool directive_parse_check(Str comment, Str *ret_value);

/* An error if NODE cannot stand in ONBUILD, or is wrong by itself. */
NODISCARD Err *dockerfile_check_trigger(const Node *node);

/* Find a flag by name among those of INST_x: FLAG_COUNT if there is none. */
FlagId flag_find(InstructionId id, Str name);
/* The first bytes of S, for a message that must stay readable. */
Str word_clip(Str s);
NODISCARD Err *word_check_count(const Line *line, Str text, size_t count);
bool word_equal_fold(Str a, const char *cstr); /* ASCII case folded */
Str word_upper(Arena *a, Str s);               /* ASCII alone; S itself if nothing changes */
