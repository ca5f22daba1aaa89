/*
 * cmd_verify.c - is a build reproducible?  Built twice, and compared.
 *
 * The second build takes nothing from the cache, leaves nothing in it, and goes on under other
 * conditions: later, with another umask, one step at a time on one processor.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/build_opened.h"
#include "cli/build_report.h"
#include "cli/changes.h"
#include "cli/likely.h"
#include "cli/quoted.h"
#include "fs/path.h"
#include "layer/layer.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILES_SHOWN = 10, UMASK_OTHER = 077, UMASK_USUAL = 022 };
/* Whatever writes a time down has to meet another second. */
#define PAUSE_NS 1100000000ll

typedef struct Verify {
	Cli *cli;
	const BuildValues *values;
	const Arguments *args;
	const char *epoch;     /* SOURCE_DATE_EPOCH if nobody gave one; NULL */
	BuildOpened opened[2]; /* places of errors and steps lead into them */
	Store *store;
	StoreRef *known; /* names before: an image that none of them has goes at the end */
	size_t known_count;
} Verify;

/* --- building --------------------------------------------------------------------------------- */

static void on_entered(void *ui)
{
	ui_start(ui);
}

static bool has_epoch(const BuildRequest *r)
{
	static const char line[] = "ARG SOURCE_DATE_EPOCH";
	for (size_t i = 0; i < r->arg_count; i++)
		if (str_eq(r->args[i].name, STR("SOURCE_DATE_EPOCH")))
			return true;
	return r->dockerfile &&
	       memmem(r->dockerfile->text.ptr, r->dockerfile->text.len, line, sizeof line - 1);
}

/* Without it no two builds with a RUN are equal: both get the same one. */
static void set_epoch(Verify *v, BuildRequest *r)
{
	Arena *a = v->cli->arena;
	if (has_epoch(r))
		return;
	if (!v->epoch) {
		long long now = clock_real_ns() / 1000000000;
		v->epoch = r->remote ? "context" : arena_strf(a, "%lld", now).ptr;
		fprintf(stderr, "SOURCE_DATE_EPOCH is not set: both builds have %s\n", v->epoch);
	}
	PlanArg *args = arena_alloc(a, (r->arg_count + 1) * sizeof *args, _Alignof(PlanArg));
	if (r->arg_count)
		memcpy(args, r->args, r->arg_count * sizeof *args);
	args[r->arg_count] = (PlanArg){ STR("SOURCE_DATE_EPOCH"), str_from(v->epoch) };
	r->args = args;
	r->arg_count++;
}

static const char *style_of(const BuildValues *v)
{
	return v->quiet ? "quiet" : v->progress ? v->progress : "auto";
}

/* False: it failed, which has been told. */
static Err *build_one(Verify *v, bool second, BuildResult *ret, bool *ret_built)
{
	Cli *cli = v->cli;
	AUTO_UI Ui *ui = NULL;
	BuildOpened *opened = &v->opened[second];
	BuildRequest *r = &opened->request;
	TRY(build_request_make(cli, v->values, r));
	Err *e = ui_open(style_of(v->values), stderr, &ui);
	if (e) {
		cli->usage_error = true;
		return e;
	}
	TRY(build_opened_open(cli, v->values, v->args, NULL, opened));
	set_epoch(v, r);
	r->tag_count = 0;
	r->no_cache = r->no_cache || second;
	r->no_records = second;
	r->jobs = second ? 1 : r->jobs;
	r->progress = ui_progress(ui);
	r->entered = on_entered;
	r->entered_context = ui;
	cli_watch_ui(ui);
	e = build_image(cli->arena, r, ret);
	*ret_built = !e;
	if (e && err_kind(e) != ERR_CANCELLED) {
		ui_finish(ui);
		build_report_failure(ui, cli->arena, ret, e);
		cli->exit_status = cli_status_of(cli, e);
		err_free(TAKE_PTR(e));
	}
	ui_finish(ui);
	cli_watch_ui(NULL);
	return e;
}

/* One processor, another umask: what commands make of the number of processors shows. */
static Err *build_otherwise(Verify *v, BuildResult *ret, bool *ret_built)
{
	cpu_set_t all, one;
	mode_t mask = umask(UMASK_OTHER);
	if (mask == UMASK_OTHER)
		(void)umask(UMASK_USUAL);
	bool bound = sched_getaffinity(0, sizeof all, &all) == 0;
	for (int i = 0; bound && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all)) {
			CPU_ZERO(&one);
			CPU_SET(i, &one);
			bound = sched_setaffinity(0, sizeof one, &one) == 0;
			break;
		}
	Err *e = build_one(v, true, ret, ret_built);
	if (bound)
		(void)sched_setaffinity(0, sizeof all, &all); /* the rest is quick */
	(void)umask(mask);
	return e;
}

static Err *pause_between(const Cancel *cancel)
{
	struct pollfd p = { .fd = cancel_fd(cancel), .events = POLLIN };
	(void)poll(&p, 1, (int)(PAUSE_NS / 1000000)); /* a time-out is the rule */
	return cancel_check(cancel);
}

/* --- what differs ----------------------------------------------------------------------------- */

typedef struct Differences {
	Cli *cli;
	Store *store;
	const Digest *first, *second; /* layers */
	int64_t epoch_ns;             /* later times become it in the image; -1: none */
	size_t count;
} Differences;

/* C without what the image has not: what is fetched has the time of its fetch until it is copied.
 */
static bool remains(const Differences *d, const Change *c, Change *ret)
{
	*ret = *c;
	if (c->before && c->after && d->epoch_ns >= 0 && c->before->mtime_ns >= d->epoch_ns &&
	    c->after->mtime_ns >= d->epoch_ns)
		ret->bits &= ~(unsigned)COMPARE_TIME;
	return !c->before || !c->after || ret->bits;
}

static Err *count_file(void *context, const Change *c)
{
	Differences *d = context;
	Change rest;
	d->count += remains(d, c, &rest);
	return NULL;
}

static Err *open_in_layer(Store *s, const Digest *layer, Str path, int *ret_fd)
{
	int fd;
	TRY(layer_need_dir(s, layer, sandbox_overlay_prefix(), NULL));
	TRY(store_layer_open_dir(s, layer, &fd));
	AUTO_CLOSE int dir = fd;
	return path_open_beneath(dir, path, O_RDONLY | O_NONBLOCK, 0, ret_fd);
}

/* Where two open files begin to differ; false: nowhere. */
static bool find_place(int x, int y, uint64_t *ret)
{
	enum { BLOCK = 64 << 10 };
	AUTO_FREE char *a = xmalloc(BLOCK);
	AUTO_FREE char *b = xmalloc(BLOCK);
	for (uint64_t at = 0;;) {
		ssize_t n = pread(x, a, BLOCK, (off_t)at), m = pread(y, b, BLOCK, (off_t)at);
		if (n < 0 || m < 0 || (n == 0 && m == 0))
			return false;
		size_t both = (size_t)(n < m ? n : m), i = 0;
		while (i < both && a[i] == b[i])
			i++;
		if (i < both || n != m) {
			*ret = at + i;
			return true;
		}
		at += both;
	}
}

static Err *say_place(const Differences *d, Str path, Buf *out)
{
	char head[LIKELY_HEAD], before[2 * LIKELY_CONTEXT], after[2 * LIKELY_CONTEXT];
	int fd;
	LikelyPlace p;
	TRY(open_in_layer(d->store, d->first, path, &fd));
	AUTO_CLOSE int x = fd;
	TRY(open_in_layer(d->store, d->second, path, &fd));
	AUTO_CLOSE int y = fd;
	if (!find_place(x, y, &p.offset))
		return NULL;
	uint64_t from = p.offset > LIKELY_CONTEXT ? p.offset - LIKELY_CONTEXT : 0;
	ssize_t n = pread(x, head, sizeof head, 0),
		k = pread(x, before, sizeof before, (off_t)from),
		m = pread(y, after, sizeof after, (off_t)from);
	if (n < 0 || k < 0 || m < 0)
		return NULL;
	p.head = (Str){ head, (size_t)n };
	p.before = (Str){ before, (size_t)k };
	p.after = (Str){ after, (size_t)m };
	p.at = (size_t)(p.offset - from);
	buf_add_str(out, STR("; "));
	likely_words(&p, out);
	return NULL;
}

static Err *say_file(void *context, const Change *change)
{
	Differences *d = context;
	Change rest;
	const Change *c = &rest;
	if (!remains(d, change, &rest))
		return NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf words = BUF_INIT;
	const Entry *any = c->before ? c->before : c->after;
	assert(any); /* one of two that differ */
	if (++d->count > FILES_SHOWN)
		return NULL;
	if (c->before && c->after) {
		changes_words(&a, c, &words);
		if ((c->bits & COMPARE_CONTENT) && any->type == ENTRY_FILE)
			TRY(say_place(d, any->path, &words));
	} else {
		buf_addf(&words, "only in the %s build", c->before ? "first" : "second");
	}
	printf("  ");
	quoted_print(arena_strf(&a, "/%.*s", STR_ARG(any->path)), stdout);
	printf("  ");
	quoted_print(buf_str(&words), stdout);
	putchar('\n');
	return NULL;
}

/* The first step that came out otherwise, what it needs being equal; NULL: none. */
static Err *find_step(Verify *v, const BuildResult *x, const BuildResult *y, const BuildStep **ret,
                      Digest *ret_second)
{
	*ret = NULL;
	for (size_t i = 0; i < x->step_count && i < y->step_count; i++) {
		if (!x->steps[i].has_layer || !y->steps[i].has_layer ||
		    digest_eq(&x->steps[i].diff_id, &y->steps[i].diff_id))
			continue;
		AUTO_LIST List *before = NULL;
		AUTO_LIST List *after = NULL;
		Differences d = { .epoch_ns = x->epoch_ns };
		TRY(store_layer_list(v->store, &x->steps[i].diff_id, &before));
		TRY(store_layer_list(v->store, &y->steps[i].diff_id, &after));
		TRY(compare_lists(before, after, count_file, &d));
		if (!d.count)
			continue;
		*ret_second = y->steps[i].diff_id;
		*ret = &x->steps[i];
		return NULL;
	}
	return NULL;
}

static Err *say_step(Verify *v, const BuildStep *step, const Digest *second, int64_t epoch_ns)
{
	AUTO_LIST List *x = NULL;
	AUTO_LIST List *y = NULL;
	Differences d = { .cli = v->cli,
		          .store = v->store,
		          .first = &step->diff_id,
		          .second = second,
		          .epoch_ns = epoch_ns };
	unsigned line = 0, column = 0;
	printf("not reproducible: ");
	if (step->span.src) {
		err_line_column(step->span, &line, &column);
		quoted_print(str_from(step->span.src->name), stdout);
		printf(":%u:%u: ", line, column);
	}
	AUTO_BUF Buf title = BUF_INIT;
	ui_text_safe_log(step->title, &title);
	fwrite(title.ptr, 1, title.len, stdout);
	putchar('\n');
	TRY(store_layer_list(v->store, &step->diff_id, &x));
	TRY(store_layer_list(v->store, second, &y));
	TRY(compare_lists(x, y, say_file, &d));
	if (d.count > FILES_SHOWN)
		printf("  and %zu more\n", d.count - FILES_SHOWN);
	return NULL;
}

static Err *say_config(Verify *v, const BuildImage *x, const BuildImage *y)
{
	Arena *a = v->cli->arena;
	Image before = { 0 }, after = { 0 };
	ConfigChange *all;
	size_t count;
	TRY(image_read(v->store, &x->image_id, a, &before));
	TRY(image_read(v->store, &y->image_id, a, &after));
	changes_of_config(a, &before.config, &after.config, &all, &count);
	printf("not reproducible: the config of the image%s\n", count ? "" : ", in its times");
	for (size_t i = 0; i < count; i++) {
		printf("  ");
		quoted_print(all[i].name, stdout);
		printf(": ");
		quoted_print(all[i].before ? *all[i].before : STR("(none)"), stdout);
		printf(", then ");
		quoted_print(all[i].after ? *all[i].after : STR("(none)"), stdout);
		putchar('\n');
	}
	return NULL;
}

static Err *compare(Verify *v, const BuildResult *x, const BuildResult *y)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE; /* no record holds the second one's layers */
	TRY(store_lock_gc(v->store, false, NULL, &lock));
	for (size_t i = 0; i < x->image_count; i++) {
		const Digest *id = &x->images[i].image_id;
		Digest second;
		if (digest_eq(id, &y->images[i].image_id)) {
			printf("reproducible: %s\n", digest_arena_text(v->cli->arena, id).ptr);
			continue;
		}
		v->cli->exit_status = 1;
		const BuildStep *step;
		TRY(find_step(v, x, y, &step, &second));
		if (step)
			return say_step(v, step, &second, x->epoch_ns);
		TRY(say_config(v, &x->images[i], &y->images[i]));
	}
	return NULL;
}

/* --- nothing is left -------------------------------------------------------------------------- */

static bool was_known(const Verify *v, const Digest *id)
{
	for (size_t i = 0; i < v->known_count; i++)
		if (store_ref_has(&v->known[i], id))
			return true;
	return false;
}

static Err *forget(Verify *v, const BuildResult *r)
{
	Arena *a = v->cli->arena;
	for (size_t i = 0; i < r->image_count; i++) {
		ImageRemoved removed;
		if (was_known(v, &r->images[i].image_id))
			continue;
		Str id = digest_arena_text(a, &r->images[i].image_id);
		Err *e = image_remove(v->store, id, false, a, &removed);
		if (e && err_kind(e) != ERR_NOT_FOUND) /* the other build's was the same */
			return e;
		err_free(e);
	}
	return NULL;
}

static Err *verify(Verify *v, Cancel *cancel)
{
	BuildResult first = { 0 }, second = { 0 };
	bool built = false;
	TRY(build_one(v, false, &first, &built));
	if (!built)
		return NULL;
	Err *e = pause_between(cancel);
	if (!e)
		e = build_otherwise(v, &second, &built);
	if (!e && built)
		e = compare(v, &first, &second);
	AUTO_ERR Err *e2 = forget(v, &first);
	if (!e2 && built)
		e2 = forget(v, &second);
	return e ? e : TAKE_PTR(e2);
}

/* What a build gives away is not given here. */
static Err *check_values(Cli *cli, const BuildValues *v, const Arguments *args)
{
	const struct {
		bool given;
		const char *name;
	} refused[] = {
		{ v->outputs.count, "--output" },
		{ v->push, "--push" },
		{ v->iidfile, "--iidfile" },
		{ v->call, "--call" },
		{ v->check, "--check" },
		{ v->shell_on_error, "--shell-on-error" },
		{ v->metadata_file, "--metadata-file" },
		{ v->destinations.count, "--destination" },
		{ v->cache_to.count, "--cache-to" },
	};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (refused[i].given)
			return err_note(cli_usage(cli, "verify has no %s", refused[i].name),
			                "it builds only to compare: nothing is named, written or "
			                "sent");
	if ((args->count && strcmp(args->at[0], "-") == 0) ||
	    (v->file && strcmp(v->file, "-") == 0))
		return err_note(cli_usage(cli, "standard input can be read only once"),
		                "verify reads Dockerfile and context twice: give files");
	return NULL;
}

static void verify_done(Verify *v)
{
	for (size_t i = 0; i < ARRAY_LEN(v->opened); i++)
		build_opened_close(&v->opened[i]);
}

Err *verify_run_command(Cli *cli, const void *values, const Arguments *args)
{
	CLEANUP(verify_done)
	Verify v = {
		.cli = cli,
		.values = values,
		.args = args,
		.opened = { { .input = { .context_fd = -1 } }, { .input = { .context_fd = -1 } } },
	};
	Cancel *cancel = NULL;
	TRY(check_values(cli, values, args));
	TRY(cli_store(cli, &v.store));
	TRY(cli_cancel(cli, &cancel));
	TRY(store_ref_list(v.store, cli->arena, &v.known, &v.known_count));
	return verify(&v, cancel);
}
