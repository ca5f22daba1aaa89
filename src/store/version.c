/*
 * version.c - which format a store has; what is older is lifted, what is newer is refused.
 *
 * Each .meta of a layer begins with the number too: what a damaged `version` said can be told from
 * them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "fs/path.h"
#include "store/account.h"
#include "store/catalog-internal.h"
#include "store/parts.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* clang-format off */
const StorePart store_parts[] = {
	{ "refs", true, true, true }, { "blobs", true, true },   { "layers", true, true },
	{ "map", true, true },        { "cache", true, true },   { "attest", true, false },
	{ "ctx", true, true },        { "logs", true, true },    { "tmp", true, true },
	{ "locks", true, true },      { "mounts", true, true },  { "containers", true, true },
	{ "builds", true, true },     { "lists", true, true },   { "init", true, false },
	{ "manifests", true, false },  { "damaged", true, false },
	{ "oci-layout", false, true }, { "index.json", false, true }, { "version", false, true },
	{ "catalog", false, false },   { "documents", false, false },
	{ "builders", true, false },   { "proj", true, false },
	{ "repos", true, false },      { "uploads", true, false },
	{ STORE_LOST_AND_FOUND, true, false },
};
/* clang-format on */
const size_t store_part_count = ARRAY_LEN(store_parts);

const char store_layout_marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

const char store_layout_empty[] = "{\"schemaVersion\":2,\"manifests\":[]}";

const StorePart *store_part_find(Str name)
{
	for (size_t i = 0; i < store_part_count; i++)
		if (str_eqc(name, store_parts[i].name))
			return &store_parts[i];
	return NULL;
}

bool store_catalog_is_whole(Store *s)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	CatalogFile file;
	return store_catalog_read(s, &a, &file) || store_catalog_is_old(s) ||
	       faccessat(s->dir_fd, "catalog", F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

/* --- a new store ------------------------------------------------------------------------------ */

Err *store_version_write(Store *s)
{
	char text[16];
	(void)snprintf(text, sizeof text, "%d\n", STORE_VERSION);
	return path_write_file(s->dir_fd, "version", str_from(text), 0600, true);
}

static Err *make_dir(Store *s, const char *name)
{
	if (mkdirat(s->dir_fd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create '%s' in the store '%s'", name, s->path);
	return NULL;
}

Err *store_make_parts(Store *s)
{
	for (size_t i = 0; i < store_part_count; i++)
		if (store_parts[i].is_dir && store_parts[i].always)
			TRY(make_dir(s, store_parts[i].name));
	store_make_lock_dirs(s);
	return make_dir(s, "blobs/sha256");
}

static Err *make_store(Store *s)
{
	AUTO_BUF Buf index = BUF_INIT;
	size_t listed;
	TRY(store_make_parts(s));
	TRY(path_write_file(s->dir_fd, "oci-layout", str_from(store_layout_marker), 0600, false));
	TRY(store_layout_format(s, &index, &listed));
	TRY(path_write_file(s->dir_fd, "index.json", buf_str(&index), 0600, false));
	TRY(store_account_set(s, &(StoreAccount){ .known = true, .counted_ns = clock_real_ns() }));
	return store_version_write(s);
}

/* --- whose directory is it? --------------------------------------------------------------------
 */

/* What may lie in a store that is being made, by another process or one that was killed. */
static bool is_of_store(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       store_part_find(str_from(name)) || str_starts(str_from(name), STR(".tmp."));
}

/* A directory that somebody uses for something else must not be filled with ours. */
static Err *refuse_foreign(Store *s)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int errnum = errno;
		if (fd >= 0)
			close(fd);
		return err_sys(errnum, "cannot read the store '%s'", s->path);
	}
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (!is_of_store(d->d_name))
			e = err_note(err_new(ERR_INPUT, "'%s' is not a store: there is '%s' in it",
			                     s->path, d->d_name),
			             "give an empty directory, or one that is not there yet, with "
			             "--root DIR or DECANT_ROOT");
	(void)closedir(dir);
	return e;
}

static bool holds_any(Store *s, const char *path)
{
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool any = false;
	for (struct dirent *d; dir && !any && (d = readdir(dir));)
		any = d->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	else if (fd >= 0)
		close(fd);
	return any;
}

/* Not one that is being made: names or layers are in it. */
static bool is_filled(Store *s)
{
	return holds_any(s, "refs") || holds_any(s, "layers") || holds_any(s, "blobs/sha256");
}

/* --- reading it --------------------------------------------------------------------------------
 */

static Err *damaged(const Store *s, const char *how)
{
	return err_note(err_new(ERR_CORRUPT, "'%s/version' is %s", s->path, how),
	                "decant fsck --repair tells its format from its layers and writes it anew");
}

/* *ret 0: there is none. */
static Err *read_version(Store *s, uint64_t *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	*ret = 0;
	if (!store_read_small(s, "version", &text, &errnum))
		return errnum == ENOENT || errnum == ELOOP || errnum == EIO
		               ? NULL
		               : err_sys(errnum, "cannot open the store '%s'", s->path);
	if (!str_to_u64(str_trim(buf_str(&text)), ret) || *ret == 0)
		return damaged(s, "damaged");
	return NULL;
}

static Err *refuse_version(const Store *s, uint64_t version)
{
	return err_note(err_new(ERR_INPUT, "the store '%s' has version %llu, this decant reads %d",
	                        s->path, (unsigned long long)version, STORE_VERSION),
	                "use the decant that made it, or another store (--root)");
}

Err *store_version_refuse(Store *s)
{
	uint64_t version;
	TRY(read_version(s, &version));
	return refuse_version(s, version);
}

/* There was no number.  The directory is locked: whoever was making the store is done. */
static Err *check_unnumbered(Store *s, bool create, bool *ret_made)
{
	uint64_t version;
	TRY(read_version(s, &version));
	*ret_made = true;
	if (version > 0)
		return version == STORE_VERSION ? NULL : refuse_version(s, version);
	TRY(refuse_foreign(s));
	if (is_filled(s))
		return damaged(s, "gone");
	*ret_made = create;
	return create ? make_store(s) : NULL;
}

/* What tells the images must be there: made anew it would tell that there are none. */
static Err *check_truth(const Store *s)
{
	for (size_t i = 0; i < store_part_count; i++)
		if (store_parts[i].is_truth &&
		    faccessat(s->dir_fd, store_parts[i].name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno == ENOENT)
			return err_note(err_new(ERR_CORRUPT, "'%s/%s' is gone", s->path,
			                        store_parts[i].name),
			                "put it back if it was moved; decant fsck --repair makes "
			                "an empty one: no image has a name then, and the next "
			                "prune takes them");
	return NULL;
}

Err *store_version_check(Store *s, bool create, bool *ret_made)
{
	uint64_t version;
	*ret_made = true;
	TRY(read_version(s, &version));
	if (version == STORE_VERSION)
		return check_truth(s);
	if (version > STORE_VERSION)
		return refuse_version(s, version);
	if (version > 0)
		return store_migrate(s);
	/* One maker at a time: a second one would write an empty index.json over that of a store
	 * which is in use by then.  The directory itself is locked: no file is there yet. */
	while (flock(s->dir_fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot lock the store '%s'", s->path);
	Err *e = check_unnumbered(s, create, ret_made);
	(void)flock(s->dir_fd, LOCK_UN);
	return e;
}

Err *store_version_get(Store *s, uint64_t *ret)
{
	return read_version(s, ret);
}

Err *store_version_state(Store *s, bool *ret_is_store, StoreVersionState *ret)
{
	uint64_t version;
	*ret_is_store = true;
	*ret = STORE_VERSION_RIGHT;
	Err *e = read_version(s, &version);
	if (e && err_kind(e) != ERR_CORRUPT)
		return e;
	if (e || version == 0) {
		err_free(e); /* told by the state */
		TRY(refuse_foreign(s));
		*ret_is_store = is_filled(s);
		*ret = STORE_VERSION_DAMAGED;
		return NULL;
	}
	if (version > STORE_VERSION)
		*ret = STORE_VERSION_OTHER;
	return version < STORE_VERSION ? store_migrate(s) : NULL;
}

/* --- mending it --------------------------------------------------------------------------------
 */

/* The highest and the lowest number that a whole .meta has; both 0: there is none. */
static Err *versions_of_layers(Store *s, uint64_t *ret_low, uint64_t *ret_high)
{
	int fd;
	*ret_low = *ret_high = 0;
	TRY(store_subdir(s, "layers", &fd));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/layers'", s->path);
	}
	for (struct dirent *d; (d = readdir(dir));) {
		uint64_t version;
		AUTO_BUF Buf file = BUF_INIT;
		char path[300];
		int errnum;
		if (!str_ends(str_from(d->d_name), STR(".meta")))
			continue;
		(void)snprintf(path, sizeof path, "layers/%s", d->d_name);
		Str text;
		if (!store_read_small(s, path, &file, &errnum) ||
		    (text = buf_str(&file), !store_text_open(&text)) ||
		    !store_meta_version(text, &version))
			continue;
		if (version > *ret_high)
			*ret_high = version;
		if (!*ret_low || version < *ret_low)
			*ret_low = version;
	}
	(void)closedir(dir);
	return NULL;
}

Err *store_version_check_layers(Store *s)
{
	uint64_t low, high;
	TRY(versions_of_layers(s, &low, &high));
	return high > STORE_VERSION ? refuse_version(s, high) : NULL;
}

Err *store_version_mend(Store *s)
{
	uint64_t low, high, says;
	TRY(versions_of_layers(s, &low, &high));
	Err *e = read_version(s, &says);
	bool newer = !e && says > STORE_VERSION;
	err_free(e); /* what is damaged is written anew */
	if (newer)   /* what else is new there than its layers nobody can tell */
		return err_note(
			refuse_version(s, says),
			"if no newer decant has ever used it, remove its file 'version': fsck "
			"--repair then tells the number from the layers");
	if (high > STORE_VERSION)
		return refuse_version(s, high);
	if (low && low < STORE_VERSION)
		TRY(path_write_file(s->dir_fd, "version", STR("1\n"), 0600, true));
	else
		return store_version_write(s);
	return store_migrate(s);
}

/* --- its end ------------------------------------------------------------------------------------
 */

/* One of which store_remove() was stopped has these two still. */
static bool is_half_removed(Store *s)
{
	AUTO_BUF Buf marker = BUF_INIT;
	uint64_t version;
	int errnum;
	AUTO_ERR Err *e = read_version(s, &version);
	return !e && version > 0 && store_read_small(s, "oci-layout", &marker, &errnum) &&
	       str_eqc(buf_str(&marker), store_layout_marker);
}

Err *store_check_alone(Store *s)
{
	static const char *const needed[] = { "refs", "layers", "blobs", "version" };
	if (is_half_removed(s))
		return refuse_foreign(s);
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (faccessat(s->dir_fd, needed[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return err_new(ERR_INPUT, "'%s' is not a store: there is no '%s' in it",
			               s->path, needed[i]);
	return refuse_foreign(s);
}

static Err *remove_hidden(Store *s)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return err_sys(errno, "cannot read the store '%s'", s->path);
	}
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (str_starts(str_from(d->d_name), STR(".tmp.")))
			e = path_remove_tree(fd, d->d_name);
	(void)closedir(dir);
	return e;
}

Err *store_remove(Store *s, bool *ret_gone)
{
	for (size_t i = 0; i < store_part_count; i++)
		if (strcmp(store_parts[i].name, "version") != 0 &&
		    strcmp(store_parts[i].name, "oci-layout") != 0)
			TRY_WHILE(path_remove_tree(s->dir_fd, store_parts[i].name),
			          "removing '%s' of the store", store_parts[i].name);
	TRY(remove_hidden(s));
	TRY(path_remove_tree(s->dir_fd, "oci-layout"));
	TRY(path_remove_tree(s->dir_fd, "version"));
	int failed = rmdir(s->path); /* whole path: the root */
	*ret_gone = !failed;
	if (failed && errno != ENOTDIR && errno != EBUSY) /* a link to it, a mount */
		return err_sys(errno, "the store '%s' is empty, but cannot be removed", s->path);
	return NULL;
}
