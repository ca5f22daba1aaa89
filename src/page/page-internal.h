/* page-internal.h - one request of a browser, and what the files of page/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "page/page.h"
#include "project/project.h"

typedef struct PageCall {
	const PageOptions *o;
	ServerRequest *request;
	ServerReply *reply;
	Arena *arena;
	ServerWho who;
	Str host;        /* of this server, as the browser calls it */
	Project project; /* of the request */
	Str *projects;   /* that it may see something of, sorted */
	size_t project_count;
	Buf out;
} PageCall;

/* --- html.c: the only way from a text to markup --- */
/* Clean UTF-8: controls (but for tab and line end), characters that change the direction or are
 * invisible, and bytes that are no text become visible ones. */
void html_clean(Buf *out, Str text);
/* Without the sequences that colour a terminal; a line end for each way to write it. */
void html_strip_terminal(Buf *out, Str text);
void html_text(Buf *out, Str text); /* clean, and escaped for text and quoted attributes */
void html_raw(Buf *out, const char *markup);
/* MARKUP with each "%" replaced by the next of VALUES as html_text() writes it. */
void html_add(Buf *out, const char *markup, const Str *values, size_t count);
#define HTML(out, markup, ...)                                  \
	html_add((out), (markup), (const Str[]){ __VA_ARGS__ }, \
	         sizeof((const Str[]){ __VA_ARGS__ }) / sizeof(Str))
/* "12 min ago", with the moment itself for who asks. */
void html_ago(Buf *out, Arena *a, int64_t real_ns, int64_t now_ns);
Str html_number(Arena *a, uint64_t n);
Str html_size(Arena *a, uint64_t bytes);
Str html_span(Arena *a, int64_t ns); /* "1m5s" */
/* A command, and the button that copies it. */
void html_command(Buf *out, Str command);

/* --- frame.c: what all pages have around them --- */
/* REFRESH_S: without a script the browser asks again so often; 0: never. */
void page_begin(PageCall *c, Str title, unsigned refresh_s);
void page_end(PageCall *c, unsigned status);
/* A page that says that. */
void page_say(PageCall *c, unsigned status, const char *title, const char *text);
/* ERR (taken): not found, or the log is told. */
void page_say_err(PageCall *c, Err *err);
/* Finds C->projects. */
NODISCARD Err *page_find_projects(PageCall *c);
/* May it see what is called NAME? */
bool page_may_see(const PageCall *c, Str name);

/* A list that is shown piece by piece. */
typedef struct PageRange {
	size_t from, to, count;
	bool whole; /* of a page of its own */
} PageRange;
PageRange page_range(const PageCall *c, size_t count, bool whole);
/* Links to the pieces before and after; KIND: the page with all, "builds". */
void page_range_links(PageCall *c, const PageRange *range, const char *kind);

/* --- the pages; WHOLE: all of a kind, page by page --- */
NODISCARD Err *page_show_project(PageCall *c);                       /* project.c */
NODISCARD Err *page_add_configs(PageCall *c, bool whole);            /* configs.c */
NODISCARD Err *page_show_config(PageCall *c, Str name);              /* configs.c */
NODISCARD Err *page_add_builds(PageCall *c, Str config, bool whole); /* builds.c */
NODISCARD Err *page_show_build(PageCall *c, Str name);               /* builds.c */
NODISCARD Err *page_send_log(PageCall *c, Str name);                 /* log.c */
NODISCARD Err *page_add_streams(PageCall *c, bool whole);            /* streams.c */
NODISCARD Err *page_show_stream(PageCall *c, Str name);              /* streams.c */
NODISCARD Err *page_add_repositories(PageCall *c, bool whole);       /* repositories.c */
/* The end of a log as markup. */
NODISCARD Err *page_add_log(PageCall *c, const Build *b, bool over); /* log.c */
/* A phase, in words and colour. */
void page_add_phase(PageCall *c, const Build *b); /* builds.c */
/* Is it over, or is who ran it gone? */
bool page_build_is_over(const PageCall *c, const Build *b); /* builds.c */

extern const char page_style[], page_script[];
