/* ignore.c - ignore files and lists of patterns: which paths they leave out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "base/vec.h"
#include "fs/ignore-internal.h"
#include "fs/path.h"

typedef VEC(IgnoreLine) LineVec;
typedef VEC(IgnorePattern) PatternVec;

/* One line of a file, trimmed and not empty, as the pattern it stands for. */
static Str normalize_line(Arena *a, Str line)
{
	bool negate = line.ptr[0] == '!';
	if (negate)
		line = rune_trim(str_from_at(line, 1));
	if (line.len)
		line = path_clean(a, line);
	if (line.len > 1 && line.ptr[0] == '/')
		line = str_from_at(line, 1);
	return negate ? arena_strf(a, "!%.*s", STR_ARG(line)) : line;
}

Err *ignore_read(Arena *a, const Source *source, IgnoreLine **ret, size_t *ret_count)
{
	TRY(err_check_text(source, IGNORE_FILE_BYTES_MAX));
	AUTO_VEC LineVec lines = { 0 };
	Str text = source->text;
	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_from_at(text, 3);
	for (unsigned number = 1; text.len; number++) {
		Str line;
		text = str_cut(text, '\n', &line);
		if (line.len && line.ptr[0] == '#')
			continue;
		line = rune_trim(line);
		if (!line.len)
			continue;
		uint32_t start = (uint32_t)(line.ptr - source->text.ptr);
		VEC_PUSH(&lines, (IgnoreLine){
					 .pattern = normalize_line(a, line),
					 .span = { source, start, start + (uint32_t)line.len },
					 .line = number,
				 });
	}
	*ret_count = lines.len;
	*ret = arena_alloc(a, lines.len * sizeof(IgnoreLine), _Alignof(IgnoreLine));
	if (lines.len)
		memcpy(*ret, lines.at, lines.len * sizeof(IgnoreLine));
	return NULL;
}

/* One pattern into the list; an empty one is left out. */
static Err *add_pattern(Arena *a, const IgnoreLine *line, PatternVec *patterns, Ignore *ig)
{
	Str text = rune_trim(line->pattern);
	if (!text.len)
		return NULL;
	text = path_clean(a, text);
	IgnorePattern p = { .span = line->span, .line = line->line };
	if (text.ptr[0] == '!') {
		if (text.len == 1)
			return err_new(ERR_INPUT, "a pattern must follow '!'");
		p.negate = true;
		text = str_from_at(text, 1);
	}
	p.text = text;
	TRY(ignore_compile(a, text, &p.program));
	ig->has_negation |= p.negate;
	VEC_PUSH(patterns, p);
	return NULL;
}

static Err *from_lines(Arena *a, const IgnoreLine *lines, size_t count, Ignore *ret)
{
	AUTO_VEC PatternVec patterns = { 0 };
	*ret = (Ignore){ 0 };
	for (size_t i = 0; i < count; i++) {
		Err *err = add_pattern(a, &lines[i], &patterns, ret);
		if (err)
			return lines[i].span.src ? err_place(err, lines[i].span) : err;
	}
	ret->count = patterns.len;
	ret->patterns =
		arena_alloc(a, patterns.len * sizeof(IgnorePattern), _Alignof(IgnorePattern));
	if (patterns.len)
		memcpy(ret->patterns, patterns.at, patterns.len * sizeof(IgnorePattern));
	return NULL;
}

Err *ignore_parse(Arena *a, const Source *source, Ignore *ret)
{
	IgnoreLine *lines = NULL;
	size_t count = 0;
	TRY(ignore_read(a, source, &lines, &count));
	return from_lines(a, lines, count, ret);
}

Err *ignore_from_patterns(Arena *a, const Str *patterns, size_t count, Ignore *ret)
{
	AUTO_VEC LineVec lines = { 0 };
	for (size_t i = 0; i < count; i++)
		VEC_PUSH(&lines, (IgnoreLine){ .pattern = arena_str(a, patterns[i]),
		                               .line = (unsigned)i + 1 });
	return from_lines(a, lines.at, lines.len, ret);
}

/* Without '!' lines: the first line that matches, parents or PATH itself, is all there is to find.
 */
static bool excludes_plainly(const Ignore *ig, Str path, const IgnorePattern **ret_by)
{
	const IgnorePattern *by = NULL;
	if (!str_eqc(path, "."))
		for (size_t i = 0; i < ig->count && !by; i++)
			if (ignore_program_matches(ig->patterns[i].program, path))
				by = &ig->patterns[i];
	if (ret_by)
		*ret_by = by;
	return by;
}

/*
 * PATH, in a directory for which LINES count.  ENTER: make them those that count for what is in
 * PATH; each that counts above does so below as well.
 */
static bool judge(const Ignore *ig, Str path, bool *lines, bool enter, const IgnorePattern **ret_by)
{
	bool excluded = false;
	const IgnorePattern *by = NULL;
	for (size_t i = 0; i < ig->count; i++) {
		const IgnorePattern *p = &ig->patterns[i];
		if (!lines[i]) {
			if (p->negate != excluded ||
			    !ignore_program_matches_itself(p->program, path))
				continue;
			lines[i] = enter;
		}
		if (excluded != p->negate)
			continue;
		excluded = !p->negate;
		by = p;
	}
	if (ret_by)
		*ret_by = by;
	return excluded;
}

/* Be in DIR, from the directory of the last path on if that is above it. */
static void enter_dir(IgnoreWalk *w, Str dir)
{
	const Ignore *ig = w->ignore;
	Str now = buf_str(&w->dir);
	if (w->lines && str_eq(now, dir))
		return;
	bool below = w->lines && (!now.len || (str_starts(dir, now) && dir.ptr[now.len] == '/'));
	size_t at = below ? now.len : 0;
	if (!w->lines)
		w->lines = xcalloc(ig->count, sizeof *w->lines);
	else if (!below)
		memset(w->lines, 0, ig->count * sizeof *w->lines);
	while (at < dir.len) {
		const char *slash = memchr(dir.ptr + at + 1, '/', dir.len - at - 1);
		at = slash ? (size_t)(slash - dir.ptr) : dir.len;
		(void)judge(ig, str_head(dir, at), w->lines, true, NULL);
	}
	buf_reset(&w->dir);
	buf_add_str(&w->dir, dir);
}

bool ignore_walk_excludes(IgnoreWalk *w, Str path, const IgnorePattern **ret_by)
{
	const Ignore *ig = w->ignore;
	static const Ignore nothing = { 0 };
	if (!ig || !ig->has_negation)
		return excludes_plainly(ig ? ig : &nothing, path, ret_by);
	if (str_eqc(path, "."))
		return excludes_plainly(&nothing, path, ret_by);
	ptrdiff_t slash = str_rfind(path, '/');
	enter_dir(w, str_head(path, slash > 0 ? (size_t)slash : 0));
	return judge(ig, path, w->lines, false, ret_by);
}

void ignore_walk_done(IgnoreWalk *w)
{
	buf_done(&w->dir);
	free(w->lines);
}

bool ignore_excludes(const Ignore *ig, Str path, const IgnorePattern **ret_by)
{
	CLEANUP(ignore_walk_done) IgnoreWalk w = { .ignore = ig };
	return ignore_walk_excludes(&w, path, ret_by);
}

bool ignore_may_reinclude_below(const Ignore *ig, Str directory)
{
	if (!ig->has_negation)
		return false;
	for (size_t i = 0; i < ig->count; i++)
		if (ig->patterns[i].negate &&
		    ignore_program_may_match_below(ig->patterns[i].program, directory))
			return true;
	return false;
}

bool ignore_may_match_below(const Ignore *ig, Str directory)
{
	for (size_t i = 0; i < ig->count; i++)
		if (!ig->patterns[i].negate &&
		    ignore_program_may_match_below(ig->patterns[i].program, directory))
			return true;
	return false;
}

MatchVerdict match_filter(const MatchFilter *f, IgnoreWalk *excludes, Str path, bool is_dir)
{
	if (!f)
		return MATCH_TAKE;
	bool included = !f->include || ignore_excludes(f->include, path, NULL);
	bool excluded = ignore_walk_excludes(excludes, path, NULL);
	if (included && !excluded)
		return MATCH_TAKE;
	bool below = is_dir && (included || ignore_may_match_below(f->include, path)) &&
	             (!excluded || ignore_may_reinclude_below(f->exclude, path));
	return below ? MATCH_BELOW : MATCH_LEAVE;
}
