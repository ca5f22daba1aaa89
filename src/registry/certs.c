/*
 * certs.c - certificates for one registry, from the folders that docker and podman keep.
 *
 * CERTS.D/HOST[:PORT]/ holds *.crt (authorities that are trusted there beside the machine's), and
 * NAME.cert with NAME.key (who we are).  The first folder that exists counts, as in podman.  All is
 * read into files that only memory holds: a library gets their paths, and nobody else does.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "registry/authorities.h"
#include "registry/registry-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { CERT_FILES_MAX = 1000 };

typedef struct Found {
	Buf authorities, certificate, key;
	Str certificate_name; /* "client" of client.cert */
} Found;

static void found_done(Found *f)
{
	buf_done(&f->authorities);
	buf_done(&f->certificate);
	if (f->key.ptr)
		explicit_bzero(f->key.ptr, f->key.len);
	buf_done(&f->key);
}
#define AUTO_FOUND CLEANUP(found_done)

/* TEXT as a file without a name; open until the registry is closed. */
static Err *keep_file(Registry *r, Str text, const char **ret)
{
	int fd = memfd_create("decant-tls", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	pthread_mutex_lock(&r->lock);
	VEC_PUSH(&r->files, fd);
	*ret = arena_strf(&r->arena, "/proc/self/fd/%d", fd).ptr;
	pthread_mutex_unlock(&r->lock);
	return path_write_all(fd, text.ptr, text.len, "the certificates");
}

static Err *check_key(const char *file, Str key)
{
	if (memmem(key.ptr, key.len, "ENCRYPTED", 9))
		return err_note(err_new(ERR_INPUT, "the key '%s' is encrypted", file),
		                "there is nobody to ask for its passphrase; give the key without: "
		                "openssl pkey -in %s -out NEW.key",
		                file);
	if (!memmem(key.ptr, key.len, "PRIVATE KEY-----", 16))
		return err_note(err_new(ERR_INPUT, "'%s' holds no key", file),
		                "expected PEM: -----BEGIN PRIVATE KEY----- ...");
	return NULL;
}

static Err *read_below(int dir, const char *folder, Str name, Buf *out, Arena *a, const char **path)
{
	const char *text = arena_str(a, name).ptr;
	*path = arena_strf(a, "%s/%s", folder, text).ptr;
	AUTO_CLOSE int fd = openat(dir, text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", *path);
	return path_read_fd(fd, CA_BYTES_MAX, *path, out);
}

/* A pair: NAME.cert and NAME.key, of which one is there. */
static Err *read_pair(int dir, const char *folder, Str stem, Arena *a, Found *f)
{
	const char *path;
	if (f->certificate_name.len)
		return NULL; /* one is enough, and which server wants which is not said */
	f->certificate_name = stem;
	Str cert = arena_strf(a, "%.*s.cert", STR_ARG(stem));
	Str key = arena_strf(a, "%.*s.key", STR_ARG(stem));
	if (faccessat(dir, key.ptr, F_OK, 0) < 0)
		return err_note(err_new(ERR_INPUT, "missing key '%s' for client certificate '%s'",
		                        key.ptr, cert.ptr),
		                "in %s; certificates of authorities are called NAME.crt", folder);
	if (faccessat(dir, cert.ptr, F_OK, 0) < 0)
		return err_note(err_new(ERR_INPUT, "missing client certificate '%s' for key '%s'",
		                        cert.ptr, key.ptr),
		                "in %s", folder);
	TRY(read_below(dir, folder, cert, &f->certificate, a, &path));
	AUTO_BUF Buf checked = BUF_INIT;
	TRY(authorities_add_text(buf_str(&f->certificate), path, "the client certificate",
	                         &checked));
	TRY(read_below(dir, folder, key, &f->key, a, &path));
	return check_key(path, buf_str(&f->key));
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

static Err *read_name(int dir, const char *folder, Str name, Arena *a, Found *f)
{
	if (str_ends(name, STR(".crt"))) {
		AUTO_BUF Buf text = BUF_INIT;
		const char *path;
		TRY(read_below(dir, folder, name, &text, a, &path));
		return authorities_add_text(buf_str(&text), path, "the certificate",
		                            &f->authorities);
	}
	if (str_ends(name, STR(".cert")))
		return read_pair(dir, folder, str_head(name, name.len - 5), a, f);
	if (str_ends(name, STR(".key")))
		return read_pair(dir, folder, str_head(name, name.len - 4), a, f);
	return NULL;
}

static Err *read_folder(int dir, const char *folder, Arena *a, Found *f)
{
	VEC(Str) names = { 0 };
	DIR *list = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));
	if (!list)
		return err_sys(errno, "cannot list '%s'", folder);
	for (const struct dirent *d; (d = readdir(list)) && names.len < CERT_FILES_MAX;)
		VEC_PUSH(&names, arena_str(a, str_from(d->d_name)));
	closedir(list);
	if (names.len)
		qsort(names.at, names.len, sizeof *names.at, by_name);
	Err *err = NULL;
	for (size_t i = 0; i < names.len && !err; i++)
		err = read_name(dir, folder, names.at[i], a, f);
	VEC_DONE(&names);
	return err;
}

/* ROOT/AUTHORITY; -1: not there. */
static int open_folder(const char *root, Str authority)
{
	AUTO_CLOSE int dir = openat(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !authority.len || str_find(authority, '/') >= 0 || authority.ptr[0] == '.')
		return -1;
	AUTO_ARENA Arena a = ARENA_INIT;
	return openat(dir, arena_str(&a, authority).ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static Err *read_folders(const Str *names, size_t name_count, Arena *a, Found *f)
{
	const char *own = getenv("DECANT_CERT_DIR"), *config = getenv("XDG_CONFIG_HOME");
	const char *home = file_home();
	if (own && *own) {
		AUTO_CLOSE int dir = openat(AT_FDCWD, own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return err_sys(errno, "cannot open the directory of --cert-dir '%s'", own);
		return read_folder(dir, own, a, f);
	}
	if (!config || !*config)
		config = arena_strf(a, "%s/.config", home).ptr;
	const char *const roots[] = {
		arena_strf(a, "%s/decant/certs.d", config).ptr,
		arena_strf(a, "%s/containers/certs.d", config).ptr,
		arena_strf(a, "%s/docker/certs.d", config).ptr, /* of a rootless dockerd */
		"/etc/decant/certs.d",
		"/etc/containers/certs.d",
		"/etc/docker/certs.d",
	};
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		for (size_t k = 0; k < name_count; k++) {
			AUTO_CLOSE int dir = open_folder(roots[i], names[k]);
			if (dir >= 0)
				return read_folder(
					dir,
					arena_strf(a, "%s/%.*s", roots[i], STR_ARG(names[k])).ptr,
					a, f);
		}
	return NULL;
}

/* Lines "HOST=VALUE" of the variable NAME: those of HOST are given to FN. */
static Err *each_given(const char *name, Str authority, Arena *a,
                       Err *fn(Str value, Arena *a, Found *f), Found *f)
{
	const char *text = getenv(name);
	Str rest = str_from(text ? text : ""), line, host;
	while (rest.len) {
		rest = str_cut(rest, '\n', &line);
		Str value = str_cut(line, '=', &host);
		if (str_eq(host, authority))
			TRY(fn(value, a, f));
	}
	return NULL;
}

static Err *given_authority(Str value, Arena *a, Found *f)
{
	return authorities_add(arena_str(a, value).ptr, "--registry-certificate", &f->authorities);
}

/* "CERTIFICATE,KEY" */
static Err *given_pair(Str value, Arena *a, Found *f)
{
	Str cert;
	const char *key = arena_str(a, str_cut(value, ',', &cert)).ptr, *path;
	buf_reset(&f->certificate);
	buf_reset(&f->key);
	TRY(authorities_add(arena_str(a, cert).ptr, "--registry-client-cert", &f->certificate));
	AUTO_CLOSE int here = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	TRY(read_below(here, ".", str_from(key), &f->key, a, &path));
	return check_key(key, buf_str(&f->key));
}

static Err *find(Registry *r, const Str *names, size_t name_count, Arena *a, Found *f, HttpTls *ret)
{
	TRY(read_folders(names, name_count, a, f));
	for (size_t i = 0; i < name_count; i++) {
		TRY(each_given("DECANT_REGISTRY_CERTIFICATES", names[i], a, given_authority, f));
		TRY(each_given("DECANT_REGISTRY_CLIENT_CERTS", names[i], a, given_pair, f));
	}
	if (f->authorities.len) {
		AUTO_BUF Buf all = BUF_INIT;
		TRY(authorities_usual(&all));
		if (all.len && all.ptr[all.len - 1] != '\n')
			buf_add_char(&all, '\n');
		buf_add_str(&all, buf_str(&f->authorities));
		TRY(keep_file(r, buf_str(&all), &ret->authorities));
	}
	if (f->certificate.len) {
		TRY(keep_file(r, buf_str(&f->certificate), &ret->certificate));
		TRY(keep_file(r, buf_str(&f->key), &ret->key));
	}
	return NULL;
}

Err *certs_find(Registry *r, Str authority, Str domain, HttpTls *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_FOUND Found f = { 0 };
	const Str names[] = { authority, domain };
	*ret = (HttpTls){ 0 };
	return err_while(find(r, names, str_eq(authority, domain) ? 1 : 2, &a, &f, ret),
	                 "reading the certificates for %.*s", STR_ARG(authority));
}
