/*
 * upload-internal.h - the way of one blob's bytes into a registry.
 *
 * WHAT     upload_run() takes a session that POST has begun to its end: one PUT of all, or PATCH for
 *          PATCH.  What the server has of it is asked after each failure; only what is missing goes
 *          again.
 * ERRORS   ERR_NETWORK, ERR_CORRUPT (the server says that it has other bytes than ours) ...; *ret_lost
 *          true: the session is gone, another may do.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry-internal.h"

typedef struct Upload {
	Registry *r;
	Endpoint *endpoint;
	const Reference *ref;
	const Descriptor *d;
	RegistryOpenFn *open; /* a fresh Reader of the blob */
	void *open_context;
	Progress *progress;
	unsigned line;
	char digest[DIGEST_TEXT_LEN + 1];
	/* what the session has come to */
	Arena arena;        /* of the session */
	Str location;       /* where the next part goes; "": no session */
	uint64_t there;     /* bytes that the server has */
	uint64_t chunk_min; /* OCI-Chunk-Min-Length */
	uint64_t chunk;     /* bytes of one PATCH; 0: all in one PUT as long as nothing is there */
	bool broke;         /* the last request, so that some of it may be there; not: refused */
	bool refused;       /* the last request, for its token (401) */
	unsigned failures;  /* in a row, without a byte more */
	/* the running request */
	Reader *from; /* owned */
	uint64_t at;  /* of FROM */
	uint64_t end; /* of the part */
	int64_t reported_ns;
} Upload;

NODISCARD Err *upload_run(Upload *u, bool *ret_lost);
/* What an answer's Location says, from now on. */
NODISCARD Err *upload_follow(Upload *u, const HttpResponse *answer);
void upload_done(Upload *u);
#define AUTO_UPLOAD CLEANUP(upload_done)
