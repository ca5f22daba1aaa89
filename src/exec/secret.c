/*
 * secret.c - --secret: from a file or a variable of the user into memory, never to a disk.
 *
 * What is no regular file (a pipe of the shell's <(...), a FIFO) can be read only once and may come
 * late: the first who needs it waits, and the value stays in memory until the build ends.  A RUN
 * gets it as a memfd, of which the sandbox makes a file in its tmpfs; the value of a variable is
 * read when the command is about to start.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/run.h"
#include "fs/copy.h"
#include "fs/path.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct SecretValue {
	pthread_mutex_t mutex; /* held while it is read */
	bool known;
	Buf bytes;
};

void secret_init(Build *b)
{
	size_t count = b->request->run.secret_count;
	if (count)
		b->secrets = xcalloc(count, sizeof *b->secrets);
	for (size_t i = 0; i < count; i++)
		(void)pthread_mutex_init(&b->secrets[i].mutex, NULL);
}

void secret_done(Build *b)
{
	for (size_t i = 0; b->secrets && i < b->request->run.secret_count; i++) {
		struct SecretValue *v = &b->secrets[i];
		if (v->bytes.ptr)
			explicit_bzero(v->bytes.ptr, v->bytes.len);
		buf_done(&v->bytes);
		(void)pthread_mutex_destroy(&v->mutex);
	}
	free(b->secrets);
	b->secrets = NULL;
}

const BuildSecret *secret_find(const Build *b, Str id)
{
	const BuildRun *r = &b->request->run;
	for (size_t i = r->secret_count; i-- > 0;) /* of two the later one counts, as in docker */
		if (str_eq(r->secrets[i].id, id))
			return &r->secrets[i];
	return NULL;
}

static Err *too_big(const BuildSecret *s)
{
	return err_new(ERR_INPUT, "secret %.*s too big. max size 500KB", STR_ARG(s->id));
}

static Err *open_file(const BuildSecret *s, int *ret_fd, struct stat *ret_st)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *path = arena_str(&a, s->file).ptr;
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return err_sys(errno, "cannot open the secret file '%s'", path);
	if (S_ISDIR(ret_st->st_mode))
		return err_sys(EISDIR, "cannot read the secret file '%s'", path);
	if ((uint64_t)ret_st->st_size > SECRET_BYTES_MAX)
		return too_big(s);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* Until there is something in FD, its writers have gone, or the build is given up. */
static Err *wait_for(int fd, const Cancel *cancel, const BuildSecret *s)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		               { .fd = cancel_fd(cancel), .events = POLLIN } };
	while (poll(p, 2, -1) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot wait for the secret file '%.*s'",
			               STR_ARG(s->file));
	return cancel_check(cancel);
}

/* A FIFO to which nobody has come yet reads as empty: there its writer is waited for. */
static Err *read_piece(int fd, bool waits, const Cancel *cancel, const BuildSecret *s, char *to,
                       size_t len, size_t *ret_len)
{
	for (;;) {
		if (waits)
			TRY(wait_for(fd, cancel, s));
		ssize_t n = read(fd, to, len);
		if (n >= 0) {
			*ret_len = (size_t)n;
			return NULL;
		}
		waits = waits || errno == EAGAIN;
		if (errno != EINTR && errno != EAGAIN)
			return err_sys(errno, "cannot read the secret file '%.*s'",
			               STR_ARG(s->file));
	}
}

/* A file like those of /proc says that it is empty: read until it ends. */
static Err *read_file(const BuildSecret *s, const Cancel *cancel, Buf *out)
{
	int opened = -1;
	struct stat st = { 0 };
	size_t n = 0;
	TRY(open_file(s, &opened, &st));
	AUTO_CLOSE int fd = opened;
	bool waits = !S_ISREG(st.st_mode);
	buf_reserve(out, SECRET_BYTES_MAX + 1); /* at once: no copies of it are left in the heap */
	do {
		TRY(read_piece(fd, waits, cancel, s, out->ptr + out->len,
		               SECRET_BYTES_MAX + 1 - out->len, &n));
		out->len += n;
	} while (n && out->len <= SECRET_BYTES_MAX);
	return out->len > SECRET_BYTES_MAX ? too_big(s) : NULL;
}

/* With the mutex of V held. */
static Err *need_value(Build *b, const BuildSecret *s, struct SecretValue *v)
{
	if (v->known)
		return NULL;
	Err *e = read_file(s, b->cancel, &v->bytes);
	v->known = e == NULL;
	if (e && v->bytes.ptr) {
		explicit_bzero(v->bytes.ptr, v->bytes.len);
		v->bytes.len = 0;
	}
	return e;
}

/* Borrowed until the build ends, or (of a variable) as getenv has it. */
static Err *find_value(Build *b, const BuildSecret *s, Str *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (s->env.len) {
		const char *value = getenv(arena_str(&a, s->env).ptr);
		*ret = str_from(value ? value : "");
		return NULL;
	}
	struct SecretValue *v = &b->secrets[s - b->request->run.secrets];
	(void)pthread_mutex_lock(&v->mutex);
	Err *e = need_value(b, s, v);
	(void)pthread_mutex_unlock(&v->mutex);
	if (!e)
		*ret = buf_str(&v->bytes);
	return e;
}

Err *secret_read(Build *b, const BuildSecret *s, Buf *out)
{
	Str value = STR("");
	TRY(find_value(b, s, &value));
	buf_add_str(out, value);
	if (!memchr(value.ptr ? value.ptr : "", '\0', value.len))
		return NULL;
	return err_note(err_new(ERR_INPUT,
	                        "the secret '%.*s' holds a NUL byte, which no variable "
	                        "can have",
	                        STR_ARG(s->id)),
	                "give it to RUN as a file: without env=");
}

Err *secret_open(Build *b, const BuildSecret *s, int *ret_fd)
{
	Str value = STR("");
	TRY(find_value(b, s, &value));
	AUTO_CLOSE int memory = memfd_create("secret", MFD_CLOEXEC);
	if (memory < 0)
		return err_sys(errno, "cannot make a file in memory");
	TRY(path_write_what(memory, value.ptr, value.len, "a secret to memory"));
	if (lseek(memory, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a file in memory");
	*ret_fd = TAKE_FD(memory);
	return NULL;
}

/* A FIFO is not opened: who writes to it would be let in, and find nobody there. */
Err *build_check_secret(const BuildSecret *s)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	struct stat st = { 0 };
	int opened = -1;
	if (s->env.len)
		return NULL; /* of one that is not set the value is empty, as in docker */
	const char *path = arena_str(&a, s->file).ptr;
	if (fstatat(AT_FDCWD, path, &st, 0) == 0 && S_ISFIFO(st.st_mode)) {
		if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0)
			return err_sys(errno, "cannot open the secret file '%s'", path);
		return NULL;
	}
	TRY(open_file(s, &opened, &st));
	close(opened);
	return NULL;
}
