/*
 * pull.c - the layers of an image, all at once, each in one pass.
 *
 *	registry ─► tee ─► inflate ─► layer_apply: hash, extract, list ─► layers/<diff ID>
 *	   │         └► scratch file ─► blobs/<digest>, map/<diff ID>
 *	   └ a thread receives and hashes; a second one inflates; ours does the rest
 *
 * A layer that has been published stays whatever happens to the others: it is content-addressed and
 *right, and the next try need not fetch it again.  The name moves last.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "codec/ahead.h"
#include "exec/pull.h"
#include "fs/path.h"
#include "layer/layer.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <pthread.h>

enum {
	/* Layers under way at once: each has 2 MiB of ring and an inflater; more do not go faster.
	 */
	PULL_THREADS = 8,
	HEAD_BYTES = 6, /* what compressor_sniff() needs */
};

typedef struct Pull {
	Store *store;
	const PullSource *source;
	const Str *marks; /* of a cache's layer */
	const Manifest *manifest;
	const ImageConfig *config;
	Progress *progress;
	unsigned line;
	const PullListener *listener;
	const Cancel *cancel;
	pthread_mutex_t lock; /* over calls of the listener */
	bool keep;            /* the manifest stays with a name: each blob in it is needed */
	bool failed;          /* some layer has: the others stop; read and written atomically */
	unsigned fetched;     /* layers that came from the registry; atomically */
} Pull;

typedef struct Wanted {
	const Descriptor *blob;
	const Digest *diff_id;
	bool here; /* the layer is: only the blob is wanted */
} Wanted;

/* --- the compressed bytes, kept as they pass ------------------------------------------------- */

typedef struct Tee {
	Reader reader;
	Reader *below;
	Pull *pull;
	int fd;
	char head[HEAD_BYTES]; /* read ahead, for sniffing */
	size_t head_len, head_at;
} Tee;

static Err *tee_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Tee *t = (Tee *)r;
	if (t->head_at < t->head_len) {
		size_t n = t->head_len - t->head_at < cap ? t->head_len - t->head_at : cap;
		memcpy(buf, t->head + t->head_at, n);
		t->head_at += n;
		*ret_len = n;
		return NULL;
	}
	if (__atomic_load_n(&t->pull->failed, __ATOMIC_RELAXED))
		return err_new(ERR_CANCELLED, "another layer failed");
	TRY(reader_read(t->below, buf, cap, ret_len));
	return path_write_what(t->fd, buf, *ret_len, "a layer to the store");
}

static void tee_close(Reader *r)
{
	(void)r; /* lives on the stack of its user */
}

static const ReaderOps tee_ops = { tee_read, tee_close };

static Err *tee_open(Tee *t, Pull *p, Reader *below, int fd)
{
	*t = (Tee){ .reader = { &tee_ops }, .below = below, .pull = p, .fd = fd };
	TRY(reader_read_full(below, t->head, HEAD_BYTES, &t->head_len));
	return path_write_what(fd, t->head, t->head_len, "a layer to the store");
}

/* --- one layer ------------------------------------------------------------------------------- */

static void tell(Pull *p, const Descriptor *d, const char *status)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (!p->listener || !p->listener->layer)
		return;
	Str id = str_head(digest_hex(&d->digest, hex), 12);
	(void)pthread_mutex_lock(&p->lock);
	p->listener->layer(p->listener->context, id, str_from(status));
	(void)pthread_mutex_unlock(&p->lock);
}

/* Content decides how a layer is compressed; a media type that says something else is a lie. */
static Err *find_compression(const Descriptor *d, Str head, CompressionId *ret)
{
	Str said;
	TRY(err_set_kind(manifest_layer_compression(d->media_type, &said), ERR_CORRUPT));
	const char *foreign = compressor_foreign(head);
	if (foreign)
		return err_new(ERR_CORRUPT, "it is compressed with %s, which no image format knows",
		               foreign);
	*ret = compressor_sniff(head);
	const char *is = *ret == COMPRESSION_NONE ? "" : compressor_table[*ret].name;
	if (!str_eqc(said, is))
		return err_new(ERR_CORRUPT, "its media type says '%.*s', its content is %s",
		               STR_ARG(d->media_type), *is ? is : "not compressed");
	return NULL;
}

static Err *compare(const Digest *diff_id, Reader *tar)
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

/* Inflated in one thread, hashed and extracted in this one; a layer that is here is compared only,
 * so that a blob of something else is never known as a form of it. */
static Err *apply(Pull *p, const Wanted *w, Reader *packed, CompressionId compression)
{
	char text[DIGEST_TEXT_LEN + 1];
	StoreLayer layer;
	AUTO_READER Reader *inflated = compressor_reader(compression, packed);
	AUTO_READER Reader *tar = reader_ahead(inflated);
	if (w->here)
		return compare(w->diff_id, tar);
	LayerApply how = { .name = digest_text(&w->blob->digest, text).ptr,
		           .diff_id = w->diff_id,
		           .form = LAYER_FORM_DIR,
		           .marks = p->marks,
		           .cancel = p->cancel,
		           .overlay_prefix = sandbox_overlay_prefix() };
	return layer_apply(p->store, tar, &how, &layer);
}

/* Into the store; then the rest, so that the blob is known to be whole. */
static Err *unpack(Pull *p, const Wanted *w, Tee *tee, CompressionId *ret)
{
	TRY(find_compression(w->blob, (Str){ tee->head, tee->head_len }, ret));
	Err *wrong = apply(p, w, &tee->reader, *ret);
	if (wrong && err_kind(wrong) != ERR_CORRUPT && err_kind(wrong) != ERR_INPUT)
		return wrong;
	Err *e = reader_drain(&tee->reader);
	/* Bytes that are not those that were promised are the cause; what the archive made of them
	 * is chance. */
	if (wrong && e && err_kind(e) == ERR_CORRUPT) {
		err_free(wrong);
		return e;
	}
	if (wrong)
		err_free(e);
	return wrong ? wrong : e;
}

static Err *fetch_into(Pull *p, const Wanted *w, int fd, const char *name)
{
	Tee tee;
	const Descriptor *d = w->blob;
	CompressionId compression = COMPRESSION_NONE;
	AUTO_READER Reader *blob = NULL;
	TRY(p->source->open(p->source->context, d, p->progress, p->line, &blob));
	TRY(tee_open(&tee, p, blob, fd));
	TRY(unpack(p, w, &tee, &compression));
	TRY(store_blob_publish(p->store, name, &d->digest));
	if (compression == COMPRESSION_NONE)
		return NULL; /* the blob is the tar: its digest is the diff ID */
	const StoreBlobOf known = { .digest = d->digest,
		                    .size = d->size,
		                    .compression = compression };
	return store_map_add(p->store, w->diff_id, &known);
}

static Err *fetch_once(Pull *p, const Wanted *w)
{
	int tmp;
	char name[32];
	TRY(store_tmp_fd(p->store, &tmp));
	store_tmp_name(p->store, "blob", name);
	AUTO_CLOSE int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	Err *err = fetch_into(p, w, fd, name);
	if (err)
		(void)unlinkat(tmp, name, 0); /* the first error is the one that is told */
	return err;
}

/* A mirror whose bytes were wrong is not asked again: the next one, or the registry itself, may do.
 */
static Err *fetch(Pull *p, const Wanted *w)
{
	const PullSource *source = p->source;
	for (;;) {
		unsigned before = source->dropped ? source->dropped(source->context) : 0;
		Err *err = fetch_once(p, w);
		if (!err || err_kind(err) != ERR_CORRUPT || !source->dropped ||
		    source->dropped(source->context) == before)
			return err;
		err_free(err); /* told by the one that is asked last */
	}
}

/* Is the layer in the store, and whole? */
static Err *is_here(Pull *p, const Digest *diff_id, bool *ret)
{
	StoreLayer layer;
	Err *err = store_layer_get(p->store, diff_id, &layer);
	if (!err)
		err = layer_check(p->store, diff_id, p->cancel);
	*ret = err == NULL;
	if (err && err_kind(err) != ERR_NOT_FOUND && err_kind(err) != ERR_CORRUPT)
		return err;
	err_free(err); /* absent, or damaged and dropped: fetched */
	return NULL;
}

static Err *pull_layer(void *context, size_t i)
{
	Pull *p = context;
	const Descriptor *d = &p->manifest->layers[i];
	Wanted w = { .blob = d, .diff_id = &p->config->diff_ids[i] };
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(cancel_check(p->cancel));
	TRY(store_lock(p->store, "layer", w.diff_id, p->cancel, &lock));
	TRY(is_here(p, w.diff_id, &w.here));
	if (w.here && (!p->keep || store_blob_exists(p->store, &d->digest, NULL))) {
		tell(p, d, "Already exists");
		return NULL;
	}
	tell(p, d, "Pulling fs layer");
	Err *err = fetch(p, &w);
	if (err) {
		__atomic_store_n(&p->failed, true, __ATOMIC_RELAXED);
		return err_while(err, "pulling layer %zu of %zu, %s", i + 1,
		                 p->manifest->layer_count, digest_text(&d->digest, text).ptr);
	}
	__atomic_add_fetch(&p->fetched, 1, __ATOMIC_RELAXED);
	tell(p, d, "Pull complete");
	return NULL;
}

/* --- images ---------------------------------------------------------------------------------- */

static Err *read_config(const RegistryImage *image, const char *name, Arena *a, ImageConfig *ret)
{
	TRY(err_set_kind(image_config_parse(a, image->config_json, name, ret), ERR_CORRUPT));
	if (ret->diff_id_count != image->manifest.layer_count)
		return err_new(ERR_CORRUPT, "%s: the manifest has %zu layers, the config %zu", name,
		               image->manifest.layer_count, ret->diff_id_count);
	return NULL;
}

static Err *pull_all(Pull *p, const char *name)
{
	size_t count = p->manifest->layer_count;
	p->line = progress_begin(p->progress, STR(""), "pull %s", name);
	(void)pthread_mutex_init(&p->lock, NULL);
	Err *err = parallel_each(count, count < PULL_THREADS ? (unsigned)count : PULL_THREADS,
	                         pull_layer, p);
	(void)pthread_mutex_destroy(&p->lock);
	if (!err)
		progress_end(p->progress, p->line, p->fetched ? PROGRESS_DONE : PROGRESS_CACHED,
		             STR(""));
	else if (err_kind(err) == ERR_CANCELLED)
		progress_end(p->progress, p->line, PROGRESS_CANCELED, STR(""));
	else
		progress_end(p->progress, p->line, PROGRESS_ERROR, err_cause(err));
	return err_while(err, "pulling %s", name);
}

static Err *pull_into(Store *s, const PullSource *source, bool keep, const char *name,
                      const RegistryImage *image, Progress *progress, const PullListener *listener,
                      const Cancel *cancel, unsigned *ret_fetched)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ImageConfig config;
	TRY_WHILE(read_config(image, name, &a, &config), "pulling %s", name);
	Pull p = { .store = s,
		   .source = source,
		   .keep = keep,
		   .manifest = &image->manifest,
		   .config = &config,
		   .progress = progress,
		   .listener = listener,
		   .cancel = cancel };
	TRY(pull_all(&p, name));
	*ret_fetched = p.fetched;
	if (p.fetched)
		TRY(layer_adopt_parents(s, config.diff_ids, config.diff_id_count));
	return store_sync_layers(s, config.diff_ids, config.diff_id_count);
}

typedef struct FromRegistry {
	Registry *registry;
	const Reference *ref;
} FromRegistry;

static Err *open_remote(void *context, const Descriptor *d, Progress *progress, unsigned line,
                        Reader **ret)
{
	const FromRegistry *from = context;
	return registry_fetch_blob(from->registry, from->ref, d, progress, line, ret);
}

static unsigned dropped_remote(const void *context)
{
	const FromRegistry *from = context;
	return registry_dropped(from->registry);
}

static Err *pull_from_registry(Store *s, Registry *r, const Reference *ref,
                               const RegistryImage *image, Progress *progress,
                               const PullListener *listener, const Cancel *cancel,
                               unsigned *ret_fetched)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	FromRegistry from = { r, ref };
	PullSource source = { .open = open_remote, .dropped = dropped_remote, .context = &from };
	return pull_into(s, &source, true, reference_familiar(&a, ref).ptr, image, progress,
	                 listener, cancel, ret_fetched);
}

bool pull_has_blobs(Store *s, const Manifest *m)
{
	for (size_t i = 0; i < m->layer_count; i++)
		if (!store_blob_exists(s, &m->layers[i].digest, NULL))
			return false;
	return true;
}

Err *pull_layers(Store *s, Registry *r, const Reference *ref, const RegistryImage *image,
                 Progress *progress, const PullListener *listener, const Cancel *cancel)
{
	unsigned fetched;
	return pull_from_registry(s, r, ref, image, progress, listener, cancel, &fetched);
}

Err *pull_layers_from(Store *s, const PullSource *source, const char *name,
                      const RegistryImage *image, Progress *progress, const PullListener *listener,
                      const Cancel *cancel)
{
	unsigned fetched;
	return pull_into(s, source, false, name, image, progress, listener, cancel, &fetched);
}

Err *pull_layer_from(Store *s, const PullSource *source, const Descriptor *blob,
                     const Digest *diff_id, const Str *marks, Progress *progress, unsigned line,
                     const Cancel *cancel)
{
	Wanted w = { .blob = blob, .diff_id = diff_id };
	Pull p = { .store = s,
		   .source = source,
		   .marks = marks,
		   .progress = progress,
		   .line = line,
		   .cancel = cancel };
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(cancel_check(cancel));
	TRY(store_lock(s, "layer", diff_id, cancel, &lock));
	TRY(is_here(&p, diff_id, &w.here));
	return w.here ? NULL : fetch(&p, &w);
}

/* Does the name say already what we are about to say?  *RET_IMAGE: its image at least. */
static Err *ref_says(Store *s, const StoreRef *wanted, bool *ret_image, bool *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRef is;
	Err *err = store_ref_get(s, wanted->name, &a, &is);
	*ret_image = !err && store_ref_has(&is, &wanted->config);
	*ret = *ret_image && digest_eq(&is.pulled, &wanted->pulled) &&
	       digest_eq(&is.index, &wanted->index);
	if (err && err_kind(err) != ERR_NOT_FOUND && err_kind(err) != ERR_CORRUPT)
		return err;
	err_free(err); /* absent or damaged: written anew */
	return NULL;
}

Err *pull_image(Store *s, Registry *r, const Reference *ref, const Platform *platform,
                Progress *progress, const PullListener *listener, const Cancel *cancel, Arena *a,
                PullResult *ret)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	RegistryImage *image = &ret->image;
	unsigned fetched = 0;
	bool known = false, same = false;
	TRY(registry_resolve(r, ref, platform, a, image));
	/* Nothing of it is named yet: gc may not run before the name says that it is needed. */
	TRY(store_lock_gc(s, false, cancel, &gc));
	TRY(pull_from_registry(s, r, ref, image, progress, listener, cancel, &fetched));

	StoreRef name = { .name = reference_kept(a, ref), .pulled = image->top_digest };
	TRY(store_blob_put(s, image->config_json, true, &name.config));
	TRY(store_blob_put(s, image->manifest_json, true, &name.manifest));
	if (image->index_json.len)
		TRY(store_blob_put(s, image->index_json, true, &name.index));
	TRY(ref_says(s, &name, &same, &known));
	ret->was_here = same && fetched == 0;
	if (!known) {
		bool joined;
		ImageConfig config;
		TRY(image_config_parse(a, image->config_json, name.name.ptr, &config));
		TRY(image_name_pulled(s, &name, &config.platform, true, cancel, &joined));
	}
	return known && fetched == 0 ? NULL : store_layout_write(s);
}
