/* run_mounts.c - the --mounts of a RUN as the sandbox takes them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/run.h"
#include "fs/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* One mount on its way. */
typedef struct Giving {
	Build *build;
	const RunMount *mount;
	size_t number;
	const View *root; /* what it is mounted into */
	RunGiven *given;
	SandboxMount out;
} Giving;

static void keep(Giving *g)
{
	VEC_PUSH(&g->given->mounts, g->out);
}

/* --- bind ------------------------------------------------------------------------------------ */

static Err *scratch_dir(Giving *g, const char *what, int *ret_fd)
{
	char name[32];
	(void)snprintf(name, sizeof name, "%s-%zu", what, g->number);
	if (mkdirat(g->given->scratch_fd, name, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	int fd = openat(g->given->scratch_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open a scratch directory");
	VEC_PUSH(&g->given->fds, fd);
	*ret_fd = fd;
	return NULL;
}

/* Where writing goes to, and is forgotten. */
static Err *add_upper(Giving *g)
{
	if (g->mount->read_only)
		return NULL;
	TRY(scratch_dir(g, "upper", &g->out.upper_fd));
	return scratch_dir(g, "work", &g->out.work_fd);
}

static Err *bind_context(Giving *g)
{
	int dir_fd;
	bool is_dir;
	TRY(run_files_dir(g->build, g->mount, &dir_fd, &is_dir));
	if (g->mount->read_only) {
		const char *name = is_dir ? "." : COPY_FILE_NAME;
		g->out.kind = SANDBOX_MOUNT_BIND;
		g->out.source_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (g->out.source_fd < 0)
			return err_sys(errno, "cannot open the files of a mount");
		VEC_PUSH(&g->given->fds, g->out.source_fd);
		return NULL;
	}
	int *lower = arena_new(g->given->arena, int);
	*lower = dir_fd;
	g->out.kind = SANDBOX_MOUNT_LAYERS;
	g->out.lower_fds = lower;
	g->out.lower_count = 1;
	g->out.part = is_dir ? "" : COPY_FILE_NAME;
	return add_upper(g);
}

static Err *bind_step(Giving *g)
{
	Build *b = g->build;
	const RunMount *m = g->mount;
	const CopySet *set;
	TRY(state_need_base(b, m->origin_step));
	if (m->source.len) /* a missing one is told in words */
		TRY(run_files_select(b, m, &set));
	VEC_PUSH(&g->given->lowers, (Lowers){ 0 });
	Lowers *lowers = &g->given->lowers.at[g->given->lowers.len - 1];
	TRY(lowers_open(b, m->origin_step, g->given->arena, lowers));
	g->out.kind = SANDBOX_MOUNT_LAYERS;
	g->out.lower_fds = lowers->fds;
	g->out.lower_count = lowers->count;
	g->out.part = arena_str(g->given->arena, m->source).ptr;
	if (!lowers->count) { /* of scratch: overlay wants one */
		int *empty = arena_new(g->given->arena, int);
		TRY(scratch_dir(g, "empty", empty));
		g->out.lower_fds = empty;
		g->out.lower_count = 1;
	}
	return add_upper(g);
}

static Err *give_bind(Giving *g)
{
	TRY(g->mount->origin == ORIGIN_CONTEXT ? bind_context(g) : bind_step(g));
	keep(g);
	return NULL;
}

/* --- cache, tmpfs ---------------------------------------------------------------------------- */

static Err *give_cache(Giving *g)
{
	const RunMount *m = g->mount;
	int dir_fd;
	TRY(run_cache_take(g->build, m, g->given, &dir_fd));
	g->out.kind = SANDBOX_MOUNT_BIND;
	g->out.source_fd = dir_fd;
	/* Of one that began with files of somewhere, source was a path there. */
	if (m->source.len && m->origin == ORIGIN_INLINE) {
		/* Links in a cache lead nowhere outside of it, whoever planted them. */
		int fd = path_try_in_root(dir_fd, m->source, O_PATH | O_CLOEXEC, 0);
		if (fd < 0)
			return err_sys(-fd, "cannot open '%.*s' in the cache '%.*s'",
			               STR_ARG(m->source), STR_ARG(m->id));
		VEC_PUSH(&g->given->fds, fd);
		g->out.source_fd = fd;
	}
	keep(g);
	return NULL;
}

/* Over a directory that is there it has that one's mode (as with runc); else anybody may write. */
static Err *give_tmpfs(Giving *g)
{
	Arena *a = g->given->arena;
	Str path;
	bool exists;
	Entry e;
	TRY(view_resolve(g->root, path_clean_in_root(a, g->mount->target), true, a, &path,
	                 &exists));
	if (exists && view_find(g->root, path, a, &e, NULL) && e.type == ENTRY_DIR)
		g->out.mode = e.mode;
	g->out.kind = SANDBOX_MOUNT_TMPFS;
	g->out.size_bytes = g->mount->size_bytes;
	keep(g);
	return NULL;
}

/* --- secret, ssh ----------------------------------------------------------------------------- */

static Err *give_secret(Giving *g)
{
	const RunMount *m = g->mount;
	const BuildSecret *s = secret_find(g->build, m->id);
	if (!s && m->required)
		return err_new(ERR_INPUT, "secret %.*s: not found", STR_ARG(m->id));
	if (m->env.len) {
		AUTO_BUF Buf value = BUF_INIT;
		Err *e = s ? secret_read(g->build, s, &value) : NULL;
		if (!e)
			VEC_PUSH(&g->given->env,
			         arena_strf(g->given->arena, "%.*s=%.*s", STR_ARG(m->env),
			                    STR_ARG(buf_str(&value))));
		if (value.ptr)
			explicit_bzero(value.ptr, value.len);
		TRY(e);
	}
	if (!s || !m->target.len)
		return NULL;
	g->out.kind = SANDBOX_MOUNT_FILE;
	TRY(secret_open(g->build, s, &g->out.source_fd));
	VEC_PUSH(&g->given->fds, g->out.source_fd);
	g->out.uid = m->uid;
	g->out.gid = m->gid;
	g->out.mode = m->mode;
	keep(g);
	return NULL;
}

static Err *make_socket(Giving *g, int agent_fd, const char *name)
{
	const RunMount *m = g->mount;
	SshRelay *relay;
	int dir_fd = g->given->scratch_fd;
	TRY(ssh_relay_start(dir_fd, name, agent_fd, &relay));
	VEC_PUSH(&g->given->relays, relay);
	if (fchmodat(dir_fd, name, m->mode & 0777, 0) < 0)
		return err_sys(errno, "cannot set the mode of an SSH agent's socket");
	if (fchownat(dir_fd, name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == EINVAL
		               ? err_new(ERR_INPUT, "user %u or group %u has no id here", m->uid,
		                         m->gid)
		               : err_sys(errno, "cannot set the owner of an SSH agent's socket");
	return NULL;
}

static Err *give_ssh(Giving *g)
{
	const RunMount *m = g->mount;
	char name[32];
	int agent_fd;
	if (!ssh_find(g->build, m->id))
		return m->required
		               ? err_new(ERR_INPUT, "no SSH key \"%.*s\" forwarded", STR_ARG(m->id))
		               : NULL;
	(void)snprintf(name, sizeof name, "agent-%zu", g->number);
	TRY(ssh_agent_socket(g->build, m->id, &agent_fd));
	TRY(make_socket(g, agent_fd, name));
	g->out.kind = SANDBOX_MOUNT_BIND;
	g->out.source_fd = openat(g->given->scratch_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (g->out.source_fd < 0)
		return err_sys(errno, "cannot open an SSH agent's socket");
	VEC_PUSH(&g->given->fds, g->out.source_fd);
	g->out.read_only = false;
	keep(g);
	return NULL;
}

/* --- all ------------------------------------------------------------------------------------- */

typedef Err *GiveFn(Giving *g);
static GiveFn *const givers[MOUNT_TYPE_COUNT] = {
	[MOUNT_BIND] = give_bind,     [MOUNT_CACHE] = give_cache, [MOUNT_TMPFS] = give_tmpfs,
	[MOUNT_SECRET] = give_secret, [MOUNT_SSH] = give_ssh,
};

static Err *give(Build *b, const RunMount *m, size_t number, const View *root, RunGiven *given)
{
	Giving g = { .build = b, .mount = m, .number = number, .root = root, .given = given };
	g.out = (SandboxMount){ .source_fd = -1,
		                .target = arena_str(given->arena, m->target).ptr,
		                .read_only = m->read_only,
		                .upper_fd = -1,
		                .work_fd = -1,
		                .part = "" };
	return err_place(givers[m->type](&g), m->span);
}

/* Caches first and in the order of their keys: two RUNs that lock the same two never wait for each
 * other. */
static Err *take_caches(Build *b, const Step *step, RunGiven *given)
{
	size_t count = step->run.mount_count;
	AUTO_FREE const RunMount **caches = xcalloc(count + 1, sizeof *caches);
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		const RunMount *m = &step->run.mounts[i];
		if (m->type != MOUNT_CACHE)
			continue;
		size_t k = n++;
		for (; k > 0 && str_cmp(caches[k - 1]->id, m->id) > 0; k--)
			caches[k] = caches[k - 1];
		caches[k] = m;
	}
	for (size_t i = 0; i < n; i++) {
		int dir_fd;
		TRY(err_place(run_cache_take(b, caches[i], given, &dir_fd), caches[i]->span));
	}
	return NULL;
}

Err *run_given_make(Build *b, const Step *step, const View *root, RunGiven *given)
{
	TRY(take_caches(b, step, given));
	/* lower_fds of a mount point into what stays where it is: the arena */
	for (size_t i = 0; i < step->run.mount_count; i++)
		TRY(give(b, &step->run.mounts[i], i, root, given));
	return step->run.device_count ? cdi_add(b, step, given) : NULL;
}

void run_given_done(RunGiven *given)
{
	for (size_t i = 0; i < given->env.len; i++) /* secrets, of which no copy should lie about */
		explicit_bzero((char *)given->env.at[i].ptr, given->env.at[i].len);
	for (size_t i = 0; i < given->relays.len; i++)
		ssh_relay_stop(given->relays.at[i]);
	for (size_t i = 0; i < given->fds.len; i++)
		close(given->fds.at[i]);
	for (size_t i = 0; i < given->lowers.len; i++)
		lowers_close(&given->lowers.at[i]);
	for (size_t i = 0; i < given->caches.len; i++)
		store_mount_release(&given->caches.at[i].hold);
	VEC_DONE(&given->relays);
	VEC_DONE(&given->fds);
	VEC_DONE(&given->lowers);
	VEC_DONE(&given->caches);
	VEC_DONE(&given->mounts);
	VEC_DONE(&given->env);
	VEC_DONE(&given->usual_env);
}

Err *run_check(Build *b, const Step *step)
{
	for (size_t i = 0; i < step->run.mount_count; i++) {
		const RunMount *m = &step->run.mounts[i];
		if (!m->required)
			continue;
		if (m->type == MOUNT_SECRET && !secret_find(b, m->id))
			return err_note(
				err_at(m->span, "secret %.*s: not found", STR_ARG(m->id)),
				"give it to the build: --secret id=%.*s,src=FILE or ,env=NAME",
				STR_ARG(m->id));
		if (m->type == MOUNT_SSH && !ssh_find(b, m->id))
			return err_note(
				err_at(m->span, "no SSH key \"%.*s\" forwarded", STR_ARG(m->id)),
				"give an agent to the build: --ssh %.*s", STR_ARG(m->id));
	}
	return NULL;
}
