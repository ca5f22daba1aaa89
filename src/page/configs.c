/* configs.c - build configurations: a list, and one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "page/page-internal.h"

static Str source_of(const BuildSpec *s)
{
	return s->source == BUILD_FROM_GIT      ? s->uri
	       : s->source == BUILD_FROM_BINARY ? STR("what start-build is given")
	                                        : STR("a Dockerfile of its own");
}

/* Of CONFIG's last build; nothing if it is gone. */
static void add_last(PageCall *c, const BuildConfig *bc)
{
	Build b;
	Str name = arena_strf(c->arena, "%.*s-%lld", STR_ARG(bc->meta.name),
	                      (long long)bc->last_version);
	AUTO_ERR Err *gone = project_get_build(&c->project, name, &b);
	if (gone) {
		html_raw(&c->out, "–");
		return;
	}
	HTML(&c->out, "<a href=\"/p/%/builds/%\">#%</a> ", c->project.name, name,
	     html_number(c->arena, (uint64_t)bc->last_version));
	page_add_phase(c, &b);
}

static void add_row(PageCall *c, Str name)
{
	BuildConfig bc;
	AUTO_ERR Err *e = project_get_config(&c->project, name, &bc);
	HTML(&c->out, "<tr><th scope=\"row\"><a href=\"/p/%/configs/%\">%</a></th>",
	     c->project.name, name, name);
	if (e) {
		html_raw(&c->out, "<td colspan=\"3\">damaged</td></tr>\n");
		return;
	}
	HTML(&c->out, "<td>%</td><td data-k=\"Output\">%</td><td data-k=\"Last build\">",
	     source_of(&bc.spec), bc.spec.to.len ? bc.spec.to : STR("–"));
	add_last(c, &bc);
	html_raw(&c->out, "</td></tr>\n");
}

Err *page_add_configs(PageCall *c, bool whole)
{
	Str *names;
	size_t count, kept = 0;
	TRY(project_list(&c->project, PROJECT_BUILD_CONFIG, &names, &count));
	for (size_t i = 0; i < count; i++)
		if (page_may_see(c, names[i]))
			names[kept++] = names[i];
	PageRange r = page_range(c, kept, whole);
	html_raw(&c->out, "<section aria-labelledby=\"configs\"><h2 id=\"configs\">Build "
	                  "configurations</h2>\n");
	if (!kept) {
		html_raw(&c->out, "<p class=\"none\">None yet.</p></section>\n");
		return NULL;
	}
	html_raw(&c->out, "<div class=\"table\" role=\"region\" aria-labelledby=\"configs\" "
	                  "tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Name</th><th "
	                  "scope=\"col\">Source</th><th scope=\"col\">Output</th><th "
	                  "scope=\"col\">Last build</th></tr></thead>\n<tbody>\n");
	for (size_t i = r.from; i < r.to; i++)
		add_row(c, names[i]);
	html_raw(&c->out, "</tbody></table></div>\n");
	page_range_links(c, &r, "configs");
	html_raw(&c->out, "</section>\n");
	return NULL;
}

static void add_facts(PageCall *c, const BuildConfig *bc)
{
	Str from = bc->spec.from;
	html_raw(&c->out, "<dl>\n");
	HTML(&c->out, "<dt>Source</dt><dd>%</dd>\n", source_of(&bc->spec));
	if (bc->spec.ref.len)
		HTML(&c->out, "<dt>Branch, tag or commit</dt><dd>%</dd>\n", bc->spec.ref);
	if (bc->spec.context_dir.len)
		HTML(&c->out, "<dt>Folder</dt><dd>%</dd>\n", bc->spec.context_dir);
	if (from.len)
		HTML(&c->out, "<dt>Built on</dt><dd>%</dd>\n", from);
	HTML(&c->out, "<dt>Output</dt><dd>%</dd>\n",
	     bc->spec.to.len ? bc->spec.to : STR("nothing is kept"));
	HTML(&c->out, "<dt>Run policy</dt><dd>%</dd>\n",
	     str_from(build_run_policies[bc->run_policy]));
	html_raw(&c->out, "<dt>Triggers</dt><dd>");
	for (size_t i = 0; i < bc->trigger_count; i++) {
		const BuildTrigger *t = &bc->triggers[i];
		HTML(&c->out, "%%%%", i ? STR(", ") : STR(""),
		     str_from(build_trigger_types[t->kind]), t->from.len ? STR(" ") : STR(""),
		     t->from);
	}
	html_raw(&c->out, bc->trigger_count ? "</dd>\n</dl>\n" : "none</dd>\n</dl>\n");
}

Err *page_show_config(PageCall *c, Str name)
{
	BuildConfig bc;
	if (!page_may_see(c, name))
		return err_new(ERR_NOT_FOUND, "it is not to be seen");
	TRY(project_get_config(&c->project, name, &bc));
	page_begin(c, name, 0);
	add_facts(c, &bc);
	TRY(page_add_builds(c, name, true));
	html_raw(&c->out,
	         "<section aria-labelledby=\"commands\"><h2 id=\"commands\">Commands</h2>\n");
	Arena *a = c->arena;
	Str in = str_eqc(c->project.name, PROJECT_DEFAULT)
	                 ? STR("")
	                 : arena_strf(a, " -n %.*s", STR_ARG(c->project.name));
	html_command(&c->out,
	             arena_strf(a, "decant start-build %.*s -F%.*s", STR_ARG(name), STR_ARG(in)));
	html_command(&c->out,
	             arena_strf(a, "decant logs -f bc/%.*s%.*s", STR_ARG(name), STR_ARG(in)));
	html_command(&c->out,
	             arena_strf(a, "decant describe bc/%.*s%.*s", STR_ARG(name), STR_ARG(in)));
	html_raw(&c->out, "</section>\n");
	page_end(c, 200);
	return NULL;
}
