/*
 * manifest.c - manifests, indexes and the descriptors in them.
 *
 * Everything here comes from strangers.  A document is one thing or it is refused: its shape, its
 * own "mediaType" and the Content-Type it came with must say the same (CVE-2021-41190), and each
 * member that is used has one type.  json_parse() has refused duplicate keys and depth before.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "oci/descriptor-internal.h"
#include "oci/manifest.h"

static void json_freep(JsonValue **v)
{
	json_free(*v);
}
#define AUTO_JSON CLEANUP(json_freep)

/* A wrong member of a document from outside is corruption, whatever the JSON helper called it. */
static Err *corrupt(Err *err)
{
	return err_set_kind(err, ERR_CORRUPT);
}
#define TRY_CORRUPT(expr) TRY(corrupt(expr))

static bool is_image_type(Str type)
{
	return str_eqc(type, MEDIA_OCI_MANIFEST) || str_eqc(type, MEDIA_DOCKER_MANIFEST);
}

static bool is_index_type(Str type)
{
	return str_eqc(type, MEDIA_OCI_INDEX) || str_eqc(type, MEDIA_DOCKER_INDEX);
}

/* Content types of servers that do not know manifests: they say nothing about the document. */
static bool is_generic_type(Str type)
{
	return !type.len || str_eqc(type, "application/json") || str_eqc(type, "text/plain") ||
	       str_eqc(type, "application/octet-stream") || str_eqc(type, "binary/octet-stream");
}

static Err *read_document(Str json, const char *name, JsonValue **ret)
{
	TRY_CORRUPT(json_parse(json, MANIFEST_BYTES_MAX, name, ret));
	if (json_value_is_object(*ret))
		return NULL;
	json_free(*ret);
	*ret = NULL;
	return err_new(ERR_CORRUPT, "%s: expected a JSON object", name);
}

static bool is_present(const JsonValue *object, const char *key)
{
	return !json_value_is_null(json_member(object, key));
}

/* The media type that a document gives itself: must be known if it is there. */
static Err *own_type(const JsonValue *doc, const char *name, Str *ret)
{
	const JsonValue *type = json_member(doc, "mediaType");
	*ret = (Str){ "", 0 };
	if (json_value_is_null(type))
		return NULL;
	if (!json_value_is_string(type))
		return err_new(ERR_CORRUPT, "%s.mediaType: expected a string", name);
	*ret = json_value_string(type);
	if (!is_image_type(*ret) && !is_index_type(*ret))
		return err_new(ERR_CORRUPT, "%s.mediaType: not a manifest or index: '%.*s'", name,
		               STR_ARG(str_head(*ret, 200)));
	return NULL;
}

static Err *check_version(const JsonValue *doc, const char *name)
{
	int64_t version = 0;
	TRY_CORRUPT(json_get_int(doc, name, "schemaVersion", &version));
	if (version == 1)
		return err_note(
			err_new(ERR_CORRUPT, "%s: docker schema 1 manifest", name),
			"the format is withdrawn and its digests prove nothing: push the image "
			"again with a tool of this decade");
	if (version != 2)
		return err_new(ERR_CORRUPT, "%s.schemaVersion: expected 2", name);
	return NULL;
}

/* Which of the two a document is: by its shape, which its mediaType must agree with. */
static Err *kind_of(const JsonValue *doc, const char *name, ManifestKind *ret, Str *ret_type)
{
	TRY(check_version(doc, name));
	Str type;
	TRY(own_type(doc, name, &type));
	bool index = is_present(doc, "manifests");
	bool image = is_present(doc, "layers") || is_present(doc, "config");
	if (index && image)
		return err_new(ERR_CORRUPT,
		               "%s: has both \"manifests\" and \"%s\": neither image nor index",
		               name, is_present(doc, "layers") ? "layers" : "config");
	if (!index && !image)
		return err_new(ERR_CORRUPT, "%s: neither an image manifest nor an index", name);
	if (is_present(doc, "fsLayers") || is_present(doc, "history"))
		return err_new(ERR_CORRUPT, "%s: mixes docker schema 1 with schema 2", name);
	if (type.len && is_index_type(type) != index)
		return err_new(ERR_CORRUPT, "%s.mediaType: '%.*s' contradicts the document's shape",
		               name, STR_ARG(type));
	*ret = index ? MANIFEST_INDEX : MANIFEST_IMAGE;
	*ret_type = type;
	return NULL;
}

static Str document_type(Str own, ManifestKind kind)
{
	if (own.len)
		return own;
	return kind == MANIFEST_INDEX ? STR("an index") : STR("an image manifest");
}

Err *manifest_kind(Str json, Str content_type, const char *name, ManifestKind *ret)
{
	AUTO_JSON JsonValue *doc = NULL;
	TRY(read_document(json, name, &doc));
	ManifestKind kind = MANIFEST_IMAGE;
	Str own = { "", 0 };
	TRY(kind_of(doc, name, &kind, &own));

	Str said;
	(void)str_cut(content_type, ';', &said);
	said = str_trim(said);
	if (!is_generic_type(said)) {
		if (!is_image_type(said) && !is_index_type(said))
			return err_new(ERR_CORRUPT, "%s: not a manifest: the server says '%.*s'",
			               name, STR_ARG(str_head(said, 200)));
		if (is_index_type(said) != (kind == MANIFEST_INDEX) ||
		    (own.len && !str_eq(own, said)))
			return err_new(ERR_CORRUPT,
			               "%s: the server says '%.*s', the document is '%.*s'", name,
			               STR_ARG(said), STR_ARG(document_type(own, kind)));
	}
	*ret = kind;
	return NULL;
}

static Err *read_platform(const JsonValue *object, const char *where, Arena *a, Platform *ret)
{
	Platform p = { { "", 0 }, { "", 0 }, { "", 0 } };
	if (!json_value_is_object(object))
		return err_new(ERR_CORRUPT, "%s: expected an object", where);
	TRY_CORRUPT(json_get_str(object, where, "os", a, &p.os));
	TRY_CORRUPT(json_get_str(object, where, "architecture", a, &p.arch));
	TRY_CORRUPT(json_get_str(object, where, "variant", a, &p.variant));
	/* v8 is the only arm64 there is: platform.h has it as "" */
	if (str_eqc(p.arch, "arm64") && str_eqc(p.variant, "v8"))
		p.variant = (Str){ "", 0 };
	if (!p.os.len || !p.arch.len)
		return err_new(ERR_CORRUPT, "%s.platform.%s: missing", where,
		               p.os.len ? "architecture" : "os");
	*ret = p;
	return NULL;
}

/* Embedded content ("data") is used by nobody here, but it may not lie. */
static Err *check_data(const JsonValue *object, const char *where, const Descriptor *d)
{
	const JsonValue *data = json_member(object, "data");
	if (json_value_is_null(data))
		return NULL;
	AUTO_BUF Buf bytes = BUF_INIT;
	Str text = json_value_string(data); /* padded, as RFC 4648 4 has it */
	if (!json_value_is_string(data) || text.len % 4 != 0 || !base64_decode(text, &bytes))
		return err_new(ERR_CORRUPT, "%s.data: expected base64", where);
	Digest got = sha256_of(buf_str(&bytes));
	if (bytes.len != d->size || !digest_eq(&got, &d->digest))
		return err_new(ERR_CORRUPT, "%s.data: does not match the digest", where);
	return NULL;
}

#define REF_NAME       "org.opencontainers.image.ref.name"
#define CONTAINER_NAME "io.containerd.image.name"

static Err *read_annotations(const JsonValue *object, const char *where, Arena *a,
                             const Annotation **ret, size_t *ret_count)
{
	const JsonValue *notes = json_member(object, "annotations");
	*ret = NULL;
	*ret_count = 0;
	if (json_value_is_null(notes))
		return NULL;
	if (!json_value_is_object(notes))
		return err_new(ERR_CORRUPT, "%s.annotations: expected an object", where);
	Annotation *list =
		arena_alloc(a, (json_member_count(notes) + 1) * sizeof *list, _Alignof(Annotation));
	void *at = NULL;
	Str key;
	JsonValue *value;
	while (json_next_member(notes, &at, &key, &value)) {
		if (!json_value_is_string(value))
			return err_new(ERR_CORRUPT, "%s.annotations.%.*s: expected a string", where,
			               STR_ARG(str_head(key, 200)));
		list[(*ret_count)++] =
			(Annotation){ arena_str(a, key), arena_str(a, json_value_string(value)) };
	}
	*ret = list;
	return NULL;
}

/* The names of a descriptor have members of their own; the others stay in a list. */
static Err *read_descriptor_annotations(const JsonValue *object, const char *where, Arena *a,
                                        Descriptor *d)
{
	size_t count, kept = 0;
	const Annotation *all;
	d->ref_name = d->container_name = (Str){ "", 0 };
	TRY(read_annotations(object, where, a, &all, &count));
	Annotation *others = arena_alloc(a, (count + 1) * sizeof *others, _Alignof(Annotation));
	for (size_t i = 0; i < count; i++) {
		if (str_eqc(all[i].key, REF_NAME))
			d->ref_name = all[i].value;
		else if (str_eqc(all[i].key, CONTAINER_NAME))
			d->container_name = all[i].value;
		else
			others[kept++] = all[i];
	}
	d->annotations = others;
	d->annotation_count = kept;
	return NULL;
}

static Err *read_descriptor(const JsonValue *object, const char *where, Arena *a, Descriptor *ret)
{
	if (!json_value_is_object(object))
		return err_new(ERR_CORRUPT, "%s: expected a descriptor", where);
	Descriptor d = { 0 };
	int64_t size = -1;
	Str digest = { "", 0 };
	d.media_type = (Str){ "", 0 };
	TRY_CORRUPT(json_get_str(object, where, "mediaType", a, &d.media_type));
	TRY_CORRUPT(json_get_str(object, where, "digest", a, &digest));
	TRY_CORRUPT(json_get_int(object, where, "size", &size));
	if (!d.media_type.len)
		return err_new(ERR_CORRUPT, "%s.mediaType: missing", where);
	TRY(descriptor_check_type(d.media_type, where, "mediaType"));
	TRY_WHILE(corrupt(digest_parse(digest, &d.digest)), "reading %s.digest", where);
	if (size < 0)
		return err_new(ERR_CORRUPT, "%s.size: %s", where,
		               is_present(object, "size") ? "negative" : "missing");
	d.size = (uint64_t)size;

	const JsonValue *platform = json_member(object, "platform");
	if (!json_value_is_null(platform)) {
		TRY_WHILE(read_platform(platform, where, a, &d.platform), "reading the platform");
		d.has_platform = true;
	}
	d.artifact_type = (Str){ "", 0 };
	TRY_CORRUPT(json_get_str(object, where, "artifactType", a, &d.artifact_type));
	if (d.artifact_type.len)
		TRY(descriptor_check_type(d.artifact_type, where, "artifactType"));
	TRY(descriptor_check_urls(object, where));
	TRY(read_descriptor_annotations(object, where, a, &d));
	TRY(check_data(object, where, &d));
	d.foreign = json_length(json_member(object, "urls")) > 0;
	*ret = d;
	return NULL;
}

/* What the document is about, if it says so: nothing that we use, but a descriptor. */
static Err *check_subject(const JsonValue *doc, const char *name, Arena *a)
{
	Descriptor subject;
	AUTO_BUF Buf where = BUF_INIT;
	if (!is_present(doc, "subject"))
		return NULL;
	buf_addf(&where, "%s.subject", name);
	return read_descriptor(json_member(doc, "subject"), where.ptr, a, &subject);
}

static Err *read_descriptors(const JsonValue *doc, const char *name, const char *key, size_t most,
                             Arena *a, Descriptor **ret, size_t *ret_count)
{
	const JsonValue *list = json_member(doc, key);
	if (!json_value_is_array(list))
		return err_new(ERR_CORRUPT, "%s.%s: expected an array of descriptors", name, key);
	size_t count = json_length(list);
	if (count > most)
		return err_new(ERR_CORRUPT, "%s.%s: %zu entries, at most %zu are allowed", name,
		               key, count, most);
	Descriptor *d = arena_alloc(a, count * sizeof *d, _Alignof(Descriptor));
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf where = BUF_INIT;
		buf_addf(&where, "%s.%s[%zu]", name, key, i);
		TRY(read_descriptor(json_at(list, i), where.ptr, a, &d[i]));
	}
	*ret = d;
	*ret_count = count;
	return NULL;
}

static Str type_or(Arena *a, Str own, const char *otherwise)
{
	return own.len ? arena_str(a, own) : str_from(otherwise);
}

Err *manifest_parse(Arena *a, Str json, const char *name, Manifest *ret)
{
	AUTO_JSON JsonValue *doc = NULL;
	TRY(read_document(json, name, &doc));
	ManifestKind kind = MANIFEST_IMAGE;
	Str own = { "", 0 };
	TRY(kind_of(doc, name, &kind, &own));
	if (kind != MANIFEST_IMAGE)
		return err_new(ERR_CORRUPT, "%s: expected an image manifest, found an index", name);

	Manifest m = { 0 };
	m.media_type = type_or(a, own, MEDIA_OCI_MANIFEST);
	AUTO_BUF Buf where = BUF_INIT;
	buf_addf(&where, "%s.config", name);
	TRY(read_descriptor(json_member(doc, "config"), where.ptr, a, &m.config));
	TRY(read_descriptors(doc, name, "layers", IMAGE_LAYERS_MAX, a, &m.layers, &m.layer_count));
	TRY(check_subject(doc, name, a));
	TRY(read_annotations(doc, name, a, &m.annotations, &m.annotation_count));
	*ret = m;
	return NULL;
}

Err *index_parse(Arena *a, Str json, const char *name, Index *ret)
{
	AUTO_JSON JsonValue *doc = NULL;
	TRY(read_document(json, name, &doc));
	ManifestKind kind = MANIFEST_IMAGE;
	Str own = { "", 0 };
	TRY(kind_of(doc, name, &kind, &own));
	if (kind != MANIFEST_INDEX)
		return err_new(ERR_CORRUPT, "%s: expected an index, found an image manifest", name);

	Index i = { 0 };
	i.media_type = type_or(a, own, MEDIA_OCI_INDEX);
	/* bounded by MANIFEST_BYTES_MAX: a descriptor takes over 100 bytes of it */
	TRY(read_descriptors(doc, name, "manifests", MANIFEST_BYTES_MAX / 64, a, &i.manifests,
	                     &i.count));
	TRY(check_subject(doc, name, a));
	TRY(read_annotations(doc, name, a, &i.annotations, &i.annotation_count));
	*ret = i;
	return NULL;
}

static int compare_annotations(const void *a, const void *b)
{
	const Annotation *const *x = a, *const *y = b;
	int order = str_cmp((*x)->key, (*y)->key);
	if (order)
		return order;
	return (*x > *y) - (*x < *y); /* of one array: as they came */
}

/* Sorted by key, as Go writes a map; of equal keys the last one counts.  Nothing for none. */
static void write_annotations(JsonWriter *w, const Annotation *list, size_t count)
{
	if (count == 0)
		return;
	AUTO_FREE const Annotation **sorted = xcalloc(count, sizeof *sorted);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &list[i];
	qsort(sorted, count, sizeof *sorted, compare_annotations);
	json_write_key(w, "annotations");
	json_write_object(w);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && str_eq(sorted[i]->key, sorted[i + 1]->key))
			continue;
		json_write_key_str(w, sorted[i]->key);
		json_write_str(w, sorted[i]->value);
	}
	json_write_object_end(w);
}

static void write_descriptor_annotations(JsonWriter *w, const Descriptor *d)
{
	AUTO_FREE Annotation *all = xcalloc(d->annotation_count + 2, sizeof *all);
	size_t count = d->annotation_count;
	if (count)
		memcpy(all, d->annotations, count * sizeof *all);
	if (d->container_name.len)
		all[count++] = (Annotation){ STR(CONTAINER_NAME), d->container_name };
	if (d->ref_name.len)
		all[count++] = (Annotation){ STR(REF_NAME), d->ref_name };
	write_annotations(w, all, count);
}

/* Members in the order of Go's v1.Descriptor, so that others' tools write the same bytes. */
static void write_descriptor(JsonWriter *w, const Descriptor *d)
{
	char text[DIGEST_TEXT_LEN + 1];
	json_write_object(w);
	json_write_key(w, "mediaType");
	json_write_str(w, d->media_type);
	json_write_key(w, "digest");
	json_write_str(w, digest_text(&d->digest, text));
	json_write_key(w, "size");
	json_write_int(w, (int64_t)d->size);
	write_descriptor_annotations(w, d);
	if (d->has_platform) {
		json_write_key(w, "platform");
		json_write_object(w);
		json_write_key(w, "architecture");
		json_write_str(w, d->platform.arch);
		json_write_key(w, "os");
		json_write_str(w, d->platform.os);
		if (d->platform.variant.len) {
			json_write_key(w, "variant");
			json_write_str(w, d->platform.variant);
		}
		json_write_object_end(w);
	}
	if (d->artifact_type.len) {
		json_write_key(w, "artifactType");
		json_write_str(w, d->artifact_type);
	}
	json_write_object_end(w);
}

static void write_head(JsonWriter *w, Str media_type)
{
	json_write_object(w);
	json_write_key(w, "schemaVersion");
	json_write_int(w, 2);
	json_write_key(w, "mediaType");
	json_write_str(w, media_type);
}

static void write_list(JsonWriter *w, const char *key, const Descriptor *d, size_t count)
{
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_descriptor(w, &d[i]);
	json_write_array_end(w);
}

void manifest_format_descriptor(const Descriptor *d, Buf *out)
{
	JsonWriter w = { .out = out };
	write_descriptor(&w, d);
}

void manifest_format(const Manifest *m, Buf *out)
{
	JsonWriter w = { .out = out };
	write_head(&w, m->media_type.len ? m->media_type : STR(MEDIA_OCI_MANIFEST));
	json_write_key(&w, "config");
	write_descriptor(&w, &m->config);
	write_list(&w, "layers", m->layers, m->layer_count);
	write_annotations(&w, m->annotations, m->annotation_count);
	json_write_object_end(&w);
}

void index_format(const Index *i, Buf *out)
{
	JsonWriter w = { .out = out };
	write_head(&w, i->media_type.len ? i->media_type : STR(MEDIA_OCI_INDEX));
	write_list(&w, "manifests", i->manifests, i->count);
	write_annotations(&w, i->annotations, i->annotation_count);
	json_write_object_end(&w);
}

bool descriptor_is_artifact(const Descriptor *d)
{
	if (d->artifact_type.len && !str_eqc(d->artifact_type, MEDIA_OCI_CONFIG) &&
	    !str_eqc(d->artifact_type, MEDIA_DOCKER_CONFIG))
		return true;
	return d->has_platform &&
	       (str_eqc(d->platform.os, "unknown") || str_eqc(d->platform.arch, "unknown"));
}

static bool can_be_image(const Descriptor *d)
{
	return (is_image_type(d->media_type) || is_index_type(d->media_type)) &&
	       !descriptor_is_artifact(d);
}

/* Each platform once, in the order of the index. */
static void list_platforms(const Index *index, Arena *a, Buf *out)
{
	AUTO_MAP Map seen = MAP_INIT;
	for (size_t i = 0; i < index->count; i++) {
		const Descriptor *d = &index->manifests[i];
		if (!can_be_image(d) || !d->has_platform)
			continue;
		Str text = platform_text(a, &d->platform);
		if (map_find(&seen, text))
			continue;
		map_put(&seen, text, NULL);
		buf_addf(out, "%s%.*s", out->len ? ", " : "", STR_ARG(text));
	}
}

Err *index_choose(const Index *i, const Platform *wanted, const char *name, const Descriptor **ret)
{
	const Descriptor *best = NULL, *unnamed = NULL;
	int best_fit = 0;
	for (size_t k = 0; k < i->count; k++) {
		const Descriptor *d = &i->manifests[k];
		if (!can_be_image(d))
			continue;
		/* An entry without platform may be anything: taken only if nothing says that it
		 * fits. */
		if (!d->has_platform) {
			unnamed = unnamed ? unnamed : d;
			continue;
		}
		int fit = platform_fit(wanted, &d->platform);
		if (fit > best_fit) { /* the first of equals, as image-index.md says */
			best = d;
			best_fit = fit;
		}
	}
	if (!best)
		best = unnamed;
	if (best) {
		*ret = best;
		return NULL;
	}

	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf offers = BUF_INIT;
	list_platforms(i, &a, &offers);
	Err *err = err_new(ERR_NOT_FOUND,
	                   "%s: no matching manifest for %.*s in the manifest list entries", name,
	                   STR_ARG(platform_text(&a, wanted)));
	return err_note(err, "it offers: %s", offers.len ? offers.ptr : "nothing");
}

Err *manifest_layer_compression(Str media_type, Str *ret)
{
	static const struct {
		const char *type, *compression;
	} known[] = {
		{ MEDIA_OCI_LAYER, "" },
		{ MEDIA_OCI_LAYER "+gzip", "gzip" },
		{ MEDIA_OCI_LAYER "+zstd", "zstd" },
		{ MEDIA_DOCKER_LAYER, "" },
		{ MEDIA_DOCKER_LAYER ".gzip", "gzip" },
		{ MEDIA_DOCKER_LAYER ".zstd", "zstd" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar", "" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "zstd" },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar", "" },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip" },
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eqc(media_type, known[i].type)) {
			*ret = str_from(known[i].compression);
			return NULL;
		}
	return err_new(ERR_INPUT, "not a layer's media type: '%.*s'",
	               STR_ARG(str_head(media_type, 200)));
}
