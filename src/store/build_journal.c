/* build_journal.c - one build's record as it is written, and pruning those that are too many. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "fs/path.h"
#include "store/builds-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

/* Of 16: a build in which all was cached looks for old records if its ID ends in one of these. */
#define PRUNE_DIGITS "08"

void store_journal_init(StoreJournal *j, int64_t started_ns)
{
	unsigned char bytes[STORE_BUILD_ID_LEN / 2];
	*j = (StoreJournal){ .started_ns = started_ns, .logs_fd = -1 };
	if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != (ssize_t)sizeof bytes) {
		/* Just after boot: the time tells builds apart as well. */
		uint64_t time = (uint64_t)started_ns ^ (uint64_t)getpid() << 32;
		memcpy(bytes, &time, sizeof bytes);
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(j->id + 2 * i, 3, "%02x", bytes[i]);
}

static StoreBuildName name_of(const StoreJournal *j, bool running, uint64_t bytes)
{
	StoreBuildName n = {
		.started_ns = j->started_ns, .site = j->site, .running = running, .bytes = bytes
	};
	memcpy(n.id, j->id, sizeof n.id);
	return n;
}

/* By a name of its own and a rename, in one directory: no scratch space is made for it, since a
 * build in which all is cached makes none. */
static Err *write_record(Store *s, const StoreBuildName *name, Str text)
{
	AUTO_CLOSE int dir = -1;
	char path[STORE_BUILD_NAME_BYTES], aside[STORE_BUILD_ID_LEN + 2];
	TRY(store_subdir(s, "builds", &dir));
	store_build_name_format(name, path);
	(void)snprintf(aside, sizeof aside, ".%s", name->id);
	AUTO_CLOSE int fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot write a record in '%s/builds'", s->path);
	Err *e = path_write_what(fd, text.ptr, text.len, "the record of this build");
	if (!e && renameat(dir, aside, dir, path) < 0)
		e = err_sys(errno, "cannot publish '%s/builds/%s'", s->path, path);
	if (e)
		(void)unlinkat(dir, aside, 0); /* the error that is told is the first one */
	return e;
}

Err *store_journal_run(Store *s, StoreJournal *j, const StoreBuild *b)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int logs = -1;
	StoreBuildName name = name_of(j, true, 0);
	store_build_format(b, &text);
	store_text_seal(&text);
	TRY(write_record(s, &name, buf_str(&text)));
	TRY(store_subdir(s, "logs", &logs));
	if (mkdirat(logs, j->id, 0700) < 0)
		return err_sys(errno, "cannot create '%s/logs/%s'", s->path, j->id);
	j->logs_fd = openat(logs, j->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->logs_fd < 0 || flock(j->logs_fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(errno, "cannot lock '%s/logs/%s'", s->path, j->id);
	return NULL;
}

/* Bytes of the files in the directory DIR_FD (borrowed); *ret_count: how many there are. */
static uint64_t bytes_in(int dir_fd, size_t *ret_count)
{
	uint64_t sum = 0;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	*ret_count = 0;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		struct stat st;
		if (d->d_name[0] == '.' || fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		sum += (uint64_t)st.st_size;
		*ret_count += 1;
	}
	if (dir)
		(void)closedir(dir);
	return sum;
}

/* By chance, which an ID is made of. */
static bool is_turn(const StoreJournal *j)
{
	return strchr(PRUNE_DIGITS, j->id[STORE_BUILD_ID_LEN - 1]) != NULL;
}

Err *store_journal_end(Store *s, StoreJournal *j, const StoreBuild *b)
{
	AUTO_BUF Buf text = BUF_INIT;
	char running[STORE_BUILD_NAME_BYTES];
	bool ran = j->logs_fd >= 0;
	size_t logs = 0;
	store_build_format(b, &text);
	store_text_seal(&text);
	uint64_t bytes = text.len + (ran ? bytes_in(j->logs_fd, &logs) : 0);
	StoreBuildName name = name_of(j, false, bytes), before = name_of(j, true, 0);
	TRY(write_record(s, &name, buf_str(&text)));
	if (ran) {
		AUTO_CLOSE int dir = -1, all = -1;
		TRY(store_subdir(s, "builds", &dir));
		store_build_name_format(&before, running);
		(void)unlinkat(dir, running, 0); /* it is hidden by the record of the end */
		TRY(store_subdir(s, "logs", &all));
		if (!logs)
			(void)unlinkat(all, j->id, AT_REMOVEDIR); /* an empty one is no harm */
	}
	/* Who ran nothing has no time to look at 200 names: one in eight does. */
	return ran || is_turn(j) ? store_builds_prune(s) : NULL;
}

/* Under the same name, so that there is always one record: its size may then be told without ERROR.
 */
Err *store_journal_amend(Store *s, Str id, StoreBuildState state, int64_t ended_ns, Str error)
{
	AUTO_VEC StoreBuildNames names = { 0 };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	StoreBuild b;
	size_t i = 0;
	TRY(store_build_names(s, &names));
	while (i < names.len && !str_eqc(id, names.at[i].id))
		i++;
	if (i == names.len)
		return NULL;
	TRY(store_build_open(s, &names.at[i], &a, &b));
	b.state = state;
	b.duration_ns = ended_ns - b.started_ns;
	b.error = error;
	store_build_format(&b, &text);
	store_text_seal(&text);
	return write_record(s, &names.at[i], buf_str(&text));
}

void store_journal_done(StoreJournal *j)
{
	if (j->logs_fd >= 0)
		close(j->logs_fd);
	j->logs_fd = -1;
}

/* --- pruning --------------------------------------------------------------------------------- */

static Err *remove_build(Store *s, const StoreBuildName *name)
{
	AUTO_CLOSE int dir = -1, logs = -1;
	char file[STORE_BUILD_NAME_BYTES];
	TRY(store_subdir(s, "builds", &dir));
	TRY(store_subdir(s, "logs", &logs));
	TRY(path_remove_tree(logs, name->id));
	store_build_name_format(name, file);
	if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove '%s/builds/%s'", s->path, file);
	return NULL;
}

/* What a killed build has left: its name does not tell. */
static uint64_t bytes_of_lost(Store *s, const StoreBuildName *name)
{
	char path[STORE_BUILD_NAME_BYTES];
	size_t count;
	(void)snprintf(path, sizeof path, "logs/%s", name->id);
	AUTO_CLOSE int fd =
		openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? 0 : bytes_in(fd, &count);
}

Err *store_builds_prune(Store *s)
{
	AUTO_VEC StoreBuildNames names = { 0 };
	uint64_t sum = 0;
	TRY(store_build_names(s, &names));
	for (size_t i = 0; i < names.len; i++) {
		const StoreBuildName *n = &names.at[i];
		sum += n->running ? bytes_of_lost(s, n) : n->bytes;
		if (i == 0 || (i < STORE_BUILDS_MAX && sum <= STORE_BUILDS_BYTES_MAX))
			continue; /* the newest stays, however large */
		if (!n->running || store_build_is_dead(s, n->id))
			TRY(remove_build(s, n));
	}
	return NULL;
}

typedef struct OldFile {
	char name[256];
	int64_t mtime_ns;
	uint64_t bytes;
} OldFile;

static int oldest_last(const void *a, const void *b)
{
	const OldFile *x = a, *y = b;
	return x->mtime_ns == y->mtime_ns ? 0 : x->mtime_ns > y->mtime_ns ? -1 : 1;
}

Err *store_prune_dir(int dir_fd, uint64_t bytes_max)
{
	VEC(OldFile) files = { 0 };
	uint64_t sum = 0;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(errno, "cannot read a directory of the store");
	for (struct dirent *d; (d = readdir(dir));) {
		struct stat st;
		if (d->d_name[0] == '.' || fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		OldFile f = { .mtime_ns = st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec,
			      .bytes = (uint64_t)st.st_size };
		(void)snprintf(f.name, sizeof f.name, "%s", d->d_name);
		VEC_PUSH(&files, f);
	}
	if (files.len)
		qsort(files.at, files.len, sizeof *files.at, oldest_last);
	for (size_t i = 0; i < files.len; i++) {
		sum += files.at[i].bytes;
		if (sum > bytes_max)
			(void)unlinkat(fd, files.at[i].name, 0); /* somebody else may prune too */
	}
	VEC_DONE(&files);
	(void)closedir(dir);
	return NULL;
}
