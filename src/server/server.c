/* server.c - start and stop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "server/server-internal.h"

#include <stdarg.h>
#include <stdio.h>

static void log_trouble(void *context, const char *format, va_list args) VPRINTF(2);

/* libmicrohttpd's own messages, e.g. of a TLS handshake that failed. */
static void log_trouble(void *context, const char *format, va_list args)
{
	const Server *s = context;
	char text[512];
	int n = vsnprintf(text, sizeof text, format, args);
	if (n > 0 && s->options->log)
		s->options->log(s->options->log_context, str_trim(str_from(text)));
}

static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context, (void)connection;
	return strlen(text); /* request.c reads them */
}

static struct MHD_Daemon *start(Server *s)
{
	const ServerOptions *o = s->options;
	AUTO_BUF Buf certificate = BUF_INIT, key = BUF_INIT;
	buf_add_str(&certificate, o->certificate);
	buf_add_str(&key, o->key);
	unsigned idle_s = o->idle_ms ? (o->idle_ms + 999) / 1000 : SERVER_IDLE_S;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.ptr },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, key.ptr },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1" },
		{ MHD_OPTION_END, 0, NULL },
	};
	const struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
	                 MHD_USE_POLL | MHD_USE_ERROR_LOG | (o->certificate.len ? MHD_USE_TLS : 0);
	/* the logger first: it then hears of the other options too */
	return s->mhd.start_daemon(
		flags, 0, NULL, NULL, server_exchange_answer, s, MHD_OPTION_EXTERNAL_LOGGER,
		log_trouble, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)SERVER_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_HEAD_BYTES_MAX,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)SERVER_STACK_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, server_exchange_uri, s, MHD_OPTION_NOTIFY_COMPLETED,
		server_exchange_completed, s, MHD_OPTION_NOTIFY_CONNECTION, server_guard_connection,
		s, MHD_OPTION_ARRAY, o->certificate.len ? tls : none, MHD_OPTION_END);
}

Err *server_open(const ServerOptions *options, Server **ret)
{
	AUTO_SERVER Server *s = xcalloc(1, sizeof *s);
	s->options = options;
	s->listen_fd = -1;
	TRY(microhttpd_load(&s->mhd));
	if (options->certificate.len && s->mhd.is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return err_new(ERR_SYSTEM, "this libmicrohttpd was built without TLS");
	TRY(server_listen(options->address, s->address, &s->listen_fd));
	*ret = TAKE_PTR(s);
	return NULL;
}

Err *server_start(Server *s)
{
	unsigned head_ms = s->options->head_ms ? s->options->head_ms : SERVER_HEAD_S * 1000;
	TRY(server_guard_start(&s->guard, (int64_t)head_ms * 1000000));
	s->daemon = start(s);
	if (s->daemon)
		return NULL;
	return err_new(ERR_SYSTEM, s->options->certificate.len
	                                   ? "the server does not start: are certificate and key "
	                                     "PEM, and a pair?"
	                                   : "the server does not start");
}

const char *server_address(const Server *s)
{
	return s->address;
}

void server_close(Server *s)
{
	if (!s)
		return;
	if (s->daemon)
		s->mhd.stop_daemon(s->daemon); /* closes the socket too */
	else
		closep(&s->listen_fd);
	server_guard_stop(&s->guard);
	free(s);
}
