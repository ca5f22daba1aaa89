/* container_monitor.c - which process runs a container: its number, what tells it from others that
 * had or will have the same, and the lock that nobody else has meanwhile. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/container-internal.h"
#include "fs/path.h"
#include "store/parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

enum {
	STAT_BYTES_MAX = 4096,
	BOOT_BYTES_MAX = 64,
	STATE_TO_START = 19, /* fields: from the 3rd to the 22nd.  proc(5) */
	LOOK_NS = 1000000,   /* between two looks at a lock that others hold */
};

/* For one that ends to be gone, and for who reads the files of one that has ended. */
static const int64_t USE_WAIT_NS = 10000000000;

static bool read_proc(const char *path, uint64_t max, Buf *text)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	AUTO_ERR Err *e = fd < 0 ? NULL : path_read_fd(fd, max, path, text);
	return fd >= 0 && !e && text->len > 0;
}

/* The number of the process that /proc/NAME is, and when it began; false: there is none, or
 * it is dead and nobody has asked how it ended. */
static bool read_start(const char *name, pid_t *ret_pid, uint64_t *ret_start)
{
	char path[48];
	AUTO_BUF Buf text = BUF_INIT;
	(void)snprintf(path, sizeof path, "/proc/%s/stat", name);
	if (!read_proc(path, STAT_BYTES_MAX, &text))
		return false;
	/* The name in the second field is the process's own choice; it ends at the last ')'. */
	const char *at = strrchr(text.ptr, ')');
	if (!at || at[1] != ' ')
		return false;
	at += 2;
	if (*at == 'Z' || *at == 'X')
		return false;
	for (int i = 0; i < STATE_TO_START; i++) {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
	}
	*ret_pid = (pid_t)strtol(text.ptr, NULL, 10);
	*ret_start = strtoull(at, NULL, 10);
	return *ret_start > 0;
}

/* Where our process numbers are valid: this boot, our pid namespace.  False: /proc does not tell,
 * or is another namespace's. */
static bool describe_place(Buf *place, uint64_t *ret_start)
{
	struct stat st;
	pid_t self = 0;
	AUTO_BUF Buf boot = BUF_INIT;
	if (!read_start("self", &self, ret_start) || self != getpid() ||
	    stat("/proc/self/ns/pid", &st) < 0 ||
	    !read_proc("/proc/sys/kernel/random/boot_id", BOOT_BYTES_MAX, &boot))
		return false;
	buf_addf(place, "%.*s %llu ", STR_ARG(str_trim(buf_str(&boot))),
	         (unsigned long long)st.st_ino);
	return true;
}

Str container_own_mark(Arena *a)
{
	AUTO_BUF Buf mark = BUF_INIT;
	uint64_t start = 0;
	if (!describe_place(&mark, &start))
		return STR("");
	buf_addf(&mark, "%llu", (unsigned long long)start);
	return arena_str(a, buf_str(&mark));
}

MonitorState container_monitor_state(const Container *c)
{
	AUTO_BUF Buf place = BUF_INIT;
	char name[16];
	pid_t pid = 0;
	uint64_t own = 0, start = 0;
	if (c->monitor <= 0)
		return MONITOR_GONE;
	if (!describe_place(&place, &own) || !str_starts(c->monitor_mark, buf_str(&place)))
		return MONITOR_ELSEWHERE;
	(void)snprintf(name, sizeof name, "%d", (int)c->monitor);
	if (!read_start(name, &pid, &start) || pid != c->monitor)
		return MONITOR_GONE;
	buf_addf(&place, "%llu", (unsigned long long)start);
	return str_eq(c->monitor_mark, buf_str(&place)) ? MONITOR_LIVES : MONITOR_GONE;
}

Err *container_open_monitor(int dir_fd, int *ret_fd)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ContainerRecord r = { 0 };
	*ret_fd = -1;
	AUTO_ERR Err *e = container_read(dir_fd, &a, &r);
	if (e && err_kind(e) == ERR_CORRUPT)
		return TAKE_PTR(e);
	if (e || !container_is_held(dir_fd))
		return NULL; /* no record: removed as it ended */
	AUTO_CLOSE int fd = pidfd_open(r.c.monitor, 0);
	int errnum = errno;
	MonitorState state = container_monitor_state(&r.c);
	if (state == MONITOR_GONE || (state == MONITOR_ELSEWHERE && !r.c.running))
		return NULL;
	if (state == MONITOR_ELSEWHERE)
		return err_note(err_new(ERR_SYSTEM,
		                        "cannot reach the container's monitor (process %d)",
		                        (int)r.c.monitor),
		                "it runs in another pid namespace, or /proc or its record does not "
		                "tell which process it is");
	/* It had the number after the fd was opened and has not begun since: the fd is it. */
	if (fd < 0)
		return err_sys(errnum, "cannot reach the container's monitor (process %d)",
		               (int)r.c.monitor);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* --- the lock -------------------------------------------------------------------------------- */

/* *RET_FD -1: it is held. */
static Err *take_lock(int dir_fd, int *ret_fd)
{
	*ret_fd = -1;
	AUTO_CLOSE int fd = -1;
	Err *e = store_open_lock(dir_fd, "lock", O_RDWR, &fd);
	if (e && err_errno(e) == ENOENT) { /* removed since its directory was opened */
		err_free(e);               /* told by the one below */
		return err_new(ERR_NOT_FOUND, "No such container");
	}
	if (e)
		return err_while(e, "locking the container");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(errno, "cannot lock the container");
		if (container_is_held(dir_fd))
			return NULL;
		/* Somebody only looked whether it runs. */
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *container_lock_ended(int dir_fd, int *ret_fd, bool *ret_running)
{
	int64_t end = clock_mono_ns() + USE_WAIT_NS;
	for (;;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		ContainerRecord r = { 0 };
		*ret_running = false;
		TRY(take_lock(dir_fd, ret_fd));
		if (*ret_fd >= 0)
			return NULL;
		AUTO_ERR Err *e = container_read(dir_fd, &a, &r);
		if (e) /* it was removed as it ended */
			return err_new(ERR_NOT_FOUND, "No such container");
		*ret_running = r.c.running;
		if (r.c.running || clock_mono_ns() > end)
			return NULL;
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
}

Err *container_in_use(Str name)
{
	return err_note(err_new(ERR_INPUT, "container '%.*s' is in use", STR_ARG(name)),
	                "it does not run, but another process reads its files ('cp', 'export') or "
	                "is just starting or ending it");
}
