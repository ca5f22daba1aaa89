/* repos.c - repositories: their names, where they lie, who may change them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "codec/sha512.h"
#include "fs/path.h"
#include "store/repos-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { REPO_NAME_BYTES_MAX = 255, TAG_BYTES_MAX = 128 };

/* --- names ------------------------------------------------------------------------------------ */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Of one component: what may stand between two letters or digits: ".", "_", "__", "-"s. */
static bool separator_ok(Str run)
{
	if (str_eqc(run, ".") || str_eqc(run, "_") || str_eqc(run, "__"))
		return true;
	for (size_t i = 0; i < run.len; i++)
		if (run.ptr[i] != '-')
			return false;
	return run.len > 0;
}

static bool component_ok(Str c)
{
	if (!c.len || !is_alnum(c.ptr[0]) || !is_alnum(c.ptr[c.len - 1]))
		return false;
	for (size_t i = 0; i < c.len;) {
		size_t from = i;
		while (i < c.len && !is_alnum(c.ptr[i]))
			i++;
		if (i > from && !separator_ok((Str){ c.ptr + from, i - from }))
			return false;
		i += i == from;
	}
	return true;
}

bool store_repo_name_ok(Str name)
{
	if (!name.len || name.len > REPO_NAME_BYTES_MAX || name.ptr[name.len - 1] == '/')
		return false;
	while (name.len) {
		Str c;
		name = str_cut(name, '/', &c);
		if (!component_ok(c))
			return false;
	}
	return true;
}

bool store_repo_tag_ok(Str tag)
{
	for (size_t i = 0; i < tag.len; i++) {
		char c = tag.ptr[i];
		bool letter = is_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && (i == 0 || (c != '.' && c != '-')))
			return false;
	}
	return tag.len > 0 && tag.len <= TAG_BYTES_MAX;
}

bool store_repo_digest_ok(Str digest)
{
	bool is_256 = str_starts(digest, STR("sha256:")) && digest.len == DIGEST_TEXT_LEN;
	bool is_512 = str_starts(digest, STR("sha512:")) && digest.len == SHA512_TEXT_LEN;
	if (!is_256 && !is_512)
		return false;
	for (size_t i = 7; i < digest.len; i++) {
		char c = digest.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

Str store_repo_project(Str repo)
{
	Str head;
	(void)str_cut(repo, '/', &head);
	return head;
}

/* --- places ----------------------------------------------------------------------------------- */

/* "+" is in no name, and takes no more room than "/": 255 bytes are a file name. */
void store_repo_path(Str repo, const char *kind, Str leaf, Buf *out)
{
	buf_addf(out, "repos/");
	for (size_t i = 0; i < repo.len; i++)
		buf_add_char(out, repo.ptr[i] == '/' ? '+' : repo.ptr[i]);
	if (*kind)
		buf_addf(out, "/%s", kind);
	if (leaf.len)
		buf_addf(out, "/%.*s", STR_ARG(leaf));
}

Str store_repo_decode(Arena *a, const char *coded)
{
	Str name = str_from(coded);
	char *text = arena_alloc(a, name.len + 1, 1);
	for (size_t i = 0; i < name.len; i++)
		text[i] = coded[i] == '+' ? '/' : coded[i];
	return (Str){ text, name.len };
}

Err *store_repo_lock(Store *s, Str repo, StoreLock *ret)
{
	Digest key = sha256_of(repo);
	return store_lock(s, "repo", &key, NULL, ret);
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

Err *store_repo_names(Store *s, const char *path, Arena *a, Str **ret, size_t *ret_count)
{
	VEC(Str) names = { 0 };
	*ret = NULL;
	*ret_count = 0;
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int errnum = errno;
		closep(&fd);
		return err_sys(errnum, "cannot read '%s/%s'", s->path, path);
	}
	for (struct dirent *d; (d = readdir(dir));)
		if (d->d_name[0] != '.')
			VEC_PUSH(&names, arena_str(a, str_from(d->d_name)));
	(void)closedir(dir);
	*ret = arena_alloc(a, (names.len + 1) * sizeof **ret, _Alignof(Str));
	if (names.len) {
		qsort(names.at, names.len, sizeof *names.at, by_bytes);
		memcpy(*ret, names.at, names.len * sizeof **ret);
	}
	*ret_count = names.len;
	VEC_DONE(&names);
	return NULL;
}

Err *store_repo_list(Store *s, Arena *a, Str **ret, size_t *ret_count)
{
	size_t kept = 0;
	TRY(store_repo_names(s, "repos", a, ret, ret_count));
	for (size_t i = 0; i < *ret_count; i++) {
		AUTO_BUF Buf coded = BUF_INIT;
		buf_add_str(&coded, (*ret)[i]);
		Str name = store_repo_decode(a, coded.ptr);
		if (store_repo_name_ok(name))
			(*ret)[kept++] = name;
	}
	*ret_count = kept;
	if (kept)
		qsort(*ret, kept, sizeof **ret, by_bytes);
	return NULL;
}

bool store_repo_exists(Store *s, Str repo)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_repo_path(repo, "", STR(""), &path);
	return faccessat(s->dir_fd, path.ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Err *store_repo_read(Store *s, Str repo, const char *kind, Str leaf, Buf *out)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_repo_path(repo, kind, leaf, &path);
	return store_sealed_read(s, path.ptr, out);
}

/* --- what a project has ------------------------------------------------------------------------
 */

static void count_blob(Store *s, Str repo, Str digest, Arena *a, Map *seen, uint64_t *sum)
{
	Digest blob;
	uint64_t size;
	Err *e = store_repo_find_blob(s, repo, digest, false, &blob, &size);
	if (e) {
		err_free(e); /* gone meanwhile, or damaged: it takes nothing that is known */
		return;
	}
	Str hex = digest_arena_hex(a, &blob);
	if (size == UINT64_MAX || map_find(seen, hex))
		return;
	(void)map_put(seen, hex, seen);
	*sum += size;
}

Err *store_repo_usage(Store *s, Str project, uint64_t *ret_bytes)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map seen = MAP_INIT;
	Str *repos, *blobs;
	size_t count, blob_count;
	*ret_bytes = 0;
	TRY(store_repo_list(s, &a, &repos, &count));
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(store_repo_project(repos[i]), project))
			continue;
		AUTO_BUF Buf path = BUF_INIT;
		store_repo_path(repos[i], "blobs", STR(""), &path);
		TRY(store_repo_names(s, path.ptr, &a, &blobs, &blob_count));
		for (size_t k = 0; k < blob_count; k++)
			count_blob(s, repos[i], blobs[k], &a, &seen, ret_bytes);
	}
	return NULL;
}
