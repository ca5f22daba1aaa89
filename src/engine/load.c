/*
 * load.c - POST /images/load: an archive into an engine.
 *
 * The answer is 200 before it is known whether all went well: each of its lines is a JSON object,
 * and one of them may be an error.  docker with containerd's store writes some errors as a text:
 * {"stream":"Error unpacking image ..."}.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "engine/engine-internal.h"

enum { LOAD_STALL_MS = 600 * 1000 }; /* unpacking a large layer is silent */

typedef struct Load {
	Engine *engine;
	int fd;
	const int *broken;
	EngineSaid *said;
	void *context;
	Buf line;
	Err *err; /* what the other side said */
} Load;

static Err *source(void *context, void *buf, size_t cap, size_t *ret_len)
{
	Load *l = context;
	ssize_t n;
	do
		n = read(l->fd, buf, cap);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(errno, "cannot read the archive");
	if (n == 0 && *l->broken)
		return err_new(ERR_CANCELLED, "the archive is not whole");
	*ret_len = (size_t)n;
	return NULL;
}

static void fail(Load *l, Str text)
{
	if (!l->err)
		l->err = err_new(ERR_NETWORK, "%s: %.*s", engine_name(l->engine->kind),
		                 STR_ARG(str_clip(text, 1000)));
}

/* One text of "stream": lines of it. */
static void take_text(Load *l, Str text)
{
	while (text.len) {
		Str line;
		text = str_cut(text, '\n', &line);
		line = str_trim(line);
		if (str_starts(line, STR("Error")))
			fail(l, line);
		else if (line.len)
			l->said(l->context, line);
	}
}

static Err *take_line(Load *l, Str line)
{
	AUTO_ENGINE_JSON JsonValue *v = NULL;
	line = str_trim(line);
	if (!line.len)
		return NULL;
	TRY(err_set_kind(json_parse(line, JSON_BYTES_MAX, "answer", &v), ERR_NETWORK));
	Str detail = json_value_string(json_member(json_member(v, "errorDetail"), "message"));
	Str plain = json_value_string(json_member(v, "error"));
	if (detail.len || plain.len)
		fail(l, detail.len ? detail : plain);
	take_text(l, json_value_string(json_member(v, "stream")));
	return NULL;
}

static Err *sink(void *context, const void *bytes, size_t len)
{
	Load *l = context;
	Str rest = { bytes, len };
	while (rest.len) {
		ptrdiff_t end = str_find(rest, '\n');
		size_t n = end < 0 ? rest.len : (size_t)end + 1;
		if (l->line.len + n > JSON_BYTES_MAX)
			return err_new(ERR_NETWORK, "a line of the answer is larger than %u bytes",
			               JSON_BYTES_MAX);
		buf_add(&l->line, rest.ptr, n);
		rest = str_from_at(rest, n);
		if (end < 0)
			break;
		TRY(take_line(l, buf_str(&l->line)));
		buf_reset(&l->line);
	}
	return NULL;
}

static Err *post(Load *l, Arena *a)
{
	Engine *e = l->engine;
	const HttpHeader type = { STR("Content-Type"), STR("application/x-tar") };
	HttpResponse response;
	HttpRequest request = { .method = "POST",
		                .url = arena_strf(a, "%.*s%.*s/images/load?quiet=0",
		                                  STR_ARG(e->address.base), STR_ARG(e->version)),
		                .unix_socket = e->address.socket,
		                .headers = &type,
		                .header_count = 1,
		                .no_redirect = true,
		                .source = source,
		                .source_context = l,
		                .source_bytes = HTTP_BYTES_UNKNOWN,
		                .sink = sink,
		                .sink_context = l,
		                .limit_bytes = JSON_BYTES_MAX,
		                .stall_timeout_ms = LOAD_STALL_MS,
		                .tries = 1 };
	TRY(http_client_send(e->http, a, &request, &response));
	if (response.status < 200 || response.status > 299)
		return engine_refusal(e, &response);
	return take_line(l, buf_str(&l->line));
}

Err *engine_load(Engine *e, int fd, const int *broken, EngineSaid *said, void *context)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Load l = { .engine = e, .fd = fd, .broken = broken, .said = said, .context = context };
	Err *err = post(&l, &a);
	buf_done(&l.line);
	if (err && l.err) { /* what it said explains why it hung up */
		err_free(err);
		err = NULL;
	}
	if (!err)
		err = l.err;
	return err_while(err, "loading into %s at '%s'", engine_name(e->kind), engine_address(e));
}
