/*
 * blobs.c - a blob is what its name says; and what stands in configs and manifests is there.
 *
 * A blob is one of: a config or manifest that a name needs (its loss is the image's); the tar form
 * of a layer; a compressed form of one; something that a record or nothing needs.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/stream.h"
#include "fsck/fsck-internal.h"
#include "oci/manifest.h"

static bool is_manifest_of(const StoreRef *r, const Digest *d)
{
	bool is = digest_eq(&r->manifest, d) || digest_eq(&r->index, d);
	for (size_t i = 0; i < r->variant_count; i++)
		is |= digest_eq(&r->variants[i].manifest, d);
	return is;
}

/* The layer that D is a packed form of, by the manifests of the images that need it. */
static bool in_manifest(Fsck *f, const Digest *manifest, const Digest *d)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m;
	if (digest_is_zero(manifest) || !store_blob_is_file(f->store, manifest, NULL))
		return false;
	Err *e = store_blob_read(f->store, manifest, MANIFEST_BYTES_MAX, &json);
	if (!e)
		e = manifest_parse(&a, buf_str(&json), "manifest", &m);
	bool found = false;
	for (size_t i = 0; !e && i < m.layer_count && !found; i++)
		found = digest_eq(&m.layers[i].digest, d);
	err_free(e); /* a manifest that is damaged is found by itself */
	return found;
}

typedef enum BlobRole { BLOB_OTHER, BLOB_CONFIG, BLOB_MANIFEST, BLOB_PACKED, BLOB_TAR } BlobRole;

static BlobRole role_in(Fsck *f, const StoreRef *r, const Digest *d)
{
	if (store_ref_has(r, d))
		return BLOB_CONFIG;
	if (is_manifest_of(r, d))
		return BLOB_MANIFEST;
	bool packed = in_manifest(f, &r->manifest, d);
	for (size_t i = 0; i < r->variant_count && !packed; i++)
		packed = in_manifest(f, &r->variants[i].manifest, d);
	return packed ? BLOB_PACKED : BLOB_OTHER;
}

static BlobRole role_of(Fsck *f, const Digest *d)
{
	StoreLayer layer;
	const Uses *u = fsck_uses(f, d);
	if (u && u->layer)
		return BLOB_TAR;
	for (size_t i = 0; u && i < u->refs.len; i++) {
		BlobRole role = role_in(f, &f->refs.at[u->refs.at[i]].ref, d);
		if (role != BLOB_OTHER)
			return role;
	}
	Err *e = store_layer_look(f->store, d, &layer);
	bool is_layer = !e || err_kind(e) == ERR_CORRUPT;
	err_free(e); /* no layer: told by the result */
	return is_layer ? BLOB_TAR : BLOB_OTHER;
}

static const struct {
	Fix fix;
	const char *advice;
} of_role[] = {
	[BLOB_OTHER] = { FIX_REMOVE, "" },
	[BLOB_CONFIG] = { FIX_REF, "build or pull the image again" },
	[BLOB_MANIFEST] = { FIX_MANIFEST, "pull or publish the image again" },
	[BLOB_PACKED] = { FIX_PACKED,
	                  "it is packed again from its layer, else pull the image again" },
	[BLOB_TAR] = { FIX_TAR,
	               "it is made again from its layer's files, else build or pull again" },
};

static void bad_blob(Fsck *f, Str path, const Digest *d, const char *problem)
{
	BlobRole role = role_of(f, d);
	Str heals = role == BLOB_OTHER ? STR("") : fsck_advice(f, d);
	fsck_found(
		f,
		&(Finding){ .told = { .path = path,
	                              .problem = str_from(problem),
	                              .advice = fsck_str(f, "%s%s%.*s", of_role[role].advice,
	                                                 heals.len ? ": " : "", STR_ARG(heals)) },
	                    .fix = of_role[role].fix,
	                    .key = *d },
		d);
}

static Err *hash_blob(Fsck *f, const Digest *d, bool *ret_right)
{
	uint64_t size;
	AUTO_CLOSE int fd = -1;
	*ret_right = false;
	TRY(store_blob_open_marked(f->store, d, &fd, &size));
	AUTO_READER Reader *file = reader_from_fd(fd, "a blob of the store");
	AUTO_READER Reader *hash = reader_hash(file);
	TRY(reader_drain(hash));
	Digest is = reader_hash_digest(hash);
	*ret_right = digest_eq(&is, d);
	return NULL;
}

/* The layer's tar need not be there: its directory is as good.  layers.c asks for some form. */
static bool may_be_missing(Fsck *f, const Digest *d)
{
	return role_of(f, d) == BLOB_TAR && !(fsck_uses(f, d) && fsck_uses(f, d)->blob);
}

/* Sizes of what names and layers need; --quick has nothing else. */
static bool wrong_size(Fsck *f, const Digest *d)
{
	StoreLayer layer;
	uint64_t size;
	Err *e = store_layer_look(f->store, d, &layer);
	bool wrong = !e && store_blob_is_file(f->store, d, &size) && size != layer.tar_bytes;
	err_free(e); /* no layer: no size is known */
	return wrong;
}

Err *fsck_look_blob(Fsck *f, const Str *path, const Digest *d)
{
	bool right = false;
	uint64_t size;
	struct stat seen;
	store_damage_see(f->store, STORE_DAMAGED_BLOB, d, &seen);
	if (!store_blob_is_file(f->store, d, &size)) {
		if (!may_be_missing(f, d))
			bad_blob(f, *path, d, "is gone");
		return NULL;
	}
	__atomic_add_fetch(&f->blobs, 1, __ATOMIC_RELAXED);
	if (wrong_size(f, d)) {
		bad_blob(f, *path, d, "has another size than its layer");
		fsck_mark(f, STORE_DAMAGED_BLOB, d, &seen, *path,
		          "has another size than its layer");
		return NULL;
	}
	if (f->request->quick && size > MANIFEST_BYTES_MAX)
		return NULL;
	Err *e = hash_blob(f, d, &right);
	if (e && err_kind(e) == ERR_CANCELLED)
		return e;
	const char *problem = e ? "cannot be read" : "has other content than its name says";
	err_free(e); /* told as a finding */
	if (right)
		return store_damage_clear(f->store, STORE_DAMAGED_BLOB, d);
	bad_blob(f, *path, d, problem);
	fsck_mark(f, STORE_DAMAGED_BLOB, d, &seen, *path, problem);
	return NULL;
}
