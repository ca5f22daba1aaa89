/* builders.c - the names of builders, as files of the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/builders.h"
#include "fs/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { BUILDERS_MAX = 1000, NAME_BYTES_MAX = 128 };

static const char current_name[] = ".current", default_name[] = "default";

static bool is_name(Str name)
{
	static const char more[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	if (!name.len || name.len > NAME_BYTES_MAX || strchr("._-", name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!memchr(more, name.ptr[i], sizeof more - 1))
			return false;
	return true;
}

/* *ret_fd -1: none was made yet. */
static Err *open_dir(Store *s, bool make, int *ret_fd)
{
	*ret_fd = -1;
	if (!s)
		return NULL;
	if (make && mkdirat(store_dir_fd(s), "builders", 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot make '%s/builders'", store_path(s));
	*ret_fd = openat(store_dir_fd(s), "builders",
	                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0 && errno != ENOENT)
		return err_sys(errno, "cannot open '%s/builders'", store_path(s));
	return NULL;
}

static int compare(const void *x, const void *y)
{
	return str_cmp(((const Builder *)x)->name, ((const Builder *)y)->name);
}

/* "" for the default one. */
static Err *read_current(int dir_fd, Arena *a, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	*ret = STR("");
	if (faccessat(dir_fd, current_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	TRY(path_read_file(dir_fd, current_name, NAME_BYTES_MAX, &text));
	*ret = arena_str(a, str_trim(buf_str(&text)));
	return NULL;
}

static Err *read_names(int dir_fd, Arena *a, Builder *all, size_t *count)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	if (!dir) {
		closep(&again);
		return err_sys(errno, "cannot read the names of builders");
	}
	for (struct dirent *d; *count < BUILDERS_MAX && (d = readdir(dir));)
		if (is_name(str_from(d->d_name)))
			all[(*count)++] = (Builder){ .name = arena_str(a, str_from(d->d_name)) };
	closedir(dir);
	return NULL;
}

Err *builders_list(Store *s, Arena *a, Builder **ret, size_t *ret_count)
{
	int fd;
	size_t count = 0;
	Str current = STR("");
	bool any = false;
	TRY(open_dir(s, false, &fd));
	AUTO_CLOSE int dir = fd;
	Builder *all = arena_alloc(a, (BUILDERS_MAX + 1) * sizeof *all, _Alignof(Builder));
	if (dir >= 0) {
		TRY(read_names(dir, a, all, &count));
		TRY(read_current(dir, a, &current));
	}
	if (count)
		qsort(all, count, sizeof *all, compare);
	for (size_t i = 0; i < count; i++) {
		all[i].current = str_eq(all[i].name, current);
		any = any || all[i].current;
	}
	all[count++] = (Builder){ str_from(default_name), !any };
	*ret = all;
	*ret_count = count;
	return NULL;
}

Err *builders_find(Store *s, const char *name, Arena *a, Builder *ret)
{
	Builder *all;
	size_t count;
	TRY(builders_list(s, a, &all, &count));
	for (size_t i = 0; i < count; i++)
		if (name ? str_eqc(all[i].name, name) : all[i].current) {
			*ret = all[i];
			return NULL;
		}
	return err_note(
		err_new(ERR_NOT_FOUND, "no builder \"%s\" found", name ? name : ""),
		"'decant buildx ls' lists those that 'decant buildx create --name' has made");
}

/* EEXIST is false. */
static Err *make_file(int dir_fd, Str name, bool *ret_made)
{
	char file[NAME_BYTES_MAX + 1];
	memcpy(file, name.ptr, name.len);
	file[name.len] = '\0';
	AUTO_CLOSE int fd = openat(dir_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	*ret_made = fd >= 0;
	return fd >= 0 || errno == EEXIST ? NULL : err_sys(errno, "cannot make builder '%s'", file);
}

static Err *add_new(int dir_fd, Arena *a, Str *ret_name)
{
	bool made = false;
	for (unsigned i = 0; i < BUILDERS_MAX; i++) {
		*ret_name = arena_strf(a, "decant%u", i);
		TRY(make_file(dir_fd, *ret_name, &made));
		if (made)
			return NULL;
	}
	return err_note(err_new(ERR_INPUT, "there are %d builders", BUILDERS_MAX),
	                "remove some: decant buildx rm NAME");
}

Err *builders_add(Store *s, const char *name, bool again, Arena *a, Str *ret_name)
{
	int fd;
	bool made = false;
	TRY(open_dir(s, true, &fd));
	AUTO_CLOSE int dir = fd;
	if (!name)
		return add_new(dir, a, ret_name);
	*ret_name = str_from(name);
	if (strcmp(name, default_name) == 0)
		return err_new(ERR_INPUT,
		               "default is a reserved name and cannot be used to identify builder "
		               "instance");
	if (!is_name(*ret_name))
		return err_new(ERR_INPUT,
		               "invalid builder name '%s': only [a-zA-Z0-9][a-zA-Z0-9._-]*, %d "
		               "characters at most",
		               name, NAME_BYTES_MAX);
	TRY(make_file(dir, *ret_name, &made));
	if (made || again)
		return NULL;
	return err_new(ERR_INPUT,
	               "existing instance for \"%s\" but no append mode, specify the node name to "
	               "make changes for existing instances",
	               name);
}

Err *builders_choose(Store *s, Str name)
{
	int fd;
	TRY(open_dir(s, true, &fd));
	AUTO_CLOSE int dir = fd;
	return path_write_file(dir, current_name, name, 0644, false);
}

Err *builders_remove(Store *s, const Builder *b)
{
	int fd;
	if (str_eqc(b->name, default_name))
		return err_new(ERR_INPUT, "context builder cannot be removed");
	TRY(open_dir(s, false, &fd));
	AUTO_CLOSE int dir = fd;
	if (dir >= 0 && unlinkat(dir, b->name.ptr, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove builder '%.*s'", STR_ARG(b->name));
	return NULL; /* a current one that is gone is none */
}
