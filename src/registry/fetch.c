/*
 * fetch.c - blobs from a registry: a small one into memory, a large one as a stream.
 *
 * A stream has a thread that receives and hashes, and a ring of bytes between it and the reader,
 * who inflates and writes: on two cores the one costs no time beside the other.
 *
 * Nothing is given away that is not verified as a whole: the last bytes are held back until size
 * and digest agree, so a reader that sees every byte has seen the right ones.
 *
 * A broken transfer is taken up again where it broke (Range); a server that cannot do that sends
 * all of it and we drop what we have.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/fetch-internal.h"

#include <time.h>

enum {
	RING_BYTES =
		2
		<< 20, /* rides out the reader's pauses (a directory synced, a large file closed) */
	RESUMES_MAX = 20, /* of one blob, however much each of them brings */
	REPORT_MS = 100,  /* how often progress is told */
};

/* --- the receiving thread -------------------------------------------------------------------- */

Err *fetch_wrong(const BlobReader *b, const char *what)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_ARENA Arena a = ARENA_INIT;
	Str repository = endpoint_repository(&a, b->endpoint, &b->ref);
	return err_new(ERR_CORRUPT, "%.*s: blob %s: %s", STR_ARG(repository),
	               digest_text(&b->d.digest, text).ptr, what);
}

/* "bytes 100-199/200" must begin at FROM. */
static bool range_begins(Str content_range, uint64_t from)
{
	Str number;
	uint64_t n;
	if (!str_starts(content_range, STR("bytes ")))
		return false;
	(void)str_cut(str_from_at(content_range, 6), '-', &number);
	return str_to_u64(str_trim(number), &n) && n == from;
}

Err *fetch_check_head(const BlobReader *b, const HttpResponse *head, uint64_t from)
{
	Str encoding = http_response_header(head, "content-encoding");
	if (encoding.len && !str_eqc(encoding, "identity"))
		return fetch_wrong(
			b, "it was encoded on the way (Content-Encoding), which nobody asked for");
	if (head->status == 206 && !range_begins(http_response_header(head, "content-range"), from))
		return fetch_wrong(b, "the server answers with another range than asked for");
	return NULL;
}

/* Judge an answer by its head, before a byte of it is taken. */
static Err *on_head(void *context, const HttpResponse *head)
{
	BlobReader *b = context;
	TRY(fetch_check_head(b, head, b->received));
	/* 200: it knows no ranges, all of it comes again */
	b->skip = head->status == 206 ? 0 : b->received;
	uint64_t length, expected = b->d.size - b->received + b->skip;
	if (str_to_u64(http_response_header(head, "content-length"), &length) && length != expected)
		return fetch_wrong(b,
		                   length > expected
		                           ? "the registry has more bytes than the manifest says"
		                           : "the registry has fewer bytes than the manifest says");
	return NULL;
}

static void put(BlobReader *b, const char *bytes, size_t len)
{
	size_t end = (b->at + b->held) % RING_BYTES;
	size_t first = RING_BYTES - end < len ? RING_BYTES - end : len;
	memcpy(b->ring + end, bytes, first);
	memcpy(b->ring, bytes + first, len - first);
	b->held += len;
}

/* Into the ring, as it gets room.  A closed reader ends it. */
static Err *deliver(BlobReader *b, const char *bytes, size_t len)
{
	Err *err = NULL;
	pthread_mutex_lock(&b->lock);
	while (len && !err) {
		size_t room = RING_BYTES - b->held;
		if (b->closed) {
			err = err_new(ERR_CANCELLED, "the transfer is not wanted any more");
		} else if (room == 0) {
			pthread_cond_wait(&b->room, &b->lock);
		} else {
			size_t n = len < room ? len : room;
			put(b, bytes, n);
			bytes += n;
			len -= n;
			pthread_cond_signal(&b->more);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return err;
}

static void report(BlobReader *b)
{
	int64_t now = clock_mono_ns();
	if (b->received < b->d.size && now - b->reported_ns < REPORT_MS * 1000000ll)
		return;
	char text[DIGEST_TEXT_LEN + 1];
	b->reported_ns = now;
	progress_bytes(b->progress, b->line, digest_text(&b->d.digest, text), b->received,
	               b->d.size);
}

static Err *check_digest(BlobReader *b)
{
	Sha256 copy = b->hash;
	Digest got = sha256_end(&copy);
	if (digest_eq(&got, &b->d.digest))
		return NULL;
	char text[DIGEST_TEXT_LEN + 1];
	return err_note(fetch_wrong(b, "its digest does not match"), "its bytes are %s",
	                digest_text(&got, text).ptr);
}

Err *fetch_accept(BlobReader *b, const char *bytes, size_t len)
{
	sha256_add(&b->hash, bytes, len);
	b->received += len;
	if (b->received == b->d.size)
		TRY(check_digest(b)); /* before the last bytes leave our hands */
	report(b);
	return deliver(b, bytes, len);
}

static Err *on_bytes(void *context, const void *bytes, size_t len)
{
	BlobReader *b = context;
	const char *at = bytes;
	size_t known = len < b->skip ? len : (size_t)b->skip;
	b->skip -= known;
	at += known;
	len -= known;
	if (len > b->d.size - b->received)
		return fetch_wrong(b, "the registry has more bytes than the manifest says");
	return len ? fetch_accept(b, at, len) : NULL;
}

Str fetch_path(const BlobReader *b, Arena *a)
{
	char text[DIGEST_TEXT_LEN + 1];
	return arena_strf(a, "/v2/%.*s/blobs/%s", STR_ARG(b->ref.path),
	                  digest_text(&b->d.digest, text).ptr);
}

Err *fetch_status_error(const BlobReader *b, const HttpResponse *answer)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_ARENA Arena a = ARENA_INIT;
	Str what = arena_strf(&a, "blob %s", digest_text(&b->d.digest, text).ptr);
	Err *err = endpoint_status_error(b->endpoint, &b->ref, answer, what.ptr, false);
	if (b->d.foreign)
		err = err_note(
			err,
			"the layer is a foreign one: its manifest names other places to get it "
			"from, where decant does not go");
	return err;
}

static Err *receive_once(BlobReader *b, Arena *a)
{
	HttpHeader headers[2] = { { STR("Accept-Encoding"), STR("identity") } };
	size_t count = 1;
	unsigned connections = fetch_connections(b);
	if (connections > 1) {
		TRY(fetch_pieces(b, connections));
		if (b->received == b->d.size)
			return NULL;
	}
	if (b->received)
		headers[count++] =
			(HttpHeader){ STR("Range"), arena_strf(a, "bytes=%llu-",
			                                       (unsigned long long)b->received) };
	Call call = { .endpoint = b->endpoint,
		      .ref = &b->ref,
		      .method = "GET",
		      .path = fetch_path(b, a),
		      .headers = headers,
		      .header_count = count,
		      .head = on_head,
		      .sink = on_bytes,
		      .context = b,
		      .stop = &b->stop };
	HttpResponse answer;
	TRY(endpoint_send(b->r, &call, a, &answer));
	return answer.status == 200 || answer.status == 206 ? NULL : fetch_status_error(b, &answer);
}

/* The whole blob from one endpoint, resuming as often as is sensible. */
static Err *receive(BlobReader *b)
{
	unsigned empty = 0;
	for (unsigned resumes = 0;; resumes++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		uint64_t before = b->received;
		bool connections_failed = b->no_pieces;
		AUTO_ERR Err *err = receive_once(b, &a);
		/* All of it is here and verified: how the connection ended does not matter. */
		if (b->received == b->d.size && (!err || err_kind(err) == ERR_NETWORK))
			return NULL;
		if (!err)
			err = err_new(
				ERR_NETWORK, "the transfer ended early, after %llu of %llu bytes",
				(unsigned long long)b->received, (unsigned long long)b->d.size);
		empty = b->received > before ? 0 : empty + 1;
		/* Without a first byte the HTTP client has tried often enough; another endpoint may
		 * do. */
		bool nothing = b->received == 0 && connections_failed == b->no_pieces;
		if (err_kind(err) != ERR_NETWORK || nothing || empty >= b->r->patience.http.tries ||
		    resumes >= RESUMES_MAX)
			return TAKE_PTR(err);
		/* The HTTP client has waited between its own tries; this is for transfers that
		 * began well. */
		TRY(http_client_pause(b->r->http, empty + 1, &b->stop));
	}
}

static Err *receive_at(void *context, Endpoint *e)
{
	BlobReader *b = context;
	if (b->received == b->d.size) /* wrong bytes are with the reader already: no way back */
		return fetch_wrong(b, "its digest does not match");
	/* What one endpoint began another may finish: the same digest is the same bytes. */
	b->endpoint = e;
	Err *err = receive(b);
	if (err && e->mirror && b->received == b->d.size && err_kind(err) == ERR_CORRUPT)
		endpoint_drop(b->r, e, err);
	return err;
}

static void *receive_thread(void *context)
{
	BlobReader *b = context;
	__atomic_add_fetch(&b->r->fetching, 1, __ATOMIC_RELAXED);
	Err *err = b->d.size == 0 ? check_digest(b) : endpoint_each(b->r, &b->ref, receive_at, b);
	__atomic_sub_fetch(&b->r->fetching, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&b->lock);
	b->err = err;
	b->ended = true;
	pthread_cond_signal(&b->more);
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* --- the reader's side ----------------------------------------------------------------------- */

/* What ended it; whoever asks again is told again: the first may have read ahead for nobody. */
static Err *tell_error(BlobReader *b)
{
	if (!b->told) {
		b->told = true;
		return TAKE_PTR(b->err);
	}
	Err *err = b->received == b->d.size ? check_digest(b) : NULL;
	return err ? err : err_new(ERR_NETWORK, "the transfer has failed");
}

static Err *blob_read(Reader *base, void *buf, size_t cap, size_t *ret_len)
{
	BlobReader *b = (BlobReader *)base;
	Err *err = NULL;
	pthread_mutex_lock(&b->lock);
	while (b->held == 0 && !b->ended)
		pthread_cond_wait(&b->more, &b->lock);
	size_t n = b->held < cap ? b->held : cap;
	size_t first = RING_BYTES - b->at < n ? RING_BYTES - b->at : n;
	memcpy(buf, b->ring + b->at, first);
	memcpy((char *)buf + first, b->ring, n - first);
	b->at = (b->at + n) % RING_BYTES;
	b->held -= n;
	if (n)
		pthread_cond_signal(&b->room);
	else if (b->err || b->told)
		err = tell_error(b);
	pthread_mutex_unlock(&b->lock);
	*ret_len = n;
	return err;
}

static void blob_close(Reader *base)
{
	BlobReader *b = (BlobReader *)base;
	if (b->started) {
		pthread_mutex_lock(&b->lock);
		b->closed = true;
		pthread_cond_signal(&b->room);
		pthread_mutex_unlock(&b->lock);
		cancel_set(&b->stop);
		pthread_join(b->thread, NULL);
	}
	err_free(b->err);
	cancel_close(&b->stop);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->more);
	pthread_cond_destroy(&b->room);
	free(b->ring);
	arena_done(&b->arena);
	free(b);
}

static const ReaderOps blob_ops = { .read = blob_read, .close = blob_close };

Err *registry_fetch_blob(Registry *r, const Reference *ref, const Descriptor *d, Progress *progress,
                         unsigned line, Reader **ret)
{
	BlobReader *b = xcalloc(1, sizeof *b);
	b->base.ops = &blob_ops;
	b->r = r;
	b->ref = (Reference){ .domain = arena_str(&b->arena, ref->domain),
		              .path = arena_str(&b->arena, ref->path),
		              .tag = arena_str(&b->arena, ref->tag),
		              .has_digest = ref->has_digest,
		              .digest = ref->digest };
	b->d = (Descriptor){ .digest = d->digest, .size = d->size, .foreign = d->foreign };
	b->progress = progress;
	b->line = line;
	b->stop.fd = -1;
	sha256_init(&b->hash);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->more, NULL);
	pthread_cond_init(&b->room, NULL);
	b->ring = xmalloc(RING_BYTES);
	Err *err = cancel_open(&b->stop);
	if (!err) {
		int failed = pthread_create(&b->thread, NULL, receive_thread, b);
		b->started = failed == 0;
		err = failed ? err_sys(failed, "cannot start a thread") : NULL;
	}
	if (err) {
		blob_close(&b->base);
		return err;
	}
	*ret = &b->base;
	return NULL;
}

/* --- small blobs ----------------------------------------------------------------------------- */

Err *fetch_small(Registry *r, Endpoint *e, const Reference *ref, const Descriptor *d, size_t limit,
                 Arena *a, Str *ret)
{
	char hex[DIGEST_TEXT_LEN + 1];
	const char *name = arena_strf(a, "blob %s", digest_text(&d->digest, hex).ptr).ptr;
	if (d->size > limit)
		return err_new(ERR_CORRUPT, "%s has %llu bytes, at most %zu are allowed", name,
		               (unsigned long long)d->size, limit);
	Call call = { .endpoint = e,
		      .ref = ref,
		      .method = "GET",
		      .path = arena_strf(a, "/v2/%.*s/blobs/%s", STR_ARG(ref->path), hex),
		      .limit_bytes = (size_t)d->size };
	HttpResponse answer;
	TRY(endpoint_send(r, &call, a, &answer));
	if (answer.status != 200)
		return endpoint_status_error(e, ref, &answer, name, false);
	Digest got = sha256_of(answer.body);
	if (answer.body.len != d->size || !digest_eq(&got, &d->digest)) {
		Str repository = endpoint_repository(a, e, ref);
		return err_new(ERR_CORRUPT, "%.*s: %s: its %s does not match", STR_ARG(repository),
		               name, answer.body.len != d->size ? "size" : "digest");
	}
	*ret = answer.body;
	return NULL;
}

Err *registry_has_blob(Registry *r, const Reference *ref, const Digest *digest, bool *ret)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	AUTO_ARENA Arena a = ARENA_INIT;
	char hex[DIGEST_TEXT_LEN + 1];
	endpoint_list(r, ref->domain, true, endpoints, &count);
	Call call = { .endpoint = endpoints[0],
		      .ref = ref,
		      .method = "HEAD",
		      .path = arena_strf(&a, "/v2/%.*s/blobs/%s", STR_ARG(ref->path),
		                         digest_text(digest, hex).ptr) };
	HttpResponse answer;
	TRY(endpoint_send(r, &call, &a, &answer));
	if (answer.status != 200 && answer.status != 404)
		return endpoint_status_error(endpoints[0], ref, &answer, "blob", false);
	*ret = answer.status == 200;
	return NULL;
}
