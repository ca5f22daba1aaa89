/* repair_images.c - blobs, layers and names: made from another form, or dropped with who needs
 * them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/compress.h"
#include "fs/path.h"
#include "fsck/repair.h"
#include "layer/layer.h"
#include "oci/config.h"
#include "oci/manifest.h"

#include <stdio.h>

/* --- names --------------------------------------------------------------------------------------
 */

/* All names that need D go; told as "name, name". */
static Err *drop_refs(Fsck *f, const Digest *d, Buf *ret_names)
{
	const Uses *u = fsck_uses(f, d);
	for (size_t i = 0; u && i < u->refs.len; i++) {
		Str name = f->refs.at[u->refs.at[i]].ref.name;
		TRY(store_ref_remove(f->store, name));
		buf_addf(ret_names, "%s'%.*s'", i ? ", " : "", STR_ARG(name));
	}
	return NULL;
}

static Str dropped(Fsck *f, const char *what, const Buf *names)
{
	return names->len ? fsck_str(f, "%s, and with it the name %s", what, names->ptr)
	                  : fsck_str(f, "%s", what);
}

Err *repair_ref(Fsck *f, Finding *x)
{
	AUTO_BUF Buf names = BUF_INIT;
	x->told.advice = fsck_advice(f, &x->key);
	TRY(drop_refs(f, &x->key, &names));
	TRY(store_blob_remove(f->store, &x->key));
	x->told.done = dropped(f, "dropped", &names);
	return NULL;
}

/* The names that lead to MANIFEST, or to one that has the blob: none is fixed for them any more. */
static Err *forget_manifests(Fsck *f, const Digest *d)
{
	const Uses *u = fsck_uses(f, d);
	for (size_t i = 0; u && i < u->refs.len; i++) {
		StoreRef r = f->refs.at[u->refs.at[i]].ref;
		bool index = digest_eq(&r.index, d);
		r.index = r.pulled = (Digest){ 0 };
		if (index) { /* its images are what they were */
			TRY(store_ref_set(f->store, &r));
			continue;
		}
		r.manifest = (Digest){ 0 };
		for (size_t k = 0; k < r.variant_count; k++)
			r.variants[k].manifest = (Digest){ 0 };
		TRY(store_ref_set(f->store, &r));
	}
	return NULL;
}

Err *repair_manifest(Fsck *f, Finding *x)
{
	TRY(forget_manifests(f, &x->key));
	TRY(store_blob_remove(f->store, &x->key));
	x->told.done = STR("forgotten: the image stays, its digest in a registry is not known");
	return NULL;
}

/* --- which layer is a packed blob of? -----------------------------------------------------------
 */

static bool compression_of(const Descriptor *d, CompressionId *ret)
{
	Str name;
	CompressionSpec spec;
	Err *e = manifest_layer_compression(d->media_type, &name);
	if (!e && name.len)
		e = compressor_parse(name, &spec);
	bool ok = !e && name.len > 0;
	err_free(e); /* a kind of layer that is not packed: told by the result */
	if (ok)
		*ret = spec.id;
	return ok;
}

/* How D was packed, if by us: level 0 is not known, or somebody else's. */
static CompressionSpec spec_of(Fsck *f, const FsckPair *p)
{
	CompressionSpec spec = { 0 };
	StoreBlobOf *blobs;
	size_t count;
	if (!compression_of(&p->blob, &spec.id))
		spec.id = COMPRESSION_NONE;
	Err *e = store_map_recorded(f->store, &p->diff_id, f->arena, &blobs, &count);
	for (size_t i = 0; !e && i < count; i++)
		if (digest_eq(&blobs[i].digest, &p->blob.digest))
			spec.level = blobs[i].level;
	err_free(e); /* without a map the default is tried */
	return spec;
}

/* *ret_made: the same bytes came. */
static void pack_again(Fsck *f, const FsckPair *p, bool *ret_made)
{
	StoreBlobOf made = { 0 };
	CompressionSpec spec = spec_of(f, p);
	Err *e = layer_pack(f->store, &p->diff_id, &spec, NULL, 0, f->request->cancel, &made);
	*ret_made = !e && digest_eq(&made.digest, &p->blob.digest);
	err_free(e); /* then the manifest goes */
}

Err *repair_packed(Fsck *f, Finding *x)
{
	AUTO_VEC FsckPairs pairs = { 0 };
	bool made = false;
	TRY(store_blob_remove(f->store, &x->key));
	fsck_pairs_around(f, &x->key, f->arena, &pairs);
	for (size_t i = 0; i < pairs.len && !made; i++)
		if (digest_eq(&pairs.at[i].blob.digest, &x->key))
			pack_again(f, &pairs.at[i], &made);
	if (made) {
		x->told.done = STR("packed again from its layer");
		return NULL;
	}
	TRY(forget_manifests(f, &x->key));
	x->told.done = STR("dropped, and the manifest with it: the image stays, pull it again for "
	                   "the registry's own bytes");
	return NULL;
}

Err *repair_map(Fsck *f, Finding *x)
{
	AUTO_VEC FsckPairs pairs = { 0 };
	char text[96], hex[DIGEST_HEX_LEN + 1];
	(void)snprintf(text, sizeof text, "map/%s", digest_hex(&x->key, hex).ptr);
	fsck_pairs_around(f, &x->key, f->arena, &pairs);
	/* What it still tells rightly: blobs of ours with their levels. */
	StoreBlobOf *known = NULL;
	size_t count = 0;
	TRY(store_map_list(f->store, &x->key, f->arena, &known, &count));
	if (unlinkat(store_dir_fd(f->store), text, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove '%s'", text);
	for (size_t i = 0; i < count; i++)
		TRY(store_map_add(f->store, &x->key, &known[i]));
	for (size_t i = 0; i < pairs.len; i++) {
		StoreBlobOf b = { .digest = pairs.at[i].blob.digest };
		if (digest_eq(&pairs.at[i].diff_id, &x->key) &&
		    store_blob_exists(f->store, &b.digest, &b.size) &&
		    compression_of(&pairs.at[i].blob, &b.compression))
			TRY(store_map_add(f->store, &x->key, &b));
	}
	x->told.done = STR("made again from what is here");
	return NULL;
}

/* --- layers --------------------------------------------------------------------------------------
 */

/* The tar stream of the blob D, packed by ID, if its digest is that of the layer. */
static Err *open_tar(Store *s, const Digest *d, CompressionId id, const Cancel *cancel,
                     Reader **ret_file, Reader **ret_tar)
{
	uint64_t size;
	if (!store_blob_exists(s, d, &size))
		return err_new(ERR_NOT_FOUND, "no such blob");
	TRY(store_blob_reader(s, d, size, cancel, ret_file));
	*ret_tar = compressor_reader(id, *ret_file);
	return NULL;
}

static bool gives_layer(Fsck *f, const Digest *diff_id, const Digest *blob, CompressionId id)
{
	AUTO_READER Reader *file = NULL;
	AUTO_READER Reader *tar = NULL;
	AUTO_READER Reader *hash = NULL;
	Err *e = open_tar(f->store, blob, id, f->request->cancel, &file, &tar);
	if (!e) {
		hash = reader_hash(tar);
		e = reader_drain(hash);
	}
	Digest is = e ? (Digest){ 0 } : reader_hash_digest(hash);
	err_free(e); /* told by the result */
	return digest_eq(&is, diff_id);
}

/* Its texts and its directory go; blobs stay. */
static Err *forget_layer(Fsck *f, const Digest *d)
{
	static const char *const parts[] = { ".meta", ".list", ".ok", "" };
	AUTO_CLOSE int layers = -1;
	char hex[DIGEST_HEX_LEN + 1], name[DIGEST_HEX_LEN + 8];
	TRY(store_subdir(f->store, "layers", &layers));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(void)snprintf(name, sizeof name, "%s%s", digest_hex(d, hex).ptr, parts[i]);
		TRY(path_remove_tree(layers, name));
	}
	return NULL;
}

static bool has_dir(Fsck *f, const Digest *d)
{
	int fd = -1;
	Err *e = store_layer_open_dir(f->store, d, &fd);
	closep(&fd);
	bool there = !e;
	err_free(e); /* told by the result */
	return there;
}

static Err *apply_blob(Fsck *f, const Digest *d, const Digest *blob, CompressionId id, bool dir)
{
	AUTO_READER Reader *file = NULL;
	AUTO_READER Reader *tar = NULL;
	StoreLayer layer;
	LayerApply how = { .name = "the layer",
		           .diff_id = d,
		           .form = dir ? LAYER_FORM_DIR : LAYER_FORM_TAR,
		           .cancel = f->request->cancel,
		           .overlay_prefix = f->request->overlay_prefix };
	/* Until it is in place anew, what lies there is not used, and who uses it keeps it. */
	TRY(store_damage_mark(f->store, STORE_DAMAGED_LAYER, d, NULL, STR("it is made again")));
	TRY(open_tar(f->store, blob, id, f->request->cancel, &file, &tar));
	return layer_apply(f->store, tar, &how, &layer);
}

/* Directories that the archive only implies take their rights from the layers below. */
static Err *adopt_again(Fsck *f, const Digest *d)
{
	const Uses *u = fsck_uses(f, d);
	for (size_t i = 0; u && i < u->refs.len; i++) {
		const StoreRef *r = &f->refs.at[u->refs.at[i]].ref;
		AUTO_BUF Buf json = BUF_INIT;
		ImageConfig c;
		TRY(store_blob_read(f->store, &r->config, IMAGE_CONFIG_BYTES_MAX, &json));
		TRY(image_config_parse(f->arena, buf_str(&json), "config", &c));
		for (size_t k = 0; k < c.diff_id_count; k++)
			if (digest_eq(&c.diff_ids[k], d))
				return layer_adopt_top(f->store, c.diff_ids, k + 1);
	}
	return NULL;
}

static Err *from_blob(Fsck *f, const Digest *d, bool *ret_done)
{
	StoreBlobOf *blobs = NULL;
	size_t count = 0;
	Digest blob = *d;
	CompressionId id = COMPRESSION_NONE;
	bool found = gives_layer(f, d, d, COMPRESSION_NONE), dir = has_dir(f, d) || !found;
	*ret_done = false;
	Err *e = store_map_list(f->store, d, f->arena, &blobs, &count);
	err_free(e); /* none is known then */
	for (size_t i = 0; i < count && !found; i++) {
		blob = blobs[i].digest;
		id = blobs[i].compression;
		found = gives_layer(f, d, &blob, id);
	}
	if (!found)
		return NULL;
	TRY(apply_blob(f, d, &blob, id, dir));
	err_free(adopt_again(f, d)); /* the layers below may be damaged too: found by themselves */
	*ret_done = true;
	return NULL;
}

static Err *differs(void *context, Str path, const char *problem)
{
	(void)context;
	return err_new(ERR_CORRUPT, "'%.*s' %s", STR_ARG(path), problem);
}

/* Files and list are whole, only .meta is not: it is told by them, if they give the diff ID. */
static Err *meta_from_files(Fsck *f, const Digest *d)
{
	AUTO_LIST List *list = NULL;
	LayerExamine how = { .cancel = f->request->cancel, .fn = differs };
	StoreLayer layer = { .diff_id = *d };
	TRY(store_layer_list(f->store, d, &list));
	TRY(list_verify(list, "its content list"));
	TRY(layer_examine_dir(f->store, d, list, &how));
	layer.identity = list_identity(list);
	layer.size_bytes = layer_list_bytes(list);
	TRY(store_layer_write_meta(f->store, &layer));
	TRY(store_damage_clear(f->store, STORE_DAMAGED_LAYER, d));
	AUTO_WRITER Writer *nowhere = writer_to_nowhere();
	AUTO_WRITER Writer *hash = writer_hash(nowhere);
	TRY(layer_write_tar(f->store, d, hash, f->request->cancel));
	TRY(writer_finish(hash));
	layer.tar_bytes = writer_hash_count(hash);
	return store_layer_write_meta(f->store, &layer);
}

Err *repair_layer(Fsck *f, Finding *x)
{
	AUTO_BUF Buf names = BUF_INIT;
	bool done;
	Err *e = from_blob(f, &x->key, &done);
	if (!e && done) {
		x->told.done = STR("the layer is made again from its blob");
		return NULL;
	}
	if (e && err_kind(e) != ERR_CORRUPT && err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e); /* the blob does not do: its files may */
	e = meta_from_files(f, &x->key);
	if (!e) {
		x->told.done = STR("written anew from the layer's files");
		return NULL;
	}
	if (err_kind(e) == ERR_CANCELLED)
		return e;
	err_free(e); /* nothing gives it: it goes */
	x->told.advice = fsck_advice(f, &x->key);
	TRY(drop_refs(f, &x->key, &names));
	TRY(forget_layer(f, &x->key));
	TRY(store_layer_drop(f->store, &x->key));
	x->told.done = dropped(f, "the layer is dropped", &names);
	return NULL;
}

/* The tar form is damaged or gone: made from the directory, or from a packed blob. */
Err *repair_tar(Fsck *f, Finding *x)
{
	StoreLayer layer;
	StoreBlobOf made;
	CompressionSpec plain = { .id = COMPRESSION_NONE };
	TRY(store_blob_remove(f->store, &x->key));
	Err *e = store_layer_get(f->store, &x->key, &layer);
	if (!e && layer.has_dir && !fsck_uses_blob(f, &x->key)) {
		x->told.done = STR("removed: the layer's files are here");
		return NULL;
	}
	if (!e && layer.has_dir)
		e = layer_pack(f->store, &x->key, &plain, NULL, 0, f->request->cancel, &made);
	else if (!e)
		return repair_layer(f, x);
	if (!e)
		x->told.done = STR("made again from the layer's files");
	return e;
}
