/*
 * exchange-internal.h - one request and its answer: no retry, no redirect.
 *
 * A Slot is one curl handle with its own connections; a client keeps idle ones.  Sharing
 * connections between threads is not safe in libcurl ("libcurl-share", CURL_LOCK_DATA_CONNECT), so
 * a slot belongs to one thread at a time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/client.h"
#include "http/libcurl-internal.h"

typedef struct Slot {
	CURLM *multi;
	CURL *easy;
	char origin[300]; /* of its last request: most likely still connected */
} Slot;

/* Either ends the exchange; both may be NULL. */
typedef struct Cancels {
	const Cancel *client, *request;
} Cancels;

typedef struct Exchange {
	const Libcurl *curl;
	const HttpRequest *request;
	Str url;               /* the one to ask: after redirects not the request's */
	bool with_credentials; /* false: the Authorization header stays at home */
	const char *user_agent;
	unsigned stall_timeout_ms;
	Cancels cancels;
	/* out */
	bool consumed; /* bytes went to the sink or came from the source: no second try */
	bool retry;    /* the failure may be passing */
} Exchange;

NODISCARD Err *cancels_check(const Cancels *c);
/* A message of libcurl's as ours begin: "Failed to ..." in lower case; "SSL ...", "OpenSSL ..." are
 * names and stay. */
void exchange_fit_message(Buf *text);
NODISCARD Err *exchange_run(Slot *slot, Exchange *x, Arena *a, HttpResponse *ret);
