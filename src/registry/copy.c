/* copy.c - a manifest with all that it names, from one repository into another. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "registry/copy.h"

typedef struct Copy {
	Registry *r;
	const Reference *from, *to;
	Progress *progress;
	unsigned line;
} Copy;

typedef struct CopyBlob {
	const Copy *copy;
	const Descriptor *d;
} CopyBlob;

static Err *open_blob(void *context, Reader **ret)
{
	const CopyBlob *b = context;
	return registry_fetch_blob(b->copy->r, b->copy->from, b->d, b->copy->progress,
	                           b->copy->line, ret);
}

static Err *copy_blob(const Copy *c, const Descriptor *d)
{
	CopyBlob blob = { c, d };
	RegistryPushed how;
	bool one_registry = str_eq(c->from->domain, c->to->domain);
	if (d->foreign) /* it is where its addresses say, and in no registry */
		return NULL;
	return registry_push_blob(c->r, c->to, d, one_registry ? c->from->path : STR(""), open_blob,
	                          &blob, c->progress, c->line, &how);
}

static Reference by_digest(const Reference *ref, const Digest *digest)
{
	Reference copy = *ref;
	copy.tag = STR("");
	copy.has_digest = true;
	copy.digest = *digest;
	return copy;
}

static Err *copy_document(const Copy *c, const Digest *digest, unsigned depth);

static Err *copy_index(const Copy *c, Str json, const char *name, unsigned depth, Arena *a,
                       Str *ret_type)
{
	Index index;
	if (depth >= INDEX_DEPTH_MAX)
		return err_new(ERR_CORRUPT, "%s: over %d indexes inside each other", name,
		               INDEX_DEPTH_MAX);
	TRY(index_parse(a, json, name, &index));
	for (size_t i = 0; i < index.count; i++)
		TRY(copy_document(c, &index.manifests[i].digest, depth + 1));
	*ret_type = index.media_type;
	return NULL;
}

static Err *copy_image(const Copy *c, Str json, const char *name, Arena *a, Str *ret_type)
{
	Manifest m;
	TRY(manifest_parse(a, json, name, &m));
	for (size_t i = 0; i < m.layer_count; i++)
		TRY(copy_blob(c, &m.layers[i]));
	TRY(copy_blob(c, &m.config));
	*ret_type = m.media_type.len ? m.media_type : STR(MEDIA_OCI_MANIFEST);
	return NULL;
}

static Err *copy_document(const Copy *c, const Digest *digest, unsigned depth)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str json, type = STR("");
	ManifestKind kind;
	Digest is;
	Reference from = by_digest(c->from, digest), to = by_digest(c->to, digest);
	const char *name = reference_full(&a, &from).ptr;
	TRY(registry_read_whole(c->r, &from, &a, &json));
	TRY(manifest_kind(json, STR(""), name, &kind));
	if (kind == MANIFEST_INDEX)
		TRY(copy_index(c, json, name, depth, &a, &type));
	else
		TRY(copy_image(c, json, name, &a, &type));
	return registry_push_manifest(c->r, &to, type, json, &is);
}

Err *registry_copy(Registry *r, const Reference *from, const Digest *digest, const Reference *to,
                   Progress *progress, unsigned line)
{
	Copy c = { r, from, to, progress, line };
	if (str_eq(from->domain, to->domain) && str_eq(from->path, to->path))
		return NULL;
	return copy_document(&c, digest, 0);
}

Err *registry_read_whole(Registry *r, const Reference *ref, Arena *a, Str *ret_json)
{
	TRY(registry_read_document(r, ref, a, ret_json));
	const char *name = reference_full(a, ref).ptr;
	if (!ret_json->len)
		return err_new(ERR_NOT_FOUND, "%s: not found", name);
	Digest is = sha256_of(*ret_json);
	if (ref->has_digest && !digest_eq(&is, &ref->digest))
		return err_new(ERR_CORRUPT, "%s: the registry's answer has the digest %s", name,
		               digest_arena_text(a, &is).ptr);
	return NULL;
}
