/* project.c - the page of a project: what it has, and the commands for it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "page/page-internal.h"

static void add_commands(PageCall *c)
{
	Arena *a = c->arena;
	const char *flag = str_eqc(c->project.name, PROJECT_DEFAULT) ? "" : " -n ";
	Str project = *flag ? c->project.name : STR("");
	html_raw(&c->out,
	         "<section aria-labelledby=\"commands\"><h2 id=\"commands\">Commands</h2>\n"
	         "<p>On the machine of this store:</p>\n");
	html_command(&c->out, arena_strf(a, "decant new-build https://HOST/REPOSITORY.git%s%.*s",
	                                 flag, STR_ARG(project)));
	html_command(&c->out, arena_strf(a, "decant get builds%s%.*s", flag, STR_ARG(project)));
	html_raw(&c->out, "<p>From anywhere:</p>\n");
	if (c->o->users)
		html_command(&c->out, arena_strf(a, "docker login %.*s", STR_ARG(c->host)));
	html_command(&c->out, arena_strf(a, "docker pull %.*s/%.*s/NAME:latest", STR_ARG(c->host),
	                                 STR_ARG(c->project.name)));
	if (!c->o->read_only)
		html_command(&c->out, arena_strf(a, "docker push %.*s/%.*s/NAME:latest",
		                                 STR_ARG(c->host), STR_ARG(c->project.name)));
	html_raw(&c->out, "</section>\n");
}

Err *page_show_project(PageCall *c)
{
	page_begin(c, c->project.name, 0);
	TRY(page_add_builds(c, STR(""), false));
	TRY(page_add_configs(c, false));
	TRY(page_add_streams(c, false));
	TRY(page_add_repositories(c, false));
	add_commands(c);
	page_end(c, 200);
	return NULL;
}
