/* repositories.c - what was pushed to the registry of ours, whether a stream has it or not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "page/page-internal.h"
#include "store/repos.h"

static void add_row(PageCall *c, Str repo)
{
	enum { TAGS_SHOWN = 5 };
	Str *tags;
	size_t count = 0;
	AUTO_ERR Err *e = store_repo_tags(c->o->store, repo, c->arena, &tags, &count);
	HTML(&c->out, "<tr><th scope=\"row\">%</th><td>",
	     str_from_at(repo, c->project.name.len + 1));
	if (e)
		html_raw(&c->out, "–");
	for (size_t i = 0; !e && i < count && i < TAGS_SHOWN; i++)
		HTML(&c->out, "%%", i ? STR(", ") : STR(""), tags[i]);
	if (!e && count > TAGS_SHOWN)
		HTML(&c->out, " and % more", html_number(c->arena, count - TAGS_SHOWN));
	HTML(&c->out, "</td><td><code>%/%</code></td></tr>\n", c->host, repo);
}

Err *page_add_repositories(PageCall *c, bool whole)
{
	Str *names;
	size_t count, kept = 0;
	TRY(store_repo_list(c->o->store, c->arena, &names, &count));
	for (size_t i = 0; i < count; i++)
		if (names[i].len > c->project.name.len &&
		    str_eq(store_repo_project(names[i]), c->project.name) &&
		    (server_who_may(&c->who, names[i]) & SERVER_PULL))
			names[kept++] = names[i];
	PageRange r = page_range(c, kept, whole);
	if (!kept && !whole)
		return NULL;
	html_raw(&c->out, "<section aria-labelledby=\"repositories\"><h2 "
	                  "id=\"repositories\">Repositories</h2>\n<div class=\"table\" "
	                  "role=\"region\" aria-labelledby=\"repositories\" "
	                  "tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Name</th><th "
	                  "scope=\"col\">Tags</th><th "
	                  "scope=\"col\">Address</th></tr></thead>\n<tbody>\n");
	for (size_t i = r.from; i < r.to; i++)
		add_row(c, names[i]);
	html_raw(&c->out, "</tbody></table></div>\n");
	page_range_links(c, &r, "repositories");
	html_raw(&c->out, "</section>\n");
	return NULL;
}
