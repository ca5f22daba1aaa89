/*
 * fetch_pieces.c - a large blob over several connections at once.
 *
 * Storage servers and the way to them give one connection only so much: several are faster, where
 * that is little.  `bench/run connections` (20 ms there and back, a layer of 25 MB, whole pulls):
 * 1.71 s over one connection and 0.88 s over four where one brings 13 MB a second, 0.52 and 0.46 s
 * at 50 MB/s, but 0.35 and 0.37 s at 400 MB/s, and on loopback 0.22 and 0.24 s: a piece is copied
 * once more, and waited for.  So the first piece is timed, and the rest comes as one stream if that
 * was quick.
 *
 * Each thread takes the next piece, receives it into memory, and waits until all before it have
 * been handed on: what the reader sees is one stream, hashed in order.  Whoever holds the first
 * piece that is missing never waits, so somebody always gets on.
 *
 * The first piece is asked for alone.  A server that does not answer it with 206 knows no ranges:
 * that is told by no_pieces, and the blob comes as one stream, as it does after any failure here.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "registry/fetch-internal.h"

#include <inttypes.h>

enum {
	PIECE_BYTES = 4 << 20,
	PIECE_LEAST = 64 << 10,
	LARGE_BYTES = 16 << 20, /* what one connection brings soon enough */
	QUICK_BYTES_MS =
		80000, /* a millisecond: what one connection may not bring, to be one of several */
	CONNECTIONS = 4,     /* for one blob */
	CONNECTIONS_ALL = 8, /* for all blobs that are on their way */
};

typedef struct Pieces {
	BlobReader *b;
	uint64_t from; /* of the first piece */
	size_t piece_bytes;
	pthread_mutex_t lock; /* over what follows, and the handing on */
	pthread_cond_t turn;
	size_t next; /* the piece that is handed on next */
	bool quick;  /* the first one was */
	bool failed;
	Err *err; /* the first one: what others say because of it does not count */
} Pieces;

typedef struct Piece {
	const Pieces *all;
	uint64_t from;
	size_t len, got;
	char *bytes;
	int64_t head_ns; /* when its answer began */
} Piece;

unsigned fetch_connections(const BlobReader *b)
{
	unsigned wanted = b->r->patience.connections;
	uint64_t left = b->d.size - b->received;
	if (b->no_pieces || b->d.size < 2 * PIECE_LEAST)
		return 1;
	if (wanted)
		return left < 2 * PIECE_LEAST ? 1 : wanted;
	/* On this machine one connection is as fast as the processor. */
	if (b->endpoint->loopback || left < LARGE_BYTES)
		return 1;
	unsigned fetching = __atomic_load_n(&b->r->fetching, __ATOMIC_RELAXED);
	unsigned share = CONNECTIONS_ALL / (fetching ? fetching : 1);
	return share < 1 ? 1 : share < CONNECTIONS ? share : CONNECTIONS;
}

static Err *on_head(void *context, const HttpResponse *head)
{
	Piece *p = context;
	BlobReader *b = p->all->b;
	uint64_t length;
	p->head_ns = clock_mono_ns();
	TRY(fetch_check_head(b, head, p->from));
	if (head->status != 206)
		return err_new(ERR_NETWORK, "the server knows no ranges");
	if (str_to_u64(http_response_header(head, "content-length"), &length) && length != p->len)
		return fetch_wrong(b, "the server answers with another range than asked for");
	return NULL;
}

static Err *on_bytes(void *context, const void *bytes, size_t len)
{
	Piece *p = context;
	if (len > p->len - p->got)
		return fetch_wrong(p->all->b, "the registry has more bytes than the manifest says");
	memcpy(p->bytes + p->got, bytes, len);
	p->got += len;
	return NULL;
}

static Err *receive(Piece *p, Arena *a)
{
	BlobReader *b = p->all->b;
	HttpResponse answer;
	HttpHeader headers[] = {
		{ STR("Accept-Encoding"), STR("identity") },
		{ STR("Range"),
		  arena_strf(a, "bytes=%" PRIu64 "-%" PRIu64, p->from, p->from + p->len - 1) },
	};
	Call call = { .endpoint = b->endpoint,
		      .ref = &b->ref,
		      .method = "GET",
		      .path = fetch_path(b, a),
		      .headers = headers,
		      .header_count = ARRAY_LEN(headers),
		      .head = on_head,
		      .sink = on_bytes,
		      .context = p,
		      .stop = &b->stop };
	TRY(endpoint_send(b->r, &call, a, &answer));
	if (answer.status == 416)
		return err_new(ERR_NETWORK, "the server refuses a range of its blob");
	if (answer.status != 200 && answer.status != 206)
		return fetch_status_error(b, &answer);
	return p->got == p->len ? NULL
	                        : err_new(ERR_NETWORK, "a piece of the transfer ended early");
}

/* In its turn; another's failure ends the waiting. */
static Err *hand_on(Pieces *all, size_t index, const Piece *p)
{
	Err *err = NULL;
	pthread_mutex_lock(&all->lock);
	while (all->next != index && !all->failed)
		pthread_cond_wait(&all->turn, &all->lock);
	if (all->failed)
		err = err_new(ERR_CANCELLED, "another piece failed");
	else
		err = fetch_accept(all->b, p->bytes, p->len);
	all->next++;
	pthread_cond_broadcast(&all->turn);
	pthread_mutex_unlock(&all->lock);
	return err;
}

/* Takes over ERR. */
static void fail(Pieces *all, Err *err)
{
	pthread_mutex_lock(&all->lock);
	if (all->failed)
		err_free(err);
	else
		all->err = err;
	all->failed = true;
	pthread_cond_broadcast(&all->turn);
	pthread_mutex_unlock(&all->lock);
}

static Err *fetch_piece(Pieces *all, size_t index)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Piece p = { .all = all, .from = all->from + (uint64_t)index * all->piece_bytes };
	uint64_t left = all->b->d.size - p.from;
	p.len = left < all->piece_bytes ? (size_t)left : all->piece_bytes;
	AUTO_FREE char *bytes = xmalloc(p.len);
	p.bytes = bytes;
	Err *err = receive(&p, &a);
	if (!err && index == 0) {
		uint64_t ms = (uint64_t)(clock_mono_ns() - p.head_ns) / 1000000;
		all->quick = p.len > ms * QUICK_BYTES_MS;
	}
	if (!err)
		err = hand_on(all, index, &p);
	if (!err)
		return NULL;
	fail(all, err);
	return err_new(ERR_CANCELLED, "a piece failed"); /* begins no other; all->err is told */
}

static Err *fetch_later(void *context, size_t i)
{
	return fetch_piece(context, i + 1);
}

static size_t piece_bytes(uint64_t left, unsigned count)
{
	uint64_t fair = left / count / 2;
	return fair < PIECE_LEAST ? PIECE_LEAST : fair > PIECE_BYTES ? PIECE_BYTES : (size_t)fair;
}

Err *fetch_pieces(BlobReader *b, unsigned count)
{
	uint64_t left = b->d.size - b->received;
	Pieces all = { .b = b, .from = b->received, .piece_bytes = piece_bytes(left, count) };
	pthread_mutex_init(&all.lock, NULL);
	pthread_cond_init(&all.turn, NULL);
	size_t pieces = (size_t)((left + all.piece_bytes - 1) / all.piece_bytes);
	Err *err = fetch_piece(&all, 0);
	b->no_pieces =
		all.quick && !b->r->patience.connections; /* who asks for several gets them */
	if (!err && pieces > 1 && !b->no_pieces)
		err = parallel_each(pieces - 1, count, fetch_later, &all);
	pthread_cond_destroy(&all.turn);
	pthread_mutex_destroy(&all.lock);
	if (!err)
		return NULL;
	b->no_pieces = true;
	err_free(err);
	return all.err;
}
