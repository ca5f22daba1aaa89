/* login.c - who sends a request, for every service that asks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "server/users.h"

void server_login(ServerUsers *u, ServerRequest *q, void (*log)(void *context, Str line),
                  void *log_context, ServerWho *ret)
{
	Err *trouble = NULL;
	if (!u) {
		*ret = (ServerWho){ .login = SERVER_KNOWN,
			            .name = STR(""),
			            .everywhere = SERVER_ALL_RIGHTS };
		return;
	}
	server_users_identify(u, server_request_header(q, "Authorization"), server_request_arena(q),
	                      ret, &trouble);
	if (trouble && log) {
		AUTO_BUF Buf line = BUF_INIT;
		buf_addf(&line, "error: the credentials were not read again: %.*s",
		         STR_ARG(err_cause(trouble)));
		log(log_context, buf_str(&line));
	}
	err_free(trouble);
	server_request_set_user(q, ret->name);
}

void server_ask_for_login(ServerReply *r)
{
	server_reply_header(r, "WWW-Authenticate", STR("Basic realm=\"decant\""));
}

bool server_who_sees(const ServerWho *who, Str project)
{
	bool sees = (server_who_may(who, project) & SERVER_PULL) != 0;
	for (size_t i = 0; i < who->grant_count && !sees; i++) {
		Str where = who->grants[i].where;
		sees = (who->grants[i].rights & SERVER_PULL) && where.len > project.len &&
		       str_starts(where, project) && where.ptr[project.len] == '/';
	}
	return sees;
}
