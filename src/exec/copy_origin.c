/* copy_origin.c - which files a COPY --from takes of another step. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/match.h"
#include "fs/path.h"

/* One COPY --from looking for one source. */
typedef struct Search {
	View *view;
	const CopySource *source;
	const CopyWant *want;
	Arena *arena;
	CopyMatches *out;
	bool found; /* a path without magic is there */
} Search;

/* The files at and below one path. */
typedef struct Collect {
	const View *view;
	const MatchFilter *filter; /* NULL: all */
	IgnoreWalk excludes;       /* of the filter */
	Arena *arena;
	Str prefix;
	VEC(CopyFile) files;
	Map moved; /* a file that is not taken → the first of its hard links that is, a CopyFile's
	              path */
} Collect;

static void collect_done(Collect *c)
{
	ignore_walk_done(&c->excludes);
	VEC_DONE(&c->files);
	map_done(&c->moved);
}

static Str below_prefix(Str path, Str prefix)
{
	return str_from_at(path, prefix.len ? prefix.len + (path.len > prefix.len) : 0);
}

/* F is a hard link to TARGET (in the root of the view), which is not taken: the first such link
 * becomes the file, others links to it. */
static void move_link(Collect *c, CopyFile *f, Str target)
{
	const Str *first = map_get(&c->moved, target);
	if (first) {
		f->entry.link = *first;
		return;
	}
	Entry file;
	if (!view_find_linked(c->view, f->layer, target, c->arena, &file))
		return;
	Str path = f->entry.path, *kept = arena_new(c->arena, Str);
	f->from = f->entry = file;
	f->source = file.path;
	f->entry.path = *kept = path;
	(void)map_put(&c->moved, arena_str(c->arena, target), kept);
}

static Err *collect(void *context, const Entry *e, size_t layer)
{
	Collect *c = context;
	CopyFile f = { .origin = ORIGIN_STEP, .view = c->view, .layer = layer };
	Str path = below_prefix(e->path, c->prefix);
	if (path.len) {
		MatchVerdict v = match_filter(c->filter, &c->excludes, path, e->type == ENTRY_DIR);
		if (v == MATCH_LEAVE)
			return NULL;
		f.implied = v == MATCH_BELOW;
	}
	f.from = entry_copy(c->arena, e);
	f.source = f.from.path;
	f.entry = f.from;
	f.entry.path = below_prefix(f.from.path, c->prefix);
	if (e->type == ENTRY_HARDLINK) {
		f.entry.link = below_prefix(f.from.link, c->prefix);
		if (match_filter(c->filter, &c->excludes, f.entry.link, false) != MATCH_TAKE)
			move_link(c, &f, f.from.link);
	}
	VEC_PUSH(&c->files, f);
	return NULL;
}

/* Directories that were to come along with what is below them, and nothing is, go again. */
static void drop_empty(Collect *c)
{
	size_t kept = c->files.len; /* files.at[kept..] stay */
	for (size_t i = c->files.len; i-- > 0;) {
		const CopyFile *f = &c->files.at[i];
		bool has_below = kept < c->files.len &&
		                 entry_path_below(c->files.at[kept].entry.path, f->entry.path);
		if (!f->implied || has_below)
			c->files.at[--kept] = *f;
	}
	memmove(c->files.at, c->files.at + kept, (c->files.len - kept) * sizeof *c->files.at);
	c->files.len -= kept;
}

/* The first file is the match itself; a directory that no layer names, only implies, is put there.
 */
static void put_top(Collect *c, const Entry *e)
{
	if (e->type != ENTRY_DIR || (c->files.len && !c->files.at[0].entry.path.len))
		return;
	CopyFile top = { .origin = ORIGIN_STEP, .view = c->view, .entry = *e };
	top.entry.path = STR("");
	VEC_PUSH(&c->files, top);
	memmove(c->files.at + 1, c->files.at, (c->files.len - 1) * sizeof *c->files.at);
	c->files.at[0] = top;
}

/* All at and below PATH, which is E. */
static Err *take_path(Search *s, Str path, const Entry *e, Str name)
{
	bool is_dir = e->type == ENTRY_DIR;
	CLEANUP(collect_done)
	Collect c = { .view = s->view, .arena = s->arena, .prefix = path };
	if (s->want->filter.include && !is_dir)
		return NULL; /* --parents takes files by their pattern alone */
	c.filter = s->want->filtered && is_dir ? &s->want->filter : NULL;
	c.excludes.ignore = c.filter ? c.filter->exclude : NULL;
	TRY(view_each(c.view, path, collect, &c));
	if (c.filter)
		drop_empty(&c);
	put_top(&c, e);
	if (!c.files.len)
		return NULL;
	CopyMatch match = { .name = arena_str(s->arena, name),
		            .source = s->source->path,
		            .span = s->source->span,
		            .is_dir = is_dir,
		            .count = c.files.len };
	match.files = arena_alloc(s->arena, c.files.len * sizeof *match.files, _Alignof(CopyFile));
	memcpy(match.files, c.files.at, c.files.len * sizeof *match.files);
	VEC_PUSH(s->out, match);
	return NULL;
}

/* One path without magic: links are followed, the last one too. */
static Err *select_plain(Search *s, Str path, Str name)
{
	Str real;
	bool exists;
	Entry e;
	TRY(view_resolve(s->view, path, true, s->arena, &real, &exists));
	s->found = exists && view_find(s->view, real, s->arena, &e, NULL);
	return s->found ? take_path(s, real, &e, name) : NULL;
}

static Str join(Arena *a, Str dir, Str name)
{
	return dir.len ? arena_strf(a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name)) : name;
}

static Err *select_below(Search *s, Str dir, Str pattern);

/* NAME in DIR has matched a component of the pattern; REST are those behind it. */
static Err *select_name(Search *s, Str dir, Str name, Str rest)
{
	Entry e;
	Str path = join(s->arena, dir, name);
	if (!rest.len) {
		TRY(select_plain(s, path, name));
		if (s->found)
			return NULL;
		/* BuildKit takes what a wildcard matches as if it was written: it must be there. */
		return err_new(ERR_NOT_FOUND, "the link '%.*s' leads to nothing", STR_ARG(path));
	}
	/* as in the build context: a wildcard does not look through links */
	bool is_dir = view_find(s->view, path, s->arena, &e, NULL) && e.type == ENTRY_DIR;
	return is_dir ? select_below(s, path, rest) : NULL;
}

/* PATTERN below DIR, a path without links; depth is the number of components. */
static Err *select_below(Search *s, Str dir, Str pattern)
{
	Str part, *names, rest = str_cut(pattern, '/', &part);
	size_t count;
	if (!match_has_magic(part))
		return select_name(s, dir, part, rest);
	TRY(view_names(s->view, dir, s->arena, &names, &count));
	for (size_t i = 0; i < count; i++) {
		bool match;
		TRY(match_glob(part, names[i], &match));
		if (match)
			TRY(select_name(s, dir, names[i], rest));
	}
	return NULL;
}

static Err *not_found(const CopyArgs *c, const char *what, Str path)
{
	if (!c->from_name.len)
		return err_new(ERR_NOT_FOUND, "no such %s in the build context: '%.*s'", what,
		               STR_ARG(path));
	return err_new(ERR_NOT_FOUND, "no such %s in '%.*s': '%.*s'", what, STR_ARG(c->from_name),
	               STR_ARG(path));
}

/* What stands before the first component with magic is followed as any path is, and must be
 * there, as in BuildKit. */
static Err *select_glob(Search *s, const CopyArgs *c, Str pattern)
{
	Str head = { pattern.ptr, 0 }, part, rest = pattern;
	for (;;) {
		Str after = str_cut(rest, '/', &part);
		if (match_has_magic(part))
			break;
		head.len = (size_t)(part.ptr - pattern.ptr) + part.len;
		rest = after;
	}
	Str real;
	bool exists;
	TRY(view_resolve(s->view, head, true, s->arena, &real, &exists));
	return exists ? select_below(s, real, rest) : not_found(c, "directory", head);
}

/* Is the source's whole path there, with links followed? */
static Err *is_there(const Search *s, bool *ret)
{
	Str real;
	return view_resolve(s->view, path_clean_in_root(s->arena, s->source->path), true, s->arena,
	                    &real, ret);
}

Err *copy_origin_select(Build *b, const CopyArgs *c, CopySet *set, const CopySource *source,
                        const CopyWant *want, CopyMatches *out)
{
	if (!set->origin) {
		TRY(state_need_base(b, c->origin_step));
		TRY(state_view(b, c->origin_step, &set->origin));
	}
	Search s = { set->origin, source, want, &set->arena, out, true };
	Str path = path_clean_in_root(s.arena, want->path);
	size_t before = out->len;
	bool there = false;
	TRY(match_has_magic(path) ? select_glob(&s, c, path)
	                          : select_plain(&s, path, entry_name(path)));
	if (match_has_magic(path))
		return NULL;
	if (s.found && copy_want_is_met(want, out->at + before, out->len - before))
		return NULL;
	if (s.found)
		TRY(is_there(&s, &there));
	if (there)
		return copy_want_note(want, not_found(c, "file", source->path));
	if (!c->from_name.len)
		return not_found(c, "file", source->path);
	return err_note(
		not_found(c, "file", source->path),
		"paths of --from are relative to the root of that stage, not to its WORKDIR");
}

Err *copy_origin_take(View *view, const CopySource *source, const CopyWant *want, Str path,
                      Arena *a, CopyMatches *out)
{
	Search s = { view, source, want, a, out, true };
	Entry e = { .type = ENTRY_DIR, .mode = 0755 };
	if (path.len && !view_find(view, path, a, &e, NULL))
		return err_new(ERR_CORRUPT, "what was fetched has no '%.*s'", STR_ARG(path));
	return take_path(&s, path, &e, path);
}
