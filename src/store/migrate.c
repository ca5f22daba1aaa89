/*
 * migrate.c - a store of an older format becomes one of ours.
 *
 *   1 → 2   A layer's .meta names its layer and has the store's number in its first line; map/
 *           files name their layer; a container's record is sealed; a
 *           cache record names its key.  Folders that a store had not in the beginning are made.
 *
 * Each file is written anew and renamed, so that it is of the old form or of the new; the number
 * is written last.  Who is killed in between leaves a store of the old number: the next one does
 * it again, and what is of the new form already is left alone.  It is done alone: builds of an
 * older decant hold the gc lock.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "fs/path.h"
#include "store/parts.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

enum { WAIT_MS = 3000, NAP_MS = 20 };

/* Call FN with the path of each file below NAME, SUFFIX ("" all) cut off. */
typedef Err *MigrateFn(Store *s, const char *path);

static Err *each_file(Store *s, const char *name, const char *suffix, MigrateFn *fn)
{
	int fd;
	TRY(store_subdir(s, name, &fd));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/%s'", s->path, name);
	}
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));) {
		AUTO_FREE char *path = NULL;
		if (d->d_name[0] == '.' || !str_ends(str_from(d->d_name), str_from(suffix)))
			continue;
		if (asprintf(&path, "%s/%s", name, d->d_name) < 0)
			die_oom(0);
		e = fn(s, path);
	}
	(void)closedir(dir);
	return e;
}

/* The 64 hex digits after the '/' in PATH. */
static bool digest_of_path(const char *path, Digest *ret)
{
	const char *name = strrchr(path, '/') + 1;
	Err *e = digest_parse_hex(str_head(str_from(name), DIGEST_HEX_LEN), ret);
	bool ok = !e;
	err_free(e); /* a file that is none of ours is left alone */
	return ok;
}

/* What is damaged stays as it is: fsck tells of it. */
static bool read_sealed(Store *s, const char *path, Buf *file, Str *ret)
{
	int errnum;
	if (!store_read_small(s, path, file, &errnum))
		return false;
	*ret = buf_str(file);
	return store_text_open(ret);
}

/* Of its list as it is counted now: lists of another form had another one. */
static void identity_of(Store *s, const Digest *d, Buf *out)
{
	AUTO_LIST List *list = NULL;
	char text[DIGEST_TEXT_LEN + 1];
	Err *e = store_layer_list(s, d, &list);
	if (!e)
		e = list_verify(list, "a content list");
	if (!e) {
		Digest identity = list_identity(list);
		buf_addf(out, "identity %s\n", digest_text(&identity, text).ptr);
	}
	err_free(e); /* damaged: fsck tells of it */
}

static Err *lift_meta(Store *s, const char *path)
{
	AUTO_BUF Buf file = BUF_INIT;
	AUTO_BUF Buf now = BUF_INIT;
	char hex[DIGEST_TEXT_LEN + 1];
	Digest d;
	Str text, first;
	uint64_t version;
	if (!digest_of_path(path, &d) || !read_sealed(s, path, &file, &text) ||
	    !store_meta_version(text, &version) || version != 1)
		return NULL;
	text = str_cut(text, '\n', &first);
	buf_addf(&now, "decant-layer 2\nlayer %s\n", digest_text(&d, hex).ptr);
	identity_of(s, &d, &now); /* before the one that is there: the first line counts */
	buf_add_str(&now, text);
	store_text_seal(&now);
	return store_write_small(s, path, buf_str(&now), false);
}

static Err *lift_map(Store *s, const char *path)
{
	AUTO_BUF Buf file = BUF_INIT;
	AUTO_BUF Buf now = BUF_INIT;
	char hex[DIGEST_TEXT_LEN + 1];
	Digest d;
	Str text;
	if (!digest_of_path(path, &d) || !read_sealed(s, path, &file, &text) ||
	    str_starts(text, STR("layer ")))
		return NULL;
	buf_addf(&now, "layer %s\n%.*s", digest_text(&d, hex).ptr, STR_ARG(text));
	store_text_seal(&now);
	return store_write_small(s, path, buf_str(&now), false);
}

static Err *lift_record(Store *s, const char *path)
{
	AUTO_BUF Buf file = BUF_INIT;
	AUTO_BUF Buf now = BUF_INIT;
	Digest key;
	Str text;
	if (!digest_of_path(path, &key) || !read_sealed(s, path, &file, &text))
		return NULL;
	buf_add_str(&now, text);
	if (store_record_is_of(&key, &text))
		return NULL;
	store_record_add_key(&now, &key);
	store_text_seal(&now);
	return store_write_small(s, path, buf_str(&now), false);
}

/* PATH is its directory. */
static Err *lift_container(Store *s, const char *path)
{
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	char file[128];
	if (snprintf(file, sizeof file, "%s/container.json", path) >= (int)sizeof file ||
	    !store_read_small(s, file, &text, &errnum))
		return NULL;
	Str whole = buf_str(&text);
	if (store_text_open(&whole) || !whole.len || whole.ptr[whole.len - 1] != '\n')
		return NULL;
	store_text_seal(&text);
	return store_write_small(s, file, buf_str(&text), false);
}

static Err *lift_all(Store *s)
{
	TRY(store_make_parts(s));
	TRY(each_file(s, "layers", ".meta", lift_meta));
	TRY(each_file(s, "map", "", lift_map));
	TRY(each_file(s, "cache", "", lift_record));
	TRY(each_file(s, "containers", "", lift_container));
	/* What was written is on the disk before the number says so. */
	if (syncfs(s->dir_fd) < 0)
		return err_sys(errno, "cannot sync the store '%s'", s->path);
	return store_version_write(s);
}

/* An older decant may build for long: who waited is told so. */
static Err *lock_alone(Store *s, StoreLock *ret)
{
	bool got = false;
	for (int waited_ms = 0; !got; waited_ms += NAP_MS) {
		TRY(store_try_lock_gc(s, true, ret, &got));
		if (!got && waited_ms >= WAIT_MS)
			return err_note(err_new(ERR_SYSTEM,
			                        "the store '%s' is of an older format, and in use",
			                        s->path),
			                "it is converted when the build or pull that uses it ends: "
			                "try again then");
		if (!got)
			(void)poll(NULL, 0, NAP_MS);
	}
	return NULL;
}

static Err *migrate(Store *s)
{
	AUTO_LOCK StoreLock one = STORE_LOCK_NONE;
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	Digest key = { 0 };
	uint64_t version;
	TRY(store_lock(s, "migrate", &key, NULL, &one)); /* others of us: one does it */
	TRY(store_version_get(s, &version));
	if (version >= STORE_VERSION)
		return NULL;
	TRY(lock_alone(s, &gc));
	return lift_all(s);
}

Err *store_migrate(Store *s)
{
	return err_while(migrate(s), "converting the store to version %d", STORE_VERSION);
}
