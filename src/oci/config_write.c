/* config_write.c - image configs to JSON, in one way only: their bytes are the image ID. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/rune.h"
#include "codec/json.h"
#include "oci/config-internal.h"

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
