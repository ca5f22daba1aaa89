/*
 * run_files.c - what RUN --mount takes of the context and of other steps.
 *
 * The same source of several RUNs is looked at once in a build, and lies in the store's scratch
 * space once.  Of a context only a copy can be mounted: files belong to root there, and what the
 * ignore file leaves out is not there.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/run.h"
#include "fs/match.h"

#include <fcntl.h>
#include <sys/stat.h>

struct RunFiles {
	struct RunFiles *next;
	OriginKind origin;
	uint32_t step, context;
	Str source;
	CopySet *set;
	int dir_fd; /* -1: not made yet */
};

static struct RunFiles *find(const Build *b, const RunMount *m)
{
	struct RunFiles *f = b->run_files;
	while (f && !(f->origin == m->origin && f->step == m->origin_step &&
	              f->context == m->context && str_eq(f->source, m->source)))
		f = f->next;
	return f;
}

/* A build without a context has an empty one for mounts, as BuildKit. */
static Err *select_nothing(CopySet **ret)
{
	CopySet *set = xcalloc(1, sizeof *set);
	CopyFile *file = arena_new(&set->arena, CopyFile);
	file->entry = (Entry){ .type = ENTRY_DIR, .mode = 0755 };
	set->matches = arena_new(&set->arena, CopyMatch);
	*set->matches = (CopyMatch){
		.name = STR(""), .source = STR(""), .is_dir = true, .files = file, .count = 1
	};
	set->count = 1;
	*ret = set;
	return NULL;
}

/* PATH, in which no character is magic, as a pattern. */
static Str as_pattern(Arena *a, Str path)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (!path.len)
		return STR(".");
	if (!match_has_magic(path))
		return path;
	for (size_t i = 0; i < path.len; i++) {
		if (strchr("*?[\\", path.ptr[i]))
			buf_add_char(&text, '\\');
		buf_add_char(&text, path.ptr[i]);
	}
	return arena_str(a, buf_str(&text));
}

static Err *select_files(Build *b, const RunMount *m, CopySet **ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	CopySource source = { .path = as_pattern(&a, m->source),
		              .span = m->span,
		              .inline_body = STR(""),
		              .fetch_step = STEP_NONE };
	CopyArgs args = { .origin = m->origin,
		          .origin_step = m->origin_step,
		          .context = m->context,
		          .sources = &source,
		          .source_count = 1,
		          .from_name = m->from_name };
	if (m->origin == ORIGIN_CONTEXT && !b->contexts[m->context] && !m->source.len)
		return select_nothing(ret);
	CopySet *set;
	TRY(copy_select_args(b, &args, &set));
	if (set->count) {
		*ret = set;
		return NULL;
	}
	copy_set_done(set); /* a pattern may match nothing; this is none */
	if (!m->from_name.len)
		return err_new(ERR_NOT_FOUND, "no such file in the build context: '%.*s'",
		               STR_ARG(m->source));
	return err_new(ERR_NOT_FOUND, "no such file in '%.*s': '%.*s'", STR_ARG(m->from_name),
	               STR_ARG(m->source));
}

/* With the mutex held. */
static Err *need(Build *b, const RunMount *m, struct RunFiles **ret)
{
	CopySet *set;
	struct RunFiles *f = find(b, m);
	if (!f) {
		TRY(select_files(b, m, &set));
		f = xcalloc(1, sizeof *f);
		*f = (struct RunFiles){ .next = b->run_files,
			                .origin = m->origin,
			                .step = m->origin_step,
			                .context = m->context,
			                .source = m->source,
			                .set = set,
			                .dir_fd = -1 };
		b->run_files = f;
	}
	*ret = f;
	return NULL;
}

Err *run_files_select(Build *b, const RunMount *m, const CopySet **ret)
{
	struct RunFiles *f = NULL;
	(void)pthread_mutex_lock(&b->run_files_mutex);
	Err *e = need(b, m, &f);
	(void)pthread_mutex_unlock(&b->run_files_mutex);
	if (!e)
		*ret = f->set;
	return e;
}

static Err *write_dir(Build *b, const CopySet *set, int *ret_fd)
{
	int tmp;
	char name[32];
	TRY(store_tmp_fd(b->store, &tmp));
	store_tmp_name(b->store, "files", name);
	if (mkdirat(tmp, name, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	AUTO_CLOSE int fd = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open a scratch directory");
	TRY(copy_write(b, set, fd));
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *run_files_dir(Build *b, const RunMount *m, int *ret_fd, bool *ret_is_dir)
{
	struct RunFiles *f = NULL;
	(void)pthread_mutex_lock(&b->run_files_mutex);
	Err *e = need(b, m, &f);
	if (!e && f->dir_fd < 0)
		e = write_dir(b, f->set, &f->dir_fd);
	(void)pthread_mutex_unlock(&b->run_files_mutex);
	if (e)
		return e;
	*ret_fd = f->dir_fd;
	*ret_is_dir = f->set->matches[0].is_dir;
	return NULL;
}

void run_files_done(Build *b)
{
	while (b->run_files) {
		struct RunFiles *f = b->run_files;
		b->run_files = f->next;
		if (f->dir_fd >= 0)
			close(f->dir_fd); /* its files go with the scratch space */
		copy_set_done(f->set);
		free(f);
	}
}

/* --- for the key ----------------------------------------------------------------------------- */

static Err *mount_inputs(Build *b, const RunMount *m, bool by_content, Buf *out, KeyLists *lists)
{
	const CopySet *set;
	key_add(out, KEY_FILES, m->target);
	/* Of a whole root the identity says as much as its files, and is at hand. */
	if (m->origin == ORIGIN_STEP && !(by_content && m->source.len)) {
		char text[DIGEST_HEX_LEN + 1];
		key_add(out, KEY_FROM, digest_hex(&b->states[m->origin_step].identity, text));
		if (m->source.len)
			key_add(out, KEY_SOURCE, m->source);
		return NULL;
	}
	TRY(run_files_select(b, m, &set));
	copy_content_inputs(set, out, lists);
	return NULL;
}

Err *run_key_inputs(Build *b, const Step *step, bool by_content, Buf *out, KeyLists *lists)
{
	for (size_t i = 0; i < step->run.mount_count; i++) {
		const RunMount *m = &step->run.mounts[i];
		if (m->origin != ORIGIN_INLINE)
			TRY(err_place(mount_inputs(b, m, by_content, out, lists), m->span));
	}
	return NULL;
}
