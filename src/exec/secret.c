/*
 * secret.c - --secret: from a file or a variable of the user into memory, never to a disk.
 *
 * The file goes to a RUN as a memfd, of which the sandbox makes a file in its tmpfs; the value of a
 * variable is read when the command is about to start.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/run.h"
#include "fs/copy.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

const BuildSecret *secret_find(const Build *b, Str id)
{
	const BuildRun *r = &b->request->run;
	for (size_t i = r->secret_count; i-- > 0;) /* of two the later one counts, as in docker */
		if (str_eq(r->secrets[i].id, id))
			return &r->secrets[i];
	return NULL;
}

static Err *open_file(const BuildSecret *s, int *ret_fd, uint64_t *ret_size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *path = arena_str(&a, s->file).ptr;
	struct stat st;
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "cannot open the secret file '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_sys(EISDIR, "cannot read the secret file '%s'", path);
	if ((uint64_t)st.st_size > SECRET_BYTES_MAX)
		return err_new(ERR_INPUT, "secret %.*s too big. max size 500KB", STR_ARG(s->id));
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *secret_read(const BuildSecret *s, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (s->env.len) {
		const char *value = getenv(arena_str(&a, s->env).ptr);
		buf_add_str(out, str_from(value ? value : ""));
		return NULL;
	}
	uint64_t size;
	int opened;
	TRY(open_file(s, &opened, &size));
	AUTO_CLOSE int fd = opened;
	TRY(path_read_fd(fd, SECRET_BYTES_MAX, arena_str(&a, s->file).ptr, out));
	if (!memchr(out->ptr ? out->ptr : "", '\0', out->len))
		return NULL;
	return err_note(err_new(ERR_INPUT,
	                        "the secret '%.*s' holds a NUL byte, which no variable "
	                        "can have",
	                        STR_ARG(s->id)),
	                "give it to RUN as a file: without env=");
}

/* A file like those of /proc says that it is empty: read until it ends. */
static Err *copy_all(int from, int to, const BuildSecret *s)
{
	char block[4096];
	size_t total = 0;
	for (;;) {
		ssize_t n = read(from, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read the secret file '%.*s'",
			               STR_ARG(s->file));
		if (n == 0)
			break;
		total += (size_t)n;
		if (total > SECRET_BYTES_MAX)
			return err_new(ERR_INPUT, "secret %.*s too big. max size 500KB",
			               STR_ARG(s->id));
		TRY(path_write_what(to, block, (size_t)n, "a secret to memory"));
	}
	explicit_bzero(block, sizeof block);
	return NULL;
}

Err *secret_open(const BuildSecret *s, int *ret_fd)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_CLOSE int memory = memfd_create("secret", MFD_CLOEXEC);
	if (memory < 0)
		return err_sys(errno, "cannot make a file in memory");
	if (s->env.len) {
		const char *value = getenv(arena_str(&a, s->env).ptr);
		Str text = str_from(value ? value : "");
		TRY(path_write_what(memory, text.ptr, text.len, "a secret to memory"));
	} else {
		uint64_t size;
		int opened;
		TRY(open_file(s, &opened, &size));
		AUTO_CLOSE int fd = opened;
		TRY(copy_all(fd, memory, s));
	}
	if (lseek(memory, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a file in memory");
	*ret_fd = TAKE_FD(memory);
	return NULL;
}

Err *build_check_secret(const BuildSecret *s)
{
	uint64_t size;
	int opened;
	if (s->env.len)
		return NULL; /* of one that is not set the value is empty, as in docker */
	TRY(open_file(s, &opened, &size));
	close(opened);
	return NULL;
}
