/*
 * server.h - an HTTP server: requests in, handed to a service by the beginning of their path,
 * replies out.
 *
 * WHAT     Listens on one address, with or without TLS, a thread a connection (libmicrohttpd, loaded when it is
 *          needed).  A ServerService gets a request when its head is here (begin), its body as it comes, and then
 *          gives a reply.  One that replies in begin is not sent the body.
 * LIMITS   SERVER_* in base/limits.h: connections, head, time without a byte, time for a head.  A request that two
 *          readers could take for different ones (two lengths, a length and chunks) is refused, and paths are
 *          taken apart once: no "%2F", no NUL, no "." and "..".
 * ERRORS   of start alone.  Bad requests are answered, and told to log().
 * THREADS  services are called from many threads at once
 * SOURCE   RFC 9110, 9112
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct Server Server;
typedef struct ServerRequest ServerRequest;
typedef struct ServerReply ServerReply;

/* --- requests --------------------------------------------------------------------------------- */
Str server_request_method(const ServerRequest *q);
Str server_request_path(const ServerRequest *q); /* decoded; begins with "/" */
Arena *server_request_arena(const ServerRequest *q);
/* "" if there is none. */
Str server_request_header(const ServerRequest *q, const char *name);
/* Value of ?NAME=, decoded; false: there is none. */
bool server_request_query(const ServerRequest *q, const char *name, Str *ret);
/* The N-th of several; false: there are not so many. */
bool server_request_query_at(const ServerRequest *q, const char *name, size_t n, Str *ret);
/* Its Content-Length; false: none, or the body comes in chunks. */
bool server_request_length(const ServerRequest *q, uint64_t *ret);
/* For the log: who it is from, as the service found out.  In the request's arena. */
void server_request_set_user(ServerRequest *q, Str user);

/* --- replies ---------------------------------------------------------------------------------- */
void server_reply(ServerReply *r, unsigned status);
bool server_reply_is_set(const ServerReply *r);
void server_reply_header(ServerReply *r, const char *name, Str value);
/* The body: BYTES are copied. */
void server_reply_text(ServerReply *r, Str content_type, Str bytes);
/* The body: LENGTH bytes of FD (taken) from OFFSET on, by sendfile where there is no TLS. */
void server_reply_file(ServerReply *r, Str content_type, int fd, uint64_t offset, uint64_t length);

/* --- services --------------------------------------------------------------------------------- */
typedef struct ServerService {
	const char *prefix; /* "/v2/": also of "/v2" alone */
	void *context;
	/* The head is here.  *ret_call, if not NULL, gets the rest and is done in the end. */
	void (*begin)(void *context, ServerRequest *q, ServerReply *r, void **ret_call);
	void (*body)(void *call, Str bytes);
	void (*end)(void *call, ServerReply *r); /* the body is whole */
	void (*done)(void *call);                /* in any case, also if the client has gone away */
} ServerService;

typedef struct ServerOptions {
	const char *address;  /* "127.0.0.1:5000", ":5000", "[::1]:0"; port 0: any that is free */
	Str certificate, key; /* PEM; both or none */
	const ServerService *services;
	size_t service_count;
	const char
		*secret_after; /* "/webhooks/": the part of a path after it is not logged; NULL */
	unsigned idle_ms;      /* without a byte; 0: the usual */
	unsigned head_ms;      /* until a head is whole; 0: the usual */
	/* A line without its end; from many threads. */
	void (*log)(void *context, Str line);
	void *log_context;
} ServerOptions;

/* It listens, and answers nobody yet.  OPTIONS are borrowed until server_close(). */
NODISCARD Err *server_open(const ServerOptions *options, Server **ret);
/* "127.0.0.1:5000", "[::1]:5000": where it listens. */
const char *server_address(const Server *s);
/* Is ADDRESS on this machine alone?  ERR_INPUT. */
NODISCARD Err *server_address_is_local(const char *address, bool *ret);
/* Answer requests, in threads of its own. */
NODISCARD Err *server_start(Server *s);
/* Waits for requests that are being answered.  NULL is fine. */
void server_close(Server *s);

static inline void server_closep(Server **s)
{
	server_close(*s);
}
#define AUTO_SERVER CLEANUP(server_closep)
