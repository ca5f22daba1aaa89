/*
 * chown.c - COPY --chown=user[:group].
 *
 * Names are looked up in the destination's /etc/passwd and /etc/group, save "root", which is 0
 * everywhere.  A number without a group is its own group; a name without a group brings its primary
 * group; nothing before or behind the ':' is 0.  An unknown name is an error here, where BuildKit
 * silently takes root (FEATURES A.6, TRAP).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"

static bool is_number(Str s)
{
	uint64_t n;
	return str_to_u64(s, &n);
}

static Str plain_id(Str text)
{
	return text.len == 0 || str_eqc(text, "root") ? STR("0") : text;
}

/* What there is to know of USER:GROUP; PARENT NULL: no file to look names up in (--link). */
static Err *look_up(const View *parent, Str user, Str group, CopyOwner *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_VIEW View *nothing = NULL;
	ViewUser found;
	Str asked = group.len ? arena_strf(&a, "%.*s:%.*s", STR_ARG(user), STR_ARG(group)) : user;
	if (!parent)
		TRY(view_open(NULL, NULL, 0, &nothing));
	TRY(view_user(parent ? parent : nothing, asked, sandbox_overlay_prefix(), &a, &found));
	*ret = (CopyOwner){ true, found.uid, found.gid };
	return NULL;
}

/* A number is that number, even if it is somebody's name. */
static Err *number_and_group(const View *parent, Str user, Str group, CopyOwner *ret)
{
	CopyOwner named;
	if (is_number(group))
		return look_up(NULL, user, group, ret);
	TRY(look_up(NULL, user, user, ret));
	TRY(look_up(parent, STR("0"), group, &named));
	ret->gid = named.gid;
	return NULL;
}

Err *copy_owner(const View *parent, Str text, Span span, CopyOwner *ret)
{
	*ret = (CopyOwner){ 0 };
	if (text.len == 0)
		return NULL;
	Str user, group = str_cut(text, ':', &user);
	bool has_group = user.len < text.len;
	user = plain_id(user);
	if (has_group)
		group = plain_id(group);
	else if (is_number(user))
		group = user;
	if (!parent && !(is_number(user) && is_number(group)))
		return err_at(span, "--link needs numbers in --chown, not '%.*s'", STR_ARG(text));
	return err_place(is_number(user) ? number_and_group(parent, user, group, ret)
	                                 : look_up(parent, user, group, ret),
	                 span);
}
