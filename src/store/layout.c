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
#include "store/documents-internal.h"

/* A manifest that is no such document: the error says what it is instead. */
static Err *refuse_manifest(Store *s, const Digest *manifest)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m;
	TRY(store_blob_read(s, manifest, MANIFEST_BYTES_MAX, &json));
	return manifest_parse(&a, buf_str(&json), "manifest", &m);
}

/* *ret_whole: the manifest and all it names are here. */
static Err *describe(Store *s, StoreDocuments *docs, const Digest *manifest, Descriptor *ret,
                     bool *ret_whole)
{
	const StoreDocument *doc = NULL;
	*ret_whole = false;
	if (digest_is_zero(manifest))
		return NULL;
	TRY(store_documents_get(docs, manifest, &doc));
	bool here = doc != NULL;
	if (!here)
		TRY(store_documents_have(docs, manifest, &here));
	if (!here) /* a gc took it, or its name has gone meanwhile */
		return NULL;
	if (!doc || doc->damaged || !doc->media_type.len)
		return refuse_manifest(s, manifest);
	TRY(store_documents_is_whole(docs, doc, ret_whole));
	*ret = (Descriptor){ .media_type = doc->media_type,
		             .digest = *manifest,
		             .size = doc->size };
	return NULL;
}

static bool has_manifest(const StoreRef *ref, const Digest *manifest)
{
	for (size_t i = 0; i < ref->variant_count; i++)
		if (digest_eq(&ref->variants[i].manifest, manifest))
			return true;
	return false;
}

/* The index that REF keeps, if all it lists is REF's and here. */
static Err *describe_kept(Store *s, StoreDocuments *docs, const StoreRef *ref, Arena *a,
                          Descriptor *ret, bool *ret_whole)
{
	Str json;
	Index index;
	TRY(store_ref_index(s, ref, a, &json, &index));
	*ret_whole = json.len > 0 && ref->variant_count > 0;
	for (size_t i = 0; *ret_whole && i < index.count; i++) {
		Descriptor d;
		*ret_whole = has_manifest(ref, &index.manifests[i].digest);
		if (*ret_whole)
			TRY(describe(s, docs, &index.manifests[i].digest, &d, ret_whole));
	}
	*ret = (Descriptor){ .digest = ref->index, .size = json.len };
	if (*ret_whole)
		ret->media_type = index.media_type.len ? index.media_type : STR(MEDIA_OCI_INDEX);
	return NULL;
}

/* The same of all platforms, as an index of their manifests. */
static Err *describe_index(Store *s, StoreDocuments *docs, const StoreRef *ref, Arena *a,
                           Descriptor *ret, bool *ret_whole)
{
	AUTO_BUF Buf json = BUF_INIT;
	Index index = { .media_type = STR(MEDIA_OCI_INDEX), .count = ref->variant_count };
	index.manifests =
		arena_alloc(a, (index.count + 1) * sizeof(Descriptor), _Alignof(Descriptor));
	*ret_whole = index.count > 0;
	for (size_t i = 0; i < index.count && *ret_whole; i++) {
		Descriptor *d = &index.manifests[i];
		TRY(describe(s, docs, &ref->variants[i].manifest, d, ret_whole));
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
static Err *describe_ref(Store *s, StoreDocuments *docs, const StoreRef *ref, Arena *a,
                         Descriptor *ret, bool *ret_whole)
{
	TRY(describe_kept(s, docs, ref, a, ret, ret_whole));
	if (!*ret_whole)
		TRY(describe_index(s, docs, ref, a, ret, ret_whole));
	return *ret_whole ? NULL : describe(s, docs, &ref->manifest, ret, ret_whole);
}

/* All REFS whose images are whole, under the names that people type. */
static Err *list_refs(Store *s, const StoreRef *refs, size_t count, StoreDocuments *docs, Arena *a,
                      Index *index)
{
	index->manifests = arena_alloc(a, (count + 1) * sizeof(Descriptor), _Alignof(Descriptor));
	for (size_t i = 0; i < count; i++) {
		bool whole;
		Descriptor d;
		TRY_WHILE(describe_ref(s, docs, &refs[i], a, &d, &whole),
		          "listing '%.*s' in index.json", STR_ARG(refs[i].name));
		if (!whole)
			continue;
		Reference ref;
		Err *e = reference_parse(a, refs[i].name, &ref);
		if (e)
			err_free(e); /* an untagged image: listed without a name */
		else
			d.ref_name = reference_familiar(a, &ref);
		index->manifests[index->count++] = d;
	}
	return NULL;
}

static Err *format(Store *s, const StoreCatalog *catalog, StoreDocuments *docs, Buf *out,
                   size_t *ret_listed)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	size_t count;
	const StoreRef *refs = store_catalog_refs(catalog, &count);
	Index index = { .media_type = STR(MEDIA_OCI_INDEX) };
	TRY(list_refs(s, refs, count, docs, &a, &index));
	index_format(&index, out);
	*ret_listed = index.count;
	return NULL;
}

Err *store_layout_format(Store *s, Buf *out, size_t *ret_listed)
{
	AUTO_CATALOG StoreCatalog *catalog = NULL;
	TRY(store_catalog_open(s, &catalog));
	StoreDocuments *docs = store_documents_open(s);
	Err *e = format(s, catalog, docs, out, ret_listed);
	store_documents_close(docs, false);
	return e;
}

Err *store_layout_write_of(Store *s, const StoreCatalog *catalog, StoreDocuments *docs)
{
	AUTO_BUF Buf json = BUF_INIT;
	size_t listed;
	TRY(format(s, catalog, docs, &json, &listed));
	return store_write_small(s, "index.json", buf_str(&json), false);
}

Err *store_layout_write(Store *s)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	AUTO_CATALOG StoreCatalog *catalog = NULL;
	TRY(store_lock_layout(s, &lock));
	TRY(store_catalog_open(s, &catalog));
	StoreDocuments *docs = store_documents_open(s);
	Err *e = store_layout_write_of(s, catalog, docs);
	store_documents_close(docs, false);
	return e;
}

Err *store_lock_layout(Store *s, StoreLock *ret)
{
	Digest one = { 0 };
	return store_lock(s, "layout", &one, NULL, ret);
}
