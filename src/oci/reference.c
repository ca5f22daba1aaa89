/*
 * reference.c - the grammar of image names.
 *
 * The grammar is the whole protection of URLs and file names made from a reference (SECURITY.md,
 * "header injection in a repository name"): only the bytes that it names pass, so that nothing
 * after this file has to escape a path or a tag.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "oci/reference.h"

enum {
	NAME_MAX_BYTES = 255, /* distribution/reference: RepositoryNameTotalLengthMax */
	TAG_MAX_BYTES = 128,  /* ... TagRegexp */
};

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* alnum ((one of _ . or "__" or "-"...) alnum)*: no separator first, last or doubled. */
static bool is_path_component(Str s)
{
	size_t i = 0;
	for (;;) {
		size_t start = i;
		while (i < s.len && is_lower_alnum(s.ptr[i]))
			i++;
		if (i == start)
			return false;
		if (i == s.len)
			return true;
		char separator = s.ptr[i];
		size_t run = 0;
		while (i < s.len && s.ptr[i] == separator)
			i++, run++;
		size_t most = separator == '-'   ? s.len
		              : separator == '_' ? 2
		              : separator == '.' ? 1
		                                 : 0;
		if (run > most)
			return false;
	}
}

static bool is_path(Str s)
{
	for (;;) {
		Str one;
		bool more = str_find(s, '/') >= 0;
		s = str_cut(s, '/', &one);
		if (!is_path_component(one))
			return false;
		if (!more)
			return true;
	}
}

static bool is_host_name(Str s)
{
	for (;;) {
		Str label;
		bool more = str_find(s, '.') >= 0;
		s = str_cut(s, '.', &label);
		if (!label.len || !is_alnum(label.ptr[0]) || !is_alnum(label.ptr[label.len - 1]))
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-')
				return false;
		if (!more)
			return true;
	}
}

static bool is_port(Str s)
{
	uint64_t port;
	return str_to_u64(s, &port) && port >= 1 && port <= 65535;
}

/* host[:port] or [IPv6][:port] */
static bool is_domain(Str s)
{
	Str port = { "", 0 };
	bool has_port = false;
	if (s.len && s.ptr[0] == '[') {
		ptrdiff_t end = str_find(s, ']');
		if (end < 2)
			return false;
		for (ptrdiff_t i = 1; i < end; i++)
			if (!is_hex(s.ptr[i]) && s.ptr[i] != ':')
				return false;
		Str rest = str_from_at(s, (size_t)end + 1);
		if (rest.len) {
			has_port = true;
			if (rest.ptr[0] != ':')
				return false;
			port = str_from_at(rest, 1);
		}
	} else {
		ptrdiff_t colon = str_find(s, ':');
		has_port = colon >= 0;
		Str host;
		port = str_cut(s, ':', &host);
		if (!is_host_name(host))
			return false;
	}
	return !has_port || is_port(port);
}

static bool is_tag(Str s)
{
	if (!s.len || s.len > TAG_MAX_BYTES)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool word = is_alnum(c) || c == '_';
		if (!word && (i == 0 || (c != '.' && c != '-')))
			return false;
	}
	return true;
}

static bool has_upper(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
			return true;
	return false;
}

/* What may go to a terminal: control bytes of a hostile name become '?'. */
static Str printable(Arena *a, Str s)
{
	Str shown = arena_str(a, str_head(s, 128));
	for (size_t i = 0; i < shown.len; i++) {
		char *c = (char *)shown.ptr + i; /* fresh arena memory: ours to write */
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	return shown;
}

static Err *bad_format(Arena *a, Str text)
{
	return err_new(ERR_INPUT, "invalid reference format: '%.*s'", STR_ARG(printable(a, text)));
}

static bool looks_like_domain(Str first)
{
	return str_find(first, '.') >= 0 || str_find(first, ':') >= 0 || has_upper(first) ||
	       str_eqc(first, "localhost");
}

/* distribution/reference splitDockerDomain: which part of NAME is the registry. */
static void split_domain(Arena *a, Str name, Str *ret_domain, Str *ret_path)
{
	ptrdiff_t slash = str_find(name, '/');
	Str first = slash < 0 ? (Str){ "", 0 } : str_head(name, (size_t)slash);
	*ret_domain = STR("docker.io");
	*ret_path = name;
	if (slash >= 0 && looks_like_domain(first)) {
		*ret_domain = first;
		*ret_path = str_from_at(name, (size_t)slash + 1);
	}
	if (str_eqc(*ret_domain, "index.docker.io"))
		*ret_domain = STR("docker.io");
	if (str_eqc(*ret_domain, "docker.io") && str_find(*ret_path, '/') < 0)
		*ret_path = arena_strf(a, "library/%.*s", STR_ARG(*ret_path));
}

static bool is_image_id(Str s)
{
	if (s.len != DIGEST_HEX_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_hex(s.ptr[i]) || has_upper((Str){ s.ptr + i, 1 }))
			return false;
	return true;
}

Err *reference_parse(Arena *a, Str text, Reference *ret)
{
	/* NUL first: the texts made below by format strings would end at it. */
	if (!text.len || text.len > REFERENCE_BYTES_MAX || str_find(text, '\0') >= 0)
		return bad_format(a, text);
	if (is_image_id(text))
		return err_new(ERR_INPUT,
		               "invalid repository name (%.*s), cannot specify 64-byte hexadecimal "
		               "strings",
		               STR_ARG(text));

	Reference r = { 0 };
	Str name;
	ptrdiff_t at = str_find(text, '@');
	Str digest = str_cut(text, '@', &name);
	if (at >= 0) {
		TRY_WHILE(digest_parse(digest, &r.digest), "reading the reference '%.*s'",
		          STR_ARG(printable(a, text)));
		r.has_digest = true;
	}
	/* The tag's colon comes after the last slash; any before it belongs to a port. */
	ptrdiff_t colon = str_rfind(name, ':');
	r.tag = (Str){ "", 0 };
	if (colon >= 0 && str_find(str_from_at(name, (size_t)colon), '/') < 0) {
		r.tag = arena_str(a, str_from_at(name, (size_t)colon + 1));
		name = str_head(name, (size_t)colon);
		if (!is_tag(r.tag))
			return bad_format(a, text);
	}
	if (!r.tag.len && !r.has_digest)
		r.tag = STR("latest");

	/* Said before the rest: "must be lowercase" of a name with a blank sends people astray. */
	if (str_find(text, ' ') >= 0)
		return err_new(ERR_INPUT, "invalid reference format: there is a blank in '%.*s'",
		               STR_ARG(printable(a, text)));

	Str path;
	split_domain(a, name, &r.domain, &path);
	r.domain = arena_str(a, r.domain);
	r.path = arena_str(a, path);
	if (!is_domain(r.domain))
		return bad_format(a, text);
	if (has_upper(r.path))
		return err_new(ERR_INPUT,
		               "invalid reference format: repository name (%.*s) must be lowercase",
		               STR_ARG(printable(a, r.path)));
	if (!is_path(r.path))
		return bad_format(a, text);
	if (r.path.len + r.domain.len + 1 > NAME_MAX_BYTES)
		return err_new(ERR_INPUT,
		               "repository name must not be more than %d characters: '%.*s'",
		               NAME_MAX_BYTES, STR_ARG(printable(a, text)));
	*ret = r;
	return NULL;
}

static Str with_suffix(Arena *a, Str name, const Reference *r)
{
	char digest[DIGEST_TEXT_LEN + 1];
	return arena_strf(a, "%.*s%s%.*s%s%s", STR_ARG(name), r->tag.len ? ":" : "",
	                  STR_ARG(r->tag), r->has_digest ? "@" : "",
	                  r->has_digest ? digest_text(&r->digest, digest).ptr : "");
}

Str reference_full(Arena *a, const Reference *r)
{
	return with_suffix(a, arena_strf(a, "%.*s/%.*s", STR_ARG(r->domain), STR_ARG(r->path)), r);
}

Str reference_kept(Arena *a, const Reference *r)
{
	Reference kept = *r;
	if (kept.has_digest)
		kept.tag = STR("");
	return reference_full(a, &kept);
}

Str reference_familiar_name(Arena *a, const Reference *r)
{
	if (str_eqc(r->domain, "docker.io")) {
		Str path = r->path;
		Str library = STR("library/");
		if (str_starts(path, library))
			if (str_find(str_from_at(path, library.len), '/') < 0)
				return arena_str(a, str_from_at(path, library.len));
		/* "docker.io/a.b/c" shortened would read as registry a.b */
		Str first;
		(void)str_cut(path, '/', &first);
		if (!looks_like_domain(first))
			return arena_str(a, path);
	}
	return arena_strf(a, "%.*s/%.*s", STR_ARG(r->domain), STR_ARG(r->path));
}

Str reference_familiar(Arena *a, const Reference *r)
{
	return with_suffix(a, reference_familiar_name(a, r), r);
}
