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
#include "exec/build-internal.h"
#include "fs/path.h"
#include "layer/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* mtimes come from the kernel's coarse clock, which may be one tick (10 ms at most) behind ours. */
#define TICK_NS 20000000ll

typedef struct Running {
	Build *build;
	const Step *step;
	Arena arena;
	char name[32]; /* in the scratch space: <name>/upper, <name>/work */
	int dir_fd, upper_fd, work_fd;
	int *lower_fds; /* top first; the last is the init lower */
	size_t lower_count;
	Digest *lowers; /* diff IDs, bottom first, for the diff */
	size_t diff_count;
} Running;

/* --- the log --------------------------------------------------------------------------------- */

typedef struct Logger {
	Progress *progress;
	unsigned line;
} Logger;

static void pass_log(void *context, Str bytes)
{
	Logger *l = context;
	progress_log(l->progress, l->line, bytes);
}

/* --- the root file system -------------------------------------------------------------------- */

static Err *make_scratch(Running *r)
{
	int tmp;
	TRY(store_tmp_fd(r->build->store, &tmp));
	store_tmp_name(r->build->store, "run", r->name);
	if (mkdirat(tmp, r->name, 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	r->dir_fd = openat(tmp, r->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0 || mkdirat(r->dir_fd, "upper", 0755) < 0 ||
	    mkdirat(r->dir_fd, "work", 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	/* the umask may have taken bits away, and this becomes the image's root directory */
	r->upper_fd = openat(r->dir_fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->work_fd = openat(r->dir_fd, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->upper_fd < 0 || r->work_fd < 0 || fchmod(r->upper_fd, 0755) < 0)
		return err_sys(errno, "cannot open a scratch directory");
	return NULL;
}

/*
 * The layers as directories, top first.  Empty ones change nothing; of one that occurs twice only
 * the upper one counts (overlay refuses the same directory twice).
 */
static Err *open_lowers(Running *r)
{
	Build *b = r->build;
	const StepState *parent = &b->states[r->step->parent];
	r->lower_fds =
		arena_alloc(&r->arena, (parent->layer_count + 1) * sizeof(int), _Alignof(int));
	Digest *top_first = arena_alloc(&r->arena, (parent->layer_count + 1) * sizeof(Digest),
	                                _Alignof(Digest));
	for (size_t i = parent->layer_count; i-- > 0;) {
		const LayerRef *l = &parent->layers[i];
		bool twice = false;
		for (size_t k = 0; k < r->lower_count && !twice; k++)
			twice = digest_eq(&top_first[k], &l->diff_id);
		if (l->empty || twice)
			continue;
		TRY(layer_need_dir(b->store, &l->diff_id, sandbox_overlay_prefix(), b->cancel));
		TRY(store_layer_open_dir(b->store, &l->diff_id, &r->lower_fds[r->lower_count]));
		top_first[r->lower_count++] = l->diff_id;
		r->diff_count = r->lower_count; /* what running_done closes */
	}
	r->lowers = arena_alloc(&r->arena, (r->diff_count + 1) * sizeof(Digest), _Alignof(Digest));
	for (size_t i = 0; i < r->diff_count; i++)
		r->lowers[i] = top_first[r->diff_count - 1 - i];
	r->lower_fds[r->lower_count++] = b->init_lower_fd;
	return NULL;
}

static void running_done(Running *r)
{
	int tmp;
	for (size_t i = 0; i < r->diff_count && r->lower_fds; i++)
		close(r->lower_fds[i]);
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

static const char **to_argv(Arena *a, const Strs *strs, Str extra)
{
	const char **v = arena_alloc(a, (strs->count + 2) * sizeof *v, _Alignof(char *));
	size_t n = 0;
	for (size_t i = 0; i < strs->count; i++)
		v[n++] = arena_str(a, strs->at[i]).ptr;
	if (extra.len)
		v[n++] = extra.ptr;
	return v;
}

static bool has_env(const Strs *env, Str name)
{
	for (size_t i = 0; i < env->count; i++)
		if (str_starts(env->at[i], name))
			return true;
	return false;
}

static SandboxNetwork network_of(Str text)
{
	if (str_eq(text, STR("none")))
		return SANDBOX_NET_NONE;
	return str_eq(text, STR("host")) ? SANDBOX_NET_HOST : SANDBOX_NET_DEFAULT;
}

/* A working directory that no WORKDIR made (the base image's config names it): made in the upper.
 */
static Err *need_cwd(Running *r, const View *view, const ViewUser *user)
{
	Str path;
	bool exists;
	Arena *a = &r->arena;
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
static Err *make_script(Running *r, const char **ret_target, int *ret_fd)
{
	const RunArgs *run = &r->step->run;
	AUTO_CLOSE int fd =
		openat(r->dir_fd, "script", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(errno, "cannot write the script");
	TRY(path_write_all(fd, run->script.ptr, run->script.len, "the script"));
	*ret_target = arena_strf(&r->arena, "/dev/pipes/%.*s", STR_ARG(run->script_name)).ptr;
	*ret_fd = openat(r->dir_fd, "script", O_PATH | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open the script") : NULL;
}

static Err *run_command(Running *r, const int log_fds[2], SandboxResult *ret)
{
	Logger logger = { r->build->progress, r->build->states[r->step->number].line };
	Build *b = r->build;
	const RunArgs *run = &r->step->run;
	Arena *a = &r->arena;
	AUTO_VIEW View *view = NULL;
	ViewUser user;
	TRY(view_open(b->store, r->lowers, r->diff_count, &view));
	TRY(err_place(view_user(view, run->user, sandbox_overlay_prefix(), a, &user),
	              run->user_span));
	TRY(need_cwd(r, view, &user));

	AUTO_CLOSE int script_fd = -1;
	SandboxMount mount = { .kind = SANDBOX_MOUNT_BIND, .read_only = true };
	if (run->script.len) {
		TRY(make_script(r, &mount.target, &script_fd));
		mount.source_fd = script_fd;
	}
	Str home = has_env(&run->env, STR("HOME="))
	                   ? STR("")
	                   : arena_strf(a, "HOME=%.*s", STR_ARG(user.home));
	SandboxSpec spec = {
		.lower_fds = r->lower_fds,
		.lower_count = r->lower_count,
		.upper_fd = r->upper_fd,
		.work_fd = r->work_fd,
		.argv = to_argv(a, &run->argv, STR("")),
		.env = to_argv(a, &run->env, home),
		.cwd = arena_str(a, run->cwd).ptr,
		.uid = user.uid,
		.gid = user.gid,
		.groups = user.groups,
		.group_count = user.group_count,
		.hostname =
			"buildkitsandbox", /* what BuildKit's RUN sees, and Dockerfiles may know */
		.extra_hosts = "",
		.network = network_of(run->network),
		.mounts = run->script.len ? &mount : NULL,
		.mount_count = run->script.len ? 1 : 0,
		.stdin_fd = -1,
		.stdout_fd = log_fds[1],
		.stderr_fd = log_fds[1],
		.log_fd = log_fds[0],
		.log = pass_log,
		.log_context = &logger,
	};
	return sandbox_run(b->sandbox, &spec, b->cancel, ret);
}

static Err *run_logged(Running *r, SandboxResult *ret)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int read_fd = fds[0];
	AUTO_CLOSE int write_fd = fds[1];
	return run_command(r, (const int[]){ read_fd, write_fd }, ret);
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

/* What a shell ends with when a file is there and cannot be run. */
enum { STATUS_NOT_EXECUTABLE = 126 };

static Err *note_emulator(Err *e, const Platform *image, const Platform *host)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	e = err_note(e,
	             "the image is for %s and this machine is %s: programs of another architecture "
	             "need an emulator",
	             platform_text(&a, image).ptr, platform_text(&a, host).ptr);
	return err_note(e, "install qemu-user-static, which registers with binfmt_misc, and build "
	                   "again");
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
	if (result->signal == 9)
		e = err_note(e, "signal 9 ended it: often the machine had no memory left");
	else if (result->signal)
		e = err_note(e, "signal %d ended it", result->signal);
	Platform host = platform_host();
	const Platform *platform = &b->plan.stages[step->stage].platform;
	if (result->exit_status == STATUS_NOT_EXECUTABLE && !platform_fit(&host, platform))
		e = note_emulator(e, platform, &host);
	if (is_store_full(b->store))
		e = err_note(e,
		             "the file system of the store '%s' is full: remove images with "
		             "'decant rmi', or use another one with --root DIR",
		             store_path(b->store));
	return err_place(err_set_exit_status(e, result->exit_status), step->span);
}

static void tell_network(Build *b, unsigned line, const SandboxResult *result)
{
	bool first;
	if (!result->network_fell_back)
		return;
	(void)pthread_mutex_lock(&b->mutex);
	first = !b->network_told;
	b->network_told = true;
	(void)pthread_mutex_unlock(&b->mutex);
	if (first)
		progress_warning(b->progress, line, "RUN uses the host's network: %s",
		                 result->network_reason ? result->network_reason
		                                        : "no user-mode network");
}

static Err *run_step(Running *r, StoreLayer *ret)
{
	Build *b = r->build;
	SandboxResult result = { 0 };
	TRY(state_need_base(b, r->step->parent));
	TRY(make_scratch(r));
	TRY(open_lowers(r));
	int64_t from_ns = clock_real_ns() - TICK_NS;
	TRY(run_logged(r, &result));
	tell_network(b, b->states[r->step->number].line, &result);
	if (result.exit_status != 0)
		return failed(b, r->step, &result);
	LayerUpper upper = {
		.dir_name = arena_strf(&r->arena, "%s/upper", r->name).ptr,
		.lowers = r->lowers,
		.lower_count = r->diff_count,
		.window = { from_ns, clock_real_ns() + TICK_NS },
		.clamp_mtime_ns = b->epoch_ns >= 0 ? b->epoch_ns : INT64_MAX,
		.overlay_prefix = sandbox_overlay_prefix(),
		.cancel = b->cancel,
	};
	return layer_from_upper(b->store, &upper, ret);
}

Err *op_run(Build *b, const Step *step, StoreLayer *ret)
{
	Running r = { .build = b, .step = step, .dir_fd = -1, .upper_fd = -1, .work_fd = -1 };
	Err *e = run_step(&r, ret);
	running_done(&r);
	return err_place(e, step->span);
}
