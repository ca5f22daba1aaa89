/* settings.c - the files of settings and THE table of their keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "registry/file-internal.h"
#include "registry/settings.h"

/* Ours, and those of dockerd's that mean the same here. */
static const char *const keys[] = {
	"registry-mirrors", "insecure-registries", "mirrors", "skip-default-registry-fallback",
	"store.max",        "store.min-free",
};

Err *settings_check(const JsonValue *doc, const char *name)
{
	void *at = NULL;
	Str key;
	JsonValue *value;
	while (json_next_member(doc, &at, &key, &value)) {
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(keys) && !known; i++)
			known = str_eqc(key, keys[i]);
		const char *near = known ? NULL : str_nearest(key, keys, ARRAY_LEN(keys));
		if (known || (!near && !str_starts(key, STR("store."))))
			continue;
		Err *e = err_new(ERR_INPUT, "%s: unknown key '%.*s'", name, STR_ARG(key));
		return near ? err_note(e, "did you mean '%s'?", near)
		            : err_note(e, "there are 'store.max' and 'store.min-free'");
	}
	return NULL;
}

static size_t find_places(FilePlace places[static 2])
{
	const char *own = getenv("DECANT_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME");
	if (own && *own) {
		places[0] = (FilePlace){ own, "" };
		return 1;
	}
	places[0] = (FilePlace){ "/etc/decant", "config.json" };
	places[1] = xdg && *xdg ? (FilePlace){ xdg, "decant/config.json" }
	                        : (FilePlace){ file_home(), ".config/decant/config.json" };
	return 2;
}

static Err *read_document(Str json, SettingsFn *fn, void *context, const char *name)
{
	JsonValue *doc = NULL;
	TRY(err_set_kind(json_parse(json, JSON_BYTES_MAX, name, &doc), ERR_INPUT));
	Err *e = json_value_is_object(doc) ? settings_check(doc, name)
	                                   : err_new(ERR_INPUT, "%s: expected a JSON object", name);
	if (!e)
		e = fn(context, doc, name);
	json_free(doc);
	return e;
}

Err *settings_each(Arena *a, SettingsFn *fn, void *context, Str *ret_files)
{
	FilePlace places[2];
	size_t count = find_places(places);
	Str files = STR("");
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf json = BUF_INIT;
		bool found;
		Str name = file_place_text(a, &places[i]);
		TRY(file_read(&places[i], &json, &found));
		if (!found && count == 1)
			return err_new(ERR_INPUT, "cannot open '%s', which DECANT_CONFIG names",
			               name.ptr);
		if (!found)
			continue;
		TRY(read_document(buf_str(&json), fn, context, name.ptr));
		files = files.len ? arena_strf(a, "%.*s, %.*s", STR_ARG(files), STR_ARG(name))
		                  : name;
	}
	*ret_files = files;
	return NULL;
}

typedef struct Reading {
	Arena *arena;
	Settings *settings;
} Reading;

static Err *read_settings(void *context, const JsonValue *doc, const char *name)
{
	const Reading *r = context;
	TRY(json_get_str(doc, name, "store.max", r->arena, &r->settings->store_max));
	return json_get_str(doc, name, "store.min-free", r->arena, &r->settings->store_min_free);
}

Err *settings_read(Arena *a, Settings *ret)
{
	Settings s = { .files = STR(""), .store_max = STR(""), .store_min_free = STR("") };
	Reading r = { a, &s };
	TRY(settings_each(a, read_settings, &r, &s.files));
	*ret = s;
	return NULL;
}
