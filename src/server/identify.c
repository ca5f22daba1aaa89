/* identify.c - whose credentials are these, and what may he do? */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"
#include "codec/base64.h"
#include "server/users-internal.h"

#include <crypt.h>
#include <dlfcn.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

/* --- comparing -------------------------------------------------------------------------------- */

/* Takes as long for each pair of the same length. */
static bool same_bytes(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differ = 0;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(x[i] ^ y[i]);
	return differ == 0;
}

/* decant itself needs it nowhere else. */
static const LibrarySource libcrypt = {
	.names = { "libcrypt.so.1", "libcrypt.so.2" },
	.shown = "libcrypt",
	.user = "decant serve --auth needs",
	.package = "libcrypt1",
};

static bool password_is(const ServerUsers *u, const char *password, Str hash)
{
	AUTO_BUF Buf setting = BUF_INIT;
	buf_add_str(&setting, hash);
	AUTO_FREE struct crypt_data *data = xcalloc(1, sizeof *data);
	const char *is = u->crypt_r(password, setting.ptr, data);
	bool same =
		is && *is == '$' && strlen(is) == hash.len && same_bytes(is, hash.ptr, hash.len);
	explicit_bzero(data, sizeof *data);
	return same;
}

/* --- what was right before --------------------------------------------------------------------
 */

static Digest memory_of(const ServerUsers *u, const ServerUser *user, Str password)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add(&h, u->key, sizeof u->key);
	sha256_add_field(&h, user->hash); /* a changed password is forgotten */
	sha256_add_field(&h, password);
	return sha256_end(&h);
}

static bool is_remembered(ServerUsers *u, const Digest *d)
{
	bool found = false;
	(void)pthread_mutex_lock(&u->mutex);
	for (size_t i = 0; i < REMEMBERED; i++)
		found = same_bytes(&u->remembered[i], d, sizeof *d) || found;
	(void)pthread_mutex_unlock(&u->mutex);
	return found;
}

static void remember(ServerUsers *u, const Digest *d)
{
	(void)pthread_mutex_lock(&u->mutex);
	u->remembered[u->next++ % REMEMBERED] = *d;
	(void)pthread_mutex_unlock(&u->mutex);
}

/* --- the file ----------------------------------------------------------------------------------
 */

static Err *prepare(ServerUsers *u)
{
	const LibrarySymbol wanted[] = { { "crypt_r", (void **)&u->crypt_r } };
	if (getrandom(u->key, sizeof u->key, 0) != (ssize_t)sizeof u->key)
		return err_sys(errno, "cannot draw a random number");
	return library_open(&libcrypt, wanted, ARRAY_LEN(wanted), &u->libcrypt);
}

Err *server_users_open(const char *path, ServerUsers **ret)
{
	struct stat st;
	ServerUserFile *file;
	if (stat(path, &st) < 0) /* whole path: the user's */
		return err_sys(errno, "cannot read '%s'", path);
	TRY(server_user_file_read(path, &file));
	ServerUsers *u = xcalloc(1, sizeof *u);
	u->path = xstrdup(path);
	u->file = file;
	u->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	u->size = st.st_size;
	u->inode = st.st_ino;
	(void)pthread_mutex_init(&u->mutex, NULL);
	Err *e = prepare(u);
	if (e)
		server_users_close(u);
	else
		*ret = u;
	return e;
}

void server_users_close(ServerUsers *u)
{
	if (!u)
		return;
	server_user_file_free(u->file);
	(void)pthread_mutex_destroy(&u->mutex);
	explicit_bzero(u->key, sizeof u->key);
	if (u->libcrypt)
		(void)dlclose(u->libcrypt);
	free(u->path);
	free(u);
}

/* The caller holds the mutex. */
static Err *read_if_changed(ServerUsers *u)
{
	struct stat st;
	ServerUserFile *file;
	if (stat(u->path, &st) < 0) /* whole path: the user's */
		return NULL;        /* being replaced, or gone: what was read stays */
	int64_t mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if (mtime_ns == u->mtime_ns && st.st_size == u->size && st.st_ino == u->inode)
		return NULL;
	u->mtime_ns = mtime_ns;
	u->size = st.st_size;
	u->inode = st.st_ino;
	TRY(server_user_file_read(u->path, &file));
	server_user_file_free(u->file);
	u->file = file;
	return NULL;
}

/* A copy in A of the lines that matter: the file may be read anew while they are used. */
static void copy_users(ServerUsers *u, Arena *a, ServerUser **ret, size_t *ret_count, Err **trouble)
{
	(void)pthread_mutex_lock(&u->mutex);
	*trouble = read_if_changed(u);
	size_t n = u->file->users.len;
	ServerUser *all = arena_alloc(a, (n + 1) * sizeof *all, _Alignof(ServerUser));
	for (size_t i = 0; i < n; i++) {
		all[i] = u->file->users.at[i];
		all[i].name = arena_str(a, all[i].name);
		all[i].hash = arena_str(a, all[i].hash);
		all[i].grant.where = arena_str(a, all[i].grant.where);
	}
	(void)pthread_mutex_unlock(&u->mutex);
	*ret = all;
	*ret_count = n;
}

/* --- a request ---------------------------------------------------------------------------------
 */

typedef struct Claim {
	Str name, secret; /* name "": a token alone */
	Digest token;     /* hash of secret */
} Claim;

static bool has_word(Str *text, const char *word)
{
	size_t len = strlen(word);
	if (text->len <= len || strncasecmp(text->ptr, word, len) != 0 || text->ptr[len] != ' ')
		return false;
	*text = str_trim(str_from_at(*text, len));
	return true;
}

static bool read_claim(Str header, Arena *a, Claim *ret)
{
	*ret = (Claim){ .name = STR("") };
	if (has_word(&header, "Bearer")) {
		ret->secret = arena_str(a, header);
	} else if (has_word(&header, "Basic")) {
		AUTO_BUF Buf plain = BUF_INIT;
		if (!base64_decode(header, &plain) || str_find(buf_str(&plain), ':') < 0 ||
		    memchr(plain.ptr, '\0', plain.len))
			return false;
		ret->secret = arena_str(a, str_cut(buf_str(&plain), ':', &ret->name));
		ret->name = arena_str(a, ret->name);
		explicit_bzero(plain.ptr, plain.len);
	} else {
		return false;
	}
	ret->token = sha256_of(ret->secret);
	return ret->secret.len > 0;
}

static bool is_users(ServerUsers *u, const ServerUser *user, const Claim *c)
{
	if (user->secret == SECRET_TOKEN)
		return same_bytes(&user->token, &c->token, sizeof c->token);
	if (user->secret != SECRET_PASSWORD || !c->name.len || !str_eq(user->name, c->name))
		return false;
	Digest d = memory_of(u, user, c->secret);
	if (is_remembered(u, &d))
		return true;
	AUTO_BUF Buf password = BUF_INIT;
	buf_add_str(&password, c->secret);
	bool is = password_is(u, password.ptr, user->hash);
	explicit_bzero(password.ptr, password.len);
	if (is)
		remember(u, &d);
	return is;
}

static void grant(ServerWho *who, ServerGrant *grants, const ServerGrant *g)
{
	if (str_eqc(g->where, "*"))
		who->everywhere |= g->rights;
	else
		grants[who->grant_count++] = *g;
}

void server_users_identify(ServerUsers *u, Str authorization, Arena *a, ServerWho *ret,
                           Err **ret_trouble)
{
	ServerUser *all;
	size_t count;
	Claim claim;
	copy_users(u, a, &all, &count, ret_trouble);
	ServerGrant *grants = arena_alloc(a, (count + 1) * sizeof *grants, _Alignof(ServerGrant));
	*ret = (ServerWho){ .login = SERVER_ANONYMOUS, .name = STR(""), .grants = grants };
	for (size_t i = 0; i < count; i++)
		if (all[i].secret == SECRET_NONE)
			grant(ret, grants, &all[i].grant);
	/* some clients say with an empty name and password that they have none */
	if (!authorization.len || str_eqc(authorization, "Basic Og=="))
		return;
	ret->login = SERVER_REFUSED;
	if (!read_claim(authorization, a, &claim))
		return;
	const ServerUser *last =
		NULL; /* a user's lines have the same password more often than not */
	bool last_is = false;
	for (size_t i = 0; i < count; i++) {
		bool again = last && last->secret == SECRET_PASSWORD &&
		             all[i].secret == SECRET_PASSWORD && str_eq(last->name, all[i].name) &&
		             str_eq(last->hash, all[i].hash);
		last_is = again ? last_is : is_users(u, &all[i], &claim);
		last = &all[i];
		if (!last_is)
			continue;
		ret->login = SERVER_KNOWN;
		ret->name = all[i].name;
		grant(ret, grants, &all[i].grant);
	}
}

unsigned server_who_may(const ServerWho *who, Str repo)
{
	unsigned rights = who->everywhere;
	for (size_t i = 0; i < who->grant_count; i++) {
		Str where = who->grants[i].where;
		bool inside = str_starts(repo, where) &&
		              (repo.len == where.len || repo.ptr[where.len] == '/');
		rights |= inside ? who->grants[i].rights : 0;
	}
	return rights;
}
