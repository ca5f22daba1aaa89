/*
 * images.c - images of the store, in the repositories that their names say.
 *
 * "localhost:5000/shop/web:1" is the tag "1" of "shop/web" for who asks localhost:5000.  Nothing is
 * copied: the first question makes manifest and compressed blobs (export/publish.c) and links them.
 * A tag remembers the image that its name had; when a build has moved the name, the tag follows.  A
 * push to the tag wins until the name moves again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "distribution/distribution-internal.h"
#include "export/export.h"

/* LAST: a tag or a digest. */
static Err *find_ref(const Call *c, Str last, StoreRef *ret, bool *ret_found)
{
	char mark = store_repo_digest_ok(last) ? '@' : ':';
	*ret_found = false;
	for (size_t i = 0; i < c->o->domain_count && !*ret_found; i++) {
		AUTO_BUF Buf name = BUF_INIT;
		buf_addf(&name, "%.*s/%.*s%c%.*s", STR_ARG(c->o->domains[i]),
		         STR_ARG(c->route.repo), mark, STR_ARG(last));
		Err *e = store_ref_get(c->store, buf_str(&name), c->arena, ret);
		*ret_found = !e;
		if (e && err_kind(e) != ERR_NOT_FOUND)
			return e;
		err_free(e); /* no such name: the next one */
	}
	return NULL;
}

Err *distribution_image_find(Call *c, Str tag, Digest *ret)
{
	StoreRef ref;
	bool found;
	*ret = (Digest){ 0 };
	TRY(find_ref(c, tag, &ref, &found));
	if (found)
		*ret = ref.config;
	return NULL;
}

/* --- links ------------------------------------------------------------------------------------ */

static Err *link_blob(Call *c, const Descriptor *d)
{
	char text[DIGEST_TEXT_LEN + 1];
	return store_repo_link_blob(c->store, c->route.repo, digest_text(&d->digest, text),
	                            &d->digest);
}

static Err *link_image(Call *c, Str json, const char *name, Str *ret_type)
{
	Manifest m;
	TRY(manifest_parse(c->arena, json, name, &m));
	TRY(link_blob(c, &m.config));
	for (size_t i = 0; i < m.layer_count; i++)
		TRY(link_blob(c, &m.layers[i]));
	*ret_type = m.media_type;
	return NULL;
}

/* A manifest with all that it names; DEPTH of indexes. */
static Err *link_manifest(Call *c, const Digest *d, unsigned depth)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_BUF Buf json = BUF_INIT;
	ManifestKind kind;
	StoreRepoManifest link = { .digest = digest_text(d, text), .blob = *d, .subject = STR("") };
	TRY(store_blob_read(c->store, d, MANIFEST_BYTES_MAX, &json));
	TRY(manifest_kind(buf_str(&json), STR(""), text, &kind));
	if (kind == MANIFEST_INDEX && depth < INDEX_DEPTH_MAX) {
		Index index;
		TRY(index_parse(c->arena, buf_str(&json), text, &index));
		for (size_t i = 0; i < index.count; i++)
			if (store_blob_exists(c->store, &index.manifests[i].digest, NULL))
				TRY(link_manifest(c, &index.manifests[i].digest, depth + 1));
		link.media_type = index.media_type;
	} else {
		TRY(link_image(c, buf_str(&json), text, &link.media_type));
	}
	return store_repo_link_manifest(c->store, c->route.repo, &link);
}

static Err *publish(Call *c, const StoreRef *ref, Digest *ret)
{
	Image image, *all;
	size_t count;
	const CompressionSpec compression = { .id = COMPRESSION_GZIP };
	TRY(image_find(c->store, ref->name, c->arena, &image));
	TRY(image_all(c->store, &image, c->arena, &all, &count));
	for (size_t i = 0; i < count; i++)
		TRY(image_check(c->store, &all[i]));
	const ExportImage one = { .images = all, .image_count = count };
	return export_publish_all(c->store, &one, &compression, NULL, c->o->cancel, ret);
}

static Err *is_current(Call *c, Str tag, const StoreRef *ref, bool *ret)
{
	StoreRepoTag is;
	Err *e = store_repo_find_tag(c->store, c->route.repo, tag, c->arena, &is);
	*ret = !e && digest_eq(&is.image, &ref->config);
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* then it is set now */
	return NULL;
}

Err *distribution_image_sync(Call *c, Str tag)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE, lock = STORE_LOCK_NONE;
	StoreRef ref;
	Digest top;
	bool found, current;
	TRY(find_ref(c, tag, &ref, &found));
	if (!found)
		return NULL;
	TRY(is_current(c, tag, &ref, &current));
	if (current)
		return NULL;
	TRY(store_lock_gc(c->store, false, c->o->cancel, &gc));
	TRY_WHILE(publish(c, &ref, &top), "publishing '%.*s'", STR_ARG(ref.name));
	TRY(store_repo_lock(c->store, c->route.repo, &lock));
	TRY(link_manifest(c, &top, 0));
	const StoreRepoTag now = { .manifest = digest_arena_text(c->arena, &top),
		                   .image = ref.config };
	return store_repo_set_tag(c->store, c->route.repo, tag, &now);
}

Err *distribution_image_sync_digest(Call *c)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE, lock = STORE_LOCK_NONE;
	StoreRef ref;
	Digest top;
	bool found;
	TRY(find_ref(c, c->route.last, &ref, &found));
	if (!found)
		return distribution_image_sync_all(c);
	TRY(store_lock_gc(c->store, false, c->o->cancel, &gc));
	TRY_WHILE(publish(c, &ref, &top), "publishing '%.*s'", STR_ARG(ref.name));
	TRY(store_repo_lock(c->store, c->route.repo, &lock));
	return link_manifest(c, &top, 0);
}

Err *distribution_image_untag(Call *c, Str tag)
{
	StoreRef ref;
	bool found;
	TRY(find_ref(c, tag, &ref, &found));
	return found ? store_ref_remove(c->store, ref.name) : NULL;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* NAME below one of the domains: repository and tag. */
static bool split_name(const Call *c, Str name, Str *ret_repo, Str *ret_tag)
{
	for (size_t i = 0; i < c->o->domain_count; i++) {
		Str domain = c->o->domains[i];
		if (!str_starts(name, domain) || name.len <= domain.len ||
		    name.ptr[domain.len] != '/')
			continue;
		Str rest = str_from_at(name, domain.len + 1);
		ptrdiff_t colon = str_rfind(rest, ':');
		if (colon < 0 || str_find(rest, '@') >= 0)
			return false;
		*ret_repo = str_head(rest, (size_t)colon);
		*ret_tag = str_from_at(rest, (size_t)colon + 1);
		return store_repo_name_ok(*ret_repo) && store_repo_tag_ok(*ret_tag);
	}
	return false;
}

Err *distribution_image_names(Call *c, Str repo, DistributionNames *out)
{
	AUTO_CATALOG StoreCatalog *catalog = NULL;
	size_t count;
	if (!c->o->domain_count)
		return NULL;
	TRY(store_catalog_open(c->store, &catalog));
	const StoreRef *refs = store_catalog_refs(catalog, &count);
	for (size_t i = 0; i < count; i++) {
		Str of, tag;
		if (!split_name(c, refs[i].name, &of, &tag))
			continue;
		if (!repo.len)
			VEC_PUSH(out, arena_str(c->arena, of));
		else if (str_eq(of, repo))
			VEC_PUSH(out, arena_str(c->arena, tag));
	}
	return NULL;
}

Err *distribution_image_sync_all(Call *c)
{
	DistributionNames tags = { 0 };
	Err *e = distribution_image_names(c, c->route.repo, &tags);
	for (size_t i = 0; !e && i < tags.len; i++)
		e = distribution_image_sync(c, tags.at[i]);
	VEC_DONE(&tags);
	return e;
}
