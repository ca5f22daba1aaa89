/* lines.c - physical lines to logical ones: continuations, comments, where each byte came from. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

typedef VEC(Segment) SegmentVec;

void lines_done(Lines *lines)
{
	VEC_DONE(&lines->comments);
}

bool line_next_physical(Lines *lines, Str *ret)
{
	Str rest = str_from_at(lines->source->text, lines->at);
	if (!rest.len)
		return false;
	ptrdiff_t newline = str_find(rest, '\n');
	*ret = str_head(rest, newline < 0 ? rest.len : (size_t)newline + 1);
	lines->at += ret->len;
	return true;
}

Str line_trim_end(Str s)
{
	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static bool is_comment(Str physical)
{
	Str s = rune_trim_left(physical);
	return s.len && s.ptr[0] == '#';
}

/*
 * Does S go on in the next line?  An escape character at its end does it, blanks may follow; two of
 * them do not.  *s loses the escape character and what is behind it.
 */
static bool cut_continuation(Str *s, char escape)
{
	size_t end = s->len;
	while (end && (s->ptr[end - 1] == ' ' || s->ptr[end - 1] == '\t'))
		end--;
	if (!end || s->ptr[end - 1] != escape)
		return false;
	if (end > 1 && s->ptr[end - 2] == escape)
		return false;
	s->len = end - 1;
	return true;
}

static uint32_t offset_in(const Source *source, const char *p)
{
	return (uint32_t)(p - source->text.ptr);
}

static Span span_of_slice(const Source *source, Str s)
{
	uint32_t start = offset_in(source, s.ptr);
	return (Span){ source, start, start + (uint32_t)s.len };
}

/*
 * A comment line, for the instruction that follows.  An empty one parts what was said before from
 * the instruction.  Like BuildKit, only blanks behind a '#' in the first column are trimmed: an
 * indented comment keeps its '#', so that it is no check=... and no description.
 */
static void keep_comment(Lines *lines, Str physical)
{
	if (offset_in(lines->source, physical.ptr) < lines->directives_end)
		return;
	Str s = rune_trim(str_from_at(physical, 1));
	if (!s.len)
		lines->comments.len = 0;
	else
		VEC_PUSH(&lines->comments, (Word){ s, span_of_slice(lines->source, s) });
}

/* The comments so far, which belong to LINE. */
static void take_comments(Lines *lines, Line *line)
{
	size_t count = lines->comments.len;
	line->comment_count = count;
	if (!count)
		return;
	line->comments = arena_alloc(lines->arena, count * sizeof(Word), _Alignof(Word));
	memcpy(line->comments, lines->comments.at, count * sizeof(Word));
	lines->comments.len = 0;
}

/* The first line of an instruction that holds something; false at the end. */
static bool first_piece(Lines *lines, Str *ret, bool *ret_continues)
{
	Str physical;
	while (line_next_physical(lines, &physical)) {
		Str s = rune_trim_left(line_trim_end(physical));
		if (s.len && s.ptr[0] == '#')
			keep_comment(lines, physical);
		if (!s.len || s.ptr[0] == '#')
			continue;
		*ret_continues = cut_continuation(&s, lines->escape);
		*ret = s;
		return true;
	}
	return false;
}

bool line_next(Lines *lines, Line *ret)
{
	Str piece;
	bool continues;
	if (!first_piece(lines, &piece, &continues))
		return false;

	const Source *source = lines->source;
	*ret = (Line){ .source = source,
		       .end = offset_in(source, piece.ptr) + (uint32_t)piece.len };
	take_comments(lines, ret);
	AUTO_VEC SegmentVec segments = { 0 };
	AUTO_BUF Buf joined = BUF_INIT;
	VEC_PUSH(&segments, (Segment){ 0, offset_in(source, piece.ptr) });
	Str physical;
	while (continues && line_next_physical(lines, &physical)) {
		if (is_comment(physical))
			continue;
		Str more = line_trim_end(physical);
		if (!rune_trim_left(more).len) {
			if (!ret->empty_continuation.src)
				ret->empty_continuation = span_of_slice(source, more);
			continue;
		}
		if (segments.len == 1)
			buf_add_str(&joined, piece);
		ret->end = offset_in(source, more.ptr) + (uint32_t)more.len;
		continues = cut_continuation(&more, lines->escape);
		VEC_PUSH(&segments, (Segment){ (uint32_t)joined.len, offset_in(source, more.ptr) });
		buf_add_str(&joined, more);
	}
	ret->text = segments.len == 1 ? piece : arena_str(lines->arena, buf_str(&joined));
	Segment *kept = arena_alloc(lines->arena, segments.len * sizeof *kept, _Alignof(Segment));
	memcpy(kept, segments.at, segments.len * sizeof *kept);
	ret->segments = kept;
	ret->segment_count = segments.len;
	return true;
}

/* Where byte OFFSET of the text stands in the Source: the last segment that begins at or before it.
 */
static uint32_t source_offset(const Line *line, uint32_t offset)
{
	size_t low = 0, high = line->segment_count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (line->segments[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return line->segments[low].at + (offset - line->segments[low].offset);
}

Span line_span(const Line *line, Str slice)
{
	uint32_t from = (uint32_t)(slice.ptr - line->text.ptr);
	uint32_t start = source_offset(line, from);
	/* The end is taken from the last byte: the byte behind it may lie in the next segment. */
	uint32_t end = slice.len ? source_offset(line, from + (uint32_t)slice.len - 1) + 1 : start;
	return (Span){ line->source, start, end };
}

Word line_word(const Line *line, Str slice)
{
	return (Word){ slice, line_span(line, slice) };
}

Word line_word_made(const Line *line, Str slice, Str text)
{
	return (Word){ text, line_span(line, slice) };
}
