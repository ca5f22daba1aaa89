/* resolve.c - a reference → the manifest and config of the image for a platform. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "registry/registry-internal.h"

#define ACCEPT \
	MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_INDEX ", " MEDIA_DOCKER_MANIFEST

typedef struct Resolve {
	Registry *r;
	const Reference *ref;
	const Platform *platform;
	Arena *a;
	RegistryImage *ret;
	bool any; /* type of config will do */
} Resolve;

typedef struct Document {
	Str json, content_type;
	Digest digest; /* of the bytes: what the server says about it does not count */
} Document;

/* BY_DIGEST NULL: by tag. */
static Err *get_document(const Resolve *q, Endpoint *e, const Digest *by_digest, Document *ret)
{
	char hex[DIGEST_TEXT_LEN + 1];
	const Reference *ref = q->ref;
	Str name = by_digest ? digest_text(by_digest, hex) : ref->tag;
	HttpHeader accept = { STR("Accept"), STR(ACCEPT) };
	Call call = { .endpoint = e,
		      .ref = ref,
		      .method = "GET",
		      .path = arena_strf(q->a, "/v2/%.*s/manifests/%.*s", STR_ARG(ref->path),
		                         STR_ARG(name)),
		      .headers = &accept,
		      .header_count = 1,
		      .limit_bytes = MANIFEST_BYTES_MAX };
	HttpResponse answer;
	TRY(endpoint_send(q->r, &call, q->a, &answer));
	if (answer.status != 200) {
		Str what = arena_strf(q->a, "manifest %.*s", STR_ARG(name));
		return endpoint_status_error(e, ref, &answer, what.ptr, false);
	}
	ret->json = answer.body;
	ret->content_type = http_response_header(&answer, "content-type");
	ret->digest = sha256_of(ret->json);
	if (by_digest && !digest_eq(&ret->digest, by_digest)) {
		char got[DIGEST_TEXT_LEN + 1];
		Str repository = endpoint_repository(q->a, e, ref);
		return err_new(ERR_CORRUPT, "%.*s: asked for manifest %s, got %s",
		               STR_ARG(repository), hex, digest_text(&ret->digest, got).ptr);
	}
	return NULL;
}

/* The answer of something that is no registry deserves better than a JSON error. */
static Err *check_html(const Document *doc, const char *name)
{
	if (!str_starts(doc->content_type, STR("text/html")))
		return NULL;
	return err_note(
		err_new(ERR_CORRUPT, "%s: the server sends a web page, not a manifest", name),
		"is that a registry? a proxy's login page looks like this as well");
}

/* Follow indexes down to the image manifest of the platform. */
static Err *find_manifest(const Resolve *q, Endpoint *e, Document *ret)
{
	const char *name = reference_familiar(q->a, q->ref).ptr;
	TRY(get_document(q, e, q->ref->has_digest ? &q->ref->digest : NULL, ret));
	q->ret->top_digest = ret->digest;
	q->ret->index_json = STR(""); /* another server may have given one */
	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		ManifestKind kind;
		Index index;
		const Descriptor *chosen = NULL;
		TRY(check_html(ret, name));
		TRY(manifest_kind(ret->json, ret->content_type, name, &kind));
		if (kind == MANIFEST_IMAGE)
			return NULL;
		TRY(index_parse(q->a, ret->json, name, &index));
		if (depth == 0)
			q->ret->index_json = ret->json;
		TRY(index_choose(&index, q->platform, name, &chosen));
		TRY(get_document(q, e, &chosen->digest, ret));
		if (ret->json.len != chosen->size)
			return err_new(ERR_CORRUPT,
			               "%s: a manifest has %zu bytes, the index says %llu", name,
			               ret->json.len, (unsigned long long)chosen->size);
	}
	return err_new(ERR_CORRUPT, "%s: over %d indexes inside each other", name, INDEX_DEPTH_MAX);
}

static bool is_config(Str type)
{
	return str_eqc(type, MEDIA_OCI_CONFIG) || str_eqc(type, MEDIA_DOCKER_CONFIG);
}

static Err *resolve_at(void *context, Endpoint *e)
{
	const Resolve *q = context;
	RegistryImage *ret = q->ret;
	const char *name = reference_familiar(q->a, q->ref).ptr;
	Document doc = { .json = { "", 0 }, .content_type = { "", 0 } };
	TRY(find_manifest(q, e, &doc));
	ret->manifest_json = doc.json;
	ret->manifest_digest = doc.digest;
	TRY(manifest_parse(q->a, doc.json, name, &ret->manifest));
	const Descriptor *config = &ret->manifest.config;
	if (!q->any && !is_config(config->media_type))
		return err_new(ERR_CORRUPT, "%s is no container image: its config is '%.*s'", name,
		               STR_ARG(str_head(config->media_type, 200)));
	TRY_WHILE(fetch_small(q->r, e, q->ref, config, IMAGE_CONFIG_BYTES_MAX, q->a,
	                      &ret->config_json),
	          "fetching the config of %s", name);
	return NULL;
}

Err *registry_resolve(Registry *r, const Reference *ref, const Platform *platform, Arena *a,
                      RegistryImage *ret)
{
	Resolve q = { r, ref, platform, a, ret, false };
	*ret = (RegistryImage){ 0 };
	return endpoint_each(r, ref, resolve_at, &q);
}

Err *registry_resolve_any(Registry *r, const Reference *ref, const Platform *platform, Arena *a,
                          RegistryImage *ret)
{
	Resolve q = { r, ref, platform, a, ret, true };
	*ret = (RegistryImage){ 0 };
	return endpoint_each(r, ref, resolve_at, &q);
}
