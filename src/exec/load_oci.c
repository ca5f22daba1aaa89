/*
 * load_oci.c - an OCI image layout (index.json, blobs/) → the images in it.
 *
 * Every blob is named by a descriptor with digest and size, and both must be true of the member.
 * Of several images under one name the one for this machine is taken; nested indexes likewise.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "exec/load-internal.h"

static Err *find_blob(const Spool *spool, const Descriptor *d, const Member **ret)
{
	char hex[DIGEST_HEX_LEN + 1], is[DIGEST_TEXT_LEN + 1];
	digest_hex(&d->digest, hex);
	const Member *m = load_spool_find(spool, arena_strf(spool->arena, "blobs/sha256/%s", hex));
	if (!m)
		return err_new(ERR_CORRUPT, "the archive has no 'blobs/sha256/%s'", hex);
	if (!digest_eq(&m->digest, &d->digest))
		return err_new(ERR_CORRUPT, "the content of 'blobs/sha256/%s' is %s", hex,
		               digest_text(&m->digest, is).ptr);
	if (m->size != d->size)
		return err_new(ERR_CORRUPT,
		               "'blobs/sha256/%s' has %llu bytes, its descriptor says %llu", hex,
		               (unsigned long long)m->size, (unsigned long long)d->size);
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

/* D is a manifest, or an index that leads to one for this machine. */
static Err *read_image(const Spool *spool, const Descriptor *d, unsigned depth, LoadImage *image)
{
	char text[DIGEST_TEXT_LEN + 1];
	const Member *m = NULL;
	ManifestKind kind;
	AUTO_BUF Buf buf = BUF_INIT;
	digest_text(&d->digest, text);
	TRY(find_blob(spool, d, &m));
	TRY(load_spool_read_file(spool, m, MANIFEST_BYTES_MAX, &buf));
	Str json = arena_str(spool->arena, buf_str(&buf));
	TRY(err_set_kind(manifest_kind(json, d->media_type, text, &kind), ERR_CORRUPT));
	if (kind == MANIFEST_IMAGE)
		return read_manifest(spool, json, text, image);
	if (depth >= INDEX_DEPTH_MAX)
		return err_new(ERR_CORRUPT, "more than %d indexes inside each other",
		               INDEX_DEPTH_MAX);
	Index index;
	const Descriptor *chosen = NULL;
	Platform host = platform_host();
	TRY(index_parse(spool->arena, json, text, &index));
	TRY(index_choose(&index, &host, text, &chosen));
	return read_image(spool, chosen, depth + 1, image);
}

/* What the annotations call it: containerd's is a full name, that of the layout need not be. */
static Str image_name(const Descriptor *d)
{
	return d->container_name.len ? d->container_name : d->ref_name;
}

static bool is_attestation(const Descriptor *d)
{
	return d->has_platform && str_eqc(d->platform.os, "unknown");
}

/* One of several entries under one name: a platform each. */
static Err *choose_among(const Spool *spool, const Index *index, size_t first,
                         const Descriptor **ret)
{
	Str name = image_name(&index->manifests[first]);
	Index same = { .media_type = index->media_type };
	same.manifests =
		arena_alloc(spool->arena, index->count * sizeof(Descriptor), _Alignof(Descriptor));
	for (size_t i = first; i < index->count; i++)
		if (str_eq(image_name(&index->manifests[i]), name) &&
		    !is_attestation(&index->manifests[i]))
			same.manifests[same.count++] = index->manifests[i];
	*ret = &index->manifests[first];
	if (same.count < 2 || name.len == 0)
		return NULL;
	Platform host = platform_host();
	return index_choose(&same, &host, "index.json", ret);
}

static bool name_seen_before(const Index *index, size_t i)
{
	Str name = image_name(&index->manifests[i]);
	for (size_t j = 0; j < i && name.len; j++)
		if (str_eq(image_name(&index->manifests[j]), name) &&
		    !is_attestation(&index->manifests[j]))
			return true;
	return false;
}

/* Where the image is, or images->len: under another name it is still one LoadImage. */
static size_t find_image(const LoadImages *images, const Digest *manifest)
{
	size_t i = 0;
	while (i < images->len && !digest_eq(&images->at[i].manifest, manifest))
		i++;
	return i;
}

static Err *take_entry(const Spool *spool, const Index *index, size_t i, LoadImages *ret)
{
	const Descriptor *d = NULL;
	LoadImage image = { 0 };
	TRY(choose_among(spool, index, i, &d));
	TRY(read_image(spool, d, 1, &image));
	size_t at = find_image(ret, &image.manifest);
	if (at == ret->len)
		VEC_PUSH(ret, image);
	Str name = image_name(d);
	return name.len ? load_name_add(spool, &ret->at[at], name) : NULL;
}

static Err *check_layout(const Spool *spool)
{
	const Member *m = load_spool_find(spool, STR("oci-layout"));
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
	const Member *m = load_spool_find(spool, STR("index.json"));
	AUTO_BUF Buf json = BUF_INIT;
	Index index;
	TRY(check_layout(spool));
	TRY(load_spool_read_file(spool, m, MANIFEST_BYTES_MAX, &json));
	TRY(index_parse(spool->arena, buf_str(&json), "index.json", &index));
	for (size_t i = 0; i < index.count; i++) {
		char text[DIGEST_TEXT_LEN + 1];
		if (is_attestation(&index.manifests[i]) || name_seen_before(&index, i))
			continue;
		TRY_WHILE(take_entry(spool, &index, i, ret), "reading the image %s",
		          digest_text(&index.manifests[i].digest, text).ptr);
	}
	return NULL;
}
