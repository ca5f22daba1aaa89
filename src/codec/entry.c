/* entry.c - paths of entries: their order, what is clean, parents; and copies of entries. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/entry.h"

/* '/' sorts below every other byte: "a/b" comes before "a!b" and right after "a". */
static unsigned rank(char c)
{
	return c == '/' ? 0 : (unsigned)(unsigned char)c + 1;
}

int entry_path_cmp(Str a, Str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	for (size_t i = 0; i < shorter; i++)
		if (a.ptr[i] != b.ptr[i])
			return rank(a.ptr[i]) < rank(b.ptr[i]) ? -1 : 1;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool entry_path_is_clean(Str path)
{
	if (path.len == 0)
		return true;
	if (memchr(path.ptr, '\0', path.len))
		return false;
	for (size_t start = 0; start <= path.len;) {
		const char *slash = memchr(path.ptr + start, '/', path.len - start);
		size_t end = slash ? (size_t)(slash - path.ptr) : path.len;
		Str name = { path.ptr + start, end - start };
		if (name.len == 0 || str_eq(name, STR(".")) || str_eq(name, STR("..")))
			return false;
		start = end + 1;
	}
	return true;
}

bool entry_path_below(Str path, Str prefix)
{
	if (prefix.len == 0)
		return true;
	return str_starts(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

Str entry_parent(Str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	return str_head(path, slash < 0 ? 0 : (size_t)slash);
}

Str entry_name(Str path)
{
	return str_from_at(path, (size_t)(str_rfind(path, '/') + 1));
}

Entry entry_copy(Arena *a, const Entry *e)
{
	Entry copy = *e;
	copy.path = arena_str(a, e->path);
	copy.link = arena_str(a, e->link);
	if (e->xattr_count == 0) {
		copy.xattrs = NULL;
		return copy;
	}
	Xattr *xattrs = arena_alloc(a, e->xattr_count * sizeof *xattrs, _Alignof(Xattr));
	for (size_t i = 0; i < e->xattr_count; i++) {
		xattrs[i].name = arena_str(a, e->xattrs[i].name);
		xattrs[i].value = arena_str(a, e->xattrs[i].value);
	}
	copy.xattrs = xattrs;
	return copy;
}
