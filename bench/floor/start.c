/*
 * start.c - start a program again and again, and say what one start costs.
 *
 * usage: start COUNT [PROGRAM ARG...]
 *
 * Without PROGRAM it starts itself and ends at once: the floor for any command of decant, since no
 * process that libc starts can be quicker.  Prints one line: median and least wall time in ms,
 * median CPU time (user + system, with the children it waited for) in ms, largest peak memory in
 * KiB, and the exit status of the last run.  Standard output of PROGRAM goes to /dev/null.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double to_ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	if (count < 1 || count > 100000)
		return argc > 1 && argv[1][0] == '-' ? 0 : 2;
	char *itself[] = { "/proc/self/exe", "-", NULL };
	char **command = argc > 2 ? argv + 2 : itself;
	double *wall = calloc((size_t)count, sizeof *wall),
	       *cpu = calloc((size_t)count, sizeof *cpu);
	posix_spawn_file_actions_t actions;
	if (!wall || !cpu || posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) != 0)
		return 2;
	long peak_kib = 0;
	int status = 0;
	for (long i = 0; i < count; i++) {
		struct rusage usage;
		pid_t pid;
		double start = now_ms();
		if (posix_spawnp(&pid, command[0], &actions, NULL, command, environ) != 0 ||
		    wait4(pid, &status, 0, &usage) < 0) {
			perror(command[0]);
			return 2;
		}
		wall[i] = now_ms() - start;
		cpu[i] = to_ms(usage.ru_utime) + to_ms(usage.ru_stime);
		peak_kib = usage.ru_maxrss > peak_kib ? usage.ru_maxrss : peak_kib;
		if (status != 0)
			break;
	}
	qsort(wall, (size_t)count, sizeof *wall, ascending);
	qsort(cpu, (size_t)count, sizeof *cpu, ascending);
	printf("%.2f %.2f %.2f %ld %d\n", wall[count / 2], wall[0], cpu[count / 2], peak_kib,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
