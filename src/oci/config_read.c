/* config_read.c - image configs from JSON, strictly. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "codec/json.h"
#include "oci/config-internal.h"

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
	Str *features = NULL; /* used by nobody here */
	size_t feature_count = 0;
	if (!json_value_is_object(doc))
		return err_new(ERR_INPUT, "expected an object");
	TRY(json_get_str(doc, "", "architecture", a, &c->platform.arch));
	TRY(json_get_str(doc, "", "os", a, &c->platform.os));
	TRY(json_get_str(doc, "", "variant", a, &c->platform.variant));
	TRY(json_get_str(doc, "", "os.version", a, &c->os_version));
	TRY(json_get_strs(doc, "", "os.features", a, &features, &feature_count));
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
