/*
 * login_store.c - logins written into an auth file, and taken out of it.
 *
 * The file is read, changed and renamed over itself while its directory is locked (flock), so that
 * of two logins at one time none is lost.  docker takes no such lock; its own rename is as whole.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "fs/path.h"
#include "registry/login.h"
#include "registry/registry-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* An auth file, locked. */
typedef struct AuthFile {
	const char *path; /* for messages */
	const char *name; /* in dir; the target's, if path is a symlink */
	int dir;
	bool exists;
	struct stat st;
	JsonValue *doc; /* NULL: absent or empty */
} AuthFile;

static void auth_file_close(AuthFile *f)
{
	json_free(f->doc);
	if (f->dir >= 0)
		close(f->dir); /* and unlocks */
}
#define AUTO_AUTH_FILE CLEANUP(auth_file_close)

/* The directory of PATH and all above it; mode 0700, as docker makes them. */
static Err *make_parents(Arena *a, const char *path)
{
	char *text = (char *)arena_str(a, str_from(path)).ptr;
	for (char *slash = strchr(text + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(AT_FDCWD, text, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "cannot make the directory '%s'", text);
		*slash = '/';
	}
	return NULL;
}

/* Where writing PATH must really go: a symlink is somebody's wish. */
static Err *follow(Arena *a, const char *path, const char **ret)
{
	struct stat st;
	*ret = path;
	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode))
		return NULL;
	char target[PATH_MAX];
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1
	                     : readlinkat(AT_FDCWD, arena_strf(a, "/proc/self/fd/%d", fd).ptr,
	                                  target, sizeof target);
	if (len < 0 || (size_t)len == sizeof target)
		return err_sys(len < 0 ? errno : ENAMETOOLONG, "cannot follow the link '%s'", path);
	*ret = arena_str(a, (Str){ target, (size_t)len }).ptr;
	return NULL;
}

static Err *read_document(AuthFile *f)
{
	AUTO_BUF Buf json = BUF_INIT;
	AUTO_CLOSE int fd = openat(f->dir, f->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot open '%s'", f->path);
	if (fstat(fd, &f->st) < 0)
		return err_sys(errno, "cannot look at '%s'", f->path);
	if (!S_ISREG(f->st.st_mode))
		return err_new(ERR_INPUT, "'%s' is not a file", f->path);
	f->exists = true;
	TRY(path_read_fd(fd, JSON_BYTES_MAX, f->path, &json));
	if (!str_trim(buf_str(&json)).len)
		return NULL; /* what mktemp made: nothing is lost by writing it anew */
	TRY(err_set_kind(json_parse(buf_str(&json), JSON_BYTES_MAX, f->path, &f->doc), ERR_INPUT));
	if (!json_value_is_object(f->doc))
		return err_new(ERR_INPUT, "%s: expected a JSON object", f->path);
	const JsonValue *auths = json_member(f->doc, "auths");
	if (!json_value_is_null(auths) && !json_value_is_object(auths))
		return err_new(ERR_INPUT, "%s.auths: expected an object", f->path);
	return NULL;
}

static Err *auth_file_open(Arena *a, const char *file, AuthFile *f)
{
	FilePlace place = auth_place_to_write(file);
	const char *path;
	f->path = file_place_text(a, &place).ptr;
	TRY(make_parents(a, f->path));
	TRY(follow(a, f->path, &path));
	const char *slash = strrchr(path, '/');
	f->name = slash ? slash + 1 : path;
	const char *dir = !slash          ? "."
	                  : slash == path ? "/"
	                                  : arena_str(a, (Str){ path, (size_t)(slash - path) }).ptr;
	f->dir = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0)
		return err_sys(errno, "cannot open the directory '%s'", dir);
	while (flock(f->dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot lock the directory '%s'", dir);
	return err_while(read_document(f), "changing the logins in '%s'", f->path);
}

/* docker's layout: a tab a level, no line end at the end. */
static Err *pretty(Str compact, const char *name, Buf *out)
{
	AUTO_BUF Buf spaced = BUF_INIT;
	JsonValue *doc = NULL;
	TRY(json_parse(compact, SIZE_MAX, name, &doc));
	json_dump_indent(doc, 1, &spaced);
	json_free(doc);
	bool at_start = true; /* of a line: no text in JSON holds a line end */
	for (size_t i = 0; i < spaced.len; i++) {
		char c = spaced.ptr[i];
		at_start = c == '\n' || (at_start && c == ' ');
		buf_add_char(out, at_start && c == ' ' ? '\t' : c);
	}
	while (out->len && out->ptr[out->len - 1] == '\n')
		out->ptr[--out->len] = '\0';
	return NULL;
}

static Err *replace_file(const AuthFile *f, Str text)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *tmp = arena_strf(&a, ".%s.%d", f->name, (int)getpid()).ptr;
	(void)unlinkat(f->dir, tmp, 0);
	AUTO_CLOSE int fd = openat(f->dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot write beside '%s'", f->path);
	Err *err = path_write_all(fd, text.ptr, text.len, f->path);
	/* root who writes a user's file (sudo) leaves it to the user */
	if (!err && f->exists && geteuid() == 0 && fchown(fd, f->st.st_uid, f->st.st_gid) < 0)
		err = err_sys(errno, "cannot keep the owner of '%s'", f->path);
	if (!err && fsync(fd) < 0)
		err = err_sys(errno, "cannot write '%s'", f->path);
	if (!err && renameat(f->dir, tmp, f->dir, f->name) < 0)
		err = err_sys(errno, "cannot replace '%s'", f->path);
	if (err)
		(void)unlinkat(f->dir, tmp, 0);
	return err;
}

/* One change of "auths": DROP names what goes (domain; NULL: everything), KEY and ENTRY what comes.
 */
typedef struct Change {
	const LoginServer *drop;
	Str key, entry;
} Change;

static bool drops(const Change *c, Str key)
{
	if (!c->drop)
		return !c->key.len;
	/* docker looks for all spellings of a host; a namespace is a login of its own */
	return str_eq(auth_normal_key(key), auth_normal_key(c->drop->key));
}

static void write_auths(JsonWriter *w, const JsonValue *auths, const Change *c)
{
	Str key;
	JsonValue *value;
	void *at = NULL;
	bool written = !c->key.len;
	json_write_object(w);
	while (json_next_member(auths, &at, &key, &value)) {
		AUTO_BUF Buf text = BUF_INIT;
		bool same = c->key.len && str_eq(key, c->key);
		if (!same && drops(c, key))
			continue;
		json_write_key_str(w, key);
		json_dump(value, &text);
		json_write_raw(w, same ? c->entry : buf_str(&text));
		written = written || same;
	}
	if (!written) {
		json_write_key_str(w, c->key);
		json_write_raw(w, c->entry);
	}
	json_write_object_end(w);
}

static Err *change(const AuthFile *f, const Change *c)
{
	AUTO_BUF Buf compact = BUF_INIT, text = BUF_INIT;
	JsonWriter w = { .out = &compact };
	Str key;
	JsonValue *value;
	void *at = NULL;
	bool written = false;
	json_write_object(&w);
	while (json_next_member(f->doc, &at, &key, &value)) {
		json_write_key_str(&w, key);
		if (str_eqc(key, "auths")) {
			write_auths(&w, value, c);
			written = true;
			continue;
		}
		AUTO_BUF Buf other = BUF_INIT;
		json_dump(value, &other);
		json_write_raw(&w, buf_str(&other));
	}
	if (!written) {
		json_write_key(&w, "auths");
		write_auths(&w, NULL, c);
	}
	json_write_object_end(&w);
	TRY(pretty(buf_str(&compact), f->path, &text));
	return replace_file(f, buf_str(&text));
}

/* What an auth file says of a login: {"auth": base64} or {"auth": base64 of "user:",
 * "identitytoken"}. */
static Str entry_of(Arena *a, const LoginAs *l)
{
	AUTO_BUF Buf plain = BUF_INIT, auth = BUF_INIT, json = BUF_INIT;
	JsonWriter w = { .out = &json };
	buf_addf(&plain, "%.*s:%.*s", STR_ARG(l->user), STR_ARG(l->password));
	base64_encode(buf_str(&plain), &auth);
	json_write_object(&w);
	json_write_key(&w, "auth");
	json_write_str(&w, buf_str(&auth));
	if (l->identity_token.len) {
		json_write_key(&w, "identitytoken");
		json_write_str(&w, l->identity_token);
	}
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static bool has_entry(const AuthFile *f, Str key, Str entry)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	const JsonValue *auths = f->doc ? json_member(f->doc, "auths") : NULL;
	const JsonValue *there =
		json_value_is_object(auths) ? json_member(auths, arena_str(&a, key).ptr) : NULL;
	if (!there)
		return false;
	json_dump(there, &text);
	return str_eq(buf_str(&text), entry);
}

static Err *helper_of(const AuthFile *f, const LoginServer *server, Arena *a, Str *ret)
{
	*ret = (Str){ "", 0 };
	return f->doc ? auth_file_helper(a, f->doc, f->path, server->domain, ret) : NULL;
}

Err *login_store(const char *auth_file, const LoginServer *server, const LoginAs *login,
                 const Cancel *cancel, Arena *a, LoginKept *ret)
{
	AUTO_AUTH_FILE AuthFile f = { .dir = -1 };
	Str helper, entry = STR("{}"); /* a helper's: says that there is a login */
	TRY(auth_file_open(a, auth_file, &f));
	TRY(helper_of(&f, server, a, &helper));
	if (helper.len) {
		Credentials c = { .user = login->user,
			          .password = login->password,
			          .identity_token = login->identity_token };
		TRY_WHILE(auth_helper_store(helper, server->key, &c, cancel),
		          "saving the login of %.*s", STR_ARG(server->domain));
	} else {
		entry = entry_of(a, login);
	}
	ret->file = str_from(f.path);
	ret->helper =
		helper.len ? arena_strf(a, "docker-credential-%.*s", STR_ARG(helper)) : helper;
	ret->changed = !has_entry(&f, server->key, entry);
	if (!ret->changed)
		return NULL;
	Change c = { .drop = server, .key = server->key, .entry = entry };
	return err_while(change(&f, &c), "saving the login of %.*s", STR_ARG(server->domain));
}

static bool has_key(const AuthFile *f, const LoginServer *server)
{
	Str key;
	JsonValue *value;
	void *at = NULL;
	const JsonValue *auths = f->doc ? json_member(f->doc, "auths") : NULL;
	const Change c = { .drop = server };
	while (json_value_is_object(auths) && json_next_member(auths, &at, &key, &value))
		if (drops(&c, key))
			return true;
	return false;
}

Err *login_erase(const char *auth_file, const LoginServer *server, const Cancel *cancel, Arena *a,
                 Str *ret_file, bool *ret_found)
{
	AUTO_AUTH_FILE AuthFile f = { .dir = -1 };
	Str helper;
	TRY(auth_file_open(a, auth_file, &f));
	TRY(helper_of(&f, server, a, &helper));
	*ret_file = str_from(f.path);
	*ret_found = has_key(&f, server) || helper.len;
	if (helper.len)
		TRY_WHILE(auth_helper_erase(helper, server->key, cancel),
		          "removing the login of %.*s", STR_ARG(server->domain));
	if (!has_key(&f, server))
		return NULL;
	return change(&f, &(Change){ .drop = server, .key = { "", 0 } });
}

Err *login_erase_all(const char *auth_file, const Cancel *cancel, Arena *a, Str *ret_file)
{
	AUTO_AUTH_FILE AuthFile f = { .dir = -1 };
	TRY(auth_file_open(a, auth_file, &f));
	*ret_file = str_from(f.path);
	const JsonValue *auths = f.doc ? json_member(f.doc, "auths") : NULL;
	if (!json_value_is_object(auths))
		return NULL;
	Str key, helper;
	JsonValue *value;
	void *at = NULL;
	while (json_next_member(auths, &at, &key, &value)) {
		LoginServer server = { .domain = auth_normal_key(key), .key = key };
		TRY(helper_of(&f, &server, a, &helper));
		if (helper.len)
			TRY(auth_helper_erase(helper, key, cancel));
	}
	return change(&f, &(Change){ .drop = NULL, .key = { "", 0 } });
}

Err *login_find(const char *auth_file, const LoginServer *server, const Cancel *cancel, Arena *a,
                LoginAs *ret)
{
	Credentials c = { 0 };
	AUTO_BUF Buf json = BUF_INIT;
	FilePlace place = auth_place_to_write(auth_file);
	Str name = file_place_text(a, &place), domain, repository;
	bool found;
	*ret = (LoginAs){ 0 };
	TRY(file_read(&place, &json, &found));
	if (!found || !str_trim(buf_str(&json)).len)
		return NULL;
	repository = str_cut(auth_normal_key(server->key), '/', &domain);
	TRY(auth_file_find(a, buf_str(&json), name.ptr, domain, repository, cancel, &c));
	if (c.found)
		*ret = (LoginAs){ c.user, c.password, c.identity_token, c.source, true };
	return NULL;
}
