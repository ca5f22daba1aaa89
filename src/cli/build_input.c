/* build_input.c - opening the context, the Dockerfile and the ignore file of a build. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/build_input.h"
#include "exec/build.h"
#include "fs/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Looked for in a context, in this order. */
static const char *const dockerfile_names[] = { "Dockerfile", "dockerfile", "Containerfile" };
static const char *const ignore_names[] = { ".containerignore", ".dockerignore" };
/* Behind the name of the Dockerfile; buildah's order, which is the other way round. */
static const char *const own_endings[] = { ".dockerignore", ".containerignore" };

/* Does TEXT begin as an archive does?  Then it is a context and not a Dockerfile. */
static bool is_archive(Str text)
{
	static const Str magics[] = {
		{ "\x1f\x8b", 2 },         /* gzip */
		{ "\x28\xb5\x2f\xfd", 4 }, /* zstd */
		{ "\xfd"
		  "7zXZ",
		  5 },        /* xz */
		{ "BZh", 3 }, /* bzip2 */
	};
	for (size_t i = 0; i < ARRAY_LEN(magics); i++)
		if (str_starts(text, magics[i]))
			return true;
	enum { USTAR_OFFSET = 257 }; /* POSIX ustar header, field "magic" */
	return str_starts(str_from_at(text, USTAR_OFFSET), STR("ustar"));
}

static Err *read_stdin(Arena *a, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(path_read_fd(STDIN_FILENO, DOCKERFILE_BYTES_MAX, "standard input", &text));
	*ret = arena_str(a, buf_str(&text));
	return NULL;
}

bool build_input_is_url(const char *file)
{
	return file && (strncmp(file, "http://", 7) == 0 || strncmp(file, "https://", 8) == 0);
}

/* Does -f name no file at all? */
static bool is_elsewhere(const char *file)
{
	return file && (strcmp(file, "-") == 0 || build_input_is_url(file));
}

static Err *read_elsewhere(Arena *a, const BuildInputNames *names, Source *ret)
{
	if (build_input_is_url(names->file))
		return build_fetch_text(a, names->file, DOCKERFILE_BYTES_MAX, names->cancel, ret);
	ret->name = "Dockerfile";
	return read_stdin(a, &ret->text);
}

static Err *open_context(Arena *a, const char *context, BuildInput *in)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_INPUT, "unable to prepare context: path \"%s\" not found",
		               context);
	if (fd < 0 && errno == ENOTDIR)
		return err_new(ERR_INPUT, "unable to prepare context: \"%s\" is not a directory",
		               context);
	if (fd < 0)
		return err_sys(errno, "unable to prepare context: cannot open '%s'", context);
	char link[40], real[PATH_BYTES_MAX];
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlinkat(AT_FDCWD, link, real, sizeof real);
	if (len < 0)
		return err_sys(errno, "cannot find the real path of '%s'", context);
	in->context_path = arena_str(a, (Str){ real, (size_t)len });
	in->context_fd = TAKE_FD(fd);
	return NULL;
}

/* "Dockerfile" for the context ".", "dir/Dockerfile" else: as the user would type it. */
static const char *name_in_context(Arena *a, const char *context, const char *name)
{
	while (strncmp(context, "./", 2) == 0 && context[2])
		context += 2;
	if (strcmp(context, ".") == 0 || strcmp(context, "./") == 0)
		return name;
	size_t len = strlen(context);
	return arena_strf(a, "%s%s%s", context, context[len - 1] == '/' ? "" : "/", name).ptr;
}

/* What lies in a context, or is found beside a file, may be anything: a pipe is opened without
 * waiting for who writes to it, and refused. */
#define OPEN_FOUND (O_RDONLY | O_NOCTTY | O_NONBLOCK)

static Err *check_regular(int fd, const char *name)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot look at '%s'", name);
	if (S_ISREG(st.st_mode))
		return NULL;
	return err_new(ERR_INPUT, "'%s' is %s", name,
	               S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
}

static Err *read_opened(Arena *a, int fd, const char *name, size_t limit, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(path_read_fd(fd, limit, name, &text));
	*ret = arena_str(a, buf_str(&text));
	return NULL;
}

static Err *cannot_read(const char *name, int errnum)
{
	return err_new(ERR_INPUT, "failed to read dockerfile: open %s: %s", name,
	               errnum == ENOENT ? "no such file or directory" : strerror(errnum));
}

/* -f FILE: the user's own path, symlinks and all. */
static Err *read_named(Arena *a, const char *file, Source *ret)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return cannot_read(file, errno);
	ret->name = file;
	return read_opened(a, fd, file, DOCKERFILE_BYTES_MAX, &ret->text);
}

/* *RET_NAME: its name in the context. */
static Err *read_default(Arena *a, const char *context, int context_fd, Source *ret,
                         const char **ret_name)
{
	for (size_t i = 0; i < ARRAY_LEN(dockerfile_names); i++) {
		const char *name = dockerfile_names[i];
		AUTO_CLOSE int fd = path_try_in_root(context_fd, str_from(name), OPEN_FOUND, 0);
		if (fd == -ENOENT)
			continue;
		ret->name = name_in_context(a, context, name);
		if (fd < 0)
			return cannot_read(ret->name, -fd);
		*ret_name = name;
		TRY(check_regular(fd, ret->name));
		return read_opened(a, fd, ret->name, DOCKERFILE_BYTES_MAX, &ret->text);
	}
	return err_note(cannot_read(name_in_context(a, context, "Dockerfile"), ENOENT),
	                "looked for Dockerfile, dockerfile and Containerfile; -f names another");
}

/* The name of the context's Dockerfile, or what it would be called. */
static const char *default_name(int context_fd)
{
	for (size_t i = 0; i < ARRAY_LEN(dockerfile_names); i++) {
		AUTO_CLOSE int fd =
			path_try_in_root(context_fd, str_from(dockerfile_names[i]), O_PATH, 0);
		if (fd != -ENOENT)
			return dockerfile_names[i];
	}
	return dockerfile_names[0];
}

/* FD: of openat or -errno.  *ret_found false if there is none. */
static Err *take_ignore(Arena *a, int fd, const char *name, BuildInput *in, bool *ret_found)
{
	AUTO_CLOSE int owned = fd;
	*ret_found = false;
	if (owned == -ENOENT || owned == -ENOTDIR)
		return NULL;
	if (owned < 0)
		return err_sys(-owned, "cannot open '%s'", name);
	in->ignore.name = name;
	TRY(check_regular(owned, name));
	TRY(read_opened(a, owned, name, IGNORE_FILE_BYTES_MAX, &in->ignore.text));
	in->has_ignore = *ret_found = true;
	return NULL;
}

static int open_path(const char *path)
{
	int fd = openat(AT_FDCWD, path, OPEN_FOUND | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* --ignorefile FILE: it must be there. */
static Err *read_named_ignore(Arena *a, const char *file, BuildInput *in)
{
	bool found;
	TRY(take_ignore(a, open_path(file), file, in, &found));
	return found ? NULL
	             : err_new(ERR_INPUT, "cannot open the ignore file '%s': %s", file,
	                       strerror(ENOENT));
}

/* The ignore file that is named after the Dockerfile.  NAME: of that in the context, if it is
 * there; else it came by -f or standard input. */
static Err *read_own_ignore(Arena *a, const BuildInputNames *names, const char *name,
                            BuildInput *in, bool *ret_found)
{
	const char *file = name ? name : names->file;
	*ret_found = false;
	if (!file || (!name && is_elsewhere(file)))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(own_endings) && !*ret_found; i++) {
		Str own = arena_strf(a, "%s%s", file, own_endings[i]);
		int fd = name ? path_try_in_root(in->context_fd, own, OPEN_FOUND, 0)
		              : open_path(own.ptr);
		TRY(take_ignore(a, fd, name ? name_in_context(a, names->context, own.ptr) : own.ptr,
		                in, ret_found));
	}
	return NULL;
}

static Err *read_ignore(Arena *a, const BuildInputNames *names, const char *name, BuildInput *in)
{
	bool found;
	if (names->ignore_file)
		return read_named_ignore(a, names->ignore_file, in);
	TRY(read_own_ignore(a, names, name, in, &found));
	for (size_t i = 0; i < ARRAY_LEN(ignore_names) && !found; i++)
		TRY(take_ignore(
			a,
			path_try_in_root(in->context_fd, str_from(ignore_names[i]), OPEN_FOUND, 0),
			name_in_context(a, names->context, ignore_names[i]), in, &found));
	return NULL;
}

/* The beginning of standard input, as much as tells an archive from a text. */
static Err *peek_stdin(Buf *head)
{
	enum { HEAD_BYTES = 1024 };
	while (head->len < HEAD_BYTES) {
		buf_reserve(head, HEAD_BYTES);
		ssize_t n = read(STDIN_FILENO, head->ptr + head->len, HEAD_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read standard input");
		if (n == 0)
			break;
		head->len += (size_t)n;
	}
	return NULL;
}

/* "build -": an archive is the context, a text the Dockerfile. */
static Err *from_stdin(Arena *a, const BuildInputNames *names, BuildInput *in)
{
	const char *file = names->file;
	AUTO_BUF Buf head = BUF_INIT;
	if (file && strcmp(file, "-") == 0)
		return err_new(
			ERR_INPUT,
			"invalid argument: can't use stdin for both build context and dockerfile");
	TRY(peek_stdin(&head));
	if (is_archive(buf_str(&head))) {
		in->is_archive = true;
		in->is_inside = !is_elsewhere(file);
		in->archive_head = arena_str(a, buf_str(&head));
		in->inside = file;
		return in->is_inside ? NULL : read_elsewhere(a, names, &in->dockerfile);
	}
	if (file)
		return err_new(ERR_INPUT, "ambiguous Dockerfile source: both stdin and flag "
		                          "correspond to Dockerfiles");
	TRY(path_read_fd(STDIN_FILENO, DOCKERFILE_BYTES_MAX, "standard input", &head));
	in->dockerfile = (Source){ "Dockerfile", arena_str(a, buf_str(&head)) };
	return NULL;
}

static bool is_directory(const char *path)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0;
}

/* *ret_is false: CONTEXT is a path. */
static Err *take_remote(Arena *a, const BuildInputNames *names, BuildInput *in, bool *ret_is)
{
	*ret_is = false;
	if (is_directory(names->context))
		return NULL;
	TRY_WHILE(remote_parse(a, str_from(names->context), &in->remote),
	          "reading the build context '%s'", names->context);
	*ret_is = in->is_remote = in->remote.kind != REMOTE_NONE;
	if (!*ret_is)
		return NULL;
	in->is_inside = !is_elsewhere(names->file);
	in->inside = names->file;
	return in->is_inside ? NULL : read_elsewhere(a, names, &in->dockerfile);
}

static Err *open_input(Arena *a, const BuildInputNames *names, BuildInput *in)
{
	const char *name = NULL, *file = names->file;
	bool remote;
	if (strcmp(names->context, "-") == 0)
		return from_stdin(a, names, in);
	TRY(take_remote(a, names, in, &remote));
	if (remote)
		return NULL;
	TRY(open_context(a, names->context, in));
	if (is_elsewhere(file)) {
		TRY(read_elsewhere(a, names, &in->dockerfile));
	} else if (file) {
		TRY(read_named(a, file, &in->dockerfile));
	} else {
		TRY(read_default(a, names->context, in->context_fd, &in->dockerfile, &name));
	}
	return read_ignore(a, names, name, in);
}

static Err *open_ignore(Arena *a, const BuildInputNames *names, BuildInput *in)
{
	TRY(open_context(a, names->context, in));
	return read_ignore(a, names, names->file ? NULL : default_name(in->context_fd), in);
}

static Err *open_directory(Arena *a, const BuildInputNames *names, BuildInput *in)
{
	TRY(open_context(a, names->context, in));
	return read_ignore(a, names, NULL, in);
}

typedef Err *Opening(Arena *a, const BuildInputNames *names, BuildInput *in);

static Err *open_by(Opening *opening, Arena *a, const BuildInputNames *names, BuildInput *ret)
{
	BuildInput in = { .context_fd = -1, .context_path = STR("") };
	Err *e = opening(a, names, &in);
	if (e)
		build_input_close(&in);
	else
		*ret = in;
	return e;
}

Err *build_input_open(Arena *a, const BuildInputNames *names, BuildInput *ret)
{
	return open_by(open_input, a, names, ret);
}

Err *build_input_open_ignore(Arena *a, const BuildInputNames *names, BuildInput *ret)
{
	return open_by(open_ignore, a, names, ret);
}

Err *build_input_open_directory(Arena *a, const char *path, BuildInput *ret)
{
	BuildInputNames names = { .context = path };
	return open_by(open_directory, a, &names, ret);
}

void build_input_close(BuildInput *in)
{
	closep(&in->context_fd);
	in->context_fd = -1;
}
