/*
 * refs.c - names of images: one small sealed file a name, fsynced, renamed.
 *
 * The file's name is the reference with everything but [a-z0-9._-] as %XX, or "h-<sha256>" where
 * that would be too long; the reference itself stands inside.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

enum { REF_FILE_BYTES_MAX = 200 }; /* well below NAME_MAX */

static void ref_path(Str name, Buf *out)
{
	AUTO_BUF Buf coded = BUF_INIT;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || c == '_' || c == '-' || (c == '.' && i > 0);
		if (plain)
			buf_add_char(&coded, (char)c);
		else
			buf_addf(&coded, "%%%02X", c);
	}
	if (coded.len > REF_FILE_BYTES_MAX) {
		Digest d = sha256_of(name);
		char hex[DIGEST_HEX_LEN + 1];
		buf_addf(out, "refs/h-%s", digest_hex(&d, hex).ptr);
	} else {
		buf_addf(out, "refs/%s", coded.ptr);
	}
}

static Err *parse_ref(Store *s, const char *path, Str text, Arena *a, StoreRef *ret)
{
	Str name, body = text;
	if (!store_text_open(&body) || !store_text_get(body, "name", &name))
		return err_note(
			err_new(ERR_CORRUPT, "the name file '%s/%s' is damaged", s->path, path),
			"remove it, and tag or build the image again");
	*ret = (StoreRef){ .name = arena_str(a, name) };
	TRY(store_text_get_digest(body, "config", &ret->config));
	TRY(store_text_get_digest(body, "manifest", &ret->manifest));
	TRY(store_text_get_digest(body, "pulled", &ret->pulled));
	return NULL;
}

Err *store_ref_get(Store *s, Str name, Arena *a, StoreRef *ret)
{
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	ref_path(name, &path);
	if (!store_read_small(s, path.ptr, &text, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "no image named '%.*s' in the store",
			               STR_ARG(name));
		return err_sys(errnum, "cannot read '%s' in the store '%s'", path.ptr, s->path);
	}
	return parse_ref(s, path.ptr, buf_str(&text), a, ret);
}

static void add_digest(Buf *text, const char *name, const Digest *d)
{
	char hex[DIGEST_TEXT_LEN + 1];
	if (!digest_is_zero(d))
		buf_addf(text, "%s %s\n", name, digest_text(d, hex).ptr);
}

static Err *write_ref(Store *s, const StoreRef *ref)
{
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	ref_path(ref->name, &path);
	buf_addf(&text, "decant-ref 1\nname %.*s\n", STR_ARG(ref->name));
	add_digest(&text, "config", &ref->config);
	add_digest(&text, "manifest", &ref->manifest);
	add_digest(&text, "pulled", &ref->pulled);
	store_text_seal(&text);
	TRY(store_write_small(s, path.ptr, buf_str(&text), true));
	return store_sync_dir(s, "refs");
}

static bool same_ref(const StoreRef *a, const StoreRef *b)
{
	return digest_eq(&a->config, &b->config) && digest_eq(&a->manifest, &b->manifest) &&
	       digest_eq(&a->pulled, &b->pulled);
}

/* Does any name but NAME lead to the image CONFIG? */
static Err *is_named(Store *s, const Digest *config, Str name, Arena *a, bool *ret)
{
	StoreRef *refs;
	size_t count;
	*ret = false;
	TRY(store_ref_list(s, a, &refs, &count));
	for (size_t i = 0; i < count && !*ret; i++)
		*ret = digest_eq(&refs[i].config, config) && !str_eq(refs[i].name, name);
	return NULL;
}

/* An image that loses its last name stays findable: docker shows it as <none>. */
static Err *keep_untagged(Store *s, const StoreRef *old, Arena *a)
{
	bool named;
	TRY(is_named(s, &old->config, old->name, a, &named));
	if (named)
		return NULL;
	StoreRef untagged = *old;
	untagged.name = digest_arena_text(a, &old->config);
	return write_ref(s, &untagged);
}

static Err *drop_untagged(Store *s, const Digest *config)
{
	char text[DIGEST_TEXT_LEN + 1];
	return store_ref_remove(s, digest_text(config, text));
}

Err *store_ref_set(Store *s, const StoreRef *ref)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRef old;
	bool has_old = true;
	Err *e = store_ref_get(s, ref->name, &a, &old);
	if (e) {
		if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		err_free(e); /* absent, or damaged: written anew */
		has_old = false;
	}
	if (has_old && same_ref(&old, ref))
		return NULL;
	/* The old image gets its untagged mark first: at no time is it out of every name. */
	if (has_old && !digest_eq(&old.config, &ref->config))
		TRY(keep_untagged(s, &old, &a));
	TRY(write_ref(s, ref));
	return str_starts(ref->name, STR("sha256:")) ? NULL : drop_untagged(s, &ref->config);
}

Err *store_ref_remove(Store *s, Str name)
{
	AUTO_BUF Buf path = BUF_INIT;
	ref_path(name, &path);
	if (unlinkat(s->dir_fd, path.ptr, 0) < 0) {
		if (errno == ENOENT)
			return NULL;
		return err_sys(errno, "cannot remove '%s' in the store '%s'", path.ptr, s->path);
	}
	return store_sync_dir(s, "refs");
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const StoreRef *)a)->name, ((const StoreRef *)b)->name);
}

Err *store_ref_list(Store *s, Arena *a, StoreRef **ret, size_t *ret_count)
{
	int fd = -1;
	TRY(store_subdir(s, "refs", &fd));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/refs'", s->path);
	}
	VEC(StoreRef) refs = { 0 };
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		char path[300];
		int errnum;
		AUTO_BUF Buf text = BUF_INIT;
		(void)snprintf(path, sizeof path, "refs/%s", d->d_name);
		if (!store_read_small(s, path, &text, &errnum)) {
			if (errnum != ENOENT) /* gone meanwhile is fine */
				e = err_sys(errnum, "cannot read '%s/%s'", s->path, path);
			continue;
		}
		StoreRef ref;
		e = parse_ref(s, path, buf_str(&text), a, &ref);
		if (!e)
			VEC_PUSH(&refs, ref);
	}
	(void)closedir(dir);
	if (!e) {
		*ret = arena_alloc(a, (refs.len + 1) * sizeof **ret, _Alignof(StoreRef));
		if (refs.len) {
			memcpy(*ret, refs.at, refs.len * sizeof **ret);
			qsort(*ret, refs.len, sizeof **ret, by_name);
		}
		*ret_count = refs.len;
	}
	VEC_DONE(&refs);
	return e;
}
