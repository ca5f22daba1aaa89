/*
 * context.c - what a COPY takes from the build context.
 *
 * The path as written is walked component by component below the root: links are followed inside
 * it, wildcards list their directory.  Below a directory everything is taken but what the ignore
 * file leaves out; links there stay links.  Files are hashed last, all at once and on several
 * threads if there are many, and only those whose stat the cache does not know.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/parallel.h"
#include "base/vec.h"
#include "fs/context.h"
#include "fs/copy.h"
#include "fs/dir-internal.h"
#include "fs/path.h"
#include "fs/statcache.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { LINKS_MAX = 40, DEPTH_MAX = 2048, PARALLEL_FILES_MIN = 64 };

struct Context {
	int root_fd;
	const Ignore *ignore;
	StatCache *cache;
};

/* A file to hash: where its entry is, and its stat when it was found. */
typedef struct Unhashed {
	size_t index;
	struct stat st;
} Unhashed;

typedef struct Taking {
	Context *context;
	const Cancel *cancel;
	Arena *arena;
	VEC(ContextFile) files;
	VEC(Unhashed) unhashed;
	Map inodes; /* "dev:ino" of files with several names → Str, path of the first below the
	               match */
	Str match;  /* path of the match in the context */
} Taking;

Err *context_open(int root_fd, const Ignore *ignore, int cache_dir_fd, const char *cache_name,
                  Context **ret)
{
	int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(errno, "cannot open the build context");
	Context *c = xcalloc(1, sizeof *c);
	c->root_fd = fd;
	c->ignore = ignore;
	c->cache = statcache_open(cache_dir_fd, cache_name);
	*ret = c;
	return NULL;
}

void context_close(Context *c)
{
	if (!c)
		return;
	statcache_close(c->cache);
	close(c->root_fd);
	free(c);
}

int context_root_fd(const Context *c)
{
	return c->root_fd;
}

static Str join(Arena *a, Str dir, Str name)
{
	if (dir.len == 0)
		return arena_str(a, name);
	return arena_strf(a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
}

static bool is_left_out(const Context *c, Str path, const IgnorePattern **by)
{
	*by = NULL;
	return path.len && c->ignore && ignore_excludes(c->ignore, path, by);
}

static bool may_hold_more(const Context *c, Str dir)
{
	return c->ignore->has_negation && ignore_may_reinclude_below(c->ignore, dir);
}

/* --- one file ------------------------------------------------------------------------------------
 */

/* A second name of a file of this match is a hard link to the first. */
static bool is_second_name(Taking *t, const struct stat *st, Str path, Entry *e)
{
	if (st->st_nlink < 2)
		return false;
	Str key = arena_strf(t->arena, "%llx:%llx", (unsigned long long)st->st_dev,
	                     (unsigned long long)st->st_ino);
	Str *first = map_get(&t->inodes, key);
	if (first) {
		e->type = ENTRY_HARDLINK;
		e->link = *first;
		return true;
	}
	first = arena_new(t->arena, Str);
	*first = path;
	(void)map_put(&t->inodes, key, first);
	return false;
}

static Err *read_link(int fd, Str path, Arena *a, Str *ret)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof target);
	if (n < 0)
		return err_sys(errno, "cannot read the link '%.*s'", STR_ARG(path));
	*ret = arena_str(a, (Str){ target, (size_t)n });
	return NULL;
}

/* The file behind FD (O_PATH) as an entry at PATH below the match, SOURCE in the context. */
static Err *take(Taking *t, int fd, const struct stat *st, Str path, Str source)
{
	Entry e = { .path = path, .mode = st->st_mode & 07777 };
	e.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	bool hash = false;
	if (S_ISDIR(st->st_mode)) {
		e.type = ENTRY_DIR;
	} else if (S_ISLNK(st->st_mode)) {
		e.type = ENTRY_SYMLINK;
		e.mode = 0777;
		TRY(read_link(fd, source, t->arena, &e.link));
	} else if (S_ISFIFO(st->st_mode)) {
		e.type = ENTRY_FIFO;
	} else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		e.type = S_ISCHR(st->st_mode) ? ENTRY_CHAR : ENTRY_BLOCK;
		e.rdev_major = (uint32_t)(st->st_rdev >> 8 & 0xfff);
		e.rdev_minor = (uint32_t)((st->st_rdev & 0xff) | (st->st_rdev >> 12 & 0xfff00));
	} else if (S_ISSOCK(st->st_mode)) {
		e.type = ENTRY_FILE; /* T-106: a socket arrives as an empty file */
		e.sha256 = sha256_of(STR(""));
	} else if (!is_second_name(t, st, path, &e)) {
		e.type = ENTRY_FILE;
		e.size = (uint64_t)st->st_size;
		hash = !statcache_find(t->context->cache, st, &e.sha256);
	}
	if (hash)
		VEC_PUSH(&t->unhashed, (Unhashed){ t->files.len, *st });
	VEC_PUSH(&t->files, (ContextFile){ e, source });
	return NULL;
}

/* --- below a directory
 * ------------------------------------------------------------------------------ */

static Err *take_below(Taking *t, int dir_fd, Str path, Str source, unsigned depth);

static Err *take_name(Taking *t, int dir_fd, Str name, Str path, Str source, unsigned depth)
{
	const IgnorePattern *by;
	struct stat st;
	Str below = join(t->arena, path, name), at = join(t->arena, source, name);
	bool out = is_left_out(t->context, at, &by);
	AUTO_CLOSE int fd = openat(dir_fd, name.ptr, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot open '%.*s'", STR_ARG(at));
	if (out && !(S_ISDIR(st.st_mode) && may_hold_more(t->context, at)))
		return NULL;
	size_t before = t->files.len;
	TRY(take(t, fd, &st, below, at));
	if (!S_ISDIR(st.st_mode))
		return NULL;
	AUTO_CLOSE int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot read the directory '%.*s'", STR_ARG(at));
	TRY(take_below(t, dir, below, at, depth + 1));
	if (out && t->files.len == before + 1)
		t->files.len = before; /* left out, and nothing below it was taken back in */
	return NULL;
}

static Err *take_below(Taking *t, int dir_fd, Str path, Str source, unsigned depth)
{
	DirNames names = { 0 };
	if (depth > DEPTH_MAX)
		return err_new(ERR_INPUT, "'%.*s' is nested deeper than %d", STR_ARG(source),
		               DEPTH_MAX);
	TRY(cancel_check(t->cancel));
	int r = dir_names_read(dir_fd, &names);
	Err *e = r < 0 ? err_sys(-r, "cannot read the directory '%.*s'", STR_ARG(source)) : NULL;
	for (size_t i = 0; i < names.count && !e; i++)
		e = take_name(t, dir_fd, (Str){ names.names[i].name, names.names[i].len }, path,
		              source, depth);
	dir_names_done(&names);
	return e;
}

/* --- hashing
 * ------------------------------------------------------------------------------------------ */

static Err *changed(const ContextFile *f)
{
	return err_note(err_new(ERR_INPUT, "'%.*s' changed while it was read", STR_ARG(f->source)),
	                "build again when nothing writes to it");
}

static Err *hash_one(void *context, size_t i)
{
	Taking *t = context;
	const Unhashed *u = &t->unhashed.at[i];
	ContextFile *f = &t->files.at[u->index];
	enum { BLOCK_BYTES = 64 << 10 };
	char block[BLOCK_BYTES];
	struct stat st;
	AUTO_CLOSE int fd = -1;
	TRY(cancel_check(t->cancel));
	TRY(path_open_beneath(t->context->root_fd, f->source, O_RDONLY | O_NONBLOCK, 0, &fd));
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot stat '%.*s'", STR_ARG(f->source));
	if (st.st_ino != u->st.st_ino || !S_ISREG(st.st_mode) || st.st_size != u->st.st_size)
		return changed(f);
	Sha256 hash;
	sha256_init(&hash);
	uint64_t left = f->entry.size;
	for (;;) {
		ssize_t n = read(fd, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%.*s'", STR_ARG(f->source));
		if (n == 0)
			break;
		if ((uint64_t)n > left)
			return changed(f);
		left -= (uint64_t)n;
		sha256_add(&hash, block, (size_t)n);
	}
	if (left)
		return changed(f);
	f->entry.sha256 = sha256_end(&hash);
	statcache_add(t->context->cache, &st, &f->entry.sha256);
	return NULL;
}

static Err *hash_all(Taking *t)
{
	return parallel_each(t->unhashed.len, t->unhashed.len < PARALLEL_FILES_MIN ? 1 : 0,
	                     hash_one, t);
}

/* --- the source path
 * -------------------------------------------------------------------------------------- */

typedef struct Finding {
	Context *context;
	const Cancel *cancel;
	Arena *arena;
	Str source; /* as written */
	VEC(ContextMatch) matches;
	const IgnorePattern *left_out_by; /* of the last thing that was there but left out */
} Finding;

/* PATH with links followed inside the root; *ret_fd O_PATH, -1 if nothing is there. */
static Err *resolve(Finding *f, Str path, Str *ret_path, int *ret_fd)
{
	int root = f->context->root_fd;
	Str done = STR(""), left = path;
	unsigned links = 0;
	while (left.len) {
		Str name, target;
		struct stat st;
		left = str_cut(left, '/', &name);
		if (name.len == 0 || str_eq(name, STR(".")))
			continue;
		if (str_eq(name, STR(".."))) {
			done = entry_parent(done);
			continue;
		}
		Str next = join(f->arena, done, name);
		AUTO_CLOSE int fd = path_try_beneath(root, next, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode)) {
			done = next; /* what is not there is found out below */
			continue;
		}
		if (++links > LINKS_MAX)
			return err_new(ERR_INPUT, "too many symbolic links at '%.*s'",
			               STR_ARG(next));
		TRY(read_link(fd, next, f->arena, &target));
		if (str_starts(target, STR("/")))
			done = STR("");
		left = left.len ? arena_strf(f->arena, "%.*s/%.*s", STR_ARG(target), STR_ARG(left))
		                : target;
	}
	int fd = path_try_beneath(root, done.len ? done : STR("."), O_PATH | O_NOFOLLOW, 0);
	if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
		return err_sys(-fd, "cannot open '%.*s'", STR_ARG(path));
	*ret_path = done;
	*ret_fd = fd < 0 ? -1 : fd;
	return NULL;
}

static Err *take_match(Finding *f, int fd, const struct stat *st, Str name, Str real)
{
	Taking t = { .context = f->context, .cancel = f->cancel, .arena = f->arena, .match = real };
	bool is_dir = S_ISDIR(st->st_mode);
	Err *e = take(&t, fd, st, STR(""), real);
	if (!e && is_dir) {
		AUTO_CLOSE int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		e = dir < 0 ? err_sys(errno, "cannot read the directory '%.*s'", STR_ARG(real))
		            : take_below(&t, dir, STR(""), real, 0);
	}
	if (!e)
		e = hash_all(&t);
	if (!e) {
		ContextMatch m = { .name = arena_str(f->arena, name),
			           .is_dir = is_dir,
			           .count = t.files.len };
		m.files = arena_alloc(f->arena, (t.files.len + 1) * sizeof *m.files,
		                      _Alignof(ContextFile));
		memcpy(m.files, t.files.at, t.files.len * sizeof *m.files);
		VEC_PUSH(&f->matches, m);
	}
	VEC_DONE(&t.files);
	VEC_DONE(&t.unhashed);
	map_done(&t.inodes);
	return e;
}

/* One path without magic left in it. */
static Err *find_plain(Finding *f, Str path, bool *ret_found)
{
	Str real;
	struct stat st;
	const IgnorePattern *by;
	AUTO_CLOSE int fd = -1;
	*ret_found = false;
	TRY(resolve(f, path, &real, &fd));
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	bool out = is_left_out(f->context, path, &by) || is_left_out(f->context, real, &by);
	if (out)
		f->left_out_by = by;
	if (out && (!S_ISDIR(st.st_mode) || !may_hold_more(f->context, real)))
		return NULL;
	TRY(take_match(f, fd, &st, entry_name(path), real));
	*ret_found = true;
	if (out && f->matches.at[f->matches.len - 1].count == 1) {
		f->matches.len--; /* the directory is left out, and nothing below it was taken back
		                     in */
		*ret_found = false;
	}
	return NULL;
}

static Err *find_glob(Finding *f, Str done, Str pattern);

static Err *find_names(Finding *f, int dir_fd, Str done, Str part, Str rest)
{
	DirNames names = { 0 };
	int r = dir_names_read(dir_fd, &names);
	Err *e = r < 0 ? err_sys(-r, "cannot read the directory '%.*s'", STR_ARG(done)) : NULL;
	for (size_t i = 0; i < names.count && !e; i++) {
		Str name = { names.names[i].name, names.names[i].len };
		bool match;
		e = match_glob(part, name, &match);
		if (!e && match)
			e = find_glob(f, join(f->arena, done, name), rest);
	}
	dir_names_done(&names);
	return e;
}

/* Expand the first magic component of PATTERN below DONE, then go on. */
static Err *find_glob(Finding *f, Str done, Str pattern)
{
	Str part, rest = str_cut(pattern, '/', &part), real;
	bool found;
	if (part.len == 0)
		return find_plain(f, done, &found);
	if (!match_has_magic(part))
		return find_glob(f, join(f->arena, done, part), rest);
	AUTO_CLOSE int fd = -1;
	TRY(resolve(f, done, &real, &fd));
	if (fd < 0)
		return NULL;
	AUTO_CLOSE int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? NULL
	               : find_names(f, dir, done, part, rest); /* no directory: nothing matches */
}

static Err *not_found(const Finding *f)
{
	Err *e = err_new(ERR_NOT_FOUND, "no such file in the build context: '%.*s'",
	                 STR_ARG(f->source));
	const IgnorePattern *by = f->left_out_by;
	if (!by)
		return e;
	const char *file = by->span.src ? by->span.src->name : "the ignore file";
	return err_note(e, "%s:%u excludes it: '%s%.*s'", file, by->line, by->negate ? "!" : "",
	                STR_ARG(by->text));
}

Err *context_select(Context *c, Str source, const Cancel *cancel, Arena *a, ContextSelection *ret)
{
	Finding f = { .context = c, .cancel = cancel, .arena = a, .source = source };
	Str path = path_clean_in_root(a, source);
	bool wildcard = match_has_magic(path), found = true;
	Err *e = wildcard ? find_glob(&f, STR(""), path) : find_plain(&f, path, &found);
	if (!e && !found)
		e = not_found(&f);
	if (!e) {
		ret->matches = arena_alloc(a, (f.matches.len + 1) * sizeof *ret->matches,
		                           _Alignof(ContextMatch));
		if (f.matches.len)
			memcpy(ret->matches, f.matches.at, f.matches.len * sizeof *ret->matches);
		ret->count = f.matches.len;
		ret->wildcard = wildcard;
	}
	VEC_DONE(&f.matches);
	return e;
}
