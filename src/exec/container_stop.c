/* container_stop.c - end, remove and read back containers that other processes run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/container-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>

enum { KILL_WAIT_MS = 10000 }; /* for the monitor to write down the end of a killed command */

static bool ends_within(int pid_fd, int64_t ms)
{
	int64_t end = clock_mono_ns() + ms * 1000000;
	for (;;) {
		int64_t left = (end - clock_mono_ns()) / 1000000;
		struct pollfd p = { .fd = pid_fd, .events = POLLIN };
		int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return true;
		if (n == 0 && left <= 0)
			return false;
	}
}

/* SIGNAL of the process behind PID_FD, with VALUE (0: none). */
static int send_to(int pid_fd, int signal, int value)
{
	siginfo_t info = { .si_signo = signal, .si_code = SI_QUEUE };
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	return pidfd_send_signal(pid_fd, signal, value ? &info : NULL, 0);
}

static Err *end_monitor(int pid_fd, int signal, int64_t timeout_ms)
{
	/* First as the image wishes, then the command is killed and the monitor writes that down,
	 * last the monitor itself, which takes all with it. */
	const struct {
		int number;
		int64_t wait_ms;
	} steps[] = { { CONTAINER_STOP_SIGNAL, timeout_ms },
		      { CONTAINER_KILL_SIGNAL, KILL_WAIT_MS },
		      { SIGKILL, KILL_WAIT_MS } };
	for (size_t i = timeout_ms > 0 ? 0 : 1; i < ARRAY_LEN(steps); i++) {
		if (send_to(pid_fd, steps[i].number, i == 0 ? signal : 0) < 0)
			return errno == ESRCH ? NULL
			                      : err_sys(errno, "cannot signal the container");
		if (ends_within(pid_fd, steps[i].wait_ms))
			return NULL;
	}
	return err_new(ERR_SYSTEM, "the container does not end, even when killed");
}

static Err *stop(Store *s, const Container *c, int signal, int64_t timeout_ms)
{
	int fd = -1, pid_fd = -1;
	TRY(container_open_dir(s, c->id, &fd));
	AUTO_CLOSE int dir = fd;
	TRY(container_open_monitor(dir, &pid_fd));
	AUTO_CLOSE int monitor = pid_fd;
	if (monitor >= 0)
		TRY(end_monitor(monitor, signal, timeout_ms));
	/* A monitor that was killed, now or before, has left its container as it was. */
	AUTO_ARENA Arena a = ARENA_INIT;
	ContainerRecord r = { 0 };
	AUTO_ERR Err *e = container_read(dir, &a, &r);
	if (e || r.c.running || !r.remove)
		return NULL; /* no record any more: removed as it should be */
	bool running = false;
	AUTO_ERR Err *e2 = container_lock_ended(dir, &fd, &running);
	AUTO_CLOSE int lock = e2 ? -1 : fd; /* nobody reads its files */
	return lock >= 0 ? container_delete(s, c->id) : NULL;
}

Err *container_stop(Store *s, const Container *c, int signal, unsigned timeout_s)
{
	return stop(s, c, signal, (int64_t)timeout_s * 1000);
}

/* --- from outside ---------------------------------------------------------------------------- */

Err *container_kill(Store *s, const Container *c, int number)
{
	int fd = -1, pid_fd = -1;
	TRY(container_open_dir(s, c->id, &fd));
	AUTO_CLOSE int dir = fd;
	TRY(container_open_monitor(dir, &pid_fd));
	AUTO_CLOSE int monitor = pid_fd;
	if (monitor < 0)
		return err_new(ERR_INPUT, "cannot kill container '%.*s': it is not running",
		               STR_ARG(c->name));
	if (number == SIGKILL)
		return stop(s, c, 0, 0);
	if (send_to(monitor, CONTAINER_STOP_SIGNAL, number) < 0 && errno != ESRCH)
		return err_sys(errno, "cannot signal the container");
	return NULL;
}

/* What the process that held the lock wrote into it as it ended. */
static int read_status(int lock_fd)
{
	char text[16] = "";
	ssize_t n = lock_fd < 0 ? 0 : pread(lock_fd, text, sizeof text - 1, 0);
	return n > 0 ? (int)strtol(text, NULL, 10) : 128 + SIGKILL;
}

Err *container_wait(Store *s, const Container *c, const Cancel *cancel, int *ret_status)
{
	int fd = -1, pid_fd = -1;
	AUTO_ARENA Arena a = ARENA_INIT;
	ContainerRecord r = { 0 };
	TRY(container_open_dir(s, c->id, &fd));
	AUTO_CLOSE int dir = fd;
	/* One that is removed as it ends has no record then, but this file is open. */
	AUTO_CLOSE int lock = -1;
	err_free(store_open_lock(dir, "lock", O_RDONLY, &lock)); /* without: nobody has it */
	TRY(container_open_monitor(dir, &pid_fd));
	AUTO_CLOSE int monitor = pid_fd;
	*ret_status = c->exit_status;
	while (monitor >= 0) {
		struct pollfd p[] = { { .fd = monitor, .events = POLLIN },
			              { .fd = cancel_fd(cancel), .events = POLLIN } };
		TRY(cancel_check(cancel));
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the container");
		if (p[0].revents)
			break;
	}
	AUTO_ERR Err *e = container_read(dir, &a, &r);
	if (!e)
		*ret_status = r.c.exit_status;
	else if (lock >= 0 && c->running)
		*ret_status = read_status(lock);
	return NULL;
}

/* Killed, and its lock; ERR_NOT_FOUND: it was to be removed as it ended. */
static Err *kill_and_lock(Store *s, const Container *c, int dir_fd, int *ret_lock_fd)
{
	bool running = false;
	TRY(stop(s, c, 0, 0));
	TRY(container_lock_ended(dir_fd, ret_lock_fd, &running));
	return running ? err_new(ERR_INPUT, "container '%.*s' was started again meanwhile",
	                         STR_ARG(c->name))
	               : NULL;
}

static Err *remove_it(Store *s, const Container *c, ContainerRemove how)
{
	int fd;
	bool running = false;
	TRY(container_open_dir(s, c->id, &fd));
	AUTO_CLOSE int dir = fd;
	TRY(container_lock_ended(dir, &fd, &running));
	if (running && how == CONTAINER_REMOVE_FORCE) {
		Err *e = kill_and_lock(s, c, dir, &fd);
		if (e && err_kind(e) == ERR_NOT_FOUND) {
			err_free(e);
			return NULL;
		}
		TRY(e);
		running = false;
	}
	AUTO_CLOSE int lock = fd; /* until it is out of sight nobody starts it */
	if (lock >= 0)
		return container_delete(s, c->id);
	if (how == CONTAINER_REMOVE_IF_ENDED)
		return NULL;
	if (!running)
		return container_in_use(c->name);
	return err_note(err_new(ERR_INPUT, "cannot remove container '%.*s': it is running",
	                        STR_ARG(c->name)),
	                "stop it first, or: decant rm --force %.*s", STR_ARG(c->name));
}

Err *container_remove(Store *s, const Container *c, ContainerRemove how)
{
	Err *e = remove_it(s, c, how);
	if (!e || err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e);
	if (how == CONTAINER_REMOVE_IF_ENDED)
		return NULL; /* another was quicker */
	return err_new(ERR_NOT_FOUND, "No such container: %.*s", STR_ARG(c->name));
}
