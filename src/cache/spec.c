/*
 * spec.c - the text of --cache-to and --cache-from: "REF", or CSV of key=value as buildx reads it.
 *
 * A key that we would ignore is refused: somebody wrote it since it matters to them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/csv.h"
#include "cache/cache.h"

typedef struct Text {
	Arena *arena;
	bool writes; /* --cache-to */
	CacheSpec spec;
	Str type, ref, compression, level;
	bool compression_set, force_set;
} Text;

static Err *take_bool(Str key, Str value, bool *ret)
{
	return str_to_bool(value, ret)
	               ? NULL
	               : err_new(ERR_INPUT, "'%.*s': expected true or false, not '%.*s'",
	                         STR_ARG(key), STR_ARG(value));
}

/* --- keys: each has one handler ----------------------------------------------------------------
 */

typedef Err *KeyFn(Text *t, Str key, Str value);

static Err *key_type(Text *t, Str key, Str value)
{
	(void)key;
	t->type = value;
	return NULL;
}

static Err *key_ref(Text *t, Str key, Str value)
{
	(void)key;
	t->ref = value;
	return NULL;
}

static Err *key_dir(Text *t, Str key, Str value)
{
	bool writes = str_eqc(key, "dest");
	if (writes != t->writes)
		return err_note(err_new(ERR_INPUT, "'%.*s' is not for --cache-%s", STR_ARG(key),
		                        t->writes ? "to" : "from"),
		                "a cache is written to dest=DIR and read from src=DIR");
	t->spec.dir = value;
	return NULL;
}

static Err *key_tag(Text *t, Str key, Str value)
{
	(void)key;
	t->spec.tag = value;
	return NULL;
}

static Err *key_digest(Text *t, Str key, Str value)
{
	(void)key;
	t->spec.has_digest = true;
	TRY(digest_parse(value, &t->spec.digest));
	if (!t->writes)
		return NULL;
	return err_note(err_new(ERR_INPUT, "'digest' is not for --cache-to"),
	                "a cache's digest follows from what is in it; give it a tag");
}

static Err *key_mode(Text *t, Str key, Str value)
{
	(void)key;
	t->spec.max = str_eqc(value, "max");
	if (t->spec.max || str_eqc(value, "min"))
		return NULL;
	return err_note(err_new(ERR_INPUT, "unknown mode '%.*s'", STR_ARG(value)),
	                "min: the layers of the result; max: those of all steps");
}

static Err *key_ignore_error(Text *t, Str key, Str value)
{
	return take_bool(key, value, &t->spec.ignore_error);
}

static Err *key_insecure(Text *t, Str key, Str value)
{
	return take_bool(key, value, &t->spec.insecure);
}

static Err *key_force(Text *t, Str key, Str value)
{
	t->force_set = true;
	return take_bool(key, value, &t->spec.force_compression);
}

static Err *key_compression(Text *t, Str key, Str value)
{
	*(str_eqc(key, "compression") ? &t->compression : &t->level) = value;
	t->compression_set = true;
	return NULL;
}

/* What is always so: true says nothing new, false cannot be had. */
static Err *key_always(Text *t, Str key, Str value)
{
	bool is;
	(void)t;
	TRY(take_bool(key, value, &is));
	if (is)
		return NULL;
	return err_note(err_new(ERR_INPUT, "'%.*s=false' is not supported", STR_ARG(key)),
	                "a cache of decant is an OCI image manifest always");
}

/* BuildKit lets a directory grow until it is told to; here it never does. */
static Err *key_reset(Text *t, Str key, Str value)
{
	bool is;
	(void)t;
	TRY(take_bool(key, value, &is));
	if (is)
		return NULL;
	return err_note(err_new(ERR_INPUT, "'reset=false' is not supported"),
	                "blobs that no tag of the directory needs are always removed");
}

enum { OF_REGISTRY = 1, OF_LOCAL = 2, OF_INLINE = 4, TO = 8, FROM = 16 };

static const struct {
	const char *name;
	unsigned where;
	KeyFn *take;
} keys[] = {
	{ "type", OF_REGISTRY | OF_LOCAL | OF_INLINE | TO | FROM, key_type },
	{ "ref", OF_REGISTRY | TO | FROM, key_ref },
	{ "registry.insecure", OF_REGISTRY | TO | FROM, key_insecure },
	{ "dest", OF_LOCAL | TO | FROM, key_dir },
	{ "src", OF_LOCAL | TO | FROM, key_dir },
	{ "tag", OF_LOCAL | TO | FROM, key_tag },
	{ "digest", OF_LOCAL | TO | FROM, key_digest },
	{ "reset", OF_LOCAL | TO, key_reset },
	{ "mode", OF_REGISTRY | OF_LOCAL | OF_INLINE | TO, key_mode },
	{ "ignore-error", OF_REGISTRY | OF_LOCAL | TO, key_ignore_error },
	{ "compression", OF_REGISTRY | OF_LOCAL | TO, key_compression },
	{ "compression-level", OF_REGISTRY | OF_LOCAL | TO, key_compression },
	{ "force-compression", OF_REGISTRY | OF_LOCAL | TO, key_force },
	{ "image-manifest", OF_REGISTRY | OF_LOCAL | TO, key_always },
	{ "oci-mediatypes", OF_REGISTRY | OF_LOCAL | TO, key_always },
};

/* What buildx has and we do not, with what to do instead. */
static const struct {
	const char *name, *instead;
} refused[] = {
	{ "gha", "in GitHub Actions use type=registry,ref=ghcr.io/OWNER/REPO:cache, or type=local "
	         "in a directory that actions/cache keeps" },
	{ "s3", "use type=registry, or type=local and copy the directory to the bucket" },
	{ "azblob", "use type=registry, or type=local and copy the directory to the container" },
};

static const struct {
	const char *name;
	CacheType type;
	unsigned where;
} types[] = {
	{ "registry", CACHE_REGISTRY, OF_REGISTRY },
	{ "local", CACHE_LOCAL, OF_LOCAL },
	{ "inline", CACHE_INLINE, OF_INLINE },
};

static Err *take_type(Text *t, unsigned *ret_where)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!str_eqc(t->type, types[i].name))
			continue;
		t->spec.type = types[i].type;
		*ret_where = types[i].where | (t->writes ? TO : FROM);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (str_eqc(t->type, refused[i].name))
			return err_note(err_new(ERR_INPUT, "caches of type '%s' are not supported",
			                        refused[i].name),
			                "%s", refused[i].instead);
	if (!t->type.len)
		return err_note(err_new(ERR_INPUT, "'type' is missing"),
		                "one of registry, local, inline");
	return err_note(err_new(ERR_INPUT, "unknown type of cache '%.*s'", STR_ARG(t->type)),
	                "one of registry, local, inline");
}

/* --- fields ------------------------------------------------------------------------------------
 */

typedef struct Field {
	Str key, value;
} Field;

enum { FIELDS_MAX = 32 }; /* there are 15 keys */

static Str lower(Arena *a, Str s)
{
	char *copy = arena_alloc(a, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] | 0x20 : s.ptr[i]);
	return (Str){ copy, s.len };
}

static Err *cut_fields(Text *t, Str text, Field *fields, size_t *ret_count)
{
	bool more = true;
	for (*ret_count = 0; more; (*ret_count)++) {
		Str field, name;
		TRY(csv_cut(t->arena, &text, &field, &more));
		Str value = str_cut(field, '=', &name);
		if (name.len == field.len)
			return err_new(ERR_INPUT, "'%.*s' is no key=value", STR_ARG(field));
		if (*ret_count == FIELDS_MAX)
			return err_new(ERR_INPUT, "more than %d keys", FIELDS_MAX);
		fields[*ret_count] =
			(Field){ lower(t->arena, str_trim(name)), arena_str(t->arena, value) };
		if (str_eqc(fields[*ret_count].key, "type"))
			t->type = fields[*ret_count].value;
	}
	return NULL;
}

static Err *take_field(Text *t, const Field *f, unsigned where)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		unsigned of = OF_REGISTRY | OF_LOCAL | OF_INLINE;
		if (!str_eqc(f->key, keys[i].name))
			continue;
		if (!(keys[i].where & where & of))
			return err_new(ERR_INPUT, "'%.*s' does not go with type=%.*s",
			               STR_ARG(f->key), STR_ARG(t->type));
		if (!(keys[i].where & where & (TO | FROM)))
			return err_new(ERR_INPUT, "'%.*s' is not for --cache-%s", STR_ARG(f->key),
			               t->writes ? "to" : "from");
		return keys[i].take(t, f->key, f->value);
	}
	return err_new(ERR_INPUT, "unknown key '%.*s'", STR_ARG(f->key));
}

/* --- what it comes to --------------------------------------------------------------------------
 */

static Err *settle_compression(Text *t)
{
	AUTO_BUF Buf text = BUF_INIT;
	/* Nobody but us reads it: zstd is smaller than gzip, and a third of the time. */
	t->spec.compression = (CompressionSpec){ .id = COMPRESSION_ZSTD };
	if (t->force_set && !t->compression_set)
		return err_note(err_new(ERR_INPUT, "'force-compression' needs 'compression'"),
		                "as in compression=zstd,force-compression=true");
	if (!t->compression_set)
		return NULL;
	buf_add_str(&text, t->compression.len ? t->compression : STR("zstd"));
	if (t->level.len)
		buf_addf(&text, ":%.*s", STR_ARG(t->level));
	return compressor_parse(buf_str(&text), &t->spec.compression);
}

static Err *settle(Text *t)
{
	CacheSpec *s = &t->spec;
	switch (s->type) {
	case CACHE_REGISTRY:
		if (!t->ref.len)
			return err_note(err_new(ERR_INPUT, "'ref' is missing"),
			                "as in type=registry,ref=REGISTRY/NAME:TAG");
		TRY(reference_parse(t->arena, t->ref, &s->ref));
		if (t->writes && s->ref.has_digest)
			return err_new(ERR_INPUT, "a cache cannot be written to a digest: '%.*s'",
			               STR_ARG(t->ref));
		s->shown = arena_strf(t->arena, "registry %.*s",
		                      STR_ARG(reference_familiar(t->arena, &s->ref)));
		break;
	case CACHE_LOCAL:
		if (!s->dir.len)
			return err_note(
				err_new(ERR_INPUT, "'%s' is missing", t->writes ? "dest" : "src"),
				"as in type=local,%s=DIR", t->writes ? "dest" : "src");
		s->shown = arena_strf(t->arena, "local %.*s%s%.*s", STR_ARG(s->dir),
		                      s->tag.len ? ":" : "", STR_ARG(s->tag));
		break;
	case CACHE_INLINE:
		if (!t->writes)
			return err_note(err_new(ERR_INPUT, "'inline' is not for --cache-from"),
			                "--cache-from IMAGE finds what is in an image");
		if (s->max)
			return err_note(
				err_new(ERR_INPUT, "'mode=max' does not go with type=inline"),
				"an image holds its own layers alone; use type=registry");
		s->shown = STR("inline");
		break;
	}
	return settle_compression(t);
}

static Err *parse(Arena *a, Str text, bool writes, CacheSpec *ret)
{
	Field fields[FIELDS_MAX];
	size_t count = 0;
	unsigned where = 0;
	Str none = { "", 0 };
	Text t = { .arena = a,
		   .writes = writes,
		   .spec = { .dir = none, .tag = none },
		   .type = none,
		   .ref = none,
		   .compression = none,
		   .level = none };
	if (!str_trim(text).len)
		return err_note(err_new(ERR_INPUT, "no cache is named"),
		                "give REF, or type=registry|local%s", writes ? "|inline" : "");
	if (str_find(text, '=') < 0 && str_find(text, ',') < 0) {
		t.ref = arena_str(a, text);
		t.type = STR("registry");
	} else {
		TRY(cut_fields(&t, text, fields, &count));
	}
	TRY(take_type(&t, &where));
	for (size_t i = 0; i < count; i++)
		TRY(take_field(&t, &fields[i], where));
	TRY(settle(&t));
	*ret = t.spec;
	return NULL;
}

Err *cache_parse_from(Arena *a, Str text, CacheSpec *ret)
{
	return parse(a, text, false, ret);
}

Err *cache_parse_to(Arena *a, Str text, CacheSpec *ret)
{
	return parse(a, text, true, ret);
}
