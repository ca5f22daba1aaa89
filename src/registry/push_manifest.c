/* push_manifest.c - manifests to a registry, and what it has under a tag. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "registry/registry-internal.h"

enum { ANSWER_BYTES_MAX = 1 << 20 };

/*
 * The digest is that of the bytes: who says that it is not has mixed them with others'.
 * docker-registry 2.8 does while another client puts a manifest with the same digest.
 */
static bool is_mixed_up(const HttpResponse *answer)
{
	return answer->status == 400 && memmem(answer->body.ptr, answer->body.len, "DIGEST_INVALID",
	                                       strlen("DIGEST_INVALID"));
}

static Err *put_manifest(Registry *r, const Reference *ref, Str media_type, Str json, Arena *a,
                         Digest *ret_digest, HttpResponse *answer)
{
	Endpoint *e;
	char digest[DIGEST_TEXT_LEN + 1];
	*ret_digest = sha256_of(json);
	digest_text(ret_digest, digest);
	TRY(endpoint_own(r, ref, &e));
	Str name = ref->tag.len ? ref->tag : str_from(digest);
	HttpHeader type = { STR("Content-Type"), media_type };
	Call call = { .endpoint = e,
		      .ref = ref,
		      .push = true,
		      .method = "PUT",
		      .path = arena_strf(a, "/v2/%.*s/manifests/%.*s", STR_ARG(ref->path),
		                         STR_ARG(name)),
		      .headers = &type,
		      .header_count = 1,
		      .body = json,
		      .limit_bytes = ANSWER_BYTES_MAX };
	enum { TRIES = 4 };
	for (unsigned i = 0; i == 0 || (i < TRIES && is_mixed_up(answer)); i++)
		TRY_WHILE(endpoint_send(r, &call, a, answer), "pushing the manifest");
	if (answer->status < 200 || answer->status >= 300)
		return err_while(endpoint_status_error(e, ref, answer, "manifest", true),
		                 "pushing the manifest");
	return endpoint_check_digest(answer, digest);
}

Err *registry_push_manifest(Registry *r, const Reference *ref, Str media_type, Str json,
                            Digest *ret_digest)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer;
	return put_manifest(r, ref, media_type, json, &a, ret_digest, &answer);
}

Err *registry_push_artifact(Registry *r, const Reference *ref, Str media_type, Str json,
                            bool *ret_listed)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Digest digest;
	HttpResponse answer;
	TRY(put_manifest(r, ref, media_type, json, &a, &digest, &answer));
	*ret_listed = http_response_header(&answer, "oci-subject").len > 0;
	return NULL;
}

static Err *read_manifest(Registry *r, const Reference *ref, const char *types, bool push, Arena *a,
                          Str *ret)
{
	Endpoint *e;
	HttpResponse answer;
	HttpHeader accept = { STR("Accept"), str_from(types) };
	Str which = ref->has_digest ? digest_arena_text(a, &ref->digest) : ref->tag;
	TRY(endpoint_own(r, ref, &e));
	Call call = { .endpoint = e,
		      .ref = ref,
		      .push = push,
		      .method = "GET",
		      .path = arena_strf(a, "/v2/%.*s/manifests/%.*s", STR_ARG(ref->path),
		                         STR_ARG(which)),
		      .headers = &accept,
		      .header_count = 1,
		      .limit_bytes = MANIFEST_BYTES_MAX };
	TRY(endpoint_send(r, &call, a, &answer));
	*ret = answer.status == 200 ? answer.body : STR("");
	if (answer.status == 200 || answer.status == 404)
		return NULL;
	return endpoint_status_error(e, ref, &answer, "manifest", push);
}

Err *registry_read_manifest(Registry *r, const Reference *ref, Arena *a, Str *ret)
{
	Reference tag = *ref;
	tag.has_digest = false;
	return read_manifest(r, &tag, MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST, true, a, ret);
}

Err *registry_read_document(Registry *r, const Reference *ref, Arena *a, Str *ret)
{
	return read_manifest(r, ref,
	                     MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_INDEX
	                                     ", " MEDIA_DOCKER_MANIFEST,
	                     false, a, ret);
}
