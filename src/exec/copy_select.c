/* copy_select.c - which files a COPY or ADD takes, from the context, another step, or the
 * Dockerfile. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/match.h"
#include "fs/path.h"

/* Up to so many files stand in a preimage one by one; more are one digest (a record stays small).
 */
enum { PREIMAGE_FILES_MAX = 2000 };

void copy_set_done(CopySet *set)
{
	if (!set)
		return;
	if (set->origin)
		view_close(set->origin);
	for (size_t i = 0; i < set->fetched.len; i++)
		view_close(set->fetched.at[i]);
	VEC_DONE(&set->fetched);
	arena_done(&set->arena);
	free(set);
}

typedef VEC(CopyMatch) Matches;

/* --- from the build context ------------------------------------------------------------------ */

static void take_context_match(const ContextMatch *m, const CopySource *source, Arena *a,
                               Matches *out)
{
	CopyMatch match = {
		.name = m->name, .source = source->path, .span = source->span, .is_dir = m->is_dir
	};
	match.files = arena_alloc(a, (m->count + 1) * sizeof *match.files, _Alignof(CopyFile));
	match.count = m->count;
	for (size_t i = 0; i < m->count; i++)
		match.files[i] = (CopyFile){ .entry = m->files[i].entry,
			                     .origin = ORIGIN_CONTEXT,
			                     .source = m->files[i].source };
	VEC_PUSH(out, match);
}

static Err *select_context(Build *b, const CopyArgs *c, CopySet *set, const CopySource *source,
                           Matches *out)
{
	ContextSelection sel;
	Context *context = b->contexts[c->context];
	if (!context)
		return err_note(err_new(ERR_NOT_FOUND, "no such file in the build context: '%.*s'",
		                        STR_ARG(source->path)),
		                "this build has no context: the Dockerfile came alone");
	set->context = context;
	Err *e = context_select(context, source->path, b->cancel, &set->arena, &sel);
	if (e && c->context)
		return err_while(e, "looking into the build context '%.*s'", STR_ARG(c->from_name));
	TRY(e);
	for (size_t i = 0; i < sel.count; i++)
		take_context_match(&sel.matches[i], source, &set->arena, out);
	return NULL;
}

/* --- from another step ----------------------------------------------------------------------- */

typedef struct Collect {
	Arena *arena;
	Str prefix;
	VEC(CopyFile) files;
} Collect;

static Str below_prefix(Str path, Str prefix)
{
	return str_from_at(path, prefix.len ? prefix.len + (path.len > prefix.len) : 0);
}

static Err *collect(void *context, const Entry *e, size_t layer)
{
	Collect *c = context;
	CopyFile f = { .origin = ORIGIN_STEP, .layer = layer, .from = entry_copy(c->arena, e) };
	f.source = f.from.path;
	f.entry = f.from;
	f.entry.path = below_prefix(f.from.path, c->prefix);
	if (e->type == ENTRY_HARDLINK)
		f.entry.link = below_prefix(f.from.link, c->prefix);
	VEC_PUSH(&c->files, f);
	return NULL;
}

static Err *take_origin_path(const CopySet *set, Str path, const Entry *e, Str name,
                             const CopySource *source, Arena *a, Matches *out)
{
	Collect c = { .arena = a, .prefix = path };
	CopyMatch match = { .name = arena_str(a, name),
		            .source = source->path,
		            .span = source->span,
		            .is_dir = e->type == ENTRY_DIR };
	if (match.is_dir && path.len == 0) { /* the root itself is in no list */
		CopyFile root = { .origin = ORIGIN_STEP,
			          .entry = { .type = ENTRY_DIR, .mode = 0755 } };
		VEC_PUSH(&c.files, root);
	}
	Err *err = view_each(set->origin, path, collect, &c);
	if (!err && match.is_dir && (c.files.len == 0 || c.files.at[0].entry.path.len)) {
		/* a directory that no layer names, only implies */
		CopyFile made = { .origin = ORIGIN_STEP, .entry = *e };
		made.entry.path = STR("");
		VEC_PUSH(&c.files, made);
		memmove(c.files.at + 1, c.files.at, (c.files.len - 1) * sizeof *c.files.at);
		c.files.at[0] = made;
	}
	match.files = arena_alloc(a, (c.files.len + 1) * sizeof *match.files, _Alignof(CopyFile));
	if (c.files.len)
		memcpy(match.files, c.files.at, c.files.len * sizeof *match.files);
	match.count = c.files.len;
	VEC_DONE(&c.files);
	if (!err && match.count)
		VEC_PUSH(out, match);
	return err;
}

/* One path without magic: links are followed, the last one too. */
static Err *select_plain(CopySet *set, Str path, Str name, const CopySource *source, Arena *a,
                         bool *ret_found, Matches *out)
{
	Str real;
	bool exists;
	Entry e;
	TRY(view_resolve(set->origin, path, true, a, &real, &exists));
	*ret_found = exists && view_find(set->origin, real, a, &e, NULL);
	if (!*ret_found)
		return NULL;
	return take_origin_path(set, real, &e, name, source, a, out);
}

/* Expand the magic components of PATTERN from DONE on; depth is the number of components. */
static Err *select_glob(CopySet *set, Str done, Str pattern, const CopySource *source, Arena *a,
                        Matches *out)
{
	Str part, rest = str_cut(pattern, '/', &part);
	if (part.len == 0) {
		bool found;
		return select_plain(set, done, entry_name(done), source, a, &found, out);
	}
	if (!match_has_magic(part)) {
		Str next =
			done.len ? arena_strf(a, "%.*s/%.*s", STR_ARG(done), STR_ARG(part)) : part;
		return select_glob(set, next, rest, source, a, out);
	}
	Str real, *names;
	bool exists;
	size_t count;
	TRY(view_resolve(set->origin, done, true, a, &real, &exists));
	if (!exists)
		return NULL;
	TRY(view_names(set->origin, real, a, &names, &count));
	for (size_t i = 0; i < count; i++) {
		bool match;
		TRY(match_glob(part, names[i], &match));
		if (!match)
			continue;
		Str next = done.len ? arena_strf(a, "%.*s/%.*s", STR_ARG(done), STR_ARG(names[i]))
		                    : names[i];
		TRY(select_glob(set, next, rest, source, a, out));
	}
	return NULL;
}

static Err *select_origin(Build *b, const CopyArgs *c, CopySet *set, const CopySource *source,
                          Arena *a, Matches *out)
{
	Str path = path_clean_in_root(a, source->path);
	if (!set->origin) {
		TRY(state_need_base(b, c->origin_step));
		TRY(state_view(b, c->origin_step, &set->origin));
	}
	if (match_has_magic(path))
		return select_glob(set, STR(""), path, source, a, out);
	bool found;
	TRY(select_plain(set, path, entry_name(path), source, a, &found, out));
	if (found)
		return NULL;
	return err_note(
		err_new(ERR_NOT_FOUND, "no such file in '%.*s': '%.*s'", STR_ARG(c->from_name),
	                STR_ARG(source->path)),
		"paths of --from are relative to the root of that stage, not to its WORKDIR");
}

/* --- from the Dockerfile --------------------------------------------------------------------- */

static void select_inline(Build *b, const CopySource *source, Arena *a, Matches *out)
{
	CopyFile *f = arena_new(a, CopyFile);
	*f = (CopyFile){ .origin = ORIGIN_INLINE, .body = source->inline_body };
	f->entry.type = ENTRY_FILE;
	f->entry.mode = 0644;
	f->entry.size = source->inline_body.len;
	f->entry.sha256 = sha256_of(source->inline_body);
	f->entry.mtime_ns = b->epoch_ns >= 0 ? b->epoch_ns : 0;
	CopyMatch match = { .name = source->path,
		            .source = source->path,
		            .span = source->span,
		            .files = f,
		            .count = 1 };
	VEC_PUSH(out, match);
}

static Err *select_one(Build *b, const CopyArgs *c, CopySet *set, const CopySource *source,
                       Matches *out)
{
	if (source->fetch_step != STEP_NONE) {
		CopyMatch match;
		TRY(copy_select_fetched(b, set, source, &match));
		VEC_PUSH(out, match);
		return NULL;
	}
	if (source->is_inline)
		select_inline(b, source, &set->arena, out);
	else if (c->origin == ORIGIN_STEP)
		return select_origin(b, c, set, source, &set->arena, out);
	else
		return select_context(b, c, set, source, out);
	return NULL;
}

static Err *select_all(Build *b, const Step *step, CopySet *set)
{
	Matches matches = { 0 };
	const CopyArgs *c = &step->copy;
	Err *e = NULL;
	for (size_t i = 0; i < c->source_count && !e; i++)
		e = err_place(select_one(b, c, set, &c->sources[i], &matches), c->sources[i].span);
	set->matches = arena_alloc(&set->arena, (matches.len + 1) * sizeof *set->matches,
	                           _Alignof(CopyMatch));
	if (matches.len)
		memcpy(set->matches, matches.at, matches.len * sizeof *set->matches);
	set->count = matches.len;
	VEC_DONE(&matches);
	return e;
}

Err *copy_select(Build *b, const Step *step, CopySet **ret)
{
	StepState *state = &b->states[step->number];
	if (!state->copy) {
		CopySet *set = xcalloc(1, sizeof *set);
		Err *e = select_all(b, step, set);
		if (e) {
			copy_set_done(set);
			return e;
		}
		state->copy = set; /* one thread at a time has a step */
	}
	*ret = state->copy;
	return NULL;
}

/* --- for the key ----------------------------------------------------------------------------- */

static void escape(Buf *out, Str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c <= ' ' || c == '\\' || c == 0x7f)
			buf_addf(out, "\\x%02x", c);
		else
			buf_add_char(out, (char)c);
	}
}

/* What counts of a file: everything but its mtime. */
static void file_line(Buf *out, const CopyMatch *m, const CopyFile *f)
{
	const Entry *e = &f->entry;
	char hex[DIGEST_HEX_LEN + 1];
	buf_addf(out, "file %c %o %u %u %llu %s ", (char)e->type, e->mode, e->uid, e->gid,
	         (unsigned long long)e->size,
	         e->type == ENTRY_FILE ? digest_hex(&e->sha256, hex).ptr : "-");
	escape(out, m->name);
	buf_add_char(out, '/');
	escape(out, e->path);
	if (e->link.len) {
		buf_add_str(out, STR(" -> "));
		escape(out, e->link);
	}
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK)
		buf_addf(out, " dev %u:%u", e->rdev_major, e->rdev_minor);
	for (size_t i = 0; i < e->xattr_count; i++) {
		Digest d = sha256_of(e->xattrs[i].value);
		buf_add_str(out, STR(" xattr "));
		escape(out, e->xattrs[i].name);
		buf_addf(out, "=%s", digest_hex(&d, hex).ptr);
	}
	buf_add_char(out, '\n');
}

void copy_content_inputs(const CopySet *set, Buf *out)
{
	size_t total = 0;
	for (size_t i = 0; i < set->count; i++)
		total += set->matches[i].count;
	AUTO_BUF Buf apart = BUF_INIT;
	Buf *lines = total > PREIMAGE_FILES_MAX ? &apart : out;
	for (size_t i = 0; i < set->count; i++) {
		const CopyMatch *m = &set->matches[i];
		buf_addf(lines, "match %s\n", m->is_dir ? "directory" : "file");
		for (size_t k = 0; k < m->count; k++)
			file_line(lines, m, &m->files[k]);
	}
	if (lines == &apart) {
		char hex[DIGEST_HEX_LEN + 1];
		Digest d = sha256_of(buf_str(&apart));
		buf_addf(out, "files %zu %s\n", total, digest_hex(&d, hex).ptr);
	}
}

Err *copy_context_inputs(Build *b, const Step *step, Buf *out)
{
	CopySet *set;
	TRY(copy_select(b, step, &set));
	copy_content_inputs(set, out);
	return NULL;
}
