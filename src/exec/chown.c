/*
 * chown.c - COPY --chown=user[:group].
 *
 * Names are looked up in the destination's /etc/passwd and /etc/group.  A number without a group is
 * its own group; a name without a group brings its primary group.  An unknown name is an error
 * here, where BuildKit silently takes root (FEATURES A.6, TRAP).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"

static bool is_number(Str s)
{
	uint64_t n;
	return str_to_u64(s, &n);
}

Err *copy_owner(const View *parent, Str text, Span span, CopyOwner *ret)
{
	*ret = (CopyOwner){ 0 };
	if (text.len == 0)
		return NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	Str user, group = str_cut(text, ':', &user);
	if (group.len == 0 && is_number(user))
		group = user;
	ViewUser found;
	Str asked = group.len ? arena_strf(&a, "%.*s:%.*s", STR_ARG(user), STR_ARG(group)) : user;
	if (!parent) { /* --link: there is no root to look names up in */
		if (!is_number(user) || !is_number(group))
			return err_at(span, "--link needs numbers in --chown, not '%.*s'",
			              STR_ARG(text));
		TRY(view_open(NULL, NULL, 0, (View **)&parent));
		Err *e = view_user(parent, asked, "", &a, &found);
		view_close((View *)parent);
		TRY(err_place(e, span));
	} else {
		TRY(err_place(view_user(parent, asked, sandbox_overlay_prefix(), &a, &found),
		              span));
	}
	*ret = (CopyOwner){ true, found.uid, found.gid };
	return NULL;
}
