/*
 * exchange.c - one request and its answer, driven by curl's multi interface.
 *
 * curl_easy_perform() would look at a cancellation once a second; with curl_multi_poll() the
 * cancel descriptor wakes us at once.  Time spent inside a sink or source is the caller's, not the
 * network's: it is taken out when we judge whether the other side has stalled.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "http/exchange-internal.h"
#include "http/url.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>

enum {
	HEADER_BYTES_MAX = 64 << 10, /* all headers of one answer */
	ERROR_BODY_BYTES_MAX =
		64 << 10, /* of what a server says about a failure; the rest is dropped */
	CONNECT_TIMEOUT_MS = 10000,
	/* Storage backends hash a whole upload before they answer: more patience once all is sent.
	 */
	ANSWER_PATIENCE = 10,
	/* Bytes a millisecond below which a transfer counts as stalled (1 kB/s). */
	SLOWEST = 1,
	BUFFER_BYTES =
		256 << 10, /* 16 KiB, curl's default, costs a fifth of the rate on loopback */
};

typedef struct State {
	Exchange *x;
	Arena *a;
	HttpResponse *response;
	VEC(HttpHeader) headers;
	size_t header_bytes;
	Buf body;
	bool head_told, source_ended;
	bool enough;       /* of what a failure has to say: the rest is not waited for */
	unsigned crawls;   /* windows on end in which an answer came, but hardly any of it */
	Err *err;          /* what a callback wants to say; wins over curl's code */
	uint64_t moved;    /* bytes both ways, in this window */
	int64_t last_ns;   /* when something moved last */
	int64_t window_ns; /* when the window began */
	int64_t busy_ns;   /* of the window: inside sink and source */
	char message[CURL_ERROR_SIZE];
} State;

static bool is_ok_status(int status)
{
	return status >= 200 && status < 300;
}

/* --- what curl calls ------------------------------------------------------------------------- */

static void lower(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
}

void exchange_fit_message(Buf *text)
{
	size_t word = 1;
	while (word < text->len && text->ptr[word] >= 'a' && text->ptr[word] <= 'z')
		word++;
	if (word > 1 && (word == text->len || text->ptr[word] < 'A' || text->ptr[word] > 'Z'))
		lower(text->ptr, 1);
}

static void new_status(State *s, Str line)
{
	/* "HTTP/1.1 200 OK", "HTTP/2 200"; a 100 Continue comes first and is forgotten */
	Str version, code;
	uint64_t status = 0;
	(void)str_cut(str_cut(line, ' ', &version), ' ', &code);
	s->response->status =
		str_to_u64(str_trim(code), &status) && status < 1000 ? (int)status : 0;
	s->headers.len = 0;
	s->header_bytes = 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
	State *s = context;
	size_t len = size * count;
	Str line = str_trim((Str){ bytes, len });
	s->moved += len;
	s->last_ns = clock_mono_ns();
	s->header_bytes += len;
	if (s->header_bytes > HEADER_BYTES_MAX) {
		s->err = err_new(ERR_NETWORK, "the headers of the answer are larger than %d bytes",
		                 HEADER_BYTES_MAX);
		return 0;
	}
	if (str_starts(line, STR("HTTP/"))) {
		new_status(s, line);
		return len;
	}
	Str name;
	Str value = str_cut(line, ':', &name);
	if (name.len && name.len < line.len) {
		name = arena_str(s->a, str_trim(name));
		lower((char *)name.ptr, name.len); /* fresh arena memory */
		VEC_PUSH(&s->headers, (HttpHeader){ name, arena_str(s->a, str_trim(value)) });
	}
	return len;
}

static Err *tell_head(State *s)
{
	if (s->head_told || !s->x->request->head)
		return NULL;
	s->head_told = true;
	s->response->headers = s->headers.at;
	s->response->header_count = s->headers.len;
	return s->x->request->head(s->x->request->sink_context, s->response);
}

static Err *take_body(State *s, const char *bytes, size_t len)
{
	const HttpRequest *r = s->x->request;
	bool good = is_ok_status(s->response->status);
	if (good)
		TRY(tell_head(s));
	if (good && r->sink) {
		s->x->consumed = true;
		return r->sink(r->sink_context, bytes, len);
	}
	size_t limit = good ? r->limit_bytes : ERROR_BODY_BYTES_MAX;
	size_t room = limit > s->body.len ? limit - s->body.len : 0;
	if (good && len > room)
		return err_new(ERR_NETWORK, "the answer is larger than %zu bytes", limit);
	buf_add(&s->body, bytes, len < room ? len : room);
	s->enough = !good && len > room;
	return NULL;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	State *s = context;
	size_t len = size * count;
	int64_t began = clock_mono_ns();
	s->moved += len;
	s->err = take_body(s, bytes, len);
	s->last_ns = clock_mono_ns();
	s->busy_ns += s->last_ns - began;
	return s->err || s->enough ? CURL_WRITEFUNC_ERROR : len;
}

static size_t on_source(char *buf, size_t size, size_t count, void *context)
{
	State *s = context;
	const HttpRequest *r = s->x->request;
	int64_t began = clock_mono_ns();
	size_t len = 0;
	s->x->consumed = true;
	s->err = r->source(r->source_context, buf, size * count, &len);
	s->last_ns = clock_mono_ns();
	s->busy_ns += s->last_ns - began;
	s->moved += len;
	if (len == 0)
		s->source_ended = true;
	return s->err ? CURL_READFUNC_ABORT : len;
}

/* --- setting up ------------------------------------------------------------------------------ */

static Err *check_header(const HttpHeader *h)
{
	for (size_t i = 0; i < h->name.len; i++)
		if ((unsigned char)h->name.ptr[i] <= ' ' || h->name.ptr[i] == ':')
			return err_new(ERR_INPUT, "bad name of an HTTP header");
	for (size_t i = 0; i < h->value.len; i++)
		if (((unsigned char)h->value.ptr[i] < ' ' && h->value.ptr[i] != '\t') ||
		    h->value.ptr[i] == 0x7f)
			return err_new(ERR_INPUT, "control byte in the HTTP header '%.*s'",
			               STR_ARG(h->name));
	return NULL;
}

static bool name_is(Str name, const char *wanted)
{
	return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

static Err *make_headers(const Exchange *x, struct curl_slist **ret)
{
	const HttpRequest *r = x->request;
	struct curl_slist *list = NULL;
	bool has_type = false;
	Err *err = NULL;
	for (size_t i = 0; i < r->header_count && !err; i++) {
		const HttpHeader *h = &r->headers[i];
		if (!x->with_credentials &&
		    (name_is(h->name, "authorization") || name_is(h->name, "cookie")))
			continue;
		has_type = has_type || name_is(h->name, "content-type");
		err = check_header(h);
		AUTO_BUF Buf line = BUF_INIT;
		/* "Name;" is curl's spelling of an empty value */
		buf_addf(&line, "%.*s%s%.*s", STR_ARG(h->name), h->value.len ? ": " : ";",
		         STR_ARG(h->value));
		list = x->curl->slist_append(list, line.ptr);
	}
	/* curl would call every small body a form, and wait for "100 Continue" before sending it.
	 */
	if (!has_type)
		list = x->curl->slist_append(list, "Content-Type:");
	if (!r->source)
		list = x->curl->slist_append(list, "Expect:");
	*ret = list;
	return err;
}

static Err *set_proxy(const Exchange *x, CURL *easy, const HttpUrl *url)
{
	const char *proxy = "";
	if (x->request->unix_socket)
		x->curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, x->request->unix_socket);
	else
		TRY(http_proxy_of(url, &proxy));
	x->curl->easy_setopt(easy, CURLOPT_PROXY, proxy);
	x->curl->easy_setopt(easy, CURLOPT_NOPROXY, "");
	return NULL;
}

static void set_tls(const Exchange *x, CURL *easy)
{
	const Libcurl *c = x->curl;
	const HttpTls *tls = &x->request->tls;
	c->easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (tls->certificate && x->with_credentials) {
		c->easy_setopt(easy, CURLOPT_SSLCERT, tls->certificate);
		c->easy_setopt(easy, CURLOPT_SSLKEY, tls->key);
	}
	if (x->request->insecure_tls) {
		c->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		c->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
		return;
	}
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	if (file && *file)
		c->easy_setopt(easy, CURLOPT_CAINFO, file);
	if (dir && *dir)
		c->easy_setopt(easy, CURLOPT_CAPATH, dir);
	if (tls->authorities)
		c->easy_setopt(easy, CURLOPT_CAINFO, tls->authorities);
}

static void set_method(const Exchange *x, CURL *easy, State *s)
{
	const Libcurl *c = x->curl;
	const HttpRequest *r = x->request;
	bool get = strcmp(r->method, "GET") == 0, head = strcmp(r->method, "HEAD") == 0;
	if (head) {
		c->easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (r->source) {
		c->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		c->easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
		               r->source_bytes == HTTP_BYTES_UNKNOWN ? (curl_off_t)-1
		                                                     : (curl_off_t)r->source_bytes);
		c->easy_setopt(easy, CURLOPT_READFUNCTION, on_source);
		c->easy_setopt(easy, CURLOPT_READDATA, s);
		c->easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER_BYTES);
	} else if (!get) {
		c->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
		c->easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
	}
	if (!get && !head)
		c->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static Err *set_options(CURL *easy, State *s, const HttpUrl *url, const char *url_text,
                        struct curl_slist *headers)
{
	const Exchange *x = s->x;
	const Libcurl *c = x->curl;
	unsigned connect = x->request->connect_timeout_ms;
	c->easy_setopt(easy, CURLOPT_URL, url_text);
	c->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	c->easy_setopt(easy, CURLOPT_ERRORBUFFER, s->message);
	c->easy_setopt(easy, CURLOPT_USERAGENT, x->user_agent);
	c->easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	c->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	c->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	c->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	c->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	c->easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	c->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	               (long)(connect ? connect : CONNECT_TIMEOUT_MS));
	c->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	c->easy_setopt(easy, CURLOPT_HEADERDATA, s);
	c->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	c->easy_setopt(easy, CURLOPT_WRITEDATA, s);
	set_tls(x, easy);
	set_method(x, easy, s);
	return set_proxy(x, easy, url);
}

/* --- running --------------------------------------------------------------------------------- */

static int64_t stall_ms_of(const State *s)
{
	unsigned own = s->x->request->stall_timeout_ms;
	return own ? own : s->x->stall_timeout_ms;
}

static Err *check_stall(State *s)
{
	char span[CLOCK_SPAN_LEN];
	int64_t stall_ms = stall_ms_of(s);
	if (s->source_ended)
		stall_ms *= ANSWER_PATIENCE;
	int64_t now = clock_mono_ns();
	if (now - s->last_ns >= stall_ms * 1000000)
		return err_new(ERR_NETWORK, "the transfer stalled: nothing came for %s",
		               clock_span_text((now - s->last_ns) / 1000000, span));
	int64_t waited_ms = (now - s->window_ns - s->busy_ns) / 1000000;
	if (waited_ms < stall_ms)
		return NULL;
	bool slow = s->moved < (uint64_t)(stall_ms * SLOWEST);
	s->crawls = slow && s->moved ? s->crawls + 1 : 0;
	/* A first answer may be late and small, what is under way may not crawl. */
	if (slow && (s->x->consumed || s->crawls > 1))
		return err_new(ERR_NETWORK, "the transfer stalled: %llu bytes in %s",
		               (unsigned long long)s->moved, clock_span_text(waited_ms, span));
	s->window_ns = now;
	s->busy_ns = 0;
	s->moved = 0;
	return NULL;
}

Err *cancels_check(const Cancels *c)
{
	TRY(cancel_check(c->client));
	return cancel_check(c->request);
}

static unsigned wake_fds(const Cancels *c, struct curl_waitfd wait[static 2])
{
	const int fds[] = { cancel_fd(c->client), cancel_fd(c->request) };
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			wait[n++] =
				(struct curl_waitfd){ .fd = fds[i], .events = CURL_WAIT_POLLIN };
	return n;
}

/* Until done, cancelled or stalled.  *ret_code is curl's verdict when the error is NULL. */
static Err *drive(Slot *slot, State *s, CURLcode *ret_code)
{
	const Libcurl *c = s->x->curl;
	struct curl_waitfd wait[2];
	unsigned waits = wake_fds(&s->x->cancels, wait);
	int64_t look_ms = stall_ms_of(s) / 4; /* a short patience is looked at more often */
	look_ms = look_ms < 10 ? 10 : look_ms > 1000 ? 1000 : look_ms;
	for (;;) {
		int running = 0, left;
		CURLMcode code = c->multi_perform(slot->multi, &running);
		CURLMsg *done = NULL;
		if (code == CURLM_OK)
			done = c->multi_info_read(slot->multi, &left);
		if (done && done->msg == CURLMSG_DONE) {
			*ret_code = done->data.result;
			return NULL;
		}
		TRY(cancels_check(&s->x->cancels));
		TRY(check_stall(s));
		if (code == CURLM_OK)
			code = c->multi_poll(slot->multi, wait, waits, (int)look_ms, NULL);
		if (code != CURLM_OK)
			return err_new(ERR_NETWORK, "libcurl: %s", c->multi_strerror(code));
	}
}

static HttpFailure failure_of(CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HTTP_NO_HOST;
	case CURLE_COULDNT_CONNECT:
		return HTTP_NO_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
		return HTTP_NO_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return HTTP_UNTRUSTED;
	default:
		return HTTP_BROKEN;
	}
}

/* With TLS 1.3 a server refuses its client after the handshake: to curl that is a broken read. */
static bool says_unknown_us(const char *message)
{
	static const char *const alerts[] = { "alert certificate required", "alert bad certificate",
		                              "alert unknown ca", "certificate required" };
	for (size_t i = 0; i < ARRAY_LEN(alerts); i++)
		if (strstr(message, alerts[i]))
			return true;
	return false;
}

static Err *curl_failure(State *s, Slot *slot, CURLcode code)
{
	const Libcurl *c = s->x->curl;
	HttpFailure failure = says_unknown_us(s->message) ? HTTP_UNKNOWN_US : failure_of(code);
	double connected = 0;
	c->easy_getinfo(slot->easy, CURLINFO_CONNECT_TIME, &connected);
	if (code == CURLE_OPERATION_TIMEDOUT && connected <= 0)
		failure = HTTP_NO_CONNECT;
	s->response->failure = failure;
	/* What cannot get better by itself is not asked again. */
	s->x->retry = failure != HTTP_UNTRUSTED && failure != HTTP_NO_TLS &&
	              failure != HTTP_UNKNOWN_US && code != CURLE_UNSUPPORTED_PROTOCOL &&
	              code != CURLE_URL_MALFORMAT;
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, str_trim(str_from(s->message[0] ? s->message : c->easy_strerror(code))));
	exchange_fit_message(&text);
	return err_new(ERR_NETWORK, "%s", text.len ? text.ptr : "the transfer failed");
}

static Err *perform(Slot *slot, State *s)
{
	const Libcurl *c = s->x->curl;
	CURLcode code = CURLE_OK;
	CURLMcode added = c->multi_add_handle(slot->multi, slot->easy);
	if (added != CURLM_OK)
		return err_new(ERR_NETWORK, "libcurl: %s", c->multi_strerror(added));
	s->window_ns = s->last_ns = clock_mono_ns();
	Err *err = drive(slot, s, &code);
	if (err) {
		s->response->failure = HTTP_BROKEN;
		s->x->retry = err_kind(err) == ERR_NETWORK;
		/* A resolver that hangs may go on hanging without us. */
		c->easy_setopt(slot->easy, CURLOPT_QUICK_EXIT, 1L);
	} else if (s->err) {
		err = TAKE_PTR(s->err);
	} else if (code != CURLE_OK && !s->enough) {
		err = curl_failure(s, slot, code);
	} else if (is_ok_status(s->response->status)) {
		err = tell_head(s); /* an empty body has a head as well */
	}
	c->multi_remove_handle(slot->multi, slot->easy);
	return err;
}

/*
 * A write to a connection that the server has closed raises SIGPIPE.  The signal is for this
 * thread: blocked here, eaten here; the process's dispositions are left alone.
 */
static Err *perform_without_sigpipe(Slot *slot, State *s)
{
	sigset_t pipe_set, before, pending;
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	bool was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
	Err *err = perform(slot, s);
	const struct timespec now = { 0, 0 };
	if (!was_pending)
		(void)sigtimedwait(&pipe_set, NULL, &now); /* none pending: EAGAIN, as wished */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

Err *exchange_run(Slot *slot, Exchange *x, Arena *a, HttpResponse *ret)
{
	HttpUrl url;
	TRY(http_url_parse(x->url, &url));
	*ret = (HttpResponse){ .url = x->url, .body = { "", 0 } };
	x->retry = false;
	State s = { .x = x, .a = a, .response = ret };
	struct curl_slist *headers = NULL;
	Err *err = make_headers(x, &headers);
	if (!err) {
		x->curl->easy_reset(slot->easy); /* keeps connections, sessions and names */
		/* arena_str is NUL-terminated, which x->url need not be */
		err = set_options(slot->easy, &s, &url, arena_str(a, x->url).ptr, headers);
		if (!err)
			err = perform_without_sigpipe(slot, &s);
	}
	x->curl->slist_free_all(headers);

	ret->header_count = s.headers.len;
	ret->headers = arena_alloc(a, s.headers.len * sizeof *ret->headers, _Alignof(HttpHeader));
	if (s.headers.len)
		memcpy(ret->headers, s.headers.at, s.headers.len * sizeof *ret->headers);
	ret->body = arena_str(a, buf_str(&s.body));
	VEC_DONE(&s.headers);
	buf_done(&s.body);
	return err;
}
