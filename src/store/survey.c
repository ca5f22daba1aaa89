/* survey.c - one walk of the store: what is there, and what it takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "store/store-internal.h"
#include "store/survey-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* --- bytes ------------------------------------------------------------------------------------ */

static uint32_t link_of(StoreSurvey *v, const struct stat *st)
{
	Str key = arena_str(v->arena, (Str){ (const char *)&st->st_ino, sizeof st->st_ino });
	uintptr_t n = (uintptr_t)map_get(&v->inodes, key);
	if (n)
		return (uint32_t)n - 1;
	StoreLink link = { .bytes = (uint64_t)st->st_blocks * 512,
		           .names = (uint32_t)st->st_nlink };
	VEC_PUSH(&v->links, link);
	(void)map_put(&v->inodes, key, (void *)(uintptr_t)v->links.len); /* NOLINT: a number */
	return (uint32_t)v->links.len - 1;
}

static void add_file(StoreSurvey *v, uint32_t thing, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink <= 1) {
		v->things.at[thing].bytes += (uint64_t)st->st_blocks * 512;
		return;
	}
	uint32_t n = link_of(v, st); /* may move them */
	StoreLink *link = &v->links.at[n];
	VEC_PUSH(&link->holders, thing);
}

typedef struct TreeWalk {
	StoreSurvey *survey;
	uint32_t thing;
} TreeWalk;

static Err *add_walked(void *context, const WalkFile *file, bool *skip)
{
	TreeWalk *w = context;
	(void)skip;
	add_file(w->survey, w->thing, &file->st);
	return NULL;
}

/* NAME and all below it belong to THING.  What is gone meanwhile takes nothing. */
static Err *add_tree(StoreSurvey *v, const Cancel *cancel, int dir_fd, const char *name,
                     uint32_t thing)
{
	struct stat st;
	TreeWalk w = { v, thing };
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	add_file(v, thing, &st);
	if (!S_ISDIR(st.st_mode))
		return NULL;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? NULL
		                       : err_sys(errno, "cannot read '%s' in the store", name);
	Err *e = walk_tree(fd, cancel, add_walked, &w);
	if (e && err_errno(e) == ENOENT) {
		err_free(e); /* it goes while it is looked at */
		return NULL;
	}
	return e;
}

/* --- things ----------------------------------------------------------------------------------- */

static uint32_t new_thing(StoreSurvey *v, StoreThingKind kind, Str name)
{
	StoreThing t = { .kind = kind,
		         .name = arena_str(v->arena, name),
		         .text = STR(""),
		         .layer = STORE_THING_NONE,
		         .index = STORE_THING_NONE,
		         .cost_ns = -1 };
	VEC_PUSH(&v->things, t);
	return (uint32_t)v->things.len - 1;
}

static uint32_t object_of(StoreSurvey *v, Str hex)
{
	uint32_t n = store_survey_find(v, hex);
	if (n != STORE_THING_NONE)
		return n;
	n = new_thing(v, STORE_THING_OBJECT, hex);
	(void)map_put(&v->objects, v->things.at[n].name,
	              (void *)(uintptr_t)(n + 1)); /* NOLINT: a number */
	return n;
}

static bool is_hex(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");
	return n == DIGEST_HEX_LEN;
}

static void note_object(StoreSurvey *v, const char *dir, const char *name, uint32_t n)
{
	StoreThing *t = &v->things.at[n];
	t->is_layer = t->is_layer || strcmp(dir, "layers") == 0;
	t->has_map = t->has_map || strcmp(dir, "map") == 0;
	t->has_attest = t->has_attest || strcmp(dir, "attest") == 0;
	t->has_blob = t->has_blob || (strcmp(dir, "blobs/sha256") == 0 && !name[DIGEST_HEX_LEN]);
}

/* Has its process ended?  As tmp.c tells: who makes one holds tmp/ shared until it is locked. */
static bool is_dead(int dir_fd, const char *name)
{
	if (flock(dir_fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* The directories of the store whose entries are things of their own. */
static const struct Place {
	const char *dir;
	StoreThingKind kind;
} places[] = {
	{ "refs", STORE_THING_REF },
	{ "cache", STORE_THING_RECORD },
	{ "containers", STORE_THING_CONTAINER },
	{ "mounts", STORE_THING_MOUNT },
	{ "repos", STORE_THING_REPO },
	{ "tmp", STORE_THING_SCRATCH },
	{ "layers", STORE_THING_OBJECT },
	{ "blobs/sha256", STORE_THING_OBJECT },
	{ "map", STORE_THING_OBJECT },
	{ "attest", STORE_THING_OBJECT },
	{ "damaged", STORE_THING_OBJECT },
	{ "builds", STORE_THING_JOURNAL },
	{ "logs", STORE_THING_JOURNAL },
	{ "lists", STORE_THING_JOURNAL },
	{ "ctx", STORE_THING_CONTEXTS },
};

typedef struct Scan {
	StoreSurvey *survey;
	const Cancel *cancel;
	uint32_t other, journal, contexts;
	const struct Place *place;
} Scan;

static uint32_t thing_of(Scan *c, int dir_fd, const char *name)
{
	StoreSurvey *v = c->survey;
	uint32_t n;
	if (c->place->kind == STORE_THING_JOURNAL)
		return c->journal;
	if (c->place->kind == STORE_THING_CONTEXTS)
		return c->contexts;
	if (c->place->kind == STORE_THING_OBJECT) {
		if (!is_hex(name))
			return c->other;
		if (store_damage_is_old(str_from(name))) {
			n = new_thing(v, STORE_THING_REPLACED, str_from(name));
			v->things.at[n].goes = !store_damage_old_is_used(v->store);
			return n;
		}
		n = object_of(v, (Str){ name, DIGEST_HEX_LEN });
		note_object(v, c->place->dir, name, n);
		return n;
	}
	if (name[0] == '.')
		return c->other;
	n = new_thing(v, c->place->kind, str_from(name));
	if (c->place->kind == STORE_THING_SCRATCH)
		v->things.at[n].goes = is_dead(dir_fd, name);
	return n;
}

static Err *scan_entry(Scan *c, int dir_fd, const char *name)
{
	uint32_t n = thing_of(c, dir_fd, name);
	TRY(add_tree(c->survey, c->cancel, dir_fd, name, n));
	return store_survey_read(c->survey, c->cancel, dir_fd, name, n);
}

static Err *scan_place(Scan *c)
{
	Store *s = c->survey->store;
	int fd = openat(s->dir_fd, c->place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT
		               ? NULL
		               : err_sys(errno, "cannot read '%s/%s'", s->path, c->place->dir);
	struct stat st;
	if (fstat(fd, &st) == 0)
		add_file(c->survey, c->other, &st);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/%s'", s->path, c->place->dir);
	}
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			e = scan_entry(c, fd, d->d_name);
	(void)closedir(dir);
	return e;
}

static bool is_place(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(places[i].dir, name) == 0)
			return true;
	return false;
}

/* What lies beside the places, at the top and in blobs/. */
static Err *scan_rest(Scan *c, const char *path)
{
	Store *s = c->survey->store;
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(errno, "cannot read '%s/%s'", s->path, path);
	struct stat st;
	if (fstat(fd, &st) == 0)
		add_file(c->survey, c->other, &st);
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/%s'", s->path, path);
	}
	bool top = strcmp(path, ".") == 0;
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));) {
		const char *n = d->d_name;
		if (strcmp(n, ".") == 0 || strcmp(n, "..") == 0 ||
		    (top ? is_place(n) || strcmp(n, "blobs") == 0 : strcmp(n, "sha256") == 0))
			continue;
		e = add_tree(c->survey, c->cancel, fd, n, c->other);
	}
	(void)closedir(dir);
	return e;
}

Err *store_survey(Store *s, const Cancel *cancel, Arena *a, StoreSurvey *ret)
{
	*ret = (StoreSurvey){ .store = s, .arena = a };
	store_make_lock_dirs(s);
	Scan c = { .survey = ret, .cancel = cancel };
	c.other = new_thing(ret, STORE_THING_OTHER, STR("other"));
	c.journal = new_thing(ret, STORE_THING_JOURNAL, STR("journal"));
	c.contexts = new_thing(ret, STORE_THING_CONTEXTS, STR("contexts"));
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		c.place = &places[i];
		TRY(scan_place(&c));
	}
	TRY(scan_rest(&c, "."));
	TRY(scan_rest(&c, "blobs"));
	return store_survey_link(ret, cancel);
}

void store_survey_done(StoreSurvey *v)
{
	for (size_t i = 0; i < v->links.len; i++)
		VEC_DONE(&v->links.at[i].holders);
	VEC_DONE(&v->links);
	VEC_DONE(&v->things);
	map_done(&v->objects);
	map_done(&v->inodes);
}

uint32_t store_survey_find(const StoreSurvey *v, Str hex)
{
	uintptr_t n = (uintptr_t)map_get(&v->objects, hex);
	return n ? (uint32_t)n - 1 : STORE_THING_NONE;
}
