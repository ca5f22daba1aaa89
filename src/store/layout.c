/*
 * layout.c - index.json: the store seen as an OCI image layout by skopeo, podman and others.
 *
 * Derived: it lists the images whose manifest is fixed and whose blobs are all here, under the
 * names that people type.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/store-internal.h"

/* *ret_whole: the manifest and all it names are here. */
static Err *describe(Store *s, const Digest *manifest, Arena *a, Descriptor *ret, bool *ret_whole)
{
	*ret_whole = false;
	uint64_t size;
	if (digest_is_zero(manifest) || !store_blob_exists(s, manifest, &size))
		return NULL;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m;
	Err *e = store_blob_read(s, manifest, MANIFEST_BYTES_MAX, &json);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* its name has gone meanwhile, and a gc took it */
		return NULL;
	}
	TRY(e);
	TRY(manifest_parse(a, buf_str(&json), "manifest", &m));
	if (!store_blob_exists(s, &m.config.digest, NULL))
		return NULL;
	for (size_t i = 0; i < m.layer_count; i++)
		if (!store_blob_exists(s, &m.layers[i].digest, NULL))
			return NULL;
	*ret = (Descriptor){ .media_type = arena_str(a, m.media_type),
		             .digest = *manifest,
		             .size = size };
	*ret_whole = true;
	return NULL;
}

/* The same of all platforms, as an index of their manifests. */
static Err *describe_index(Store *s, const StoreRef *ref, Arena *a, Descriptor *ret,
                           bool *ret_whole)
{
	AUTO_BUF Buf json = BUF_INIT;
	Index index = { .media_type = STR(MEDIA_OCI_INDEX), .count = ref->variant_count };
	index.manifests =
		arena_alloc(a, (index.count + 1) * sizeof(Descriptor), _Alignof(Descriptor));
	*ret_whole = index.count > 0;
	for (size_t i = 0; i < index.count && *ret_whole; i++) {
		Descriptor *d = &index.manifests[i];
		TRY(describe(s, &ref->variants[i].manifest, a, d, ret_whole));
		TRY(platform_parse(a, ref->variants[i].platform, &d->platform));
		d->has_platform = true;
	}
	if (!*ret_whole)
		return NULL;
	index_format(&index, &json);
	*ret = (Descriptor){ .media_type = STR(MEDIA_OCI_INDEX), .size = json.len };
	return store_blob_put(s, buf_str(&json), true, &ret->digest);
}

/* An index if all of it is here, else the image for this machine. */
static Err *describe_ref(Store *s, const StoreRef *ref, Arena *a, Descriptor *ret, bool *ret_whole)
{
	TRY(describe_index(s, ref, a, ret, ret_whole));
	return *ret_whole ? NULL : describe(s, &ref->manifest, a, ret, ret_whole);
}

Err *store_layout_format(Store *s, Buf *out, size_t *ret_listed)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(s, &a, &refs, &count));
	Index index = { .media_type = STR(MEDIA_OCI_INDEX) };
	index.manifests = arena_alloc(&a, (count + 1) * sizeof(Descriptor), _Alignof(Descriptor));
	for (size_t i = 0; i < count; i++) {
		bool whole;
		Descriptor d;
		TRY_WHILE(describe_ref(s, &refs[i], &a, &d, &whole), "listing '%.*s' in index.json",
		          STR_ARG(refs[i].name));
		if (!whole)
			continue;
		Reference ref;
		Err *e = reference_parse(&a, refs[i].name, &ref);
		if (e)
			err_free(e); /* an untagged image: listed without a name */
		else
			d.ref_name = reference_familiar(&a, &ref);
		index.manifests[index.count++] = d;
	}
	index_format(&index, out);
	*ret_listed = index.count;
	return NULL;
}

Err *store_layout_write(Store *s)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	AUTO_BUF Buf json = BUF_INIT;
	Digest one = { 0 };
	TRY(store_lock(s, "layout", &one, NULL, &lock));
	size_t listed;
	TRY(store_layout_format(s, &json, &listed));
	return store_write_small(s, "index.json", buf_str(&json), false);
}
