/*
 * config.c - mirrors and insecure registries, with dockerd's keys and meaning.
 *
 * Files are opened below a directory descriptor of the place they belong to; what they contain is
 * the user's own, so a mistake is ERR_INPUT and names the file.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "registry/registry-internal.h"
#include "registry/settings.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

typedef struct Address {
	uint8_t bytes[16];
	unsigned bits; /* 32 or 128 */
} Address;

static bool read_address(Str text, Address *ret)
{
	char copy[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof copy)
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	*ret = (Address){ .bits = 32 };
	if (inet_pton(AF_INET, copy, ret->bytes) == 1)
		return true;
	ret->bits = 128;
	return inet_pton(AF_INET6, copy, ret->bytes) == 1;
}

static bool read_network(Str text, Address *ret_net, unsigned *ret_bits)
{
	Str address;
	uint64_t bits;
	Str rest = str_cut(text, '/', &address);
	if (!read_address(address, ret_net) || !str_to_u64(rest, &bits) || bits > ret_net->bits)
		return false;
	*ret_bits = (unsigned)bits;
	return true;
}

static bool network_holds(Str network, const Address *a)
{
	Address net;
	unsigned bits;
	if (!read_network(network, &net, &bits) || net.bits != a->bits)
		return false;
	for (unsigned i = 0; i < bits; i++) {
		unsigned byte = i / 8, bit = 7 - i % 8;
		if ((net.bytes[byte] ^ a->bytes[byte]) >> bit & 1)
			return false;
	}
	return true;
}

static bool any_network_holds(const RegistryConfig *c, const Address *a)
{
	for (size_t i = 0; i < c->insecure_count; i++)
		if (network_holds(c->insecure[i], a))
			return true;
	return false;
}

static bool has_networks(const RegistryConfig *c)
{
	for (size_t i = 0; i < c->insecure_count; i++)
		if (str_find(c->insecure[i], '/') >= 0)
			return true;
	return false;
}

static bool host_in_networks(const RegistryConfig *c, Str host)
{
	Address literal;
	if (!has_networks(c))
		return false;
	if (read_address(host, &literal))
		return any_network_holds(c, &literal);

	char name[256];
	if (host.len >= sizeof name)
		return false;
	memcpy(name, host.ptr, host.len);
	name[host.len] = '\0';
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return false;
	bool holds = false;
	for (const struct addrinfo *i = found; i && !holds; i = i->ai_next) {
		Address a = { .bits = i->ai_family == AF_INET ? 32 : 128 };
		if (i->ai_family == AF_INET)
			memcpy(a.bytes,
			       &((const struct sockaddr_in *)(const void *)i->ai_addr)->sin_addr,
			       4);
		else if (i->ai_family == AF_INET6)
			memcpy(a.bytes,
			       &((const struct sockaddr_in6 *)(const void *)i->ai_addr)->sin6_addr,
			       16);
		else
			continue;
		holds = any_network_holds(c, &a);
	}
	freeaddrinfo(found);
	return holds;
}

bool registry_config_insecure(const RegistryConfig *c, Str authority, Str host)
{
	/* An entry names host and port; one without port means the default ports alone, as in
	 * dockerd. */
	for (size_t i = 0; i < c->insecure_count; i++)
		if (str_eq(c->insecure[i], authority))
			return true;
	return host_in_networks(c, host);
}

static void add_strs(Arena *a, Str **list, size_t *count, const Str *more, size_t more_count)
{
	Str *all = arena_alloc(a, (*count + more_count) * sizeof *all, _Alignof(Str));
	if (*count)
		memcpy(all, *list, *count * sizeof *all);
	if (more_count)
		memcpy(all + *count, more, more_count * sizeof *all);
	*list = all;
	*count += more_count;
}

void registry_trust(Registry *r, Str domain)
{
	Str kept = arena_str(&r->arena, domain);
	add_strs(&r->arena, &r->config.insecure, &r->config.insecure_count, &kept, 1);
}

static void add_mirror(Arena *a, RegistryConfig *c, Mirror m)
{
	Mirror *all = arena_alloc(a, (c->mirror_count + 1) * sizeof *all, _Alignof(Mirror));
	if (c->mirror_count)
		memcpy(all, c->mirrors, c->mirror_count * sizeof *all);
	all[c->mirror_count++] = m;
	c->mirrors = all;
}

Err *registry_config_add_mirror(Arena *a, const char *where, Str domain, Str text,
                                RegistryConfig *c)
{
	HttpUrl url;
	Mirror m = { .domain = arena_str(a, domain), .inside = { "", 0 } };
	if (str_starts(text, STR("unix:")) || str_starts(text, STR("/")))
		return err_new(
			ERR_INPUT,
			"%s: '%.*s': a registry is reached over the network, not by a socket "
			"file",
			where, STR_ARG(text));
	bool whole = memmem(text.ptr, text.len, "://", 3) != NULL;
	m.url = whole ? arena_str(a, text) : arena_strf(a, "https://%.*s", STR_ARG(text));
	TRY_WHILE(http_url_parse(m.url, &url), "reading %s", where);
	if (str_find(url.path, '?') >= 0 || str_find(url.path, '#') >= 0)
		return err_new(ERR_INPUT, "%s: '%.*s' must end with its path", where,
		               STR_ARG(text));
	while (m.url.len && m.url.ptr[m.url.len - 1] == '/')
		m.url.len--;
	if (!whole) { /* a name, and its path is one of repositories */
		TRY(http_url_parse(m.url, &url));
		m.inside = str_from_at(url.path, 1);
		m.url.len -= url.path.len;
	}
	add_mirror(a, c, m);
	return NULL;
}

Err *registry_config_add_insecure(Arena *a, const char *where, Str text, RegistryConfig *c)
{
	Address net;
	unsigned bits;
	if (str_find(text, '/') >= 0 && !read_network(text, &net, &bits))
		return err_new(ERR_INPUT,
		               "%s: '%.*s' is neither HOST:PORT nor a network like 10.0.0.0/8",
		               where, STR_ARG(text));
	Str kept = arena_str(a, text);
	add_strs(a, &c->insecure, &c->insecure_count, &kept, 1);
	return NULL;
}

static Err *add_mirrors_of(Arena *a, const JsonValue *mirrors, const char *name, RegistryConfig *c)
{
	Str domain;
	JsonValue *value;
	void *at = NULL;
	const char *where = arena_strf(a, "%s: mirrors", name).ptr;
	if (json_value_is_null(mirrors))
		return NULL;
	if (!json_value_is_object(mirrors))
		return err_new(ERR_INPUT, "%s.mirrors: expected an object", name);
	while (json_next_member(mirrors, &at, &domain, &value)) {
		Str *list = NULL;
		size_t count = 0;
		const char *key = arena_str(a, domain).ptr;
		TRY(json_get_strs(mirrors, where, key, a, &list, &count));
		for (size_t i = 0; i < count; i++)
			TRY(registry_config_add_mirror(a, where, auth_normal_key(domain), list[i],
			                               c));
	}
	return NULL;
}

static Err *add_document(Arena *a, const JsonValue *doc, const char *name, RegistryConfig *c)
{
	Str *mirrors = NULL, *insecure = NULL;
	size_t mirror_count = 0, insecure_count = 0;
	if (!json_value_is_object(doc))
		return err_new(ERR_INPUT, "%s: expected a JSON object", name);
	TRY(json_get_strs(doc, name, "registry-mirrors", a, &mirrors, &mirror_count));
	TRY(json_get_strs(doc, name, "insecure-registries", a, &insecure, &insecure_count));
	TRY(json_get_bool(doc, name, "skip-default-registry-fallback", &c->no_fallback));
	const char *where = arena_strf(a, "%s: registry-mirrors", name).ptr;
	for (size_t i = 0; i < mirror_count; i++)
		TRY(registry_config_add_mirror(a, where, STR("docker.io"), mirrors[i], c));
	where = arena_strf(a, "%s: insecure-registries", name).ptr;
	for (size_t i = 0; i < insecure_count; i++)
		TRY(registry_config_add_insecure(a, where, insecure[i], c));
	return add_mirrors_of(a, json_member(doc, "mirrors"), name, c);
}

Err *registry_config_add(Arena *a, Str json, const char *name, RegistryConfig *c)
{
	JsonValue *doc = NULL;
	TRY(err_set_kind(json_parse(json, JSON_BYTES_MAX, name, &doc), ERR_INPUT));
	Err *err = json_value_is_object(doc) ? settings_check(doc, name) : NULL;
	if (!err)
		err = add_document(a, doc, name, c);
	json_free(doc);
	return err;
}

typedef struct Reading {
	Arena *arena;
	RegistryConfig *config;
} Reading;

static Err *read_document(void *context, const JsonValue *doc, const char *name)
{
	const Reading *r = context;
	return add_document(r->arena, doc, name, r->config);
}

Err *registry_config_read(Arena *a, RegistryConfig *ret)
{
	RegistryConfig c = { .files = { "", 0 } };
	Reading r = { a, &c };
	TRY(registry_config_add_environment(a, &c));
	TRY(settings_each(a, read_document, &r, &c.files));
	*ret = c;
	return NULL;
}
