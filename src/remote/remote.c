/* remote.c - telling git from http from paths, and cutting each into its parts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "remote/remote-internal.h"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* All bytes of S are letters, digits or one of MORE. */
static bool is_made_of(Str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.ptr[i]) && (!s.ptr[i] || !strchr(more, s.ptr[i])))
			return false;
	return s.len > 0;
}

bool remote_is_commit(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	return s.len == 40 || s.len == 64;
}

/* A URL cut where RFC 3986 cuts it. */
typedef struct Parts {
	Str scheme; /* in lower case */
	Str user_info, host, path, query, fragment;
	Str before_path; /* "scheme://authority" */
} Parts;

static bool cut_url(Arena *a, Str text, Parts *ret)
{
	Parts p = { .fragment = STR(""), .query = STR("") };
	ptrdiff_t colon = str_find(text, ':');
	if (colon <= 0 || !is_made_of(str_head(text, (size_t)colon), "") ||
	    !str_starts(str_from_at(text, (size_t)colon), STR("://")))
		return false;
	AUTO_BUF Buf lower = BUF_INIT;
	for (ptrdiff_t i = 0; i < colon; i++)
		buf_add_char(&lower, (char)(text.ptr[i] | (text.ptr[i] >= 'A' ? 0x20 : 0)));
	p.scheme = arena_str(a, buf_str(&lower));
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
			return false;
	p.fragment = str_cut(text, '#', &text);
	p.query = str_cut(text, '?', &text);
	Str rest = str_from_at(text, (size_t)colon + 3);
	ptrdiff_t slash = str_find(rest, '/');
	Str authority = slash < 0 ? rest : str_head(rest, (size_t)slash);
	p.path = str_from_at(rest, authority.len);
	p.before_path = str_head(text, text.len - p.path.len);
	size_t user = remote_user_info_len(authority);
	p.user_info = user ? str_head(authority, user - 1) : STR("");
	p.host = str_from_at(authority, user);
	*ret = p;
	return true;
}

/* Of a path, decoded, the last component. */
static Str file_name(Arena *a, Str path)
{
	Str name = STR("__unnamed__"), decoded;
	if (!remote_decode(a, path, false, &decoded))
		return name;
	while (str_ends(decoded, STR("/")))
		decoded.len--;
	Str last = str_from_at(decoded, (size_t)(str_rfind(decoded, '/') + 1));
	bool good = last.len && last.len <= NAME_BYTES_MAX && !str_eqc(last, ".") &&
	            !str_eqc(last, "..");
	return good ? arena_str(a, last) : name;
}

/* "ref:subdir" */
static Err *read_fragment(Arena *a, Str fragment, RemoteGit *git)
{
	Str decoded;
	if (!remote_decode(a, fragment, false, &decoded))
		return err_new(ERR_INPUT, "bad escape in the fragment \"#%.*s\"",
		               STR_ARG(fragment));
	git->subdir = remote_clean(a, str_cut(decoded, ':', &git->ref));
	return NULL;
}

static Err *check_git(const Remote *r)
{
	const RemoteGit *g = &r->git;
	if (str_starts(r->host, STR("-")) || str_starts(r->url, STR("-")))
		return err_new(ERR_INPUT, "git would take '%.*s' for an option", STR_ARG(r->url));
	/* A name that git could read as an option or a pattern, or print as two lines. */
	if (str_starts(g->ref, STR("-")) || str_find(g->ref, ' ') >= 0 ||
	    str_find(g->ref, '*') >= 0 || str_find(g->ref, '\n') >= 0)
		return err_new(ERR_INPUT, "invalid git ref \"%.*s\"", STR_ARG(g->ref));
	if (g->checksum.len) {
		bool hex = true;
		for (size_t i = 0; i < g->checksum.len; i++)
			hex = hex && strchr("0123456789abcdefABCDEF", g->checksum.ptr[i]);
		if (!hex)
			return err_new(
				ERR_INPUT,
				"invalid checksum %.*s for Git URL, expected hex commit hash",
				STR_ARG(g->checksum));
	}
	if (g->fetch_by_commit && !remote_is_commit(g->checksum) && !remote_is_commit(g->ref))
		return err_new(ERR_INPUT,
		               "fetch-by-commit requires a checksum or a commit SHA ref");
	return NULL;
}

static Err *read_git(Arena *a, Str fragment, Str query, Remote *r)
{
	r->kind = REMOTE_GIT;
	r->git.ref = r->git.subdir = r->git.checksum = STR("");
	TRY(read_fragment(a, fragment, &r->git));
	TRY(remote_read_query(a, query, &r->git));
	return check_git(r);
}

/* user@host:path, as scp has it. */
static Err *read_scp(Arena *a, Str text, Remote *r)
{
	Str address, fragment, query, user, host, path;
	fragment = str_cut(text, '#', &address);
	query = str_cut(address, '?', &address);
	Str rest = str_cut(address, '@', &user);
	path = str_cut(rest, ':', &host);
	if (rest.len == 0 || host.len == rest.len || !is_made_of(user, "-_") ||
	    !is_made_of(host, "-."))
		return NULL;
	(void)path;
	r->url = arena_str(a, address);
	r->host = arena_str(a, host);
	return read_git(a, fragment, query, r);
}

static bool is_http(const Parts *p)
{
	return str_eqc(p->scheme, "http") || str_eqc(p->scheme, "https");
}

static Err *read_url(Arena *a, Str text, const Parts *p, Remote *r)
{
	bool git = str_eqc(p->scheme, "ssh") || str_eqc(p->scheme, "git");
	Str decoded;
	if (is_http(p))
		git = remote_decode(a, p->path, false, &decoded) && str_ends(decoded, STR(".git"));
	if (!git && !str_starts(text, STR("http://")) && !str_starts(text, STR("https://")))
		return NULL;
	r->host = arena_str(a, p->host);
	if (is_http(p) && !remote_decode(a, p->user_info, false, &r->user_info))
		return err_new(ERR_INPUT, "bad escape in the user name of the URL '%.*s'",
		               STR_ARG(r->shown));
	if (git) {
		/* http(s): credentials are no part of an address, and stay out of argv and config
		 */
		r->url = is_http(p) ? arena_strf(a, "%.*s://%.*s%.*s", STR_ARG(p->scheme),
		                                 STR_ARG(p->host), STR_ARG(p->path))
		                    : arena_strf(a, "%.*s%.*s", STR_ARG(p->before_path),
		                                 STR_ARG(p->path));
		return read_git(a, p->fragment, p->query, r);
	}
	r->kind = REMOTE_HTTP;
	r->url = arena_strf(a, "%.*s://%.*s%.*s%s%.*s", STR_ARG(p->scheme), STR_ARG(p->host),
	                    STR_ARG(p->path), p->query.len ? "?" : "", STR_ARG(p->query));
	r->name = file_name(a, p->path);
	return NULL;
}

Err *remote_parse(Arena *a, Str text, Remote *ret)
{
	Remote r = { .url = STR(""), .user_info = STR(""), .host = STR(""), .name = STR("") };
	Parts p;
	Err *e = NULL;
	r.shown = remote_redact(a, text);
	if (str_starts(text, STR("./")) || str_starts(text, STR("../"))) {
		*ret = r;
		return NULL;
	}
	if (str_starts(text, STR("github.com/"))) {
		if (cut_url(a, arena_strf(a, "https://%.*s", STR_ARG(text)), &p)) {
			r.git.maybe_local = true;
			r.host = p.host;
			r.url = arena_strf(a, "%.*s%.*s", STR_ARG(p.before_path), STR_ARG(p.path));
			e = read_git(a, p.fragment, p.query, &r);
		}
	} else if (cut_url(a, text, &p)) {
		e = read_url(a, text, &p, &r);
	} else if (str_find(text, '@') > 0) {
		e = read_scp(a, text, &r);
	}
	if (e)
		return e;
	*ret = r;
	return NULL;
}
