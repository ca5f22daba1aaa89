/* uses.c - names, and which blobs and layers each of them needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fsck/fsck-internal.h"
#include "oci/config.h"
#include "oci/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

const Uses *fsck_uses(const Fsck *f, const Digest *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	return map_get(&f->uses, digest_hex(d, hex));
}

Str fsck_advice(Fsck *f, const Digest *d)
{
	enum { NAMED_MAX = 3 };
	AUTO_BUF Buf text = BUF_INIT;
	const Uses *u = fsck_uses(f, d);
	for (size_t i = 0; u && i < u->refs.len && i < NAMED_MAX; i++) {
		const StoreRef *r = &f->refs.at[u->refs.at[i]].ref;
		bool pulled = !digest_is_zero(&r->pulled);
		buf_addf(&text, pulled ? "%s'decant pull %.*s'" : "%sbuild or load '%.*s' again",
		         i ? "; " : "", STR_ARG(r->name));
	}
	if (u && u->refs.len > NAMED_MAX)
		buf_addf(&text, "; and %zu more", u->refs.len - NAMED_MAX);
	return fsck_str(f, "%s", text.len ? text.ptr : "");
}

void fsck_mark(Fsck *f, StoreDamaged what, const Digest *d, const struct stat *seen, Str path,
               const char *problem)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "'%.*s' %s", STR_ARG(path), problem);
	/* A store that cannot be written has no marks; the damage is told all the same. */
	err_free(store_damage_mark(f->store, what, d, seen, buf_str(&text)));
}

bool fsck_uses_blob(const Fsck *f, const Digest *d)
{
	const Uses *u = fsck_uses(f, d);
	return u && u->blob;
}

static Uses *add_use(Fsck *f, const Digest *d, uint32_t ref)
{
	char hex[DIGEST_HEX_LEN + 1];
	Uses *u = map_get(&f->uses, digest_hex(d, hex));
	if (!u) {
		u = arena_new(f->arena, Uses);
		*u = (Uses){ .digest = *d };
		(void)map_put(&f->uses, digest_arena_hex(f->arena, d), u);
	}
	if (!u->refs.len || u->refs.at[u->refs.len - 1] != ref)
		VEC_PUSH(&u->refs, ref);
	return u;
}

/* --- what an image needs -----------------------------------------------------------------------
 */

/* The layers of a config that can be read; one that cannot is found as a blob. */
static Err *use_config(Fsck *f, const Digest *config, uint32_t ref)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	ImageConfig c;
	add_use(f, config, ref)->blob = true;
	Err *e = store_blob_read(f->store, config, IMAGE_CONFIG_BYTES_MAX, &json);
	if (!e)
		e = image_config_parse(&a, buf_str(&json), "config", &c);
	for (size_t i = 0; !e && i < c.diff_id_count; i++)
		add_use(f, &c.diff_ids[i], ref)->layer = true;
	err_free(e); /* found when the blob is looked at */
	return NULL;
}

static Err *use_manifest(Fsck *f, const Digest *manifest, uint32_t ref)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m;
	if (digest_is_zero(manifest))
		return NULL;
	add_use(f, manifest, ref)->blob = true;
	Err *e = store_blob_read(f->store, manifest, MANIFEST_BYTES_MAX, &json);
	if (!e)
		e = manifest_parse(&a, buf_str(&json), "manifest", &m);
	for (size_t i = 0; !e && i < m.layer_count; i++)
		add_use(f, &m.layers[i].digest, ref)->blob = true;
	err_free(e); /* found when the blob is looked at */
	return NULL;
}

static Err *use_ref(Fsck *f, uint32_t number)
{
	const StoreRef *r = &f->refs.at[number].ref;
	TRY(use_config(f, &r->config, number));
	TRY(use_manifest(f, &r->manifest, number));
	if (!digest_is_zero(&r->index))
		add_use(f, &r->index, number)->blob = true;
	for (size_t i = 0; i < r->variant_count; i++) {
		TRY(use_config(f, &r->variants[i].config, number));
		TRY(use_manifest(f, &r->variants[i].manifest, number));
	}
	return NULL;
}

/* --- layers and their blobs --------------------------------------------------------------------
 */

/* The layers of one image, each with its blob. */
static void add_pairs(const Fsck *f, const Digest *config, const Digest *manifest, Arena *a,
                      FsckPairs *all)
{
	AUTO_BUF Buf config_json = BUF_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	ImageConfig c;
	Manifest m;
	if (digest_is_zero(manifest))
		return;
	Err *e = store_blob_read(f->store, config, IMAGE_CONFIG_BYTES_MAX, &config_json);
	if (!e)
		e = store_blob_read(f->store, manifest, MANIFEST_BYTES_MAX, &json);
	if (!e)
		e = image_config_parse(a, buf_str(&config_json), "config", &c);
	if (!e)
		e = manifest_parse(a, buf_str(&json), "manifest", &m);
	for (size_t i = 0; !e && i < c.diff_id_count && i < m.layer_count; i++)
		VEC_PUSH(all, ((FsckPair){ c.diff_ids[i], m.layers[i] }));
	err_free(e); /* a damaged one tells nothing */
}

static void add_pairs_of(const Fsck *f, const StoreRef *r, Arena *a, FsckPairs *all)
{
	add_pairs(f, &r->config, &r->manifest, a, all);
	for (size_t k = 0; k < r->variant_count; k++)
		add_pairs(f, &r->variants[k].config, &r->variants[k].manifest, a, all);
}

void fsck_pairs_around(const Fsck *f, const Digest *d, Arena *a, FsckPairs *all)
{
	const Uses *u = fsck_uses(f, d);
	for (size_t i = 0; u && i < u->refs.len; i++)
		add_pairs_of(f, &f->refs.at[u->refs.at[i]].ref, a, all);
}

static bool is_recorded(Fsck *f, const FsckPair *p, Arena *a)
{
	StoreBlobOf *blobs = NULL;
	size_t count = 0;
	bool found = digest_eq(&p->diff_id, &p->blob.digest);
	Err *e = store_map_recorded(f->store, &p->diff_id, a, &blobs, &count);
	found |= e && err_kind(e) != ERR_NOT_FOUND; /* damaged: found by itself */
	for (size_t i = 0; !e && i < count; i++)
		found |= digest_eq(&blobs[i].digest, &p->blob.digest);
	err_free(e); /* told as a finding */
	return found;
}

/* map/ says for each blob of its manifest which layer it is. */
Err *fsck_look_ref(Fsck *f, const Str *path, const Digest *d)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_VEC FsckPairs pairs = { 0 };
	StoreRef ref;
	char hex[DIGEST_HEX_LEN + 1];
	(void)d;
	Err *e = store_ref_get(f->store, *path, &a, &ref);
	if (!e)
		add_pairs_of(f, &ref, &a, &pairs);
	err_free(e); /* gone meanwhile */
	for (size_t i = 0; i < pairs.len; i++) {
		const FsckPair *p = &pairs.at[i];
		if (!store_blob_is_file(f->store, &p->blob.digest, NULL) || is_recorded(f, p, &a))
			continue;
		Finding x = { .told = { .path = fsck_str(f, "map/%s",
			                                 digest_hex(&p->diff_id, hex).ptr),
			                .problem = STR("does not tell of a blob of the layer"),
			                .advice = STR("it is made again from the manifest") },
			      .fix = FIX_MAP,
			      .key = p->diff_id };
		fsck_found(f, &x, &p->diff_id);
	}
	return NULL;
}

/* --- reading the names -------------------------------------------------------------------------
 */

static void bad_ref(Fsck *f, Str path, const char *file)
{
	AUTO_BUF Buf name = BUF_INIT;
	f->broken_refs = true;
	if (!store_ref_name(str_from(file), &name))
		buf_add_str(&name, STR("a name too long for a file"));
	Finding found = { .told = { .path = path,
		                    .problem = STR("is damaged"),
		                    .advice = STR("tag, build or pull its image again") },
		          .fix = FIX_MOVE };
	found.told.images = arena_new(f->arena, Str);
	found.told.images[0] = arena_str(f->arena, buf_str(&name));
	found.told.image_count = 1;
	fsck_found(f, &found, NULL);
}

static Err *read_ref(Fsck *f, int dir_fd, const char *file)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_BUF Buf want = BUF_INIT;
	struct stat st;
	Str path = arena_strf(f->arena, "refs/%s", file), name;
	StoreRef ref;
	if (fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL; /* gone meanwhile */
	if (!fsck_check_file(f, dir_fd, file, path, &st, NULL))
		return NULL;
	Err *e = store_sealed_read(f->store, path.ptr, &text);
	bool whole = !e && store_ref_name_inside(buf_str(&text), &name);
	if (whole) {
		store_ref_path(name, &want);
		whole = str_eq(buf_str(&want), path);
	}
	if (whole) {
		e = store_ref_get(f->store, name, f->arena, &ref);
		whole = !e;
	}
	bool gone = e && err_kind(e) == ERR_NOT_FOUND;
	err_free(e); /* told as a finding */
	if (gone)
		return NULL;
	if (!whole)
		bad_ref(f, path, file);
	else
		VEC_PUSH(&f->refs, (Ref){ .ref = ref });
	return NULL;
}

Err *fsck_read_refs(Fsck *f)
{
	int fd = openat(store_dir_fd(f->store), "refs",
	                O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return NULL; /* parts.c tells that it is gone */
	}
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			e = read_ref(f, fd, d->d_name);
	(void)closedir(dir);
	if (!e)
		e = fsck_choose_images(f);
	for (size_t i = 0; !e && i < f->refs.len; i++)
		e = use_ref(f, (uint32_t)i);
	return e;
}
