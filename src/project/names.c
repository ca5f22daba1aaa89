/* names.c - what objects are called, by the rules of `oc new-build`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project.h"

#include <ctype.h>

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

Err *project_check_name(Str name, size_t len)
{
	bool fine = name.len > 0 && name.len <= len && is_lower(name.ptr[0]) &&
	            name.ptr[name.len - 1] != '-';
	for (size_t i = 0; i < name.len && fine; i++)
		fine = is_lower(name.ptr[i]) || is_digit(name.ptr[i]) || name.ptr[i] == '-';
	if (fine)
		return NULL;
	return err_note(err_new(ERR_INPUT, "invalid name '%.*s'", STR_ARG(str_clip(name, 100))),
	                "a name has lower case letters, digits and '-', begins with a letter, ends "
	                "with none of '-', and has at most %zu characters",
	                len);
}

/* Lower case, nothing but [-0-9a-z], no '-' in front. */
static Err *cleaned(Arena *a, Str text, Str *ret)
{
	enum { LONG = 253 };
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < text.len && out.len < LONG; i++) {
		char c = (char)tolower((unsigned char)text.ptr[i]);
		if (is_lower(c) || is_digit(c) || (c == '-' && out.len))
			buf_add_char(&out, c);
	}
	if (out.len < 2)
		return err_note(err_new(ERR_INPUT, "invalid name: no name can be made of '%.*s'",
		                        STR_ARG(str_clip(text, 100))),
		                "give one with --name");
	*ret = arena_str(a, buf_str(&out));
	return NULL;
}

/* ADDRESS is a URL, user@host:path, or a path: its host, and its path. */
static void cut_address(Str address, Str *ret_host, Str *ret_path)
{
	const char *scheme = memmem(address.ptr, address.len, "://", 3);
	ptrdiff_t colon = str_find(address, ':'), slash = str_find(address, '/');
	*ret_host = STR("");
	*ret_path = address;
	if (scheme)
		*ret_path = str_cut(str_from_at(address, (size_t)(scheme - address.ptr) + 3), '/',
		                    ret_host);
	else if (colon >= 0 && (slash < 0 || colon < slash))
		*ret_path = str_cut(address, ':', ret_host);
}

Err *project_name_of_source(Arena *a, Str address, Str *ret)
{
	Str host, path, part, last = STR("");
	(void)str_cut(address, '#', &address);
	(void)str_cut(address, '?', &address);
	cut_address(address, &host, &path);
	while (path.len) {
		path = str_cut(path, '/', &part);
		if (part.len)
			last = part;
	}
	if (str_ends(last, STR(".git")))
		last = str_head(last, last.len - 4);
	if (!last.len)
		(void)str_cut(host, ':', &last);
	return cleaned(a, last, ret);
}

Err *project_name_of_image(Arena *a, Str image, Str *ret)
{
	Str name, part;
	(void)str_cut(image, '@', &name);
	ptrdiff_t slash = str_rfind(name, '/');
	name = str_from_at(name, (size_t)(slash + 1));
	(void)str_cut(name, ':', &part);
	return cleaned(a, part, ret);
}

Err *project_split_tag(Arena *a, Str text, Str *ret_name, Str *ret_tag)
{
	Str name, tag = str_cut(text, ':', &name);
	bool fine = name.len && tag.len <= 128 && (tag.len || name.len == text.len);
	for (size_t i = 0; i < tag.len && fine; i++)
		fine = isalnum((unsigned char)tag.ptr[i]) || tag.ptr[i] == '_' ||
		       (i && (tag.ptr[i] == '.' || tag.ptr[i] == '-'));
	if (!fine)
		return err_new(ERR_INPUT, "'%.*s' is no image stream tag: expected NAME[:TAG]",
		               STR_ARG(str_clip(text, 100)));
	*ret_name = arena_str(a, name);
	*ret_tag = tag.len ? arena_str(a, tag) : STR("latest");
	return NULL;
}
