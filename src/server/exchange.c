/*
 * exchange.c - one request, from its first line to the log.
 *
 * libmicrohttpd calls: uri (the first line is here), answer (the head is here; then for each piece
 * of the body; then with none), completed.  It takes a reply at the first or at the last of the
 * answers, not between: one that comes early waits until a short body has been read, so that
 * clients which write first and read then get it; before a long one the connection ends with it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "server/server-internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

void *server_exchange_uri(void *server, const char *uri, struct MHD_Connection *connection)
{
	Server *s = server;
	ServerRequest *q = xcalloc(1, sizeof *q);
	q->server = s;
	q->connection = connection;
	q->arena = (Arena)ARENA_INIT;
	q->uri = arena_str(&q->arena, str_from(uri));
	q->path = q->method = q->user = STR("");
	q->started_ns = clock_mono_ns();
	q->reply = (ServerReply){ .arena = &q->arena, .fd = -1, .body = STR("") };
	q->guarded = s->mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
	                     ->socket_context;
	return q;
}

/* --- replies ---------------------------------------------------------------------------------- */

void server_reply(ServerReply *r, unsigned status)
{
	r->status = status;
}

bool server_reply_is_set(const ServerReply *r)
{
	return r->status != 0;
}

void server_reply_header(ServerReply *r, const char *name, Str value)
{
	VEC_PUSH(&r->headers, (ServerHeader){ name, arena_str(r->arena, value) });
}

void server_reply_text(ServerReply *r, Str content_type, Str bytes)
{
	server_reply_header(r, "Content-Type", content_type);
	r->body = arena_str(r->arena, bytes);
}

void server_reply_file(ServerReply *r, Str content_type, int fd, uint64_t offset, uint64_t length)
{
	server_reply_header(r, "Content-Type", content_type);
	closep(&r->fd);
	r->fd = fd;
	r->offset = offset;
	r->length = length;
}

static void plain_reply(ServerReply *r, unsigned status, const char *text)
{
	AUTO_BUF Buf body = BUF_INIT;
	buf_addf(&body, "%s\n", text);
	server_reply(r, status);
	server_reply_text(r, STR("text/plain; charset=utf-8"), buf_str(&body));
}

/* --- the log ---------------------------------------------------------------------------------- */

static void add_peer(const ServerRequest *q, Buf *out)
{
	char text[INET6_ADDRSTRLEN] = "-";
	const union MHD_ConnectionInfo *info = q->server->mhd.get_connection_info(
		q->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;
	if (a && a->sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr,
		                text, sizeof text);
	else if (a && a->sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6,
		                &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text,
		                sizeof text);
	buf_addf(out, "%s", text);
}

/* No query: it may hold a secret.  Nothing but printable ASCII. */
static void add_clean(Buf *out, Str text)
{
	text = str_head(text, 512);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		buf_add_char(out, c > 0x20 && c < 0x7f && c != '"' ? c : '?');
	}
}

/* The path as it came; with a secret in it, as it was understood and without that. */
static void add_path(const ServerRequest *q, Buf *out)
{
	const char *mark = q->server->options->secret_after;
	Str path;
	(void)str_cut(q->uri, '?', &path);
	for (size_t i = 0; mark && i < 2; i++) {
		Str in = i ? q->path : path;
		const char *at = in.len ? memmem(in.ptr, in.len, mark, strlen(mark)) : NULL;
		if (!at)
			continue;
		size_t from = (size_t)(at - in.ptr) + strlen(mark), end = from;
		while (end < in.len && in.ptr[end] != '/')
			end++;
		add_clean(out, str_head(in, from));
		buf_addf(out, "***");
		add_clean(out, str_from_at(in, end));
		return;
	}
	add_clean(out, path);
}

static void log_request(const ServerRequest *q)
{
	const ServerOptions *o = q->server->options;
	AUTO_BUF Buf line = BUF_INIT;
	if (!o->log)
		return;
	add_peer(q, &line);
	buf_add_char(&line, ' ');
	add_clean(&line, q->user.len ? q->user : STR("-"));
	buf_addf(&line, " \"");
	add_clean(&line, q->method);
	buf_add_char(&line, ' ');
	add_path(q, &line);
	buf_addf(&line, "\" %u %llu %llu %.3f", q->reply.status, (unsigned long long)q->received,
	         (unsigned long long)q->reply.length,
	         (double)(clock_mono_ns() - q->started_ns) / 1e9);
	o->log(o->log_context, buf_str(&line));
}

/* --- answers ---------------------------------------------------------------------------------- */

static enum MHD_Result send_reply(ServerRequest *q)
{
	const Microhttpd *m = &q->server->mhd;
	ServerReply *r = &q->reply;
	struct MHD_Response *response;
	if (r->fd >= 0) {
		response = m->response_from_fd(r->length, r->fd, r->offset);
		r->fd = response ? -1 : r->fd; /* it is the response's now */
	} else {
		r->length = r->body.len;
		response = m->response_from_buffer(r->body.len, (void *)r->body.ptr,
		                                   MHD_RESPMEM_MUST_COPY);
	}
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < r->headers.len; i++) {
		AUTO_BUF Buf value = BUF_INIT;
		buf_add_str(&value, r->headers.at[i].value);
		(void)m->add_response_header(response, r->headers.at[i].name,
		                             value.ptr ? value.ptr : "");
	}
	if (q->closing)
		(void)m->add_response_header(response, "Connection", "close");
	enum MHD_Result result = m->queue_response(q->connection, r->status, response);
	m->destroy_response(response);
	return result;
}

static const ServerService *service_of(const ServerOptions *o, Str path)
{
	for (size_t i = 0; i < o->service_count; i++) {
		Str prefix = str_from(o->services[i].prefix);
		if (str_starts(path, prefix) || str_eq(path, str_head(prefix, prefix.len - 1)))
			return &o->services[i];
	}
	return NULL;
}

static void begin(ServerRequest *q, const char *method)
{
	ServerReply *r = &q->reply;
	q->begun = true;
	q->method = arena_str(&q->arena, str_from(method));
	const char *doubt = server_request_doubt(q);
	if (doubt) {
		q->closing = true; /* where the next request begins is not known */
		plain_reply(r, 400, doubt);
	} else if (!server_request_parse(q)) {
		plain_reply(r, 400, "the path or query of the request is not valid");
	} else if (!(q->service = service_of(q->server->options, q->path))) {
		plain_reply(r, 404, "nothing here");
	} else {
		q->service->begin(q->service->context, q, r, &q->call);
		if (!q->call && !server_reply_is_set(r))
			plain_reply(r, 500, "no reply");
	}
}

/* Must the body not be waited for?  A reply before its end costs the connection, so a short one is.
 */
static bool replies_at_once(const ServerRequest *q)
{
	uint64_t length;
	if (q->closing || server_request_header(q, "Expect").len)
		return true;
	return server_request_length(q, &length) && length > SERVER_DRAIN_BYTES_MAX;
}

static enum MHD_Result take_body(ServerRequest *q, Str bytes)
{
	q->received += bytes.len;
	if (q->guarded)
		__atomic_add_fetch(&q->guarded->bytes, bytes.len, __ATOMIC_RELAXED);
	if (q->call && !server_reply_is_set(&q->reply))
		q->service->body(q->call, bytes);
	else if (q->received > SERVER_DRAIN_BYTES_MAX)
		return MHD_NO;
	return MHD_YES;
}

enum MHD_Result server_exchange_answer(void *server, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *bytes, size_t *len, void **request)
{
	ServerRequest *q = *request;
	Guard *guard = &((Server *)server)->guard;
	(void)connection, (void)url, (void)version;
	if (!q)
		return MHD_NO;
	if (!q->begun) {
		server_guard_begin(guard, q->guarded);
		begin(q, method);
		if (server_reply_is_set(&q->reply) && replies_at_once(q))
			return send_reply(q);
		server_guard_body(guard, q->guarded, true);
		return MHD_YES;
	}
	if (*len) {
		enum MHD_Result result = take_body(q, (Str){ bytes, *len });
		*len = 0;
		return result;
	}
	server_guard_body(guard, q->guarded, false);
	if (q->call && !server_reply_is_set(&q->reply))
		q->service->end(q->call, &q->reply);
	if (!server_reply_is_set(&q->reply))
		plain_reply(&q->reply, 500, "no reply");
	return send_reply(q);
}

void server_exchange_completed(void *server, struct MHD_Connection *connection, void **request,
                               enum MHD_RequestTerminationCode how)
{
	ServerRequest *q = *request;
	(void)connection, (void)how;
	if (!q)
		return;
	server_guard_end(&((Server *)server)->guard, q->guarded);
	if (q->call)
		q->service->done(q->call);
	log_request(q);
	closep(&q->reply.fd);
	VEC_DONE(&q->reply.headers);
	VEC_DONE(&q->query);
	arena_done(&q->arena);
	free(q);
	*request = NULL;
}
