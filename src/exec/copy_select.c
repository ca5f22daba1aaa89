/* copy_select.c - which files a COPY or ADD takes, from the context, another step, or the
 * Dockerfile. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"

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

/* --- from the build context ------------------------------------------------------------------ */

static void take_context_match(const ContextMatch *m, const CopySource *source, Arena *a,
                               CopyMatches *out)
{
	CopyMatch match = {
		.name = m->name, .source = source->path, .span = source->span, .is_dir = m->is_dir
	};
	match.files = arena_alloc(a, (m->count + 1) * sizeof *match.files, _Alignof(CopyFile));
	match.count = m->count;
	for (size_t i = 0; i < m->count; i++)
		match.files[i] = (CopyFile){ .entry = m->files[i].entry,
			                     .origin = ORIGIN_CONTEXT,
			                     .implied = m->files[i].implied,
			                     .source = m->files[i].source };
	VEC_PUSH(out, match);
}

/* What is required is not there: as the context says it of a plain path, or why it was not taken.
 */
static Err *missing_in_context(Build *b, CopySet *set, const CopySource *source,
                               const CopyWant *want)
{
	ContextSelection sel;
	TRY(context_select(set->context, source->path, b->cancel, &set->arena, &sel));
	return copy_want_note(want,
	                      err_new(ERR_NOT_FOUND, "no such file in the build context: '%.*s'",
	                              STR_ARG(source->path)));
}

static Err *look_into_context(Build *b, CopySet *set, const CopySource *source,
                              const CopyWant *want, CopyMatches *out)
{
	ContextSelection sel;
	size_t before = out->len;
	TRY(context_select_filtered(set->context, want->path, want->filtered ? &want->filter : NULL,
	                            b->cancel, &set->arena, &sel));
	for (size_t i = 0; i < sel.count; i++)
		if (sel.matches[i].is_dir || !want->filter.include)
			take_context_match(&sel.matches[i], source, &set->arena, out);
	if (!copy_want_is_met(want, out->at + before, out->len - before))
		return missing_in_context(b, set, source, want);
	return NULL;
}

static Err *select_context(Build *b, const CopyArgs *c, CopySet *set, const CopySource *source,
                           const CopyWant *want, CopyMatches *out)
{
	set->context = b->contexts[c->context];
	if (!set->context)
		return err_note(err_new(ERR_NOT_FOUND, "no such file in the build context: '%.*s'",
		                        STR_ARG(source->path)),
		                "this build has no context: the Dockerfile came alone");
	Err *e = look_into_context(b, set, source, want, out);
	if (e && c->context)
		return err_while(e, "looking into the build context '%.*s'", STR_ARG(c->from_name));
	return e;
}

/* --- from the Dockerfile --------------------------------------------------------------------- */

static void select_inline(Build *b, const CopySource *source, Arena *a, CopyMatches *out)
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
                       CopyMatches *out)
{
	CopyWant want;
	if (source->fetch_step != STEP_NONE)
		return copy_select_fetched(b, c, set, source, out);
	if (source->is_inline) {
		select_inline(b, source, &set->arena, out);
		return NULL;
	}
	TRY(copy_want(c, source, &set->arena, &want));
	if (c->origin == ORIGIN_STEP)
		return copy_origin_select(b, c, set, source, &want, out);
	return select_context(b, c, set, source, &want, out);
}

static Err *select_all(Build *b, const CopyArgs *c, CopySet *set)
{
	CopyMatches matches = { 0 };
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

Err *copy_select_args(Build *b, const CopyArgs *c, CopySet **ret)
{
	CopySet *set = xcalloc(1, sizeof *set);
	Err *e = select_all(b, c, set);
	if (e) {
		copy_set_done(set);
		return e;
	}
	*ret = set;
	return NULL;
}

/* One thread at a time has a step. */
Err *copy_select(Build *b, const Step *step, CopySet **ret)
{
	StepState *state = &b->states[step->number];
	if (!state->copy)
		TRY(copy_select_args(b, &step->copy, &state->copy));
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

/* What counts of a file: everything, but of its mtime only what somebody set: as of a RUN's result.
 */
static void file_line(Buf *out, const CopyMatch *m, const CopyFile *f)
{
	const Entry *e = &f->entry;
	char hex[DIGEST_HEX_LEN + 1];
	key_begin(out, KEY_FILE);
	buf_addf(out, "%c %o %u %u %llu %s ", (char)e->type, e->mode, e->uid, e->gid,
	         (unsigned long long)e->size,
	         e->type == ENTRY_FILE ? digest_hex(&e->sha256, hex).ptr
	         : f->implied          ? "implied"
	                               : "-");
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
	if (!e->untimed && !f->implied)
		buf_addf(out, " mtime %lld", (long long)e->mtime_ns);
	buf_add_char(out, '\n');
}

void copy_content_inputs(const CopySet *set, Buf *out, KeyLists *lists)
{
	size_t total = 0;
	for (size_t i = 0; i < set->count; i++)
		total += set->matches[i].count;
	Buf apart = BUF_INIT;
	Buf *lines = total > PREIMAGE_FILES_MAX ? &apart : out;
	for (size_t i = 0; i < set->count; i++) {
		const CopyMatch *m = &set->matches[i];
		key_add(lines, KEY_MATCH, m->is_dir ? STR("directory") : STR("file"));
		for (size_t k = 0; k < m->count; k++)
			file_line(lines, m, &m->files[k]);
	}
	if (lines == &apart) {
		char hex[DIGEST_HEX_LEN + 1];
		Digest d = sha256_of(buf_str(&apart));
		key_begin(out, KEY_FILES);
		buf_addf(out, "%zu %s\n", total, digest_hex(&d, hex).ptr);
		VEC_PUSH(lists, (KeyList){ d, apart });
	}
}

Err *copy_context_inputs(Build *b, const Step *step, Buf *out, KeyLists *lists)
{
	CopySet *set;
	TRY(copy_select(b, step, &set));
	copy_content_inputs(set, out, lists);
	return NULL;
}
