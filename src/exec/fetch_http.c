/*
 * fetch_http.c - a file from a URL.
 *
 * Two records lead to its layer: by the URL, with what the server said of it (ETag, Last-Modified),
 * for asking "is it still this?"; and by name and SHA-256, for whoever says what must come.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "codec/compress.h"
#include "exec/fetch.h"
#include "fs/path.h"
#include "http/client.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum {
	VALIDATOR_BYTES_MAX = 4096, /* of an ETag; larger ones are not kept */
	SHOW_EVERY_NS = 100000000,
};

/* --- the client, and what each request carries ------------------------------------------------ */

static Err *need_client(Build *b, HttpClient **ret)
{
	Err *e = NULL;
	(void)pthread_mutex_lock(&b->mutex);
	if (!b->http)
		e = http_client_open("decant/" DECANT_VERSION, b->cancel, &b->http);
	*ret = b->http;
	(void)pthread_mutex_unlock(&b->mutex);
	return e;
}

/* Without its port. */
static Str host_name(Str host)
{
	if (host.len && host.ptr[0] == '[')
		return str_head(str_from_at(host, 1), (size_t)str_find(host, ']') - 1);
	Str name;
	(void)str_cut(host, ':', &name);
	return name;
}

/* The value of Authorization; empty: none.  A token wins over a header, as in BuildKit. */
static Err *authorization(Build *b, const Remote *remote, Buf *ret)
{
	AUTO_BUF Buf name = BUF_INIT, value = BUF_INIT;
	bool found;
	Str host = host_name(remote->host);
	buf_addf(&name, "HTTP_AUTH_TOKEN_%.*s", STR_ARG(host));
	TRY(fetch_secret(b, buf_str(&name), &value, &found));
	if (found) {
		buf_addf(ret, "Bearer %.*s", STR_ARG(str_trim(buf_str(&value))));
		return NULL;
	}
	buf_reset(&name);
	buf_addf(&name, "HTTP_AUTH_HEADER_%.*s", STR_ARG(host));
	TRY(fetch_secret(b, buf_str(&name), &value, &found));
	if (found)
		buf_add_str(ret, str_trim(buf_str(&value)));
	else if (remote->user_info.len)
		fetch_basic(remote->user_info, ret);
	return NULL;
}

/* As BuildKit's requests have it; another value may give another ETag. */
static const HttpHeader takes_gzip = { { "Accept-Encoding", 15 }, { "gzip", 4 } };

/* --- records ---------------------------------------------------------------------------------- */

/* As a context an archive is what is in it. */
static Str kind_of(const FetchArgs *f)
{
	return f->is_context ? STR("context") : STR("");
}

static Digest url_key(const FetchArgs *f)
{
	const Str texts[] = { f->remote.url, f->remote.name, kind_of(f) };
	return fetch_key("decant fetch url 2", texts, ARRAY_LEN(texts));
}

static Digest content_key(const FetchArgs *f, const Digest *sha256)
{
	char hex[DIGEST_HEX_LEN + 1];
	const Str texts[] = { f->remote.name, digest_hex(sha256, hex), kind_of(f) };
	return fetch_key("decant fetch content 1", texts, ARRAY_LEN(texts));
}

static void keep_validator(Buf *out, const char *name, Str value)
{
	if (value.len && value.len <= VALIDATOR_BYTES_MAX)
		buf_addf(out, "%s %.*s\n", name, STR_ARG(value));
}

static Err *keep(Build *b, const FetchArgs *f, const HttpResponse *answer, const Digest *sha256,
                 const StepResult *result)
{
	AUTO_BUF Buf said = BUF_INIT;
	Digest by_content = content_key(f, sha256), by_url = url_key(f);
	buf_addf(&said, "url %.*s\n", STR_ARG(f->remote.shown));
	TRY(record_keep(b, &by_content, result, buf_str(&said)));
	keep_validator(&said, "etag", http_response_header(answer, "etag"));
	keep_validator(&said, "last-modified", http_response_header(answer, "last-modified"));
	return record_keep(b, &by_url, result, buf_str(&said));
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Weak and strong tags of the same text are the same here, as in BuildKit. */
static Str tag_value(Str etag)
{
	return str_starts(etag, STR("W/")) ? str_from_at(etag, 2) : etag;
}

typedef struct Question {
	Str etag;
	bool same; /* a whole answer came, with the tag that is known */
	bool told; /* the head was seen: the rest is not wanted */
} Question;

static Err *on_answer(void *context, const HttpResponse *head)
{
	Question *q = context;
	q->told = true;
	q->same = q->etag.len &&
	          str_eq(tag_value(http_response_header(head, "etag")), tag_value(q->etag));
	return err_new(ERR_NETWORK, "only the head is wanted");
}

static Err *no_body(void *context, const void *bytes, size_t len)
{
	(void)context, (void)bytes, (void)len;
	return NULL;
}

/* One conditional request.  *RET_SAME: what is here is still what the URL gives. */
static Err *ask(Build *b, const Remote *remote, Str etag, Str modified, bool *ret_same)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf auth = BUF_INIT;
	HttpClient *client;
	HttpHeader headers[3];
	HttpResponse answer;
	Question q = { .etag = etag };
	HttpRequest request = { .method = "GET",
		                .url = remote->url,
		                .headers = headers,
		                .head = on_answer,
		                .sink = no_body,
		                .sink_context = &q };
	TRY(need_client(b, &client));
	TRY(authorization(b, remote, &auth));
	headers[request.header_count++] = takes_gzip;
	if (etag.len)
		headers[request.header_count++] = (HttpHeader){ STR("If-None-Match"), etag };
	else
		headers[request.header_count++] =
			(HttpHeader){ STR("If-Modified-Since"), modified };
	if (auth.len)
		headers[request.header_count++] =
			(HttpHeader){ STR("Authorization"), buf_str(&auth) };
	Err *e = http_client_send(client, &a, &request, &answer);
	if (e && q.told) {
		err_free(e); /* our own: it ended the transfer */
		e = NULL;
	} else if (!e) {
		q.same = answer.status == 304;
	}
	*ret_same = q.same;
	return e;
}

void fetch_question_done(FetchQuestion *q)
{
	buf_done(&q->etag);
	buf_done(&q->modified);
}

Err *fetch_http_recall(Build *b, const Step *step, FetchQuestion *q)
{
	const FetchArgs *f = &step->fetch;
	AUTO_BUF Buf said = BUF_INIT;
	Str value;
	if (f->has_checksum) {
		Digest key = content_key(f, &f->checksum);
		return record_find(b, &key, &q->result, &q->found);
	}
	Digest key = url_key(f);
	bool here;
	TRY(record_find(b, &key, &q->result, &here));
	if (!here)
		return NULL;
	TRY(record_preimage(b, &key, &said));
	if (record_field(buf_str(&said), "etag", &value))
		buf_add_str(&q->etag, value);
	if (record_field(buf_str(&said), "last-modified", &value))
		buf_add_str(&q->modified, value);
	q->open = q->etag.len || q->modified.len;
	return NULL;
}

Err *fetch_http_ask(Build *b, const Step *step, FetchQuestion *q)
{
	return ask(b, &step->fetch.remote, buf_str(&q->etag), buf_str(&q->modified), &q->found);
}

/* --- fetching --------------------------------------------------------------------------------- */

typedef struct Download {
	Build *build;
	const Remote *remote;
	unsigned line;
	int tmp; /* directory of the file */
	char name[32];
	int fd;
	Sha256 hash;
	Digest sha256;
	uint64_t got, total;
	int64_t shown_ns;
} Download;

static Err *too_large(void)
{
	return err_new(ERR_INPUT, "the file is larger than %llu GiB",
	               (unsigned long long)(DOWNLOAD_BYTES_MAX >> 30));
}

/* Also at the start of a second try. */
static Err *on_head(void *context, const HttpResponse *head)
{
	Download *d = context;
	d->got = d->total = 0;
	sha256_init(&d->hash);
	if (!str_to_u64(http_response_header(head, "content-length"), &d->total))
		d->total = 0;
	if (d->total > DOWNLOAD_BYTES_MAX)
		return too_large();
	if (lseek(d->fd, 0, SEEK_SET) < 0 || ftruncate(d->fd, 0) < 0)
		return err_sys(errno, "cannot rewind a scratch file");
	return NULL;
}

static Err *on_bytes(void *context, const void *bytes, size_t len)
{
	Download *d = context;
	if (len > DOWNLOAD_BYTES_MAX - d->got)
		return too_large();
	TRY(path_write_what(d->fd, bytes, len, "a download to the store"));
	sha256_add(&d->hash, bytes, len);
	d->got += len;
	int64_t now = clock_mono_ns();
	if (now - d->shown_ns < SHOW_EVERY_NS)
		return NULL;
	d->shown_ns = now;
	progress_bytes(d->build->progress, d->line, d->remote->name, d->got, d->total);
	return NULL;
}

static Err *download(Download *d, Arena *a, HttpResponse *answer)
{
	AUTO_BUF Buf auth = BUF_INIT;
	HttpClient *client;
	TRY(need_client(d->build, &client));
	TRY(authorization(d->build, d->remote, &auth));
	HttpHeader headers[] = { takes_gzip, { STR("Authorization"), buf_str(&auth) } };
	HttpRequest request = { .method = "GET",
		                .url = d->remote->url,
		                .headers = headers,
		                .header_count = 1 + (auth.len > 0),
		                .head = on_head,
		                .sink = on_bytes,
		                .sink_context = d };
	TRY(http_client_send(client, a, &request, answer));
	if (answer->status < 200 || answer->status >= 300)
		return err_set_kind(
			err_new(ERR_NETWORK, "invalid response status %d", answer->status),
			answer->status == 401 || answer->status == 403 ? ERR_DENIED : ERR_NETWORK);
	d->sha256 = sha256_end(&d->hash);
	progress_bytes(d->build->progress, d->line, d->remote->name, d->got, d->total);
	return NULL;
}

/* --- what the server packed for the way ------------------------------------------------------- */

static bool is_packed(const Download *d, const HttpResponse *answer)
{
	Str coding = http_response_header(answer, "content-encoding");
	return d->got && coding.len == 4 && strncasecmp(coding.ptr, "gzip", 4) == 0;
}

/* What READER gives into FD; size and digest are of that from now on. */
static Err *unpack_into(Download *d, Reader *reader, int fd)
{
	enum { PIECE = 256 << 10 };
	AUTO_BUF Buf piece = BUF_INIT;
	buf_reserve(&piece, PIECE);
	d->got = 0;
	sha256_init(&d->hash);
	for (;;) {
		size_t len;
		TRY(cancel_check(d->build->cancel));
		TRY(reader_read(reader, piece.ptr, PIECE, &len));
		if (!len)
			break;
		if (len > DOWNLOAD_BYTES_MAX - d->got)
			return too_large();
		TRY(path_write_what(fd, piece.ptr, len, "a download to the store"));
		sha256_add(&d->hash, piece.ptr, len);
		d->got += len;
	}
	d->sha256 = sha256_end(&d->hash);
	return NULL;
}

/* A Content-Encoding of gzip is undone, any other left: as Go's client has it in BuildKit. */
static Err *unpack(Download *d)
{
	char name[sizeof d->name];
	store_tmp_name(d->build->store, "fetch", name);
	AUTO_CLOSE int fd = openat(d->tmp, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	if (lseek(d->fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a scratch file");
	AUTO_READER Reader *below = reader_from_fd(d->fd, "the download");
	AUTO_READER Reader *reader = compressor_reader(COMPRESSION_GZIP, below);
	Err *e = unpack_into(d, reader, fd);
	/* It takes the other's place, name and number. */
	if (!e && (renameat(d->tmp, name, d->tmp, d->name) < 0 || dup3(fd, d->fd, O_CLOEXEC) < 0))
		e = err_sys(errno, "cannot rename a scratch file");
	if (e)
		(void)unlinkat(d->tmp, name, 0);
	return e;
}

/* --- file → layer ----------------------------------------------------------------------------- */

static Err *check_digest(const FetchArgs *f, const Download *d)
{
	char got[DIGEST_TEXT_LEN + 1], wanted[DIGEST_TEXT_LEN + 1];
	if (!f->has_checksum || digest_eq(&f->checksum, &d->sha256))
		return NULL;
	Err *e = err_new(ERR_INPUT, "digest mismatch for %.*s: %s (expected: %s)",
	                 STR_ARG(f->remote.shown), digest_text(&d->sha256, got).ptr,
	                 digest_text(&f->checksum, wanted).ptr);
	return err_place(e, f->checksum_span);
}

static Err *open_download(void *context, const Entry *e, int *ret_fd)
{
	const Download *d = context;
	(void)e; /* there is one */
	*ret_fd = openat(d->tmp, d->name, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open a scratch file") : NULL;
}

/* The one file, as BuildKit leaves it: 0600, root's, with the server's time. */
static Err *make_layer(Download *d, const HttpResponse *answer, bool as_dir, StoreLayer *ret)
{
	AUTO_LIST_BUILDER ListBuilder *builder = list_builder_new();
	Entry e = { .path = d->remote->name,
		    .type = ENTRY_FILE,
		    .mode = 0600,
		    .untimed = true,
		    .size = d->got,
		    .sha256 = d->sha256 };
	int64_t seconds;
	if (http_parse_date(http_response_header(answer, "last-modified"), &seconds))
		e.mtime_ns = seconds * 1000000000;
	list_builder_add(builder, &e);
	AUTO_LIST List *list = list_builder_finish(TAKE_PTR(builder));
	LayerSource source = { open_download, d };
	return layer_make(d->build->store, list, &source, as_dir ? LAYER_FORM_DIR : LAYER_FORM_TAR,
	                  sandbox_overlay_prefix(), d->build->cancel, ret);
}

/* Of a context: what the archive holds, if it is one. */
static Err *make_context(Download *d, StoreLayer *ret, bool *ret_made)
{
	return archive_layer(d->build, d->fd, d->remote->shown, ret, ret_made);
}

static Err *get_into(Download *d, const Step *step, StepResult *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer;
	StoreLayer layer;
	int64_t begun = clock_mono_ns();
	TRY(download(d, &a, &answer));
	if (is_packed(d, &answer))
		TRY_WHILE(unpack(d), "undoing the server's Content-Encoding: gzip");
	TRY(check_digest(&step->fetch, d));
	bool made = false;
	if (step->fetch.is_context)
		TRY(make_context(d, &layer, &made));
	if (!made)
		TRY(make_layer(d, &answer, step->looked_into, &layer));
	*ret = state_result_of_layer(&layer, clock_real_ns(), clock_mono_ns() - begun);
	return keep(d->build, &step->fetch, &answer, &d->sha256, ret);
}

Err *fetch_http_get(Build *b, const Step *step, StepResult *ret)
{
	Download d = { .build = b,
		       .remote = &step->fetch.remote,
		       .line = b->states[step->number].line };
	TRY(store_tmp_fd(b->store, &d.tmp));
	store_tmp_name(b->store, "fetch", d.name);
	AUTO_CLOSE int fd = d.fd =
		openat(d.tmp, d.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	Err *e = get_into(&d, step, ret);
	(void)unlinkat(d.tmp, d.name, 0);
	return e;
}
