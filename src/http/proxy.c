/* proxy.c - the proxy that the environment names, and which hosts are reached without one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "http/url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BYTES_MAX = 16, ADDRESS_TEXT_MAX = 64 };

typedef struct Address {
	unsigned char bytes[ADDRESS_BYTES_MAX];
	unsigned bit_count; /* 0: it is none */
} Address;

static Address address_of(Str text)
{
	Address a = { .bit_count = 0 };
	char copy[ADDRESS_TEXT_MAX];
	if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
		text = (Str){ text.ptr + 1, text.len - 2 };
	if (text.len == 0 || text.len >= sizeof copy)
		return a;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, a.bytes) == 1)
		a.bit_count = 32;
	else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
		a.bit_count = 128;
	return a;
}

static bool is_within(const Address *a, const Address *net, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;
	if (a->bit_count != net->bit_count || prefix > net->bit_count ||
	    memcmp(a->bytes, net->bytes, whole) != 0)
		return false;
	return rest == 0 || (a->bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0;
}

/* "name", ".name", "*.name": it, and all below it. */
static bool is_below(Str host, Str name)
{
	if (str_starts(name, STR("*.")))
		name = str_from_at(name, 1);
	if (str_starts(name, STR(".")))
		name = str_from_at(name, 1);
	if (name.len == 0 || host.len < name.len)
		return false;
	size_t before = host.len - name.len;
	return http_host_equal(str_from_at(host, before), name) &&
	       (before == 0 || host.ptr[before - 1] == '.');
}

/* ENTRY's ":PORT" goes; false: it is for another port.  An IPv6 address has brackets before one. */
static bool cut_port(Str *entry, unsigned port)
{
	uint64_t wanted;
	size_t colon = entry->len;
	while (colon > 0 && entry->ptr[colon - 1] != ':' && entry->ptr[colon - 1] != ']')
		colon--;
	if (colon == 0 || entry->ptr[colon - 1] == ']' || address_of(*entry).bit_count ||
	    !str_to_u64(str_from_at(*entry, colon), &wanted))
		return true;
	entry->len = colon - 1;
	return wanted == port;
}

static bool is_meant(Str entry, Str host, const Address *address, unsigned port)
{
	Str net;
	uint64_t prefix;
	if (str_eqc(entry, "*"))
		return true;
	Str bits = str_cut(entry, '/', &net);
	if (net.len < entry.len) {
		Address n = address_of(net);
		return n.bit_count && address->bit_count && str_to_u64(bits, &prefix) &&
		       prefix <= n.bit_count && is_within(address, &n, (unsigned)prefix);
	}
	if (!cut_port(&entry, port))
		return false;
	Address one = address_of(entry);
	if (one.bit_count || address->bit_count)
		return one.bit_count && is_within(address, &one, one.bit_count);
	return is_below(host, entry);
}

bool http_host_is_listed(Str list, Str host, unsigned port)
{
	if (host.len && host.ptr[host.len - 1] == '.')
		host.len--;
	Address address = address_of(host);
	while (list.len) {
		Str entry;
		list = str_cut(list, ',', &entry);
		entry = str_trim(entry);
		if (entry.len && is_meant(entry, host, &address, port))
			return true;
	}
	return false;
}

static const char *env_any(const char *a, const char *b)
{
	const char *v = getenv(a);
	return v && *v ? v : getenv(b);
}

static const char *variable(const HttpUrl *url, const char **ret_name)
{
	bool cgi = getenv("REQUEST_METHOD") != NULL;
	const char *proxy = url->https ? env_any("https_proxy", "HTTPS_PROXY")
	                               : env_any("http_proxy", cgi ? "http_proxy" : "HTTP_PROXY");
	*ret_name = url->https ? "https_proxy" : "http_proxy";
	if (proxy && *proxy)
		return proxy;
	*ret_name = "all_proxy";
	proxy = env_any("all_proxy", "ALL_PROXY");
	return proxy ? proxy : "";
}

Err *http_proxy_of(const HttpUrl *url, const char **ret)
{
	static const char *const schemes[] = { "http",    "https",  "socks4",
		                               "socks4a", "socks5", "socks5h" };
	const char *name, *direct = env_any("no_proxy", "NO_PROXY");
	*ret = "";
	if (http_host_is_loopback(url->host) ||
	    (direct && http_host_is_listed(str_from(direct), url->host, url->port)))
		return NULL;
	*ret = variable(url, &name);
	const char *end = strstr(*ret, "://");
	if (!end)
		return NULL;
	Str scheme = { *ret, (size_t)(end - *ret) };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (http_host_equal(scheme, str_from(schemes[i])))
			return NULL;
	/* What is before "://" may be a password that was written in the wrong place. */
	return err_note(err_new(ERR_INPUT, "environment: %s: no proxy speaks its scheme", name),
	                "expected http, https, socks4, socks4a, socks5 or socks5h before ://");
}
