/*
 * ssh_relay.c - an SSH agent for one RUN: the user's, behind a socket of our own.
 *
 * The socket has the owner and mode that the mount asks for, and the agent sees this process as its
 * peer, so it does not matter which user of the image asks.  Only two questions are passed on:
 * which keys there are, and to sign with one.  All others (add, remove, lock, extensions) are
 * answered with a failure here: a RUN must not be able to change the agent of the user, as in
 * BuildKit.
 *
 * SOURCE  draft-miller-ssh-agent: uint32 length, byte type, contents; an answer for each request
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/run.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
	AGENT_FAILURE = 5,
	AGENT_REQUEST_IDENTITIES = 11,
	AGENT_SIGN_REQUEST = 13,
	HEAD_BYTES = 4,
	LINKS_MAX = 64, /* `git fetch -j` asks from several processes */
	/* The relay's own ends of the poll set come first. */
	AT_STOP = 0,
	AT_LISTEN = 1,
	FIXED = 2,
};

/* One client.  It asks (request fills), then waits for the agent's answer to be through. */
typedef struct Link {
	int client, agent;
	Buf request; /* a message as far as it has come */
	bool waiting;
	Buf answer;
} Link;

struct SshRelay {
	int listen_fd, stop_fd, agent_fd;
	pthread_t thread;
	Link links[LINKS_MAX];
	size_t count;
};

static void link_done(Link *l)
{
	close(l->client);
	if (l->agent >= 0)
		close(l->agent);
	buf_done(&l->request);
	buf_done(&l->answer);
}

/* Nobody may hold up the relay, and with it the end of the RUN, by not reading. */
static void limit_waiting(int fd)
{
	const struct timeval limit = { .tv_sec = 10 };
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* By the fd: its path may be gone in this mount namespace, or too long for an address. */
int ssh_connect(int agent_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", agent_fd);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		limit_waiting(fd);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Length of the whole message that begins in B, head included; 0: not known yet. */
static size_t message_length(const Buf *b)
{
	if (b->len < HEAD_BYTES)
		return 0;
	const unsigned char *p = (const unsigned char *)b->ptr;
	return HEAD_BYTES +
	       ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | (size_t)p[3]);
}

/* Some more bytes of the message; never of the next one.  False: the end, or nonsense. */
static bool read_message(int fd, Buf *b, bool *ret_whole)
{
	size_t length = message_length(b);
	if (length > HEAD_BYTES + SSH_MESSAGE_BYTES_MAX)
		return false;
	size_t want = length ? length - b->len : HEAD_BYTES - b->len;
	*ret_whole = false;
	if (want) {
		buf_reserve(b, want);
		ssize_t n = read(fd, b->ptr + b->len, want);
		if (n < 0 && errno == EINTR)
			return true;
		if (n <= 0)
			return false;
		b->len += (size_t)n;
	}
	*ret_whole = b->len >= HEAD_BYTES && b->len == message_length(b);
	return true;
}

static bool is_allowed(const Buf *request)
{
	if (request->len == HEAD_BYTES)
		return false;
	unsigned char type = (unsigned char)request->ptr[HEAD_BYTES];
	return type == AGENT_REQUEST_IDENTITIES || type == AGENT_SIGN_REQUEST;
}

/* A whole request has come.  False: the link is over. */
static bool take_request(const SshRelay *r, Link *l)
{
	static const char failure[] = { 0, 0, 0, 1, AGENT_FAILURE };
	bool allowed = is_allowed(&l->request);
	if (allowed && l->agent < 0)
		l->agent = ssh_connect(r->agent_fd);
	bool passed =
		allowed && l->agent >= 0 && send_all(l->agent, l->request.ptr, l->request.len);
	buf_reset(&l->request);
	l->waiting = passed;
	return passed || send_all(l->client, failure, sizeof failure);
}

/* False: the link is over. */
static bool serve_link(const SshRelay *r, Link *l)
{
	bool whole = false;
	if (!l->waiting)
		return read_message(l->client, &l->request, &whole) &&
		       (!whole || take_request(r, l));
	if (!read_message(l->agent, &l->answer, &whole))
		return false;
	if (!whole)
		return true;
	bool sent = send_all(l->client, l->answer.ptr, l->answer.len);
	buf_reset(&l->answer);
	l->waiting = false;
	return sent;
}

static void accept_link(SshRelay *r)
{
	int fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		limit_waiting(fd);
	if (fd >= 0 && r->count < LINKS_MAX)
		r->links[r->count++] = (Link){ .client = fd, .agent = -1 };
	else if (fd >= 0)
		close(fd);
}

static void *relay(void *arg)
{
	SshRelay *r = arg;
	struct pollfd watched[FIXED + LINKS_MAX];
	for (;;) {
		watched[AT_STOP] = (struct pollfd){ .fd = r->stop_fd, .events = POLLIN };
		watched[AT_LISTEN] = (struct pollfd){ .fd = r->listen_fd, .events = POLLIN };
		size_t count = r->count;
		for (size_t i = 0; i < count; i++) {
			const Link *l = &r->links[i];
			watched[FIXED + i] =
				(struct pollfd){ .fd = l->waiting ? l->agent : l->client,
				                 .events = POLLIN };
		}
		if (poll(watched, FIXED + count, -1) < 0 && errno != EINTR)
			return NULL;
		if (watched[AT_STOP].revents)
			return NULL;
		for (size_t i = count; i-- > 0;) {
			if (!watched[FIXED + i].revents || serve_link(r, &r->links[i]))
				continue;
			link_done(&r->links[i]);
			r->links[i] = r->links[--r->count];
		}
		if (watched[AT_LISTEN].revents)
			accept_link(r);
	}
}

static void relay_free(SshRelay *r)
{
	for (size_t i = 0; i < r->count; i++)
		link_done(&r->links[i]);
	closep(&r->listen_fd);
	closep(&r->stop_fd);
	closep(&r->agent_fd);
	free(r);
}

static Err *listen_at(int dir_fd, const char *name, SshRelay *r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir_fd,
	               name);
	r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (r->listen_fd < 0 || r->stop_fd < 0 ||
	    bind(r->listen_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(r->listen_fd, LINKS_MAX) < 0)
		return err_sys(errno, "cannot make the socket of an SSH agent");
	return NULL;
}

Err *ssh_relay_start(int dir_fd, const char *name, int agent_fd, SshRelay **ret)
{
	SshRelay *r = xcalloc(1, sizeof *r);
	r->listen_fd = r->stop_fd = -1;
	r->agent_fd = fcntl(agent_fd, F_DUPFD_CLOEXEC, 3);
	Err *e = r->agent_fd < 0 ? err_sys(errno, "cannot duplicate a file descriptor")
	                         : listen_at(dir_fd, name, r);
	if (!e && pthread_create(&r->thread, NULL, relay, r) != 0)
		e = err_sys(EAGAIN, "cannot start a thread for an SSH agent");
	if (e) {
		relay_free(r);
		return e;
	}
	*ret = r;
	return NULL;
}

void ssh_relay_stop(SshRelay *r)
{
	const uint64_t one = 1;
	/* Whoever could keep the relay waiting for it is dead: the RUN is over. */
	(void)!write(r->stop_fd, &one, sizeof one);
	(void)pthread_join(r->thread, NULL);
	relay_free(r);
}
