/*
 * manifest.c - manifests, indexes and the descriptors in them, read.
 *
 * Everything here comes from strangers.  A document is one thing or it is refused: its shape, its
 * own "mediaType" and the Content-Type it came with must say the same (CVE-2021-41190), and each
 * member that is used has one type.  json_parse() has refused duplicate keys and depth before.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/sha256.h"
#include "oci/descriptor-internal.h"
#include "oci/manifest-internal.h"

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

bool manifest_is_image_type(Str type)
{
	return str_eqc(type, MEDIA_OCI_MANIFEST) || str_eqc(type, MEDIA_DOCKER_MANIFEST);
}

bool manifest_is_index_type(Str type)
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
	if (!manifest_is_image_type(*ret) && !manifest_is_index_type(*ret))
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
	if (type.len && manifest_is_index_type(type) != index)
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
		if (!manifest_is_image_type(said) && !manifest_is_index_type(said))
			return err_new(ERR_CORRUPT, "%s: not a manifest: the server says '%.*s'",
			               name, STR_ARG(str_head(said, 200)));
		if (manifest_is_index_type(said) != (kind == MANIFEST_INDEX) ||
		    (own.len && !str_eq(own, said)))
			return err_new(ERR_CORRUPT,
			               "%s: the server says '%.*s', the document is '%.*s'", name,
			               STR_ARG(said), STR_ARG(document_type(own, kind)));
	}
	*ret = kind;
	return NULL;
}

/* PARTIAL: what is missing is added by who asks. */
static Err *read_platform(const JsonValue *object, const char *where, bool partial, Arena *a,
                          Descriptor *d)
{
	Platform p = { { "", 0 }, { "", 0 }, { "", 0 } };
	Str *features = NULL;
	if (!json_value_is_object(object))
		return err_new(ERR_CORRUPT, "%s: expected an object", where);
	TRY_CORRUPT(json_get_str(object, where, "os", a, &p.os));
	TRY_CORRUPT(json_get_str(object, where, "architecture", a, &p.arch));
	TRY_CORRUPT(json_get_str(object, where, "variant", a, &p.variant));
	TRY_CORRUPT(json_get_str(object, where, "os.version", a, &d->os_version));
	TRY_CORRUPT(
		json_get_strs(object, where, "os.features", a, &features, &d->os_feature_count));
	d->os_features = features;
	/* v8 is the only arm64 there is: platform.h has it as "" */
	if (str_eqc(p.arch, "arm64") && str_eqc(p.variant, "v8")) {
		d->variant = p.variant;
		p.variant = (Str){ "", 0 };
	}
	if (!partial && (!p.os.len || !p.arch.len))
		return err_new(ERR_CORRUPT, "%s.platform.%s: missing", where,
		               p.os.len ? "architecture" : "os");
	d->platform = p;
	d->has_platform = true;
	return NULL;
}

/* "artifactType" of a descriptor, a manifest or an index: absent, or a media type. */
static Err *read_artifact_type(const JsonValue *object, const char *where, Arena *a, Str *ret)
{
	*ret = (Str){ "", 0 };
	TRY_CORRUPT(json_get_str(object, where, "artifactType", a, ret));
	return is_present(object, "artifactType")
	               ? descriptor_check_type(*ret, where, "artifactType")
	               : NULL;
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

static Err *read_any_descriptor(const JsonValue *object, const char *where, bool partial, Arena *a,
                                Descriptor *ret)
{
	if (!json_value_is_object(object))
		return err_new(ERR_CORRUPT, "%s: expected a descriptor", where);
	Descriptor d = { 0 };
	int64_t size = partial ? 0 : -1;
	Str digest = { "", 0 };
	d.media_type = d.variant = d.os_version = (Str){ "", 0 };
	TRY_CORRUPT(json_get_str(object, where, "mediaType", a, &d.media_type));
	TRY_CORRUPT(json_get_str(object, where, "digest", a, &digest));
	TRY_CORRUPT(json_get_int(object, where, "size", &size));
	if (!d.media_type.len && !partial)
		return err_new(ERR_CORRUPT, "%s.mediaType: missing", where);
	if (d.media_type.len)
		TRY(descriptor_check_type(d.media_type, where, "mediaType"));
	TRY_WHILE(corrupt(digest_parse(digest, &d.digest)), "reading %s.digest", where);
	if (size < 0)
		return err_new(ERR_CORRUPT, "%s.size: %s", where,
		               is_present(object, "size") ? "negative" : "missing");
	d.size = (uint64_t)size;

	const JsonValue *platform = json_member(object, "platform");
	if (!json_value_is_null(platform))
		TRY_WHILE(read_platform(platform, where, partial, a, &d), "reading the platform");
	TRY(read_artifact_type(object, where, a, &d.artifact_type));
	TRY(descriptor_check_urls(object, where));
	TRY(read_descriptor_annotations(object, where, a, &d));
	TRY(check_data(object, where, &d));
	d.foreign = json_length(json_member(object, "urls")) > 0;
	*ret = d;
	return NULL;
}

static Err *read_descriptor(const JsonValue *object, const char *where, Arena *a, Descriptor *ret)
{
	return read_any_descriptor(object, where, false, a, ret);
}

/* What the document says of itself, nothing that we use: its type as an artifact, and what it is
 * about. */
static Err *check_artifact(const JsonValue *doc, const char *name, Arena *a)
{
	Str type;
	Descriptor subject;
	AUTO_BUF Buf where = BUF_INIT;
	TRY(read_artifact_type(doc, name, a, &type));
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
	TRY(check_artifact(doc, name, a));
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
	TRY(check_artifact(doc, name, a));
	TRY(read_annotations(doc, name, a, &i.annotations, &i.annotation_count));
	*ret = i;
	return NULL;
}

Err *manifest_parse_descriptor(Arena *a, Str json, const char *name, Descriptor *ret)
{
	AUTO_JSON JsonValue *doc = NULL;
	TRY(read_document(json, name, &doc));
	if (is_present(doc, "schemaVersion"))
		return err_new(ERR_CORRUPT,
		               "%s: expected a descriptor, found a manifest or an index", name);
	return read_any_descriptor(doc, name, true, a, ret);
}

Err *manifest_platform_of_config(Arena *a, Str json, const char *name, Descriptor *ret)
{
	AUTO_JSON JsonValue *doc = NULL;
	TRY(read_document(json, name, &doc));
	return read_platform(doc, name, true, a, ret);
}
