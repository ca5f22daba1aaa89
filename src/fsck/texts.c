/* texts.c - the small files: sealed ones, lists, logs, records, containers, index.json. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "fs/statcache.h"
#include "fs/walk.h"
#include "fsck/fsck-internal.h"
#include "sandbox/sandbox.h"
#include "store/builds.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>

static void found(Fsck *f, Str path, const char *problem, Fix fix, const char *advice,
                  const Digest *d)
{
	Finding x = {
		.told = { .path = path, .problem = str_from(problem), .advice = str_from(advice) },
		.fix = fix
	};
	if (d)
		x.key = *d;
	fsck_found(f, &x, d);
}

/* False: told.  A file that is gone meanwhile is none. */
static bool read_text(Fsck *f, const Str *path, Buf *text, Fix fix, const char *advice,
                      const Digest *d)
{
	Err *e = store_sealed_read(f->store, path->ptr, text);
	if (!e)
		return true;
	if (err_kind(e) != ERR_NOT_FOUND)
		found(f, *path, err_kind(e) == ERR_CORRUPT ? "is damaged" : "cannot be read", fix,
		      advice, d);
	err_free(e); /* told as a finding */
	return false;
}

#define NEXT_BUILD "the next build makes it again"

Err *fsck_look_sealed(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	(void)d;
	(void)read_text(f, path, &text, FIX_MOVE, "", NULL);
	return NULL;
}

Err *fsck_look_manifests(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	(void)d;
	(void)read_text(f, path, &text, FIX_MOVE, "create the list again: 'decant manifest create'",
	                NULL);
	return NULL;
}

/* --- records -----------------------------------------------------------------------------------
 */

/* Every "layer sha256:..." line of its head. */
static Err *check_layer_of(Fsck *f, const Str *path, Str text)
{
	Str line;
	StoreLayer layer;
	Digest d;
	for (; text.len;) {
		text = str_cut(text, '\n', &line);
		if (!line.len)
			return NULL;
		if (!str_starts(line, STR("layer ")))
			continue;
		Err *e = digest_parse(str_from_at(line, 6), &d);
		if (!e)
			e = store_layer_look(f->store, &d, &layer);
		if (e && err_kind(e) == ERR_NOT_FOUND)
			found(f, *path, "speaks of a layer that is gone", FIX_REMOVE, NEXT_BUILD,
			      NULL);
		err_free(e); /* a damaged layer is found by itself */
	}
	return NULL;
}

Err *fsck_look_record(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (!read_text(f, path, &text, FIX_REMOVE, NEXT_BUILD, NULL))
		return NULL;
	Str all = buf_str(&text);
	if (!store_record_is_of(d, &all)) { /* a build passes it over */
		found(f, *path, "is of another key", FIX_REMOVE, NEXT_BUILD, NULL);
		return NULL;
	}
	return check_layer_of(f, path, all);
}

Err *fsck_look_map(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count;
	Err *e = store_map_recorded(f->store, d, &a, &blobs, &count);
	if (e) {
		if (err_kind(e) != ERR_NOT_FOUND)
			found(f, *path, "is damaged", FIX_MAP,
			      "it is made again from the manifests, else by the next push", d);
		err_free(e); /* told as a finding */
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (!store_blob_is_file(f->store, &blobs[i].digest, NULL)) {
			found(f, *path, "speaks of a blob that is gone", FIX_MAP, "", d);
			return NULL;
		}
	return NULL;
}

Err *fsck_look_attest(Fsck *f, const Str *path, const Digest *d)
{
	static const char prefix[] = "sha256:";
	AUTO_BUF Buf text = BUF_INIT;
	const char *advice = "build the image again with --attest";
	if (!read_text(f, path, &text, FIX_REMOVE, advice, d))
		return NULL;
	for (Str rest = buf_str(&text); rest.len;) {
		Digest blob;
		const char *at = memmem(rest.ptr, rest.len, prefix, sizeof prefix - 1);
		if (!at)
			return NULL;
		rest = str_from_at(rest, (size_t)(at - rest.ptr));
		Err *e = digest_parse(str_head(rest, DIGEST_TEXT_LEN), &blob);
		bool is_digest = !e;
		err_free(e); /* some other text */
		if (is_digest && !store_blob_is_file(f->store, &blob, NULL)) {
			found(f, *path, "speaks of a blob that is gone", FIX_REMOVE, advice, d);
			return NULL;
		}
		rest = str_from_at(rest, sizeof prefix - 1);
	}
	return NULL;
}

/* --- journal -----------------------------------------------------------------------------------
 */

Err *fsck_look_list(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	Err *e = store_list_get(f->store, d, &text);
	if (e && faccessat(store_dir_fd(f->store), path->ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		found(f, *path, "is damaged", FIX_REMOVE, "", NULL);
	err_free(e); /* told as a finding */
	return NULL;
}

/* One step's log: read to its end. */
static bool log_is_whole(Fsck *f, Str id, uint32_t step)
{
	StoreLogReader *r;
	AUTO_BUF Buf text = BUF_INIT;
	bool more = true;
	Err *e = store_log_open(f->store, id, step, &r);
	if (e) {
		err_free(e); /* told by the result */
		return false;
	}
	while (!e && more) {
		buf_reset(&text);
		e = store_log_read(r, &text, &more);
	}
	bool whole = !e && store_log_is_at_end(r);
	err_free(e); /* told by the result */
	store_log_close(r);
	return whole;
}

typedef struct LogsLook {
	Fsck *f;
	const Str *path;
} LogsLook;

static Err *look_log(void *context, const WalkFile *file, bool *skip)
{
	const LogsLook *x = context;
	uint64_t step;
	Str at = fsck_str(x->f, "%.*s/%.*s", STR_ARG(*x->path), STR_ARG(file->path));
	Str id = str_from_at(*x->path, strlen("logs/"));
	*skip = true;
	if (!str_to_u64(file->path, &step) || step > UINT32_MAX)
		found(x->f, at, "is nothing of a store", FIX_MOVE, "", NULL);
	else if (fsck_check_file(x->f, -1, NULL, at, &file->st, NULL) && !x->f->request->quick &&
	         !log_is_whole(x->f, id, (uint32_t)step))
		found(x->f, at, "is damaged", FIX_MOVE, "", NULL);
	return NULL;
}

/* A build that runs writes its logs: they are looked at when it has ended. */
Err *fsck_look_log(Fsck *f, const Str *path, const Digest *d)
{
	LogsLook x = { f, path };
	(void)d;
	Str id = str_from_at(*path, strlen("logs/"));
	AUTO_CLOSE int fd =
		path_try_beneath(store_dir_fd(f->store), *path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 || !store_build_is_dead(f->store, id.ptr))
		return NULL;
	return walk_tree(fd, f->request->cancel, look_log, &x);
}

/* --- caches ------------------------------------------------------------------------------------
 */

Err *fsck_look_ctx(Fsck *f, const Str *path, const Digest *d)
{
	(void)d;
	if (!statcache_is_whole(store_dir_fd(f->store), path->ptr))
		found(f, *path, "is damaged", FIX_REMOVE, NEXT_BUILD, NULL);
	return NULL;
}

/* Its name is the hash of what stands in info; the files in it are the user's. */
Err *fsck_look_mount(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_BUF Buf info = BUF_INIT;
	AUTO_CLOSE int fd =
		path_try_beneath(store_dir_fd(f->store), *path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return NULL;
	Err *e = path_read_file(fd, "info", MOUNT_INFO_BYTES_MAX, &info);
	Digest is = sha256_of(buf_str(&info));
	if (e || !digest_eq(&is, d))
		found(f, *path, "is not the cache mount that its name says", FIX_MOVE, NEXT_BUILD,
		      NULL);
	err_free(e); /* told as a finding */
	return NULL;
}

/* --- containers --------------------------------------------------------------------------------
 */

Err *fsck_look_container(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	struct stat st;
	(void)d;
	Str record = fsck_str(f, "%.*s/container.json", STR_ARG(*path));
	/* Who may write it may say what the next start mounts and runs. */
	if (fstatat(store_dir_fd(f->store), record.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode))
		(void)fsck_check_file(f, -1, NULL, record, &st, NULL);
	Err *e = store_sealed_read(f->store, record.ptr, &text);
	bool unreadable = e && (err_errno(e) == EACCES || err_errno(e) == EPERM);
	if (e && !unreadable && /* that is one of rights, told above */
	    fstatat(store_dir_fd(f->store), path->ptr, &st, AT_SYMLINK_NOFOLLOW) == 0)
		found(f, *path,
		      err_kind(e) == ERR_NOT_FOUND ? "has no record" : "has a damaged record",
		      FIX_MOVE, "its files are in 'upper'", NULL);
	err_free(e); /* told as a finding */
	return NULL;
}

/* --- locks -------------------------------------------------------------------------------------
 */

/* locks/<kind>/<key>: the key is a digest. */
static bool is_lock_name(Str name)
{
	Digest d;
	Err *e = digest_parse_hex(name, &d);
	bool is = !e;
	err_free(e); /* told by the result */
	return is;
}

static Err *look_lock(void *context, const WalkFile *file, bool *skip)
{
	const LogsLook *x = context;
	Str at = fsck_str(x->f, "%.*s/%.*s", STR_ARG(*x->path), STR_ARG(file->path));
	*skip = true;
	if (!is_lock_name(file->path)) {
		found(x->f, at, "is nothing of a store", FIX_MOVE, "", NULL);
		return NULL;
	}
	if (!fsck_check_file(x->f, -1, NULL, at, &file->st, NULL))
		return NULL;
	if (file->st.st_size)
		found(x->f, at, "is a lock and has bytes in it", FIX_MOVE, "", NULL);
	else if (file->st.st_nlink > 1) /* who locks the other name would lock it too */
		found(x->f, at, "is a lock and has other names", FIX_MOVE, "", NULL);
	return NULL;
}

Err *fsck_look_locks(Fsck *f, const Str *path, const Digest *d)
{
	LogsLook x = { f, path };
	(void)d;
	AUTO_CLOSE int fd =
		path_try_beneath(store_dir_fd(f->store), *path, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? NULL : walk_tree(fd, f->request->cancel, look_lock, &x);
}

/* --- mount points ------------------------------------------------------------------------------
 */

Err *fsck_look_init(Fsck *f, const Str *path, const Digest *d)
{
	(void)d;
	if (!sandbox_init_is_whole(store_dir_fd(f->store), path->ptr))
		found(f, *path, "has other files than mount points", FIX_MOVE, NEXT_BUILD, NULL);
	return NULL;
}

/* --- the layout for others ---------------------------------------------------------------------
 */

static bool has_bytes(Fsck *f, const char *name, Str want)
{
	AUTO_BUF Buf is = BUF_INIT;
	Err *e = path_read_file(store_dir_fd(f->store), name, INDEX_JSON_BYTES_MAX, &is);
	bool same = !e && str_eq(buf_str(&is), want);
	err_free(e); /* told as a finding */
	return same;
}

/* *RET_SAME: is index.json what the names say? */
static Err *compare_index(Fsck *f, bool *ret_same)
{
	AUTO_BUF Buf want = BUF_INIT;
	size_t listed = 0;
	TRY(store_layout_format(f->store, &want, &listed));
	*ret_same = has_bytes(f, "index.json", buf_str(&want)) ||
	            (!listed && has_bytes(f, "index.json", str_from(store_layout_empty)));
	return NULL;
}

/* The same while nobody writes it.  Who may only read the store cannot lock it. */
static Err *compare_index_locked(Fsck *f, bool *ret_same)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Err *e = store_lock_layout(f->store, &lock);
	if (e && err_errno(e) != EROFS && err_errno(e) != EACCES && err_errno(e) != EPERM)
		return e;
	err_free(e); /* compared all the same */
	return compare_index(f, ret_same);
}

/*
 * Who sets a name writes index.json after that, under the lock of the layout: in between they
 * differ, and that is no damage.  It is one if both stay as they are, although the lock is free.
 * A repair has the store for itself.
 */
static Err *check_index(Fsck *f, bool *ret_same)
{
	enum { NAP_MS = 50, LOOKS_STILL = 40, LOOKS_MAX = 1200 };
	struct stat names = { 0 }, now = { 0 };
	TRY(compare_index(f, ret_same));
	if (f->request->repair)
		return NULL;
	for (unsigned look = 0, still = 0; !*ret_same && look < LOOKS_MAX; look++, still++) {
		(void)fstatat(store_dir_fd(f->store), "refs", &now, 0);
		bool moved = now.st_mtim.tv_sec != names.st_mtim.tv_sec ||
		             now.st_mtim.tv_nsec != names.st_mtim.tv_nsec;
		names = now;
		still = moved ? 0 : still;
		TRY(compare_index_locked(f, ret_same));
		if (*ret_same || still == LOOKS_STILL)
			return NULL;
		(void)poll(NULL, 0, NAP_MS);
		TRY(cancel_check(f->request->cancel));
	}
	*ret_same = true; /* they have moved all the time: others write it, over and over */
	return NULL;
}

/* Both are made from the names; with damaged names, after them. */
Err *fsck_look_layout(Fsck *f, const Str *path, const Digest *d)
{
	bool same = true;
	(void)path, (void)d;
	if (!has_bytes(f, "oci-layout", str_from(store_layout_marker)))
		found(f, STR("oci-layout"), "is damaged", FIX_LAYOUT, "", NULL);
	if (!store_catalog_is_whole(f->store))
		found(f, STR("catalog"), "is damaged", FIX_REMOVE,
		      "the next listing makes it again", NULL);
	if (!store_documents_are_whole(f->store))
		found(f, STR("documents"), "is damaged", FIX_REMOVE,
		      "the next prune makes it again", NULL);
	if (f->broken_refs)
		return NULL;
	Err *e = check_index(f, &same);
	if (e && err_kind(e) == ERR_CANCELLED)
		return e;
	if (!e && !same)
		found(f, STR("index.json"), "is not what the names say", FIX_LAYOUT, "", NULL);
	err_free(e); /* a damaged name or blob is found by itself */
	return NULL;
}
