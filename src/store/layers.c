/*
 * layers.c - layers/<hex>.meta, .list and the directory.
 *
 * A layer is there once its .meta is: it is renamed into place last.  .meta carries the boot id
 * under which the layer was written; an empty .ok beside it says that its bytes were synced.  A
 * layer without .ok that was written under another boot may have lost bytes in a power cut: it is
 * "suspect" until layer/verify.c has looked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "store/account.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static bool exists(Store *s, const char *path)
{
	return faccessat(s->dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_file_or_gone(Store *s, const char *path)
{
	struct stat st;
	return fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode);
}

static bool get_number(Str text, const char *name, uint64_t *ret)
{
	Str value;
	return store_text_get(text, name, &value) && str_to_u64(value, ret);
}

/* Its list is there, and neither empty nor cut short: the last line tells. */
static bool has_list(Store *s, const Digest *diff_id)
{
	StorePath path = store_path_of("layers", diff_id, ".list");
	char tail[96]; /* "\nend COUNT SHA256\n" */
	struct stat st;
	AUTO_CLOSE int fd =
		openat(s->dir_fd, path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	off_t from = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
	ssize_t n = pread(fd, tail, sizeof tail, from);
	return n > 0 && tail[n - 1] == '\n' && memmem(tail, (size_t)n, "\nend ", 5);
}

/* The uncompressed tar has the size that .meta says. */
static bool has_tar(Store *s, const Digest *diff_id, uint64_t tar_bytes)
{
	uint64_t size;
	return store_blob_exists(s, diff_id, &size) && size == tar_bytes;
}

bool store_meta_version(Str text, uint64_t *ret)
{
	static const char name[] = "decant-layer ";
	Str first;
	(void)str_cut(text, '\n', &first);
	return str_starts(first, str_from(name)) &&
	       str_to_u64(str_from_at(first, sizeof name - 1), ret);
}

/* The fields of a .meta; false: it is damaged, or another layer's. */
static bool parse_meta(Str text, const Digest *diff_id, StoreLayer *ret, Str *ret_boot)
{
	uint64_t version;
	Digest of;
	*ret = (StoreLayer){ .diff_id = *diff_id };
	if (!store_text_open(&text) || !store_meta_version(text, &version) ||
	    version != STORE_VERSION || !get_number(text, "size", &ret->size_bytes) ||
	    !get_number(text, "tar", &ret->tar_bytes) || !store_text_get(text, "boot", ret_boot))
		return false;
	Err *e = store_text_get_digest(text, "layer", &of);
	if (!e)
		e = store_text_get_digest(text, "identity", &ret->identity);
	bool ok = !e && digest_eq(&of, diff_id);
	err_free(e); /* told by the result */
	return ok;
}

Err *store_layer_look(Store *s, const Digest *diff_id, StoreLayer *ret)
{
	char hex[DIGEST_TEXT_LEN + 1];
	StorePath path = store_path_of("layers", diff_id, ".meta");
	AUTO_BUF Buf file = BUF_INIT;
	int errnum;
	if (!store_read_small(s, path.text, &file, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "no layer '%s' in the store",
			               digest_text(diff_id, hex).ptr);
		return err_set_kind(err_sys(errnum, "cannot read '%s/%s'", s->path, path.text),
		                    is_file_or_gone(s, path.text) ? ERR_SYSTEM : ERR_CORRUPT);
	}
	Str boot;
	StoreLayer layer;
	if (!parse_meta(buf_str(&file), diff_id, &layer, &boot))
		return err_new(ERR_CORRUPT, "'%s/%s' is damaged", s->path, path.text);
	layer.has_dir = exists(s, store_path_of("layers", diff_id, "").text);
	layer.has_tar = has_tar(s, diff_id, layer.tar_bytes);
	if (!has_list(s, diff_id))
		return err_new(ERR_CORRUPT, "the content list of the layer '%s' is damaged",
		               digest_text(diff_id, hex).ptr);
	layer.suspect = !str_eqc(boot, s->boot_id) &&
	                !exists(s, store_path_of("layers", diff_id, ".ok").text);
	*ret = layer;
	return NULL;
}

Err *store_layer_get(Store *s, const Digest *diff_id, StoreLayer *ret)
{
	TRY(store_layer_look(s, diff_id, ret));
	return store_damage_refuse(s, STORE_DAMAGED_LAYER, diff_id);
}

Err *store_layer_list(Store *s, const Digest *diff_id, List **ret)
{
	StorePath path = store_path_of("layers", diff_id, ".list");
	char hex[DIGEST_TEXT_LEN + 1];
	Err *e = list_open(s->dir_fd, path.text, ret);
	if (e && err_errno(e) == ENOENT) {
		err_free(e);
		return err_new(ERR_NOT_FOUND, "no layer '%s' in the store",
		               digest_text(diff_id, hex).ptr);
	}
	return e ? err_while(e, "reading the content list of a layer in '%s'", s->path) : NULL;
}

Err *store_layer_open_dir(Store *s, const Digest *diff_id, int *ret_fd)
{
	char hex[DIGEST_TEXT_LEN + 1];
	StorePath path = store_path_of("layers", diff_id, "");
	int fd = openat(s->dir_fd, path.text, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "the layer '%s' has no directory form",
		               digest_text(diff_id, hex).ptr);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s/%s'", s->path, path.text);
	*ret_fd = fd;
	return NULL;
}

static Err *write_list(Store *s, const Digest *diff_id, const List *list)
{
	StorePath path = store_path_of("layers", diff_id, ".list");
	return store_write_small(s, path.text, list_text(list), s->durable);
}

static Err *move_dir(Store *s, const Digest *diff_id, const char *dir_name)
{
	int tmp;
	StorePath path = store_path_of("layers", diff_id, "");
	TRY(store_tmp_fd(s, &tmp));
	if (renameat2(tmp, dir_name, s->dir_fd, path.text, RENAME_NOREPLACE) == 0)
		return NULL;
	if (errno == EINVAL || errno == ENOSYS) { /* file systems without RENAME_NOREPLACE */
		if (!exists(s, path.text) && renameat(tmp, dir_name, s->dir_fd, path.text) == 0)
			return NULL;
		errno = exists(s, path.text) ? EEXIST : errno;
	}
	if (errno != EEXIST && errno != ENOTEMPTY)
		return err_sys(errno, "cannot publish the layer '%s/%s'", s->path, path.text);
	return path_remove_tree(tmp, dir_name); /* the same content is there already */
}

Err *store_layer_add_dir(Store *s, const Digest *diff_id, const char *dir_name)
{
	StoreLayer layer;
	AUTO_ERR Err *e = store_layer_get(s, diff_id, &layer);
	if (!e) /* else the next exact count sees it */
		store_account_add(s, store_blocks_of(layer.size_bytes));
	return move_dir(s, diff_id, dir_name);
}

Err *store_layer_write_meta(Store *s, const StoreLayer *layer)
{
	char of[DIGEST_TEXT_LEN + 1], identity[DIGEST_TEXT_LEN + 1];
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "decant-layer %d\nlayer %s\nidentity %s\nsize %llu\ntar %llu\nboot %s\n",
	         STORE_VERSION, digest_text(&layer->diff_id, of).ptr,
	         digest_text(&layer->identity, identity).ptr, (unsigned long long)layer->size_bytes,
	         (unsigned long long)layer->tar_bytes, s->boot_id);
	store_text_seal(&text);
	return store_write_small(s, store_path_of("layers", &layer->diff_id, ".meta").text,
	                         buf_str(&text), s->durable);
}

/*
 * What lies in the place of a layer that has no .meta is of no maker, who would have our lock, but
 * of a gc or a drop that was killed in the middle: part of a directory, the mark of a sync of other
 * bytes.
 */
static Err *forget_sync(Store *s, const Digest *diff_id)
{
	StorePath synced = store_path_of("layers", diff_id, ".ok");
	if (unlinkat(s->dir_fd, synced.text, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove '%s/%s'", s->path, synced.text);
	return NULL;
}

static Err *clear_place(Store *s, const Digest *diff_id)
{
	int tmp;
	char name[32];
	StorePath dir = store_path_of("layers", diff_id, "");
	TRY(forget_sync(s, diff_id));
	if (!exists(s, dir.text))
		return NULL;
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "part", name);
	if (renameat(s->dir_fd, dir.text, tmp, name) < 0)
		return err_sys(errno, "cannot move '%s/%s' away", s->path, dir.text);
	return path_remove_tree(tmp, name);
}

/* The directory of a damaged layer gives way to DIR_NAME, or to a tar (NULL), in one rename: who
 * has it open or mounted keeps it. */
static Err *replace_dir(Store *s, const Digest *diff_id, const char *dir_name)
{
	int tmp;
	StorePath dir = store_path_of("layers", diff_id, "");
	TRY(forget_sync(s, diff_id));
	TRY(store_tmp_fd(s, &tmp));
	if (dir_name && renameat2(tmp, dir_name, s->dir_fd, dir.text, RENAME_EXCHANGE) == 0)
		return store_damage_retire(s, tmp, dir_name, diff_id);
	TRY(store_damage_retire(s, s->dir_fd, dir.text, diff_id));
	return dir_name ? move_dir(s, diff_id, dir_name) : NULL;
}

Err *store_layer_publish(Store *s, const StoreLayer *layer, const List *list, const char *dir_name)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	/* Two makers of the same layer: one moves in, the other finds it whole. */
	TRY(store_lock(s, "publish", &layer->diff_id, NULL, &lock));
	StoreLayer there;
	Err *e = store_layer_get(s, &layer->diff_id, &there);
	if (!e)
		return dir_name ? move_dir(s, &layer->diff_id, dir_name) : NULL;
	if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	bool absent = err_kind(e) == ERR_NOT_FOUND;
	err_free(e); /* it is not there, or damaged: now it will be whole */
	if (absent)
		TRY(clear_place(s, &layer->diff_id));
	if (!absent)
		TRY(replace_dir(s, &layer->diff_id, dir_name));
	else if (dir_name)
		TRY(move_dir(s, &layer->diff_id, dir_name));
	TRY(write_list(s, &layer->diff_id, list));
	/* A file of a directory fills half a block on the average; a tar was counted as a blob. */
	uint64_t files = dir_name ? layer->size_bytes + 2048 * list_count(list) : 0;
	store_account_add(s, store_blocks_of(4096 + list_text(list).len + files));
	TRY(store_layer_write_meta(s, layer));
	return store_damage_clear(s, STORE_DAMAGED_LAYER, &layer->diff_id);
}

Err *store_layer_mark_synced(Store *s, const Digest *diff_id)
{
	return store_write_small(s, store_path_of("layers", diff_id, ".ok").text, STR(""), true);
}

Err *store_sync_layers(Store *s, const Digest *diff_ids, size_t count)
{
	bool all = true;
	if (!s->durable)
		return NULL;
	for (size_t i = 0; i < count && all; i++)
		all = exists(s, store_path_of("layers", &diff_ids[i], ".ok").text);
	if (all)
		return NULL;
	/* One sync for all: what their files hold is on the disk before a name leads to them. */
	if (syncfs(s->dir_fd) < 0)
		return err_sys(errno, "cannot sync the store '%s'", s->path);
	for (size_t i = 0; i < count; i++)
		if (!exists(s, store_path_of("layers", &diff_ids[i], ".ok").text))
			TRY(store_layer_mark_synced(s, &diff_ids[i]));
	return NULL;
}

Err *store_layer_drop(Store *s, const Digest *diff_id)
{
	/* .meta first: from here on the layer is not there. */
	static const char *const parts[] = { ".meta", ".list", ".ok" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		StorePath path = store_path_of("layers", diff_id, parts[i]);
		if (unlinkat(s->dir_fd, path.text, 0) < 0 && errno != ENOENT)
			return err_sys(errno, "cannot remove '%s/%s'", s->path, path.text);
	}
	AUTO_CLOSE int layers = -1;
	char hex[DIGEST_HEX_LEN + 1];
	TRY(store_subdir(s, "layers", &layers));
	(void)digest_hex(diff_id, hex);
	if (faccessat(layers, hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		TRY(store_damage_retire(s, layers, hex, diff_id)); /* a container may run over it */
	TRY(store_damage_clear(s, STORE_DAMAGED_LAYER, diff_id));
	return store_blob_remove(s, diff_id); /* the tar form */
}
