/* builds.c - builds: a list, the last first, and one with its log. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "page/page-internal.h"

bool page_build_is_over(const PageCall *c, const Build *b)
{
	pid_t holder = 0;
	if (build_is_over(b->phase))
		return true;
	AUTO_ERR Err *e = project_build_holder(&c->project, b->meta.name, &holder);
	return !e && !holder;
}

void page_add_phase(PageCall *c, const Build *b)
{
	bool gone = !build_is_over(b->phase) && page_build_is_over(c, b);
	Str phase = str_from(build_phases[gone ? BUILD_ERROR : b->phase]);
	HTML(&c->out, "<span class=\"phase %\">%</span>", phase, phase);
	if (gone)
		html_raw(&c->out, " its process is gone");
	else if (b->reason.len && b->phase != BUILD_CANCELLED)
		HTML(&c->out, " %", b->reason);
}

static int64_t span_of(const Build *b)
{
	if (b->start_ns == PROJECT_TIME_NONE)
		return 0;
	return (b->end_ns == PROJECT_TIME_NONE ? clock_real_ns() : b->end_ns) - b->start_ns;
}

static void add_row(PageCall *c, Str name, int64_t now_ns)
{
	Build b;
	AUTO_ERR Err *e = project_get_build(&c->project, name, &b);
	if (e && err_kind(e) == ERR_NOT_FOUND)
		return; /* it went just now */
	HTML(&c->out, "<tr><th scope=\"row\"><a href=\"/p/%/builds/%\">%</a></th><td>",
	     c->project.name, name, name);
	if (e) {
		html_raw(&c->out, "damaged</td><td></td><td></td><td></td></tr>\n");
		return;
	}
	page_add_phase(c, &b);
	HTML(&c->out, "</td><td>% <code>%</code></td><td data-k=\"Started\">",
	     str_clip(b.message, 80), str_head(b.commit, 7));
	html_ago(&c->out, c->arena, b.start_ns, now_ns);
	HTML(&c->out, "</td><td data-k=\"Took\">%</td></tr>\n", html_span(c->arena, span_of(&b)));
}

/* "web" of "web-12": whose build it is, without opening it. */
static Str config_of(Str build)
{
	ptrdiff_t dash = str_rfind(build, '-');
	return str_head(build, dash < 0 ? 0 : (size_t)dash);
}

Err *page_add_builds(PageCall *c, Str config, bool whole)
{
	Str *names;
	size_t count, kept = 0;
	int64_t now_ns = clock_real_ns();
	TRY(project_list_recent(&c->project, PROJECT_BUILD, &names, &count));
	for (size_t i = 0; i < count; i++) {
		Str of = config_of(names[i]);
		if ((!config.len || str_eq(of, config)) && page_may_see(c, of))
			names[kept++] = names[i];
	}
	PageRange r = page_range(c, kept, whole);
	html_raw(&c->out, "<section aria-labelledby=\"builds\"><h2 id=\"builds\">Builds</h2>\n");
	if (!kept) {
		html_raw(&c->out, "<p class=\"none\">None yet.</p></section>\n");
		return NULL;
	}
	html_raw(&c->out,
	         "<div class=\"table\" role=\"region\" aria-labelledby=\"builds\" "
	         "tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Name</th><th "
	         "scope=\"col\">Status</th><th scope=\"col\">Commit</th><th "
	         "scope=\"col\">Started</th><th scope=\"col\">Took</th></tr></thead>\n<tbody>\n");
	for (size_t i = r.from; i < r.to; i++)
		add_row(c, names[i], now_ns);
	html_raw(&c->out, "</tbody></table></div>\n");
	page_range_links(c, &r,
	                 config.len ? arena_strf(c->arena, "configs/%.*s", STR_ARG(config)).ptr
	                            : "builds");
	html_raw(&c->out, "</section>\n");
	return NULL;
}

/* --- one -------------------------------------------------------------------------------------- */

static void add_stages(PageCall *c, const Build *b)
{
	if (!b->stage_count)
		return;
	html_raw(&c->out, "<dt>Stages</dt><dd>");
	for (size_t i = 0; i < b->stage_count; i++)
		HTML(&c->out, "%% %", i ? STR(", ") : STR(""), b->stages[i].name,
		     html_span(c->arena, b->stages[i].duration_ms * 1000000));
	html_raw(&c->out, "</dd>\n");
}

static void add_facts(PageCall *c, const Build *b)
{
	html_raw(&c->out, "<dl>\n<dt>Status</dt><dd>");
	page_add_phase(c, b);
	if (b->said.len)
		HTML(&c->out, "<br>%", b->said);
	html_raw(&c->out, "</dd>\n<dt>Started</dt><dd>");
	html_ago(&c->out, c->arena, b->start_ns, clock_real_ns());
	HTML(&c->out, ", took %</dd>\n", html_span(c->arena, span_of(b)));
	HTML(&c->out, "<dt>Configuration</dt><dd><a href=\"/p/%/configs/%\">%</a></dd>\n",
	     c->project.name, b->config, b->config);
	if (b->cause.len)
		HTML(&c->out, "<dt>Why</dt><dd>%</dd>\n", b->cause);
	if (b->commit.len)
		HTML(&c->out, "<dt>Commit</dt><dd><code>%</code> % by %</dd>\n", b->commit,
		     b->message, b->author);
	add_stages(c, b);
	if (b->reference.len)
		HTML(&c->out, "<dt>Output</dt><dd><code>%</code></dd>\n", b->reference);
	if (b->digest.len)
		HTML(&c->out, "<dt>Digest</dt><dd><code>%</code></dd>\n", b->digest);
	html_raw(&c->out, "</dl>\n");
}

Err *page_show_build(PageCall *c, Str name)
{
	enum { REFRESH_S = 3 };
	Build b;
	if (!page_may_see(c, config_of(name)))
		return err_new(ERR_NOT_FOUND, "it is not to be seen");
	TRY(project_get_build(&c->project, name, &b));
	bool over = page_build_is_over(c, &b);
	page_begin(c, name, over ? 0 : REFRESH_S);
	add_facts(c, &b);
	TRY(page_add_log(c, &b, over));
	page_end(c, 200);
	return NULL;
}
