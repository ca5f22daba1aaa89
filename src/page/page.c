/* page.c - a request of a browser finds its page. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "page/page-internal.h"

#include <arpa/inet.h>
#include <strings.h>

enum { HOST_BYTES_MAX = 255 };

/* --- whom the browser means ------------------------------------------------------------------- */

/* HOST without its port and brackets. */
static Str host_name(Str host)
{
	ptrdiff_t close = str_rfind(host, ']'), colon = str_rfind(host, ':');
	if (host.len && host.ptr[0] == '[' && close > 0)
		return (Str){ host.ptr + 1, (size_t)close - 1 };
	return colon >= 0 ? str_head(host, (size_t)colon) : host;
}

static bool is_address(Str name)
{
	char text[64], bytes[16];
	if (name.len >= sizeof text)
		return false;
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool same_name(Str a, Str b)
{
	return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool is_host_text(Str host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		bool fine = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		            memchr(".-:[]", c, 5);
		if (!fine)
			return false;
	}
	return host.len > 0 && host.len <= HOST_BYTES_MAX;
}

/*
 * A page of another site may have its name lead here, and would then be allowed to read what comes.
 * It cannot change what the request says: the site's name.  With passwords it has none to send.
 */
static bool is_meant(const PageCall *c)
{
	Str name = host_name(c->host);
	if (c->o->users || is_address(name) || same_name(name, STR("localhost")))
		return true;
	for (size_t i = 0; i < c->o->domain_count; i++)
		if (same_name(name, host_name(c->o->domains[i])))
			return true;
	return false;
}

/* --- pages ------------------------------------------------------------------------------------ */

static Err *show_list(PageCall *c, Str kind)
{
	page_begin(c, c->project.name, 0);
	if (str_eqc(kind, "configs"))
		TRY(page_add_configs(c, true));
	else if (str_eqc(kind, "builds"))
		TRY(page_add_builds(c, STR(""), true));
	else if (str_eqc(kind, "streams"))
		TRY(page_add_streams(c, true));
	else if (str_eqc(kind, "repositories"))
		TRY(page_add_repositories(c, true));
	else
		return err_new(ERR_NOT_FOUND, "no such kind");
	page_end(c, 200);
	return NULL;
}

static Err *show_one(PageCall *c, Str kind, Str name, Str more)
{
	if (str_eqc(kind, "builds") && str_eqc(more, "log"))
		return page_send_log(c, name);
	if (more.len)
		return err_new(ERR_NOT_FOUND, "no such page");
	if (str_eqc(kind, "configs"))
		return page_show_config(c, name);
	if (str_eqc(kind, "builds"))
		return page_show_build(c, name);
	if (str_eqc(kind, "streams"))
		return page_show_stream(c, name);
	return err_new(ERR_NOT_FOUND, "no such kind");
}

/* The project that is chosen, if it is to be seen; else the first that is. */
static Err *show_root(PageCall *c)
{
	size_t at = 0;
	if (!c->project_count && c->who.login != SERVER_KNOWN) {
		page_say(c, 401, "Log in", "This server asks who you are.");
		return NULL;
	}
	if (!c->project_count) {
		page_say(c, 200, "No projects", "There is nothing that you may see.");
		return NULL;
	}
	TRY(project_open(c->o->store, STR(""), c->arena, &c->project));
	for (size_t i = 0; i < c->project_count; i++)
		if (str_eq(c->projects[i], c->project.name))
			at = i;
	c->project.name = c->projects[at];
	return page_show_project(c);
}

static bool is_project(const PageCall *c)
{
	bool is = false;
	for (size_t i = 0; i < c->project_count && !is; i++)
		is = str_eq(c->projects[i], c->project.name);
	return is;
}

static Err *show_project(PageCall *c, Str rest)
{
	Str kind, name;
	rest = str_cut(rest, '/', &c->project.name);
	rest = str_cut(rest, '/', &kind);
	rest = str_cut(rest, '/', &name);
	if (!is_project(c)) {
		c->project.name = STR("");
		return err_new(ERR_NOT_FOUND, "no such project");
	}
	if (!kind.len)
		return page_show_project(c);
	return name.len ? show_one(c, kind, name, rest) : show_list(c, kind);
}

static void show_asset(PageCall *c, const char *type, const char *text)
{
	server_reply(c->reply, 200);
	server_reply_text(c->reply, str_from(type), str_from(text));
}

static Err *show(PageCall *c, Str path)
{
	if (str_eqc(path, "/"))
		return show_root(c);
	if (str_starts(path, STR("/p/")))
		return show_project(c, str_from_at(path, strlen("/p/")));
	if (str_eqc(path, "/login") && c->who.login != SERVER_KNOWN) {
		page_say(c, 401, "Log in", "This server asks who you are.");
		return NULL;
	}
	if (str_eqc(path, "/login")) {
		server_reply_header(c->reply, "Location", STR("/"));
		page_say(c, 303, "Logged in", "You are logged in.");
		return NULL;
	}
	return err_new(ERR_NOT_FOUND, "no such page");
}

/* --- the service ------------------------------------------------------------------------------ */

static void add_headers(ServerReply *r)
{
	static const char *const headers[][2] = {
		{ "Content-Security-Policy",
		  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
		  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control", "no-store" },
	};
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		server_reply_header(r, headers[i][0], str_from(headers[i][1]));
}

static void answer(PageCall *c)
{
	Str method = server_request_method(c->request), path = server_request_path(c->request);
	if (!str_eqc(method, "GET") && !str_eqc(method, "HEAD")) {
		server_reply_header(c->reply, "Allow", STR("GET, HEAD"));
		page_say(c, 405, "Not to be done", "Pages are read here, nothing else.");
	} else if (!is_meant(c)) {
		page_say(c, 421, "Another name",
		         "This server is not known by the name that it was asked under: start it "
		         "with --name NAME, or with --auth.");
	} else if (str_eqc(path, "/style.css")) {
		show_asset(c, "text/css; charset=utf-8", page_style);
	} else if (str_eqc(path, "/script.js")) {
		show_asset(c, "text/javascript; charset=utf-8", page_script);
	} else {
		server_login(c->o->users, c->request, c->o->log, c->o->log_context, &c->who);
		if (c->who.login == SERVER_REFUSED) {
			c->who = (ServerWho){ .login = SERVER_REFUSED };
			page_say(c, 401, "Log in", "The name or the password is wrong.");
			return;
		}
		Err *e = page_find_projects(c);
		if (!e)
			e = show(c, path);
		if (e)
			page_say_err(c, e);
	}
}

static void begin(void *context, ServerRequest *q, ServerReply *r, void **ret_call)
{
	const PageOptions *o = context;
	PageCall c = { .o = o, .request = q, .reply = r, .arena = server_request_arena(q) };
	(void)ret_call; /* a page is whole at once */
	c.host = server_request_header(q, "Host");
	if (!is_host_text(c.host))
		c.host = str_from(o->address);
	c.project = (Project){ o->store, STR(""), c.arena };
	add_headers(r);
	answer(&c);
	buf_done(&c.out);
}

ServerService page_service(const PageOptions *options)
{
	return (ServerService){ .prefix = "/", .context = (void *)options, .begin = begin };
}
