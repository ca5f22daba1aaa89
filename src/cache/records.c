/*
 * records.c - the records of a cache as JSON, and back.
 *
 *	{"version":1,
 *	 "layers":[{"id":"sha256:<diff ID>","untimed":"<base64>"}, ...],   as the manifest's layers
 *	 "records":[{"key":"<hex>","content":"<hex>","layer":0,"identity":"<hex>","size":12,
 *	             "created":NS,"cost":NS,"empty":true}, ...],
 *	 "steps":[{"key":"<hex>",...,"id":"<hex of the diff ID>",...}, ...],   whose layer is not
 *here "images":[{"key":"<hex>","created":NS}, ...]}
 *
 * "id" is without "sha256:": in an image's config, gc would keep what looks like a blob.
 *
 * Hashes do not compress, and registries look into configs: so it is plain.  A reader takes members
 * that it does not know; what changes the meaning of those that it knows raises the version.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "cache/cache.h"
#include "codec/base64.h"
#include "codec/json.h"

enum { VERSION = 1 };

static void json_freep(JsonValue **v)
{
	json_free(*v);
}
#define AUTO_JSON CLEANUP(json_freep)

/* --- writing -----------------------------------------------------------------------------------
 */

static void put_int(JsonWriter *w, const char *key, int64_t value)
{
	if (!value)
		return;
	json_write_key(w, key);
	json_write_int(w, value);
}

static void put_hex(JsonWriter *w, const char *key, const Digest *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	json_write_key(w, key);
	json_write_str(w, digest_hex(d, hex));
}

/* LAYER: its number; negative: it is not here. */
static void put_record(JsonWriter *w, const CacheRecord *r, int64_t layer, bool costs)
{
	json_write_object(w);
	put_hex(w, "key", &r->key);
	if (!digest_is_zero(&r->content))
		put_hex(w, "content", &r->content);
	if (layer < 0) {
		put_hex(w, "id", &r->diff_id);
	} else {
		json_write_key(w, "layer");
		json_write_int(w, layer);
	}
	put_hex(w, "identity", &r->identity);
	put_int(w, "size", (int64_t)r->size_bytes);
	put_int(w, "created", r->created_ns);
	if (costs)
		put_int(w, "cost", r->cost_ns);
	if (r->empty) {
		json_write_key(w, "empty");
		json_write_bool(w, true);
	}
	json_write_object_end(w);
}

static void put_layer(JsonWriter *w, const CacheLayer *l)
{
	char text[DIGEST_TEXT_LEN + 1];
	json_write_object(w);
	json_write_key(w, "id");
	json_write_str(w, digest_text(&l->diff_id, text));
	if (l->marked) {
		AUTO_BUF Buf base64 = BUF_INIT;
		base64_encode(l->marks, &base64);
		json_write_key(w, "untimed");
		json_write_str(w, buf_str(&base64));
	}
	json_write_object_end(w);
}

/* Of a layer that an image has twice, the first. */
static void index_layers(const CacheRecords *r, Arena *a, Map *ret)
{
	for (size_t i = 0; i < r->layer_count; i++) {
		Str hex = digest_arena_hex(a, &r->layers[i].diff_id);
		if (!map_find(ret, hex))
			(void)map_put(ret, hex, &r->layers[i]);
	}
}

/* Those whose layers are among LAYERS, or the others. */
static void put_records(JsonWriter *w, const CacheRecords *r, const Map *layers, bool here,
                        bool costs)
{
	json_write_key(w, here ? "records" : "steps");
	json_write_array(w);
	for (size_t i = 0; i < r->record_count; i++) {
		char hex[DIGEST_HEX_LEN + 1];
		const CacheLayer *at = map_get(layers, digest_hex(&r->records[i].diff_id, hex));
		if ((at != NULL) == here)
			put_record(w, &r->records[i], at ? at - r->layers : -1, costs);
	}
	json_write_array_end(w);
}

void cache_records_format(const CacheRecords *r, bool costs, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map layers = MAP_INIT; /* hex of a diff ID → CacheLayer */
	JsonWriter w = { .out = out };
	index_layers(r, &a, &layers);
	json_write_object(&w);
	json_write_key(&w, "version");
	json_write_int(&w, VERSION);
	json_write_key(&w, "layers");
	json_write_array(&w);
	for (size_t i = 0; i < r->layer_count; i++)
		put_layer(&w, &r->layers[i]);
	json_write_array_end(&w);
	put_records(&w, r, &layers, true, costs);
	put_records(&w, r, &layers, false, costs);
	json_write_key(&w, "images");
	json_write_array(&w);
	for (size_t i = 0; i < r->image_count; i++) {
		json_write_object(&w);
		put_hex(&w, "key", &r->images[i].key);
		put_int(&w, "created", r->images[i].created_ns);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	json_write_object_end(&w);
}

/* --- reading -----------------------------------------------------------------------------------
 */

typedef struct Reading {
	Arena *arena;
	const char *name;
	CacheRecords *out;
} Reading;

/* A wrong member of a document from outside is corruption, whatever the JSON helper called it. */
#define TRY_CORRUPT(expr) TRY(err_set_kind(expr, ERR_CORRUPT))

static Err *get_hex(const JsonValue *v, const char *where, const char *key, Digest *ret)
{
	Err *e = digest_parse_hex(json_value_string(json_member(v, key)), ret);
	if (!e)
		return NULL;
	err_free(e); /* said better with its place */
	return err_new(ERR_CORRUPT, "%s.%s: expected a SHA-256 in hex", where, key);
}

/* A time or a size: none is negative. */
static Err *get_number(const JsonValue *v, const char *where, const char *key, int64_t *ret)
{
	*ret = 0;
	TRY_CORRUPT(json_get_int(v, where, key, ret));
	return *ret >= 0 ? NULL : err_new(ERR_CORRUPT, "%s.%s: is negative", where, key);
}

static Err *get_array(const JsonValue *doc, const char *name, const char *key, size_t most,
                      JsonValue **ret)
{
	*ret = json_member(doc, key);
	if (!json_value_is_array(*ret))
		return err_new(ERR_CORRUPT, "%s.%s: expected an array", name, key);
	if (json_length(*ret) > most)
		return err_new(ERR_CORRUPT, "%s.%s: %zu entries, at most %zu are read", name, key,
		               json_length(*ret), most);
	return NULL;
}

static Err *read_layer_of(const Reading *r, const JsonValue *v, const char *where, Digest *ret)
{
	int64_t layer = -1;
	TRY_CORRUPT(json_get_int(v, where, "layer", &layer));
	if (layer < 0 || (uint64_t)layer >= r->out->layer_count)
		return err_new(ERR_CORRUPT, "%s.layer: there is no such layer", where);
	*ret = r->out->layers[layer].diff_id;
	return NULL;
}

static Err *read_record(const Reading *r, const JsonValue *v, const char *where, bool here,
                        CacheRecord *ret)
{
	int64_t size = 0;
	if (!json_value_is_object(v))
		return err_new(ERR_CORRUPT, "%s: expected an object", where);
	TRY(get_hex(v, where, "key", &ret->key));
	if (!json_value_is_null(json_member(v, "content")))
		TRY(get_hex(v, where, "content", &ret->content));
	TRY(get_hex(v, where, "identity", &ret->identity));
	TRY(here ? read_layer_of(r, v, where, &ret->diff_id)
	         : get_hex(v, where, "id", &ret->diff_id));
	TRY(get_number(v, where, "size", &size));
	ret->size_bytes = (uint64_t)size;
	TRY(get_number(v, where, "created", &ret->created_ns));
	TRY(get_number(v, where, "cost", &ret->cost_ns));
	TRY_CORRUPT(json_get_bool(v, where, "empty", &ret->empty));
	return NULL;
}

static Err *read_layer(const Reading *r, const JsonValue *v, size_t i, CacheLayer *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf bits = BUF_INIT;
	const char *where = arena_strf(&a, "%s.layers[%zu]", r->name, i).ptr;
	const JsonValue *marks = json_member(v, "untimed");
	if (!json_value_is_object(v))
		return err_new(ERR_CORRUPT, "%s: expected an object", where);
	TRY_WHILE(err_set_kind(digest_parse(json_value_string(json_member(v, "id")), &ret->diff_id),
	                       ERR_CORRUPT),
	          "reading %s.id", where);
	ret->marked = !json_value_is_null(marks);
	if (!ret->marked)
		return NULL;
	if (!json_value_is_string(marks) || !base64_decode(json_value_string(marks), &bits))
		return err_new(ERR_CORRUPT, "%s.untimed: expected base64", where);
	ret->marks = arena_str(r->arena, buf_str(&bits));
	return NULL;
}

static Err *read_layers(const Reading *r, const JsonValue *doc)
{
	JsonValue *list = NULL;
	TRY(get_array(doc, r->name, "layers", IMAGE_LAYERS_MAX, &list));
	size_t count = json_length(list);
	r->out->layers =
		arena_alloc(r->arena, (count + 1) * sizeof(CacheLayer), _Alignof(CacheLayer));
	for (size_t i = 0; i < count; i++)
		TRY(read_layer(r, json_at(list, i), i, &r->out->layers[i]));
	r->out->layer_count = count;
	return NULL;
}

static Err *read_list(const Reading *r, const JsonValue *list, bool here)
{
	for (size_t i = 0; i < json_length(list); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str where = arena_strf(&a, "%s.%s[%zu]", r->name, here ? "records" : "steps", i);
		TRY(read_record(r, json_at(list, i), where.ptr, here,
		                &r->out->records[r->out->record_count]));
		r->out->record_count++;
	}
	return NULL;
}

/* Those with a layer come first: index_source(). */
static Err *read_records(const Reading *r, const JsonValue *doc)
{
	JsonValue *records = NULL, *steps = NULL;
	TRY(get_array(doc, r->name, "records", CACHE_RECORDS_MAX, &records));
	if (!json_value_is_null(json_member(doc, "steps"))) /* older caches have none */
		TRY(get_array(doc, r->name, "steps", CACHE_RECORDS_MAX, &steps));
	size_t count = json_length(records) + (steps ? json_length(steps) : 0);
	r->out->records =
		arena_alloc(r->arena, (count + 1) * sizeof(CacheRecord), _Alignof(CacheRecord));
	TRY(read_list(r, records, true));
	return steps ? read_list(r, steps, false) : NULL;
}

static Err *read_images(const Reading *r, const JsonValue *doc)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	JsonValue *list = NULL;
	if (json_value_is_null(json_member(doc, "images")))
		return NULL;
	TRY(get_array(doc, r->name, "images", CACHE_RECORDS_MAX, &list));
	size_t count = json_length(list);
	r->out->images =
		arena_alloc(r->arena, (count + 1) * sizeof(CacheImage), _Alignof(CacheImage));
	for (size_t i = 0; i < count; i++) {
		const char *where = arena_strf(&a, "%s.images[%zu]", r->name, i).ptr;
		const JsonValue *v = json_at(list, i);
		if (!json_value_is_object(v))
			return err_new(ERR_CORRUPT, "%s: expected an object", where);
		TRY(get_hex(v, where, "key", &r->out->images[i].key));
		TRY(get_number(v, where, "created", &r->out->images[i].created_ns));
	}
	r->out->image_count = count;
	return NULL;
}

static Err *check_version(const JsonValue *doc, const char *name)
{
	int64_t version = 0;
	if (!json_value_is_object(doc))
		return err_new(ERR_CORRUPT, "%s: expected an object", name);
	TRY_CORRUPT(json_get_int(doc, name, "version", &version));
	if (version == VERSION)
		return NULL;
	if (version > VERSION)
		return err_note(err_new(ERR_INPUT,
		                        "%s was written by a newer decant: its format is %lld, "
		                        "this one reads %d",
		                        name, (long long)version, VERSION),
		                "update decant, or give each version a tag of its own");
	return err_new(ERR_CORRUPT, "%s.version: expected %d", name, VERSION);
}

Err *cache_records_parse(Arena *a, Str json, const char *name, CacheRecords *ret)
{
	AUTO_JSON JsonValue *doc = NULL;
	Reading r = { a, name, ret };
	*ret = (CacheRecords){ 0 };
	TRY_CORRUPT(json_parse(json, IMAGE_CONFIG_BYTES_MAX, name, &doc));
	TRY(check_version(doc, name));
	TRY(read_layers(&r, doc));
	TRY(read_records(&r, doc));
	return read_images(&r, doc);
}
