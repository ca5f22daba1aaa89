/* mount.c - the text of RUN --mount cut into fields. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/mount.h"

#include "base/csv.h"
#include "dockerfile/dockerfile-internal.h"

#define BIT(n) (1u << (n))
#define ANY    (BIT(MOUNT_TYPE_COUNT) - 1)
#define OWNED  (BIT(MOUNT_CACHE) | BIT(MOUNT_SECRET) | BIT(MOUNT_SSH))

const MountTypeInfo mount_type_table[MOUNT_TYPE_COUNT] = {
#define MOUNT_TYPE(id, name, help) [MOUNT_##id] = { name, help },
#define MOUNT_KEY(...)
#include "dockerfile/mounts.def"
#undef MOUNT_TYPE
#undef MOUNT_KEY
};

const MountKeyInfo mount_key_table[MOUNT_KEY_COUNT] = {
#define MOUNT_TYPE(...)
#define MOUNT_KEY(id, name, aliases, alone, types, fallback, help) \
	[MOUNT_KEY_##id] = { name, aliases, alone, types, fallback, help },
#include "dockerfile/mounts.def"
#undef MOUNT_TYPE
#undef MOUNT_KEY
};

enum { FIELDS_MAX = 64 }; /* there are 14 keys */

static bool is_alias(const char *aliases, Str name)
{
	for (Str rest = str_from(aliases), alias; rest.len;) {
		rest = str_cut(rest, ',', &alias);
		if (str_eq(alias, name))
			return true;
	}
	return false;
}

static MountKey find_key(Str name)
{
	for (MountKey k = 0; k < MOUNT_KEY_COUNT; k++)
		if (str_eqc(name, mount_key_table[k].name) ||
		    is_alias(mount_key_table[k].aliases, name))
			return k;
	return MOUNT_KEY_COUNT;
}

/* The part of WORD that PART, a slice of its text, stands for: exact where the text is the source's
 * own. */
static Word part_of(Word word, Str part)
{
	size_t from = (size_t)(part.ptr - word.text.ptr);
	Span span = word.span;
	if (span.src && span.end - span.start == word.text.len && from + part.len <= word.text.len)
		span = (Span){ span.src, span.start + (uint32_t)from,
			       span.start + (uint32_t)(from + part.len) };
	return (Word){ part, span };
}

static Str lower(Arena *a, Str s)
{
	char *copy = arena_alloc(a, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] | 0x20 : s.ptr[i]);
	return (Str){ copy, s.len };
}

static MountField make_field(Arena *a, Word mount, Str raw, Str text)
{
	bool quoted = text.ptr != raw.ptr; /* its bytes are a copy, so its parts have no place */
	MountField f = { .whole = part_of(mount, raw) };
	f.whole.text = text;
	Str name, value = str_cut(text, '=', &name);
	f.has_value = name.len < text.len;
	f.name = lower(a, name);
	f.key = find_key(f.name);
	f.value = (Word){ f.has_value ? value : STR("true"), f.whole.span };
	if (f.has_value && !quoted)
		f.value = part_of(mount, value);
	return f;
}

Err *mount_fields(Arena *a, Word mount, MountField **ret, size_t *ret_count)
{
	size_t most = 1, count = 0;
	bool more = mount.text.len > 0;
	for (size_t i = 0; i < mount.text.len; i++)
		most += mount.text.ptr[i] == ',';
	if (most > FIELDS_MAX)
		return err_at(mount.span, "more than %d fields in one mount", FIELDS_MAX);
	MountField *fields = arena_alloc(a, most * sizeof *fields, _Alignof(MountField));
	for (Str rest = mount.text; more;) {
		Str text, start = rest;
		TRY(err_place(csv_cut(a, &rest, &text, &more), mount.span));
		Str raw = str_head(start, start.len - rest.len - more);
		fields[count++] = make_field(a, mount, raw, text);
	}
	*ret = fields;
	*ret_count = count;
	return NULL;
}

Err *mount_unknown_key(const MountField *f)
{
	const char *names[MOUNT_KEY_COUNT];
	for (MountKey k = 0; k < MOUNT_KEY_COUNT; k++)
		names[k] = mount_key_table[k].name;
	if (!f->has_value)
		return err_at(f->whole.span, "invalid field '%.*s' must be a key=value pair",
		              STR_ARG(f->whole.text));
	Err *e = err_at(f->whole.span, "unexpected key '%.*s' in '%.*s'", STR_ARG(f->name),
	                STR_ARG(f->whole.text));
	const char *near = dockerfile_suggest(f->name, names, MOUNT_KEY_COUNT);
	if (near)
		return err_note(e, "did you mean %s?", near);
	AUTO_BUF Buf list = BUF_INIT;
	for (MountKey k = 0; k < MOUNT_KEY_COUNT; k++)
		buf_addf(&list, "%s%s", k ? ", " : "", names[k]);
	return err_note(e, "there are %s", list.ptr);
}

Err *mount_type_parse(Str name, Span span, MountType *ret)
{
	const char *names[MOUNT_TYPE_COUNT];
	for (MountType t = 0; t < MOUNT_TYPE_COUNT; t++) {
		names[t] = mount_type_table[t].name;
		if (word_equal_fold(name, names[t])) {
			*ret = t;
			return NULL;
		}
	}
	Err *e = err_at(span, "unsupported mount type \"%.*s\"", STR_ARG(name));
	const char *near = dockerfile_suggest(name, names, MOUNT_TYPE_COUNT);
	return near ? err_note(e, "did you mean %s?", near)
	            : err_note(e, "there are bind, cache, tmpfs, secret and ssh");
}

Err *mount_from(Arena *a, Word mount, Word *ret)
{
	MountField *fields;
	size_t count;
	*ret = (Word){ STR(""), mount.span };
	TRY(mount_fields(a, mount, &fields, &count));
	for (size_t i = 0; i < count; i++) {
		const MountField *f = &fields[i];
		if (f->key != MOUNT_KEY_FROM || !f->has_value)
			continue;
		ptrdiff_t dollar = str_find(f->value.text, '$');
		if (dollar >= 0 && (size_t)dollar + 1 != f->value.text.len)
			return err_note(err_at(f->value.span,
			                       "'from' doesn't support variable expansion, define "
			                       "alias stage instead"),
			                "define a stage with FROM and an ARG from before the "
			                "first FROM, and name that stage here");
		*ret = f->value;
	}
	return NULL;
}
