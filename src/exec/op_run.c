/*
 * op_run.c - RUN: a command in the sandbox over the layers so far; what it wrote becomes a layer.
 *
 * The upper directory lies in the scratch space of this process and is renamed to its layer when
 * the command has ended well.  A fresh work directory each time: overlay's "volatile" leaves a mark
 * in it that no second mount accepts.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/debug.h"
#include "exec/foreign.h"
#include "exec/trust.h"
#include "fs/path.h"
#include "layer/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* mtimes come from the kernel's coarse clock, which may be one tick (10 ms at most) behind ours. */
#define TICK_NS 20000000ll

typedef struct Logger {
	Progress *progress;
	unsigned line;
	StoreLogWriter *file; /* in full */
} Logger;

typedef struct Running {
	Build *build;
	const Step *step;
	Arena arena;
	char name[32]; /* in the scratch space: <name>/upper, <name>/work */
	int dir_fd, upper_fd, work_fd;
	Lowers lowers;
	RunGiven given;
	Trust trust;
	View *view; /* of the layers below */
	ViewUser user;
	SandboxSpec spec;
	Logger logger;
} Running;

/* --- the log --------------------------------------------------------------------------------- */

static void pass_log(void *context, Str bytes)
{
	Logger *l = context;
	progress_log(l->progress, l->line, bytes);
	if (l->file)
		store_log_add(l->file, bytes);
}

/* --- the root file system -------------------------------------------------------------------- */

/* A fresh directory NAME, in place of one that *FD may be. */
static Err *make_dir(const Running *r, const char *name, mode_t mode, int *fd)
{
	closep(fd);
	*fd = -1;
	int made = mkdirat(r->dir_fd, name, mode);
	if (made < 0 && errno == EEXIST) {
		TRY(path_remove_tree(r->dir_fd, name));
		made = mkdirat(r->dir_fd, name, mode);
	}
	if (made < 0)
		return err_sys(errno, "cannot create a scratch directory");
	*fd = openat(r->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* the umask may have taken bits away, and "upper" becomes the image's root directory */
	if (*fd < 0 || fchmod(*fd, mode) < 0)
		return err_sys(errno, "cannot open a scratch directory");
	return NULL;
}

static Err *make_scratch(Running *r)
{
	int tmp;
	TRY(store_tmp_fd(r->build->store, &tmp));
	store_tmp_name(r->build->store, "run", r->name);
	if (mkdirat(tmp, r->name, 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	r->dir_fd = openat(tmp, r->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return err_sys(errno, "cannot open a scratch directory");
	TRY(make_dir(r, "upper", 0755, &r->upper_fd));
	return make_dir(r, "work", 0700, &r->work_fd);
}

static void running_done(Running *r)
{
	int tmp;
	run_given_done(&r->given);
	trust_done(&r->trust);
	view_closep(&r->view);
	lowers_close(&r->lowers);
	if (r->upper_fd >= 0)
		close(r->upper_fd);
	if (r->work_fd >= 0)
		close(r->work_fd);
	if (r->dir_fd >= 0) {
		close(r->dir_fd);
		Err *e = store_tmp_fd(r->build->store, &tmp);
		if (!e)
			e = path_remove_tree(tmp, r->name);
		err_free(e); /* what cannot be removed now is reaped with the scratch directory */
	}
	arena_done(&r->arena);
}

/* --- the command ----------------------------------------------------------------------------- */

static const char **to_argv(Arena *a, const Strs *strs)
{
	const char **v = arena_alloc(a, (strs->count + 1) * sizeof *v, _Alignof(char *));
	for (size_t i = 0; i < strs->count; i++)
		v[i] = arena_str(a, strs->at[i]).ptr;
	return v;
}

static bool is_same_name(Str a, Str b)
{
	Str x, y;
	(void)str_cut(a, '=', &x);
	(void)str_cut(b, '=', &y);
	return str_eq(x, y);
}

/* ENTRY, instead of one with its name if there is one. */
static size_t put_env(const char **v, size_t count, Str entry)
{
	size_t at = 0;
	while (at < count && !is_same_name(str_from(v[at]), entry))
		at++;
	v[at] = entry.ptr;
	return count + (at == count);
}

/* ENTRY, unless there is one with its name. */
static size_t put_usual_env(const char **v, size_t count, Str entry)
{
	for (size_t i = 0; i < count; i++)
		if (is_same_name(str_from(v[i]), entry))
			return count;
	v[count] = entry.ptr;
	return count + 1;
}

/* The plan's variables, HOME unless it is among them, the
 * proxies of the request, and what the run is given. */
static const char **make_env(Running *r)
{
	Arena *a = &r->arena;
	const Strs *env = &r->step->run.env;
	const BuildRun *run = &r->build->request->run;
	size_t count = env->count, more = r->given.env.len, usual = r->given.usual_env.len;
	size_t most = count + more + usual + run->proxy_count + 2;
	const char **v = arena_alloc(a, most * sizeof *v, _Alignof(char *));
	for (size_t i = 0; i < count; i++)
		v[i] = arena_str(a, env->at[i]).ptr;
	count = put_usual_env(v, count, arena_strf(a, "HOME=%.*s", STR_ARG(r->user.home)));
	for (size_t i = 0; i < run->proxy_count; i++)
		count = put_usual_env(v, count, run->proxies[i]);
	for (size_t i = 0; i < usual; i++)
		count = put_usual_env(v, count, r->given.usual_env.at[i]);
	for (size_t i = 0; i < more; i++)
		count = put_env(v, count, r->given.env.at[i]);
	return v;
}

static SandboxNetwork network_of(Str text)
{
	if (str_eq(text, STR("none")))
		return SANDBOX_NET_NONE;
	return str_eq(text, STR("host")) ? SANDBOX_NET_HOST : SANDBOX_NET_DEFAULT;
}

/* A working directory that no WORKDIR made (the base image's config names it): made in the upper.
 */
static Err *need_cwd(const Running *r)
{
	const View *view = r->view;
	const ViewUser *user = &r->user;
	Str path;
	bool exists;
	Arena *a = (Arena *)&r->arena;
	TRY(view_resolve(view, path_clean_in_root(a, r->step->run.cwd), true, a, &path, &exists));
	if (exists || path.len == 0)
		return NULL;
	AUTO_LIST_BUILDER ListBuilder *builder = list_builder_new();
	TreeOwner owner = { .uid = user->uid, .gid = user->gid, .mode = 0755, .mtime_ns = 0 };
	TRY(tree_need_dir(view, builder, path, &owner, a));
	AUTO_LIST List *list = list_builder_finish(TAKE_PTR(builder));
	AUTO_PLACE Place place = { .dir_fd = -1 };
	place_init(&place, r->upper_fd, sandbox_overlay_prefix());
	ListCursor c = list_cursor(list, STR(""));
	Entry e;
	while (list_next(&c, a, &e)) {
		int fd;
		TRY(place_begin(&place, &e, &fd));
		TRY(place_finish(&place, &e, fd));
	}
	return NULL;
}

/* RUN <<EOF with #!: the body as an executable file, bound read-only over /dev/pipes/<name>. */
static Err *add_script(Running *r)
{
	const RunArgs *run = &r->step->run;
	AUTO_CLOSE int fd =
		openat(r->dir_fd, "script", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(errno, "cannot write the script");
	TRY(path_write_all(fd, run->script.ptr, run->script.len, "the script"));
	int source = openat(r->dir_fd, "script", O_PATH | O_CLOEXEC);
	if (source < 0)
		return err_sys(errno, "cannot open the script");
	VEC_PUSH(&r->given.fds, source);
	SandboxMount mount = {
		.kind = SANDBOX_MOUNT_BIND,
		.source_fd = source,
		.target = arena_strf(&r->arena, "/dev/pipes/%.*s", STR_ARG(run->script_name)).ptr,
		.read_only = true,
	};
	VEC_PUSH(&r->given.mounts, mount);
	return NULL;
}

static const char *make_hosts(Running *r)
{
	const BuildRun *run = &r->build->request->run;
	AUTO_BUF Buf lines = BUF_INIT;
	for (size_t i = 0; i < run->host_count; i++)
		buf_addf(&lines, "%.*s\t%.*s\n", STR_ARG(run->hosts[i].address),
		         STR_ARG(run->hosts[i].name));
	return arena_str(&r->arena, buf_str(&lines)).ptr;
}

/* Top first: certificates that no layer keeps, the layers, the mount points. */
static const int *stack_lowers(Running *r, size_t *ret_count)
{
	size_t count = 0;
	int *fds = arena_alloc(&r->arena, (r->lowers.count + 2) * sizeof *fds, _Alignof(int));
	if (r->trust.dir_fd >= 0)
		fds[count++] = r->trust.dir_fd;
	for (size_t i = 0; i < r->lowers.count; i++)
		fds[count++] = r->lowers.fds[i];
	fds[count++] = r->build->init_lower_fd;
	*ret_count = count;
	return fds;
}

/* All that the command gets, but for where its output goes. */
static Err *prepare_command(Running *r)
{
	Build *b = r->build;
	const RunArgs *run = &r->step->run;
	Arena *a = &r->arena;
	TRY(view_open(b->store, r->lowers.diff_ids, r->lowers.count, &r->view));
	TRY(err_place(view_user(r->view, run->user, sandbox_overlay_prefix(), a, &r->user),
	              run->user_span));
	TRY(need_cwd(r));

	r->given.arena = a;
	r->given.scratch_fd = r->dir_fd;
	r->given.line = b->states[r->step->number].line;
	if (run->mount_count || run->device_count)
		TRY(run_given_make(b, r->step, r->view, &r->given));
	if (run->script.len)
		TRY(add_script(r));
	TRY(trust_make(b, r->view, &r->given, &r->trust));
	size_t lower_count;
	const int *lower_fds = stack_lowers(r, &lower_count);
	/* what BuildKit's RUN sees, and Dockerfiles may know */
	const char *hostname =
		run->hostname.len ? arena_str(a, run->hostname).ptr : "buildkitsandbox";
	r->logger = (Logger){ b->progress, b->states[r->step->number].line };
	r->spec = (SandboxSpec){
		.lower_fds = lower_fds,
		.lower_count = lower_count,
		.upper_fd = r->upper_fd,
		.work_fd = r->work_fd,
		.argv = to_argv(a, &run->argv),
		.env = make_env(r),
		.cwd = arena_str(a, run->cwd).ptr,
		.uid = r->user.uid,
		.gid = r->user.gid,
		.groups = r->user.groups,
		.group_count = r->user.group_count,
		.hostname = hostname,
		.extra_hosts = make_hosts(r),
		.network = network_of(run->network),
		.mounts = r->given.mounts.at,
		.mount_count = r->given.mounts.len,
		.shm_bytes = b->request->run.shm_bytes,
		.insecure = run->insecure,
		.limits = b->request->run.limits,
		.limit_count = b->request->run.limit_count,
		.resources = b->request->run.resources,
		.user_ns_fd = foreign_user_ns(b, r->step),
		.stdin_fd = -1,
		.log = pass_log,
		.log_context = &r->logger,
	};
	return NULL;
}

static Err *run_logged(Running *r, SandboxResult *ret)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int read_fd = fds[0];
	AUTO_CLOSE int write_fd = fds[1];
	r->spec.stdout_fd = write_fd;
	r->spec.stderr_fd = write_fd;
	r->spec.log_fd = read_fd;
	/* A command that is run again goes on in the same log. */
	StepTrace *trace = &r->build->states[r->step->number].trace;
	uint64_t bytes;
	r->logger.file = store_log_new(&r->build->journal, r->step->number);
	Err *e = sandbox_run(r->build->sandbox, &r->spec, r->build->cancel, ret);
	AUTO_ERR Err *lost = store_log_end(TAKE_PTR(r->logger.file), &bytes);
	trace->log_bytes += bytes;
	if (lost) /* a full disk fails more than this */
		progress_warning(r->build->progress, r->logger.line,
		                 "the log is not kept in full: %.*s", STR_ARG(err_cause(lost)));
	return e;
}

/* The root for another run of the command, or for a shell. */
static Err *renew_root(void *context, bool upper_too)
{
	Running *r = context;
	/* overlay's "volatile" leaves a mark in the work directory that no second mount accepts */
	TRY(make_dir(r, "work", 0700, &r->work_fd));
	r->spec.work_fd = r->work_fd;
	if (!upper_too)
		return NULL;
	TRY(make_dir(r, "upper", 0755, &r->upper_fd));
	r->spec.upper_fd = r->upper_fd;
	return need_cwd(r);
}

/* Commands seldom say well that the disk was full; what they write lies in the store. */
static bool is_store_full(Store *s)
{
	enum { FULL_BYTES = 1 << 20 };
	struct statvfs fs;
	if (fstatvfs(store_dir_fd(s), &fs) < 0)
		return false;
	return (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BYTES || (fs.f_files && fs.f_favail == 0);
}

static Err *failed(Build *b, const Step *step, const SandboxResult *result)
{
	AUTO_BUF Buf words = BUF_INIT;
	for (size_t i = 0; i < step->run.argv.count; i++)
		buf_addf(&words, "%s%.*s", i ? " " : "", STR_ARG(step->run.argv.at[i]));
	/* The source line is shown as well: a script of many lines would bury the exit code. */
	enum { SHOWN_MAX = 200 };
	size_t shown = words.len;
	if (shown > SHOWN_MAX)
		for (shown = SHOWN_MAX; ((unsigned char)words.ptr[shown] & 0xc0) == 0x80;)
			shown--;
	Err *e =
		err_new(ERR_RUN, "process \"%.*s%s\" did not complete successfully: exit code: %d",
	                (int)shown, words.ptr, shown < words.len ? "..." : "", result->exit_status);
	if (result->signal == 9 && b->request->run.resources.memory_bytes)
		e = err_note(e, "signal 9 ended it: it may have reached the limit of --memory");
	else if (result->signal == 9)
		e = err_note(e, "signal 9 ended it: often the machine had no memory left");
	else if (result->signal)
		e = err_note(e, "signal %d ended it", result->signal);
	if (is_store_full(b->store))
		e = err_note(e,
		             "the file system of the store '%s' is full: remove what nothing needs "
		             "with 'decant system prune', images with 'decant rmi', or use another "
		             "one with --root DIR",
		             store_path(b->store));
	return err_place(err_set_exit_status(e, result->exit_status), step->span);
}

/* Is it for the first time in this build? */
static bool is_first(Build *b, bool *told)
{
	(void)pthread_mutex_lock(&b->mutex);
	bool first = !*told;
	*told = true;
	(void)pthread_mutex_unlock(&b->mutex);
	return first;
}

static void tell_fallbacks(Build *b, unsigned line, const SandboxResult *result)
{
	if (result->unlimited && is_first(b, &b->limits_told))
		progress_warning(b->progress, line, "the resources of RUN are not limited: %s",
		                 result->unlimited_reason);
	if (result->network_fell_back && is_first(b, &b->network_told))
		progress_warning(b->progress, line, "RUN uses the host's network: %s",
		                 result->network_reason ? result->network_reason
		                                        : "no user-mode network");
}

/* Until it ends well, or the user has seen enough of it. */
static Err *run_until_done(Running *r, SandboxResult *ret)
{
	Build *b = r->build;
	DebugRun debug = {
		.build = b, .step = r->step, .spec = &r->spec, .renew = renew_root, .context = r
	};
	for (;;) {
		TRY(run_logged(r, ret));
		tell_fallbacks(b, r->logger.line, ret);
		if (ret->exit_status == 0)
			break;
		TRY(debug_failure(&debug, failed(b, r->step, ret)));
	}
	b->states[r->step->number].by_hand = debug.by_hand;
	return NULL;
}

static Err *run_step(Running *r, StoreLayer *ret)
{
	Build *b = r->build;
	SandboxResult result = { 0 };
	TRY(state_need_base(b, r->step->parent));
	TRY(make_scratch(r));
	TRY(lowers_open(b, r->step->parent, &r->arena, &r->lowers));
	int64_t begun_ns = clock_real_ns(), mono_ns = clock_mono_ns();
	TRY(prepare_command(r));
	TRY(run_until_done(r, &result));
	if (r->step->run.insecure && sandbox_rung() != SANDBOX_ROOT &&
	    is_first(b, &b->insecure_told))
		progress_warning(b->progress, b->states[r->step->number].line,
		                 "RUN --security=insecure has all rights in its user namespace, "
		                 "not those of root on this machine");
	TRY(trust_clean(b, &r->trust, r->upper_fd));
	/* If the clock was set meanwhile, both before and after it are "now". */
	int64_t ended_ns = clock_real_ns(), took_ns = clock_mono_ns() - mono_ns;
	LayerUpper upper = {
		.dir_name = arena_strf(&r->arena, "%s/upper", r->name).ptr,
		.lowers = r->lowers.diff_ids,
		.lower_count = r->lowers.count,
		.base_count = r->lowers.base_count,
		.window = { { begun_ns - TICK_NS, begun_ns + took_ns + TICK_NS },
		            { ended_ns - took_ns - TICK_NS, ended_ns + TICK_NS } },
		.clamp_mtime_ns = b->epoch_ns >= 0 ? b->epoch_ns : INT64_MAX,
		.overlay_prefix = sandbox_overlay_prefix(),
		.cancel = b->cancel,
	};
	return layer_from_upper(b->store, &upper, ret);
}

Err *op_run(Build *b, const Step *step, StoreLayer *ret)
{
	Running r = { .build = b,
		      .step = step,
		      .dir_fd = -1,
		      .upper_fd = -1,
		      .work_fd = -1,
		      .trust = TRUST_NONE };
	Err *e = run_step(&r, ret);
	running_done(&r);
	return err_place(e, step->span);
}
