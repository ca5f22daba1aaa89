/* netlink.c - rtnetlink requests, one at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/netlink.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

/* A request under construction: attributes follow the head, nested ones are closed by their owner.
 */
typedef struct Request {
	_Alignas(NLMSG_ALIGNTO) char bytes[1024];
	size_t len;
} Request;

static struct nlmsghdr *head_of(Request *r)
{
	return (struct nlmsghdr *)(void *)r->bytes;
}

/* Room for LEN bytes, zeroed and aligned.  The requests here are far below the buffer's size. */
static void *append(Request *r, size_t len)
{
	void *at = r->bytes + r->len;
	if (r->len + NLMSG_ALIGN(len) > sizeof r->bytes)
		abort();
	memset(at, 0, NLMSG_ALIGN(len));
	r->len += NLMSG_ALIGN(len);
	return at;
}

/* BODY is the fixed struct after the head (ifinfomsg, ifaddrmsg, rtmsg). */
static void begin(Request *r, uint16_t type, uint16_t flags, const void *body, size_t body_len)
{
	r->len = 0;
	struct nlmsghdr *h = append(r, sizeof *h);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	memcpy(append(r, body_len), body, body_len);
}

static struct rtattr *attribute(Request *r, uint16_t type, const void *value, size_t len)
{
	struct rtattr *a = append(r, sizeof *a);
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(append(r, len), value, len);
	return a;
}

static void attribute_text(Request *r, uint16_t type, const char *text)
{
	attribute(r, type, text, strlen(text) + 1);
}

static void attribute_number(Request *r, uint16_t type, uint32_t value)
{
	attribute(r, type, &value, sizeof value);
}

/* What was added since A was begun is its content. */
static void close_nested(Request *r, struct rtattr *a)
{
	a->rta_len = (uint16_t)(r->bytes + r->len - (char *)a);
}

/* Send, wait for the answer.  *ret_index: of the interface that the answer describes, if any. */
static int talk(int fd, Request *r, int *ret_index)
{
	head_of(r)->nlmsg_len = (uint32_t)r->len;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	if (sendto(fd, r->bytes, r->len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return -errno;
	for (;;) {
		_Alignas(NLMSG_ALIGNTO) char answer[16384];
		ssize_t n = recv(fd, answer, sizeof answer, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		size_t at = 0;
		while (at + sizeof(struct nlmsghdr) <= (size_t)n) { /* alignment may pass n */
			const struct nlmsghdr *h = (const void *)(answer + at);
			if (h->nlmsg_len < sizeof *h || h->nlmsg_len > (size_t)n - at)
				break;
			at += NLMSG_ALIGN(h->nlmsg_len);
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (h->nlmsg_type == RTM_NEWLINK && ret_index)
				*ret_index = ((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
			if (at > (size_t)n)
				break;
		}
	}
}

static Err *ask(int fd, Request *r, const char *what)
{
	int failed = talk(fd, r, NULL);
	return failed ? err_sys(-failed, "cannot %s", what) : NULL;
}

Err *netlink_open(int *ret_fd)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return err_sys(errno, "cannot open a netlink socket");
	*ret_fd = fd;
	return NULL;
}

Err *netlink_index(int fd, const char *name, int *ret_index)
{
	Request r;
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	begin(&r, RTM_GETLINK, 0, &body, sizeof body);
	attribute_text(&r, IFLA_IFNAME, name);
	int failed = talk(fd, &r, ret_index);
	return failed ? err_sys(-failed, "cannot find the network interface '%s'", name) : NULL;
}

Err *netlink_up(int fd, int index)
{
	Request r;
	struct ifinfomsg body = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	begin(&r, RTM_NEWLINK, 0, &body, sizeof body);
	return ask(fd, &r, "bring a network interface up");
}

Err *netlink_add_bridge(int fd, const char *name)
{
	Request r;
	struct ifinfomsg body = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	attribute_text(&r, IFLA_IFNAME, name);
	struct rtattr *info = attribute(&r, IFLA_LINKINFO, NULL, 0);
	attribute_text(&r, IFLA_INFO_KIND, "bridge");
	close_nested(&r, info);
	return ask(fd, &r, "make a network bridge");
}

Err *netlink_join(int fd, int index, int master)
{
	Request r;
	struct ifinfomsg body = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	begin(&r, RTM_NEWLINK, 0, &body, sizeof body);
	attribute_number(&r, IFLA_MASTER, (uint32_t)master);
	return ask(fd, &r, "join a network interface to the bridge");
}

Err *netlink_add_pair(int fd, const char *name, int master, const char *peer, int peer_ns_fd)
{
	Request r;
	struct ifinfomsg body = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	attribute_text(&r, IFLA_IFNAME, name);
	attribute_number(&r, IFLA_MASTER, (uint32_t)master);
	struct rtattr *info = attribute(&r, IFLA_LINKINFO, NULL, 0);
	attribute_text(&r, IFLA_INFO_KIND, "veth");
	struct rtattr *data = attribute(&r, IFLA_INFO_DATA, NULL, 0);
	struct ifinfomsg peer_body = { 0 };
	struct rtattr *other = attribute(&r, VETH_INFO_PEER, &peer_body, sizeof peer_body);
	attribute_text(&r, IFLA_IFNAME, peer);
	attribute_number(&r, IFLA_NET_NS_FD, (uint32_t)peer_ns_fd);
	close_nested(&r, other);
	close_nested(&r, data);
	close_nested(&r, info);
	return ask(fd, &r, "make a pair of network interfaces");
}

Err *netlink_add_address(int fd, int index, uint32_t address, unsigned prefix_len)
{
	Request r;
	struct ifaddrmsg body = { .ifa_family = AF_INET,
		                  .ifa_prefixlen = (uint8_t)prefix_len,
		                  .ifa_index = (uint32_t)index };
	begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	attribute_number(&r, IFA_LOCAL, address);
	attribute_number(&r, IFA_ADDRESS, address);
	return ask(fd, &r, "set a network address");
}

Err *netlink_add_default_route(int fd, int index, uint32_t gateway)
{
	Request r;
	struct rtmsg body = { .rtm_family = AF_INET,
		              .rtm_table = RT_TABLE_MAIN,
		              .rtm_protocol = RTPROT_BOOT,
		              .rtm_scope = RT_SCOPE_UNIVERSE,
		              .rtm_type = RTN_UNICAST };
	begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	attribute_number(&r, RTA_GATEWAY, gateway);
	attribute_number(&r, RTA_OIF, (uint32_t)index);
	return ask(fd, &r, "set the default route");
}
