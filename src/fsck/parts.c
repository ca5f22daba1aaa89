/* parts.c - every name that lies in the store: is it one of ours, and whose is it? */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "fsck/fsck-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

/* --- rights ------------------------------------------------------------------------------------
 */

static void bad_rights(Fsck *f, Str path, const char *problem, const Digest *uses_of)
{
	fsck_found(f,
	           &(Finding){ .told = { .path = path, .problem = str_from(problem) },
	                       .fix = FIX_RIGHTS },
	           uses_of);
}

static void check_rights(Fsck *f, Str path, const struct stat *st, mode_t need,
                         const Digest *uses_of)
{
	if (st->st_uid != f->uid)
		bad_rights(f, path, "has another owner than the store", uses_of);
	if ((st->st_mode & need) != need)
		bad_rights(f, path, "may not be read or written by its owner", uses_of);
	if (st->st_mode & 022)
		bad_rights(f, path, "may be written by others", uses_of);
}

static void foreign(Fsck *f, Str path, const char *problem, const Digest *uses_of)
{
	fsck_found(f,
	           &(Finding){ .told = { .path = path, .problem = str_from(problem) },
	                       .fix = FIX_MOVE },
	           uses_of);
}

bool fsck_check_file(Fsck *f, int dir_fd, const char *name, Str path, const struct stat *st,
                     const Digest *uses_of)
{
	(void)dir_fd, (void)name;
	__atomic_add_fetch(&f->files, 1, __ATOMIC_RELAXED);
	if (!S_ISREG(st->st_mode)) {
		foreign(f, path, "is no file", uses_of);
		return false;
	}
	check_rights(f, path, st, 0600, uses_of);
	return true;
}

/* --- what lies in each directory ----------------------------------------------------------------
 */

/* A name in the directory PART; false: it is none that we make. */
typedef bool NameFn(Fsck *f, Str name, Str path, const struct stat *st);

static bool digest_of(Str hex, Digest *ret)
{
	Err *e = digest_parse_hex(hex, ret);
	bool ok = !e;
	err_free(e); /* no name of ours: told by the result */
	return ok;
}

/* A file that is looked at by LOOK if it is one. */
static bool file_item(Fsck *f, ItemFn *look, Str path, const struct stat *st, const Digest *d)
{
	if (fsck_check_file(f, -1, NULL, path, st, d))
		fsck_item(f, look, path, d, (uint64_t)st->st_size);
	return true;
}

static bool dir_item(Fsck *f, ItemFn *look, Str path, const struct stat *st, const Digest *d)
{
	if (!S_ISDIR(st->st_mode))
		return false;
	check_rights(f, path, st, 0700, NULL);
	fsck_item(f, look, path, d, 4096);
	return true;
}

static bool name_blob(Fsck *f, Str name, Str path, const struct stat *st)
{
	Digest d;
	if (!digest_of(name, &d))
		return false;
	if (fsck_check_file(f, -1, NULL, path, st, &d))
		fsck_want_blob(f, &d);
	return true;
}

/* Then examine.c looks at it; else it is as we made it. */
static bool list_has_root(Fsck *f, const Digest *d)
{
	AUTO_LIST List *list = NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry root;
	Err *e = store_layer_list(f->store, d, &list);
	bool has = !e && list_find(list, STR(""), &a, &root);
	err_free(e); /* a damaged list is found by itself */
	return has;
}

static bool name_layer(Fsck *f, Str name, Str path, const struct stat *st)
{
	Digest d;
	Str end = str_from_at(name, name.len < DIGEST_HEX_LEN ? name.len : DIGEST_HEX_LEN);
	if (!digest_of(str_head(name, DIGEST_HEX_LEN), &d))
		return false;
	if (end.len == 0) {
		if (!S_ISDIR(st->st_mode)) {
			foreign(f, path, "is no directory", &d);
			return true;
		}
		if (!list_has_root(f, &d))
			check_rights(f, path, st, 0700, &d);
	} else if (!str_eqc(end, ".meta") && !str_eqc(end, ".list") && !str_eqc(end, ".ok")) {
		return false;
	} else if (!fsck_check_file(f, -1, NULL, path, st, &d)) {
		return true; /* looked at again when that is away */
	}
	fsck_want_layer(f, &d);
	return true;
}

#define HEX_NAME(fn, item, look)                                           \
	static bool fn(Fsck *f, Str name, Str path, const struct stat *st) \
	{                                                                  \
		Digest d;                                                  \
		return digest_of(name, &d) && item(f, look, path, st, &d); \
	}
HEX_NAME(name_map, file_item, fsck_look_map)
HEX_NAME(name_record, file_item, fsck_look_record)
HEX_NAME(name_attest, file_item, fsck_look_attest)
HEX_NAME(name_manifests, file_item, fsck_look_manifests)
HEX_NAME(name_list, file_item, fsck_look_list)
HEX_NAME(name_ctx, file_item, fsck_look_ctx)
HEX_NAME(name_mount, dir_item, fsck_look_mount)
HEX_NAME(name_container, dir_item, fsck_look_container)

static bool name_build(Fsck *f, Str name, Str path, const struct stat *st)
{
	(void)name;
	return file_item(f, fsck_look_sealed, path, st, NULL);
}

static bool name_logs(Fsck *f, Str name, Str path, const struct stat *st)
{
	(void)name;
	return dir_item(f, fsck_look_log, path, st, NULL);
}

/* One of our names, whatever is wrong with the file: that has been told. */
static bool check_ours(Fsck *f, Str path, const struct stat *st)
{
	(void)fsck_check_file(f, -1, NULL, path, st, NULL);
	return true;
}

/* locks/gc, the account (store/account.h: an estimate, made anew when it is damaged), and a
 * directory a kind. */
static bool name_lock(Fsck *f, Str name, Str path, const struct stat *st)
{
	if (str_eqc(name, "gc") || str_eqc(name, "usage"))
		return check_ours(f, path, st);
	return dir_item(f, fsck_look_locks, path, st, NULL);
}

/* Marks, and what was replaced. */
static bool name_damaged(Fsck *f, Str name, Str path, const struct stat *st)
{
	Digest d;
	StoreDamaged what;
	if (!digest_of(str_head(name, DIGEST_HEX_LEN), &d))
		return false;
	if (store_damage_is_old(name))
		return S_ISDIR(st->st_mode);
	return store_damage_name(name, &what) && file_item(f, fsck_look_mark, path, st, &d);
}

static bool name_repo(Fsck *f, Str name, Str path, const struct stat *st)
{
	(void)name;
	return dir_item(f, fsck_look_repo, path, st, NULL);
}

/* What is being sent, verified when it is all here. */
static bool name_upload(Fsck *f, Str name, Str path, const struct stat *st)
{
	(void)name;
	return check_ours(f, path, st);
}

static bool name_anything(Fsck *f, Str name, Str path, const struct stat *st)
{
	(void)f, (void)name, (void)path, (void)st;
	return true;
}

static bool name_blobs(Fsck *f, Str name, Str path, const struct stat *st)
{
	if (!str_eqc(name, "sha256") || !S_ISDIR(st->st_mode))
		return false;
	check_rights(f, path, st, 0700, NULL);
	return true;
}

static const struct {
	const char *path;
	NameFn *fn;
} dirs[] = {
	{ "blobs", name_blobs },  { "blobs/sha256", name_blob }, { "layers", name_layer },
	{ "map", name_map },      { "cache", name_record },      { "attest", name_attest },
	{ "lists", name_list },   { "ctx", name_ctx },           { "mounts", name_mount },
	{ "builds", name_build }, { "logs", name_logs },         { "containers", name_container },
	{ "locks", name_lock },   { "refs", name_anything }, /* uses.c */
	{ "tmp", name_anything }, { "init", name_anything },     { "manifests", name_manifests },
	{ "repos", name_repo },   { "uploads", name_upload },    { "damaged", name_damaged },
};

static Err *list_dir(Fsck *f, const char *path, NameFn *fn)
{
	int fd = openat(store_dir_fd(f->store), path,
	                O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES))
		return NULL; /* told as a part of the store */
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int errnum = errno;
		closep(&fd);
		return err_sys(errnum, "cannot read '%s' in the store '%s'", path,
		               store_path(f->store));
	}
	for (struct dirent *d; (d = readdir(dir));) {
		struct stat st;
		if (d->d_name[0] == '.') /* being made: nobody reads it */
			continue;
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* gone meanwhile */
		Str name = arena_str(f->arena, str_from(d->d_name));
		Str at = arena_strf(f->arena, "%s/%s", path, d->d_name);
		if (!fn(f, name, at, &st))
			foreign(f, at, "is nothing of a store", NULL);
	}
	(void)closedir(dir);
	return NULL;
}

/* --- the top ------------------------------------------------------------------------------------
 */

static void check_blob_dir(Fsck *f)
{
	if (faccessat(store_dir_fd(f->store), "blobs/sha256", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		fsck_found(f,
		           &(Finding){ .told = { .path = STR("blobs/sha256"),
		                                 .problem = STR("is gone") },
		                       .fix = FIX_DIR },
		           NULL);
}

static void check_part(Fsck *f, const StorePart *part)
{
	struct stat st;
	Str name = str_from(part->name);
	if (fstatat(store_dir_fd(f->store), part->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (part->always && part->is_dir)
			fsck_found(f,
			           &(Finding){ .told = { .path = name, .problem = STR("is gone") },
			                       .fix = FIX_DIR },
			           NULL);
		return;
	}
	if (part->is_dir && S_ISDIR(st.st_mode))
		check_rights(f, name, &st, 0700, NULL);
	else if (part->is_dir)
		foreign(f, name, "is no directory", NULL);
	else
		(void)fsck_check_file(f, -1, NULL, name, &st, NULL);
}

static Err *list_top(Fsck *f)
{
	int fd = openat(store_dir_fd(f->store), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return err_sys(errno, "cannot read the store '%s'", store_path(f->store));
	}
	for (struct dirent *d; (d = readdir(dir));)
		if (d->d_name[0] != '.' && !store_part_find(str_from(d->d_name)))
			foreign(f, str_from(d->d_name), "is nothing of a store", NULL);
	(void)closedir(dir);
	for (size_t i = 0; i < store_part_count; i++)
		check_part(f, &store_parts[i]);
	check_blob_dir(f);
	return NULL;
}

static void want_used(Fsck *f)
{
	for (size_t i = 0; i < f->uses.len; i++) {
		const Uses *u = f->uses.slots[i].value;
		if (u->layer)
			fsck_want_layer(f, &u->digest);
		if (u->blob)
			fsck_want_blob(f, &u->digest);
	}
}

Err *fsck_list_parts(Fsck *f)
{
	want_used(f);
	for (size_t i = 0; i < f->refs.len; i++)
		fsck_item(f, fsck_look_ref, f->refs.at[i].ref.name, &f->refs.at[i].ref.config,
		          4096);
	if (f->request->image_count)
		return NULL;
	TRY(list_top(f));
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		TRY(list_dir(f, dirs[i].path, dirs[i].fn));
	if (faccessat(store_dir_fd(f->store), "init", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		fsck_item(f, fsck_look_init, STR("init"), NULL, 4096);
	fsck_item(f, fsck_look_layout, STR("index.json"), NULL, 4096);
	return NULL;
}
