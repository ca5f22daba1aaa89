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

#include <unistd.h>

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

/*
 * skopeo copies what a docker archive holds to dir: as it is, plain, and says that it is gzip:
 * there the content decides.  *RET_WRONG: the media type is not that of the content.
 */
static Err *look_at(const Spool *spool, const LoadLayer *layer, bool *ret_wrong)
{
	enum { HEAD_BYTES = 16 };
	char head[HEAD_BYTES];
	Str said;
	AUTO_CLOSE int fd = -1;
	TRY(err_set_kind(manifest_layer_compression(layer->media_type, &said), ERR_CORRUPT));
	TRY(load_spool_open(spool, layer->member, &fd));
	ssize_t n = pread(fd, head, sizeof head, 0);
	if (n < 0)
		return err_sys(errno, "cannot read a layer");
	CompressionId id = compressor_sniff((Str){ head, (size_t)n });
	*ret_wrong = !str_eqc(said, id == COMPRESSION_NONE ? "" : compressor_table[id].name);
	return NULL;
}

static Err *read_manifest(const Spool *spool, Str json, const char *name, LoadImage *image)
{
	Arena *a = spool->arena;
	Manifest m;
	const Member *config = NULL;
	bool is_true = true;
	TRY(manifest_parse(a, json, name, &m));
	TRY_WHILE(find_blob(spool, &m.config, &config), "looking for the config");
	TRY(load_config_read(spool, config, m.layer_count, image));
	for (size_t i = 0; i < m.layer_count; i++) {
		LoadLayer *layer = &image->layers[i];
		layer->media_type = m.layers[i].media_type;
		TRY_WHILE(find_blob(spool, &m.layers[i], &layer->member),
		          "looking for layer %zu of %zu", i + 1, m.layer_count);
		bool wrong = false;
		if (spool->flat)
			TRY(look_at(spool, layer, &wrong));
		if (wrong) {
			layer->media_type = STR("");
			is_true = false;
		}
	}
	if (!is_true) /* not to be handed on: a push makes another */
		return NULL;
	image->manifest_json = json;
	image->manifest = sha256_of(json);
	return NULL;
}

/* What the annotations call it: containerd's is a full name, that of the layout need not be. */
static Str image_name(const Descriptor *d)
{
	return d->container_name.len ? d->container_name : d->ref_name;
}

/* What has been read: *RET grows, so its images are known by their place, one more than it. */
typedef struct Taken {
	const Spool *spool;
	LoadImages *images;
	Map by_manifest; /* the bytes of its digest → the image: under another name it is one */
	Map by_name;     /* "NAME PLATFORM" → NULL: the first one counts */
} Taken;

/* The full name that NAME is; "": none, or none to keep it under. */
static Err *full_name(const Spool *spool, Str name, Str *ret)
{
	LoadImage named = { 0 };
	*ret = STR("");
	if (name.len)
		TRY(load_name_add(spool, &named, name));
	if (named.name_count)
		*ret = named.names[0];
	return NULL;
}

static Err *take_image(Taken *t, Str json, const char *digest, Str name)
{
	Arena *a = t->spool->arena;
	LoadImage image = { 0 };
	Str full;
	TRY(read_manifest(t->spool, json, digest, &image));
	TRY(full_name(t->spool, name, &full));
	Str as = arena_strf(a, "%.*s %s", STR_ARG(full),
	                    platform_text(a, &image.config.platform).ptr);
	bool taken = full.len && map_find(&t->by_name, as);
	Digest of = sha256_of(json);
	Str key = arena_str(a, (Str){ (char *)of.bytes, sizeof of.bytes });
	size_t at = (size_t)(uintptr_t)map_get(&t->by_manifest, key);
	if (taken && !at)
		return NULL;
	if (!at) {
		VEC_PUSH(t->images, image);
		at = t->images->len;
		(void)map_put(&t->by_manifest, key, (void *)(uintptr_t)at); /* NOLINT: a number */
	}
	if (full.len)
		(void)map_put(&t->by_name, as, NULL);
	return name.len ? load_name_add(t->spool, &t->images->at[at - 1], name) : NULL;
}

static Err *take_index(Taken *t, Str json, const char *digest, Str name, unsigned depth);

/* D, a manifest or an index.  With MAY_LACK it need not be in the archive: docker saves the
 * platforms that it has. */
static Err *take(Taken *t, const Descriptor *d, Str name, unsigned depth, bool may_lack)
{
	const Spool *spool = t->spool;
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
	return kind == MANIFEST_IMAGE ? take_image(t, json, text, name)
	                              : take_index(t, json, text, name, depth);
}

static Err *take_index(Taken *t, Str json, const char *digest, Str name, unsigned depth)
{
	Index index;
	size_t images = 0;
	if (depth >= INDEX_DEPTH_MAX)
		return err_new(ERR_CORRUPT, "more than %d indexes inside each other",
		               INDEX_DEPTH_MAX);
	TRY(index_parse(t->spool->arena, json, digest, &index));
	for (size_t i = 0; i < index.count; i++) {
		const Descriptor *d = &index.manifests[i];
		if (descriptor_is_artifact(d) || !is_document(d->media_type))
			continue;
		images++;
		TRY(take(t, d, name, depth + 1, true));
	}
	return images ? NULL : err_new(ERR_CORRUPT, "the index %s has no image", digest);
}

static void taken_done(Taken *t)
{
	map_done(&t->by_manifest);
	map_done(&t->by_name);
}
#define AUTO_TAKEN CLEANUP(taken_done)

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
	AUTO_TAKEN Taken t = { .spool = spool, .images = ret };
	for (size_t i = 0; i < index.count; i++) {
		const Descriptor *d = &index.manifests[i];
		char text[DIGEST_TEXT_LEN + 1];
		if (descriptor_is_artifact(d))
			continue;
		TRY_WHILE(take(&t, d, image_name(d), 1, false), "reading the image %s",
		          digest_text(&d->digest, text).ptr);
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
	AUTO_TAKEN Taken t = { .spool = spool, .images = ret };
	return kind == MANIFEST_IMAGE ? take_image(&t, json, name, STR(""))
	                              : take_index(&t, json, name, STR(""), 1);
}
