/* access.c - is the request well named, and may it be done?  Before anything is looked up. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "distribution/distribution-internal.h"

static bool is_read(const Call *c)
{
	return str_eqc(c->method, "GET") || str_eqc(c->method, "HEAD");
}

static bool is_names_ok(const Call *c, ServerReply *r)
{
	const Route *t = &c->route;
	if (!store_repo_name_ok(t->repo)) {
		distribution_say(r, 400, "NAME_INVALID", "invalid repository name");
		return false;
	}
	bool digest = store_repo_digest_ok(t->last);
	if ((t->kind == ROUTE_BLOB || t->kind == ROUTE_REFERRERS) && !digest) {
		distribution_say(r, 400, "DIGEST_INVALID",
		                 "invalid digest: expected sha256: or sha512: and lower-case hex "
		                 "digits");
		return false;
	}
	if (t->kind == ROUTE_MANIFEST && !digest && !store_repo_tag_ok(t->last)) {
		bool meant_digest = str_find(t->last, ':') >= 0;
		distribution_say(r, 400, meant_digest ? "DIGEST_INVALID" : "MANIFEST_INVALID",
		                 meant_digest ? "invalid digest" : "invalid tag");
		return false;
	}
	return true;
}

static unsigned needed_right(const Call *c)
{
	if (c->route.kind == ROUTE_UPLOAD || c->route.kind == ROUTE_UPLOADS)
		return SERVER_PUSH;
	if (is_read(c))
		return SERVER_PULL;
	return str_eqc(c->method, "DELETE") ? SERVER_DELETE : SERVER_PUSH;
}

static void ask_for_login(ServerReply *r, const char *why)
{
	distribution_say(r, 401, "UNAUTHORIZED", "%s", why);
	server_ask_for_login(r);
}

static bool identify(Call *c, ServerReply *r)
{
	server_login(c->o->users, c->request, c->o->log, c->o->log_context, &c->who);
	if (c->who.login == SERVER_REFUSED) {
		ask_for_login(r, "the credentials are wrong");
		return false;
	}
	return true;
}

static bool has_rights(const Call *c, ServerReply *r)
{
	unsigned need = needed_right(c);
	if ((server_who_may(&c->who, c->route.repo) & need) == need)
		return true;
	if (c->who.login == SERVER_ANONYMOUS)
		ask_for_login(r, "authentication required");
	else
		distribution_say(r, 403, "DENIED", "%.*s may not %s '%.*s'", STR_ARG(c->who.name),
		                 need == SERVER_PULL   ? "pull from"
		                 : need == SERVER_PUSH ? "push to"
		                                       : "delete in",
		                 STR_ARG(c->route.repo));
	return false;
}

static bool is_allowed_here(const Call *c, ServerReply *r)
{
	bool deletes = str_eqc(c->method, "DELETE") && c->route.kind != ROUTE_UPLOAD;
	if (c->o->read_only && !is_read(c))
		distribution_say(r, 405, "UNSUPPORTED", "the registry is read-only");
	else if (c->o->keep && deletes)
		distribution_say(r, 405, "UNSUPPORTED", "the registry deletes nothing");
	return !server_reply_is_set(r);
}

bool distribution_admit(Call *c, ServerReply *r)
{
	RouteKind kind = c->route.kind;
	if (kind == ROUTE_NONE) {
		distribution_say(r, 404, "NAME_UNKNOWN", "nothing of the protocol is here");
		return false;
	}
	bool named = kind != ROUTE_PING && kind != ROUTE_CATALOG;
	if ((named && !is_names_ok(c, r)) || !identify(c, r))
		return false;
	if (named)
		return has_rights(c, r) && is_allowed_here(c, r);
	if (c->who.login == SERVER_ANONYMOUS) {
		ask_for_login(r, "authentication required"); /* so that clients learn how */
		return false;
	}
	return true;
}

bool distribution_may_pull(const Call *c, Str repo)
{
	return (server_who_may(&c->who, repo) & SERVER_PULL) != 0;
}
