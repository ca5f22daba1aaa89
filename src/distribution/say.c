/* say.c - errors as the specification wants them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/json.h"
#include "distribution/distribution-internal.h"

#include <stdarg.h>
#include <stdio.h>

static void say_text(ServerReply *r, unsigned status, const char *code, Str message)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { &json, false };
	json_write_object(&w);
	json_write_key(&w, "errors");
	json_write_array(&w);
	json_write_object(&w);
	json_write_member(&w, "code", str_from(code));
	json_write_member(&w, "message", message);
	json_write_object_end(&w);
	json_write_array_end(&w);
	json_write_object_end(&w);
	buf_add_char(&json, '\n');
	server_reply(r, status);
	server_reply_text(r, STR("application/json; charset=utf-8"), buf_str(&json));
}

void distribution_say(ServerReply *r, unsigned status, const char *code, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	say_text(r, status, code, n < 0 ? STR("") : str_from(text));
}

/* What it is goes to the log: it names places of the server. */
static void log_err(const Call *c, const Err *err)
{
	AUTO_BUF Buf line = BUF_INIT;
	if (!c->o->log)
		return;
	buf_addf(&line, "error: %.*s", STR_ARG(err_cause(err)));
	for (Str whiles = err_whiles(err); whiles.len;) {
		Str one;
		whiles = str_cut(whiles, '\n', &one);
		buf_addf(&line, "; while %.*s", STR_ARG(one));
	}
	c->o->log(c->o->log_context, buf_str(&line));
}

void distribution_say_err(const Call *c, ServerReply *r, Err *err, const char *not_found)
{
	int errnum = err_errno(err);
	if (err_kind(err) == ERR_NOT_FOUND) {
		say_text(r, 404, not_found, err_cause(err));
	} else if (err_kind(err) == ERR_INPUT) {
		say_text(r, 400, "DIGEST_INVALID", err_cause(err));
	} else if (err_kind(err) == ERR_MISS) {
		say_text(r, 409, "BLOB_UPLOAD_INVALID", err_cause(err));
	} else if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG) {
		log_err(c, err);
		distribution_say(r, 507, "DENIED", "the registry's disk is full");
	} else {
		log_err(c, err);
		distribution_say(r, 500, "UNKNOWN", "the registry failed; its log says why");
	}
	err_free(err);
}

void distribution_digest_header(ServerReply *r, Str digest)
{
	server_reply_header(r, "Docker-Content-Digest", digest);
}
