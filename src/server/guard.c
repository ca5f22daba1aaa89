/*
 * guard.c - connections that hold a thread and send next to nothing are shut.
 *
 * libmicrohttpd shuts those that send nothing at all.  One that sends a byte now and then would
 * stay for ever: a head must be whole in its time, and a body must bring SERVER_BODY_BYTES_MIN in
 * it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "server/server-internal.h"

#include <sys/socket.h>
#include <time.h>

static bool is_too_slow(const Guard *g, Guarded *c, int64_t now_ns)
{
	if (c->in_request && !c->reading)
		return false;
	if (now_ns - c->since_ns < g->head_ns)
		return false;
	if (!c->in_request)
		return true;
	uint64_t bytes = __atomic_exchange_n(&c->bytes, 0, __ATOMIC_RELAXED);
	c->since_ns = now_ns;
	return bytes < SERVER_BODY_BYTES_MIN;
}

static void look(Guard *g)
{
	int64_t now_ns = clock_mono_ns();
	for (Guarded *c = g->first.next; c != &g->first; c = c->next)
		if (is_too_slow(g, c, now_ns))
			(void)shutdown(c->fd, SHUT_RDWR); /* its thread then ends it */
}

static void *watch(void *context)
{
	Guard *g = context;
	(void)pthread_mutex_lock(&g->mutex);
	while (!g->stop) {
		struct timespec until;
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		int64_t pause_ns = g->head_ns / 4 < 1000000000 ? g->head_ns / 4 : 1000000000;
		until.tv_nsec += pause_ns % 1000000000;
		until.tv_sec += pause_ns / 1000000000 + until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&g->wake, &g->mutex, &until);
		look(g);
	}
	(void)pthread_mutex_unlock(&g->mutex);
	return NULL;
}

Err *server_guard_start(Guard *g, int64_t head_ns)
{
	pthread_condattr_t attr;
	(void)pthread_mutex_init(&g->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&g->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	g->first.next = g->first.previous = &g->first;
	g->head_ns = head_ns;
	int error = pthread_create(&g->thread, NULL, watch, g);
	if (error)
		return err_sys(error, "cannot start a thread");
	g->running = true;
	return NULL;
}

void server_guard_stop(Guard *g)
{
	if (!g->running)
		return;
	(void)pthread_mutex_lock(&g->mutex);
	g->stop = true;
	(void)pthread_cond_signal(&g->wake);
	(void)pthread_mutex_unlock(&g->mutex);
	(void)pthread_join(g->thread, NULL);
	(void)pthread_cond_destroy(&g->wake);
	(void)pthread_mutex_destroy(&g->mutex);
}

void server_guard_connection(void *server, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code)
{
	Server *s = server;
	Guard *g = &s->guard;
	Guarded *c = *context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = xcalloc(1, sizeof *c);
		c->fd = s->mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		                ->connect_fd;
		c->since_ns = clock_mono_ns();
		(void)pthread_mutex_lock(&g->mutex);
		c->next = g->first.next;
		c->previous = &g->first;
		c->next->previous = c;
		g->first.next = c;
		(void)pthread_mutex_unlock(&g->mutex);
		*context = c;
	} else if (c) {
		(void)pthread_mutex_lock(&g->mutex);
		c->next->previous = c->previous;
		c->previous->next = c->next;
		(void)pthread_mutex_unlock(&g->mutex);
		free(c);
		*context = NULL;
	}
}

static void change(Guard *g, Guarded *c, bool in_request, bool reading)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&g->mutex);
	c->in_request = in_request;
	c->reading = reading;
	c->since_ns = clock_mono_ns();
	__atomic_store_n(&c->bytes, 0, __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&g->mutex);
}

void server_guard_begin(Guard *g, Guarded *c)
{
	change(g, c, true, false);
}

void server_guard_body(Guard *g, Guarded *c, bool coming)
{
	change(g, c, true, coming);
}

void server_guard_end(Guard *g, Guarded *c)
{
	change(g, c, false, false);
}
