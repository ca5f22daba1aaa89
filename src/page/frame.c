/* frame.c - what all pages have around them: head, projects to choose from, and the ends that are
 * not what was asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "page/page-internal.h"
#include "store/repos.h"

enum { SHOWN_FIRST = 20, SHOWN_WHOLE = 100, NAV_PROJECTS_MAX = 50 };

bool page_may_see(const PageCall *c, Str name)
{
	Str repo = arena_strf(c->arena, "%.*s/%.*s", STR_ARG(c->project.name), STR_ARG(name));
	return (server_who_may(&c->who, repo) & SERVER_PULL) != 0;
}

/* --- projects --------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

Err *page_find_projects(PageCall *c)
{
	AUTO_VEC VEC(Str) all = { 0 };
	Str *names;
	size_t count, kept = 0;
	TRY(project_names(c->o->store, c->arena, &names, &count));
	for (size_t i = 0; i < count; i++)
		VEC_PUSH(&all, names[i]);
	TRY(store_repo_list(c->o->store, c->arena, &names, &count)); /* what was pushed alone */
	for (size_t i = 0; i < count; i++)
		VEC_PUSH(&all, store_repo_project(names[i]));
	if (all.len)
		qsort(all.at, all.len, sizeof *all.at, by_text);
	for (size_t i = 0; i < all.len; i++)
		if ((!kept || !str_eq(all.at[i], all.at[kept - 1])) &&
		    server_who_sees(&c->who, all.at[i]))
			all.at[kept++] = all.at[i];
	c->projects = arena_alloc(c->arena, (kept + 1) * sizeof(Str), _Alignof(Str));
	if (kept)
		memcpy(c->projects, all.at, kept * sizeof(Str));
	c->project_count = kept;
	return NULL;
}

static void add_nav(PageCall *c)
{
	html_raw(&c->out, "<nav aria-label=\"Projects\"><ul>");
	for (size_t i = 0; i < c->project_count && i < NAV_PROJECTS_MAX; i++) {
		Str name = c->projects[i];
		html_raw(&c->out,
		         str_eq(name, c->project.name) ? "<li><a aria-current=\"page\"" : "<li><a");
		HTML(&c->out, " href=\"/p/%\">%</a></li>", name, name);
	}
	if (c->project_count > NAV_PROJECTS_MAX)
		HTML(&c->out, "<li>and % more</li>",
		     html_number(c->arena, c->project_count - NAV_PROJECTS_MAX));
	html_raw(&c->out, "</ul></nav>");
}

/* --- head and foot ---------------------------------------------------------------------------- */

static void add_who(PageCall *c)
{
	if (!c->o->users)
		return;
	if (c->who.login == SERVER_KNOWN)
		HTML(&c->out, "<p class=\"who\">%</p>", c->who.name);
	else
		html_raw(&c->out, "<p class=\"who\"><a href=\"/login\">Log in</a></p>");
}

void page_begin(PageCall *c, Str title, unsigned refresh_s)
{
	buf_reset(&c->out);
	HTML(&c->out,
	     "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	     "<meta name=\"color-scheme\" content=\"light dark\">\n<title>% – decant</title>\n"
	     "<link rel=\"stylesheet\" href=\"/style.css\">\n"
	     "<link rel=\"icon\" href=\"data:,\">\n<script src=\"/script.js\" defer></script>\n",
	     title);
	if (refresh_s)
		HTML(&c->out, "<noscript><meta http-equiv=\"refresh\" content=\"%\"></noscript>\n",
		     html_number(c->arena, refresh_s));
	html_raw(&c->out, "</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to content</a>\n"
	                  "<header><a class=\"home\" href=\"/\">decant</a>");
	if (c->project_count)
		add_nav(c);
	add_who(c);
	HTML(&c->out, "</header>\n<main id=\"main\" tabindex=\"-1\">\n<h1>%</h1>\n", title);
}

void page_end(PageCall *c, unsigned status)
{
	HTML(&c->out, "</main>\n<footer><p>decant % at %</p></footer>\n</body>\n</html>\n",
	     STR(DECANT_VERSION), c->host);
	server_reply(c->reply, status);
	server_reply_text(c->reply, STR("text/html; charset=utf-8"), buf_str(&c->out));
}

void page_say(PageCall *c, unsigned status, const char *title, const char *text)
{
	if (status == 401)
		server_ask_for_login(c->reply);
	page_begin(c, str_from(title), 0);
	HTML(&c->out, "<p>%</p>\n<p><a href=\"/\">All projects</a></p>\n", str_from(text));
	page_end(c, status);
}

void page_say_err(PageCall *c, Err *err)
{
	if (err_kind(err) == ERR_NOT_FOUND) {
		page_say(c, 404, "Not found", "There is nothing here, or you may not see it.");
	} else {
		AUTO_BUF Buf line = BUF_INIT;
		buf_addf(&line, "error: %.*s", STR_ARG(err_cause(err)));
		if (c->o->log)
			c->o->log(c->o->log_context, buf_str(&line));
		page_say(c, 500, "Something is wrong here",
		         "What was asked for cannot be read. The log of the server has the cause, "
		         "and 'decant fsck' looks after all of the store.");
	}
	err_free(err);
}

/* --- pieces of lists -------------------------------------------------------------------------- */

PageRange page_range(const PageCall *c, size_t count, bool whole)
{
	Str text;
	uint64_t from = 0;
	PageRange r = { 0, 0, count, whole };
	if (whole && server_request_query(c->request, "from", &text) && str_to_u64(text, &from))
		r.from = from < count ? (size_t)from : count;
	size_t shown = whole ? SHOWN_WHOLE : SHOWN_FIRST;
	r.to = count - r.from > shown ? r.from + shown : count;
	return r;
}

void page_range_links(PageCall *c, const PageRange *r, const char *kind)
{
	Arena *a = c->arena;
	Str project = c->project.name, word = str_from(kind);
	if (r->from == 0 && r->to == r->count)
		return;
	if (!r->whole) {
		HTML(&c->out, "<p class=\"more\"><a href=\"/p/%/%\">All % %</a></p>\n", project,
		     word, html_number(a, r->count), word);
		return;
	}
	HTML(&c->out, "<nav class=\"more\" aria-label=\"Pages\"><p>% to % of %</p>",
	     html_number(a, r->from + (r->to > r->from)), html_number(a, r->to),
	     html_number(a, r->count));
	if (r->from)
		HTML(&c->out, "<a rel=\"prev\" href=\"/p/%/%?from=%\">Back</a>", project, word,
		     html_number(a, r->from > SHOWN_WHOLE ? r->from - SHOWN_WHOLE : 0));
	if (r->to < r->count)
		HTML(&c->out, "<a rel=\"next\" href=\"/p/%/%?from=%\">Further</a>", project, word,
		     html_number(a, r->to));
	html_raw(&c->out, "</nav>\n");
}
