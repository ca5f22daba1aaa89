/*
 * copy_list.c - where a COPY's files go: the entries of its layer.
 *
 * The destination is looked up in the parent's root before anything is made: links in it are
 * followed inside the root, directories that are there keep owner and mode, what is missing is
 * made.  Rules: FEATURES A.6 "Destination"; --link looks at nothing and makes all of its path anew.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/mode.h"
#include "exec/copy.h"
#include "fs/path.h"

#include <fcntl.h>

/* What --chmod gives to directories that are made: as docker 28.5, whose umask of 022 takes its
 * part, and whose mkdir takes no set-ID and sticky bits.  BuildKit alone has no umask. */
enum { MADE_MASK = 0755 };

typedef struct Placing {
	Build *build;
	const Step *step;
	const View *parent; /* NULL: --link */
	Arena *arena;
	ListBuilder *list;
	Map *sources;
	CopyOwner owner;
	bool has_mode; /* in octal; else .mode_text, "" none */
	uint32_t mode;
	Str mode_text;
	TreeOwner made; /* directories on the way to the destination, and that of a directory */
} Placing;

static bool dest_entry(const Placing *p, Str path, Entry *ret)
{
	return p->parent && path.len && view_find(p->parent, path, p->arena, ret, NULL);
}

static Str join(Arena *a, Str dir, Str name)
{
	if (dir.len == 0 || name.len == 0)
		return dir.len ? dir : name;
	return arena_strf(a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
}

static void set_owner_and_mode(const Placing *p, Entry *e)
{
	if (p->owner.set) {
		e->uid = p->owner.uid;
		e->gid = p->owner.gid;
	}
	if (e->type == ENTRY_SYMLINK)
		return;
	if (p->has_mode)
		e->mode = p->mode;
	else if (p->mode_text.len)
		(void)mode_change(p->mode_text, e->type == ENTRY_DIR, &e->mode); /* was checked */
}

/* SOURCE_DATE_EPOCH implies rewrite-timestamp. */
static int64_t clamp(const Placing *p, int64_t mtime_ns)
{
	int64_t epoch = p->build->epoch_ns;
	return epoch >= 0 && mtime_ns > epoch ? epoch : mtime_ns;
}

static void add(Placing *p, const Entry *entry, const CopyFile *file)
{
	Entry timed = *entry, *e = &timed;
	e->mtime_ns = clamp(p, e->mtime_ns);
	list_builder_add(p->list, e);
	if (e->type == ENTRY_FILE)
		(void)map_put(p->sources, arena_str(p->arena, e->path), (void *)file);
}

/* What an archive holds takes the place of a directory of the image, with what is in it: docker's
 * way, with a warning if that is not empty. */
static Err *replace_dir(Placing *p, Str path)
{
	Str *names;
	size_t count;
	TRY(view_names(p->parent, path, p->arena, &names, &count));
	if (count)
		progress_warning(p->build->progress, p->build->states[p->step->number].line,
		                 "the archive's '/%.*s' takes the place of a directory of the "
		                 "image, and what is in that is gone ('%.*s' ...)",
		                 STR_ARG(path), STR_ARG(names[0]));
	return NULL;
}

/* The same of a directory that this ADD has brought, perhaps over one of the image. */
static Err *replace_given(Placing *p, Str path)
{
	Entry there;
	if (dest_entry(p, path, &there) && there.type == ENTRY_DIR)
		TRY(replace_dir(p, path));
	size_t before = list_builder_count(p->list);
	list_builder_remove(p->list, path);
	if (before - list_builder_count(p->list) > 1)
		progress_warning(p->build->progress, p->build->states[p->step->number].line,
		                 "the archive's '/%.*s' takes the place of a directory of an "
		                 "archive before it, and what is in that is gone",
		                 STR_ARG(path));
	return NULL;
}

/* A file (or link, device ...) at PATH, whose directory is made first. */
static Err *add_file(Placing *p, const CopyMatch *m, const CopyFile *file, Str path, Str link)
{
	Entry there, e = file->entry;
	const Entry *given = list_builder_find(p->list, path);
	bool over_image = !given && dest_entry(p, path, &there) && there.type == ENTRY_DIR;
	bool over_given = given && given->type == ENTRY_DIR;
	if ((over_given || over_image) && !file->unpacked)
		return err_at(m->span, "cannot replace the directory '/%.*s' with a file",
		              STR_ARG(path));
	if (over_image)
		TRY(replace_dir(p, path));
	if (over_given)
		TRY(replace_given(p, path));
	TRY(tree_need_dir(p->parent, p->list, entry_parent(path), &p->made, p->arena));
	e.path = path;
	e.link = link;
	set_owner_and_mode(p, &e);
	add(p, &e, file);
	return NULL;
}

static Err *add_dir(Placing *p, const CopyMatch *m, const CopyFile *file, Str path)
{
	Entry there, e = file->entry;
	const Entry *given = list_builder_find(p->list, path);
	bool is_there = given || dest_entry(p, path, &there);
	if (given)
		there = *given;
	if (is_there && there.type != ENTRY_DIR && !file->unpacked)
		return err_at(m->span, "cannot copy to non-directory: '/%.*s'", STR_ARG(path));
	TRY(tree_need_dir(p->parent, p->list, entry_parent(path), &p->made, p->arena));
	if (file->implied && is_there) { /* on the way to what is wanted: only its mode counts */
		there.mode = e.mode;
		e = there;
	} else {
		set_owner_and_mode(p, &e);
	}
	e.path = path;
	e.opaque = false;
	add(p, &e, file);
	return NULL;
}

/* The destination directory itself: kept as it is, or made; only its time is the source's. */
static Err *top_dir(Placing *p, const CopyMatch *m, Str dest)
{
	Entry there;
	if (m->is_dir && dest_entry(p, dest, &there) && there.type != ENTRY_DIR)
		return err_at(p->step->copy.dest_span, "cannot copy to non-directory: '/%.*s'",
		              STR_ARG(dest));
	TRY(err_place(tree_need_dir(p->parent, p->list, entry_parent(dest), &p->made, p->arena),
	              p->step->copy.dest_span));
	TRY(err_place(tree_need_dir(p->parent, p->list, dest, &p->made, p->arena),
	              p->step->copy.dest_span));
	Entry *e = dest.len ? list_builder_find(p->list, dest) : NULL;
	if (e && m->is_dir && m->count) {
		Entry timed = *e;
		timed.mtime_ns = clamp(p, m->files[0].entry.mtime_ns);
		timed.untimed = m->files[0].entry.untimed;
		list_builder_add(p->list, &timed);
	}
	return NULL;
}

static Err *copy_dir(Placing *p, const CopyMatch *m, Str dest)
{
	TRY(top_dir(p, m, dest));
	for (size_t i = 0; i < m->count; i++) {
		const CopyFile *f = &m->files[i];
		Str path = join(p->arena, dest, f->entry.path);
		TRY(cancel_check(p->build->cancel));
		if (f->entry.path.len == 0)
			continue;
		if (f->entry.type == ENTRY_DIR)
			TRY(add_dir(p, m, f, path));
		else
			TRY(add_file(p, m, f, path,
			             f->entry.type == ENTRY_HARDLINK
			                     ? join(p->arena, dest, f->entry.link)
			                     : f->entry.link));
	}
	return NULL;
}

/* --- ADD of archives ------------------------------------------------------------------------- */

/* A directory of the archive lands where links of the image lead, inside the root (T-132), and
 * where those of the archives before it in the same ADD do. */
static Err *archive_dir_path(Placing *p, Str dest, Str dir, Str *ret)
{
	bool exists;
	return view_resolve_below(p->parent, p->list, join(p->arena, dest, dir), true, p->arena,
	                          ret, &exists);
}

/* Of an archive's xattrs only file capabilities go into an image, as with docker. */
static void keep_capability(Entry *e)
{
	for (size_t i = 0; i < e->xattr_count; i++)
		if (str_eq(e->xattrs[i].name, STR("security.capability"))) {
			e->xattrs += i;
			e->xattr_count = 1;
			return;
		}
	e->xattr_count = 0;
}

static Err *add_unpacked(Placing *p, const CopyMatch *m, const Entry *e, Str dest, Str unpacked)
{
	CopyFile *f = arena_new(p->arena, CopyFile);
	Str dir, link = e->link;
	*f = (CopyFile){ .entry = entry_copy(p->arena, e),
		         .origin = ORIGIN_CONTEXT,
		         .unpacked = true };
	f->source = join(p->arena, unpacked, f->entry.path);
	keep_capability(&f->entry);
	if (e->type == ENTRY_DIR) {
		TRY(archive_dir_path(p, dest, f->entry.path, &dir));
		return dir.len ? add_dir(p, m, f, dir) : NULL;
	}
	TRY(archive_dir_path(p, dest, entry_parent(f->entry.path), &dir));
	if (e->type == ENTRY_HARDLINK) {
		Str target;
		TRY(archive_dir_path(p, dest, entry_parent(f->entry.link), &target));
		link = join(p->arena, target, entry_name(f->entry.link));
	}
	return add_file(p, m, f, join(p->arena, dir, entry_name(f->entry.path)), link);
}

static Err *copy_archive(Placing *p, const CopyMatch *m, Str dest, Str unpacked, const List *list)
{
	TRY(top_dir(p, m, dest));
	p->made.uid = p->made.gid =
		0; /* parents that an archive leaves out: --chown is not for them */
	ListCursor c = list_cursor(list, STR(""));
	for (;;) {
		Entry e;
		TRY(cancel_check(p->build->cancel));
		if (!list_next(&c, p->arena, &e))
			return NULL;
		if (e.path.len)
			TRY(add_unpacked(p, m, &e, dest, unpacked));
	}
}

/* Files of the context are unpacked unless told not to, downloads only if told to. */
static bool may_be_archive(const CopyArgs *c, const CopyMatch *m)
{
	const CopyFile *f = m->files;
	if (!c->is_add || m->is_dir || f->entry.type != ENTRY_FILE)
		return false;
	if (m->fetched)
		return c->unpack_fetched;
	return f->origin != ORIGIN_INLINE && !c->keep_archives;
}

/* *ret_done: the file was an archive and its entries are in the list. */
static Err *try_archive(Placing *p, const CopyMatch *m, Str dest, bool *ret_done)
{
	const CopyArgs *c = &p->step->copy;
	const CopyFile *f = m->files;
	*ret_done = false;
	if (!may_be_archive(c, m))
		return NULL;
	AUTO_CLOSE int fd = -1;
	AUTO_LIST List *list = NULL;
	Str dir = STR("");
	TRY(f->view ? view_open_file(f->view, &f->from, f->layer, sandbox_overlay_prefix(), &fd)
	            : path_open_beneath(context_root_fd(p->build->contexts[c->context]), f->source,
	                                O_RDONLY | O_NONBLOCK, 0, &fd));
	TRY(err_place(archive_unpack(p->build, fd, m->source, p->arena, &dir, &list), m->span));
	if (!list)
		return NULL;
	*ret_done = true;
	Placing as_packed = *p; /* --chmod is not for what an archive holds, nor where it goes */
	as_packed.has_mode = false;
	as_packed.mode_text = STR("");
	as_packed.made.mode = 0755;
	return copy_archive(&as_packed, m, dest, dir, list);
}

/* --- one instruction ------------------------------------------------------------------------- */

/* Is something that is or will be there at DEST a directory?  Earlier matches of the same COPY
 * count. */
static bool is_dir_now(const Placing *p, Str dest)
{
	Entry e;
	const Entry *given = dest.len ? list_builder_find(p->list, dest) : NULL;
	if (given)
		return given->type == ENTRY_DIR;
	return dest.len == 0 || (dest_entry(p, dest, &e) && e.type == ENTRY_DIR);
}

/* INTO_DIR: DEST is a directory whether it is there or not.  Of several files that go to one name
 * the last one stays, be they matches of a wildcard or sources of their own, as in BuildKit. */
static Err *copy_match(Placing *p, const CopyMatch *m, Str dest, bool into_dir)
{
	bool done;
	if (m->is_dir)
		return copy_dir(p, m, dest);
	TRY(try_archive(p, m, dest, &done));
	if (done)
		return NULL;
	into_dir |= is_dir_now(p, dest);
	Str path = into_dir ? join(p->arena, dest, m->name) : dest;
	if (!into_dir && list_builder_find(p->list, dest))
		progress_warning(p->build->progress, p->build->states[p->step->number].line,
		                 "'%.*s' takes the place of what was just copied to '/%.*s': for a "
		                 "directory, end the destination with '/'",
		                 STR_ARG(m->name), STR_ARG(dest));
	return add_file(p, m, &m->files[0], path, m->files[0].entry.link);
}

/* DEST with links followed, and whether it must be a directory: by its slash alone. */
static Err *find_dest(Placing *p, Str *ret_dest, bool *ret_into_dir)
{
	const CopyArgs *c = &p->step->copy;
	bool exists;
	Str dest = path_clean_in_root(p->arena, c->dest);
	if (p->parent)
		TRY(err_place(view_resolve(p->parent, dest, true, p->arena, &dest, &exists),
		              c->dest_span));
	*ret_into_dir = str_ends(c->dest, STR("/"));
	*ret_dest = dest;
	return NULL;
}

static Err *set_up(Placing *p)
{
	const CopyArgs *c = &p->step->copy;
	uint64_t mode = 0;
	TRY(copy_owner(p->parent, c->chown, c->chown_span, &p->owner));
	p->has_mode = str_to_octal(c->chmod, &mode);
	p->mode = (uint32_t)mode;
	p->mode_text = p->has_mode ? STR("") : c->chmod;
	p->made = (TreeOwner){ .uid = p->owner.uid,
		               .gid = p->owner.gid,
		               .mode = p->has_mode ? p->mode & MADE_MASK : 0755,
		               .mtime_ns = p->build->epoch_ns >= 0 ? p->build->epoch_ns : 0 };
	return NULL;
}

Err *copy_list(Build *b, const Step *step, CopySet *set, const View *parent, Arena *a,
               List **ret_list, Map *ret_sources)
{
	AUTO_LIST_BUILDER ListBuilder *list = list_builder_new();
	Placing p = { .build = b,
		      .step = step,
		      .parent = parent,
		      .arena = a,
		      .list = list,
		      .sources = ret_sources };
	Str dest;
	bool into_dir;
	TRY(set_up(&p));
	TRY(find_dest(&p, &dest, &into_dir));
	for (size_t i = 0; i < set->count; i++)
		TRY(err_place(copy_match(&p, &set->matches[i], dest, into_dir),
		              set->matches[i].span));
	*ret_list = list_builder_finish(TAKE_PTR(list));
	return NULL;
}
