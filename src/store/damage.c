/*
 * damage.c - marks of what fsck found damaged, and what was in a layer's place before.
 *
 * damaged/<hex>.layer and damaged/<hex>.blob say that the layer, the blob is not to be used: who
 * asks for it is told that it is damaged, and who makes or fetches it puts it in place anew, which
 * takes the mark away.  damaged/<hex>.old-<unique> is a layer's directory that was replaced:
 * containers may run over it, so a gc takes it, when none runs.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "store/account.h"
#include "store/documents-internal.h"
#include "store/freed.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DAMAGED "damaged"

static const char *const suffix_of[] = {
	[STORE_DAMAGED_LAYER] = ".layer",
	[STORE_DAMAGED_BLOB] = ".blob",
};

static StorePath mark_of(StoreDamaged what, const Digest *d)
{
	return store_path_of(DAMAGED, d, suffix_of[what]);
}

/* The file that is renamed into place last. */
static StorePath file_of(StoreDamaged what, const Digest *d)
{
	return what == STORE_DAMAGED_LAYER ? store_path_of("layers", d, ".meta")
	                                   : store_path_of("blobs/sha256", d, "");
}

bool store_is_damaged(Store *s, StoreDamaged what, const Digest *d)
{
	return faccessat(s->dir_fd, mark_of(what, d).text, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Err *store_damage_refuse(Store *s, StoreDamaged what, const Digest *d)
{
	AUTO_BUF Buf why = BUF_INIT;
	char text[DIGEST_TEXT_LEN + 1];
	if (!store_is_damaged(s, what, d))
		return NULL;
	Err *unread = store_sealed_read(s, mark_of(what, d).text, &why);
	if (unread)
		buf_add_str(&why, STR("it is marked as damaged"));
	err_free(unread); /* that there is a mark is enough */
	Str reason = str_trim(buf_str(&why));
	return err_note(err_new(ERR_CORRUPT, "the %s '%s' is damaged: %.*s",
	                        what == STORE_DAMAGED_LAYER ? "layer" : "blob",
	                        digest_text(d, text).ptr, STR_ARG(reason)),
	                "pull or build its image again: that replaces it");
}

void store_damage_see(Store *s, StoreDamaged what, const Digest *d, struct stat *ret)
{
	if (fstatat(s->dir_fd, file_of(what, d).text, ret, AT_SYMLINK_NOFOLLOW) < 0)
		*ret = (struct stat){ 0 };
}

Err *store_damage_mark(Store *s, StoreDamaged what, const Digest *d, const struct stat *seen,
                       Str problem)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int dir = -1;
	struct stat now;
	TRY(store_subdir(s, DAMAGED, &dir));
	if (!store_is_damaged(s, what, d)) {
		buf_add_str(&text, problem);
		buf_add_char(&text, '\n');
		store_text_seal(&text);
		TRY(store_write_small(s, mark_of(what, d).text, buf_str(&text), true));
		TRY(store_sync_dir(s, DAMAGED));
	}
	/* Who replaces it takes marks away after his rename: either he sees ours, or we see his. */
	store_damage_see(s, what, d, &now);
	if (seen && (now.st_ino != seen->st_ino || now.st_ctim.tv_sec != seen->st_ctim.tv_sec ||
	             now.st_ctim.tv_nsec != seen->st_ctim.tv_nsec))
		return store_damage_clear(s, what, d);
	return NULL;
}

Err *store_damage_clear(Store *s, StoreDamaged what, const Digest *d)
{
	StorePath path = mark_of(what, d);
	if (unlinkat(s->dir_fd, path.text, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(errno, "cannot remove '%s/%s'", s->path, path.text);
	return NULL;
}

bool store_damage_name(Str name, StoreDamaged *ret)
{
	Str end = str_from_at(name, name.len < DIGEST_HEX_LEN ? name.len : DIGEST_HEX_LEN);
	for (size_t i = 0; i < ARRAY_LEN(suffix_of); i++)
		if (str_eqc(end, suffix_of[i])) {
			*ret = (StoreDamaged)i;
			return true;
		}
	return false;
}

/* --- what was in its place -------------------------------------------------------------------- */

bool store_damage_is_old(Str name)
{
	return name.len > DIGEST_HEX_LEN &&
	       str_starts(str_from_at(name, DIGEST_HEX_LEN), STR(".old-"));
}

Err *store_damage_retire(Store *s, int dir_fd, const char *name, const Digest *d)
{
	int tmp;
	char suffix[56];
	AUTO_CLOSE int dir = -1;
	TRY(store_tmp_fd(s, &tmp)); /* its name is ours alone */
	TRY(store_subdir(s, DAMAGED, &dir));
	unsigned n = __atomic_add_fetch(&s->tmp_counter, 1, __ATOMIC_RELAXED);
	(void)snprintf(suffix, sizeof suffix, ".old-%s-%u", s->tmp_name, n);
	StorePath to = store_path_of(DAMAGED, d, suffix);
	if (renameat(dir_fd, name, s->dir_fd, to.text) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot move a damaged layer to '%s/%s'", s->path, to.text);
	return NULL;
}

static Err *see_held(void *context, int dir_fd, const char *name)
{
	bool *held = context;
	AUTO_CLOSE int dir = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_CLOSE int fd = -1;
	if (dir >= 0)
		err_free(store_open_lock(dir, "lock", O_RDONLY, &fd)); /* without: nobody has it */
	*held |= fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	return NULL;
}

bool store_damage_old_is_used(Store *s)
{
	bool held = false;
	Err *e = store_each_name(s, "containers", see_held, &held);
	bool unknown = e != NULL;
	err_free(e); /* then nothing is taken */
	return held || unknown;
}

static Err *free_old(void *context, int dir_fd, const char *name)
{
	StoreFreed *freed = context;
	if (!store_damage_is_old(str_from(name)))
		return NULL;
	TRY(store_freed_add(freed, dir_fd, name));
	return path_remove_tree(dir_fd, name);
}

Err *store_damage_free_old(Store *s)
{
	CLEANUP(store_freed_done) StoreFreed freed = { 0 };
	if (faccessat(s->dir_fd, DAMAGED, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
	    store_damage_old_is_used(s))
		return NULL;
	TRY(store_each_name(s, DAMAGED, free_old, &freed));
	store_account_add(s, -(int64_t)freed.bytes);
	return NULL;
}
