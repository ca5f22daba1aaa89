/* wire.c - values into packets and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/wire.h"

#include <sys/socket.h>

enum {
	PACKET_BYTES = 32 << 10,      /* well below the smallest default of net.core.wmem_max */
	PACKET_FDS = 250,             /* SCM_MAX_FD is 253 */
	MESSAGE_BYTES_MAX = 64 << 20, /* argv + env: the kernel itself takes no more than 6 MiB */
	MESSAGE_FDS_MAX = 65536,
};

/* First in each packet: what is still to come, this packet included. */
typedef struct PacketHead {
	uint32_t bytes_left, fds_left;
} PacketHead;

void wire_close_fds(FdList *l)
{
	for (size_t i = 0; i < l->len; i++)
		closep(&l->at[i]);
	VEC_DONE(l);
}

void wire_put_u32(Buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof v);
}

void wire_put_u64(Buf *b, uint64_t v)
{
	buf_add(b, &v, sizeof v);
}

void wire_put_str(Buf *b, Str s)
{
	wire_put_u32(b, (uint32_t)s.len);
	buf_add(b, s.ptr, s.len);
}

void wire_put_cstr(Buf *b, const char *s)
{
	wire_put_u32(b, s != NULL);
	if (s)
		wire_put_str(b, str_from(s));
}

void wire_put_err(Buf *b, const Err *e)
{
	wire_put_u32(b, e != NULL);
	if (!e)
		return;
	int errnum = err_errno(e);
	Str cause = err_cause(e);
	if (errnum != 0) { /* err_sys() at the other end appends the errno's text again */
		const char *text = strerror(errnum);
		size_t tail = strlen(text) + 2;
		if (cause.len >= tail && str_ends(cause, str_from(text)))
			cause = str_head(cause, cause.len - tail);
	}
	wire_put_u32(b, err_kind(e));
	wire_put_u32(b, (uint32_t)errnum);
	wire_put_u32(b, (uint32_t)err_exit_status(e));
	wire_put_str(b, cause);
	wire_put_str(b, err_whiles(e));
	wire_put_str(b, err_notes(e));
}

static const char *wire_take(WireReader *r, size_t len)
{
	if (r->bad || r->rest.len < len) {
		r->bad = true;
		return NULL;
	}
	const char *at = r->rest.ptr;
	r->rest = str_from_at(r->rest, len);
	return at;
}

uint32_t wire_get_u32(WireReader *r)
{
	uint32_t v = 0;
	const char *at = wire_take(r, sizeof v);
	if (at)
		memcpy(&v, at, sizeof v);
	return v;
}

uint64_t wire_get_u64(WireReader *r)
{
	uint64_t v = 0;
	const char *at = wire_take(r, sizeof v);
	if (at)
		memcpy(&v, at, sizeof v);
	return v;
}

Str wire_get_str(WireReader *r)
{
	uint32_t len = wire_get_u32(r);
	const char *at = wire_take(r, len);
	return at ? (Str){ at, len } : (Str){ "", 0 };
}

char *wire_get_cstr(WireReader *r)
{
	if (wire_get_u32(r) == 0)
		return NULL;
	Str s = wire_get_str(r);
	char *copy = xmalloc(s.len + 1);
	memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

Err *wire_get_err(WireReader *r)
{
	if (wire_get_u32(r) == 0)
		return NULL;
	ErrKind kind = (ErrKind)wire_get_u32(r);
	int errnum = (int)wire_get_u32(r);
	int status = (int)wire_get_u32(r);
	Str cause = wire_get_str(r);
	Err *e = errnum != 0 ? err_set_kind(err_sys(errnum, "%.*s", STR_ARG(cause)), kind)
	                     : err_new(kind, "%.*s", STR_ARG(cause));
	if (status != 0)
		e = err_set_exit_status(e, status);
	Str whiles = wire_get_str(r);
	while (whiles.len > 0) {
		Str line;
		whiles = str_cut(whiles, '\n', &line);
		e = err_while(e, "%.*s", STR_ARG(line));
	}
	Str notes = wire_get_str(r);
	while (notes.len > 0) {
		Str line;
		notes = str_cut(notes, '\n', &line);
		e = err_note(e, "%.*s", STR_ARG(line));
	}
	return e;
}

size_t wire_room_for(const WireReader *r, size_t size)
{
	return r->bad ? 0 : r->rest.len / size;
}

Err *wire_send(int fd, Str bytes, const int *fds, size_t fd_count)
{
	/* The control buffer is zeroed: its padding travels too. */
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(PACKET_FDS * sizeof(int))];
	} control = { 0 };

	do {
		PacketHead head = { (uint32_t)bytes.len, (uint32_t)fd_count };
		size_t now = bytes.len < PACKET_BYTES ? bytes.len : PACKET_BYTES;
		size_t fds_now = fd_count < PACKET_FDS ? fd_count : PACKET_FDS;
		struct iovec parts[] = { { &head, sizeof head }, { (void *)bytes.ptr, now } };
		struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
		if (fds_now > 0) {
			m.msg_control = &control;
			m.msg_controllen = CMSG_SPACE(fds_now * sizeof(int));
			struct cmsghdr *c = CMSG_FIRSTHDR(&m);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(fds_now * sizeof(int));
			memcpy(CMSG_DATA(c), fds, fds_now * sizeof(int));
		}
		ssize_t n;
		do
			n = sendmsg(fd, &m, MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return err_sys(errno, "cannot send to the sandbox server");
		bytes = str_from_at(bytes, now);
		fds += fds_now;
		fd_count -= fds_now;
	} while (bytes.len > 0 || fd_count > 0);
	return NULL;
}

static void wire_take_fds(struct msghdr *m, FdList *fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
			VEC_PUSH(fds, fd);
		}
	}
}

Err *wire_recv(int fd, Buf *bytes, FdList *fds, bool *ret_end)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(PACKET_FDS * sizeof(int))];
	} control;
	size_t bytes_at_start = bytes->len, fds_at_start = fds->len;
	size_t bytes_want = 0, fds_want = 0;

	*ret_end = false;
	for (bool first = true; first || bytes->len - bytes_at_start < bytes_want ||
	                        fds->len - fds_at_start < fds_want;
	     first = false) {
		PacketHead head;
		buf_reserve(bytes, PACKET_BYTES);
		struct iovec parts[] = { { &head, sizeof head },
			                 { bytes->ptr + bytes->len, PACKET_BYTES } };
		struct msghdr m = { .msg_iov = parts,
			            .msg_iovlen = 2,
			            .msg_control = &control,
			            .msg_controllen = sizeof control };
		ssize_t n;
		do
			n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno == ECONNRESET)
			n = 0; /* closed with unread packets of ours in its queue */
		if (n < 0)
			return err_sys(errno, "cannot receive from the sandbox server");
		wire_take_fds(&m, fds);
		if (n == 0 && first) {
			*ret_end = true;
			return NULL;
		}
		if ((size_t)n < sizeof head || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
			return err_new(ERR_SYSTEM, "a message of the sandbox server is cut");
		if (first) {
			bytes_want = head.bytes_left;
			fds_want = head.fds_left;
			if (bytes_want > MESSAGE_BYTES_MAX || fds_want > MESSAGE_FDS_MAX)
				return err_new(ERR_SYSTEM,
				               "a message of the sandbox server is too long");
		}
		bytes->len += (size_t)n - sizeof head;
		bytes->ptr[bytes->len] = '\0';
	}
	return NULL;
}
