/*
 * run_cache.c - RUN --mount=type=cache: which directory of the store it is.
 *
 * A cache is known by its id with the namespace; one that begins with files of a stage, or with an
 * owner or mode of its own, is another one (BuildKit's rule), and so RUNs that ask for the same get
 * what they asked for.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/run.h"

#include <sys/stat.h>

typedef struct Filling {
	Build *build;
	const RunMount *mount;
	unsigned line;
} Filling;

static bool is_seeded(const RunMount *m)
{
	return m->origin != ORIGIN_INLINE;
}

/* A step that stands still says why. */
static void tell_waiting(void *context)
{
	const Filling *f = context;
	progress_note(f->build->progress, f->line,
	              "waiting for the cache '%.*s', which another RUN has locked",
	              STR_ARG(f->mount->id));
}

static Err *fill(void *context, int dir_fd)
{
	const Filling *f = context;
	const RunMount *m = f->mount;
	const CopySet *set;
	if (is_seeded(m)) {
		TRY(run_files_select(f->build, m, &set));
		if (!set->matches[0].is_dir)
			return err_at(m->span, "a cache cannot begin with a file: '%.*s'",
			              STR_ARG(m->source));
		TRY(copy_write(f->build, set, dir_fd));
	}
	if (!m->has_owner)
		return NULL;
	if (fchown(dir_fd, m->uid, m->gid) < 0)
		return errno == EINVAL
		               ? err_note(err_at(m->span, "user %u or group %u has no id here",
		                                 m->uid, m->gid),
		                          "more subordinate ids are needed (/etc/subuid, "
		                          "/etc/subgid)")
		               : err_sys(errno, "cannot set the owner of a cache");
	return fchmod(dir_fd, m->mode) < 0 ? err_sys(errno, "cannot set the mode of a cache")
	                                   : NULL;
}

/* The text that is kept beside it; its hash is the key. */
static Err *describe(Build *b, const RunMount *m, Buf *out)
{
	AUTO_BUF Buf files = BUF_INIT;
	CLEANUP(key_lists_done) KeyLists lists = { 0 };
	char hex[DIGEST_HEX_LEN + 1];
	buf_addf(out, "cache 1\n");
	key_add(out, KEY_ID, m->id);
	if (m->has_owner)
		buf_addf(out, "owner %u:%u\nmode %o\n", m->uid, m->gid, m->mode);
	if (!is_seeded(m))
		return NULL;
	if (m->origin == ORIGIN_STEP) {
		buf_addf(out, "from %s\n",
		         digest_hex(&b->states[m->origin_step].identity, hex).ptr);
		key_add(out, KEY_SOURCE, m->source);
		return NULL;
	}
	const CopySet *set;
	TRY(run_files_select(b, m, &set));
	copy_content_inputs(set, &files, &lists);
	Digest d = sha256_of(buf_str(&files));
	buf_addf(out, "files %s\n", digest_hex(&d, hex).ptr);
	return NULL;
}

Err *run_cache_take(Build *b, const RunMount *m, RunGiven *given, int *ret_dir_fd)
{
	CacheHoldVec *holds = &given->caches;
	static const StoreSharing sharings[] = { [CACHE_SHARED] = STORE_SHARED,
		                                 [CACHE_PRIVATE] = STORE_PRIVATE,
		                                 [CACHE_LOCKED] = STORE_LOCKED };
	AUTO_BUF Buf info = BUF_INIT;
	TRY(describe(b, m, &info));
	Filling filling = { b, m, given->line };
	StoreMountWish wish = { .key = sha256_of(buf_str(&info)),
		                .info = buf_str(&info),
		                .sharing = sharings[m->sharing],
		                .fill = fill,
		                .waits = tell_waiting,
		                .context = &filling };
	/* Who mounts it twice would wait for itself. */
	for (size_t i = 0; i < holds->len; i++) {
		if (digest_eq(&holds->at[i].key, &wish.key)) {
			*ret_dir_fd = holds->at[i].hold.dir_fd;
			return NULL;
		}
	}
	CacheHold taken = { .key = wish.key };
	TRY(store_mount_take(b->store, &wish, b->cancel, &taken.hold));
	VEC_PUSH(holds, taken);
	*ret_dir_fd = taken.hold.dir_fd;
	return NULL;
}
