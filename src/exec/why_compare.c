/* why_compare.c - two preimages → what differs, kind by kind, by the table of key_inputs.def. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/journal.h"
#include "exec/why.h"

#include <stdarg.h>
#include <stdio.h>

/* A longer value says nothing to a reader. */
enum { VALUE_SHOWN_MAX = 80, VALUE_BEFORE = 20 };

void why_add(WhyDiff *d, StoreCause cause, const char *fmt, ...)
{
	AUTO_FREE char *words = NULL;
	va_list ap;
	if (++d->count > WHY_CAUSES_MAX)
		return;
	va_start(ap, fmt);
	int n = vasprintf(&words, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_oom(0);
	cause.words = arena_str(d->arena, str_from(words));
	/* What they point into, a key's text mostly, ends before the build's record is written. */
	Str *const texts[] = { &cause.subject, &cause.before, &cause.after };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = arena_str(d->arena, *texts[i]);
	VEC_PUSH(&d->causes, cause);
}

/* --- a preimage taken apart ------------------------------------------------------------------ */

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

Str why_unescape(Arena *a, Str text)
{
	if (!memchr(text.ptr, '\\', text.len))
		return text;
	char *out = arena_alloc(a, text.len + 1, 1);
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		bool escaped = text.ptr[i] == '\\' && i + 3 < text.len && text.ptr[i + 1] == 'x' &&
		               hex_value(text.ptr[i + 2]) >= 0 && hex_value(text.ptr[i + 3]) >= 0;
		out[n++] = escaped ? (char)(hex_value(text.ptr[i + 2]) << 4 |
		                            hex_value(text.ptr[i + 3]))
		                   : text.ptr[i];
		i += escaped ? 3 : 0;
	}
	return (Str){ out, n };
}

typedef struct Splitter {
	WhyDiff *diff;
	const WhySide *side;
	WhyInputs *out;
	Str mount;   /* the "mount" line that MOUNT lines belong to: its target */
	Str files;   /* the mount whose files follow */
	bool lost;   /* a list is not here any more */
	Digest skip; /* the list that both sides have */
} Splitter;

/* Two kinds have one name: which it is depends on what stood before. */
static KeyInput kind_of(Str name, bool in_mount)
{
	for (KeyInput i = 0; i < KEY_INPUT_COUNT; i++) {
		bool mount = key_input_table[i].style == KEY_STYLE_MOUNT;
		if (str_eqc(name, key_input_table[i].name) && (in_mount || !mount))
			if (!(in_mount && i == KEY_ENV))
				return i;
	}
	return KEY_INPUT_COUNT;
}

/* "type cache target /x ro" → "/x" */
static Str mount_target(Str value)
{
	static const char word[] = " target ";
	const char *at = memmem(value.ptr, value.len, word, sizeof word - 1);
	Str target = at ? str_from_at(value, (size_t)(at - value.ptr) + sizeof word - 1) : STR("");
	return str_ends(target, STR(" ro")) ? str_head(target, target.len - 3) : target;
}

/* "2314 <hex>"; false: it is the target of a mount. */
static bool parse_list(Str value, Digest *ret)
{
	Str count, hex = str_cut(value, ' ', &count);
	uint64_t n;
	AUTO_ERR Err *e = digest_parse_hex(hex, ret);
	return !e && str_to_u64(count, &n);
}

static void split(Splitter *s, Str text);

static void split_list(Splitter *s, const Digest *list)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (digest_eq(list, &s->skip))
		return;
	if (s->side->list && s->side->list(s->side->context, list, &text))
		split(s, arena_str(s->diff->arena, buf_str(&text)));
	else
		s->lost = true;
}

static void split_line(Splitter *s, Str line)
{
	Str name, value = str_cut(line, ' ', &name);
	KeyInput kind = kind_of(name, s->mount.len > 0);
	Digest list;
	if (kind == KEY_INPUT_COUNT)
		return; /* of another version, which is told by its first line */
	if (kind == KEY_FILES && parse_list(value, &list)) {
		split_list(s, &list);
		return;
	}
	if (kind == KEY_MOUNT)
		s->mount = mount_target(value);
	else if (key_input_table[kind].style != KEY_STYLE_MOUNT)
		s->mount = STR("");
	if (kind == KEY_FILES) {
		s->files = value;
		return;
	}
	bool of_mount = key_input_table[kind].style == KEY_STYLE_MOUNT;
	VEC_PUSH(s->out, (WhyInput){ kind, value, of_mount ? s->mount : s->files });
}

static void split(Splitter *s, Str text)
{
	while (text.len) {
		Str line;
		text = str_cut(text, '\n', &line);
		split_line(s, line);
	}
}

/* The list that both keys have, if each has one: it need not be read. */
static Digest common_list(Str old, Str new)
{
	Digest d;
	while (old.len) {
		Str line, name;
		old = str_cut(old, '\n', &line);
		Str value = str_cut(line, ' ', &name);
		if (!str_eqc(name, key_input_table[KEY_FILES].name) || !parse_list(value, &d))
			continue;
		if (memmem(new.ptr, new.len, line.ptr, line.len))
			return d;
	}
	return (Digest){ { 1 } }; /* no list has this digest */
}

/* --- kinds ----------------------------------------------------------------------------------- */

/* The values of one kind, in their order. */
static void pick(const WhyInputs *all, KeyInput kind, WhyInputs *out)
{
	for (size_t i = 0; i < all->len; i++)
		if (all->at[i].kind == kind)
			VEC_PUSH(out, all->at[i]);
}

static bool same_inputs(const WhyInputs *a, const WhyInputs *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (!str_eq(a->at[i].value, b->at[i].value) ||
		    !str_eq(a->at[i].group, b->at[i].group))
			return false;
	return true;
}

static Str shown(WhyDiff *d, Str value)
{
	value = why_unescape(d->arena, value);
	if (!value.len)
		return STR("none");
	if (value.len <= VALUE_SHOWN_MAX)
		return value;
	return arena_strf(d->arena, "%.*s...", STR_ARG(str_clip(value, VALUE_SHOWN_MAX)));
}

/* The (unescaped) VALUE from FIRST on, with a little of what is before it. */
static Str shown_from(WhyDiff *d, Str value, size_t first)
{
	size_t start = first > VALUE_BEFORE ? first - VALUE_BEFORE : 0;
	while (start && start < value.len && ((unsigned char)value.ptr[start] & 0xc0) == 0x80)
		start--;
	if (!value.len)
		return STR("none");
	Str rest = str_from_at(value, start < value.len ? start : value.len);
	return arena_strf(d->arena, "%s%.*s%s", start ? "..." : "",
	                  STR_ARG(str_clip(rest, VALUE_SHOWN_MAX)),
	                  rest.len > VALUE_SHOWN_MAX ? "..." : "");
}

/* Two values of which what is shown must differ: long ones are cut around the first difference. */
static void show_both(WhyDiff *d, Str *before, Str *after)
{
	Str a = why_unescape(d->arena, *before), b = why_unescape(d->arena, *after);
	size_t first = 0;
	while (first < a.len && first < b.len && a.ptr[first] == b.ptr[first])
		first++;
	bool hidden = first + VALUE_BEFORE > VALUE_SHOWN_MAX;
	*before = hidden ? shown_from(d, a, first) : shown(d, *before);
	*after = hidden ? shown_from(d, b, first) : shown(d, *after);
}

static StoreCause cause_of(const KeyInputInfo *info, Str subject, Str before, Str after)
{
	return (StoreCause){ .code = str_from(info->code),
		             .subject = subject,
		             .before = before,
		             .after = after,
		             .step = STORE_STEP_NONE };
}

static Str first_value(const WhyInputs *v)
{
	return v->len ? v->at[0].value : STR("");
}

/* Nanoseconds as the seconds that the user gave. */
static Str whole_seconds(Str ns)
{
	enum { DIGITS = 9 };
	return ns.len > DIGITS ? str_head(ns, ns.len - DIGITS) : ns;
}

static void compare_value(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                          const WhyInputs *new)
{
	Str before = first_value(old), after = first_value(new);
	if (info == &key_input_table[KEY_EPOCH]) {
		before = whole_seconds(before);
		after = whole_seconds(after);
	}
	show_both(d, &before, &after);
	why_add(d, cause_of(info, STR(""), before, after), "%s: %.*s \xe2\x86\x92 %.*s",
	        info->words, STR_ARG(before), STR_ARG(after));
}

static void compare_text(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                         const WhyInputs *new)
{
	const char *what = !old->len ? "added" : !new->len ? "removed" : "changed";
	why_add(d, cause_of(info, STR(""), STR(""), STR("")), "%s %s", info->words, what);
}

static Str join(WhyDiff *d, const WhyInputs *v, size_t count)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < count && i < v->len; i++)
		buf_addf(&out, "%s%.*s", i ? " " : "", STR_ARG(v->at[i].value));
	return shown(d, arena_str(d->arena, buf_str(&out)));
}

/* The last word is the command, those before it the shell. */
static void compare_command(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                            const WhyInputs *new)
{
	bool shell = old->len &&
	             new->len &&str_eq(old->at[old->len - 1].value, new->at[new->len - 1].value);
	Str before = join(d, old, old->len - shell), after = join(d, new, new->len - shell);
	StoreCause c = cause_of(info, STR(""), before, after);
	if (shell)
		c.code = STR("shell");
	why_add(d, c, "%s: %.*s \xe2\x86\x92 %.*s", shell ? "SHELL" : info->words, STR_ARG(before),
	        STR_ARG(after));
}

static const WhyInput *find_variable(const WhyInputs *v, Str name)
{
	for (size_t i = 0; i < v->len; i++) {
		Str other;
		(void)str_cut(v->at[i].value, '=', &other);
		if (str_eq(other, name))
			return &v->at[i];
	}
	return NULL;
}

/* NAME has the value NOW (NULL: it is gone) instead of BEFORE (NULL: it is new). */
static void tell_variable(WhyDiff *d, const KeyInputInfo *info, Str name, const WhyInput *before,
                          const WhyInput *now)
{
	const char *what = d->variable ? d->variable(d->context, name) : info->words;
	Str subject = arena_strf(d->arena, "%s %.*s", what, STR_ARG(name));
	bool secret = journal_is_secret((before ? before : now)->value);
	Str unused, old = STR(""), new = STR("");
	if (before && !secret)
		old = shown(d, str_cut(before->value, '=', &unused));
	if (now && !secret)
		new = shown(d, str_cut(now->value, '=', &unused));
	if (before && now && !secret) {
		old = str_cut(before->value, '=', &unused);
		new = str_cut(now->value, '=', &unused);
		show_both(d, &old, &new);
	}
	StoreCause c = cause_of(info, subject, old, new);
	if (str_starts(subject, STR("ARG")))
		c.code = STR("arg");
	if (before && now && secret)
		why_add(d, c, "%s: changed (a secret's value is not shown)", subject.ptr);
	else if (before && now)
		why_add(d, c, "%s: %.*s \xe2\x86\x92 %.*s", subject.ptr, STR_ARG(old),
		        STR_ARG(new));
	else if (now)
		why_add(d, c, "%s is new%s%.*s", subject.ptr, new.len ? ": " : "", STR_ARG(new));
	else
		why_add(d, c, "%s is gone%s%.*s", subject.ptr, old.len ? ": " : "", STR_ARG(old));
}

static void compare_env(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                        const WhyInputs *new)
{
	size_t before = d->count;
	bool masked = false;
	for (size_t i = 0; i < new->len; i++) {
		Str name;
		(void)str_cut(new->at[i].value, '=', &name);
		const WhyInput *was = find_variable(old, name);
		/* What failed has no cache record, and the journal keeps no secret's value. */
		bool hidden = was && journal_is_hidden(was->value);
		masked |= hidden;
		if (!hidden && (!was || !str_eq(was->value, new->at[i].value)))
			tell_variable(d, info, name, was, &new->at[i]);
	}
	for (size_t i = 0; i < old->len; i++) {
		Str name;
		(void)str_cut(old->at[i].value, '=', &name);
		if (!find_variable(new, name))
			tell_variable(d, info, name, &old->at[i], NULL);
	}
	if (d->count == before && !masked)
		why_add(d, cause_of(info, STR(""), STR(""), STR("")), "%s: the order changed",
		        info->words);
}

static bool has_input(const WhyInputs *v, const WhyInput *input)
{
	for (size_t i = 0; i < v->len; i++)
		if (str_eq(v->at[i].value, input->value) && str_eq(v->at[i].group, input->group))
			return true;
	return false;
}

static void compare_members(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                            const WhyInputs *new)
{
	size_t before = d->count;
	for (size_t i = 0; i < new->len; i++)
		if (!has_input(old, &new->at[i])) {
			Str value = shown(d, new->at[i].value);
			why_add(d, cause_of(info, STR(""), STR(""), value), "%s %.*s is new",
			        info->words, STR_ARG(value));
		}
	for (size_t i = 0; i < old->len; i++)
		if (!has_input(new, &old->at[i])) {
			Str value = shown(d, old->at[i].value);
			why_add(d, cause_of(info, STR(""), value, STR("")), "%s %.*s is gone",
			        info->words, STR_ARG(value));
		}
	if (d->count == before)
		why_add(d, cause_of(info, STR(""), STR(""), STR("")), "%s: the order changed",
		        info->words);
}

static Str of_group(const WhyInputs *v, Str group)
{
	for (size_t i = 0; i < v->len; i++)
		if (str_eq(v->at[i].group, group))
			return v->at[i].value;
	return STR("");
}

static void compare_mounts(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                           const WhyInputs *new)
{
	const WhyInputs *longer = new->len >= old->len ? new : old;
	for (size_t i = 0; i < longer->len; i++) {
		Str group = longer->at[i].group;
		Str before = of_group(old, group), after = of_group(new, group);
		if (str_eq(before, after))
			continue;
		show_both(d, &before, &after);
		why_add(d, cause_of(info, shown(d, group), before, after),
		        "--mount %.*s: %s %.*s \xe2\x86\x92 %.*s", STR_ARG(shown(d, group)),
		        info->words, STR_ARG(before), STR_ARG(after));
	}
}

/* --- all ------------------------------------------------------------------------------------- */

typedef void CompareFn(WhyDiff *d, const KeyInputInfo *info, const WhyInputs *old,
                       const WhyInputs *new);

static void compare_kind(WhyDiff *d, KeyInput kind, const WhyInputs *old, const WhyInputs *new)
{
	static CompareFn *const compare[] = {
		[KEY_STYLE_VALUE] = compare_value,     [KEY_STYLE_TEXT] = compare_text,
		[KEY_STYLE_COMMAND] = compare_command, [KEY_STYLE_ENV] = compare_env,
		[KEY_STYLE_MEMBER] = compare_members,  [KEY_STYLE_MOUNT] = compare_mounts,
	};
	const KeyInputInfo *info = &key_input_table[kind];
	if (info->written && d->line_changed)
		return;
	AUTO_VEC WhyInputs before = { 0 }, after = { 0 };
	pick(old, kind, &before);
	pick(new, kind, &after);
	if (same_inputs(&before, &after))
		return;
	d->parent |= info->style == KEY_STYLE_PARENT;
	d->from |= info->style == KEY_STYLE_FROM;
	if (info->style < ARRAY_LEN(compare)) /* why_compare_files() has the others */
		compare[info->style](d, info, &before, &after);
}

void why_compare(WhyDiff *d, const WhySide *old, const WhySide *new)
{
	AUTO_VEC WhyInputs before = { 0 }, after = { 0 };
	Digest both = common_list(old->preimage, new->preimage);
	Splitter a = { .diff = d, .side = old, .out = &before, .skip = both };
	Splitter b = { .diff = d, .side = new, .out = &after, .skip = both };
	split(&a, old->preimage);
	split(&b, new->preimage);
	for (KeyInput kind = 0; kind < KEY_INPUT_COUNT && !d->files_only; kind++)
		compare_kind(d, kind, &before, &after);
	if (a.lost || b.lost)
		why_add(d, (StoreCause){ .code = STR("files"), .step = STORE_STEP_NONE },
		        "files changed (which ones is no longer known)");
	else
		why_compare_files(d, &before, &after);
}
