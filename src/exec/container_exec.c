/* container_exec.c - an image and a request become a SandboxSpec, and that runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"
#include "exec/container-internal.h"
#include "fs/path.h"
#include "layer/place.h"

#include <fcntl.h>

/* What docker puts into a container whose image sets no PATH. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { SHORT_ID_LEN = 12, SIGNAL_NAME_MAX = 32 };

Err *container_argv(const ContainerRequest *r, Arena *a, Strs *ret)
{
	const ImageConfig *c = &r->image.config;
	const Strs *first = r->entrypoint.set ? &r->entrypoint : &c->entrypoint;
	/* Another ENTRYPOINT makes the image's CMD meaningless: docker drops it. */
	const Strs *second = r->command.count > 0 || r->entrypoint.set ? &r->command : &c->cmd;
	Strs argv = { 0 };
	for (size_t i = 0; i < first->count; i++)
		strs_push(a, &argv, first->at[i]);
	for (size_t i = 0; i < second->count; i++)
		strs_push(a, &argv, second->at[i]);
	if (argv.count == 0)
		return err_note(
			err_new(ERR_INPUT, "no command specified"),
			"the image has neither ENTRYPOINT nor CMD: give a command after its "
			"name");
	*ret = argv;
	return NULL;
}

int container_signal_number(Str text)
{
	uint64_t number;
	if (str_to_u64(text, &number))
		return number > 0 && number <= (uint64_t)SIGRTMAX ? (int)number : 0;
	char upper[SIGNAL_NAME_MAX] = "";
	if (text.len >= sizeof upper)
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	const char *name = upper;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);
		if (known && strcmp(known, name) == 0)
			return i;
	}
	/* The kernel's numbers, as docker counts: RTMIN is 34. */
	if (strncmp(name, "RTMIN", 5) == 0 && (name[5] == '\0' || name[5] == '+')) {
		Str more = str_from(name[5] ? name + 6 : "0");
		if (str_to_u64(more, &number) && number <= (uint64_t)(SIGRTMAX - SIGRTMIN))
			return SIGRTMIN + (int)number;
	}
	return 0;
}

/* --- environment ----------------------------------------------------------------------------- */

static Str name_of(Str assignment)
{
	Str name;
	(void)str_cut(assignment, '=', &name);
	return name;
}

/* The later value wins and takes the place of the earlier. */
static void set_env(Arena *a, Strs *env, Str assignment)
{
	for (size_t i = 0; i < env->count; i++)
		if (str_eq(name_of(env->at[i]), name_of(assignment))) {
			env->at[i] = assignment;
			return;
		}
	strs_push(a, env, assignment);
}

static Strs make_env(const ContainerRun *run, const char *hostname, Str home)
{
	Arena *a = run->arena;
	const ContainerRequest *r = run->request;
	Strs env = { 0 };
	strs_push(a, &env, STR(DEFAULT_PATH));
	strs_push(a, &env, arena_strf(a, "HOSTNAME=%s", hostname));
	if (r->terminal)
		strs_push(a, &env, STR("TERM=xterm"));
	strs_push(a, &env, arena_strf(a, "HOME=%.*s", STR_ARG(home)));
	for (size_t i = 0; i < r->image.config.env.count; i++)
		set_env(a, &env, r->image.config.env.at[i]);
	for (size_t i = 0; i < r->env.count; i++)
		set_env(a, &env, r->env.at[i]);
	return env;
}

static const char **to_words(Arena *a, const Strs *strs)
{
	const char **v = arena_alloc(a, (strs->count + 1) * sizeof *v, _Alignof(char *));
	for (size_t i = 0; i < strs->count; i++)
		v[i] = arena_str(a, strs->at[i]).ptr;
	return v;
}

/* --- root file system ------------------------------------------------------------------------ */

typedef struct Root {
	int *lower_fds; /* top first; the last is the init lower */
	size_t lower_count;
	int upper_fd, work_fd;
} Root;

static void root_done(Root *r)
{
	for (size_t i = 0; i < r->lower_count; i++)
		close(r->lower_fds[i]);
	closep(&r->upper_fd);
	closep(&r->work_fd);
}

Err *container_lowers(Store *s, const ImageConfig *c, Arena *a, int **ret, size_t *ret_count)
{
	int *fds = arena_alloc(a, (c->diff_id_count + 1) * sizeof(int), _Alignof(int));
	*ret = fds;
	*ret_count = 0;
	for (size_t i = c->diff_id_count; i-- > 0;) {
		bool twice = false; /* overlay refuses the same directory a second time */
		for (size_t k = i + 1; k < c->diff_id_count && !twice; k++)
			twice = digest_eq(&c->diff_ids[k], &c->diff_ids[i]);
		if (twice)
			continue;
		TRY(layer_need_dir(s, &c->diff_ids[i], sandbox_overlay_prefix(), NULL));
		TRY(store_layer_open_dir(s, &c->diff_ids[i], &fds[*ret_count]));
		++*ret_count;
	}
	return NULL;
}

static Err *open_lowers(const ContainerRun *run, Root *root)
{
	TRY(container_lowers(run->store, &run->request->image.config, run->arena, &root->lower_fds,
	                     &root->lower_count));
	TRY(sandbox_init_lower(store_dir_fd(run->store), "init",
	                       &root->lower_fds[root->lower_count]));
	root->lower_count++;
	return NULL;
}

static Err *open_root(const ContainerRun *run, Root *root)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	TRY(open_lowers(run, root));
	root->upper_fd = openat(run->dir_fd, "upper", flags);
	root->work_fd = openat(run->dir_fd, "work", flags);
	if (root->upper_fd < 0 || root->work_fd < 0)
		return err_sys(errno, "cannot open the container's directories");
	return NULL;
}

/* docker makes a working directory that is not there. */
static Err *need_cwd(const ContainerRun *run, const View *view, const SandboxSpec *spec,
                     int upper_fd)
{
	Str path;
	bool exists;
	Arena *a = run->arena;
	TRY(view_resolve(view, path_clean_in_root(a, str_from(spec->cwd)), true, a, &path,
	                 &exists));
	if (exists || path.len == 0)
		return NULL;
	AUTO_LIST_BUILDER ListBuilder *builder = list_builder_new();
	TreeOwner owner = { .uid = spec->uid, .gid = spec->gid, .mode = 0755, .mtime_ns = 0 };
	TRY(tree_need_dir(view, builder, path, &owner, a));
	AUTO_LIST List *list = list_builder_finish(TAKE_PTR(builder));
	AUTO_PLACE Place place = { .dir_fd = -1 };
	place_init(&place, upper_fd, sandbox_overlay_prefix());
	ListCursor c = list_cursor(list, STR(""));
	Entry e;
	while (list_next(&c, a, &e)) {
		int fd;
		TRY(place_begin(&place, &e, &fd));
		TRY(place_finish(&place, &e, fd));
	}
	return NULL;
}

/* --- running --------------------------------------------------------------------------------- */

/* An image for another processor runs if this machine, or a QEMU in PATH, runs its programs.  If
 * neither does, the command says what comes of it: the image may be wrong about itself. */
static Err *open_emulators(ContainerRun *run)
{
	Platform host = platform_host();
	Str arch = run->request->image.config.platform.arch;
	if (str_eq(arch, host.arch) || emulate_find(arch) != EMULATION_WITHIN)
		return NULL;
	run->emulated = true;
	return emulate_open(&arch, 1, &run->emulators);
}

Err *container_open_sandbox(ContainerRun *run)
{
	TRY(open_emulators(run));
	AUTO_CLOSE int scratch =
		openat(run->dir_fd, "scratch", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (scratch < 0)
		return err_sys(errno, "cannot open the container's scratch directory");
	TRY(sandbox_open(scratch, &run->sandbox));
	if (run->request->network == SANDBOX_NET_DEFAULT)
		sandbox_warm_network(run->sandbox);
	return NULL;
}

static SandboxMount *make_mounts(const ContainerRun *run)
{
	const ContainerRequest *r = run->request;
	SandboxMount *mounts = arena_alloc(run->arena, (r->bind_count + 1) * sizeof *mounts,
	                                   _Alignof(SandboxMount));
	for (size_t i = 0; i < r->bind_count; i++)
		mounts[i] = (SandboxMount){ .kind = r->binds[i].kind,
			                    .source_fd = run->bind_fds[i],
			                    .target = arena_str(run->arena, r->binds[i].target).ptr,
			                    .read_only = r->binds[i].read_only,
			                    .size_bytes = r->binds[i].size_bytes,
			                    .mode = (uint32_t)r->binds[i].mode };
	return mounts;
}

/* Lines of a file; "" for none. */
static const char *make_lines(Arena *a, const Strs *lines)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < lines->count; i++)
		buf_addf(&text, "%.*s\n", STR_ARG(lines->at[i]));
	return arena_str(a, buf_str(&text)).ptr;
}

/* --group-add: by number or by the name in the image's /etc/group. */
static Err *add_groups(const ContainerRun *run, const View *view, ViewUser *user)
{
	const Strs *more = &run->request->groups;
	Arena *a = run->arena;
	uint32_t *all = arena_alloc(a, (user->group_count + more->count + 1) * sizeof *all,
	                            _Alignof(uint32_t));
	for (size_t i = 0; i < user->group_count; i++)
		all[i] = user->groups[i];
	for (size_t i = 0; i < more->count; i++) {
		ViewUser one;
		TRY(view_user(view, arena_strf(a, "0:%.*s", STR_ARG(more->at[i])),
		              sandbox_overlay_prefix(), a, &one));
		all[user->group_count++] = one.gid;
	}
	user->groups = all;
	return NULL;
}

/* The first of what the request and the image say, else FALLBACK. */
static Str choose(Str request, Str image, Str fallback)
{
	return request.len > 0 ? request : image.len > 0 ? image : fallback;
}

/* The command and its rights, of the request and the image; what is mounted comes later. */
static Err *fill_command(const ContainerRun *run, const View *view, SandboxSpec *spec,
                         Str *ret_home)
{
	Arena *a = run->arena;
	const ContainerRequest *r = run->request;
	ViewUser user;
	Strs argv = { 0 };
	TRY(view_user(view, choose(r->user, r->image.config.user, STR("")),
	              sandbox_overlay_prefix(), a, &user));
	TRY(add_groups(run, view, &user));
	TRY(container_argv(r, a, &argv));
	Str hostname = choose(r->hostname, STR(""), str_head(run->record->c.id, SHORT_ID_LEN));
	*spec = (SandboxSpec){
		.upper_fd = -1,
		.work_fd = -1,
		.argv = to_words(a, &argv),
		.cwd = arena_str(a, choose(r->working_dir, r->image.config.working_dir, STR("/")))
		               .ptr,
		.uid = user.uid,
		.gid = user.gid,
		.groups = user.groups,
		.group_count = user.group_count,
		.hostname = arena_str(a, hostname).ptr,
		.insecure = r->privileged,
		.unconfined = r->unconfined,
		.no_new_privs = r->no_new_privs,
		.cap_add = r->cap_add,
		.cap_drop = r->cap_drop,
		.limits = r->limits,
		.limit_count = r->limit_count,
		.resources = r->resources,
		.network = r->network,
	};
	*ret_home = user.home;
	return NULL;
}

static void fill_ends(const ContainerRun *run, const ContainerStreams *streams, int events_fd,
                      Str home, SandboxSpec *spec)
{
	Strs env = make_env(run, spec->hostname, home);
	spec->env = to_words(run->arena, &env);
	spec->stdin_fd = streams->stdin_fd;
	spec->stdout_fd = streams->stdout_fd;
	spec->stderr_fd = streams->stderr_fd;
	spec->terminal_fd = streams->terminal_fd;
	spec->events_fd = events_fd;
}

Err *container_command(const ContainerRun *run, const ContainerStreams *streams, int events_fd,
                       SandboxSpec *ret)
{
	const ImageConfig *c = &run->request->image.config;
	AUTO_VIEW View *view = NULL;
	Str home;
	TRY(view_open(run->store, c->diff_ids, c->diff_id_count, &view));
	TRY(fill_command(run, view, ret, &home));
	fill_ends(run, streams, events_fd, home, ret);
	return NULL;
}

Err *container_exec(ContainerRun *run, const ContainerStreams *streams, int events_fd,
                    const Cancel *cancel, SandboxResult *ret)
{
	Arena *a = run->arena;
	const ContainerRequest *r = run->request;
	const ImageConfig *c = &r->image.config;
	CLEANUP(root_done) Root root = { .upper_fd = -1, .work_fd = -1 };
	AUTO_VIEW View *view = NULL;
	SandboxSpec spec;
	Str home;
	TRY(open_root(run, &root));
	TRY(view_open(run->store, c->diff_ids, c->diff_id_count, &view));
	TRY(fill_command(run, view, &spec, &home));
	TRY(need_cwd(run, view, &spec, root.upper_fd));
	fill_ends(run, streams, events_fd, home, &spec);
	spec.lower_fds = root.lower_fds;
	spec.lower_count = root.lower_count;
	spec.upper_fd = root.upper_fd;
	spec.work_fd = root.work_fd;
	spec.extra_hosts = make_lines(a, &r->hosts);
	spec.resolv_conf = r->dns.count ? make_lines(a, &r->dns) : NULL;
	spec.read_only = r->read_only;
	spec.shm_bytes = r->shm_bytes;
	spec.ports = r->ports;
	spec.port_count = r->port_count;
	spec.mounts = make_mounts(run);
	spec.mount_count = r->bind_count;
	spec.user_ns_fd = run->emulated ? run->emulators.user_ns_fd : 0;
	return sandbox_run(run->sandbox, &spec, cancel, ret);
}
