/*
 * fetch-internal.h - a blob on its way from a registry: what fetch.c and fetch_pieces.c share.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry-internal.h"

typedef struct BlobReader {
	Reader base;
	Registry *r;
	Arena arena;
	Reference ref;
	Descriptor d;
	Progress *progress;
	unsigned line;
	Endpoint *endpoint;
	Cancel stop; /* set when the reader is closed early */
	pthread_t thread;
	bool started;

	/* the receiving thread's own */
	Sha256 hash;
	uint64_t received; /* good bytes so far; where a resume begins */
	uint64_t skip;     /* of the running answer: bytes that we have already */
	int64_t reported_ns;
	bool no_pieces; /* the server knows no ranges, or something went wrong with them */

	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t more, room;
	char *ring;
	size_t at, held;          /* first byte, number of bytes */
	bool ended, closed, told; /* told: err was given to the reader once */
	Err *err;
} BlobReader;

/* Bytes that come next, of a blob whose first RECEIVED ones are known to be good: hashed, and into
 * the ring as it gets room. */
NODISCARD Err *fetch_accept(BlobReader *b, const char *bytes, size_t len);
/* ERR_CORRUPT: "REPOSITORY: blob DIGEST: WHAT". */
NODISCARD Err *fetch_wrong(const BlobReader *b, const char *what);
/* Is ANSWER what was asked for: not encoded, and if it is a part, bytes from FROM on? */
NODISCARD Err *fetch_check_head(const BlobReader *b, const HttpResponse *answer, uint64_t from);
Str fetch_path(const BlobReader *b, Arena *a);
/* What an answer that is neither 200 nor 206 means. */
NODISCARD Err *fetch_status_error(const BlobReader *b, const HttpResponse *answer);
/* Over how many connections B should come; 1: as one stream. */
unsigned fetch_connections(const BlobReader *b);
/*
 * The rest of the blob, piece by piece over COUNT connections.  An error that may pass leaves B as
 * it is after the last good byte; b->no_pieces tells that this way leads no further.  No error and
 * not all of it: one connection is quick enough for what is left.
 */
NODISCARD Err *fetch_pieces(BlobReader *b, unsigned count);
