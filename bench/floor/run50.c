/*
 * run50.c - the least that COUNT steps of `RUN true` can cost: an overlay over all layers so far,
 * new namespaces, /proc, a shell.
 *
 * usage: run50 LOWER SCRATCH COUNT      (as root of some user namespace)
 *
 * No /dev, /sys, masked paths, network namespace, capabilities, filter, layer, record or log: what
 * decant does beyond this is what its RUN costs.  The upper directory of each step is the topmost
 * lower of the next.  Leaves them in SCRATCH.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS_MAX = 200 }; /* the options of mount(2) have one page */

static void check(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		_exit(1);
	}
}

static int wait_for(pid_t pid)
{
	int status;
	check(pid, "fork");
	check(waitpid(pid, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* In the new namespaces, as their first process. */
static void run_shell(void)
{
	check(chdir("root"), "root");
	check(mount("proc", "proc", "proc", 0, NULL), "/proc");
	check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "umount");
	check(chdir("/"), "/");
	execl("/bin/sh", "sh", "-c", "true", (char *)NULL);
	check(-1, "/bin/sh");
}

static void run_step(int step, const char *options)
{
	char upper[16], work[16];
	(void)snprintf(upper, sizeof upper, "u%d", step);
	(void)snprintf(work, sizeof work, "w%d", step);
	check(mkdir(upper, 0755), upper);
	check(mkdir(work, 0700), work);
	pid_t pid = fork();
	if (pid == 0) {
		check(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS), "unshare");
		check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
		check(mount("overlay", "root", "overlay", 0, options), "overlay");
		pid_t shell = fork();
		if (shell == 0)
			run_shell();
		_exit(wait_for(shell));
	}
	if (wait_for(pid) != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	char lower[PATH_MAX], below[64];
	int count = argc == 4 ? atoi(argv[3]) : 0;
	if (count < 1 || count > STEPS_MAX)
		return 2;
	if (!realpath(argv[1], lower))
		check(-1, argv[1]);
	(void)mkdir(argv[2], 0700);
	check(chdir(argv[2]), argv[2]);
	(void)snprintf(below, sizeof below, "run50.%d", (int)getpid());
	check(mkdir(below, 0700), below);
	check(chdir(below), below);
	check(mkdir("root", 0755), "root");
	check(symlink(lower, "lower"), "lower"); /* a short name */
	for (int step = 0; step < count; step++) {
		char options[4096];
		int len = snprintf(options, sizeof options,
		                   "upperdir=u%d,workdir=w%d,lowerdir=", step, step);
		for (int i = step - 1; i >= 0; i--)
			len += snprintf(options + len, sizeof options - (size_t)len, "u%d:", i);
		(void)snprintf(options + len, sizeof options - (size_t)len, "lower");
		run_step(step, options);
	}
	return 0;
}
