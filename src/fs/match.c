/*
 * match.c - Go's filepath.Match.
 *
 * A pattern is chunks between stars.  Each chunk is put at the first place where it fits behind the
 * last one: since a star takes anything but '/', a later place could never do better, so there is
 * nothing to come back to, and time is at most length of pattern times length of path.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "fs/match.h"

/* One character of a class: *ret is set and *chunk moved behind it; false if the class is bad. */
static bool class_char(Str *chunk, uint32_t *ret)
{
	if (!chunk->len || chunk->ptr[0] == '-' || chunk->ptr[0] == ']')
		return false;
	if (chunk->ptr[0] == '\\') {
		*chunk = str_from_at(*chunk, 1);
		if (!chunk->len)
			return false;
	}
	size_t len;
	*ret = rune_at(*chunk, 0, &len);
	if (*ret == RUNE_BAD && len == 1)
		return false;
	*chunk = str_from_at(*chunk, len);
	return chunk->len > 0; /* the ']' must still come */
}

/* The class that CHUNK begins with, its '[' taken: does RUNE lie in it?  False: it is bad. */
static bool match_class(Str *chunk, uint32_t rune, bool *ret_match)
{
	bool negated = chunk->len && chunk->ptr[0] == '^';
	if (negated)
		*chunk = str_from_at(*chunk, 1);
	bool found = false;
	for (unsigned ranges = 0;; ranges++) {
		if (ranges && chunk->len && chunk->ptr[0] == ']')
			break;
		uint32_t low, high;
		if (!class_char(chunk, &low))
			return false;
		high = low;
		if (chunk->ptr[0] == '-') {
			*chunk = str_from_at(*chunk, 1);
			if (!class_char(chunk, &high))
				return false;
		}
		found |= low <= rune && rune <= high;
	}
	*chunk = str_from_at(*chunk, 1);
	*ret_match = found != negated;
	return true;
}

/*
 * CHUNK (no star in it) against the start of *path, which is moved behind what it took.  The whole
 * chunk is read even if it cannot match any more, to find what is wrong with it.
 */
static bool match_chunk(Str chunk, Str *path, bool *ret_match)
{
	Str rest = *path;
	bool failed = false;
	while (chunk.len) {
		failed |= !rest.len;
		size_t len = 0;
		uint32_t rune = failed ? 0 : rune_at(rest, 0, &len);
		char c = chunk.ptr[0];
		if (c == '[') {
			bool in_class;
			chunk = str_from_at(chunk, 1);
			if (!match_class(&chunk, rune, &in_class))
				return false;
			failed |= !in_class;
		} else if (c == '?') {
			chunk = str_from_at(chunk, 1);
			failed |= rune == '/';
		} else {
			if (c == '\\') {
				chunk = str_from_at(chunk, 1);
				if (!chunk.len)
					return false;
			}
			failed |= !failed && chunk.ptr[0] != rest.ptr[0];
			chunk = str_from_at(chunk, 1);
			len = 1; /* literals are compared byte by byte */
		}
		if (!failed)
			rest = str_from_at(rest, len);
	}
	*ret_match = !failed;
	if (!failed)
		*path = rest;
	return true;
}

/* Cut stars and the chunk behind them off PATTERN. */
static Str cut_chunk(Str pattern, bool *ret_star, Str *ret_chunk)
{
	size_t at = 0;
	while (at < pattern.len && pattern.ptr[at] == '*')
		at++;
	*ret_star = at > 0;
	pattern = str_from_at(pattern, at);
	bool in_class = false;
	for (at = 0; at < pattern.len; at++) {
		char c = pattern.ptr[at];
		if (c == '\\' && at + 1 < pattern.len)
			at++;
		else if (c == '[')
			in_class = true;
		else if (c == ']')
			in_class = false;
		else if (c == '*' && !in_class)
			break;
	}
	*ret_chunk = str_head(pattern, at);
	return str_from_at(pattern, at);
}

static Err *bad_pattern(Str pattern)
{
	return err_new(ERR_INPUT, "syntax error in pattern: '%.*s'",
	               STR_ARG(str_clip(pattern, 80)));
}

/* Find CHUNK behind a star: false only if it is bad.  LAST: it must reach the end of the path. */
static bool match_behind_star(Str chunk, bool last, Str *path, bool *ret_match)
{
	*ret_match = false;
	for (size_t skip = 0; skip < path->len && path->ptr[skip] != '/'; skip++) {
		Str rest = str_from_at(*path, skip + 1);
		if (!match_chunk(chunk, &rest, ret_match))
			return false;
		if (*ret_match && !(last && rest.len)) {
			*path = rest;
			return true;
		}
		*ret_match = false;
	}
	return true;
}

Err *match_glob(Str pattern, Str path, bool *ret_match)
{
	Str left = pattern;
	*ret_match = false;
	bool alive = true;
	while (left.len) {
		bool star, matched = false;
		Str chunk;
		left = cut_chunk(left, &star, &chunk);
		if (star && !chunk.len) {
			*ret_match = alive && str_find(path, '/') < 0;
			return NULL;
		}
		Str rest = alive ? path : STR("");
		if (!match_chunk(chunk, &rest, &matched))
			return bad_pattern(pattern);
		if (!alive)
			continue; /* only looking for what is wrong */
		if (matched && (!rest.len || left.len)) {
			path = rest;
			continue;
		}
		matched = false;
		if (star && !match_behind_star(chunk, !left.len, &path, &matched))
			return bad_pattern(pattern);
		alive = matched;
	}
	*ret_match = alive && !path.len;
	return NULL;
}

bool match_has_magic(Str pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
		if (pattern.ptr[i] && strchr("*?[\\", pattern.ptr[i]))
			return true;
	return false;
}
