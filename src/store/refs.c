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

static void add_digest(Buf *text, const char *name, const Digest *d)
{
	char hex[DIGEST_TEXT_LEN + 1];
	if (!digest_is_zero(d))
		buf_addf(text, "%s %s\n", name, digest_text(d, hex).ptr);
}

static void add_variant(Buf *text, const StoreVariant *v)
{
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(text, "variant %.*s %s", STR_ARG(v->platform), digest_text(&v->config, hex).ptr);
	if (!digest_is_zero(&v->manifest))
		buf_addf(text, " %s", digest_text(&v->manifest, hex).ptr);
	buf_add_char(text, '\n');
}

static Err *write_ref(Store *s, const StoreRef *ref)
{
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	store_ref_path(ref->name, &path);
	buf_addf(&text, "decant-ref 1\nname %.*s\n", STR_ARG(ref->name));
	add_digest(&text, "config", &ref->config);
	add_digest(&text, "manifest", &ref->manifest);
	add_digest(&text, "pulled", &ref->pulled);
	for (size_t i = 0; i < ref->variant_count; i++)
		add_variant(&text, &ref->variants[i]);
	store_text_seal(&text);
	TRY(store_write_small(s, path.ptr, buf_str(&text), true));
	return store_sync_dir(s, "refs");
}

static bool same_variants(const StoreRef *a, const StoreRef *b)
{
	for (size_t i = 0; i < a->variant_count && i < b->variant_count; i++) {
		const StoreVariant *v = &a->variants[i], *w = &b->variants[i];
		if (!str_eq(v->platform, w->platform) || !digest_eq(&v->config, &w->config) ||
		    !digest_eq(&v->manifest, &w->manifest))
			return false;
	}
	return a->variant_count == b->variant_count;
}

static bool same_ref(const StoreRef *a, const StoreRef *b)
{
	return digest_eq(&a->config, &b->config) && digest_eq(&a->manifest, &b->manifest) &&
	       digest_eq(&a->pulled, &b->pulled) && same_variants(a, b);
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

/* Does any name but NAME lead to the image CONFIG? */
static bool is_named(const StoreRef *refs, size_t count, const Digest *config, Str name)
{
	for (size_t i = 0; i < count; i++)
		if (store_ref_has(&refs[i], config) && !str_eq(refs[i].name, name))
			return true;
	return false;
}

/* Each image of REF by itself: those of one name, or the one there is. */
static StoreRef one_image(const StoreRef *ref, size_t number)
{
	StoreRef one = { .config = ref->config, .manifest = ref->manifest, .pulled = ref->pulled };
	if (ref->variant_count) {
		one.config = ref->variants[number].config;
		one.manifest = ref->variants[number].manifest;
	}
	return one;
}

static size_t image_count(const StoreRef *ref)
{
	return ref->variant_count ? ref->variant_count : 1;
}

/* Images that lose their last name, as OLD becomes NOW, stay findable: docker shows them as <none>.
 */
static Err *keep_untagged(Store *s, const StoreRef *old, const StoreRef *now, Arena *a)
{
	StoreRef *refs = NULL;
	size_t count = 0;
	for (size_t i = 0; i < image_count(old); i++) {
		StoreRef lost = one_image(old, i);
		if (store_ref_has(now, &lost.config))
			continue;
		if (!refs)
			TRY(store_ref_list(s, a, &refs, &count));
		if (is_named(refs, count, &lost.config, old->name))
			continue;
		lost.name = digest_arena_text(a, &lost.config);
		TRY(write_ref(s, &lost));
	}
	return NULL;
}

static Err *drop_untagged(Store *s, const StoreRef *named)
{
	for (size_t i = 0; i < image_count(named); i++) {
		char text[DIGEST_TEXT_LEN + 1];
		StoreRef one = one_image(named, i);
		Str mark = digest_text(&one.config, text);
		if (!str_eq(mark, named->name))
			TRY(store_ref_remove(s, mark));
	}
	return NULL;
}

Err *store_ref_set_locked(Store *s, const StoreRef *ref)
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
	/* Old images get their untagged marks first: at no time are they out of every name. */
	if (has_old)
		TRY(keep_untagged(s, &old, ref, &a));
	TRY(write_ref(s, ref));
	TRY(drop_untagged(s, ref));
	/* index.json has what the name led to before: a build over a published image. */
	if (has_old && !digest_is_zero(&old.manifest))
		err_free(store_layout_write(
			s)); /* derived: a damaged other name may be in its way */
	return NULL;
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

Err *store_ref_set(Store *s, const StoreRef *ref)
{
	/* Two that each take one of an image's last two names: one of them marks it as untagged. */
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock_refs(s, &lock));
	return store_ref_set_locked(s, ref);
}

Err *store_ref_remove(Store *s, Str name)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_ref_path(name, &path);
	if (unlinkat(s->dir_fd, path.ptr, 0) < 0) {
		if (errno == ENOENT)
			return NULL;
		return err_sys(errno, "cannot remove '%s' in the store '%s'", path.ptr, s->path);
	}
	return store_sync_dir(s, "refs");
}

Err *store_ref_remove_all(Store *s, const Str *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf path = BUF_INIT;
		store_ref_path(names[i], &path);
		if (unlinkat(s->dir_fd, path.ptr, 0) < 0 && errno != ENOENT)
			return err_sys(errno, "cannot remove '%s' in the store '%s'", path.ptr,
			               s->path);
	}
	return count ? store_sync_dir(s, "refs") : NULL;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const StoreRef *)a)->name, ((const StoreRef *)b)->name);
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
		StoreRef ref;
		bool found = false;
		if (d->d_name[0] != '.')
			e = store_ref_read(s, d->d_name, a, &ref, &found);
		if (!e && found)
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
