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
	AUTO_MAP Map known = MAP_INIT;
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		for (size_t j = 0; j < image->config.diff_id_count; j++) {
			OneLayer l = { &image->layers[j], image->config.diff_ids[j] };
			char hex[DIGEST_HEX_LEN + 1];
			Str key = arena_strf(c->spool->arena, "%s %.*s",
			                     digest_hex(&l.diff_id, hex).ptr,
			                     STR_ARG(l.layer->member->name));
			if (map_find(&known, key))
				continue;
			(void)map_put(&known, key, NULL);
			VEC_PUSH(&c->layers, l);
		}
	}
}

/* --- names ----------------------------------------------------------------------------------- */

/* From here on one sync of the file system is cheaper than two a document. */
enum { SYNCED_ONE_BY_ONE_MAX = 16 };

typedef VEC(const LoadImage *) ImageVec;

/* A name of the archive, and the images that have it, in their order. */
typedef struct Named {
	Str name;
	ImageVec images;
} Named;

typedef struct Naming {
	const Spool *spool;
	Map by_name; /* → Named, in order of their first image */
	VEC(StoreRef) refs;
} Naming;

/* Of two for one platform the later counts. */
static void put_variant(StoreRef *ref, const StoreVariant *v)
{
	size_t at = 0;
	while (at < ref->variant_count && !str_eq(ref->variants[at].platform, v->platform))
		at++;
	ref->variants[at] = *v;
	ref->variant_count += at == ref->variant_count;
}

/* NAMED with its images, one a platform. */
static StoreRef ref_of(const Spool *spool, const Named *named)
{
	Arena *a = spool->arena;
	StoreVariant *all = arena_alloc(a, named->images.len * sizeof *all, _Alignof(StoreVariant));
	StoreRef ref = { .name = named->name, .variants = all };
	for (size_t i = 0; i < named->images.len; i++) {
		const LoadImage *image = named->images.at[i];
		StoreVariant v = { platform_text(a, &image->config.platform), image->id,
			           image->manifest };
		put_variant(&ref, &v);
	}
	image_ref_set_main(&ref, a);
	return ref;
}

static void gather_names(Naming *n, const LoadImages *images)
{
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		for (size_t k = 0; k < image->name_count; k++) {
			Named *named = map_get(&n->by_name, image->names[k]);
			if (!named) {
				named = arena_new(n->spool->arena, Named);
				named->name = image->names[k];
				(void)map_put(&n->by_name, named->name, named);
			}
			VEC_PUSH(&named->images, image);
		}
	}
	for (size_t i = 0; i < n->by_name.len; i++)
		VEC_PUSH(&n->refs, ref_of(n->spool, n->by_name.slots[i].value));
}

static Str id_key(const Digest *id)
{
	return (Str){ (const char *)id->bytes, sizeof id->bytes };
}

/* Which images names lead to. */
static void add_ids(const StoreRef *refs, size_t count, Map *ids)
{
	for (size_t i = 0; i < count; i++) {
		(void)map_put(ids, id_key(&refs[i].config), NULL);
		for (size_t k = 0; k < refs[i].variant_count; k++)
			(void)map_put(ids, id_key(&refs[i].variants[k].config), NULL);
	}
}

/* An image without a name is kept under its ID, unless it has a name here already. */
static Err *gather_nameless(Naming *n, const LoadImages *images)
{
	AUTO_MAP Map ids = MAP_INIT;
	StoreRef *here = NULL;
	size_t count = 0;
	bool listed = false;
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		if (image->name_count)
			continue;
		if (!listed) {
			TRY(store_ref_list(n->spool->store, n->spool->arena, &here, &count));
			add_ids(here, count, &ids);
			listed = true;
		}
		if (map_find(&ids, id_key(&image->id)))
			continue;
		(void)map_put(&ids, id_key(&image->id), NULL);
		StoreRef ref = { .name = digest_arena_text(n->spool->arena, &image->id),
			         .config = image->id,
			         .manifest = image->manifest };
		VEC_PUSH(&n->refs, ref);
	}
	return NULL;
}

static Err *commit_names(const Spool *spool, const LoadImages *images)
{
	Naming n = { .spool = spool };
	gather_names(&n, images);
	Err *e = gather_nameless(&n, images);
	if (!e)
		e = store_ref_set_all(spool->store, n.refs.at, n.refs.len);
	for (size_t i = 0; i < n.by_name.len; i++)
		VEC_DONE(&((Named *)n.by_name.slots[i].value)->images);
	map_done(&n.by_name);
	VEC_DONE(&n.refs);
	return e;
}

static Err *put_documents(const Spool *spool, const LoadImage *image, bool sync)
{
	Digest d;
	TRY(store_blob_put(spool->store, image->config_json, sync, &d));
	if (image->manifest_json.len == 0)
		return NULL;
	return store_blob_put(spool->store, image->manifest_json, sync, &d);
}

static Err *put_all_documents(const Spool *spool, const LoadImages *images, bool *ret_any_manifest)
{
	bool one_by_one = images->len <= SYNCED_ONE_BY_ONE_MAX;
	*ret_any_manifest = false;
	for (size_t i = 0; i < images->len; i++) {
		TRY(cancel_check(spool->cancel));
		TRY(put_documents(spool, &images->at[i], one_by_one));
		*ret_any_manifest = *ret_any_manifest || images->at[i].manifest_json.len > 0;
	}
	return one_by_one ? NULL : store_sync_all(spool->store);
}

Err *load_commit(const Spool *spool, const LoadImages *images)
{
	bool any_manifest;
	Commit c = { .spool = spool };
	gather_layers(&c, images);
	Err *err = parallel_each(c.layers.len, 0, commit_one, &c);
	VEC_DONE(&c.layers);
	TRY(err);
	TRY(put_all_documents(spool, images, &any_manifest));
	TRY(commit_names(spool, images));
	return any_manifest ? store_layout_write(spool->store) : NULL;
}
