/* changes.c - differences in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "cli/changes.h"
#include "cli/listing.h"

const char *changes_type(const Entry *e)
{
	switch (e->type) {
	case ENTRY_FILE:
		return "file";
	case ENTRY_DIR:
		return "directory";
	case ENTRY_SYMLINK:
		return "symlink";
	case ENTRY_HARDLINK:
		return "hard link";
	case ENTRY_CHAR:
		return "character device";
	case ENTRY_BLOCK:
		return "block device";
	case ENTRY_FIFO:
		return "named pipe";
	case ENTRY_WHITEOUT:
		return "whiteout";
	}
	return "file";
}

/* --- files ------------------------------------------------------------------------------------ */

typedef void WordsFn(Arena *a, const Entry *x, const Entry *y, Buf *out);

static void say_type(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	if (x->type == ENTRY_HARDLINK && y->type == ENTRY_FILE)
		buf_addf(out, "no longer a hard link to %.*s", STR_ARG(x->link));
	else if (x->type == ENTRY_FILE && y->type == ENTRY_HARDLINK)
		buf_addf(out, "now a hard link to %.*s", STR_ARG(y->link));
	else
		buf_addf(out, "%s -> %s", changes_type(x), changes_type(y));
}

static void say_content(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	buf_add_str(out, STR("content"));
	if (x->size != y->size)
		buf_addf(out, ", size %s -> %s", cli_size(a, x->size).ptr,
		         cli_size(a, y->size).ptr);
}

static void say_mode(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	buf_addf(out, "mode %04o -> %04o", x->mode, y->mode);
}

static void say_owner(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	buf_addf(out, "owner %u:%u -> %u:%u", x->uid, x->gid, y->uid, y->gid);
}

static void say_link(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	buf_addf(out, "target %.*s -> %.*s", STR_ARG(x->link), STR_ARG(y->link));
}

static void say_device(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	buf_addf(out, "device %u:%u -> %u:%u", x->rdev_major, x->rdev_minor, y->rdev_major,
	         y->rdev_minor);
}

static void say_xattr(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	buf_addf(out, "xattr %.*s", STR_ARG(compare_xattr_name(x, y)));
}

static void say_time(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	char before[CLOCK_TEXT_BYTES], after[CLOCK_TEXT_BYTES];
	(void)a;
	buf_addf(out, "time %s -> %s", clock_format(x->mtime_ns, before).ptr,
	         clock_format(y->mtime_ns, after).ptr);
}

static void say_opaque(Arena *a, const Entry *x, const Entry *y, Buf *out)
{
	(void)a;
	(void)y;
	buf_addf(out, "what is below %s", x->opaque ? "shows" : "is hidden");
}

static const struct {
	CompareBit bit;
	const char *name;
	WordsFn *say;
} kinds[] = {
	{ COMPARE_TYPE, "type", say_type },       { COMPARE_CONTENT, "content", say_content },
	{ COMPARE_MODE, "mode", say_mode },       { COMPARE_OWNER, "owner", say_owner },
	{ COMPARE_LINK, "target", say_link },     { COMPARE_DEVICE, "device", say_device },
	{ COMPARE_XATTR, "xattr", say_xattr },    { COMPARE_TIME, "time", say_time },
	{ COMPARE_OPAQUE, "opaque", say_opaque },
};

void changes_words(Arena *a, const Change *c, Buf *out)
{
	bool first = true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!(c->bits & kinds[i].bit))
			continue;
		if (!first)
			buf_add_str(out, STR(", "));
		kinds[i].say(a, c->before, c->after, out);
		first = false;
	}
}

static void number(JsonWriter *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_int(w, value);
}

static void entry_json(Arena *a, const Entry *e, JsonWriter *w)
{
	char time[CLOCK_TEXT_BYTES];
	if (!e) {
		json_write_null(w);
		return;
	}
	json_write_object(w);
	json_write_member(w, "type", str_from(changes_type(e)));
	json_write_member(w, "mode", arena_strf(a, "%04o", e->mode));
	number(w, "uid", e->uid);
	number(w, "gid", e->gid);
	json_write_member(w, "mtime", clock_format(e->mtime_ns, time));
	if (e->link.len)
		json_write_member(w, "link", e->link);
	if (e->type == ENTRY_FILE || e->type == ENTRY_HARDLINK) {
		number(w, "size", (int64_t)e->size);
		json_write_member(w, "digest", digest_arena_text(a, &e->sha256));
	}
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK)
		json_write_member(w, "device",
		                  arena_strf(a, "%u:%u", e->rdev_major, e->rdev_minor));
	json_write_object_end(w);
}

void changes_json(Arena *a, const Change *c, JsonWriter *w)
{
	const Entry *any = c->after ? c->after : c->before;
	json_write_object(w);
	json_write_member(w, "path", arena_strf(a, "/%.*s", STR_ARG(any->path)));
	json_write_member(w, "change",
	                  !c->before  ? STR("added")
	                  : !c->after ? STR("removed")
	                              : STR("changed"));
	json_write_key(w, "what");
	json_write_array(w);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (c->bits & kinds[i].bit)
			json_write_str(w, str_from(kinds[i].name));
	json_write_array_end(w);
	json_write_key(w, "before");
	entry_json(a, c->before, w);
	json_write_key(w, "after");
	entry_json(a, c->after, w);
	json_write_object_end(w);
}

/* --- configs ---------------------------------------------------------------------------------- */

typedef struct Value {
	Str name, text;
} Value;

typedef VEC(Value) Values;
typedef VEC(ConfigChange) ConfigChanges;

static void add_text(Values *v, const char *name, Str text)
{
	if (text.len)
		VEC_PUSH(v, ((Value){ str_from(name), text }));
}

/* ["a","b"]: what is null and what is [] are not the same to a container. */
static void add_list(Arena *a, Values *v, const char *name, const Strs *list)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	if (!list->set && !list->count)
		return;
	json_write_array(&w);
	for (size_t i = 0; i < list->count; i++)
		json_write_str(&w, list->at[i]);
	json_write_array_end(&w);
	VEC_PUSH(v, ((Value){ str_from(name), arena_str(a, buf_str(&json)) }));
}

static void add_env(Arena *a, Values *v, const Strs *env)
{
	for (size_t i = 0; i < env->count; i++) {
		Str name, value = str_cut(env->at[i], '=', &name);
		VEC_PUSH(v, ((Value){ arena_strf(a, "Env.%.*s", STR_ARG(name)), value }));
	}
}

static void list_values(Arena *a, const ImageConfig *c, Values *v)
{
	add_text(v, "Platform", platform_text(a, &c->platform));
	add_text(v, "Author", c->author);
	add_text(v, "User", c->user);
	add_list(a, v, "ExposedPorts", &c->exposed_ports);
	add_env(a, v, &c->env);
	add_list(a, v, "Entrypoint", &c->entrypoint);
	add_list(a, v, "Cmd", &c->cmd);
	add_list(a, v, "Volumes", &c->volumes);
	add_text(v, "WorkingDir", c->working_dir);
	for (size_t i = 0; i < c->label_count; i++)
		VEC_PUSH(v, ((Value){ arena_strf(a, "Labels.%.*s", STR_ARG(c->labels[i].key)),
		                      c->labels[i].value }));
	add_text(v, "StopSignal", c->stop_signal);
	add_text(v, "Healthcheck", c->healthcheck);
	add_list(a, v, "OnBuild", &c->on_build);
	add_list(a, v, "Shell", &c->shell);
}

static const Str *find(const Values *v, Str name)
{
	for (size_t i = 0; i < v->len; i++)
		if (str_eq(v->at[i].name, name))
			return &v->at[i].text;
	return NULL;
}

static const Str *keep(Arena *a, const Str *text)
{
	if (!text)
		return NULL;
	Str *copy = arena_new(a, Str);
	*copy = *text;
	return copy;
}

void changes_of_config(Arena *a, const ImageConfig *x, const ImageConfig *y, ConfigChange **ret,
                       size_t *ret_count)
{
	Values before = { 0 }, after = { 0 };
	ConfigChanges all = { 0 };
	list_values(a, x, &before);
	list_values(a, y, &after);
	for (size_t i = 0; i < before.len; i++) {
		const Str *other = find(&after, before.at[i].name);
		if (!other || !str_eq(*other, before.at[i].text))
			VEC_PUSH(&all,
			         ((ConfigChange){ before.at[i].name, keep(a, &before.at[i].text),
			                          keep(a, other) }));
	}
	for (size_t i = 0; i < after.len; i++)
		if (!find(&before, after.at[i].name))
			VEC_PUSH(&all, ((ConfigChange){ after.at[i].name, NULL,
			                                keep(a, &after.at[i].text) }));
	*ret = arena_alloc(a, (all.len + 1) * sizeof **ret, _Alignof(ConfigChange));
	if (all.len)
		memcpy(*ret, all.at, all.len * sizeof **ret);
	*ret_count = all.len;
	VEC_DONE(&all);
	VEC_DONE(&before);
	VEC_DONE(&after);
}
