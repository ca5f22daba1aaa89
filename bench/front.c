/*
 * front.c - how long a Dockerfile takes to be read, checked and planned.
 *
 * usage: front REPEAT FILE...     a line a file: READ PLAN NAME, microseconds, the best of REPEAT;
 *                                 PLAN is "-" for a file that is refused
 *
 * Images are not looked for: each is one with a PATH.  The process is warm, as it is not when
 * decant starts; what a start costs is another row of bench/run.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "fs/path.h"
#include "plan/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static Err *any_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                      BaseImage *ret)
{
	(void)context;
	*ret = (BaseImage){ .ref = *ref, .config.platform = *platform };
	strs_push(a, &ret->config.env, STR("PATH=/usr/local/bin:/usr/bin:/bin"));
	return NULL;
}

/* Microseconds of one reading, and of planning after it; false if it is refused. */
static bool measure(const Source *source, double *ret_read, double *ret_plan)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile file;
	Plan plan = { 0 };
	int64_t start = clock_mono_ns();
	AUTO_ERR Err *unreadable = dockerfile_parse(&a, source, &file);
	int64_t read = clock_mono_ns();
	*ret_read = (double)(read - start) / 1e3;
	if (unreadable)
		return false;
	PlanRequest request = {
		.dockerfile = &file,
		.target = STR(""),
		.platform = platform_host(),
		.build_platform = platform_host(),
		.network = STR("default"),
		.lookup = { any_image, NULL },
	};
	AUTO_ERR Err *refused = plan_make(&a, &request, &plan);
	*ret_plan = (double)(clock_mono_ns() - read) / 1e3;
	return !refused;
}

static Err *measure_file(const char *name, long repeat)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", name);
	TRY(path_read_fd(fd, DOCKERFILE_BYTES_MAX, name, &text));
	Source source = { name, buf_str(&text) };
	double best_read = 1e9, best_plan = 1e9;
	bool planned = true;
	for (long i = 0; i < repeat && planned; i++) {
		double read, plan = 0;
		planned = measure(&source, &read, &plan);
		best_read = read < best_read ? read : best_read;
		best_plan = plan < best_plan ? plan : best_plan;
	}
	if (planned)
		printf("%.1f %.1f %s\n", best_read, best_plan, name);
	else
		printf("%.1f - %s\n", best_read, name);
	return NULL;
}

int main(int argc, char **argv)
{
	long repeat = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	if (argc < 3 || repeat < 1) {
		fprintf(stderr, "usage: front REPEAT FILE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		AUTO_ERR Err *err = measure_file(argv[i], repeat);
		if (err)
			err_print(err, stderr);
	}
	return 0;
}
