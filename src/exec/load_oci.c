/*
 * load_oci.c - an OCI image layout (index.json, blobs/) → the images in it.
 *
 * Every blob is named by a descriptor with digest and size, and both must be true of the member.
 * Several images under one name, or in an index of their own, are one for each platform: all that
 * are in the archive are taken.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "exec/load-internal.h"

static bool is_document(Str media_type)
{
	static const char *const types[] = { MEDIA_OCI_MANIFEST, MEDIA_OCI_INDEX,
		                             MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_INDEX };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eqc(media_type, types[i]))
			return true;
	return false;
}

/* Where the blob of D is: in skopeo's dir: all lie in one folder. */
static Str blob_path(const Spool *spool, const Descriptor *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	digest_hex(&d->digest, hex);
	if (!spool->flat)
		return arena_strf(spool->arena, "blobs/sha256/%s", hex);
	return arena_strf(spool->arena, "%s%s", hex,
	                  is_document(d->media_type) ? ".manifest.json" : "");
}

static Err *find_blob(const Spool *spool, const Descriptor *d, const Member **ret)
{
	char is[DIGEST_TEXT_LEN + 1];
	const Member *m = NULL;
	Str path = blob_path(spool, d);
	TRY(load_spool_find(spool, path, &m));
	if (!m)
		return err_new(ERR_CORRUPT, "the archive has no '%.*s'", STR_ARG(path));
	if (!digest_eq(&m->digest, &d->digest))
		return err_new(ERR_CORRUPT, "the content of '%.*s' is %s", STR_ARG(path),
		               digest_text(&m->digest, is).ptr);
	if (m->size != d->size)
		return err_new(ERR_CORRUPT, "'%.*s' has %llu bytes, its descriptor says %llu",
		               STR_ARG(path), (unsigned long long)m->size,
		               (unsigned long long)d->size);
	*ret = m;
	return NULL;
}

static Err *read_manifest(const Spool *spool, Str json, const char *name, LoadImage *image)
{
	Arena *a = spool->arena;
	Manifest m;
	const Member *config = NULL;
	TRY(manifest_parse(a, json, name, &m));
	TRY_WHILE(find_blob(spool, &m.config, &config), "looking for the config");
	TRY(load_config_read(spool, config, m.layer_count, image));
	for (size_t i = 0; i < m.layer_count; i++) {
		LoadLayer *layer = &image->layers[i];
		layer->media_type = m.layers[i].media_type;
		TRY_WHILE(find_blob(spool, &m.layers[i], &layer->member),
		          "looking for layer %zu of %zu", i + 1, m.layer_count);
	}
	image->manifest_json = json;
	image->manifest = sha256_of(json);
	return NULL;
}

/* What the annotations call it: containerd's is a full name, that of the layout need not be. */
static Str image_name(const Descriptor *d)
{
	return d->container_name.len ? d->container_name : d->ref_name;
}

/* Where the image is, or images->len: under another name it is still one LoadImage. */
static size_t find_image(const LoadImages *images, const Digest *manifest)
{
	size_t i = 0;
	while (i < images->len && !digest_eq(&images->at[i].manifest, manifest))
		i++;
	return i;
}

static bool has_name(const LoadImage *image, Str full)
{
	for (size_t i = 0; i < image->name_count; i++)
		if (str_eq(image->names[i], full))
			return true;
	return false;
}

/* Has NAME ("" none: no) an image for P already?  The first one counts. */
static Err *is_taken(const Spool *spool, const LoadImages *images, Str name, const Platform *p,
                     bool *ret)
{
	LoadImage named = { 0 };
	*ret = false;
	if (name.len)
		TRY(load_name_add(spool, &named, name));
	for (size_t i = 0; i < images->len && named.name_count; i++) {
		const LoadImage *image = &images->at[i];
		Str own = platform_text(spool->arena, &image->config.platform);
		*ret = *ret || (has_name(image, named.names[0]) &&
		                str_eq(own, platform_text(spool->arena, p)));
	}
	return NULL;
}

static Err *take_image(const Spool *spool, Str json, const char *digest, Str name, LoadImages *ret)
{
	LoadImage image = { 0 };
	bool taken;
	TRY(read_manifest(spool, json, digest, &image));
	TRY(is_taken(spool, ret, name, &image.config.platform, &taken));
	size_t at = find_image(ret, &image.manifest);
	if (taken && at == ret->len)
		return NULL;
	if (at == ret->len)
		VEC_PUSH(ret, image);
	return name.len ? load_name_add(spool, &ret->at[at], name) : NULL;
}

static Err *take_index(const Spool *spool, Str json, const char *digest, Str name, unsigned depth,
                       LoadImages *ret);

/* D, a manifest or an index.  With MAY_LACK it need not be in the archive: docker saves the
 * platforms that it has. */
static Err *take(const Spool *spool, const Descriptor *d, Str name, unsigned depth, bool may_lack,
                 LoadImages *ret)
{
	char text[DIGEST_TEXT_LEN + 1];
	const Member *m = NULL;
	ManifestKind kind;
	AUTO_BUF Buf buf = BUF_INIT;
	digest_text(&d->digest, text);
	if (may_lack) {
		TRY(load_spool_find(spool, blob_path(spool, d), &m));
		if (!m)
			return NULL;
	}
	TRY(find_blob(spool, d, &m));
	TRY(load_spool_read_file(spool, m, MANIFEST_BYTES_MAX, &buf));
	Str json = arena_str(spool->arena, buf_str(&buf));
	TRY(err_set_kind(manifest_kind(json, d->media_type, text, &kind), ERR_CORRUPT));
	return kind == MANIFEST_IMAGE ? take_image(spool, json, text, name, ret)
	                              : take_index(spool, json, text, name, depth, ret);
}

static Err *take_index(const Spool *spool, Str json, const char *digest, Str name, unsigned depth,
                       LoadImages *ret)
{
	Index index;
	size_t images = 0;
	if (depth >= INDEX_DEPTH_MAX)
		return err_new(ERR_CORRUPT, "more than %d indexes inside each other",
		               INDEX_DEPTH_MAX);
	TRY(index_parse(spool->arena, json, digest, &index));
	for (size_t i = 0; i < index.count; i++) {
		const Descriptor *d = &index.manifests[i];
		if (descriptor_is_artifact(d) || !is_document(d->media_type))
			continue;
		images++;
		TRY(take(spool, d, name, depth + 1, true, ret));
	}
	return images ? NULL : err_new(ERR_CORRUPT, "the index %s has no image", digest);
}

static Err *take_entry(const Spool *spool, const Index *index, size_t i, LoadImages *ret)
{
	const Descriptor *d = &index->manifests[i];
	return take(spool, d, image_name(d), 1, false, ret);
}

static Err *check_layout(const Spool *spool)
{
	const Member *m = NULL;
	TRY(load_spool_find(spool, STR("oci-layout"), &m));
	if (!m)
		return err_new(ERR_CORRUPT, "the archive has an 'index.json' but no 'oci-layout'");
	AUTO_BUF Buf json = BUF_INIT;
	TRY(load_spool_read_file(spool, m, JSON_BYTES_MAX, &json));
	JsonValue *v;
	TRY(json_parse(buf_str(&json), JSON_BYTES_MAX, "oci-layout", &v));
	bool good = str_starts(json_value_string(json_member(v, "imageLayoutVersion")), STR("1."));
	json_free(v);
	return good ? NULL
	            : err_new(ERR_CORRUPT, "oci-layout: expected an imageLayoutVersion of 1");
}

Err *load_oci_read(const Spool *spool, LoadImages *ret)
{
	const Member *m = NULL;
	AUTO_BUF Buf json = BUF_INIT;
	Index index;
	TRY(check_layout(spool));
	TRY(load_spool_find(spool, STR("index.json"), &m));
	TRY(load_spool_read_file(spool, m, MANIFEST_BYTES_MAX, &json));
	TRY(index_parse(spool->arena, buf_str(&json), "index.json", &index));
	for (size_t i = 0; i < index.count; i++) {
		char text[DIGEST_TEXT_LEN + 1];
		if (descriptor_is_artifact(&index.manifests[i]))
			continue;
		TRY_WHILE(take_entry(spool, &index, i, ret), "reading the image %s",
		          digest_text(&index.manifests[i].digest, text).ptr);
	}
	return NULL;
}

Err *load_flat_read(const Spool *spool, const Member *m, LoadImages *ret)
{
	static const char name[] = "manifest.json";
	ManifestKind kind;
	AUTO_BUF Buf buf = BUF_INIT;
	TRY(load_spool_read_file(spool, m, MANIFEST_BYTES_MAX, &buf));
	Str json = arena_str(spool->arena, buf_str(&buf));
	TRY(err_set_kind(manifest_kind(json, STR(""), name, &kind), ERR_CORRUPT));
	return kind == MANIFEST_IMAGE ? take_image(spool, json, name, STR(""), ret)
	                              : take_index(spool, json, name, STR(""), 1, ret);
}
