/* store.c - opening the store, its small sealed files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/user.h"
#include "fs/path.h"
#include "store/parts.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Where the store lies when nobody says: /var/lib for root, the user's data directory else. */
static Err *default_root(char **ret)
{
	const char *env = getenv("DECANT_ROOT");
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	int n;
	if (env && *env)
		n = asprintf(ret, "%s", env);
	else if (user_at_start() == 0)
		n = asprintf(ret, "/var/lib/decant");
	else if (data && *data == '/')
		n = asprintf(ret, "%s/decant", data);
	else if (home && *home == '/')
		n = asprintf(ret, "%s/.local/share/decant", home);
	else
		return err_note(err_new(ERR_INPUT, "no place for the store: HOME is not set"),
		                "say where with --root DIR or DECANT_ROOT");
	if (n < 0)
		die_oom(0);
	return NULL;
}

/* mkdir -p of a host path that the user named (or the default): 0700 for the last, 0755 above it.
 */
static Err *make_root(const char *path)
{
	AUTO_FREE char *copy = xstrdup(path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST) /* whole path: the root */
			return err_sys(errno, "cannot create the directory '%s'", copy);
		*p = '/';
	}
	if (mkdir(copy, 0700) < 0 && errno != EEXIST) /* whole path: the root */
		return err_sys(errno, "cannot create the store '%s'", path);
	return NULL;
}

static void read_boot_id(Store *s)
{
	AUTO_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, s->boot_id, BOOT_ID_LEN);
	if (n != BOOT_ID_LEN) /* no /proc: every layer then counts as written under another boot */
		memcpy(s->boot_id, "unknown", sizeof "unknown");
	s->boot_id[BOOT_ID_LEN] = '\0';
}

/* *RET NULL: there is no directory, and CREATE does not ask for one. */
static Err *open_root(const char *root, bool create, Store **ret)
{
	AUTO_FREE char *path = NULL;
	*ret = NULL;
	if (root && *root)
		path = xstrdup(root);
	else
		TRY(default_root(&path));

	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* whole path: the root */
	if (fd < 0 && errno == ENOENT) {
		if (!create)
			return NULL;
		TRY(make_root(path));
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* whole path: the root */
	}
	if (fd < 0)
		return err_note(err_sys(errno, "cannot open the store '%s'", path),
		                "choose another place with --root DIR or DECANT_ROOT");
	Store *s = xcalloc(1, sizeof *s);
	s->dir_fd = fd;
	s->path = TAKE_PTR(path);
	s->tmp_fd = s->tmp_lock_fd = -1;
	s->hold = STORE_LOCK_NONE;
	(void)pthread_mutex_init(&s->mutex, NULL);
	read_boot_id(s);
	*ret = s;
	return NULL;
}

/* *RET NULL: there is none, and CREATE does not ask for one. */
static Err *open_store(const char *root, bool create, Store **ret)
{
	Store *s;
	bool made;
	*ret = NULL;
	TRY(open_root(root, create, &s));
	if (!s)
		return NULL;
	Err *e = store_version_check(s, create, &made);
	if (e || !made)
		store_close(s);
	else
		*ret = s;
	return e;
}

Err *store_open(const char *root, Store **ret)
{
	return open_store(root, true, ret);
}

Err *store_open_existing(const char *root, Store **ret)
{
	return open_store(root, false, ret);
}

Err *store_open_any(const char *root, Store **ret, StoreVersionState *ret_state)
{
	Store *s;
	bool is_store;
	*ret = NULL;
	TRY(open_root(root, false, &s));
	if (!s)
		return NULL;
	Err *e = store_version_state(s, &is_store, ret_state);
	if (e || !is_store)
		store_close(s);
	else
		*ret = s;
	return e;
}

void store_close(Store *s)
{
	if (!s)
		return;
	store_release(s);
	if (s->tmp_lock_fd >= 0) {
		close(s->tmp_lock_fd);
		if (s->tmp_fd >= 0)
			close(s->tmp_fd);
		AUTO_CLOSE int tmp = openat(s->dir_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (tmp >= 0) /* best effort: the next process reaps what stays */
			err_free(path_remove_tree(tmp, s->tmp_name));
	}
	close(s->dir_fd);
	free(s->tmp_name);
	free(s->path);
	(void)pthread_mutex_destroy(&s->mutex);
	free(s);
}

int store_dir_fd(const Store *s)
{
	return s->dir_fd;
}

const char *store_path(const Store *s)
{
	return s->path;
}

void store_set_durable(Store *s, bool durable)
{
	s->durable = durable;
}

Err *store_subdir(Store *s, const char *name, int *ret_fd)
{
	int fd = openat(s->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const StorePart *part = store_part_find(str_from(name));
	bool may_make = !part || !part->is_truth;
	bool made = fd < 0 && errno == ENOENT && may_make &&
	            (mkdirat(s->dir_fd, name, 0700) == 0 || errno == EEXIST);
	if (made)
		fd = openat(s->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		Err *e = err_sys(errno, "cannot open '%s' in the store '%s'", name, s->path);
		return err_errno(e) == ENOTDIR || err_errno(e) == ELOOP
		               ? err_note(
					 e,
					 "it is no directory: 'decant fsck --repair' moves it away")
		               : e;
	}
	*ret_fd = fd;
	return NULL;
}

StorePath store_path_of(const char *prefix, const Digest *d, const char *suffix)
{
	StorePath p;
	char hex[DIGEST_HEX_LEN + 1];
	(void)digest_hex(d, hex);
	(void)snprintf(p.text, sizeof p.text, "%s/%s%s", prefix, hex, suffix);
	return p;
}

void store_text_seal(Buf *text)
{
	Digest d = sha256_of(buf_str(text));
	char hex[DIGEST_HEX_LEN + 1];
	buf_addf(text, "end %s\n", digest_hex(&d, hex).ptr);
}

bool store_text_open(Str *text)
{
	enum { END_LEN = 4 + DIGEST_HEX_LEN + 1 };
	if (text->len < END_LEN)
		return false;
	Str body = str_head(*text, text->len - END_LEN);
	Str end = str_from_at(*text, body.len);
	Digest want, is = sha256_of(body);
	if (!str_starts(end, STR("end ")) || end.ptr[END_LEN - 1] != '\n')
		return false;
	Err *e = digest_parse_hex((Str){ end.ptr + 4, DIGEST_HEX_LEN }, &want);
	if (e) {
		err_free(e); /* a damaged end line: told by the result */
		return false;
	}
	*text = body;
	return digest_eq(&want, &is);
}

bool store_text_get(Str text, const char *name, Str *ret)
{
	size_t n = strlen(name);
	while (text.len) {
		Str line;
		text = str_cut(text, '\n', &line);
		if (line.len > n && memcmp(line.ptr, name, n) == 0 && line.ptr[n] == ' ') {
			*ret = str_from_at(line, n + 1);
			return true;
		}
	}
	return false;
}

Err *store_text_get_digest(Str text, const char *name, Digest *ret)
{
	Str value;
	*ret = (Digest){ 0 };
	return store_text_get(text, name, &value) ? digest_parse(value, ret) : NULL;
}

Err *store_sealed_read(Store *s, const char *path, Buf *out)
{
	AUTO_BUF Buf file = BUF_INIT;
	int errnum;
	if (!store_read_small(s, path, &file, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "there is no '%s/%s'", s->path, path);
		return err_sys(errnum, "cannot read '%s/%s'", s->path, path);
	}
	Str text = buf_str(&file);
	if (!store_text_open(&text))
		return err_new(ERR_CORRUPT, "'%s/%s' is damaged", s->path, path);
	buf_add_str(out, text);
	return NULL;
}

bool store_read_small(Store *s, const char *path, Buf *out, int *ret_errno)
{
	enum {
		SMALL_BYTES_MAX = 64 << 20
	}; /* a record's preimage may name every file of a context */
	AUTO_CLOSE int fd = openat(s->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	*ret_errno = EIO;
	if (fd < 0 || fstat(fd, &st) < 0) {
		*ret_errno = errno;
		return false;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > SMALL_BYTES_MAX)
		return false;
	buf_reserve(out, (size_t)st.st_size + 1);
	for (;;) {
		buf_reserve(out, 4096);
		ssize_t n = read(fd, out->ptr + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			*ret_errno = errno;
			return false;
		}
		if (n == 0)
			break;
		out->len += (size_t)n;
		if (out->len > SMALL_BYTES_MAX)
			return false;
		if (out->len == (size_t)st.st_size && (size_t)n > 0 && out->cap - out->len > 1)
			break;
	}
	out->ptr[out->len] = '\0';
	return true;
}

bool store_is_own(Store *s)
{
	struct stat st;
	return fstat(s->dir_fd, &st) == 0 && st.st_uid == geteuid();
}

Err *store_sync_all(Store *s)
{
	return syncfs(s->dir_fd) < 0 ? err_sys(errno, "cannot sync the store '%s'", s->path) : NULL;
}

Err *store_sync_dir(Store *s, const char *path)
{
	AUTO_CLOSE int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(errno, "cannot sync '%s' in the store '%s'", path, s->path);
	return NULL;
}

Err *store_move_in(Store *s, const char *name, const char *path)
{
	int tmp;
	char aside[32];
	TRY(store_tmp_fd(s, &tmp));
	if (renameat(tmp, name, s->dir_fd, path) == 0)
		return NULL;
	store_tmp_name(s, "aside", aside);
	if (errno == EISDIR && renameat(s->dir_fd, path, tmp, aside) == 0 &&
	    renameat(tmp, name, s->dir_fd, path) == 0)
		return path_remove_tree(tmp, aside);
	return err_sys(errno, "cannot publish '%s' in the store '%s'", path, s->path);
}

Err *store_write_small(Store *s, const char *path, Str text, bool sync)
{
	int tmp;
	char name[32];
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "small", name);
	AUTO_CLOSE int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot write '%s' in the store '%s'", path, s->path);
	Err *e = path_write_all(fd, text.ptr, text.len, path);
	if (!e && sync && fsync(fd) < 0)
		e = err_sys(errno, "cannot sync '%s' in the store '%s'", path, s->path);
	if (!e)
		e = store_move_in(s, name, path);
	if (e)
		(void)unlinkat(tmp, name, 0); /* the error that is told is the first one */
	return e;
}
