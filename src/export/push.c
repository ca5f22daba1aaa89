/*
 * push.c - an image of the store → a registry.
 *
 * Blobs go up side by side, each only if the registry lacks it; a layer that we have pulled from
 * another repository of the same registry is mounted from there.  The manifest goes last: whoever
 * can see it can get all of it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/parallel.h"
#include "export/export.h"

#include <pthread.h>

enum { PUSH_THREADS = 5 }; /* docker's number of concurrent uploads */

typedef struct PushBlob {
	const Descriptor *d;
	Str from; /* repository to mount from, "" if none is known */
	bool is_layer;
} PushBlob;

typedef struct Push {
	Store *store;
	Registry *registry;
	const Reference *ref;
	Progress *progress;
	unsigned line;
	const PushListener *listener;
	const Cancel *cancel;
	PushBlob *blobs;
	size_t count;
	pthread_mutex_t lock; /* over calls of the listener */
} Push;

/* --- a blob of the store as a stream that owns its descriptor -------------------------------- */

typedef struct BlobFile {
	Reader reader;
	Reader *file;
	int fd;
	const Cancel *cancel;
} BlobFile;

static Err *blob_file_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	BlobFile *b = (BlobFile *)r;
	TRY(cancel_check(b->cancel));
	return reader_read(b->file, buf, cap, ret_len);
}

static void blob_file_close(Reader *r)
{
	BlobFile *b = (BlobFile *)r;
	reader_close(b->file);
	close(b->fd);
	free(b);
}

static const ReaderOps blob_file_ops = { blob_file_read, blob_file_close };

typedef struct BlobSource {
	Push *push;
	const Descriptor *d;
} BlobSource;

static Err *open_blob(void *context, Reader **ret)
{
	const BlobSource *source = context;
	uint64_t size;
	AUTO_CLOSE int fd = -1;
	TRY(store_blob_open(source->push->store, &source->d->digest, &fd, &size));
	if (size != source->d->size)
		return err_note(
			err_new(ERR_CORRUPT, "a blob in the store has %llu bytes instead of %llu",
		                (unsigned long long)size, (unsigned long long)source->d->size),
			"pull or build the image again");
	BlobFile *b = xcalloc(1, sizeof *b);
	b->reader.ops = &blob_file_ops;
	b->cancel = source->push->cancel;
	b->fd = TAKE_FD(fd);
	b->file = reader_from_fd(b->fd, "a blob of the store");
	*ret = &b->reader;
	return NULL;
}

/* --- one blob -------------------------------------------------------------------------------- */

static void tell(Push *p, const PushBlob *blob, RegistryPushed how)
{
	AUTO_BUF Buf status = BUF_INIT;
	char hex[DIGEST_HEX_LEN + 1];
	if (!blob->is_layer || !p->listener || !p->listener->layer)
		return;
	switch (how) {
	case REGISTRY_PUSHED:
		buf_addf(&status, "Pushed");
		break;
	case REGISTRY_EXISTS:
		buf_addf(&status, "Layer already exists");
		break;
	case REGISTRY_MOUNTED:
		buf_addf(&status, "Mounted from %.*s", STR_ARG(blob->from));
		break;
	}
	Str id = str_head(digest_hex(&blob->d->digest, hex), 12);
	(void)pthread_mutex_lock(&p->lock);
	p->listener->layer(p->listener->context, id, buf_str(&status));
	(void)pthread_mutex_unlock(&p->lock);
}

static Err *push_one(void *context, size_t i)
{
	Push *p = context;
	const PushBlob *blob = &p->blobs[i];
	BlobSource source = { p, blob->d };
	RegistryPushed how;
	TRY(cancel_check(p->cancel));
	TRY(registry_push_blob(p->registry, p->ref, blob->d, blob->from, open_blob, &source,
	                       p->progress, p->line, &how));
	tell(p, blob, how);
	return NULL;
}

/* --- which blobs, and where else they are ---------------------------------------------------- */

static Err *add_origins_of(Push *p, const StoreRef *ref, Map *origins, Arena *a)
{
	Reference r;
	Manifest m;
	AUTO_BUF Buf json = BUF_INIT;
	TRY(reference_parse(a, ref->name, &r));
	if (!str_eq(r.domain, p->ref->domain) || str_eq(r.path, p->ref->path))
		return NULL;
	TRY(store_blob_read(p->store, &ref->manifest, MANIFEST_BYTES_MAX, &json));
	TRY(manifest_parse(a, buf_str(&json), ref->name.ptr, &m));
	for (size_t i = 0; i < m.layer_count; i++)
		map_put(origins, digest_arena_hex(a, &m.layers[i].digest), (void *)r.path.ptr);
	return NULL;
}

/* Layer digest → repository of the same registry that had it when we pulled. */
static Err *find_origins(Push *p, Map *origins, Arena *a)
{
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(p->store, a, &refs, &count));
	for (size_t i = 0; i < count; i++) {
		if (digest_is_zero(&refs[i].pulled) || digest_is_zero(&refs[i].manifest) ||
		    str_starts(refs[i].name, STR("sha256:")))
			continue;
		/* Only a hint: an image that cannot be read is no reason not to push this one. */
		err_free(add_origins_of(p, &refs[i], origins, a));
	}
	return NULL;
}

static Err *list_blobs(Push *p, const Manifest *m, Arena *a)
{
	AUTO_MAP Map origins = MAP_INIT, seen = MAP_INIT;
	TRY(find_origins(p, &origins, a));
	p->blobs = arena_alloc(a, (m->layer_count + 1) * sizeof *p->blobs, _Alignof(PushBlob));
	for (size_t i = 0; i <= m->layer_count; i++) {
		bool is_layer = i < m->layer_count;
		const Descriptor *d = is_layer ? &m->layers[i] : &m->config;
		Str hex = digest_arena_hex(a, &d->digest);
		if (map_find(&seen, hex)) /* a layer may occur twice */
			continue;
		map_put(&seen, hex, NULL);
		const char *from = map_get(&origins, hex);
		p->blobs[p->count++] = (PushBlob){ d, from ? str_from(from) : STR(""), is_layer };
	}
	return NULL;
}

static Err *push_all(Push *p, const Manifest *m, Str json, Digest *ret_manifest)
{
	(void)pthread_mutex_init(&p->lock, NULL);
	Err *err = parallel_each(
		p->count, p->count < PUSH_THREADS ? (unsigned)p->count : PUSH_THREADS, push_one, p);
	(void)pthread_mutex_destroy(&p->lock);
	TRY(err);
	return registry_push_manifest(p->registry, p->ref, m->media_type, json, ret_manifest);
}

Err *export_push(Store *s, Registry *r, const Image *image, const Reference *ref,
                 const CompressionSpec *compression, Progress *progress,
                 const PushListener *listener, const Cancel *cancel, Digest *ret_manifest,
                 uint64_t *ret_size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *name = reference_familiar(&a, ref).ptr;
	Str json;
	Digest digest;
	Manifest m;
	if (ref->has_digest)
		return err_new(ERR_INPUT, "cannot push by digest: '%s'; give a tag", name);
	TRY(export_publish(s, image, compression, progress, cancel, &a, &json, &digest));
	TRY(manifest_parse(&a, json, name, &m));
	Push p = { .store = s,
		   .registry = r,
		   .ref = ref,
		   .progress = progress,
		   .listener = listener,
		   .cancel = cancel };
	TRY(list_blobs(&p, &m, &a));
	p.line = progress_begin(progress, STR(""), "push %s", name);
	Err *err = push_all(&p, &m, json, ret_manifest);
	if (err) {
		bool cancelled = err_kind(err) == ERR_CANCELLED;
		progress_end(progress, p.line, cancelled ? PROGRESS_CANCELED : PROGRESS_ERROR,
		             err_cause(err));
		return err_while(err, "pushing %s", name);
	}
	progress_end(progress, p.line, PROGRESS_DONE, STR(""));
	*ret_size = json.len;
	return NULL;
}
