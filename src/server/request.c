/* request.c - what a request asks for: path, query, headers; and whether to believe it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "server/server-internal.h"

#include <strings.h>

/* --- path and query --------------------------------------------------------------------------- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX and, in a query, "+".  False: what comes out would be no text. */
static bool decode(Arena *a, Str text, bool is_query, Str *ret)
{
	char *out = arena_alloc(a, text.len + 1, 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '%') {
			int high = i + 2 < text.len ? hex_value(text.ptr[i + 1]) : -1;
			int low = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
			if (!is_query && (c == '/' || c == '%' || c == '.'))
				return false; /* another reader of this path would see another */
		} else if (c == '+' && is_query) {
			c = ' ';
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return false;
		out[len++] = c;
	}
	*ret = (Str){ out, len };
	return true;
}

static bool has_dots(Str path)
{
	while (path.len) {
		Str part;
		path = str_cut(path, '/', &part);
		if (str_eqc(part, ".") || str_eqc(part, ".."))
			return true;
	}
	return false;
}

bool server_request_parse(ServerRequest *q)
{
	enum { PARAMETERS_MAX = 100 };
	Str path, query = str_cut(q->uri, '?', &path);
	if (!path.len || path.ptr[0] != '/' || !decode(&q->arena, path, false, &q->path) ||
	    has_dots(q->path))
		return false;
	while (query.len) {
		Str pair, name, value;
		query = str_cut(query, '&', &pair);
		value = str_cut(pair, '=', &name);
		ServerParameter p;
		if (q->query.len == PARAMETERS_MAX || !decode(&q->arena, name, true, &p.name) ||
		    !decode(&q->arena, value, true, &p.value))
			return false;
		VEC_PUSH(&q->query, p);
	}
	return true;
}

/* --- headers ---------------------------------------------------------------------------------- */

typedef struct Count {
	const char *name;
	unsigned n;
} Count;

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
	Count *c = context;
	(void)kind, (void)value;
	c->n += strcasecmp(name, c->name) == 0;
	return MHD_YES;
}

static unsigned count_of(const ServerRequest *q, const char *name)
{
	Count c = { name, 0 };
	(void)q->server->mhd.get_connection_values(q->connection, MHD_HEADER_KIND, count_header,
	                                           &c);
	return c.n;
}

const char *server_request_doubt(const ServerRequest *q)
{
	unsigned lengths = count_of(q, "Content-Length");
	unsigned encodings = count_of(q, "Transfer-Encoding");
	uint64_t length;
	if (lengths > 1 || encodings > 1 || (lengths && encodings))
		return "it has more than one length";
	if (encodings &&
	    strcasecmp(server_request_header(q, "Transfer-Encoding").ptr, "chunked") != 0)
		return "its transfer encoding is not known here";
	if (lengths && !str_to_u64(server_request_header(q, "Content-Length"), &length))
		return "its length is no number";
	if (count_of(q, "Host") > 1 || count_of(q, "Authorization") > 1 ||
	    count_of(q, "Content-Range") > 1 || count_of(q, "Content-Type") > 1)
		return "a header comes twice";
	return NULL;
}

/* --- for services ----------------------------------------------------------------------------- */

Str server_request_method(const ServerRequest *q)
{
	return q->method;
}

Str server_request_path(const ServerRequest *q)
{
	return q->path;
}

Arena *server_request_arena(const ServerRequest *q)
{
	return (Arena *)&q->arena;
}

Str server_request_header(const ServerRequest *q, const char *name)
{
	const char *value =
		q->server->mhd.lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
	return value ? str_from(value) : STR("");
}

bool server_request_query_at(const ServerRequest *q, const char *name, size_t n, Str *ret)
{
	for (size_t i = 0; i < q->query.len; i++) {
		if (!str_eqc(q->query.at[i].name, name) || n--)
			continue;
		*ret = q->query.at[i].value;
		return true;
	}
	return false;
}

bool server_request_query(const ServerRequest *q, const char *name, Str *ret)
{
	return server_request_query_at(q, name, 0, ret);
}

bool server_request_length(const ServerRequest *q, uint64_t *ret)
{
	return str_to_u64(server_request_header(q, "Content-Length"), ret);
}

void server_request_set_user(ServerRequest *q, Str user)
{
	q->user = user;
}
