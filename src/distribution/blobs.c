/* blobs.c - a blob goes out, whole or in part, or is taken out of its repository. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "distribution/distribution-internal.h"

typedef enum RangeAsked { RANGE_ALL, RANGE_PART, RANGE_NONE } RangeAsked;

static bool read_numbers(Str text, uint64_t size, uint64_t *from, uint64_t *to)
{
	Str first, last = str_cut(text, '-', &first);
	if (str_find(text, '-') < 0)
		return false;
	if (!first.len) { /* the last so many */
		uint64_t n;
		if (!str_to_u64(last, &n))
			return false;
		*from = n < size ? size - n : 0;
		*to = n ? size : 0;
		return true;
	}
	if (!str_to_u64(first, from))
		return false;
	*to = size;
	if (!last.len)
		return true;
	uint64_t end;
	if (!str_to_u64(last, &end))
		return false;
	*to = end < size ? end + 1 : size;
	return true;
}

/* [*from, *to) of SIZE bytes.  Several ranges, or none that can be read: all of it (RFC 9110). */
static RangeAsked read_range(Str header, uint64_t size, uint64_t *from, uint64_t *to)
{
	Str unit = STR("bytes=");
	*from = 0;
	*to = size;
	if (!str_starts(header, unit) || str_find(header, ',') >= 0)
		return RANGE_ALL;
	uint64_t a, b;
	if (!read_numbers(str_trim(str_from_at(header, unit.len)), size, &a, &b))
		return RANGE_ALL;
	*from = a;
	*to = b;
	return a < b ? RANGE_PART : RANGE_NONE;
}

static void send_blob(Call *c, ServerReply *r, const Digest *blob)
{
	uint64_t size, from, to;
	AUTO_CLOSE int fd = -1;
	AUTO_BUF Buf range = BUF_INIT;
	Err *e = store_blob_open(c->store, blob, &fd, &size);
	if (e) {
		distribution_say_err(c, r, e, "BLOB_UNKNOWN");
		return;
	}
	RangeAsked asked = read_range(
		str_eqc(c->method, "GET") ? server_request_header(c->request, "Range") : STR(""),
		size, &from, &to);
	if (asked == RANGE_NONE) {
		distribution_say(r, 416, "SIZE_INVALID", "the blob has no such bytes");
		buf_addf(&range, "bytes */%llu", (unsigned long long)size);
		server_reply_header(r, "Content-Range", buf_str(&range));
		return;
	}
	server_reply(r, asked == RANGE_PART ? 206 : 200);
	server_reply_file(r, STR("application/octet-stream"), TAKE_FD(fd), from, to - from);
	if (asked == RANGE_PART) {
		buf_addf(&range, "bytes %llu-%llu/%llu", (unsigned long long)from,
		         (unsigned long long)to - 1, (unsigned long long)size);
		server_reply_header(r, "Content-Range", buf_str(&range));
	}
	server_reply_header(r, "Accept-Ranges", STR("bytes"));
	server_reply_header(r, "Cache-Control", STR("max-age=31536000, immutable"));
}

/* A link that is renewed stays for who counts on it, so no gc may come between. */
static Err *find(Call *c, Digest *ret)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	uint64_t size;
	bool head = str_eqc(c->method, "HEAD");
	bool renew = head && !c->o->read_only;
	if (renew)
		TRY(store_lock_gc(c->store, false, c->o->cancel, &gc));
	Err *e = store_repo_find_blob(c->store, c->route.repo, c->route.last, renew, ret, &size);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		/* is it of an image that is here, and was not asked for yet? */
		err_free(e);
		TRY(distribution_image_sync_all(c));
		e = store_repo_find_blob(c->store, c->route.repo, c->route.last, renew, ret, &size);
	}
	TRY(e);
	return size == UINT64_MAX ? err_new(ERR_NOT_FOUND, "the blob is gone from the store: push "
	                                                   "it again")
	                          : NULL;
}

static Err *delete_blob(Call *c)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_repo_lock(c->store, c->route.repo, &lock));
	return store_repo_unlink_blob(c->store, c->route.repo, c->route.last);
}

void distribution_blob(Call *c, ServerReply *r)
{
	Digest blob;
	bool deletes = str_eqc(c->method, "DELETE");
	Err *e = deletes ? delete_blob(c) : find(c, &blob);
	if (e) {
		distribution_say_err(c, r, e, "BLOB_UNKNOWN");
		return;
	}
	if (deletes)
		server_reply(r, 202);
	else
		send_blob(c, r, &blob);
	distribution_digest_header(r, c->route.last);
}
