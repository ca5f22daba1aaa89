/* context_tree.c - a tree of the build context, found and hashed on several threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/parallel.h"
#include "codec/sha256.h"
#include "fs/context-internal.h"
#include "fs/copy.h"
#include "fs/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>

/*
 * Level by level: read the directories of one level, look at every name in them, and the
 * directories found are the next level.  All names of a level are cut into pieces of about the same
 * size, so that one huge directory is shared between threads as well as a thousand small ones.
 * Looking at names is what costs (100,000 fstatat: 116 ms on one thread, 60 on two); io_uring was
 * no faster.
 *
 * Each directory is opened anew by its path below the root, no link followed: there is no chain of
 * ".." or of open parents that a swapped directory could lead astray, no recursion, and one fd a
 * thread.  A path that is too long for that is too long for a layer as well.
 *
 * Small contexts get no thread: starting one costs more than looking at 2,000 files.
 */

enum {
	THREADS_FILES_MIN = 2000,
	THREADS_BYTES_MIN = 16 << 20, /* hashing: 12 ms of work */
	PIECE_NAMES = 512,
	PIECE_FILES = 64,      /* hashing */
	PIECE_BYTES = 1 << 20, /* hashing: then the piece ends */
	BLOCK_BYTES = 64 * 1024,
};

/* Some nodes of one directory: what one call of a thread works on. */
typedef struct Piece {
	TreeDir *dir;
	size_t from, to;
} Piece;

typedef struct Job {
	Tree *tree;
	size_t first_dir; /* of the level, when directories are read */
	VEC(Piece) pieces;
} Job;

static void job_done(Job *j)
{
	VEC_DONE(&j->pieces);
}

static Err *run(Job *j, size_t count, bool much, ParallelFn *fn)
{
	return parallel_each(count, much ? j->tree->context->threads : 1, fn, j);
}

static Err *changed(Str path)
{
	return err_note(err_new(ERR_INPUT, "'%.*s' changed while it was read", STR_ARG(path)),
	                "build again when nothing writes to the build context");
}

static TreeDir *dir_new(Str parent, const char *name, size_t name_len)
{
	TreeDir *d = xcalloc(1, sizeof *d);
	size_t len = parent.len + (parent.len > 0) + name_len;
	char *text = xmalloc(len + 1);
	if (parent.len > 0) {
		memcpy(text, parent.ptr, parent.len);
		text[parent.len] = '/';
	}
	memcpy(text + len - name_len, name, name_len);
	text[len] = '\0';
	d->path = (Str){ text, len };
	return d;
}

static void dir_free(TreeDir *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->nodes[i].target);
	dir_names_done(&d->names);
	free(d->nodes);
	free((char *)d->path.ptr);
	free(d);
}

void context_tree_done(Tree *t)
{
	for (size_t i = 0; i < t->dirs.len; i++)
		dir_free(t->dirs.at[i]);
	VEC_DONE(&t->dirs);
}

static Err *open_dir(const Tree *t, const TreeDir *d, int flags, int *ret_fd)
{
	int fd = path_try_beneath(t->context->root_fd, d->path, flags | O_DIRECTORY, 0);
	if (fd == -ELOOP || fd == -ENOTDIR || fd == -ENOENT)
		return changed(d->path); /* it was a directory a moment ago */
	if (fd < 0)
		return err_sys(-fd, "cannot open the directory '%.*s'",
		               STR_ARG(d->path.len ? d->path : STR(".")));
	*ret_fd = fd;
	return NULL;
}

static Err *read_dir(void *context, size_t i)
{
	Job *j = context;
	TreeDir *d = j->tree->dirs.at[j->first_dir + i];
	AUTO_CLOSE int fd = -1;
	TRY(cancel_check(j->tree->cancel));
	TRY(open_dir(j->tree, d, O_RDONLY, &fd));
	int r = dir_names_read(fd, &d->names);
	if (r < 0)
		return err_sys(-r, "cannot read the directory '%.*s'", STR_ARG(d->path));
	d->nodes = xcalloc(d->names.count + 1, sizeof *d->nodes);
	d->count = d->names.count;
	for (size_t k = 0; k < d->count; k++)
		d->nodes[k] = (TreeNode){ .name = d->names.names[k].name,
			                  .name_len = d->names.names[k].len };
	return NULL;
}

/* The target of the link NAME, malloc'ed; NULL with errno if it cannot be read. */
static char *read_target(int dir_fd, const char *name)
{
	char target[PATH_BYTES_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof target - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	return xstrdup(target);
}

/* What the names of a directory are asked. */
typedef struct Wanted {
	const Tree *tree;
	IgnoreWalk ignore, excludes; /* of the context; of the filter */
} Wanted;

static void wanted_done(Wanted *w)
{
	ignore_walk_done(&w->ignore);
	ignore_walk_done(&w->excludes);
}

/* Does the ignore file or the filter leave PATH out, so that there is no need to look at it?
 * Directories that may hold something wanted are EXCLUDED instead. */
static bool leave_out(Wanted *w, Str path, unsigned char type, TreeNode *n)
{
	const Tree *t = w->tree;
	const Ignore *ig = t->context->ignore;
	bool maybe_dir = type == DT_DIR || type == DT_UNKNOWN;
	if (ig && ig->count > 0 && ignore_walk_excludes(&w->ignore, path, NULL)) {
		if (!maybe_dir || !ig->has_negation || !ignore_may_reinclude_below(ig, path))
			return true;
		n->excluded = true;
	}
	if (!t->filter)
		return false;
	size_t top = t->dirs.at[0]->path.len;
	MatchVerdict v = match_filter(t->filter, &w->excludes, str_from_at(path, top + (top > 0)),
	                              maybe_dir);
	n->implied = v == MATCH_BELOW;
	n->excluded |= n->implied;
	return v == MATCH_LEAVE;
}

static Err *look_at(const Tree *t, const TreeDir *d, int dir_fd, TreeNode *n, Str path,
                    size_t *hint)
{
	struct stat st;
	if (fstatat(dir_fd, n->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return NULL; /* gone since the directory was read: as if it had never been
			              */
		return err_sys(errno, "cannot look at '%.*s'", STR_ARG(path));
	}
	if (n->excluded && !S_ISDIR(st.st_mode))
		return NULL;
	n->key = statcache_key(&st);
	n->links = st.st_nlink;
	n->rdev = st.st_rdev;
	if (S_ISDIR(st.st_mode)) {
		n->below = dir_new(d->path, n->name, n->name_len);
	} else if (S_ISLNK(st.st_mode)) {
		n->target = read_target(dir_fd, n->name);
		if (!n->target)
			return errno == ENOENT || errno == EINVAL
			               ? changed(path)
			               : err_sys(errno, "cannot read the link '%.*s'",
			                         STR_ARG(path));
	} else if (S_ISREG(st.st_mode)) {
		const StatRecord *r = statcache_find(t->context->cache, &n->key, hint);
		if (r) {
			n->sha256 = r->sha256;
			n->has_xattrs = r->has_xattrs;
			n->hashed = true;
		}
	}
	n->mode = st.st_mode; /* last: what is not whole stays left out */
	return NULL;
}

static Err *look_at_piece(void *context, size_t i)
{
	Job *j = context;
	Piece p = j->pieces.at[i];
	size_t hint = 0;
	char path[PATH_BYTES_MAX + NAME_BYTES_MAX + 2];
	size_t base = p.dir->path.len;
	AUTO_CLOSE int fd = -1;
	CLEANUP(wanted_done)
	Wanted wanted = { .tree = j->tree, .ignore.ignore = j->tree->context->ignore };
	if (j->tree->filter)
		wanted.excludes.ignore = j->tree->filter->exclude;

	TRY(cancel_check(j->tree->cancel));
	TRY(open_dir(j->tree, p.dir, O_PATH, &fd));
	memcpy(path, p.dir->path.ptr, base);
	if (base > 0)
		path[base++] = '/';
	for (size_t k = p.from; k < p.to; k++) {
		TreeNode *n = &p.dir->nodes[k];
		memcpy(path + base, n->name, n->name_len + 1);
		Str full = { path, base + n->name_len };
		if (leave_out(&wanted, full, p.dir->names.names[k].type, n))
			continue;
		if (full.len >= PATH_BYTES_MAX)
			return err_new(ERR_INPUT, "the path is too long for an image: '%.*s'",
			               STR_ARG(full));
		TRY(look_at(j->tree, p.dir, fd, n, full, &hint));
	}
	return NULL;
}

/* Read and look at the directories from number FIRST on; those below them are appended. */
static Err *scan_level(Tree *t, size_t first)
{
	CLEANUP(job_done) Job j = { .tree = t, .first_dir = first };
	size_t end = t->dirs.len;
	TRY(run(&j, end - first, t->name_count + end - first >= THREADS_FILES_MIN, read_dir));
	for (size_t i = first; i < end; i++) {
		TreeDir *d = t->dirs.at[i];
		t->name_count += d->count;
		for (size_t k = 0; k < d->count; k += PIECE_NAMES)
			VEC_PUSH(&j.pieces, (Piece){ d, k,
			                             k + PIECE_NAMES < d->count ? k + PIECE_NAMES
			                                                        : d->count });
	}
	Err *e = run(&j, j.pieces.len, t->name_count >= THREADS_FILES_MIN, look_at_piece);
	/* even after an error: context_tree_done() frees what is in the list */
	for (size_t i = first; i < end; i++) {
		TreeDir *d = t->dirs.at[i];
		for (size_t k = 0; k < d->count; k++)
			if (d->nodes[k].below)
				VEC_PUSH(&t->dirs, d->nodes[k].below);
	}
	return e;
}

Err *context_tree_scan(Tree *t, Str path)
{
	statcache_load(t->context->cache);
	VEC_PUSH(&t->dirs, dir_new(STR(""), path.ptr, path.len));
	for (size_t first = 0, end; first < t->dirs.len; first = end) {
		end = t->dirs.len;
		TRY(scan_level(t, first));
	}
	return NULL;
}

Err *context_tree_scan_file(Tree *t, Str path)
{
	statcache_load(t->context->cache);
	Str parent = entry_parent(path), name = entry_name(path);
	TreeDir *d = dir_new(STR(""), parent.ptr, parent.len);
	VEC_PUSH(&t->dirs, d);
	AUTO_CLOSE int fd = -1;
	TRY(open_dir(t, d, O_PATH, &fd));
	buf_add_str(&d->names.text, name);
	d->nodes = xcalloc(1, sizeof *d->nodes);
	d->nodes[0] = (TreeNode){ .name = d->names.text.ptr, .name_len = (uint32_t)name.len };
	d->count = 1;
	size_t hint = 0;
	TRY(look_at(t, d, fd, &d->nodes[0], path, &hint));
	if (d->nodes[0].below) { /* a directory by now */
		dir_free(TAKE_PTR(d->nodes[0].below));
		return changed(path);
	}
	return d->nodes[0].mode ? NULL : changed(path);
}

/* Hash SIZE bytes and see that nothing follows.  *ret_whole: there were as many, and no more. */
static Err *hash_bytes(int fd, uint64_t size, Str path, const Cancel *cancel, Digest *ret,
                       bool *ret_whole)
{
	char block[BLOCK_BYTES];
	Sha256 hash;
	uint64_t left = size;
	sha256_init(&hash);
	for (;;) {
		/* one byte more than is left: so that most files need one read() in all */
		size_t want = left < sizeof block ? (size_t)left + 1 : sizeof block;
		ssize_t n = read(fd, block, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%.*s'", STR_ARG(path));
		if ((uint64_t)n > left || (n == 0 && left > 0)) {
			*ret_whole = false;
			return NULL;
		}
		sha256_add(&hash, block, (size_t)n);
		left -= (uint64_t)n;
		if (left == 0 && (size_t)n < want)
			break;
		TRY(cancel_check(cancel)); /* a file may have more than a second's bytes */
	}
	*ret = sha256_end(&hash);
	*ret_whole = true;
	return NULL;
}

/* Those that belong to the file, wherever it lies: of the machine are security.selinux, system.*,
 * trusted.* and what overlay keeps for itself. */
static bool counts(Str xattr)
{
	return str_eq(xattr, STR("security.capability")) ||
	       (str_starts(xattr, STR("user.")) && !str_starts(xattr, STR("user.overlay.")));
}

static bool has_xattrs(int fd)
{
	char names[4096];
	ssize_t n = flistxattr(fd, names, sizeof names);
	if (n < 0)
		return errno == ERANGE; /* so many: they are looked at when it is taken */
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		if (counts(str_from(names + i)))
			return true;
	return false;
}

static Err *hash_node(const Tree *t, int dir_fd, TreeNode *n, Str path)
{
	AUTO_CLOSE int fd =
		openat(dir_fd, n->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO
		               ? changed(path)
		               : err_sys(errno, "cannot open '%.*s'", STR_ARG(path));
	struct stat st;
	int64_t now_ns = clock_real_ns(); /* before the stat: statcache.c, the racy rule */
	bool whole = false;
	if (fstat(fd, &st) != 0)
		return err_sys(errno, "cannot look at '%.*s'", STR_ARG(path));
	if (!S_ISREG(st.st_mode))
		return changed(path);
	n->key =
		statcache_key(&st); /* it may be another since it was listed: all from one moment */
	n->mode = st.st_mode;
	TRY(hash_bytes(fd, n->key.size, path, t->cancel, &n->sha256, &whole));
	if (!whole)
		return changed(path);
	n->has_xattrs = has_xattrs(fd);
	n->hashed = true;
	n->fresh = !statcache_is_racy(&n->key, now_ns);
	return NULL;
}

static bool needs_hash(const TreeNode *n)
{
	return S_ISREG(n->mode) && !n->hashed;
}

static Err *hash_piece(void *context, size_t i)
{
	Job *j = context;
	Piece p = j->pieces.at[i];
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_CLOSE int fd = -1;
	TRY(open_dir(j->tree, p.dir, O_PATH, &fd));
	for (size_t k = p.from; k < p.to; k++) {
		TreeNode *n = &p.dir->nodes[k];
		if (!needs_hash(n))
			continue;
		TRY(cancel_check(j->tree->cancel));
		buf_reset(&path);
		buf_add_str(&path, p.dir->path);
		if (path.len > 0)
			buf_add_char(&path, '/');
		buf_add(&path, n->name, n->name_len);
		TRY(hash_node(j->tree, fd, n, buf_str(&path)));
	}
	return NULL;
}

/* Cut the files of D that are to be read into pieces. */
static void cut_pieces(Job *j, TreeDir *d, size_t *files, uint64_t *bytes)
{
	Piece p = { d, 0, 0 };
	size_t piece_files = 0;
	uint64_t piece_bytes = 0;
	for (size_t k = 0; k < d->count; k++) {
		if (!needs_hash(&d->nodes[k]))
			continue;
		p.to = k + 1;
		piece_files++;
		piece_bytes += d->nodes[k].key.size;
		if (piece_files < PIECE_FILES && piece_bytes < PIECE_BYTES)
			continue;
		VEC_PUSH(&j->pieces, p);
		*files += piece_files;
		*bytes += piece_bytes;
		p.from = k + 1;
		piece_files = 0;
		piece_bytes = 0;
	}
	if (piece_files > 0)
		VEC_PUSH(&j->pieces, p);
	*files += piece_files;
	*bytes += piece_bytes;
}

uint64_t context_tree_unread(const Tree *t)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < t->dirs.len; i++)
		for (size_t k = 0; k < t->dirs.at[i]->count; k++) {
			const TreeNode *n = &t->dirs.at[i]->nodes[k];
			bytes += needs_hash(n) ? n->key.size : 0;
		}
	return bytes;
}

Err *context_tree_hash(Tree *t)
{
	CLEANUP(job_done) Job j = { .tree = t };
	size_t files = 0;
	uint64_t bytes = 0;
	for (size_t i = 0; i < t->dirs.len; i++)
		cut_pieces(&j, t->dirs.at[i], &files, &bytes);
	TRY(run(&j, j.pieces.len, files >= THREADS_FILES_MIN || bytes >= THREADS_BYTES_MIN,
	        hash_piece));

	VEC(StatRecord) fresh = { 0 };
	for (size_t i = 0; i < j.pieces.len; i++) {
		Piece p = j.pieces.at[i];
		for (size_t k = p.from; k < p.to; k++) {
			const TreeNode *n = &p.dir->nodes[k];
			if (n->fresh)
				VEC_PUSH(&fresh, (StatRecord){ n->key, n->sha256, n->has_xattrs });
		}
	}
	statcache_add(t->context->cache, fresh.at, fresh.len);
	VEC_DONE(&fresh);
	return NULL;
}

Err *context_tree_xattrs(const Tree *t, Str path, Arena *a, Entry *ret)
{
	AUTO_CLOSE int fd = path_try_beneath(t->context->root_fd, path,
	                                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return changed(path);
	const Xattr *all;
	size_t count;
	TRY(copy_read_xattrs(a, fd, arena_str(a, path).ptr, &all, &count));
	Xattr *kept = arena_alloc(a, (count + 1) * sizeof *kept, _Alignof(Xattr));
	ret->xattr_count = 0;
	for (size_t i = 0; i < count; i++)
		if (counts(all[i].name))
			kept[ret->xattr_count++] = all[i];
	ret->xattrs = kept;
	return NULL;
}
