/* streams.c - image streams: a list, and one with the history of its tags. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "oci/manifest.h"
#include "page/page-internal.h"

/* What a pull of IMAGE brings; false: its manifest is not here, or it is an index. */
static bool size_of(const PageCall *c, Str image, uint64_t *ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	Digest d;
	ManifestKind kind;
	Manifest m;
	Err *e = digest_parse(image, &d);
	if (!e)
		e = store_blob_read(c->o->store, &d, MANIFEST_BYTES_MAX, &json);
	if (!e)
		e = manifest_kind(buf_str(&json), STR(""), "a manifest", &kind);
	if (!e && kind == MANIFEST_IMAGE)
		e = manifest_parse(c->arena, buf_str(&json), "a manifest", &m);
	bool known = !e && kind == MANIFEST_IMAGE;
	err_free(e); /* it is elsewhere, or damaged: fsck's business */
	if (!known)
		return false;
	*ret = m.config.size;
	for (size_t i = 0; i < m.layer_count; i++)
		if (__builtin_add_overflow(*ret, m.layers[i].size, ret))
			return false;
	return true;
}

static void add_size(PageCall *c, Str image)
{
	uint64_t bytes;
	html_text(&c->out, size_of(c, image, &bytes) ? html_size(c->arena, bytes) : STR("–"));
}

static void add_row(PageCall *c, Str name, int64_t now_ns)
{
	enum { TAGS_SHOWN = 5 };
	ImageStream is;
	const StreamItem *newest = NULL;
	AUTO_ERR Err *e = project_get_stream(&c->project, name, &is);
	HTML(&c->out,
	     "<tr><th scope=\"row\"><a href=\"/p/%/streams/%\">%</a></th><td data-k=\"Tags\">",
	     c->project.name, name, name);
	if (e) {
		html_raw(&c->out, "damaged</td><td></td><td></td></tr>\n");
		return;
	}
	for (size_t i = 0; i < is.tag_count; i++) {
		const StreamTag *t = &is.tags[i];
		if (i < TAGS_SHOWN)
			HTML(&c->out, "%%", i ? STR(", ") : STR(""), t->name);
		if (t->item_count && (!newest || t->items[0].created_ns > newest->created_ns))
			newest = &t->items[0];
	}
	html_raw(&c->out, is.tag_count > TAGS_SHOWN ? " …</td><td data-k=\"Size\">"
	                                            : "</td><td data-k=\"Size\">");
	if (newest)
		add_size(c, newest->image);
	html_raw(&c->out, "</td><td data-k=\"Updated\">");
	html_ago(&c->out, c->arena, newest ? newest->created_ns : PROJECT_TIME_NONE, now_ns);
	html_raw(&c->out, "</td></tr>\n");
}

Err *page_add_streams(PageCall *c, bool whole)
{
	Str *names;
	size_t count, kept = 0;
	int64_t now_ns = clock_real_ns();
	TRY(project_list(&c->project, PROJECT_STREAM, &names, &count));
	for (size_t i = 0; i < count; i++)
		if (page_may_see(c, names[i]))
			names[kept++] = names[i];
	PageRange r = page_range(c, kept, whole);
	html_raw(&c->out,
	         "<section aria-labelledby=\"streams\"><h2 id=\"streams\">Image streams</h2>\n");
	if (!kept) {
		html_raw(&c->out, "<p class=\"none\">None yet.</p></section>\n");
		return NULL;
	}
	html_raw(&c->out, "<div class=\"table\" role=\"region\" aria-labelledby=\"streams\" "
	                  "tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Name</th><th "
	                  "scope=\"col\">Tags</th><th scope=\"col\">Size</th><th "
	                  "scope=\"col\">Updated</th></tr></thead>\n<tbody>\n");
	for (size_t i = r.from; i < r.to; i++)
		add_row(c, names[i], now_ns);
	html_raw(&c->out, "</tbody></table></div>\n");
	page_range_links(c, &r, "streams");
	html_raw(&c->out, "</section>\n");
	return NULL;
}

/* --- one -------------------------------------------------------------------------------------- */

static void add_item(PageCall *c, const StreamItem *item, bool now)
{
	html_raw(&c->out, now ? "<tr class=\"now\"><td>" : "<tr><td>");
	html_ago(&c->out, c->arena, item->created_ns, clock_real_ns());
	HTML(&c->out, "</td><td><code>%</code>%</td><td>", item->image,
	     now ? STR(" (now)") : STR(""));
	add_size(c, item->image);
	html_raw(&c->out, "</td></tr>\n");
}

/* The repository as this server gives it out, or where else it is. */
static Str pull_name(const PageCall *c, const ImageStream *is)
{
	if (!str_starts(is->repository, STR(PROJECT_REGISTRY "/")))
		return is->repository;
	return arena_strf(c->arena, "%.*s/%.*s", STR_ARG(c->host),
	                  STR_ARG(str_from_at(is->repository, strlen(PROJECT_REGISTRY "/"))));
}

static void add_tag(PageCall *c, const ImageStream *is, const StreamTag *t)
{
	enum { ITEMS_SHOWN = 50 };
	Arena *a = c->arena;
	Str from = pull_name(c, is);
	HTML(&c->out, "<section><h2>%:%</h2>\n", is->meta.name, t->name);
	if (t->from.len)
		HTML(&c->out, "<p>Follows <code>%</code>%.</p>\n", t->from,
		     t->scheduled ? STR(", looked at from time to time") : STR(""));
	if (!t->item_count) {
		html_raw(&c->out, "<p class=\"none\">Nothing yet.</p></section>\n");
		return;
	}
	html_raw(&c->out, "<div class=\"table\" role=\"region\" aria-label=\"History\" "
	                  "tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Since</th><th "
	                  "scope=\"col\">Digest</th><th "
	                  "scope=\"col\">Size</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < t->item_count && i < ITEMS_SHOWN; i++)
		add_item(c, &t->items[i], i == 0);
	html_raw(&c->out, "</tbody></table></div>\n");
	if (t->item_count > ITEMS_SHOWN)
		HTML(&c->out, "<p class=\"more\">and % older ones</p>\n",
		     html_number(a, t->item_count - ITEMS_SHOWN));
	if (!str_starts(is->repository, STR(PROJECT_REGISTRY "/"))) {
		html_command(&c->out,
		             arena_strf(a, "docker pull %.*s", STR_ARG(t->items[0].reference)));
	} else {
		html_command(&c->out, arena_strf(a, "docker pull %.*s:%.*s", STR_ARG(from),
		                                 STR_ARG(t->name)));
		html_command(&c->out, arena_strf(a, "docker pull %.*s@%.*s", STR_ARG(from),
		                                 STR_ARG(t->items[0].image)));
	}
	if (t->item_count > 1) {
		html_raw(&c->out, "<p>Back to the one before:</p>\n");
		html_command(&c->out, arena_strf(a, "decant stream-tag %.*s@%.*s %.*s:%.*s -n %.*s",
		                                 STR_ARG(is->meta.name), STR_ARG(t->items[1].image),
		                                 STR_ARG(is->meta.name), STR_ARG(t->name),
		                                 STR_ARG(c->project.name)));
	}
	html_raw(&c->out, "</section>\n");
}

Err *page_show_stream(PageCall *c, Str name)
{
	enum { TAGS_SHOWN = 50 };
	ImageStream is;
	if (!page_may_see(c, name))
		return err_new(ERR_NOT_FOUND, "it is not to be seen");
	TRY(project_get_stream(&c->project, name, &is));
	page_begin(c, name, 0);
	HTML(&c->out, "<p><code>%</code></p>\n", pull_name(c, &is));
	for (size_t i = 0; i < is.tag_count && i < TAGS_SHOWN; i++)
		add_tag(c, &is, &is.tags[i]);
	if (!is.tag_count)
		html_raw(&c->out, "<p class=\"none\">It has no tags yet.</p>\n");
	if (is.tag_count > TAGS_SHOWN)
		HTML(&c->out, "<p class=\"more\">and % tags more</p>\n",
		     html_number(c->arena, is.tag_count - TAGS_SHOWN));
	page_end(c, 200);
	return NULL;
}
