/* config.c - image configs: read strictly, written in one way only. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/rune.h"
#include "codec/json.h"
#include "oci/config.h"

#define MEMBER_CACHE "decant.cache.v1"

/* --- arrays that grow in the arena ----------------------------------------------------------- */

/* Room for one more of SIZE bytes; doubled, so that N pushes copy O(N) in all. */
static void *grown(Arena *a, void *at, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return at;
	*cap = count < 4 ? 8 : count * 2;
	if (*cap > SIZE_MAX / size)
		die_oom(SIZE_MAX);
	void *bigger = arena_alloc(a, *cap * size, _Alignof(max_align_t));
	if (count)
		memcpy(bigger, at, count * size);
	return bigger;
}

void strs_push(Arena *a, Strs *s, Str value)
{
	s->at = grown(a, s->at, s->count, &s->cap, sizeof *s->at);
	s->at[s->count++] = value;
	s->set = true;
}

void image_config_add_label(Arena *a, ImageConfig *c, Str key, Str value)
{
	c->labels = grown(a, c->labels, c->label_count, &c->label_cap, sizeof *c->labels);
	c->labels[c->label_count++] = (Label){ key, value };
}

static void *copied(Arena *a, const void *at, size_t count, size_t size)
{
	if (!count)
		return NULL;
	return memcpy(arena_alloc(a, count * size, _Alignof(max_align_t)), at, count * size);
}

static Strs strs_copied(Arena *a, Strs s)
{
	return (Strs){ copied(a, s.at, s.count, sizeof *s.at), s.count, s.set, s.count };
}

ImageConfig image_config_fork(Arena *a, const ImageConfig *c)
{
	ImageConfig f = *c;
	f.env = strs_copied(a, c->env);
	f.entrypoint = strs_copied(a, c->entrypoint);
	f.cmd = strs_copied(a, c->cmd);
	f.shell = strs_copied(a, c->shell);
	f.on_build = strs_copied(a, c->on_build);
	f.exposed_ports = strs_copied(a, c->exposed_ports);
	f.volumes = strs_copied(a, c->volumes);
	f.labels = copied(a, c->labels, c->label_count, sizeof *c->labels);
	f.label_cap = c->label_count;
	f.diff_ids = copied(a, c->diff_ids, c->diff_id_count, sizeof *c->diff_ids);
	f.history = copied(a, c->history, c->history_count, sizeof *c->history);
	return f;
}

/* --- env and labels -------------------------------------------------------------------------- */

/* Entries without '=' exist in the wild: they name a variable too. */
static bool names(Str entry, Str name)
{
	return str_starts(entry, name) && (entry.len == name.len || entry.ptr[name.len] == '=');
}

bool image_config_env(const ImageConfig *c, Str name, Str *ret_value)
{
	for (size_t i = 0; i < c->env.count; i++) {
		if (names(c->env.at[i], name)) {
			*ret_value = str_from_at(c->env.at[i], name.len + 1);
			return true;
		}
	}
	return false;
}

void image_config_set_env(Arena *a, ImageConfig *c, Str name, Str value)
{
	Str entry = arena_strf(a, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
	for (size_t i = 0; i < c->env.count; i++) {
		if (names(c->env.at[i], name)) {
			c->env.at[i] = entry;
			return;
		}
	}
	strs_push(a, &c->env, entry);
}

void image_config_set_label(Arena *a, ImageConfig *c, Str key, Str value)
{
	for (size_t i = 0; i < c->label_count; i++) {
		if (str_eq(c->labels[i].key, key)) {
			c->labels[i].value = value;
			return;
		}
	}
	image_config_add_label(a, c, key, value);
}

/* --- reading --------------------------------------------------------------------------------- */

static Err *get_strs(const JsonValue *object, const char *key, Arena *a, Strs *ret)
{
	Strs s = { 0 };
	TRY(json_get_strs(object, "config", key, a, &s.at, &s.count));
	s.set = !json_value_is_null(json_member(object, key));
	*ret = s;
	return NULL;
}

/* Member KEY of OBJECT, or NULL if it is absent or null. */
static Err *get_object(const JsonValue *object, const char *where, const char *key,
                       const JsonValue **ret)
{
	const JsonValue *v = json_member(object, key);
	*ret = NULL;
	if (json_value_is_null(v))
		return NULL;
	if (!json_value_is_object(v))
		return err_new(ERR_INPUT, "%s%s%s: expected an object", where, *where ? "." : "",
		               key);
	*ret = v;
	return NULL;
}

/* A Go map[string]struct{}: its keys. */
static Err *get_set(const JsonValue *object, const char *key, Arena *a, Strs *ret)
{
	const JsonValue *set;
	TRY(get_object(object, "config", key, &set));
	if (!set)
		return NULL;
	Str name;
	JsonValue *value;
	void *at = NULL;
	while (json_next_member(set, &at, &name, &value)) {
		if (!json_value_is_object(value) && !json_value_is_null(value))
			return err_new(ERR_INPUT, "config.%s: expected {} as its values", key);
		strs_push(a, ret, arena_str(a, name));
	}
	ret->set = true;
	return NULL;
}

static Err *get_labels(const JsonValue *object, Arena *a, ImageConfig *c)
{
	const JsonValue *labels;
	TRY(get_object(object, "config", "Labels", &labels));
	if (!labels)
		return NULL;
	Str key;
	JsonValue *value;
	void *at = NULL;
	while (json_next_member(labels, &at, &key, &value)) {
		if (!json_value_is_string(value) && !json_value_is_null(value))
			return err_new(ERR_INPUT, "config.Labels: expected strings as its values");
		image_config_add_label(a, c, arena_str(a, key),
		                       arena_str(a, json_value_string(value)));
	}
	return NULL;
}

/* "1000:3000000000": numbers beyond 32 bits would wrap to somebody else, root for one. */
static Err *check_user(Str user)
{
	for (Str rest = user, part; rest.len > 0;) {
		rest = str_cut(rest, ':', &part);
		size_t digits = 0;
		while (digits < part.len && part.ptr[digits] >= '0' && part.ptr[digits] <= '9')
			digits++;
		uint64_t id;
		if (part.len > 0 && digits == part.len &&
		    (!str_to_u64(part, &id) || id >= UINT32_MAX))
			return err_new(ERR_INPUT, "config.User: '%.*s' is out of range",
			               STR_ARG(str_head(user, 80)));
	}
	return NULL;
}

static Err *get_run(const JsonValue *doc, Arena *a, ImageConfig *c)
{
	const JsonValue *config, *health;
	TRY(get_object(doc, "", "config", &config));
	if (!config)
		return NULL;
	TRY(json_get_str(config, "config", "User", a, &c->user));
	TRY(check_user(c->user));
	TRY(json_get_str(config, "config", "WorkingDir", a, &c->working_dir));
	TRY(json_get_str(config, "config", "StopSignal", a, &c->stop_signal));
	TRY(json_get_bool(config, "config", "ArgsEscaped", &c->args_escaped));
	TRY(get_strs(config, "Env", a, &c->env));
	for (size_t i = 0; i < c->env.count; i++)
		if (str_find(c->env.at[i], '=') <= 0)
			return err_new(ERR_INPUT, "config.Env[%zu]: '%.*s' is no NAME=VALUE", i,
			               STR_ARG(str_head(c->env.at[i], 200)));
	TRY(get_strs(config, "Entrypoint", a, &c->entrypoint));
	TRY(get_strs(config, "Cmd", a, &c->cmd));
	TRY(get_strs(config, "Shell", a, &c->shell));
	TRY(get_strs(config, "OnBuild", a, &c->on_build));
	TRY(get_set(config, "ExposedPorts", a, &c->exposed_ports));
	TRY(get_set(config, "Volumes", a, &c->volumes));
	TRY(get_labels(config, a, c));
	TRY(get_object(config, "config", "Healthcheck", &health));
	if (health) {
		AUTO_BUF Buf text = BUF_INIT;
		json_dump(health, &text);
		c->healthcheck = arena_str(a, buf_str(&text));
	}
	return NULL;
}

static Err *get_time(const JsonValue *object, const char *where, Arena *a, int64_t *ret_ns)
{
	Str text = STR("");
	*ret_ns = IMAGE_TIME_NONE;
	TRY(json_get_str(object, where, "created", a, &text));
	if (text.len)
		TRY_WHILE(clock_parse(text, ret_ns), "reading '%s%screated'", where,
		          *where ? "." : "");
	return NULL;
}

static Err *get_diff_ids(const JsonValue *doc, Arena *a, ImageConfig *c)
{
	const JsonValue *rootfs;
	TRY(get_object(doc, "", "rootfs", &rootfs));
	if (!rootfs)
		return err_new(ERR_INPUT, "rootfs: missing");
	Str type = STR("layers");
	TRY(json_get_str(rootfs, "rootfs", "type", a, &type));
	if (!str_eqc(type, "layers"))
		return err_new(ERR_INPUT, "rootfs.type: expected 'layers', not '%.*s'",
		               STR_ARG(type));
	Str *texts = NULL;
	size_t count = 0;
	TRY(json_get_strs(rootfs, "rootfs", "diff_ids", a, &texts, &count));
	if (count > IMAGE_LAYERS_MAX)
		return err_new(ERR_INPUT, "rootfs.diff_ids: %zu layers, more than %d", count,
		               IMAGE_LAYERS_MAX);
	if (count)
		c->diff_ids = arena_alloc(a, count * sizeof *c->diff_ids, _Alignof(Digest));
	for (size_t i = 0; i < count; i++)
		TRY_WHILE(digest_parse(texts[i], &c->diff_ids[i]), "reading 'rootfs.diff_ids[%zu]'",
		          i);
	c->diff_id_count = count;
	return NULL;
}

static Err *get_history(const JsonValue *doc, Arena *a, ImageConfig *c)
{
	const JsonValue *list = json_member(doc, "history");
	if (!json_value_is_null(list) && !json_value_is_array(list))
		return err_new(ERR_INPUT, "history: expected an array");
	size_t listed = json_value_is_null(list) ? 0 : json_length(list);
	size_t with_layer = 0;
	History *h = arena_alloc(a, (listed + c->diff_id_count) * sizeof *h, _Alignof(History));
	for (size_t i = 0; i < listed; i++) {
		const JsonValue *entry = json_at(list, i);
		if (!json_value_is_object(entry))
			return err_new(ERR_INPUT, "history[%zu]: expected an object", i);
		TRY(get_time(entry, "history", a, &h[i].created_ns));
		TRY(json_get_str(entry, "history", "created_by", a, &h[i].created_by));
		TRY(json_get_str(entry, "history", "author", a, &h[i].author));
		TRY(json_get_str(entry, "history", "comment", a, &h[i].comment));
		TRY(json_get_bool(entry, "history", "empty_layer", &h[i].empty_layer));
		with_layer += !h[i].empty_layer;
	}
	/* The promise of the header: what comes later may count on it. */
	for (size_t i = 0; with_layer > c->diff_id_count; i++) {
		with_layer -= !h[i].empty_layer;
		h[i].empty_layer = true;
	}
	for (size_t i = listed; i < listed + c->diff_id_count; i++)
		h[i].created_ns = IMAGE_TIME_NONE;
	c->history = h;
	c->history_count = listed + (c->diff_id_count - with_layer);
	return NULL;
}

/* Whatever is in it: who looks for a cache reads it. */
static void get_cache(const JsonValue *doc, Arena *a, ImageConfig *c)
{
	const JsonValue *cache = json_member(doc, MEMBER_CACHE);
	AUTO_BUF Buf text = BUF_INIT;
	if (json_value_is_null(cache))
		return;
	json_dump(cache, &text);
	c->cache = arena_str(a, buf_str(&text));
}

static Err *parse_document(const JsonValue *doc, Arena *a, ImageConfig *c)
{
	if (!json_value_is_object(doc))
		return err_new(ERR_INPUT, "expected an object");
	TRY(json_get_str(doc, "", "architecture", a, &c->platform.arch));
	TRY(json_get_str(doc, "", "os", a, &c->platform.os));
	TRY(json_get_str(doc, "", "variant", a, &c->platform.variant));
	TRY(json_get_str(doc, "", "os.version", a, &c->os_version));
	TRY(json_get_str(doc, "", "author", a, &c->author));
	if (!c->platform.arch.len || !c->platform.os.len)
		return err_new(ERR_INPUT, "%s: missing",
		               c->platform.os.len ? "architecture" : "os");
	TRY(get_time(doc, "", a, &c->created_ns));
	TRY(get_run(doc, a, c));
	TRY(get_diff_ids(doc, a, c));
	get_cache(doc, a, c);
	return get_history(doc, a, c);
}

static void json_freep(JsonValue **v)
{
	json_free(*v);
}

Err *image_config_parse(Arena *a, Str json, const char *name, ImageConfig *ret)
{
	CLEANUP(json_freep) JsonValue *doc = NULL;
	TRY(json_parse(json, IMAGE_CONFIG_BYTES_MAX, name, &doc));
	ImageConfig c = { 0 };
	/* Every text is a valid one, also of what is absent. */
	Str *texts[] = { &c.platform.os, &c.platform.arch, &c.platform.variant, &c.os_version,
		         &c.author,      &c.user,          &c.working_dir,      &c.stop_signal,
		         &c.healthcheck, &c.cache };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = STR("");
	TRY_WHILE(parse_document(doc, a, &c), "reading the image config '%s'", name);
	if (str_eqc(c.platform.arch, "arm64") && str_eqc(c.platform.variant, "v8"))
		c.platform.variant = STR("");
	*ret = c;
	return NULL;
}

/* --- writing
 * -----------------------------------------------------------------------------------------------
 */

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

static int by_key(const void *a, const void *b)
{
	const Label *x = a, *y = b;
	int order = str_cmp(x->key, y->key);
	return order ? order : str_cmp(x->value, y->value);
}

/*
 * S as JSON holds it: each byte that is no UTF-8 as U+FFFD.  Names that differ in such bytes alone
 * become one, and an object with a key twice is none that can be read again.
 */
static Str as_utf8(Arena *a, Str s)
{
	AUTO_BUF Buf out = BUF_INIT;
	bool bad = false;
	for (size_t at = 0, len; at < s.len; at += len) {
		uint32_t rune = rune_at(s, at, &len);
		bad |= rune == RUNE_BAD && len == 1;
		rune_add(&out, rune);
	}
	return bad ? arena_str(a, buf_str(&out)) : s;
}

static void put_str(JsonWriter *w, const char *key, Str value)
{
	if (!value.len)
		return;
	json_write_key(w, key);
	json_write_str(w, value);
}

static void put_strs(JsonWriter *w, const char *key, Strs s)
{
	if (!s.count)
		return;
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < s.count; i++)
		json_write_str(w, s.at[i]);
	json_write_array_end(w);
}

static void put_set(JsonWriter *w, const char *key, Strs s)
{
	if (!s.count)
		return;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_FREE Str *sorted = xreallocarray(NULL, s.count, sizeof *sorted);
	for (size_t i = 0; i < s.count; i++)
		sorted[i] = as_utf8(&a, s.at[i]);
	qsort(sorted, s.count, sizeof *sorted, by_text);
	json_write_key(w, key);
	json_write_object(w);
	for (size_t i = 0; i < s.count; i++) {
		if (i && str_eq(sorted[i], sorted[i - 1]))
			continue;
		json_write_key_str(w, sorted[i]);
		json_write_object(w);
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static void put_labels(JsonWriter *w, const ImageConfig *c)
{
	if (!c->label_count)
		return;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_FREE Label *sorted = xreallocarray(NULL, c->label_count, sizeof *sorted);
	for (size_t i = 0; i < c->label_count; i++)
		sorted[i] = (Label){ as_utf8(&a, c->labels[i].key), c->labels[i].value };
	qsort(sorted, c->label_count, sizeof *sorted, by_key);
	json_write_key(w, "Labels");
	json_write_object(w);
	for (size_t i = 0; i < c->label_count; i++) {
		if (i && str_eq(sorted[i].key, sorted[i - 1].key))
			continue;
		json_write_key_str(w, sorted[i].key);
		json_write_str(w, sorted[i].value);
	}
	json_write_object_end(w);
}

static void put_run(JsonWriter *w, const ImageConfig *c)
{
	json_write_object(w);
	put_str(w, "User", c->user);
	put_set(w, "ExposedPorts", c->exposed_ports);
	put_strs(w, "Env", c->env);
	put_strs(w, "Entrypoint", c->entrypoint);
	put_strs(w, "Cmd", c->cmd);
	put_set(w, "Volumes", c->volumes);
	put_str(w, "WorkingDir", c->working_dir);
	put_labels(w, c);
	put_str(w, "StopSignal", c->stop_signal);
	if (c->args_escaped) {
		json_write_key(w, "ArgsEscaped");
		json_write_bool(w, true);
	}
	if (c->healthcheck.len) {
		json_write_key(w, "Healthcheck");
		json_write_raw(w, c->healthcheck);
	}
	put_strs(w, "OnBuild", c->on_build);
	put_strs(w, "Shell", c->shell);
	json_write_object_end(w);
}

static void put_time(JsonWriter *w, int64_t ns)
{
	if (ns == IMAGE_TIME_NONE)
		return;
	char text[CLOCK_TEXT_BYTES];
	json_write_key(w, "created");
	json_write_str(w, clock_format(ns, text));
}

static void put_history(JsonWriter *w, const ImageConfig *c)
{
	json_write_key(w, "history");
	json_write_array(w);
	for (size_t i = 0; i < c->history_count; i++) {
		const History *h = &c->history[i];
		json_write_object(w);
		put_time(w, h->created_ns);
		put_str(w, "created_by", h->created_by);
		put_str(w, "author", h->author);
		put_str(w, "comment", h->comment);
		if (h->empty_layer) {
			json_write_key(w, "empty_layer");
			json_write_bool(w, true);
		}
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void put_rootfs(JsonWriter *w, const ImageConfig *c)
{
	json_write_key(w, "rootfs");
	json_write_object(w);
	json_write_key(w, "type");
	json_write_str(w, STR("layers"));
	json_write_key(w, "diff_ids");
	json_write_array(w);
	for (size_t i = 0; i < c->diff_id_count; i++) {
		char text[DIGEST_TEXT_LEN + 1];
		json_write_str(w, digest_text(&c->diff_ids[i], text));
	}
	json_write_array_end(w);
	json_write_object_end(w);
}

void image_config_format(const ImageConfig *c, Buf *out)
{
	JsonWriter w = { .out = out };
	json_write_object(&w);
	json_write_key(&w, "architecture");
	json_write_str(&w, c->platform.arch);
	put_str(&w, "author", c->author);
	json_write_key(&w, "config");
	put_run(&w, c);
	put_time(&w, c->created_ns);
	if (c->cache.len) {
		json_write_key(&w, MEMBER_CACHE);
		json_write_raw(&w, c->cache);
	}
	put_history(&w, c);
	json_write_key(&w, "os");
	json_write_str(&w, c->platform.os);
	put_str(&w, "os.version", c->os_version);
	put_rootfs(&w, c);
	put_str(&w, "variant", c->platform.variant);
	json_write_object_end(&w);
}

static void put_int(JsonWriter *w, const char *key, int64_t value)
{
	if (!value)
		return;
	json_write_key(w, key);
	json_write_int(w, value);
}

void image_config_set_health(Arena *a, ImageConfig *c, const Health *health)
{
	AUTO_BUF Buf text = BUF_INIT;
	JsonWriter w = { .out = &text };
	json_write_object(&w);
	put_strs(&w, "Test", health->test);
	put_int(&w, "Interval", health->interval_ns);
	put_int(&w, "Timeout", health->timeout_ns);
	put_int(&w, "StartPeriod", health->start_period_ns);
	put_int(&w, "StartInterval", health->start_interval_ns);
	put_int(&w, "Retries", health->retries);
	json_write_object_end(&w);
	c->healthcheck = arena_str(a, buf_str(&text));
}

void image_config_format_run(const ImageConfig *c, Buf *out)
{
	JsonWriter w = { .out = out };
	put_run(&w, c);
}
