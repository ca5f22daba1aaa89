/*
 * upload.c - the bytes of one blob, in one request or in many, taken up again where they broke.
 *
 *	PUT ?digest=   all of it (what every registry takes, and the fastest)
 *	PATCH ...      a part, "Content-Range: 0-99"; 202 and "Range: 0-99" say what the server has;
 *	               then PUT ?digest= without a body
 *	GET            after a failure: "Range" again; less than we sent: we go on from there
 *
 * Parts are for servers that ask for them (413: a proxy in front takes no larger request), and for
 * the rest of an upload that broke.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "registry/upload-internal.h"

#include <inttypes.h>

enum {
	REPORT_MS = 100,
	ANSWER_BYTES_MAX = 1 << 20,
	CHUNK_BYTES = 32 << 20, /* of the first try after a 413; halved with each */
	CHUNK_LEAST = 64 << 10,
	ASKED_MAX = 100, /* how often one session may break */
	URL_BYTES_MAX = 8 << 10,
};

void upload_done(Upload *u)
{
	reader_close(u->from);
	arena_done(&u->arena);
}

/* --- the bytes ------------------------------------------------------------------------------- */

static Err *wrong_size(const Upload *u, bool more)
{
	return err_new(ERR_CORRUPT, "blob %s has %s bytes than its descriptor says", u->digest,
	               more ? "more" : "fewer");
}

static Err *give(void *context, void *buf, size_t cap, size_t *ret_len)
{
	Upload *u = context;
	uint64_t left = u->end - u->at;
	*ret_len = 0;
	if (left)
		TRY(reader_read(u->from, buf, cap < left ? cap : (size_t)left, ret_len));
	if (left && !*ret_len)
		return wrong_size(u, false);
	u->at += *ret_len;
	int64_t now = clock_mono_ns();
	if (u->at == u->d->size || now - u->reported_ns > REPORT_MS * 1000000ll) {
		u->reported_ns = now;
		progress_bytes(u->progress, u->line, str_from(u->digest), u->at, u->d->size);
	}
	return NULL;
}

/* A reader whose next byte is number WANTED. */
static Err *seek(Upload *u, uint64_t wanted)
{
	AUTO_FREE char *buf = NULL;
	if (!u->from || u->at > wanted) {
		reader_close(TAKE_PTR(u->from));
		TRY(u->open(u->open_context, &u->from));
		u->at = 0;
	}
	enum { SKIP_BYTES = 256 << 10 };
	while (u->at < wanted) {
		size_t n,
			want = wanted - u->at < SKIP_BYTES ? (size_t)(wanted - u->at) : SKIP_BYTES;
		if (!buf)
			buf = xmalloc(SKIP_BYTES);
		TRY(reader_read(u->from, buf, want, &n));
		if (!n)
			return wrong_size(u, false);
		u->at += n;
	}
	return NULL;
}

/* --- where to -------------------------------------------------------------------------------- */

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

Err *upload_follow(Upload *u, const HttpResponse *answer)
{
	Str next, location = http_response_header(answer, "location");
	if (!location.len)
		return NULL;
	if (location.len > URL_BYTES_MAX)
		return err_new(ERR_NETWORK, "the Location of an upload has %zu bytes",
		               location.len);
	TRY_WHILE(err_set_kind(http_url_resolve(&u->arena, answer->url, location, &next),
	                       ERR_NETWORK),
	          "reading the Location of an upload");
	TRY(check_downgrade(u, next));
	u->location = next;
	return NULL;
}

static Str with_digest(const Upload *u, Arena *a)
{
	AUTO_BUF Buf url = BUF_INIT;
	bool has_query = str_find(u->location, '?') >= 0;
	buf_addf(&url, "%.*s%cdigest=", STR_ARG(u->location), has_query ? '&' : '?');
	http_url_encode(str_from(u->digest), &url);
	return arena_str(a, buf_str(&url));
}

/*
 * "0-99", "bytes=0-99": 100 bytes are there.  "0-0" is one byte by the letter, and what the
 * registry that most run (distribution) says of none at all as well: *ret is 1 then.
 */
static bool read_range(Str text, uint64_t *ret)
{
	Str first;
	uint64_t from, to;
	if (str_starts(text, STR("bytes")))
		text = str_trim(str_from_at(text, text.len > 5 ? 6 : 5));
	Str last = str_cut(text, '-', &first);
	if (!str_to_u64(first, &from) || from != 0 || !str_to_u64(last, &to) || to == UINT64_MAX)
		return false;
	*ret = to + 1;
	return true;
}

/* What the server has now, as ANSWER says; without a word: what was sent.  SENT: the most it can
 * be.
 */
static Err *take_range(Upload *u, const HttpResponse *answer, uint64_t sent)
{
	Str text = http_response_header(answer, "range");
	uint64_t there = sent;
	if (text.len && !read_range(text, &there))
		return err_new(ERR_NETWORK, "the Range of an upload is '%.*s'",
		               STR_ARG(str_head(text, 60)));
	if (there == 1 && sent > 1) /* of a part that was accepted: nothing of it was kept */
		there = 0;
	if (there > sent)
		return err_new(ERR_NETWORK,
		               "the registry says that it has %" PRIu64 " bytes of the %" PRIu64
		               " that were sent",
		               there, sent);
	if (there > u->there)
		u->failures = 0;
	u->there = there;
	return NULL;
}

/* --- requests -------------------------------------------------------------------------------- */

static Err *send_part(Upload *u, const char *method, Str url, Arena *a, HttpResponse *ret)
{
	bool patch = strcmp(method, "PATCH") == 0;
	uint64_t len = u->end - u->there;
	HttpHeader headers[2] = { { STR("Content-Type"), STR("application/octet-stream") } };
	size_t count = 1;
	if (patch)
		headers[count++] =
			(HttpHeader){ STR("Content-Range"),
			              arena_strf(a, "%" PRIu64 "-%" PRIu64, u->there, u->end - 1) };
	if (len)
		TRY(seek(u, u->there));
	Call call = { .endpoint = u->endpoint,
		      .ref = u->ref,
		      .push = true,
		      .method = method,
		      .path = url,
		      .headers = headers,
		      .header_count = count,
		      .source = len ? give : NULL,
		      .source_bytes = len,
		      .context = u,
		      .limit_bytes = ANSWER_BYTES_MAX,
		      .tries = 1,
		      .own_token = u->refused };
	return endpoint_send(u->r, &call, a, ret);
}

/* What does the server have?  *ret_lost: it does not know the session any more. */
static Err *ask(Upload *u, uint64_t sent, bool *ret_lost)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer;
	Call call = { .endpoint = u->endpoint,
		      .ref = u->ref,
		      .push = true,
		      .method = "GET",
		      .path = u->location,
		      .limit_bytes = ANSWER_BYTES_MAX };
	TRY(endpoint_send(u->r, &call, &a, &answer));
	bool known = answer.status >= 200 && answer.status < 300;
	Str range = http_response_header(&answer, "range");
	/* One byte or none, nobody knows: a new session costs less than a wrong guess. */
	uint64_t there;
	bool unclear = read_range(range, &there) && there == 1 && u->broke;
	*ret_lost = !known || !range.len || unclear;
	if (*ret_lost)
		return NULL;
	TRY(take_range(u, &answer, sent));
	return upload_follow(u, &answer);
}

typedef enum Step {
	STEP_NEXT,  /* the part is there */
	STEP_ASK,   /* it broke: ask what is there */
	STEP_LOST,  /* the session is gone */
	STEP_WHOLE, /* all of it is there, and has its name */
} Step;

/* Smaller parts.  False: they are as small as they may be. */
static bool shrink(Upload *u, uint64_t tried)
{
	uint64_t least = u->chunk_min > CHUNK_LEAST ? u->chunk_min : CHUNK_LEAST;
	uint64_t next = tried > CHUNK_BYTES ? CHUNK_BYTES : tried / 2;
	if (tried <= least)
		return false;
	u->chunk = next < least ? least : next;
	return true;
}

/* What cannot pass: nothing is tried after it. */
static Err *never(Upload *u, Err *err)
{
	if (err)
		u->failures = UINT32_MAX;
	return err;
}

static Err *judge(Upload *u, const HttpResponse *answer, bool last, Step *ret)
{
	int status = answer->status;
	uint64_t len = u->end - u->there;
	if (last && (status == 201 || status == 204)) {
		*ret = STEP_WHOLE;
		return never(u, endpoint_check_digest(answer, u->digest));
	}
	if (!last && status >= 200 && status < 300) {
		*ret = STEP_NEXT;
		TRY(never(u, take_range(u, answer, u->end)));
		return never(u, upload_follow(u, answer));
	}
	/* A request that was too large has brought nothing, and its session may be gone with it. */
	*ret = status == 404 || status == 413 ? STEP_LOST : STEP_ASK;
	if (status == 413 && shrink(u, len))
		return NULL;
	/* 401: the token ran out meanwhile, the next is fresh; 416: it has less or more. */
	if (status == 401 || status == 404 || status == 416 || status == 408 || status == 429 ||
	    status >= 500)
		u->failures++;
	else
		u->failures = UINT32_MAX;
	return endpoint_status_error(u->endpoint, u->ref, answer, "upload", true);
}

/* One request.  An error with *ret STEP_ASK or STEP_LOST may pass. */
static Err *step(Upload *u, Step *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer = { 0 };
	uint64_t size = u->d->size, left = size - u->there;
	bool whole = u->chunk == 0 && u->there == 0;
	bool last = whole || left == 0;
	u->end = u->chunk && u->chunk < left ? u->there + u->chunk : size;
	Str url = last ? with_digest(u, &a) : u->location;
	Err *err = send_part(u, last ? "PUT" : "PATCH", url, &a, &answer);
	*ret = STEP_ASK;
	u->refused = !err && answer.status == 401;
	u->broke = err || answer.status == 416 || answer.status >= 500;
	if (err) {
		u->failures = err_kind(err) == ERR_NETWORK ? u->failures + 1 : UINT32_MAX;
		return err;
	}
	return judge(u, &answer, last, ret);
}

Err *upload_run(Upload *u, bool *ret_lost)
{
	unsigned tries = u->r->patience.http.tries, asked_times = 0;
	*ret_lost = false;
	for (;;) {
		Step next;
		uint64_t before = u->there;
		AUTO_ERR Err *err = step(u, &next);
		if (!err && next == STEP_WHOLE)
			return NULL;
		if (!err && next == STEP_NEXT) {
			/* A server that takes nothing in and says "accepted" is not asked for ever.
			 */
			u->failures =
				u->there > before || u->there == u->d->size ? 0 : u->failures + 1;
			if (u->failures >= tries)
				return err_new(
					ERR_NETWORK,
					"the registry accepts parts and keeps none, after %" PRIu64
					" bytes",
					u->there);
			continue;
		}
		if (err && (u->failures >= tries || ++asked_times > ASKED_MAX))
			return TAKE_PTR(err);
		if (err)
			TRY(http_client_pause(u->r->http, u->failures, NULL));
		*ret_lost = next == STEP_LOST;
		if (next == STEP_ASK) {
			AUTO_ERR Err *asked = ask(u, u->end, ret_lost);
			if (asked && err_kind(asked) != ERR_NETWORK)
				return TAKE_PTR(asked);
			*ret_lost = *ret_lost || asked;
		}
		if (*ret_lost)
			return err ? TAKE_PTR(err)
			           : err_new(ERR_NETWORK,
			                     "the request was too large for the registry");
	}
}
