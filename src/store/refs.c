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
#include <sys/stat.h>

enum { REF_FILE_BYTES_MAX = 200 }; /* well below NAME_MAX */

void store_ref_path(Str name, Buf *out)
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

bool store_ref_name_inside(Str text, Str *ret)
{
	return str_starts(text, STR("decant-ref 1\n")) && store_text_get(text, "name", ret);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool store_ref_name(Str file, Buf *out)
{
	if (str_starts(file, STR("h-")))
		return false; /* only the file itself has its name */
	for (size_t i = 0; i < file.len; i++) {
		if (file.ptr[i] != '%') {
			buf_add_char(out, file.ptr[i]);
			continue;
		}
		if (file.len - i < 3 || hex_digit(file.ptr[i + 1]) < 0 ||
		    hex_digit(file.ptr[i + 2]) < 0)
			return false;
		buf_add_char(out,
		             (char)(hex_digit(file.ptr[i + 1]) << 4 | hex_digit(file.ptr[i + 2])));
		i += 2;
	}
	return file.len > 0;
}

/* "PLATFORM CONFIG [MANIFEST]" */
static Err *parse_variant(Str text, Arena *a, StoreVariant *ret)
{
	Str platform, config, manifest = str_cut(str_cut(text, ' ', &platform), ' ', &config);
	*ret = (StoreVariant){ .platform = arena_str(a, platform) };
	TRY(digest_parse(config, &ret->config));
	return manifest.len ? digest_parse(manifest, &ret->manifest) : NULL;
}

/* Its "variant" lines, in their order. */
static Err *parse_variants(Str text, Arena *a, StoreRef *ref)
{
	VEC(StoreVariant) all = { 0 };
	Err *e = NULL;
	while (!e && text.len) {
		Str line;
		StoreVariant v;
		text = str_cut(text, '\n', &line);
		if (!str_starts(line, STR("variant ")))
			continue;
		e = parse_variant(str_from_at(line, strlen("variant ")), a, &v);
		if (!e)
			VEC_PUSH(&all, v);
	}
	if (!e && all.len) {
		ref->variants = arena_alloc(a, all.len * sizeof *all.at, _Alignof(StoreVariant));
		memcpy(ref->variants, all.at, all.len * sizeof *all.at);
		ref->variant_count = all.len;
	}
	VEC_DONE(&all);
	return e;
}

static Err *bad_ref(Err *e)
{
	return err_note(e, "'decant fsck --repair' moves it away; then tag, build or pull the "
	                   "image again");
}

/* A whole file that was moved to the place of another name's is not that name. */
static Err *parse_ref(Store *s, const char *path, Str text, Arena *a, StoreRef *ret)
{
	AUTO_BUF Buf want = BUF_INIT;
	Str name, body = text;
	if (!store_text_open(&body) || !store_text_get(body, "name", &name))
		return bad_ref(
			err_new(ERR_CORRUPT, "the name file '%s/%s' is damaged", s->path, path));
	store_ref_path(name, &want);
	if (!str_eqc(buf_str(&want), path))
		return bad_ref(err_new(ERR_CORRUPT, "the name file '%s/%s' is that of '%.*s'",
		                       s->path, path, STR_ARG(name)));
	*ret = (StoreRef){ .name = arena_str(a, name) };
	TRY(store_text_get_digest(body, "config", &ret->config));
	TRY(store_text_get_digest(body, "manifest", &ret->manifest));
	TRY(store_text_get_digest(body, "pulled", &ret->pulled));
	TRY(store_text_get_digest(body, "index", &ret->index));
	return parse_variants(body, a, ret);
}

Err *store_ref_get(Store *s, Str name, Arena *a, StoreRef *ret)
{
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	store_ref_path(name, &path);
	if (!store_read_small(s, path.ptr, &text, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "no image named '%.*s' in the store",
			               STR_ARG(name));
		return err_sys(errnum, "cannot read '%s' in the store '%s'", path.ptr, s->path);
	}
	return parse_ref(s, path.ptr, buf_str(&text), a, ret);
}

bool store_ref_has(const StoreRef *ref, const Digest *config)
{
	return store_ref_manifest(ref, config) != NULL;
}

const Digest *store_ref_manifest(const StoreRef *ref, const Digest *config)
{
	for (size_t i = 0; i < ref->variant_count; i++)
		if (digest_eq(&ref->variants[i].config, config))
			return &ref->variants[i].manifest;
	return digest_eq(&ref->config, config) ? &ref->manifest : NULL;
}

void store_ref_set_manifest(StoreRef *ref, const Digest *config, const Digest *manifest)
{
	for (size_t i = 0; i < ref->variant_count; i++)
		if (digest_eq(&ref->variants[i].config, config))
			ref->variants[i].manifest = *manifest;
	if (digest_eq(&ref->config, config))
		ref->manifest = *manifest;
}

const Digest *store_ref_remote(const StoreRef *ref, const Digest *config)
{
	const Digest *manifest = config ? store_ref_manifest(ref, config) : &ref->manifest;
	if (!digest_is_zero(&ref->index))
		return &ref->index;
	return digest_is_zero(&ref->pulled) ? manifest : &ref->pulled;
}

bool store_ref_time(Store *s, Str name, int64_t *ret_real_ns)
{
	AUTO_BUF Buf path = BUF_INIT;
	struct stat st;
	store_ref_path(name, &path);
	if (fstatat(s->dir_fd, path.ptr, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_real_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return true;
}

Err *store_ref_read(Store *s, const char *file, Arena *a, StoreRef *ret, bool *ret_found)
{
	char path[300];
	int errnum;
	AUTO_BUF Buf text = BUF_INIT;
	(void)snprintf(path, sizeof path, "refs/%s", file);
	*ret_found = store_read_small(s, path, &text, &errnum);
	if (*ret_found)
		return parse_ref(s, path, buf_str(&text), a, ret);
	if (errnum == ENOENT) /* gone meanwhile is fine */
		return NULL;
	return err_sys(errnum, "cannot read '%s/%s'", s->path, path);
}
