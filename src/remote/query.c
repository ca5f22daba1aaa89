/* query.c - "?tag=v1&subdir=x": the settings of a git URL, and what they may not say. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "remote/remote-internal.h"

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

bool remote_decode(Arena *a, Str s, bool plus, Str *ret)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '%') {
			int high = i + 2 < s.len ? hex_digit(s.ptr[i + 1]) : -1;
			int low = i + 2 < s.len ? hex_digit(s.ptr[i + 2]) : -1;
			if (high < 0 || low < 0 || high + low == 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		buf_add_char(&out, c);
	}
	*ret = arena_str(a, buf_str(&out));
	return true;
}

Str remote_clean(Arena *a, Str path)
{
	AUTO_BUF Buf out = BUF_INIT;
	while (path.len) {
		Str part;
		path = str_cut(path, '/', &part);
		if (!part.len || str_eqc(part, "."))
			continue;
		if (str_eqc(part, "..")) {
			ptrdiff_t slash = str_rfind(buf_str(&out), '/');
			out.len = slash > 0 ? (size_t)slash : 0;
			continue;
		}
		if (out.len)
			buf_add_char(&out, '/');
		buf_add_str(&out, part);
	}
	return arena_str(a, buf_str(&out));
}

typedef struct Reading {
	Arena *arena;
	RemoteGit *git;
	Str tag, branch;
} Reading;

typedef Err *TakeFn(Reading *r, Str key, Str value);

static Err *conflict(const char *what, Str one, Str other)
{
	return err_new(ERR_INPUT, "%s conflicts: \"%.*s\" vs \"%.*s\"", what, STR_ARG(one),
	               STR_ARG(other));
}

/* Go's strconv.ParseBool. */
static bool parse_bool(Str s, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		*ret = str_eqc(s, yes[i]);
		if (*ret || str_eqc(s, no[i]))
			return true;
	}
	return false;
}

static Err *take_bool(Str key, Str value, bool *ret)
{
	*ret = true; /* the key alone switches on */
	if (value.len && !parse_bool(value, ret))
		return err_new(ERR_INPUT, "invalid %.*s value: \"%.*s\"", STR_ARG(key),
		               STR_ARG(value));
	return NULL;
}

static Err *take_switch(Str key, Str value, RemoteSwitch *ret)
{
	bool on;
	TRY(take_bool(key, value, &on));
	*ret = on ? REMOTE_ON : REMOTE_OFF;
	return NULL;
}

static Err *take_ref(Reading *r, Str key, Str value)
{
	(void)key;
	if (r->git->ref.len && !str_eq(r->git->ref, value))
		return conflict("ref", r->git->ref, value);
	r->git->ref = value;
	return NULL;
}

static Err *take_tag(Reading *r, Str key, Str value)
{
	(void)key;
	r->tag = value;
	return NULL;
}

static Err *take_branch(Reading *r, Str key, Str value)
{
	(void)key;
	r->branch = value;
	return NULL;
}

static Err *take_subdir(Reading *r, Str key, Str value)
{
	Str clean = remote_clean(r->arena, value);
	(void)key;
	if (r->git->subdir.len && !str_eq(r->git->subdir, clean))
		return conflict("subdir", r->git->subdir, value);
	r->git->subdir = clean;
	return NULL;
}

static Err *take_checksum(Reading *r, Str key, Str value)
{
	(void)key;
	if (r->git->checksum.len && !str_eq(r->git->checksum, value))
		return conflict("checksum", r->git->checksum, value);
	r->git->checksum = value;
	return NULL;
}

static Err *take_keep(Reading *r, Str key, Str value)
{
	return take_switch(key, value, &r->git->keep_git_dir);
}

static Err *take_submodules(Reading *r, Str key, Str value)
{
	return take_switch(key, value, &r->git->submodules);
}

static Err *take_mtime(Reading *r, Str key, Str value)
{
	(void)key;
	r->git->mtime_commit = str_eqc(value, "commit");
	if (!r->git->mtime_commit && !str_eqc(value, "checkout"))
		return err_new(ERR_INPUT,
		               "invalid mtime value: \"%.*s\" (must be \"checkout\" or \"commit\")",
		               STR_ARG(value));
	return NULL;
}

static Err *take_by_commit(Reading *r, Str key, Str value)
{
	return take_bool(key, value, &r->git->fetch_by_commit);
}

static const struct Setting {
	const char *key;
	TakeFn *take;
	bool bare; /* may come without a value */
} settings[] = {
	{ "ref", take_ref, false },           { "tag", take_tag, false },
	{ "branch", take_branch, false },     { "subdir", take_subdir, false },
	{ "checksum", take_checksum, false }, { "commit", take_checksum, false },
	{ "keep-git-dir", take_keep, true },  { "submodules", take_submodules, true },
	{ "mtime", take_mtime, false },       { "fetch-by-commit", take_by_commit, true },
};

static Err *take_pair(Reading *r, Str key, Str value, bool seen[static ARRAY_LEN(settings)])
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!str_eqc(key, settings[i].key))
			continue;
		if (seen[i])
			return err_new(ERR_INPUT, "query \"%.*s\" has multiple values",
			               STR_ARG(key));
		if (!value.len && !settings[i].bare)
			return err_new(ERR_INPUT, "query \"%.*s\" has no value", STR_ARG(key));
		seen[i] = true;
		return settings[i].take(r, key, value);
	}
	AUTO_BUF Buf known = BUF_INIT;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		buf_addf(&known, "%s%s", i ? ", " : "", settings[i].key);
	return err_note(err_new(ERR_INPUT, "unexpected query \"%.*s\"", STR_ARG(key)),
	                "a git URL takes %s", known.ptr);
}

static Str with_prefix(Arena *a, const char *prefix, Str s)
{
	return str_starts(s, str_from(prefix)) ? s : arena_strf(a, "%s%.*s", prefix, STR_ARG(s));
}

static Err *take_named_ref(Reading *r, const char *prefix, Str name)
{
	Str full = with_prefix(r->arena, prefix, name);
	if (r->git->ref.len && !str_eq(r->git->ref, full))
		return conflict("ref", r->git->ref, full);
	r->git->ref = full;
	return NULL;
}

Err *remote_read_query(Arena *a, Str query, RemoteGit *git)
{
	Reading r = { .arena = a, .git = git, .tag = STR(""), .branch = STR("") };
	bool seen[ARRAY_LEN(settings)] = { 0 };
	while (query.len) {
		Str pair, key, value;
		query = str_cut(query, '&', &pair);
		if (!pair.len)
			continue;
		Str raw = str_cut(pair, '=', &key);
		if (!remote_decode(a, key, true, &key) || !remote_decode(a, raw, true, &value))
			return err_new(ERR_INPUT, "bad escape in the query \"%.*s\"",
			               STR_ARG(pair));
		TRY(take_pair(&r, key, value, seen));
	}
	if (r.tag.len && r.branch.len)
		return err_new(ERR_INPUT, "branch conflicts with tag");
	if (r.tag.len)
		TRY(take_named_ref(&r, "refs/tags/", r.tag));
	return r.branch.len ? take_named_ref(&r, "refs/heads/", r.branch) : NULL;
}
