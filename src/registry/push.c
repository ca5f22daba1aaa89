/*
 * push.c - blobs and manifests to a registry.
 *
 * A blob goes up in three steps: is it there (HEAD)?  can it be mounted from another repository, or
 * else where to (POST)?  and all of it in one streamed PUT.  The Location of the POST carries the
 * session's state in its query and is used as it came, with "digest=" added.  A broken upload
 * begins anew with a fresh session: no registry in wide use keeps what a cut PUT brought.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/registry-internal.h"

#include <time.h>

enum {
	UPLOAD_TRIES = 4,
	REPORT_MS = 100,
	ANSWER_BYTES_MAX = 1 << 20,
};

typedef struct Upload {
	Registry *r;
	Endpoint *endpoint;
	const Reference *ref;
	const Descriptor *d;
	Progress *progress;
	unsigned line;
	char digest[DIGEST_TEXT_LEN + 1];
	Reader *from; /* of the running try */
	uint64_t sent;
	int64_t reported_ns;
} Upload;

static Err *to_itself(Registry *r, const Reference *ref, Endpoint **ret)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	endpoint_list(r, ref->domain, true, endpoints, &count);
	*ret = endpoints[0];
	return endpoint_open(r, endpoints[0], 0);
}

/* What the server calls what we sent, if it says: must be what we call it. */
static Err *check_digest(const HttpResponse *answer, const char *wanted)
{
	Str got = http_response_header(answer, "docker-content-digest");
	if (!got.len || str_eqc(got, wanted))
		return NULL;
	return err_new(ERR_CORRUPT, "the registry took %s for '%.*s': damaged on the way", wanted,
	               STR_ARG(str_head(got, 100)));
}

static Err *exists(const Upload *u, Arena *a, bool *ret)
{
	Call call = { .endpoint = u->endpoint,
		      .ref = u->ref,
		      .push = true,
		      .method = "HEAD",
		      .path = arena_strf(a, "/v2/%.*s/blobs/%s", STR_ARG(u->ref->path),
		                         u->digest) };
	HttpResponse answer;
	TRY(endpoint_send(u->r, &call, a, &answer));
	/* Anything else but 200 does not stop us: the upload will tell more. */
	*ret = answer.status == 200;
	if (answer.status == 401 || answer.status == 403)
		return endpoint_status_error(u->endpoint, u->ref, &answer, "blob", true);
	return NULL;
}

/* A new session (*ret_location), or the blob mounted from FROM. */
static Err *begin(const Upload *u, Str from, Arena *a, Str *ret_location, bool *ret_mounted)
{
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "/v2/%.*s/blobs/uploads/", STR_ARG(u->ref->path));
	if (from.len) {
		buf_addf(&path, "?mount=%s&from=", u->digest);
		http_url_encode(from, &path);
	}
	Call call = { .endpoint = u->endpoint,
		      .ref = u->ref,
		      .push = true,
		      .mount_from = from,
		      .method = "POST",
		      .path = buf_str(&path),
		      .limit_bytes = ANSWER_BYTES_MAX };
	HttpResponse answer;
	TRY(endpoint_send(u->r, &call, a, &answer));
	*ret_mounted = from.len && answer.status == 201;
	if (*ret_mounted)
		return check_digest(&answer, u->digest);
	if (answer.status != 202)
		return endpoint_status_error(u->endpoint, u->ref, &answer, "upload", true);
	Str location = http_response_header(&answer, "location");
	if (!location.len)
		return err_new(ERR_CORRUPT,
		               "the registry begins an upload without saying where (Location)");
	TRY_WHILE(
		err_set_kind(http_url_resolve(a, answer.url, location, ret_location), ERR_CORRUPT),
		"reading the Location of an upload");
	return NULL;
}

static Err *give(void *context, void *buf, size_t cap, size_t *ret_len)
{
	Upload *u = context;
	TRY(reader_read(u->from, buf, cap, ret_len));
	u->sent += *ret_len;
	if (u->sent > u->d->size || (*ret_len == 0 && u->sent < u->d->size))
		return err_new(ERR_CORRUPT, "blob %s has %s bytes than its descriptor says",
		               u->digest, *ret_len ? "more" : "fewer");
	int64_t now = clock_mono_ns();
	if (u->sent == u->d->size || now - u->reported_ns > REPORT_MS * 1000000ll) {
		u->reported_ns = now;
		progress_bytes(u->progress, u->line, str_from(u->digest), u->sent, u->d->size);
	}
	return NULL;
}

static Err *check_downgrade(const Upload *u, Str location)
{
	HttpUrl base, to;
	TRY(http_url_parse(u->endpoint->base, &base));
	TRY(http_url_parse(location, &to));
	if (!base.https || to.https)
		return NULL;
	return err_note(err_new(ERR_NETWORK,
	                        "refused: an https registry wants the upload over plain http, "
	                        "at '%.*s'",
	                        STR_ARG(to.authority)),
	                "a proxy in front of it probably does not set X-Forwarded-Proto");
}

static Err *send_body(Upload *u, Str location, RegistryOpenFn *fresh, void *context, Arena *a,
                      HttpResponse *ret)
{
	TRY(check_downgrade(u, location));
	AUTO_READER Reader *from = NULL;
	TRY(fresh(context, &from));
	u->from = from;
	u->sent = 0;
	HttpHeader type = { STR("Content-Type"), STR("application/octet-stream") };
	bool has_query = str_find(location, '?') >= 0;
	AUTO_BUF Buf url = BUF_INIT;
	buf_addf(&url, "%.*s%cdigest=", STR_ARG(location), has_query ? '&' : '?');
	http_url_encode(str_from(u->digest), &url);
	Call call = { .endpoint = u->endpoint,
		      .ref = u->ref,
		      .push = true,
		      .method = "PUT",
		      .path = buf_str(&url),
		      .headers = &type,
		      .header_count = 1,
		      .source = u->d->size ? give : NULL,
		      .source_bytes = u->d->size,
		      .context = u,
		      .limit_bytes = ANSWER_BYTES_MAX,
		      .tries = 1 };
	return endpoint_send(u->r, &call, a, ret);
}

/* One session from begin to end.  *ret_again: the failure may pass with another session. */
static Err *upload_once(Upload *u, Str from, RegistryOpenFn *fresh, void *context,
                        RegistryPushed *ret, bool *ret_again)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str location = { "", 0 };
	bool mounted = false;
	HttpResponse answer = { 0 };
	*ret_again = false;
	TRY(begin(u, from, &a, &location, &mounted));
	*ret = mounted ? REGISTRY_MOUNTED : REGISTRY_PUSHED;
	if (mounted)
		return NULL;
	Err *err = send_body(u, location, fresh, context, &a, &answer);
	if (err) {
		*ret_again = err_kind(err) == ERR_NETWORK;
		return err;
	}
	if (answer.status == 201 || answer.status == 204)
		return check_digest(&answer, u->digest);
	/* 401: the token ran out meanwhile (the next is fresh); 404, 416: the session is lost. */
	*ret_again = answer.status == 401 || answer.status == 404 || answer.status == 416 ||
	             answer.status == 429 || answer.status >= 500;
	return endpoint_status_error(u->endpoint, u->ref, &answer, "upload", true);
}

static Err *pause_before(const Upload *u, unsigned tried)
{
	const struct timespec step = { 0, 50000000 };
	for (unsigned i = 0; i < 4u << tried; i++) {
		TRY(cancel_check(u->r->cancel));
		nanosleep(&step, NULL);
	}
	return NULL;
}

Err *registry_push_blob(Registry *r, const Reference *ref, const Descriptor *d, Str from,
                        RegistryOpenFn *fresh, void *context, Progress *progress, unsigned line,
                        RegistryPushed *ret)
{
	Upload u = { .r = r, .ref = ref, .d = d, .progress = progress, .line = line };
	digest_text(&d->digest, u.digest);
	TRY(to_itself(r, ref, &u.endpoint));
	for (unsigned tried = 1;; tried++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		bool there = false, again;
		TRY_WHILE(exists(&u, &a, &there), "pushing blob %s", u.digest);
		if (there) { /* after a failed try: the server had it all, only its answer was lost
			      */
			*ret = tried > 1 ? REGISTRY_PUSHED : REGISTRY_EXISTS;
			return NULL;
		}
		/* a refused mount is a session like any other; the second time we do not ask for it
		 */
		Err *err = upload_once(&u, tried == 1 ? from : (Str){ "", 0 }, fresh, context, ret,
		                       &again);
		if (!err)
			return NULL;
		if (!again || tried >= UPLOAD_TRIES)
			return err_while(tried > 1 ? err_note(err, "tried %u times", tried) : err,
			                 "pushing blob %s", u.digest);
		err_free(err);
		TRY(pause_before(&u, tried));
	}
}

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
	TRY(to_itself(r, ref, &e));
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
	return check_digest(answer, digest);
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

Err *registry_read_manifest(Registry *r, const Reference *ref, Arena *a, Str *ret)
{
	Endpoint *e;
	HttpResponse answer;
	HttpHeader accept = { STR("Accept"), STR(MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST) };
	TRY(to_itself(r, ref, &e));
	Call call = { .endpoint = e,
		      .ref = ref,
		      .push = true,
		      .method = "GET",
		      .path = arena_strf(a, "/v2/%.*s/manifests/%.*s", STR_ARG(ref->path),
		                         STR_ARG(ref->tag)),
		      .headers = &accept,
		      .header_count = 1,
		      .limit_bytes = MANIFEST_BYTES_MAX };
	TRY(endpoint_send(r, &call, a, &answer));
	*ret = answer.status == 200 ? answer.body : STR("");
	if (answer.status == 200 || answer.status == 404)
		return NULL;
	return endpoint_status_error(e, ref, &answer, "manifest", true);
}
