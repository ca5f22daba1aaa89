/*
 * context_walk.c - the least that knowing a build context again can cost: getdents and fstatat.
 *
 * usage: context_walk FOLDER [RUNS]      (cc -O2 context_walk.c)
 *
 * One thread, names as the kernel gives them, nothing compared and nothing kept: what any builder
 * must do to see that no file changed.  Two threads can halve the stat part at best.  Prints
 * entries and the least and median wall time in ms of reading the names alone, and of both.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct entry {
	unsigned long long inode;
	long long offset;
	unsigned short bytes;
	unsigned char type;
	char name[];
};

static unsigned long entries;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void walk(int dir, int look)
{
	char *buffer = malloc(32768);
	for (long n; (n = syscall(SYS_getdents64, dir, buffer, 32768)) > 0;) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(buffer + at);
			struct stat st;
			at += e->bytes;
			if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
				continue;
			entries++;
			if (look)
				fstatat(dir, e->name, &st, AT_SYMLINK_NOFOLLOW);
			if (e->type != DT_DIR)
				continue;
			int below = openat(dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			if (below >= 0)
				walk(below, look);
			close(below);
		}
	}
	free(buffer);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int runs = argc > 2 ? atoi(argv[2]) : 5;
	double *ms = calloc((size_t)(runs > 0 ? runs : 1), sizeof *ms);
	if (argc < 2 || runs < 1 || !ms) {
		fprintf(stderr, "usage: context_walk FOLDER [RUNS]\n");
		return 2;
	}
	for (int look = 0; look < 2; look++) {
		for (int i = 0; i < runs; i++) {
			double start = now_ms();
			int dir = open(argv[1], O_RDONLY | O_DIRECTORY);
			if (dir < 0) {
				perror(argv[1]);
				return 1;
			}
			entries = 0;
			walk(dir, look);
			close(dir);
			ms[i] = now_ms() - start;
		}
		qsort(ms, (size_t)runs, sizeof *ms, ascending);
		printf("%s: %lu entries, least %.1f ms, median %.1f ms\n",
		       look ? "getdents + fstatat" : "getdents", entries, ms[0], ms[runs / 2]);
	}
	return 0;
}
