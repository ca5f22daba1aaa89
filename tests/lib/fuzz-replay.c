/*
 * fuzz-replay.c - run a fuzz target over files, without a fuzzer.
 *
 * `make check` replays every input that ever found something: one TAP line a file.  Built in place
 * of libFuzzer's own main unless -Dfuzz=true.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *file = fopen(path, "rbe");
	if (!file || fseek(file, 0, SEEK_END) != 0) {
		perror(path);
		return 1;
	}
	long size = ftell(file);
	rewind(file);
	/* Exactly as long as the input, so that a sanitizer sees a read of one byte too many. */
	uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
	if (size < 0 || !data || fread(data, 1, (size_t)size, file) != (size_t)size) {
		perror(path);
		exit(1);
	}
	(void)fclose(file); /* only read */
	int status = LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return status;
}

int main(int argc, char **argv)
{
	int failed = 0;
	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not swallow the lines before it */
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		/* Named before it runs: after a crash the last line tells the input. */
		printf("# %s\n", argv[i]);
		int status = replay(argv[i]);
		printf("%sok %d - %s\n", status == 0 ? "" : "not ", i, argv[i]);
		failed += status != 0;
	}
	return failed != 0;
}
