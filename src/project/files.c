/*
 * files.c - one file an object, below proj/<project>/.
 *
 * A file is written aside, synced and renamed.  Names of files are names of objects, which have no
 * '/' and no '.', and ".json".
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "codec/sha256.h"
#include "fs/path.h"
#include "project/project-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const kind_dirs[PROJECT_KINDS] = { "bc", "builds", "is" };
const char *const project_kind_one[PROJECT_KINDS] = { "buildconfig.build.openshift.io",
	                                              "build.build.openshift.io",
	                                              "imagestream.image.openshift.io" };
const char *const project_kind_many[PROJECT_KINDS] = { "buildconfigs.build.openshift.io",
	                                               "builds.build.openshift.io",
	                                               "imagestreams.image.openshift.io" };

/* The name of the chosen project: a file whose own name no project can have. */
#define CURRENT ".current"
enum { CURRENT_BYTES_MAX = 256 };

/* proj/; *ret_fd -1: there is none, and MAKE does not ask for it. */
static Err *open_all(Store *s, bool make, int *ret_fd)
{
	*ret_fd = -1;
	if (make || faccessat(store_dir_fd(s), "proj", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return store_subdir(s, "proj", ret_fd);
	return NULL;
}

Err *project_dir(const Project *p, const char *sub, bool make, int *ret_fd)
{
	AUTO_CLOSE int all = -1;
	*ret_fd = -1;
	TRY(open_all(p->store, make, &all));
	if (all < 0)
		return NULL;
	Str path = arena_strf(p->arena, "%.*s%s%s", STR_ARG(p->name), *sub ? "/" : "", sub);
	if (make) {
		AUTO_CLOSE int made = -1;
		TRY(path_make_dirs(all, path, 0700, &made));
	}
	int fd = path_try_beneath(all, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && fd != -ENOENT)
		return err_sys(-fd, "cannot open 'proj/%.*s' in the store '%s'", STR_ARG(path),
		               store_path(p->store));
	*ret_fd = fd < 0 ? -1 : fd;
	return NULL;
}

/* --- projects --------------------------------------------------------------------------------- */

static Err *current_name(Store *s, Arena *a, Str *ret)
{
	AUTO_CLOSE int all = -1;
	AUTO_BUF Buf text = BUF_INIT;
	*ret = STR(PROJECT_DEFAULT);
	TRY(open_all(s, false, &all));
	if (all < 0 || faccessat(all, CURRENT, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	TRY(path_read_file(all, CURRENT, CURRENT_BYTES_MAX, &text));
	*ret = arena_str(a, str_trim(buf_str(&text)));
	return NULL;
}

Err *project_open(Store *s, Str name, Arena *a, Project *ret)
{
	const char *env = getenv("DECANT_PROJECT");
	if (!name.len && env)
		name = str_from(env);
	if (!name.len)
		TRY(current_name(s, a, &name));
	TRY_WHILE(project_check_name(name, PROJECT_NAME_MAX), "looking for a project");
	*ret = (Project){ .store = s, .name = arena_str(a, name), .arena = a };
	return NULL;
}

bool project_exists(const Project *p)
{
	AUTO_CLOSE int fd = -1;
	Err *e = project_dir(p, "", false, &fd);
	bool there = !e && fd >= 0;
	err_free(e); /* it cannot be used then, which the next who tries is told */
	return there || str_eqc(p->name, PROJECT_DEFAULT);
}

Err *project_make(const Project *p)
{
	AUTO_CLOSE int fd = -1;
	return project_dir(p, "", true, &fd);
}

Err *project_choose(const Project *p)
{
	AUTO_CLOSE int all = -1;
	TRY(open_all(p->store, true, &all));
	return path_write_file(all, CURRENT, p->name, 0600, true);
}

Err *project_remove(const Project *p)
{
	AUTO_CLOSE int all = -1;
	TRY(open_all(p->store, true, &all));
	return path_remove_tree(all, p->name.ptr);
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

typedef VEC(Str) StrVec;

static Err *take_names(StrVec *names, Arena *a, Str **ret, size_t *ret_count)
{
	if (names->len)
		qsort(names->at, names->len, sizeof *names->at, by_text);
	*ret = arena_alloc(a, (names->len + 1) * sizeof(Str), _Alignof(Str));
	if (names->len)
		memcpy(*ret, names->at, names->len * sizeof(Str));
	*ret_count = names->len;
	return NULL;
}

/* Entries of DIR_FD (taken) that end with SUFFIX and are names without it. */
static Err *read_names(int dir_fd, Str suffix, Arena *a, StrVec *names)
{
	DIR *dir = fdopendir(dir_fd);
	if (!dir) {
		int errnum = errno;
		close(dir_fd);
		return err_sys(errnum, "cannot read a directory of the store");
	}
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));) {
		Str name = str_from(d->d_name);
		if (!str_ends(name, suffix))
			continue;
		name = str_head(name, name.len - suffix.len);
		AUTO_ERR Err *bad = project_check_name(name, PROJECT_NAME_MAX);
		if (bad)
			continue;
		if (names->len == PROJECT_OBJECTS_MAX)
			e = err_new(ERR_CORRUPT, "more than %d objects in one directory",
			            PROJECT_OBJECTS_MAX);
		else
			VEC_PUSH(names, arena_str(a, name));
	}
	(void)closedir(dir);
	return e;
}

Err *project_names(Store *s, Arena *a, Str **ret, size_t *ret_count)
{
	AUTO_VEC StrVec names = { 0 };
	AUTO_CLOSE int all = -1;
	TRY(open_all(s, false, &all));
	if (all >= 0)
		TRY(read_names(TAKE_FD(all), STR(""), a, &names));
	bool has_default = false;
	for (size_t i = 0; i < names.len; i++)
		has_default |= str_eqc(names.at[i], PROJECT_DEFAULT);
	if (!has_default)
		VEC_PUSH(&names, STR(PROJECT_DEFAULT));
	return take_names(&names, a, ret, ret_count);
}

Err *project_lock(const Project *p, const Cancel *cancel, StoreLock *ret)
{
	Digest key = sha256_of(p->name);
	return store_lock(p->store, "project", &key, cancel, ret);
}

/* --- objects ---------------------------------------------------------------------------------- */

static Err *not_found(ProjectKind kind, Str name)
{
	return err_new(ERR_NOT_FOUND, "%s \"%.*s\" not found", project_kind_many[kind],
	               STR_ARG(str_clip(name, 100)));
}

Err *project_list(const Project *p, ProjectKind kind, Str **ret, size_t *ret_count)
{
	AUTO_VEC StrVec names = { 0 };
	int fd = -1;
	TRY(project_dir(p, kind_dirs[kind], false, &fd));
	if (fd >= 0)
		TRY(read_names(fd, STR(".json"), p->arena, &names));
	return take_names(&names, p->arena, ret, ret_count);
}

typedef struct Written {
	Str name;
	int64_t ns;
} Written;

static int by_written(const void *a, const void *b)
{
	const Written *x = a, *y = b;
	return x->ns == y->ns ? str_cmp(y->name, x->name) : x->ns < y->ns ? 1 : -1;
}

Err *project_list_recent(const Project *p, ProjectKind kind, Str **ret, size_t *ret_count)
{
	AUTO_CLOSE int fd = -1;
	TRY(project_list(p, kind, ret, ret_count));
	TRY(project_dir(p, kind_dirs[kind], false, &fd));
	AUTO_FREE Written *all = xcalloc(*ret_count + 1, sizeof *all);
	for (size_t i = 0; i < *ret_count; i++) {
		AUTO_BUF Buf file = BUF_INIT;
		struct stat st = { 0 }; /* of one that went just now: the oldest */
		buf_addf(&file, "%.*s.json", STR_ARG((*ret)[i]));
		(void)fstatat(fd, file.ptr, &st, AT_SYMLINK_NOFOLLOW);
		all[i] = (Written){ (*ret)[i],
			            st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec };
	}
	qsort(all, *ret_count, sizeof *all, by_written);
	for (size_t i = 0; i < *ret_count; i++)
		(*ret)[i] = all[i].name;
	return NULL;
}

Err *project_get(const Project *p, ProjectKind kind, Str name, Str *ret)
{
	AUTO_CLOSE int fd = -1;
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_ERR Err *bad = project_check_name(name, PROJECT_NAME_MAX);
	if (bad)
		return not_found(kind, name);
	TRY(project_dir(p, kind_dirs[kind], false, &fd));
	Str file = arena_strf(p->arena, "%.*s.json", STR_ARG(name));
	if (fd < 0 || faccessat(fd, file.ptr, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return not_found(kind, name);
	TRY(path_read_file(fd, file.ptr, PROJECT_OBJECT_BYTES_MAX, &text));
	*ret = arena_str(p->arena, buf_str(&text));
	return NULL;
}

Err *project_put(const Project *p, ProjectKind kind, Str name, Str json)
{
	AUTO_CLOSE int fd = -1;
	TRY(project_check_name(name, PROJECT_NAME_MAX));
	if (json.len > PROJECT_OBJECT_BYTES_MAX)
		return err_new(ERR_INPUT, "%s \"%.*s\" would be larger than %d bytes",
		               project_kind_one[kind], STR_ARG(name), PROJECT_OBJECT_BYTES_MAX);
	TRY(project_dir(p, kind_dirs[kind], true, &fd));
	return path_write_file(fd, arena_strf(p->arena, "%.*s.json", STR_ARG(name)).ptr, json, 0600,
	                       true);
}

Err *project_drop(const Project *p, ProjectKind kind, Str name)
{
	AUTO_CLOSE int fd = -1;
	TRY(project_check_name(name, PROJECT_NAME_MAX));
	TRY(project_dir(p, kind_dirs[kind], false, &fd));
	if (fd < 0 || unlinkat(fd, arena_strf(p->arena, "%.*s.json", STR_ARG(name)).ptr, 0) < 0)
		return fd >= 0 && errno != ENOENT
		               ? err_sys(errno, "cannot remove '%.*s.json'", STR_ARG(name))
		               : not_found(kind, name);
	return NULL;
}

bool project_has(const Project *p, ProjectKind kind, Str name)
{
	Str text;
	AUTO_ERR Err *e = project_get(p, kind, name, &text);
	return !e || err_kind(e) != ERR_NOT_FOUND;
}

/* "x.json" of its place, for messages. */
static const char *file_name(const Project *p, ProjectKind kind, Str name)
{
	return arena_strf(p->arena, "proj/%.*s/%s/%.*s.json", STR_ARG(p->name), kind_dirs[kind],
	                  STR_ARG(name))
	        .ptr;
}

Err *project_get_config(const Project *p, Str name, BuildConfig *ret)
{
	Str text;
	TRY(project_get(p, PROJECT_BUILD_CONFIG, name, &text));
	return build_config_read(text, file_name(p, PROJECT_BUILD_CONFIG, name), p->arena, ret);
}

Err *project_get_build(const Project *p, Str name, Build *ret)
{
	Str text;
	TRY(project_get(p, PROJECT_BUILD, name, &text));
	return build_read(text, file_name(p, PROJECT_BUILD, name), p->arena, ret);
}

Err *project_get_stream(const Project *p, Str name, ImageStream *ret)
{
	Str text;
	TRY(project_get(p, PROJECT_STREAM, name, &text));
	return stream_read(text, file_name(p, PROJECT_STREAM, name), p->arena, ret);
}

Err *project_put_config(const Project *p, const BuildConfig *bc)
{
	AUTO_BUF Buf out = BUF_INIT;
	build_config_write(bc, false, &out);
	return project_put(p, PROJECT_BUILD_CONFIG, bc->meta.name, buf_str(&out));
}

Err *project_put_build(const Project *p, const Build *b)
{
	AUTO_BUF Buf out = BUF_INIT;
	build_write(b, &out);
	return project_put(p, PROJECT_BUILD, b->meta.name, buf_str(&out));
}

Err *project_put_stream(const Project *p, const ImageStream *is)
{
	AUTO_BUF Buf out = BUF_INIT;
	stream_write(is, false, &out);
	return project_put(p, PROJECT_STREAM, is->meta.name, buf_str(&out));
}

static int by_number(const void *a, const void *b)
{
	const Build *x = a, *y = b;
	int order = str_cmp(x->config, y->config);
	return order ? order : x->number < y->number ? -1 : x->number > y->number;
}

Err *project_builds(const Project *p, Str config, Build **ret, size_t *ret_count)
{
	Str *names;
	size_t count, kept = 0;
	TRY(project_list(p, PROJECT_BUILD, &names, &count));
	*ret = arena_alloc(p->arena, (count + 1) * sizeof **ret, _Alignof(Build));
	for (size_t i = 0; i < count; i++) {
		Build *b = &(*ret)[kept];
		if (config.len && !str_starts(names[i], config))
			continue;
		Err *e = project_get_build(p, names[i], b);
		if (e && err_kind(e) == ERR_NOT_FOUND) { /* it went just now */
			err_free(e);
			continue;
		}
		TRY(e);
		kept += !config.len || str_eq(b->config, config);
	}
	qsort(*ret, kept, sizeof **ret, by_number);
	*ret_count = kept;
	return NULL;
}
