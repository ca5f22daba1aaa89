/* server-internal.h - what the files of server/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "server/microhttpd-internal.h"
#include "server/server.h"

#include <pthread.h>

/* A connection, as the guard sees it. */
typedef struct Guarded {
	struct Guarded *next, *previous;
	int fd;
	bool in_request;  /* a head is here, and it is being answered */
	bool reading;     /* ... and its body is still coming */
	int64_t since_ns; /* monotonic: the head has been waited for, or the bytes counted, since */
	uint64_t bytes;   /* of the body, since then; atomic */
} Guarded;

/* Shuts connections that keep a thread and send next to nothing. */
typedef struct Guard {
	pthread_mutex_t mutex; /* guards all connections but .bytes, and .stop */
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stop;
	Guarded first; /* the ring's head */
	int64_t head_ns;
} Guard;

struct Server {
	const ServerOptions *options;
	Microhttpd mhd;
	struct MHD_Daemon *daemon;
	Guard guard;
	int listen_fd;
	char address[128];
};

typedef struct ServerHeader {
	const char *name;
	Str value;
} ServerHeader;

struct ServerReply {
	Arena *arena;
	unsigned status; /* 0: none yet */
	VEC(ServerHeader) headers;
	Str body;
	int fd; /* -1: .body */
	uint64_t offset, length;
};

typedef struct ServerParameter {
	Str name, value;
} ServerParameter;

/* One request from its first line until the reply is out. */
struct ServerRequest {
	Server *server;
	struct MHD_Connection *connection;
	Guarded *guarded;
	Arena arena;
	Str uri; /* as it came; cut off if the server has no room for it */
	Str method, path, user;
	VEC(ServerParameter) query;
	int64_t started_ns;
	bool begun, closing;
	const ServerService *service;
	void *call;
	uint64_t received;
	ServerReply reply;
};

/* --- request.c --- */
/* Path and query of q->uri; false: it is none that may be looked at. */
bool server_request_parse(ServerRequest *q);
/* NULL, or why the head must not be believed. */
const char *server_request_doubt(const ServerRequest *q);

/* --- exchange.c: what libmicrohttpd calls --- */
void *server_exchange_uri(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result server_exchange_answer(void *server, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *bytes, size_t *len, void **request);
void server_exchange_completed(void *server, struct MHD_Connection *connection, void **request,
                               enum MHD_RequestTerminationCode how);

/* --- guard.c --- */
NODISCARD Err *server_guard_start(Guard *g, int64_t head_ns);
void server_guard_stop(Guard *g);
void server_guard_connection(void *server, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code);
/* A request begins, its body is whole, it is over. */
void server_guard_begin(Guard *g, Guarded *c);
void server_guard_body(Guard *g, Guarded *c, bool coming);
void server_guard_end(Guard *g, Guarded *c);

/* --- listen.c --- */
/* A socket that listens; ADDRESS gets where. */
NODISCARD Err *server_listen(const char *address, char text[static 128], int *ret_fd);
