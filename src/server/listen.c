/* listen.c - "HOST:PORT" → a socket that listens there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "server/server-internal.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { BACKLOG = 1024, HOST_BYTES_MAX = 255 };

static Err *bad_address(const char *address)
{
	return err_note(err_new(ERR_INPUT, "'%s' is no address to listen on", address),
	                "write HOST:PORT, as 127.0.0.1:5000, [::1]:5000 or :5000");
}

static Err *find_address(const char *address, struct addrinfo **ret)
{
	Str text = str_from(address), host, port;
	uint64_t number;
	ptrdiff_t colon = str_rfind(text, ':');
	if (colon < 0 || colon > HOST_BYTES_MAX)
		return bad_address(address);
	host = str_head(text, (size_t)colon);
	port = str_from_at(text, (size_t)colon + 1);
	bool bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
	if (bracketed)
		host = (Str){ host.ptr + 1, host.len - 2 };
	if (!str_to_u64(port, &number) || number > 65535 ||
	    (!bracketed && str_find(host, ':') >= 0))
		return bad_address(address);
	AUTO_BUF Buf name = BUF_INIT;
	buf_add_str(&name, host);
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		                        .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	int error = getaddrinfo(host.len ? name.ptr : NULL, port.ptr, &hints, ret);
	if (error)
		return err_note(
			err_new(ERR_INPUT, "cannot find '%s': %s", address, gai_strerror(error)),
			"write HOST:PORT, as 127.0.0.1:5000");
	return NULL;
}

static bool is_local(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >>
		               24 ==
		       127;
	return a->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

Err *server_address_is_local(const char *address, bool *ret)
{
	struct addrinfo *all;
	TRY(find_address(address, &all));
	*ret = true;
	for (const struct addrinfo *a = all; a; a = a->ai_next)
		*ret = *ret && is_local(a->ai_addr);
	freeaddrinfo(all);
	return NULL;
}

static int listen_on(const struct addrinfo *a)
{
	int one = 1;
	AUTO_CLOSE int fd =
		socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void name_socket(int fd, char text[static 128])
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof at;
	char host[HOST_BYTES_MAX + 1], port[16];
	text[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	(void)snprintf(text, 128, at.ss_family == AF_INET6 ? "[%.100s]:%s" : "%.100s:%s", host,
	               port);
}

Err *server_listen(const char *address, char text[static 128], int *ret_fd)
{
	struct addrinfo *all;
	TRY(find_address(address, &all));
	int fd = -1;
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = listen_on(a);
	int errnum = errno;
	freeaddrinfo(all);
	if (fd < 0)
		return err_sys(errnum, "cannot listen on '%s'", address);
	name_socket(fd, text);
	*ret_fd = fd;
	return NULL;
}
