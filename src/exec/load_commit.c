/*
 * load_commit.c - the images of an archive into the store: layers first, names last.
 *
 * A layer that has been published stays if a later one is bad: it is content-addressed and right,
 * nothing names it, and gc takes it.  Configs and names are written once all layers are in place.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "exec/image-internal.h"
#include "exec/load-internal.h"
#include "layer/foreign.h"
#include "layer/layer.h"

#include <unistd.h>

enum { HEAD_BYTES = 16 };

typedef struct OneLayer {
	const LoadLayer *layer;
	Digest diff_id;
} OneLayer;

typedef struct Commit {
	const Spool *spool;
	VEC(OneLayer) layers; /* of all images, each pair of diff ID and member once */
} Commit;

/* --- one layer ------------------------------------------------------------------------------- */

/* How the content is compressed; a media type that says something else is a lie. */
static Err *find_compression(const OneLayer *l, int fd, CompressionId *ret, bool *ret_foreign)
{
	char head[HEAD_BYTES];
	ssize_t n = pread(fd, head, sizeof head, 0);
	if (n < 0)
		return err_sys(errno, "cannot read a scratch file");
	Str text = { head, (size_t)n }, said, type = l->layer->media_type;
	*ret = compressor_sniff(text);
	*ret_foreign = compressor_foreign(text) != NULL;
	if (type.len == 0)
		return NULL;
	TRY(err_set_kind(manifest_layer_compression(type, &said), ERR_CORRUPT));
	const char *is = *ret == COMPRESSION_NONE ? "" : compressor_table[*ret].name;
	if (*ret_foreign || !str_eqc(said, is))
		return err_new(ERR_CORRUPT, "its media type is '%.*s', its content is not",
		               STR_ARG(type));
	return NULL;
}

/* Is the layer in the store, and whole? */
static Err *is_here(const Commit *c, const Digest *diff_id, bool *ret, bool *ret_has_tar)
{
	StoreLayer layer = { 0 };
	Err *err = store_layer_get(c->spool->store, diff_id, &layer);
	if (!err)
		err = layer_check(c->spool->store, diff_id, c->spool->cancel);
	*ret = err == NULL;
	*ret_has_tar = !err && layer.has_tar;
	if (err && err_kind(err) != ERR_NOT_FOUND && err_kind(err) != ERR_CORRUPT)
		return err;
	err_free(err); /* absent, or damaged and dropped: taken from the archive */
	return NULL;
}

/* Is this very blob known to be the layer? */
static Err *is_known_blob(const Commit *c, const OneLayer *l, bool *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count;
	*ret = digest_eq(&l->layer->member->digest, &l->diff_id);
	TRY(store_map_list(c->spool->store, &l->diff_id, &a, &blobs, &count));
	for (size_t i = 0; i < count; i++)
		*ret = *ret || digest_eq(&blobs[i].digest, &l->layer->member->digest);
	return NULL;
}

static Err *check_content(Reader *tar, const Digest *diff_id)
{
	char is[DIGEST_TEXT_LEN + 1], want[DIGEST_TEXT_LEN + 1];
	AUTO_READER Reader *hash = reader_hash(tar);
	TRY(reader_drain(hash));
	Digest d = reader_hash_digest(hash);
	if (digest_eq(&d, diff_id))
		return NULL;
	return err_new(ERR_CORRUPT, "its content is %s, the image config says %s",
	               digest_text(&d, is).ptr, digest_text(diff_id, want).ptr);
}

/* Read the member to its end: into the store, or only to see that it is what it says. */
static Err *read_layer(const Commit *c, const OneLayer *l, bool here, CompressionId *ret,
                       bool *ret_foreign)
{
	AUTO_CLOSE int fd = -1;
	StoreLayer layer;
	TRY(load_spool_open(c->spool, l->layer->member, &fd));
	TRY(find_compression(l, fd, ret, ret_foreign));
	AUTO_READER Reader *file = reader_from_fd(fd, l->layer->member->name.ptr);
	AUTO_READER Reader *tar = NULL;
	if (*ret_foreign)
		TRY(foreign_reader(file, &tar));
	else
		tar = compressor_reader(*ret, file);
	if (here)
		return check_content(tar, &l->diff_id);
	LayerApply how = { .name = l->layer->member->name.ptr,
		           .diff_id = &l->diff_id,
		           .form = LAYER_FORM_TAR,
		           .cancel = c->spool->cancel };
	return layer_apply(c->spool->store, tar, &how, &layer);
}

static Err *commit_layer(const Commit *c, const OneLayer *l)
{
	Store *s = c->spool->store;
	const Member *m = l->layer->member;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	bool here, has_tar, known, foreign = false;
	CompressionId compression = COMPRESSION_NONE;
	TRY(cancel_check(c->spool->cancel));
	TRY(store_lock(s, "layer", &l->diff_id, c->spool->cancel, &lock));
	TRY(is_here(c, &l->diff_id, &here, &has_tar));
	TRY(is_known_blob(c, l, &known));
	bool is_tar = digest_eq(&m->digest, &l->diff_id);
	if (here && known && (!is_tar || has_tar))
		return NULL;
	TRY(read_layer(c, l, here, &compression, &foreign));
	if (foreign || (is_tar && !here))
		return NULL;
	/* The blob is kept as it came: made again it would have another digest. */
	if (faccessat(c->spool->tmp_fd, m->tmp, F_OK, 0) == 0)
		TRY(store_blob_publish(s, m->tmp, &m->digest));
	if (is_tar)
		return NULL;
	return store_map_add(
		s, &l->diff_id,
		&(StoreBlobOf){ .digest = m->digest, .size = m->size, .compression = compression });
}

static Err *commit_one(void *context, size_t i)
{
	const Commit *c = context;
	const OneLayer *l = &c->layers.at[i];
	return err_while(commit_layer(c, l), "loading the layer '%.*s'",
	                 STR_ARG(l->layer->member->name));
}

static void gather_layers(Commit *c, const LoadImages *images)
{
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		for (size_t j = 0; j < image->config.diff_id_count; j++) {
			OneLayer l = { &image->layers[j], image->config.diff_ids[j] };
			bool known = false;
			for (size_t k = 0; k < c->layers.len && !known; k++)
				known = c->layers.at[k].layer->member == l.layer->member &&
				        digest_eq(&c->layers.at[k].diff_id, &l.diff_id);
			if (!known)
				VEC_PUSH(&c->layers, l);
		}
	}
}

/* --- names ----------------------------------------------------------------------------------- */

/* An image without a name is kept under its ID, unless it has a name here already. */
static Err *keep_nameless(const Spool *spool, const LoadImage *image)
{
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(spool->store, spool->arena, &refs, &count));
	for (size_t i = 0; i < count; i++)
		if (store_ref_has(&refs[i], &image->id))
			return NULL;
	StoreRef ref = { .name = digest_arena_text(spool->arena, &image->id),
		         .config = image->id,
		         .manifest = image->manifest };
	return store_ref_set(spool->store, &ref);
}

static bool has_name(const LoadImage *image, Str name)
{
	for (size_t i = 0; i < image->name_count; i++)
		if (str_eq(image->names[i], name))
			return true;
	return false;
}

/* Of two for one platform the later counts. */
static void put_variant(StoreRef *ref, const StoreVariant *v)
{
	size_t at = 0;
	while (at < ref->variant_count && !str_eq(ref->variants[at].platform, v->platform))
		at++;
	ref->variants[at] = *v;
	ref->variant_count += at == ref->variant_count;
}

/* NAME with its images, one a platform. */
static StoreRef ref_of(const Spool *spool, const LoadImages *images, Str name)
{
	Arena *a = spool->arena;
	StoreVariant *all = arena_alloc(a, images->len * sizeof *all, _Alignof(StoreVariant));
	StoreRef ref = { .name = name, .variants = all };
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		StoreVariant v = { platform_text(a, &image->config.platform), image->id,
			           image->manifest };
		if (has_name(image, name))
			put_variant(&ref, &v);
	}
	image_ref_set_main(&ref, a);
	return ref;
}

static Err *commit_names(const Spool *spool, const LoadImages *images, size_t number)
{
	const LoadImage *image = &images->at[number];
	if (image->name_count == 0)
		return keep_nameless(spool, image);
	for (size_t i = 0; i < image->name_count; i++) {
		bool told = false;
		for (size_t k = 0; k < number && !told; k++)
			told = has_name(&images->at[k], image->names[i]);
		if (told)
			continue;
		StoreRef ref = ref_of(spool, images, image->names[i]);
		TRY_WHILE(store_ref_set(spool->store, &ref), "naming the image '%.*s'",
		          STR_ARG(ref.name));
	}
	return NULL;
}

static Err *put_documents(const Spool *spool, const LoadImage *image)
{
	Digest d;
	TRY(store_blob_put(spool->store, image->config_json, true, &d));
	if (image->manifest_json.len == 0)
		return NULL;
	return store_blob_put(spool->store, image->manifest_json, true, &d);
}

Err *load_commit(const Spool *spool, const LoadImages *images)
{
	bool any_manifest = false;
	Commit c = { .spool = spool };
	gather_layers(&c, images);
	Err *err = parallel_each(c.layers.len, 0, commit_one, &c);
	VEC_DONE(&c.layers);
	for (size_t i = 0; i < images->len && !err; i++) {
		err = put_documents(spool, &images->at[i]);
		any_manifest = any_manifest || images->at[i].manifest_json.len > 0;
	}
	for (size_t i = 0; i < images->len && !err; i++)
		err = commit_names(spool, images, i);
	if (!err && any_manifest)
		err = store_layout_write(spool->store);
	return err;
}
