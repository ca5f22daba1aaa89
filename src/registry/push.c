/*
 * push.c - a blob to a registry.
 *
 * Is it there (HEAD)?  Can it be mounted from another repository, or else where to (POST)?  Then
 * its bytes (upload.c).  The Location of the POST carries the session's state in its query and is
 * used as it came.  A session that is lost begins anew.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "registry/upload-internal.h"

enum {
	ANSWER_BYTES_MAX = 1 << 20,
	SESSIONS_MAX = 20, /* of one blob, whatever --retry says */
};

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

static Err *post(const Upload *u, Str from, Arena *a, HttpResponse *ret)
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
		      .path = arena_str(a, buf_str(&path)),
		      .limit_bytes = ANSWER_BYTES_MAX };
	return endpoint_send(u->r, &call, a, ret);
}

/* The smallest part that the server takes: a wish, as long as it is a sensible one. */
static uint64_t chunk_min_of(const HttpResponse *answer)
{
	uint64_t n;
	Str text = http_response_header(answer, "oci-chunk-min-length");
	return text.len && str_to_u64(text, &n) && n <= INT64_MAX ? n : 0;
}

/* A new session, or the blob mounted from FROM. */
static Err *begin(Upload *u, Str from, bool *ret_mounted)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer;
	TRY(post(u, from, &a, &answer));
	*ret_mounted = from.len && answer.status == 201;
	if (*ret_mounted)
		return endpoint_check_digest(&answer, u->digest);
	/* A hint that was wrong is no reason to fail: some refuse instead of beginning a session.
	 */
	if (from.len && answer.status != 202)
		TRY(post(u, STR(""), &a, &answer));
	if (answer.status != 202)
		return endpoint_status_error(u->endpoint, u->ref, &answer, "upload", true);
	arena_done(&u->arena);
	u->location = STR("");
	u->there = 0;
	u->chunk_min = chunk_min_of(&answer);
	if (u->chunk && u->chunk < u->chunk_min)
		u->chunk = u->chunk_min;
	TRY(upload_follow(u, &answer));
	if (!u->location.len)
		return err_new(ERR_NETWORK,
		               "the registry begins an upload without saying where (Location)");
	return NULL;
}

static Err *push(Upload *u, Str from, RegistryPushed *ret)
{
	for (unsigned session = 1;; session++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		bool there = false, mounted = false, lost = false;
		TRY(exists(u, &a, &there));
		if (there) { /* after a failed try: the server had it all, only its answer was lost
			      */
			*ret = session > 1 ? REGISTRY_PUSHED : REGISTRY_EXISTS;
			return NULL;
		}
		/* a refused mount is a session like any other; the second time we do not ask for it
		 */
		TRY(begin(u, session == 1 ? from : STR(""), &mounted));
		*ret = mounted ? REGISTRY_MOUNTED : REGISTRY_PUSHED;
		Err *err = mounted ? NULL : upload_run(u, &lost);
		if (!err || !lost || session >= SESSIONS_MAX)
			return err && u->failures > 1 && u->failures < UINT32_MAX
			               ? err_note(err, "tried %u times", u->failures)
			               : err;
		err_free(err); /* told if no other session does better */
	}
}

Err *registry_push_blob(Registry *r, const Reference *ref, const Descriptor *d, Str from,
                        RegistryOpenFn *fresh, void *context, Progress *progress, unsigned line,
                        RegistryPushed *ret)
{
	AUTO_UPLOAD Upload u = { .r = r,
		                 .ref = ref,
		                 .d = d,
		                 .open = fresh,
		                 .open_context = context,
		                 .progress = progress,
		                 .line = line,
		                 .chunk = r->patience.chunk_bytes };
	digest_text(&d->digest, u.digest);
	TRY(endpoint_own(r, ref, &u.endpoint));
	return err_while(push(&u, from, ret), "pushing blob %s", u.digest);
}
