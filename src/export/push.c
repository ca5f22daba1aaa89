/*
 * push.c - documents and their blobs → a registry.
 *
 * Blobs go up side by side, each only if the registry lacks it; a layer that we have pulled from
 * another repository of the same registry, or have just pushed to one, is mounted from there.  The
 * manifest goes last, an index after its manifests: whoever can see it can get all of it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/parallel.h"
#include "export/attest-internal.h"

#include <pthread.h>

enum { PUSH_THREADS = 5 }; /* docker's number of concurrent uploads */

typedef struct PushBlob {
	const Descriptor *d;
	Str from; /* repository to mount from, "" if none is known */
	bool is_layer;
} PushBlob;

/* Pushes to one registry or several, one after the other. */
struct PushSession {
	Store *store;
	Registry *registry;
	Progress *progress;
	const PushListener *listener;
	const Cancel *cancel;
	pthread_mutex_t lock; /* over calls of the listener */
	Arena arena;
	Map sent;    /* "DOMAIN/PATH@HEX": is there */
	Map sent_at; /* "DOMAIN@HEX" → PATH of one repository that has it (a char *) */
};

/* One of them. */
typedef struct Push {
	PushSession *session;
	const Reference *ref;
	unsigned line;
	PushBlob *blobs;
	size_t count;
} Push;

typedef struct BlobSource {
	Push *push;
	const Descriptor *d;
} BlobSource;

static Err *open_blob(void *context, Reader **ret)
{
	const BlobSource *source = context;
	const PushSession *session = source->push->session;
	return store_blob_reader(session->store, &source->d->digest, source->d->size,
	                         session->cancel, ret);
}

/* --- one blob -------------------------------------------------------------------------------- */

static void tell(const Push *p, const PushBlob *blob, RegistryPushed how)
{
	AUTO_BUF Buf status = BUF_INIT;
	char hex[DIGEST_HEX_LEN + 1];
	const PushListener *listener = p->session->listener;
	if (!blob->is_layer || !listener || !listener->layer)
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
	(void)pthread_mutex_lock(&p->session->lock);
	listener->layer(listener->context, id, buf_str(&status));
	(void)pthread_mutex_unlock(&p->session->lock);
}

static Err *push_one(void *context, size_t i)
{
	Push *p = context;
	const PushBlob *blob = &p->blobs[i];
	BlobSource source = { p, blob->d };
	RegistryPushed how;
	const PushSession *session = p->session;
	TRY(cancel_check(session->cancel));
	TRY(registry_push_blob(session->registry, p->ref, blob->d, blob->from, open_blob, &source,
	                       session->progress, p->line, &how));
	tell(p, blob, how);
	return NULL;
}

/* --- which blobs, and where else they are ---------------------------------------------------- */

static Err *add_origins_of(const Push *p, const StoreRef *ref, Map *origins, Arena *a)
{
	Reference r;
	Manifest m;
	AUTO_BUF Buf json = BUF_INIT;
	TRY(reference_parse(a, ref->name, &r));
	if (!str_eq(r.domain, p->ref->domain) || str_eq(r.path, p->ref->path))
		return NULL;
	TRY(store_blob_read(p->session->store, &ref->manifest, MANIFEST_BYTES_MAX, &json));
	TRY(manifest_parse(a, buf_str(&json), ref->name.ptr, &m));
	for (size_t i = 0; i < m.layer_count; i++)
		map_put(origins, digest_arena_hex(a, &m.layers[i].digest), (void *)r.path.ptr);
	return NULL;
}

/*
 * Layer digest → repository of the same registry that has it: one that we pulled it from, else one
 * that a name with a manifest says, since a manifest is made for a push.  That may be wrong: then
 * the registry mounts nothing, and the upload that was begun goes on.
 */
static Err *find_origins(const Push *p, Map *origins, Arena *a)
{
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(p->session->store, a, &refs, &count));
	for (int pulled = 0; pulled < 2; pulled++)
		for (size_t i = 0; i < count; i++) {
			if (digest_is_zero(&refs[i].pulled) == (pulled == 1) ||
			    digest_is_zero(&refs[i].manifest) ||
			    str_starts(refs[i].name, STR("sha256:")))
				continue;
			/* Only a hint: an image that cannot be read is no reason not to push this
			 * one. */
			err_free(add_origins_of(p, &refs[i], origins, a));
		}
	return NULL;
}

static Str sent_key(Arena *a, const Push *p, Str hex)
{
	return arena_strf(a, "%.*s/%.*s@%.*s", STR_ARG(p->ref->domain), STR_ARG(p->ref->path),
	                  STR_ARG(hex));
}

static Str sent_at_key(Arena *a, const Push *p, Str hex)
{
	return arena_strf(a, "%.*s@%.*s", STR_ARG(p->ref->domain), STR_ARG(hex));
}

static void add_blob(Push *p, const Descriptor *d, bool is_layer, const Map *origins, Map *seen,
                     Arena *a)
{
	Str hex = digest_arena_hex(a, &d->digest);
	if (map_find(seen, hex)) /* a layer may occur twice */
		return;
	map_put(seen, hex, NULL);
	const char *from = map_get(&p->session->sent_at, sent_at_key(a, p, hex));
	if (!from)
		from = map_get(origins, hex);
	PushBlob blob = { d, from ? str_from(from) : STR(""), is_layer };
	if (map_find(&p->session->sent, sent_key(a, p, hex)))
		tell(p, &blob, REGISTRY_EXISTS);
	else
		p->blobs[p->count++] = blob;
}

static Err *list_blobs(Push *p, const ExportDocument *document, Arena *a)
{
	AUTO_MAP Map origins = MAP_INIT, seen = MAP_INIT;
	size_t most = 1;
	TRY(find_origins(p, &origins, a));
	most += document->attest_blob_count;
	for (size_t i = 0; i < document->count; i++)
		most += document->manifests[i].manifest.layer_count + 1;
	p->blobs = arena_alloc(a, most * sizeof *p->blobs, _Alignof(PushBlob));
	for (size_t i = 0; i < document->count; i++) {
		const Manifest *m = &document->manifests[i].manifest;
		for (size_t j = 0; j < m->layer_count; j++)
			add_blob(p, &m->layers[j], true, &origins, &seen, a);
		add_blob(p, &m->config, false, &origins, &seen, a);
	}
	for (size_t i = 0; i < document->attest_blob_count; i++)
		add_blob(p, &document->attest_blobs[i], false, &origins, &seen, a);
	return NULL;
}

static void note_sent(const Push *p)
{
	PushSession *session = p->session;
	for (size_t i = 0; i < p->count; i++) {
		Str hex = digest_arena_hex(&session->arena, &p->blobs[i].d->digest);
		map_put(&session->sent, sent_key(&session->arena, p, hex), NULL);
		Str at = sent_at_key(&session->arena, p, hex);
		if (!map_find(&session->sent_at, at))
			map_put(&session->sent_at, at,
			        (void *)arena_str(&session->arena, p->ref->path).ptr);
	}
}

/* --- documents ------------------------------------------------------------------------------- */

static Err *push_documents(const Push *p, const ExportDocument *d, bool by_digest)
{
	Digest is;
	Registry *registry = p->session->registry;
	Reference untagged = *p->ref;
	untagged.tag = STR("");
	for (size_t i = 0; i < d->count && d->is_index; i++) {
		const ExportManifest *m = &d->manifests[i];
		TRY(cancel_check(p->session->cancel));
		TRY(registry_push_manifest(registry, &untagged, m->manifest.media_type, m->json,
		                           &is));
	}
	if (d->attests_in_index)
		TRY(export_attest_push(registry, d, p->ref, p->session->cancel));
	TRY(registry_push_manifest(registry, by_digest ? &untagged : p->ref,
	                           d->descriptor.media_type, d->json, &is));
	if (d->attests_in_index)
		return NULL;
	return err_note(err_while(export_attest_push(registry, d, p->ref, p->session->cancel),
	                          "pushing the attestations"),
	                "the image itself is there");
}

static Err *push_all(Push *p, const ExportDocument *d, bool by_digest)
{
	unsigned threads = p->count < PUSH_THREADS ? (unsigned)p->count : PUSH_THREADS;
	if (p->count)
		TRY(parallel_each(p->count, threads, push_one, p));
	note_sent(p);
	return push_documents(p, d, by_digest);
}

PushSession *export_push_open(const ExportJob *job, Registry *r, const PushListener *listener)
{
	PushSession *p = xcalloc(1, sizeof *p);
	p->store = job->store;
	p->registry = r;
	p->progress = job->progress;
	p->cancel = job->cancel;
	p->listener = listener;
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

void export_push_close(PushSession *p)
{
	(void)pthread_mutex_destroy(&p->lock);
	map_done(&p->sent);
	map_done(&p->sent_at);
	arena_done(&p->arena);
	free(p);
}

Err *export_push_document(PushSession *session, const ExportDocument *d, const Reference *ref,
                          bool by_digest)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *name =
		by_digest ? reference_familiar_name(&a, ref).ptr : reference_familiar(&a, ref).ptr;
	Push p = { .session = session, .ref = ref };
	TRY(list_blobs(&p, d, &a));
	p.line = progress_begin(session->progress, STR(""), "push %s", name);
	Err *err = push_all(&p, d, by_digest);
	if (err) {
		bool cancelled = err_kind(err) == ERR_CANCELLED;
		progress_end(session->progress, p.line,
		             cancelled ? PROGRESS_CANCELED : PROGRESS_ERROR, err_cause(err));
		return err_while(err, "pushing %s", name);
	}
	progress_end(session->progress, p.line, PROGRESS_DONE, STR(""));
	return NULL;
}

Err *export_push(Store *s, Registry *r, const ExportImage *image, const Reference *ref,
                 const CompressionSpec *compression, bool without_attestations, Progress *progress,
                 const PushListener *listener, const Cancel *cancel, Digest *ret_manifest,
                 uint64_t *ret_size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ExportDocument d;
	Str name = reference_full(&a, ref);
	OutputSpec out = { .type = STR("registry"), .no_attestations = without_attestations };
	ExportImage named = *image;
	named.names = &name;
	named.name_count = 1;
	ExportJob job = { .store = s, .out = &out, .progress = progress, .cancel = cancel };
	if (ref->has_digest)
		return err_new(ERR_INPUT, "cannot push by digest: '%s'; give a tag",
		               reference_familiar(&a, ref).ptr);
	TRY(export_publish_document(&job, image, compression, &a, &d));
	TRY(export_attest_make(&job, &named, &a, &d));
	if (d.attests_in_index)
		TRY(export_index_make(&job, &named, &a, &d));
	AUTO_PUSH PushSession *session = export_push_open(&job, r, listener);
	TRY(export_push_document(session, &d, ref, false));
	const StoreRef *from = &image->images[0].store_ref;
	size_t all = from->variant_count ? from->variant_count : 1;
	if (d.is_index && from->name.len && image->image_count == all)
		TRY(store_ref_set_index(s, image->images[0].store_ref.name, d.json, cancel));
	*ret_manifest = d.descriptor.digest;
	*ret_size = d.json.len;
	return NULL;
}
