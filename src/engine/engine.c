/* engine.c - an Engine: opened, closed, asked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "engine/engine-internal.h"

static Err *no_answer(const Engine *e, int error)
{
	Err *err = err_set_kind(err_sys(error, "cannot connect to %s at '%.*s'",
	                                engine_name(e->kind), STR_ARG(e->address.text)),
	                        ERR_NETWORK);
	if (error == EACCES || error == EPERM)
		return err_note(err, "the socket is not yours: be root, or of its group (ls -l %s)",
		                e->address.socket);
	if (e->kind == ENGINE_DOCKER)
		return err_note(err, "is its daemon running?  DOCKER_HOST or --host say where; the "
		                     "image stays in decant's store");
	return err_note(err, "is it running?  CONTAINER_HOST or --host say where");
}

static Err *find(Engine *e, const char *host)
{
	bool start;
	TRY(engine_find(e->kind, host, &e->arena, &e->address, &start));
	if (start) {
		TRY(engine_service_start(e->cancel, &e->service));
		e->address.socket = e->service.socket;
	}
	int error = e->address.socket ? engine_connect(e->address.socket) : 0;
	return error ? no_answer(e, error) : NULL;
}

Err *engine_open(EngineKind kind, const char *host, const Cancel *cancel, Engine **ret)
{
	AUTO_ENGINE Engine *e = xcalloc(1, sizeof *e);
	e->kind = kind;
	e->cancel = cancel;
	e->version = STR("");
	TRY(find(e, host));
	TRY(http_client_open("decant/" DECANT_VERSION, cancel, &e->http));
	*ret = TAKE_PTR(e);
	return NULL;
}

void engine_close(Engine *e)
{
	if (e->http)
		http_client_close(e->http);
	engine_service_stop(&e->service);
	arena_done(&e->arena);
	free(e);
}

const char *engine_address(const Engine *e)
{
	return e->address.text.ptr;
}

Err *engine_refusal(const Engine *e, const HttpResponse *response)
{
	AUTO_ENGINE_JSON JsonValue *doc = NULL;
	AUTO_ERR Err *bad = json_parse(response->body, JSON_BYTES_MAX, "answer", &doc);
	Str message = bad ? STR("") : json_value_string(json_member(doc, "message"));
	if (!message.len)
		return err_new(ERR_NETWORK, "%s answers with the status %d", engine_name(e->kind),
		               response->status);
	return err_new(ERR_NETWORK, "%s: %.*s", engine_name(e->kind), STR_ARG(message));
}

Err *engine_get(Engine *e, Arena *a, const char *path, JsonValue **ret, int *ret_status)
{
	HttpResponse response;
	HttpRequest request = { .method = "GET",
		                .url = arena_strf(a, "%.*s%.*s/%s", STR_ARG(e->address.base),
		                                  STR_ARG(e->version), path),
		                .unix_socket = e->address.socket,
		                .no_redirect = true,
		                .limit_bytes = ENGINE_BYTES_MAX };
	*ret = NULL;
	TRY_WHILE(http_client_send(e->http, a, &request, &response), "asking %s at '%s'",
	          engine_name(e->kind), engine_address(e));
	*ret_status = response.status;
	if (response.status < 200 || response.status > 299)
		return NULL;
	return err_set_kind(json_parse(response.body, ENGINE_BYTES_MAX, path, ret), ERR_NETWORK);
}
