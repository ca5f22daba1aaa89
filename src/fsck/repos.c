/* repos.c - repositories: does every link in them lead to something? */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fsck/fsck-internal.h"
#include "store/repos.h"

typedef struct RepoLook {
	Fsck *f;
	const char *coded;
} RepoLook;

static Err *look_link(void *context, StoreRepoKind kind, const char *path, Str text, const Err *err)
{
	const RepoLook *x = context;
	Fsck *f = x->f;
	Finding found = { .fix = FIX_REMOVE, .told = { .advice = STR("push it again") } };
	(void)__atomic_add_fetch(&f->files, 1, __ATOMIC_RELAXED);
	if (err)
		found.told.problem =
			err_kind(err) == ERR_CORRUPT ? STR("is damaged") : STR("cannot be read");
	else if (!store_repo_link_leads(f->store, x->coded, kind, text))
		found.told.problem = kind == STORE_REPO_TAG
		                             ? STR("leads to a manifest that is gone")
		                             : STR("leads to a blob that is gone");
	if (!found.told.problem.len)
		return NULL;
	found.told.path = fsck_str(f, "%s", path);
	fsck_found(f, &found, NULL);
	return NULL;
}

Err *fsck_look_repo(Fsck *f, const Str *path, const Digest *d)
{
	(void)d;
	RepoLook x = { f, path->ptr + strlen("repos/") };
	return store_repo_each_link(f->store, x.coded, look_link, &x);
}
