/* container_tree.c - the root of a container, running or not, or of an image: opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "exec/container-internal.h"
#include "exec/container_tree.h"
#include "fs/path.h"
#include "layer/layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* --- the process inside ---------------------------------------------------------------------- */

typedef struct Process {
	pid_t pid, parent;
	unsigned depth; /* of its process namespace, seen from ours: 1 the same */
	pid_t inner;    /* its number in there */
} Process;
typedef VEC(Process) Processes;

enum { STATUS_BYTES_MAX = 65536, ANCESTORS_MAX = 64 };

static void read_process(const char *number, Process *p)
{
	char path[64];
	AUTO_BUF Buf text = BUF_INIT;
	(void)snprintf(path, sizeof path, "/proc/%.16s/status", number);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	AUTO_ERR Err *e = fd < 0 ? NULL : path_read_fd(fd, STATUS_BYTES_MAX, path, &text);
	*p = (Process){ .pid = (pid_t)strtol(number, NULL, 10) };
	const char *parent = e || !text.len ? NULL : strstr(text.ptr, "\nPPid:\t");
	const char *inside = e || !text.len ? NULL : strstr(text.ptr, "\nNSpid:");
	if (parent)
		p->parent = (pid_t)strtol(parent + strlen("\nPPid:\t"), NULL, 10);
	for (const char *at = inside ? inside + strlen("\nNSpid:") : ""; *at == '\t'; p->depth++) {
		char *end;
		p->inner = (pid_t)strtol(at + 1, &end, 10);
		at = end;
	}
}

static const Process *find_process(const Processes *all, pid_t pid)
{
	for (size_t i = 0; i < all->len; i++)
		if (all->at[i].pid == pid)
			return &all->at[i];
	return NULL;
}

static bool is_below(const Processes *all, const Process *p, pid_t ancestor)
{
	for (int i = 0; p && i < ANCESTORS_MAX; i++) {
		if (p->parent == ancestor)
			return true;
		p = find_process(all, p->parent);
	}
	return false;
}

static Err *read_processes(Processes *all)
{
	DIR *dir = opendir("/proc");
	if (!dir)
		return err_sys(errno, "cannot read '/proc'");
	for (struct dirent *d; (d = readdir(dir));) {
		Process p;
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		read_process(d->d_name, &p);
		VEC_PUSH(all, p);
	}
	closedir(dir);
	return NULL;
}

static Err *find_first(const Container *c, const Processes *all, pid_t *ret)
{
	for (size_t i = 0; i < all->len; i++) {
		const Process *p = &all->at[i];
		if (p->depth == 2 && p->inner == 1 && is_below(all, p, c->monitor)) {
			*ret = p->pid;
			return NULL;
		}
	}
	return err_new(ERR_NOT_FOUND,
	               "container '%.*s' has no process (it is just starting, or "
	               "ending)",
	               STR_ARG(c->name));
}

Err *tree_first_process(const Container *c, pid_t *ret)
{
	AUTO_VEC Processes all = { 0 };
	TRY(read_processes(&all));
	return find_first(c, &all, ret);
}

/* 0: there is none, or it is not ours to look at. */
static ino_t namespace_of(pid_t pid)
{
	char path[48];
	struct stat st;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Those of `exec` have a parent outside, those of a namespace inside another one a parent in it. */
Err *container_processes(const Container *c, Arena *a, pid_t **ret, size_t *ret_count)
{
	AUTO_VEC Processes all = { 0 };
	pid_t first = 0;
	size_t count = 0;
	TRY(read_processes(&all));
	TRY(find_first(c, &all, &first));
	ino_t own = namespace_of(first);
	pid_t *pids = arena_alloc(a, (all.len + 1) * sizeof *pids, _Alignof(pid_t));
	pids[count++] = first;
	for (size_t i = 0; i < all.len; i++) {
		const Process *p = &all.at[i];
		if (p->pid == first || p->depth < 2)
			continue;
		if (is_below(&all, p, first) || (own && namespace_of(p->pid) == own))
			pids[count++] = p->pid;
	}
	*ret = pids;
	*ret_count = count;
	return NULL;
}

/* --- the root -------------------------------------------------------------------------------- */

static Err *open_running(const Container *c, bool mounts, int *ret_root_fd)
{
	pid_t pid = 0;
	TRY(tree_first_process(c, &pid));
	return sandbox_open_root(pid, mounts, ret_root_fd);
}

typedef struct Lowers {
	int *fds;
	size_t count;
} Lowers;

static void lowers_done(Lowers *l)
{
	for (size_t i = 0; i < l->count; i++)
		close(l->fds[i]);
}

static Err *mount_layers(Store *s, const ImageConfig *config, Arena *a, int container_fd,
                         int *ret_root_fd)
{
	CLEANUP(lowers_done) Lowers lowers = { 0 };
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, tmp;
	char name[32];
	TRY(container_lowers(s, config, a, &lowers.fds, &lowers.count));
	if (!lowers.count)
		TRY(sandbox_init_lower(store_dir_fd(s), "init", &lowers.fds[lowers.count++]));
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "tree", name);
	if (mkdirat(tmp, name, 0700) < 0)
		return err_sys(errno, "cannot make a scratch directory");
	AUTO_CLOSE int scratch = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scratch < 0)
		return err_sys(errno, "cannot open the scratch directory");
	AUTO_CLOSE int upper = container_fd < 0 ? -1 : openat(container_fd, "upper", flags);
	AUTO_CLOSE int work = container_fd < 0 ? -1 : openat(container_fd, "work", flags);
	if (container_fd >= 0 && (upper < 0 || work < 0))
		return err_sys(errno, "cannot open the container's directories");
	return sandbox_mount_tree(scratch, lowers.fds, lowers.count, upper, work, ret_root_fd);
}

Err *tree_open(Store *s, const Container *c, const Image *image, bool mounts, Arena *a,
               int *ret_root_fd, int *ret_lock_fd)
{
	Image own;
	ContainerRecord record;
	int fd = -1, lock = -1;
	*ret_lock_fd = -1;
	if (c && c->running)
		return open_running(c, mounts, ret_root_fd);
	TRY(sandbox_enter());
	TRY(store_reopen(s));
	if (c) {
		TRY(container_take(s, c->id, a, &record, &fd, &lock));
		Err *e = image_read(s, &c->image_id, a, &own);
		AUTO_CLOSE int dir = fd;
		AUTO_CLOSE int held = lock;
		if (!e)
			e = mount_layers(s, &own.config, a, dir, ret_root_fd);
		if (!e)
			*ret_lock_fd = TAKE_FD(held);
		return e;
	}
	return mount_layers(s, &image->config, a, -1, ret_root_fd);
}
