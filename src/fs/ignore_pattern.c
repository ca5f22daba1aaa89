/*
 * ignore_pattern.c - the patterns of ignore files, as moby/patternmatcher means them.
 *
 * There a pattern becomes a Go regular expression, and what people rely on is what that expression
 * does, corners included: a class may hold '/', a '*' in a class is spelled out in it, "**" at the
 * start is a comparison of suffixes ("**file" matches "xfile").  So the expression is written here
 * too, then read into atoms, and all ways through the atoms are walked at once, one bit a place:
 * time is length of path times length of pattern at most, whatever the pattern.
 *
 * Not taken over: "\d", "\w" and the like are classes there by accident; here "\d" is a 'd', as
 * filepath.Match and docker's manual say.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "base/vec.h"
#include "fs/ignore-internal.h"

/* A pattern longer than a path can be matches nothing; the bound keeps the sets on the stack. */
#define ATOMS_MAX PATH_BYTES_MAX
#define SET_WORDS (ATOMS_MAX / 64 + 1)

typedef struct Range {
	uint32_t low, high;
} Range;

typedef enum AtomKind {
	ATOM_RUNE,
	ATOM_ANY, /* Go's '.': anything but a newline */
	ATOM_CLASS,
	ATOM_OPTIONAL, /* the next two atoms may be left out: "(.*" + "/" + ")?" */
	ATOM_START,    /* '^' inside a pattern: holds at the start alone */
} AtomKind;

struct IgnoreAtom {
	AtomKind kind;
	bool star;
	bool negated;  /* CLASS */
	uint32_t rune; /* RUNE */
	Range *ranges; /* CLASS */
	size_t range_count;
};

typedef VEC(IgnoreAtom) AtomVec;

/* Everything in a pattern that means something to an expression and nothing to filepath.Match. */
static bool must_escape(uint32_t rune)
{
	return rune && rune < 0x80 && strchr(".+()|{}$", (int)rune);
}

/* The "**" at AT (its two stars are read): returns what it adds to the expression. */
static const char *double_star(Str pattern, size_t *at, bool first, IgnoreKind *kind)
{
	if (*at < pattern.len && pattern.ptr[*at] == '/')
		++*at; /* "**" and its '/' are one thing */
	const char *added = "";
	if (*at < pattern.len) {
		added = "(.*/)?";
		*kind = IGNORE_EXPRESSION;
	} else if (*kind == IGNORE_EXACT) {
		*kind = IGNORE_PREFIX;
	} else {
		added = ".*";
		*kind = IGNORE_EXPRESSION;
	}
	if (first)
		*kind = IGNORE_SUFFIX;
	return added;
}

/* PATTERN as the expression that moby writes for it, without "^" and "$"; its kind. */
static IgnoreKind write_expression(Str pattern, Buf *out)
{
	IgnoreKind kind = IGNORE_EXACT;
	for (size_t at = 0, len; at < pattern.len;) {
		bool first = at == 0;
		uint32_t rune = rune_at(pattern, at, &len);
		Str bytes = { pattern.ptr + at, len };
		at += len;
		if (rune == '*' && at < pattern.len && pattern.ptr[at] == '*') {
			at++;
			buf_addf(out, "%s", double_star(pattern, &at, first, &kind));
			continue;
		}
		if (rune == '*' || rune == '?') {
			buf_add_str(out, rune == '*' ? STR("[^/]*") : STR("[^/]"));
			kind = IGNORE_EXPRESSION;
			continue;
		}
		if (rune == '\\' && at < pattern.len) {
			(void)rune_at(pattern, at, &len);
			buf_add_char(out, '\\');
			buf_add(out, pattern.ptr + at, len);
			at += len;
			kind = IGNORE_EXPRESSION;
			continue;
		}
		if (must_escape(rune) || rune == '\\')
			buf_add_char(out, '\\');
		if (rune == '[' || rune == ']' || rune == '^')
			kind = IGNORE_EXPRESSION;
		buf_add_str(out, bytes);
	}
	return kind;
}

static bool class_end(Str s, size_t *at, uint32_t *ret)
{
	size_t len;
	if (*at < s.len && s.ptr[*at] == '\\')
		++*at;
	if (*at >= s.len)
		return false;
	*ret = rune_at(s, *at, &len);
	*at += len;
	return true;
}

/* The class behind the '[' at *at; false: it is bad. */
static bool read_class(Arena *a, Str s, size_t *at, IgnoreAtom *atom)
{
	AUTO_VEC VEC(Range) ranges = { 0 };
	*atom = (IgnoreAtom){ .kind = ATOM_CLASS };
	if (*at < s.len && s.ptr[*at] == '^') {
		atom->negated = true;
		++*at;
	}
	for (bool first = true; *at >= s.len || s.ptr[*at] != ']' || first; first = false) {
		Range r;
		if (!class_end(s, at, &r.low))
			return false;
		r.high = r.low;
		if (*at + 1 < s.len && s.ptr[*at] == '-' && s.ptr[*at + 1] != ']') {
			++*at;
			if (!class_end(s, at, &r.high) || r.high < r.low)
				return false;
		}
		VEC_PUSH(&ranges, r);
	}
	++*at;
	atom->range_count = ranges.len;
	atom->ranges = arena_alloc(a, ranges.len * sizeof(Range), _Alignof(Range));
	memcpy(atom->ranges, ranges.at, ranges.len * sizeof(Range));
	return true;
}

static bool read_atom(Arena *a, Str s, size_t *at, IgnoreAtom *atom)
{
	char c = s.ptr[*at];
	if (c == '[') {
		++*at;
		return read_class(a, s, at, atom);
	}
	if (c == '.' || c == '^') {
		++*at;
		*atom = (IgnoreAtom){ .kind = c == '.' ? ATOM_ANY : ATOM_START };
		return true;
	}
	*atom = (IgnoreAtom){ .kind = ATOM_RUNE };
	return class_end(s, at, &atom->rune);
}

/* The expression as atoms; false: no regular expression. */
static bool read_expression(Arena *a, Str s, AtomVec *atoms)
{
	static const Str optional = { "(.*/)?", 6 };
	for (size_t at = 0; at < s.len;) {
		if (str_starts(str_from_at(s, at), optional)) {
			VEC_PUSH(atoms, (IgnoreAtom){ .kind = ATOM_OPTIONAL });
			VEC_PUSH(atoms, (IgnoreAtom){ .kind = ATOM_ANY, .star = true });
			VEC_PUSH(atoms, (IgnoreAtom){ .kind = ATOM_RUNE, .rune = '/' });
			at += optional.len;
			continue;
		}
		IgnoreAtom atom;
		if (!read_atom(a, s, &at, &atom))
			return false;
		if (at < s.len && s.ptr[at] == '*') {
			atom.star = true;
			at++;
		}
		VEC_PUSH(atoms, atom);
	}
	return true;
}

/*
 * The longest plain text that is in every match of the atoms, "" if there is none: a path without
 * it need not be walked.  (Thirty usual lines on 100,000 paths: 70 ms; 200 if it is looked for at
 * the end of patterns alone.)
 */
static Str plain_part(Arena *a, const AtomVec *atoms)
{
	size_t best = 0, best_len = 0;
	for (size_t i = 0, start = 0; i < atoms->len; i++) {
		const IgnoreAtom *atom = &atoms->at[i];
		if (atom->kind == ATOM_OPTIONAL)
			i += 2; /* the two that may be left out */
		/* RUNE_BAD stands for any bad byte. */
		if (atom->kind != ATOM_RUNE || atom->star || atom->rune == RUNE_BAD) {
			start = i + 1;
		} else if (i + 1 - start > best_len) {
			best = start;
			best_len = i + 1 - start;
		}
	}
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = best; i < best + best_len; i++)
		rune_add(&text, atoms->at[i].rune);
	return arena_str(a, buf_str(&text));
}

Err *ignore_compile(Arena *a, Str pattern, const IgnoreProgram **ret)
{
	bool ignored;
	TRY(match_glob(pattern, STR("."), &ignored)); /* moby's own test of the syntax */
	IgnoreProgram *p = arena_new(a, IgnoreProgram);
	AUTO_BUF Buf expression = BUF_INIT;
	p->kind = write_expression(pattern, &expression);
	*ret = p;
	if (p->kind == IGNORE_EXACT) {
		p->literal = pattern;
		return NULL;
	}
	if (p->kind == IGNORE_PREFIX) {
		p->literal = str_head(pattern, pattern.len - 2);
		return NULL;
	}
	if (p->kind == IGNORE_SUFFIX) {
		p->literal = str_from_at(pattern, 2);
		return NULL;
	}
	AUTO_VEC AtomVec atoms = { 0 };
	if (!read_expression(a, buf_str(&expression), &atoms))
		return err_new(ERR_INPUT, "syntax error in pattern: '%.*s'",
		               STR_ARG(str_clip(pattern, 80)));
	if (atoms.len > ATOMS_MAX)
		return err_new(ERR_INPUT, "pattern longer than %u characters", ATOMS_MAX);
	p->literal = plain_part(a, &atoms);
	p->atom_count = atoms.len;
	p->atoms = arena_alloc(a, atoms.len * sizeof(IgnoreAtom), _Alignof(IgnoreAtom));
	if (atoms.len)
		memcpy(p->atoms, atoms.at, atoms.len * sizeof(IgnoreAtom));
	return NULL;
}

/* Places in the atoms: bit I is "atom I comes next"; bit atom_count is "all matched". */
typedef struct Places {
	uint64_t bits[SET_WORDS];
} Places;

static bool has(const Places *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

/* Add place I and those that are reached from it without a character. */
static void add_place(const IgnoreProgram *p, Places *s, size_t i, bool at_start)
{
	while (!has(s, i)) {
		s->bits[i / 64] |= 1ull << (i % 64);
		if (i == p->atom_count)
			return;
		const IgnoreAtom *atom = &p->atoms[i];
		if (atom->kind == ATOM_OPTIONAL)
			add_place(p, s, i + 3, at_start); /* one level: two atoms on, or three */
		else if (!atom->star && !(atom->kind == ATOM_START && at_start))
			return;
		i++;
	}
}

static bool takes(const IgnoreAtom *atom, uint32_t rune)
{
	bool in_class = false;
	switch (atom->kind) {
	case ATOM_RUNE:
		return atom->rune == rune;
	case ATOM_ANY:
		return rune != '\n';
	case ATOM_CLASS:
		for (size_t i = 0; i < atom->range_count && !in_class; i++)
			in_class = atom->ranges[i].low <= rune && rune <= atom->ranges[i].high;
		return in_class != atom->negated;
	case ATOM_OPTIONAL:
	case ATOM_START:
		return false;
	}
	return false;
}

/*
 * Walk PATH through the atoms.  PARENTS: stop with true where a directory of the path matches.
 * *ret_alive: something could still follow.
 */
static bool walk(const IgnoreProgram *p, Str path, bool parents, bool *ret_alive)
{
	size_t words = p->atom_count / 64 + 1;
	Places now, soon;
	memset(now.bits, 0, words * 8);
	add_place(p, &now, 0, true);
	*ret_alive = true;
	for (size_t at = 0, len; at < path.len; at += len) {
		uint32_t rune = rune_at(path, at, &len);
		if (parents && rune == '/' && at > 0 && has(&now, p->atom_count))
			return true;
		memset(soon.bits, 0, words * 8);
		bool any = false;
		for (size_t w = 0; w < words; w++)
			for (uint64_t bits = now.bits[w]; bits; bits &= bits - 1) {
				size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
				if (i == p->atom_count || !takes(&p->atoms[i], rune))
					continue;
				add_place(p, &soon, p->atoms[i].star ? i : i + 1, false);
				any = true;
			}
		*ret_alive = any;
		if (!any)
			return false;
		memcpy(now.bits, soon.bits, words * 8);
	}
	return has(&now, p->atom_count);
}

/* Does a directory of PATH, or PATH itself, end at byte END? */
static bool ends_at(Str path, size_t end)
{
	return end > 0 && (end == path.len || path.ptr[end] == '/');
}

/*
 * SUFFIX, on PATH and its parents: the literal is looked for as such, instead of at the end of each
 * parent.
 */
static bool matches_suffix(Str literal, Str path)
{
	if (!literal.len)
		return true;
	/* two stars and "/foo" match "foo" as well */
	Str bare = str_from_at(literal, literal.ptr[0] == '/');
	if (bare.len < literal.len && str_starts(path, bare) && ends_at(path, bare.len))
		return true;
	for (size_t at = 0; at < path.len;) {
		Str rest = str_from_at(path, at);
		const char *found = memmem(rest.ptr, rest.len, literal.ptr, literal.len);
		if (!found)
			return false;
		at = (size_t)(found - path.ptr);
		if (ends_at(path, at + literal.len))
			return true;
		at++;
	}
	return false;
}

bool ignore_program_matches(const IgnoreProgram *p, Str path)
{
	bool alive;
	switch (p->kind) {
	case IGNORE_EXACT:
		return str_starts(path, p->literal) &&
		       (path.len == p->literal.len || path.ptr[p->literal.len] == '/');
	case IGNORE_PREFIX:
		return str_starts(path, p->literal);
	case IGNORE_SUFFIX:
		return matches_suffix(p->literal, path);
	case IGNORE_EXPRESSION:
		return memmem(path.ptr, path.len, p->literal.ptr, p->literal.len) &&
		       walk(p, path, true, &alive);
	}
	return false;
}

bool ignore_program_matches_itself(const IgnoreProgram *p, Str path)
{
	bool alive;
	switch (p->kind) {
	case IGNORE_EXACT:
		return str_eq(path, p->literal);
	case IGNORE_PREFIX:
		return str_starts(path, p->literal);
	case IGNORE_SUFFIX:
		return str_ends(path, p->literal) || (str_starts(p->literal, STR("/")) &&
		                                      str_eq(path, str_from_at(p->literal, 1)));
	case IGNORE_EXPRESSION:
		return memmem(path.ptr, path.len, p->literal.ptr, p->literal.len) &&
		       walk(p, path, false, &alive);
	}
	return false;
}

bool ignore_program_may_match_below(const IgnoreProgram *p, Str directory)
{
	if (p->kind == IGNORE_SUFFIX)
		return true;
	AUTO_BUF Buf below = BUF_INIT;
	buf_add_str(&below, directory);
	buf_add_char(&below, '/');
	Str start = buf_str(&below);
	if (p->kind == IGNORE_EXPRESSION) {
		bool alive;
		(void)walk(p, start, false, &alive);
		return alive;
	}
	return str_starts(p->literal, start) ||
	       (p->kind == IGNORE_PREFIX && str_starts(start, p->literal));
}
