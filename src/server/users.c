/* users.c - the file of credentials: read, and a token added. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "server/users-internal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { FIELDS = 4, NAME_MAX_BYTES = 128 };

Err *server_parse_rights(Str text, unsigned *ret)
{
	static const struct {
		const char *name;
		unsigned right;
	} rights[] = { { "pull", SERVER_PULL },
		       { "push", SERVER_PUSH },
		       { "delete", SERVER_DELETE },
		       { "all", SERVER_ALL_RIGHTS } };
	*ret = 0;
	while (text.len) {
		Str word;
		size_t i = 0;
		text = str_cut(text, ',', &word);
		while (i < ARRAY_LEN(rights) && !str_eqc(word, rights[i].name))
			i++;
		if (i == ARRAY_LEN(rights))
			return err_note(err_new(ERR_INPUT, "'%.*s' is no right", STR_ARG(word)),
			                "write pull, push, delete with commas between, or all");
		*ret |= rights[i].right;
	}
	return *ret ? NULL : err_new(ERR_INPUT, "no rights are given");
}

/* Letters of repositories' names; server/ does not know more of these. */
bool server_where_ok(Str where)
{
	if (str_eqc(where, "*"))
		return true;
	for (size_t i = 0; i < where.len; i++) {
		char c = where.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-' || c == '/'))
			return false;
	}
	return where.len && where.len <= 255 && where.ptr[0] != '/' && where.ptr[0] != '.' &&
	       where.ptr[where.len - 1] != '/' && !memmem(where.ptr, where.len, "..", 2) &&
	       !memmem(where.ptr, where.len, "//", 2);
}

bool server_user_name_ok(Str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] == ':' || name.ptr[i] == 0x7f)
			return false;
	return name.len && name.len <= NAME_MAX_BYTES && name.ptr[0] != '#';
}

static Err *parse_secret(Str text, ServerUser *u)
{
	if (str_eqc(text, "-")) {
		u->secret = SECRET_NONE;
	} else if (str_starts(text, STR("sha256:"))) {
		u->secret = SECRET_TOKEN;
		return digest_parse(text, &u->token);
	} else if (text.len > 1 && text.ptr[0] == '$') {
		u->secret = SECRET_PASSWORD;
		u->hash = text;
	} else {
		return err_note(
			err_new(ERR_INPUT, "the secret of '%.*s' is not hashed", STR_ARG(u->name)),
			"write what mkpasswd or 'htpasswd -nB NAME' gives after the colon, "
			"sha256: and the hash of a token, or -");
	}
	return NULL;
}

static size_t split(Str line, Str fields[static FIELDS + 1])
{
	size_t n = 0;
	while (n <= FIELDS) {
		line = str_trim(line);
		if (!line.len)
			break;
		size_t len = 0;
		while (len < line.len && line.ptr[len] != ' ' && line.ptr[len] != '\t')
			len++;
		fields[n++] = str_head(line, len);
		line = str_from_at(line, len);
	}
	return n;
}

static Err *parse_line(Str line, Arena *a, ServerUser *ret)
{
	Str f[FIELDS + 1];
	if (split(line, f) != FIELDS)
		return err_new(ERR_INPUT, "expected NAME SECRET WHERE RIGHTS");
	*ret = (ServerUser){ .name = arena_str(a, f[0]) };
	if (!server_user_name_ok(f[0]))
		return err_new(ERR_INPUT, "'%.*s' is no name of a user", STR_ARG(f[0]));
	if (!server_where_ok(f[2]))
		return err_new(ERR_INPUT, "'%.*s' is no project or repository", STR_ARG(f[2]));
	TRY(parse_secret(arena_str(a, f[1]), ret));
	ret->grant.where = arena_str(a, f[2]);
	return server_parse_rights(f[3], &ret->grant.rights);
}

static Err *read_file(const char *path, Buf *out)
{
	struct stat st;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: the user's */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is no file", path);
	if (st.st_mode & 077)
		return err_note(err_new(ERR_INPUT, "'%s' can be read by others", path),
		                "chmod 600 '%s'", path);
	if (st.st_size > (off_t)SERVER_USERS_BYTES_MAX)
		return err_new(ERR_INPUT, "'%s' has more than %u bytes", path,
		               SERVER_USERS_BYTES_MAX);
	buf_reserve(out, (size_t)st.st_size + 1);
	while (out->len < (size_t)st.st_size) {
		ssize_t n = read(fd, out->ptr + out->len, (size_t)st.st_size - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%s'", path);
		if (n == 0)
			break;
		out->len += (size_t)n;
	}
	return NULL;
}

void server_user_file_free(ServerUserFile *f)
{
	if (!f)
		return;
	VEC_DONE(&f->users);
	arena_done(&f->arena);
	free(f);
}

static void user_file_freep(ServerUserFile **f)
{
	server_user_file_free(*f);
}

Err *server_user_file_read(const char *path, ServerUserFile **ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(read_file(path, &text));
	CLEANUP(user_file_freep) ServerUserFile *f = xcalloc(1, sizeof *f);
	f->arena = (Arena)ARENA_INIT;
	unsigned number = 0;
	for (Str rest = buf_str(&text); rest.len;) {
		Str line;
		ServerUser user;
		rest = str_cut(rest, '\n', &line);
		number++;
		line = str_trim(line);
		if (!line.len || line.ptr[0] == '#')
			continue;
		TRY_WHILE(parse_line(line, &f->arena, &user), "reading %s:%u", path, number);
		VEC_PUSH(&f->users, user);
	}
	*ret = TAKE_PTR(f);
	return NULL;
}

/* --- a new token ------------------------------------------------------------------------------ */

static Err *append_line(const char *path, Str line)
{
	struct stat st;
	AUTO_CLOSE int fd =
		open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600); /* whole path:
	                                                                     the user's */
	if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "cannot write '%s'", path);
	if (st.st_mode & 077)
		return err_note(err_new(ERR_INPUT, "'%s' can be read by others", path),
		                "chmod 600 '%s'", path);
	AUTO_BUF Buf text = BUF_INIT;
	char last = '\n';
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		return err_sys(errno, "cannot read '%s'", path);
	if (last != '\n')
		buf_add_char(&text, '\n');
	buf_add_str(&text, line);
	if (write(fd, text.ptr, text.len) != (ssize_t)text.len || fsync(fd) < 0)
		return err_sys(errno, "cannot write '%s'", path);
	return NULL;
}

Err *server_users_add_token(const char *path, Str name, Str where, Str rights, Arena *a,
                            Str *ret_token)
{
	uint8_t bytes[32];
	unsigned parsed;
	AUTO_BUF Buf token = BUF_INIT, line = BUF_INIT;
	char hash[DIGEST_TEXT_LEN + 1];
	if (!server_user_name_ok(name))
		return err_new(ERR_INPUT, "'%.*s' is no name of a user", STR_ARG(name));
	if (!server_where_ok(where))
		return err_new(ERR_INPUT, "'%.*s' is no project or repository", STR_ARG(where));
	TRY(server_parse_rights(rights, &parsed));
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return err_sys(errno, "cannot draw a random number");
	buf_addf(&token, "decant_");
	for (size_t i = 0; i < sizeof bytes; i++)
		buf_addf(&token, "%02x", bytes[i]);
	Digest d = sha256_of(buf_str(&token));
	buf_addf(&line, "%.*s %s %.*s %.*s\n", STR_ARG(name), digest_text(&d, hash).ptr,
	         STR_ARG(where), STR_ARG(rights));
	TRY(append_line(path, buf_str(&line)));
	*ret_token = arena_str(a, buf_str(&token));
	return NULL;
}
