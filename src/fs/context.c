/* context.c - what a COPY takes from the build context. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "codec/sha256.h"
#include "fs/context-internal.h"
#include "fs/context.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

/*
 * The source as written is resolved to a path without links below the root (resolve), a wildcard to
 * several.  Each is a match: its files are found and hashed by context_tree.c, and here put in
 * order and made entries.  What is resolved is text: everything is opened below the root again with
 * no link followed, so that a link put in place meanwhile leads nowhere.
 */

enum { LINKS_MAX = 40 }; /* MAXSYMLINKS of the kernel */

typedef struct Finding {
	Context *context;
	const Cancel *cancel;
	Arena *arena;
	Str source; /* as written */
	const MatchFilter *filter;
	VEC(ContextMatch) matches;
	bool is_nowhere;                  /* the last path has nothing behind it */
	const IgnorePattern *left_out_by; /* of the last thing that was there but left out */
	Str missing; /* the directory in front of a wildcard, if it is not there */
} Finding;

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
	(void)pthread_mutex_init(&c->mutex, NULL); /* cannot fail without attributes */
	*ret = c;
	return NULL;
}

void context_set_threads(Context *c, unsigned threads)
{
	c->threads = threads;
}

void context_limit_reading(Context *c, uint64_t bytes)
{
	c->read_limit = bytes;
}

void context_close(Context *c)
{
	if (!c)
		return;
	statcache_close(c->cache);
	close(c->root_fd);
	(void)pthread_mutex_destroy(&c->mutex);
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
	char *text = arena_alloc(a, dir.len + 1 + name.len + 1, 1); /* once a file: no printf */
	memcpy(text, dir.ptr, dir.len);
	text[dir.len] = '/';
	memcpy(text + dir.len + 1, name.ptr, name.len);
	return (Str){ text, dir.len + 1 + name.len };
}

static bool is_left_out(const Context *c, Str path, const IgnorePattern **ret_by)
{
	return path.len > 0 && c->ignore && ignore_excludes(c->ignore, path, ret_by);
}

/* --- the files of a match ------------------------------------------------ */

/* A directory whose names are being put out. */
typedef struct Level {
	TreeDir *dir;
	size_t at;        /* next node */
	size_t own_index; /* of the directory itself in the files */
	bool excluded;    /* it goes again if nothing below it stays */
} Level;

typedef struct Emission {
	const Tree *tree;
	Arena *arena;
	Str real; /* path of the match in the context */
	ContextFile *files;
	size_t count;
	Map inodes; /* dev and ino of files with several names → ContextFile, the first */
	VEC(Level) levels;
} Emission;

static void emission_done(Emission *e)
{
	map_done(&e->inodes);
	VEC_DONE(&e->levels);
}

/* An earlier file of this match with the same inode, or NULL: then F is remembered. */
static const ContextFile *first_name(Emission *em, const TreeNode *n, ContextFile *f)
{
	if (n->links < 2)
		return NULL;
	uint64_t inode[2] = { n->key.dev, n->key.ino };
	Str key = { (const char *)inode, sizeof inode };
	const ContextFile *first = map_get(&em->inodes, key);
	if (!first)
		map_put(&em->inodes, arena_str(em->arena, key), f);
	return first;
}

static Err *file_entry(Emission *em, const TreeNode *n, ContextFile *f)
{
	const ContextFile *first = first_name(em, n, f);
	if (first) {
		f->entry.type = ENTRY_HARDLINK;
		f->entry.link = first->entry.path;
		return NULL;
	}
	f->entry.type = ENTRY_FILE;
	f->entry.size = n->key.size;
	f->entry.sha256 = n->sha256;
	return n->has_xattrs ? context_tree_xattrs(em->tree, f->source, em->arena, &f->entry)
	                     : NULL;
}

/* Add node N as an entry; SOURCE is its path in the context, PATH_LEN the part below the match. */
static Err *emit(Emission *em, const TreeNode *n, Str source, size_t path_len)
{
	ContextFile *f = &em->files[em->count];
	*f = (ContextFile){ .source = source, .implied = n->implied };
	f->entry = (Entry){ .path = str_from_at(source, source.len - path_len),
		            .link = STR(""),
		            .mode = n->mode & 07777,
		            .mtime_ns = n->key.mtime_ns,
		            .untimed = true };
	switch (n->mode & S_IFMT) {
	case S_IFREG:
		TRY(file_entry(em, n, f));
		break;
	case S_IFDIR:
		f->entry.type = ENTRY_DIR;
		break;
	case S_IFLNK:
		f->entry.type = ENTRY_SYMLINK;
		f->entry.mode = 0777;
		f->entry.link = arena_str(em->arena, str_from(n->target));
		break;
	case S_IFCHR:
	case S_IFBLK:
		f->entry.type = S_ISCHR(n->mode) ? ENTRY_CHAR : ENTRY_BLOCK;
		f->entry.rdev_major = major(n->rdev);
		f->entry.rdev_minor = minor(n->rdev);
		break;
	case S_IFIFO:
		f->entry.type = ENTRY_FIFO;
		break;
	default: /* a socket is of no use in an image, and no reason to fail (BuildKit's rule) */
		f->entry.type = ENTRY_FILE;
		f->entry.sha256 = sha256_of(STR(""));
		break;
	}
	em->count++;
	return NULL;
}

static Err *emit_below(Emission *em, TreeDir *top)
{
	VEC_PUSH(&em->levels, (Level){ .dir = top });
	while (em->levels.len > 0) {
		Level *l = &em->levels.at[em->levels.len - 1];
		if (l->at == l->dir->count) {
			/* left out itself, and nothing below it was taken back in */
			if (l->excluded && em->count == l->own_index + 1)
				em->count--;
			em->levels.len--;
			continue;
		}
		TreeNode *n = &l->dir->nodes[l->at++];
		if (n->mode == 0)
			continue;
		Str source = join(em->arena, l->dir->path, (Str){ n->name, n->name_len });
		TRY(emit(em, n, source, source.len - em->real.len - (em->real.len > 0)));
		if (n->below)
			VEC_PUSH(&em->levels, (Level){ .dir = n->below,
			                               .own_index = em->count - 1,
			                               .excluded = n->excluded });
	}
	return NULL;
}

/* The directory itself, with its path "", then all below it; or the one file of the tree. */
static Err *emit_all(Emission *em, const struct stat *st)
{
	TreeDir *top = em->tree->dirs.at[0];
	em->files = arena_alloc(em->arena, (em->tree->name_count + 1) * sizeof *em->files,
	                        _Alignof(ContextFile));
	if (!S_ISDIR(st->st_mode))
		return emit(em, &top->nodes[0], em->real, 0);
	TreeNode self = { .mode = st->st_mode, .key = statcache_key(st) };
	TRY(emit(em, &self, em->real, 0));
	return emit_below(em, top);
}

static void add_match(Finding *f, const Emission *em, Str name, bool is_dir)
{
	VEC_PUSH(&f->matches, (ContextMatch){ .name = arena_str(f->arena, name),
	                                      .is_dir = is_dir,
	                                      .files = em->files,
	                                      .count = em->count });
}

static Err *take_filtered_out(Finding *f, const struct stat *st, Str name, Str real,
                              bool *ret_found);

/*
 * Everything at and below REAL, whose stat is ST.  EXCLUDED: it is a directory that the ignore file
 * leaves out; it is a match only if something below it is taken back in.
 */
static Err *take_match(Finding *f, const struct stat *st, Str name, Str real, bool excluded,
                       bool *ret_found)
{
	bool is_dir = S_ISDIR(st->st_mode);
	CLEANUP(context_tree_done)
	Tree t = { .context = f->context, .cancel = f->cancel, .filter = f->filter };
	TRY(is_dir ? context_tree_scan(&t, real) : context_tree_scan_file(&t, real));
	uint64_t limit = f->context->read_limit;
	if (!limit || context_tree_unread(&t) <= limit)
		TRY(context_tree_hash(&t));
	CLEANUP(emission_done) Emission em = { .tree = &t, .arena = f->arena, .real = real };
	TRY(emit_all(&em, st));
	*ret_found = !excluded || em.count > 1;
	if (*ret_found)
		add_match(f, &em, name, is_dir);
	else if (f->filter)
		return take_filtered_out(f, st, name, real, ret_found);
	return NULL;
}

/* A directory that the ignore file leaves out and the filter leaves nothing of: it is there all the
 * same, empty, if the ignore file takes something below it back in. */
static Err *take_filtered_out(Finding *f, const struct stat *st, Str name, Str real,
                              bool *ret_found)
{
	const MatchFilter *filter = f->filter;
	f->filter = NULL;
	Err *e = take_match(f, st, name, real, true, ret_found);
	f->filter = filter;
	if (!e && *ret_found)
		f->matches.at[f->matches.len - 1].count = 1;
	return e;
}

/* --- the source path ----------------------------------------------------- */

/* The target of the link behind FD (O_PATH). */
static Err *read_link(int fd, Str path, Arena *a, Str *ret)
{
	char target[PATH_BYTES_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof target);
	if (n < 0)
		return err_sys(errno, "cannot read the link '%.*s'", STR_ARG(path));
	*ret = arena_str(a, (Str){ target, (size_t)n });
	return NULL;
}

/* Where PATH leads to. */
typedef struct Resolved {
	bool found; /* false: nothing is there, or a link on the way is left out */
	Str path;   /* without links */
	struct stat st;
} Resolved;

/* Follow PATH from the root, links as if the root were "/". */
static Err *resolve(Finding *f, Str path, Resolved *ret)
{
	int root = f->context->root_fd;
	unsigned links = 0;
	*ret = (Resolved){ .path = STR("") };
	for (Str left = path, name; left.len > 0;) {
		left = str_cut(left, '/', &name);
		if (name.len == 0 || str_eqc(name, "."))
			continue;
		Str next = str_eqc(name, "..") ? entry_parent(ret->path)
		                               : join(f->arena, ret->path, name);
		AUTO_CLOSE int fd = path_try_beneath(root, next, O_PATH | O_NOFOLLOW, 0);
		if (fd == -ENOENT || fd == -ENOTDIR)
			return NULL;
		if (fd < 0 || fstat(fd, &ret->st) != 0)
			return err_sys(fd < 0 ? -fd : errno, "cannot look at '%.*s'",
			               STR_ARG(next));
		if (!S_ISLNK(ret->st.st_mode)) {
			ret->path = next;
			continue;
		}
		if (++links > LINKS_MAX)
			return err_new(ERR_INPUT, "too many symbolic links at '%.*s'",
			               STR_ARG(next));
		const IgnorePattern *by = NULL;
		if (is_left_out(f->context, next, &by)) {
			f->left_out_by = by;
			return NULL;
		}
		Str target = STR("");
		TRY(read_link(fd, next, f->arena, &target));
		if (str_starts(target, STR("/")))
			ret->path = STR("");
		left = left.len ? join(f->arena, target, left) : target;
	}
	AUTO_CLOSE int fd = path_try_beneath(root, ret->path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0 || fstat(fd, &ret->st) != 0)
		return err_sys(fd < 0 ? -fd : errno, "cannot look at '%.*s'", STR_ARG(path));
	ret->found = true;
	return NULL;
}

/* One path without magic in it; *ret_found: it is a match. */
static Err *find_plain(Finding *f, Str path, bool *ret_found)
{
	Resolved r;
	*ret_found = false;
	TRY(resolve(f, path, &r));
	f->is_nowhere = !r.found;
	if (!r.found)
		return NULL;
	const IgnorePattern *by = NULL;
	bool excluded = is_left_out(f->context, r.path, &by);
	if (excluded) {
		f->left_out_by = by;
		if (!S_ISDIR(r.st.st_mode) ||
		    !ignore_may_reinclude_below(f->context->ignore, r.path))
			return NULL;
	}
	return take_match(f, &r.st, entry_name(path), r.path, excluded, ret_found);
}

static Err *find_below(Finding *f, Str dir, Str pattern);

/*
 * A wildcard has matched NAME, and there is nothing behind it.  BuildKit takes what a wildcard
 * matches as if it was written: a link that leads to nothing is an error.
 */
static Err *check_link(const Finding *f, int dir_fd, const char *name, Str path)
{
	struct stat st;
	const IgnorePattern *by;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode) ||
	    is_left_out(f->context, path, &by))
		return NULL; /* gone meanwhile, or not part of the context */
	return err_new(ERR_NOT_FOUND, "the link '%.*s' in the build context leads to nothing",
	               STR_ARG(path));
}

/* The names of the directory DIR_FD that PART matches, then on with REST below each. */
static Err *find_names(Finding *f, int dir_fd, Str dir, Str part, Str rest)
{
	CLEANUP(dir_names_done) DirNames names = { 0 };
	int r = dir_names_read(dir_fd, &names);
	if (r < 0)
		return err_sys(-r, "cannot read the directory '%.*s'", STR_ARG(dir));
	for (size_t i = 0; i < names.count; i++) {
		Str name = { names.names[i].name, names.names[i].len };
		bool match, found;
		TRY(match_glob(part, name, &match));
		if (!match)
			continue;
		Str path = join(f->arena, dir, name);
		if (rest.len) {
			TRY(find_below(f, path, rest));
			continue;
		}
		TRY(find_plain(f, path, &found));
		if (f->is_nowhere)
			TRY(check_link(f, dir_fd, names.names[i].name, path));
	}
	return NULL;
}

/*
 * PATTERN below DIR, a path without links.  Only the last component may be a link: BuildKit walks
 * the tree and compares, and so what a wildcard costs is bounded by the tree, even with links to
 * ".".
 */
static Err *find_below(Finding *f, Str dir, Str pattern)
{
	Str part, rest = str_cut(pattern, '/', &part);
	TRY(cancel_check(f->cancel));
	AUTO_CLOSE int fd = path_try_beneath(f->context->root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return NULL; /* nothing matches */
	if (fd < 0)
		return err_sys(-fd, "cannot open the directory '%.*s'", STR_ARG(dir));
	return find_names(f, fd, dir, part, rest);
}

/* The part of PATTERN before its first magic component is followed as any path is; *ret_found:
 * false if it names no directory that is part of the context. */
static Err *find_glob(Finding *f, Str pattern, bool *ret_found)
{
	Str head = { pattern.ptr, 0 }, part, rest = pattern;
	while (rest.len > 0) {
		Str after = str_cut(rest, '/', &part);
		if (match_has_magic(part))
			break;
		head.len = (size_t)(part.ptr - pattern.ptr) + part.len;
		rest = after;
	}
	Resolved r;
	TRY(resolve(f, head, &r));
	*ret_found = r.found && S_ISDIR(r.st.st_mode);
	const IgnorePattern *by = NULL;
	if (*ret_found && is_left_out(f->context, r.path, &by) &&
	    !ignore_may_reinclude_below(f->context->ignore, r.path)) {
		f->left_out_by = by;
		*ret_found = false;
	}
	if (!*ret_found) {
		f->missing = head;
		return NULL;
	}
	return find_below(f, r.path, rest);
}

static Err *not_found(const Finding *f)
{
	Err *e = f->missing.len
	                 ? err_new(ERR_NOT_FOUND, "no such directory in the build context: '%.*s'",
	                           STR_ARG(f->missing))
	                 : err_new(ERR_NOT_FOUND, "no such file in the build context: '%.*s'",
	                           STR_ARG(f->source));
	const IgnorePattern *by = f->left_out_by;
	if (!by)
		return e;
	const Source *file = by->span.src;
	if (!file)
		return err_note(e, "pattern %u excludes it: '%s%.*s'", by->line,
		                by->negate ? "!" : "", STR_ARG(by->text));
	/* As it stands there, for a person to find it. */
	Str line = str_head(str_from_at(file->text, by->span.start), by->span.end - by->span.start);
	return err_note(e, "%s:%u excludes it: '%.*s'", file->name, by->line, STR_ARG(line));
}

static void finding_done(Finding *f)
{
	VEC_DONE(&f->matches);
}

static Err *select_locked(Finding *f, ContextSelection *ret)
{
	Str path = path_clean_in_root(f->arena, f->source);
	bool wildcard = match_has_magic(path), found = true;
	TRY(wildcard ? find_glob(f, path, &found) : find_plain(f, path, &found));
	if (!found)
		return not_found(f);
	ContextMatch *matches = arena_alloc(f->arena, (f->matches.len + 1) * sizeof *matches,
	                                    _Alignof(ContextMatch));
	for (size_t i = 0; i < f->matches.len; i++)
		matches[i] = f->matches.at[i];
	*ret = (ContextSelection){ .matches = matches,
		                   .count = f->matches.len,
		                   .wildcard = wildcard };
	return NULL;
}

Err *context_select_filtered(Context *c, Str source, const MatchFilter *filter,
                             const Cancel *cancel, Arena *a, ContextSelection *ret)
{
	CLEANUP(finding_done)
	Finding f = {
		.context = c, .cancel = cancel, .arena = a, .source = source, .filter = filter
	};
	/* one at a time: each works on all cores, and the second finds what the first has hashed */
	(void)pthread_mutex_lock(&c->mutex);
	Err *e = select_locked(&f, ret);
	(void)pthread_mutex_unlock(&c->mutex);
	return e;
}

Err *context_select(Context *c, Str source, const Cancel *cancel, Arena *a, ContextSelection *ret)
{
	return context_select_filtered(c, source, NULL, cancel, a, ret);
}
