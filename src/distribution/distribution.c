/* distribution.c - a request of the protocol finds who answers it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "distribution/distribution-internal.h"

static bool is_method(const Call *c, const char *const *allowed)
{
	for (; *allowed; allowed++)
		if (str_eqc(c->method, *allowed))
			return true;
	return false;
}

static void ping(Call *c, ServerReply *r)
{
	(void)c;
	server_reply(r, 200);
	server_reply_text(r, STR("application/json"), STR("{}"));
}

/* THE table of what may be asked where. */
static const struct {
	RouteKind kind;
	const char *methods[6];
	void (*fn)(Call *c, ServerReply *r);
} answers[] = {
	{ ROUTE_PING, { "GET", "HEAD" }, ping },
	{ ROUTE_CATALOG, { "GET" }, distribution_catalog },
	{ ROUTE_TAGS, { "GET" }, distribution_tags },
	{ ROUTE_MANIFEST, { "GET", "HEAD", "PUT", "DELETE" }, distribution_manifest },
	{ ROUTE_BLOB, { "GET", "HEAD", "DELETE" }, distribution_blob },
	{ ROUTE_UPLOADS, { "POST" }, distribution_begin_upload },
	{ ROUTE_UPLOAD, { "GET", "HEAD", "PATCH", "PUT", "DELETE" }, distribution_upload },
	{ ROUTE_REFERRERS, { "GET" }, distribution_referrers },
};

static void answer(Call *c, ServerReply *r)
{
	if (!distribution_admit(c, r))
		return;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if (answers[i].kind != c->route.kind)
			continue;
		if (is_method(c, answers[i].methods))
			answers[i].fn(c, r);
		else
			distribution_say(r, 405, "UNSUPPORTED", "not to be done here: %.*s",
			                 STR_ARG(c->method));
	}
}

static void begin(void *context, ServerRequest *q, ServerReply *r, void **ret_call)
{
	Call *c = xcalloc(1, sizeof *c);
	c->o = context;
	c->store = c->o->store;
	c->request = q;
	c->arena = server_request_arena(q);
	c->method = server_request_method(q);
	c->route = distribution_route(server_request_path(q));
	*ret_call = c;
	server_reply_header(r, "Docker-Distribution-Api-Version", STR("registry/2.0"));
	server_reply_header(r, "X-Content-Type-Options", STR("nosniff"));
	answer(c, r);
	if (server_reply_is_set(r)) /* before it is sent: the next request may come at once */
		distribution_upload_done(c);
}

static void body(void *call, Str bytes)
{
	Call *c = call;
	if (c->upload)
		distribution_upload_body(c, bytes);
	else if (c->text.len + bytes.len > MANIFEST_BYTES_MAX)
		c->too_large = true;
	else
		buf_add_str(&c->text, bytes);
}

static void end(void *call, ServerReply *r)
{
	Call *c = call;
	if (c->end)
		c->end(c, r);
	distribution_upload_done(c);
}

static void done(void *call)
{
	Call *c = call;
	distribution_upload_done(c);
	err_free(c->error);
	buf_done(&c->text);
	free(c);
}

ServerService distribution_service(const DistributionOptions *options)
{
	return (ServerService){ .prefix = "/v2/",
		                .context = (void *)options,
		                .begin = begin,
		                .body = body,
		                .end = end,
		                .done = done };
}
