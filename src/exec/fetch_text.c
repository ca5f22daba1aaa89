/* fetch_text.c - a text from a URL, for who has no build yet: a Dockerfile elsewhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build.h"
#include "exec/fetch.h"
#include "http/client.h"

static Err *get(Arena *a, const Remote *remote, size_t limit, const Cancel *cancel, Str *ret)
{
	AUTO_BUF Buf auth = BUF_INIT;
	AUTO_HTTP_CLIENT HttpClient *client = NULL;
	HttpResponse answer;
	TRY(http_client_open("decant/" DECANT_VERSION, cancel, &client));
	if (remote->user_info.len)
		fetch_basic(remote->user_info, &auth);
	HttpHeader header = { STR("Authorization"), buf_str(&auth) };
	HttpRequest request = { .method = "GET",
		                .url = remote->url,
		                .headers = &header,
		                .header_count = auth.len > 0,
		                .limit_bytes = limit };
	TRY(http_client_send(client, a, &request, &answer));
	if (answer.status < 200 || answer.status >= 300)
		return err_new(ERR_NETWORK, "invalid response status %d", answer.status);
	*ret = answer.body;
	return NULL;
}

Err *build_fetch_text(Arena *a, const char *url, size_t limit, const Cancel *cancel, Source *ret)
{
	Remote remote;
	TRY(remote_parse(a, str_from(url), &remote));
	if (remote.kind != REMOTE_HTTP)
		return err_new(ERR_INPUT, "'%.*s' is no URL of a file", STR_ARG(remote.shown));
	TRY_WHILE(get(a, &remote, limit, cancel, &ret->text), "fetching '%.*s'",
	          STR_ARG(remote.shown));
	ret->name = arena_str(a, remote.shown).ptr;
	return NULL;
}
