/* trust.c - certificates of --ca for a RUN: into files above its layers, and out of what it wrote.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/trust.h"
#include "fs/path.h"
#include "layer/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *const bundles[] = {
	"etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, Arch */
	"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
	"etc/pki/tls/certs/ca-bundle.crt",                  /* older ones of them */
	"var/lib/ca-certificates/ca-bundle.pem",            /* SUSE */
	"etc/ssl/ca-bundle.pem",
	"etc/ssl/cert.pem",
};

#define OWN_TARGET "/run/decant/ca.pem"

/* What is put at the end of a file. */
static Str block_of(const Build *b, Arena *a)
{
	return arena_strf(a, "\n%.*s", STR_ARG(b->request->run.authorities));
}

void trust_done(Trust *t)
{
	if (t->dir_fd >= 0)
		close(t->dir_fd);
	*t = TRUST_NONE;
}

/* --- before ----------------------------------------------------------------------------------- */

static bool is_known(const Trust *t, Str path)
{
	for (size_t i = 0; i < t->count; i++)
		if (str_eq(t->paths[i], path))
			return true;
	return false;
}

/* The files that are there, links followed, each once. */
static Err *find_files(const View *root, Arena *a, Trust *t, size_t *layers)
{
	t->paths = arena_alloc(a, ARRAY_LEN(bundles) * sizeof(Str), _Alignof(Str));
	t->entries = arena_alloc(a, ARRAY_LEN(bundles) * sizeof(Entry), _Alignof(Entry));
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++) {
		Str path;
		bool exists;
		Entry *e = &t->entries[t->count];
		TRY(view_resolve(root, str_from(bundles[i]), true, a, &path, &exists));
		if (!exists || is_known(t, path) ||
		    !view_find(root, path, a, e, &layers[t->count]) || e->type != ENTRY_FILE ||
		    e->size > CA_BYTES_MAX)
			continue;
		t->paths[t->count++] = path;
	}
	return NULL;
}

static Err *write_file(const View *root, const Entry *e, size_t layer, Str block, Place *place)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int from = -1;
	int to;
	TRY(view_open_file(root, e, layer, sandbox_overlay_prefix(), &from));
	TRY(path_read_fd(from, CA_BYTES_MAX, "the certificates", &text));
	buf_add_str(&text, block);
	Entry larger = *e;
	larger.size = text.len;
	TRY(place_begin(place, &larger, &to));
	Err *err = path_write_all(to, text.ptr, text.len, "the certificates");
	if (err) {
		close(to);
		return err;
	}
	return place_finish(place, &larger, to);
}

static Str parent_of(Str path)
{
	while (path.len && path.ptr[path.len - 1] != '/')
		path.len--;
	return str_head(path, path.len ? path.len - 1 : 0);
}

/* The directories of the files with their metadata, then the files. */
static Err *write_layer(const View *root, const Trust *t, const size_t *layers, Str block, Arena *a,
                        int fd)
{
	AUTO_LIST_BUILDER ListBuilder *builder = list_builder_new();
	TreeOwner owner = { .mode = 0755 };
	for (size_t i = 0; i < t->count; i++)
		TRY(tree_need_dir(root, builder, parent_of(t->paths[i]), &owner, a));
	AUTO_LIST List *list = list_builder_finish(TAKE_PTR(builder));
	AUTO_PLACE Place place = { .dir_fd = -1 };
	place_init(&place, fd, sandbox_overlay_prefix());
	ListCursor c = list_cursor(list, STR(""));
	Entry e;
	while (list_next(&c, a, &e)) {
		int none;
		TRY(place_begin(&place, &e, &none));
		TRY(place_finish(&place, &e, none));
	}
	for (size_t i = 0; i < t->count; i++)
		TRY(write_file(root, &t->entries[i], layers[i], block, &place));
	return place_dir_times(&place, list);
}

/* The authorities alone, as a file in memory, for programs that want a file of additional ones. */
static Err *give_own_file(const Build *b, RunGiven *given)
{
	Str text = b->request->run.authorities;
	int fd = memfd_create("decant-ca", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	VEC_PUSH(&given->fds, fd);
	TRY(path_write_all(fd, text.ptr, text.len, "the certificates"));
	SandboxMount mount = { .kind = SANDBOX_MOUNT_FILE,
		               .source_fd = fd,
		               .target = OWN_TARGET,
		               .read_only = true,
		               .mode = 0444 };
	VEC_PUSH(&given->mounts, mount);
	return NULL;
}

static void set_variables(const Trust *t, RunGiven *given)
{
	Str usual = t->count ? arena_strf(given->arena, "/%.*s", STR_ARG(t->paths[0]))
	                     : STR(OWN_TARGET);
	VEC_PUSH(&given->usual_env, STR("NODE_EXTRA_CA_CERTS=" OWN_TARGET));
	VEC_PUSH(&given->usual_env,
	         arena_strf(given->arena, "REQUESTS_CA_BUNDLE=%.*s", STR_ARG(usual)));
	if (t->count)
		return;
	VEC_PUSH(&given->usual_env, STR("SSL_CERT_FILE=" OWN_TARGET));
	VEC_PUSH(&given->usual_env, STR("CURL_CA_BUNDLE=" OWN_TARGET));
}

Err *trust_make(Build *b, const View *root, RunGiven *given, Trust *ret)
{
	size_t layers[ARRAY_LEN(bundles)];
	if (!b->request->run.authorities.len)
		return NULL;
	TRY(find_files(root, given->arena, ret, layers));
	TRY(give_own_file(b, given));
	set_variables(ret, given);
	if (!ret->count)
		return NULL;
	AUTO_CLOSE int fd = -1;
	if (mkdirat(given->scratch_fd, "trust", 0755) < 0 ||
	    (fd = openat(given->scratch_fd, "trust", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    fchmod(fd, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	TRY(write_layer(root, ret, layers, block_of(b, given->arena), given->arena, fd));
	ret->dir_fd = openat(given->scratch_fd, "trust", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ret->dir_fd < 0 ? err_sys(errno, "cannot open a scratch directory") : NULL;
}

/* --- after ------------------------------------------------------------------------------------ */

/* FD without BLOCK, its times as they were.  A program may have written the file anew with other
 * bytes around. */
static Err *cut_block(int fd, Str block)
{
	AUTO_BUF Buf text = BUF_INIT;
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot look at the certificates");
	if (!S_ISREG(st.st_mode) || st.st_size > CA_BYTES_MAX + (off_t)block.len)
		return NULL;
	TRY(path_read_fd(fd, CA_BYTES_MAX + block.len, "the certificates", &text));
	char *found = memmem(text.ptr, text.len, block.ptr, block.len);
	if (!found)
		return NULL;
	size_t head = (size_t)(found - text.ptr), tail = text.len - head - block.len;
	memmove(found, found + block.len, tail);
	if (pwrite(fd, text.ptr, head + tail, 0) != (ssize_t)(head + tail) ||
	    ftruncate(fd, (off_t)(head + tail)) < 0 ||
	    futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }) < 0)
		return err_sys(errno, "cannot write the certificates");
	return NULL;
}

Err *trust_clean(const Build *b, const Trust *t, int upper_fd)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (t->dir_fd < 0)
		return NULL;
	Str block = block_of(b, &a);
	for (size_t i = 0; i < t->count; i++) {
		AUTO_CLOSE int fd = path_try_beneath(upper_fd, t->paths[i],
		                                     O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
		if (fd >= 0)
			TRY_WHILE(cut_block(fd, block),
			          "taking the certificates of --ca out of '/%.*s'",
			          STR_ARG(t->paths[i]));
	}
	return NULL;
}
