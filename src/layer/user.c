/*
 * user.c - "user[:group]" → ids, by the image's own /etc/passwd and /etc/group.
 *
 * Never by the host's, never through NSS (CVE-2019-14271): the files are parsed here, read from the
 * view with a size limit, and only if they are regular files (CVE-2024-9676).
 * Numbers are exact: what does not fit 32 bits is an error, not another user (CVE-2024-40635).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "fs/path.h"
#include "layer/view.h"

static Err *read_etc(const View *v, const char *path, const char *overlay_prefix, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str real;
	bool exists;
	Entry e;
	size_t layer;
	TRY(view_resolve(v, str_from(path), true, &a, &real, &exists));
	if (!exists || !view_find(v, real, &a, &e, &layer))
		return NULL; /* an image without users: numbers still work */
	if (e.type != ENTRY_FILE && e.type != ENTRY_HARDLINK)
		return err_new(ERR_INPUT, "'/%s' of the image is no file", path);
	if (e.size > PASSWD_BYTES_MAX)
		return err_new(ERR_INPUT, "'/%s' of the image has %llu bytes, more than %u", path,
		               (unsigned long long)e.size, PASSWD_BYTES_MAX);
	AUTO_CLOSE int fd = -1;
	TRY(view_open_file(v, &e, layer, overlay_prefix, &fd));
	return path_read_fd(fd, PASSWD_BYTES_MAX, path, out);
}

enum { FIELDS = 7 };

static void split(Str line, Str fields[FIELDS])
{
	for (int i = 0; i < FIELDS; i++)
		line = str_cut(line, ':', &fields[i]);
}

static bool all_digits(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

static bool to_id(Str s, uint32_t *ret)
{
	uint64_t n;
	if (!str_to_u64(s, &n) || n >= UINT32_MAX) /* 4294967295 is -1: "nobody at all" */
		return false;
	*ret = (uint32_t)n;
	return true;
}

static Err *number(Str text, const char *what, uint32_t *ret)
{
	if (to_id(text, ret))
		return NULL;
	return err_new(ERR_INPUT, "the %s '%.*s' is no id between 0 and 4294967294", what,
	               STR_ARG(text));
}

/* The same, in a line of FILE that was looked for. */
static Err *number_of(Str text, const char *what, const char *file, Str name, uint32_t *ret)
{
	if (to_id(text, ret))
		return NULL;
	return err_new(
		ERR_INPUT,
		"the %s '%.*s' of '%.*s' in the image's %s is no id between 0 and 4294967294", what,
		STR_ARG(text), STR_ARG(name), file);
}

/* As other builders: a line without a gid, or with a word in its place, means 0. */
static Err *gid_of(Str text, const char *file, Str name, uint32_t *ret)
{
	*ret = 0;
	return all_digits(text) ? number_of(text, "group", file, name, ret) : NULL;
}

/* The passwd line whose name (or number) is WHO. */
static bool find_passwd(Str passwd, Str who, bool by_number, Str fields[FIELDS])
{
	while (passwd.len) {
		Str line;
		passwd = str_cut(passwd, '\n', &line);
		split(line, fields);
		if (str_eq(by_number ? fields[2] : fields[0], who))
			return true;
	}
	return false;
}

static Err *find_group(Str group, Str who, uint32_t *ret)
{
	Str fields[FIELDS];
	if (all_digits(who))
		return number(who, "group", ret);
	while (group.len) {
		Str line;
		group = str_cut(group, '\n', &line);
		split(line, fields);
		if (str_eq(fields[0], who))
			return gid_of(fields[2], "/etc/group", who, ret);
	}
	return err_note(err_new(ERR_INPUT, "unable to find group '%.*s'", STR_ARG(who)),
	                "the image's /etc/group has no such group");
}

static bool is_member(Str members, Str name)
{
	while (members.len) {
		Str one;
		members = str_cut(members, ',', &one);
		if (str_eq(one, name))
			return true;
	}
	return false;
}

static void add_groups(Str group, Str name, ViewUser *user, Arena *a)
{
	Str fields[FIELDS];
	VEC(uint32_t) ids = { 0 };
	VEC_PUSH(&ids, user->gid); /* always among the supplementary ones */
	while (group.len && name.len) {
		Str line;
		uint32_t gid;
		group = str_cut(group, '\n', &line);
		split(line, fields);
		if (is_member(fields[3], name) && to_id(fields[2], &gid) && gid != user->gid)
			VEC_PUSH(&ids, gid);
	}
	user->groups = arena_alloc(a, ids.len * sizeof *user->groups, _Alignof(uint32_t));
	memcpy(user->groups, ids.at, ids.len * sizeof *user->groups);
	user->group_count = ids.len;
	VEC_DONE(&ids);
}

Err *view_user(const View *v, Str text, const char *overlay_prefix, Arena *a, ViewUser *ret)
{
	AUTO_BUF Buf passwd = BUF_INIT;
	AUTO_BUF Buf group = BUF_INIT;
	Str who, fields[FIELDS], name = STR("");
	Str group_text = str_cut(text, ':', &who);
	bool has_group = group_text.len > 0;
	ViewUser user = { .home = STR("/") };
	if (who.len == 0)
		who = STR("0");
	TRY(read_etc(v, "etc/passwd", overlay_prefix, &passwd));
	TRY(read_etc(v, "etc/group", overlay_prefix, &group));
	bool numeric = all_digits(who);
	if (find_passwd(buf_str(&passwd), who,
	                numeric && !find_passwd(buf_str(&passwd), who, false, fields), fields)) {
		/* no uid is no 0 here: nobody becomes root by a typing error */
		TRY(number_of(fields[2], "user", "/etc/passwd", fields[0], &user.uid));
		TRY(gid_of(fields[3], "/etc/passwd", fields[0], &user.gid));
		name = fields[0];
		user.home = fields[5].len ? arena_str(a, fields[5]) : user.home;
	} else if (numeric) {
		TRY(number(who, "user", &user.uid));
	} else if (!str_eq(who, STR("root"))) {
		return err_note(err_new(ERR_INPUT, "unable to find user '%.*s'", STR_ARG(who)),
		                "the image's /etc/passwd has no such user");
	}
	if (has_group)
		TRY(find_group(buf_str(&group), group_text, &user.gid));
	add_groups(buf_str(&group), has_group ? STR("") : name, &user, a);
	*ret = user;
	return NULL;
}
