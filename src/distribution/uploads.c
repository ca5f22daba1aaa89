/*
 * uploads.c - a blob comes: at once, in pieces, or from another repository.
 *
 * What a request has written stays if the client goes away, so that he can go on; it is taken back
 * if the request was wrong or did not fit.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "distribution/distribution-internal.h"

/* --- replies ---------------------------------------------------------------------------------- */

static void say_session(const Call *c, ServerReply *r, const char *id, uint64_t size)
{
	AUTO_BUF Buf location = BUF_INIT, range = BUF_INIT;
	buf_addf(&location, "/v2/%.*s/blobs/uploads/%s", STR_ARG(c->route.repo), id);
	buf_addf(&range, "0-%llu", (unsigned long long)(size ? size - 1 : 0));
	server_reply_header(r, "Location", buf_str(&location));
	server_reply_header(r, "Range", buf_str(&range));
	server_reply_header(r, "Docker-Upload-UUID", str_from(id));
}

static void say_created(const Call *c, ServerReply *r, Str digest)
{
	AUTO_BUF Buf location = BUF_INIT;
	buf_addf(&location, "/v2/%.*s/blobs/%.*s", STR_ARG(c->route.repo), STR_ARG(digest));
	server_reply(r, 201);
	server_reply_header(r, "Location", buf_str(&location));
	distribution_digest_header(r, digest);
}

/* --- quota ------------------------------------------------------------------------------------ */

static Err *find_room(const Call *c, uint64_t *ret)
{
	uint64_t used;
	*ret = UINT64_MAX;
	if (!c->o->quota_bytes)
		return NULL;
	TRY(store_repo_usage(c->store, store_repo_project(c->route.repo), &used));
	*ret = used < c->o->quota_bytes ? c->o->quota_bytes - used : 0;
	return NULL;
}

static void say_quota(const Call *c, ServerReply *r)
{
	distribution_say(r, 403, "DENIED",
	                 "the project '%.*s' may have %llu bytes, and this would be more: delete "
	                 "something there",
	                 STR_ARG(store_repo_project(c->route.repo)),
	                 (unsigned long long)c->o->quota_bytes);
}

bool distribution_has_room(Call *c, uint64_t size, ServerReply *r)
{
	uint64_t room;
	Err *e = find_room(c, &room);
	if (e)
		distribution_say_err(c, r, e, "NAME_UNKNOWN");
	else if (size > room)
		say_quota(c, r);
	return !server_reply_is_set(r);
}

/* --- the body of POST, PATCH, PUT --------------------------------------------------------------
 */

void distribution_upload_body(Call *c, Str bytes)
{
	if (c->error || c->over_quota || c->too_large)
		return;
	uint64_t size = store_upload_size(c->upload);
	if (bytes.len > c->room || size > c->room - bytes.len)
		c->over_quota = true;
	else if (c->has_range && size + bytes.len > c->range_to)
		c->too_large = true;
	else
		c->error = store_upload_add(c->upload, bytes.ptr, bytes.len);
}

void distribution_upload_done(Call *c)
{
	if (!c->upload)
		return;
	/* What fails here costs the client a piece that he sends again. */
	if (c->keeps_upload)
		err_free(store_upload_save(c->upload));
	else
		err_free(store_upload_remove(c->upload));
	store_upload_close(c->upload);
	c->upload = NULL;
}

static Err *take_back(Call *c)
{
	return store_upload_cut(c->upload, c->upload_from);
}

/* Did the body come as it was said?  The reply tells if not, and the session is as it was before.
 */
static bool is_body_ok(Call *c, ServerReply *r)
{
	Err *e = TAKE_PTR(c->error);
	bool short_or_long =
		c->too_large || (c->has_range && store_upload_size(c->upload) != c->range_to);
	if (!e && !c->over_quota && !short_or_long)
		return true;
	Err *back = take_back(c);
	if (e || back) {
		if (e)
			err_free(back); /* the first error is told */
		distribution_say_err(c, r, e ? e : back, "BLOB_UPLOAD_UNKNOWN");
	} else if (c->over_quota) {
		say_quota(c, r);
	} else {
		distribution_say(r, 416, "BLOB_UPLOAD_INVALID",
		                 "the body has not as many bytes as its Content-Range says");
		say_session(c, r, store_upload_id(c->upload), store_upload_size(c->upload));
	}
	return false;
}

static void end_patch(Call *c, ServerReply *r)
{
	if (!is_body_ok(c, r))
		return;
	Err *e = store_upload_save(c->upload);
	if (e) {
		distribution_say_err(c, r, e, "BLOB_UPLOAD_UNKNOWN");
		return;
	}
	server_reply(r, 202);
	say_session(c, r, store_upload_id(c->upload), store_upload_size(c->upload));
}

static bool read_digest(Call *c, ServerReply *r, Str *ret)
{
	if (server_request_query(c->request, "digest", ret) && store_repo_digest_ok(*ret))
		return true;
	distribution_say(r, 400, "DIGEST_INVALID",
	                 "expected ?digest= with sha256: or sha512: and lower-case hex digits");
	return false;
}

/* Two that finish at once must not both fit into the same room. */
static Err *finish(Call *c, Str digest, bool *ret_fits)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	*ret_fits = true;
	if (c->o->quota_bytes) {
		uint64_t room;
		TRY(store_repo_lock(c->store, store_repo_project(c->route.repo), &lock));
		TRY(find_room(c, &room));
		*ret_fits = store_upload_size(c->upload) <= room;
	}
	return *ret_fits ? store_upload_finish(c->upload, digest) : store_upload_remove(c->upload);
}

static void end_put(Call *c, ServerReply *r)
{
	Str digest;
	bool fits;
	if (!is_body_ok(c, r) || !read_digest(c, r, &digest))
		return;
	Err *e = finish(c, digest, &fits);
	if (e && err_kind(e) == ERR_SYSTEM) {
		distribution_say_err(c, r, e, "BLOB_UPLOAD_UNKNOWN"); /* to be tried again */
		return;
	}
	store_upload_close(TAKE_PTR(c->upload)); /* it is gone in any case */
	if (e)
		distribution_say_err(c, r, e, "BLOB_UPLOAD_UNKNOWN");
	else if (!fits)
		say_quota(c, r);
	else
		say_created(c, r, digest);
}

/* --- requests to a session -------------------------------------------------------------------- */

static bool read_content_range(Call *c, ServerReply *r)
{
	Str text = server_request_header(c->request, "Content-Range");
	uint64_t size = store_upload_size(c->upload), length;
	if (!text.len)
		return true;
	c->has_range = true;
	Str first, last = str_cut(text, '-', &first);
	bool ok = str_to_u64(first, &c->range_from) && str_to_u64(last, &c->range_to) &&
	          c->range_to < INT64_MAX && c->range_from == size && c->range_to >= c->range_from;
	c->range_to++;
	if (ok && server_request_length(c->request, &length))
		ok = length == c->range_to - c->range_from;
	if (ok)
		return true;
	distribution_say(r, 416, "BLOB_UPLOAD_INVALID",
	                 "the upload has %llu bytes: the next piece begins there",
	                 (unsigned long long)size);
	say_session(c, r, store_upload_id(c->upload), size);
	return false;
}

/* Before the body is read: does it fit, by what the head says? */
static bool prepare_body(Call *c, ServerReply *r)
{
	uint64_t length = 0, size = store_upload_size(c->upload);
	Err *e = find_room(c, &c->room);
	if (e) {
		distribution_say_err(c, r, e, "NAME_UNKNOWN");
		return false;
	}
	(void)server_request_length(c->request, &length);
	if (size > c->room || length > c->room - size) {
		say_quota(c, r);
		return false;
	}
	return true;
}

static void answer_session(Call *c, ServerReply *r)
{
	c->keeps_upload = true;
	c->upload_from = store_upload_size(c->upload);
	if (str_eqc(c->method, "GET") || str_eqc(c->method, "HEAD")) {
		server_reply(r, 204);
		say_session(c, r, store_upload_id(c->upload), c->upload_from);
	} else if (str_eqc(c->method, "DELETE")) {
		c->keeps_upload = false;
		server_reply(r, 204);
	} else if (read_content_range(c, r) && prepare_body(c, r)) {
		c->end = str_eqc(c->method, "PUT") ? end_put : end_patch;
	}
}

void distribution_upload(Call *c, ServerReply *r)
{
	Str digest;
	Err *e = store_upload_open(c->store, c->route.repo, c->route.last, &c->upload);
	if (e) {
		distribution_say_err(c, r, e, "BLOB_UPLOAD_UNKNOWN");
		return;
	}
	if (str_eqc(c->method, "PUT") && !read_digest(c, r, &digest)) {
		c->keeps_upload = false; /* X02 */
		return;
	}
	answer_session(c, r);
}

/* --- from another repository -------------------------------------------------------------------
 */

/* *ret_repo: where it was found; "" in the store alone. */
static Err *find_elsewhere(Call *c, Str digest, Str from, Digest *ret, Str *ret_repo,
                           bool *ret_found)
{
	Str *repos;
	size_t count = 1;
	uint64_t size;
	*ret_found = false;
	*ret_repo = STR("");
	if (from.len)
		repos = &from;
	else
		TRY(store_repo_list(c->store, c->arena, &repos, &count));
	for (size_t i = 0; i < count && !*ret_found; i++) {
		if (!store_repo_name_ok(repos[i]) || !distribution_may_pull(c, repos[i]))
			continue;
		Err *e = store_repo_find_blob(c->store, repos[i], digest, false, ret, &size);
		*ret_found = !e && size != UINT64_MAX;
		err_free(e); /* not there, or not to be used */
		if (*ret_found)
			*ret_repo = repos[i];
	}
	/* Who may read all of the registry may use what is in the store. */
	if (!*ret_found && !c->o->users && str_starts(digest, STR("sha256:"))) {
		TRY(digest_parse(digest, ret));
		*ret_found = store_blob_exists(c->store, ret, &size);
	}
	return NULL;
}

/* *ret_done false: it is not there for him, and he uploads it. */
static Err *mount(Call *c, Str digest, Str from, ServerReply *r, bool *ret_done)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE, lock = STORE_LOCK_NONE;
	Digest blob;
	Str repo, project = store_repo_project(c->route.repo);
	uint64_t size;
	*ret_done = false;
	TRY(store_lock_gc(c->store, false, c->o->cancel, &gc));
	TRY(find_elsewhere(c, digest, from, &blob, &repo, ret_done));
	if (!*ret_done)
		return NULL;
	if (c->o->quota_bytes && !str_eq(store_repo_project(repo), project)) {
		TRY(store_repo_lock(c->store, project, &lock));
		if (store_blob_exists(c->store, &blob, &size) && !distribution_has_room(c, size, r))
			return NULL;
	}
	TRY(store_repo_link_blob(c->store, c->route.repo, digest, &blob));
	say_created(c, r, digest);
	return NULL;
}

void distribution_begin_upload(Call *c, ServerReply *r)
{
	Str digest = STR(""), from = STR("");
	bool done = false;
	Err *e = NULL;
	if (server_request_query(c->request, "mount", &digest) && store_repo_digest_ok(digest)) {
		(void)server_request_query(c->request, "from", &from);
		e = mount(c, digest, from, r, &done);
	}
	if (!e && done)
		return;
	bool monolithic = server_request_query(c->request, "digest", &digest);
	if (!e && monolithic && !read_digest(c, r, &digest))
		return;
	if (!e)
		e = store_upload_begin(c->store, c->route.repo, &c->upload);
	if (e) {
		distribution_say_err(c, r, e, "NAME_UNKNOWN");
		return;
	}
	if (!prepare_body(c, r))
		return;
	if (monolithic) {
		c->end = end_put;
		return;
	}
	c->keeps_upload = true;
	server_reply(r, 202);
	say_session(c, r, store_upload_id(c->upload), 0);
}
