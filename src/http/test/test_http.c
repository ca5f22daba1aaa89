/*
 * test_http.c - URLs, waiting times, and requests to a server on loopback that does as it is told.
 *
 * The server is a thread of this program: it answers each connection with the next of a list of
 * scripted answers, byte for byte, and keeps what was asked.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "http/client.h"
#include "http/exchange-internal.h"
#include "http/retry-internal.h"
#include "http/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

#define assert_ok(err)                              \
	do {                                        \
		Err *ok_err_ = (err);               \
		if (ok_err_)                        \
			err_print(ok_err_, stderr); \
		assert_null(ok_err_);               \
	} while (0)

static void assert_said(Err *err, ErrKind kind, const char *want)
{
	assert_non_null(err);
	Str cause = err_cause(err);
	if (!strstr(cause.ptr, want))
		fail_msg("expected '%s' in '%s'", want, cause.ptr);
	assert_int_equal(err_kind(err), kind);
	err_free(err);
}

/* --- URLs ------------------------------------------------------------------------------------ */

static void test_url_parse(void **state)
{
	(void)state;
	static const struct {
		const char *url, *host;
		unsigned port;
		const char *path;
	} good[] = {
		{ "https://a.b/v2/", "a.b", 443, "/v2/" },
		{ "HTTP://a:5000", "a", 5000, "" },
		{ "http://[::1]:5000/x?y", "::1", 5000, "/x?y" },
		{ "http://a:/x", "a", 80, "/x" },
		{ "https://a?x=/", "a", 443, "?x=/" },
	};
	static const char *const bad[] = {
		"",
		"a.b",
		"file:///etc/passwd",
		"ftp://a",
		"http://",
		"http:///x",
		"http://u:p@h/",
		"http://a:0/",
		"http://a:x/",
		"http://a:65536/",
		"http://[::1/",
		"http://[::1]x/",
		"http://a b/",
		"http://a/\r\nX: y",
		"javascript:alert(1)",
	};
	HttpUrl u;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(http_url_parse(str_from(good[i].url), &u));
		assert_true(str_eqc(u.host, good[i].host));
		assert_int_equal(u.port, good[i].port);
		assert_true(str_eqc(u.path, good[i].path));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ERR Err *err = http_url_parse(str_from(bad[i]), &u);
		if (!err)
			fail_msg("'%s' is taken", bad[i]);
	}
}

static void test_url_resolve(void **state)
{
	(void)state;
	static const struct {
		const char *base, *location, *want; /* want NULL: refused */
	} cases[] = {
		{ "https://h/a/b", "https://g/x?_state=a%2Fb%3D", "https://g/x?_state=a%2Fb%3D" },
		{ "https://h:5/a/b?q", "/x/y?s=1", "https://h:5/x/y?s=1" },
		{ "https://h/a/b?q", "c", "https://h/a/c" },
		{ "https://h/a/b?q", "?n=1", "https://h/a/b?n=1" },
		{ "http://h", "c", "http://h/c" },
		{ "https://h/a", "//g/x", "https://g/x" },
		{ "https://h/a", "/x#frag", "https://h/x" },
		{ "https://h/a", "file:///etc/passwd", NULL },
		{ "https://h/a", "http://user:pw@g/", NULL },
		{ "https://h/a", "/x y", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str got = { "", 0 };
		AUTO_ERR Err *err = http_url_resolve(&a, str_from(cases[i].base),
		                                     str_from(cases[i].location), &got);
		if (!cases[i].want)
			assert_non_null(err);
		else if (err || !str_eqc(got, cases[i].want))
			fail_msg("%s + %s: got '%.*s'", cases[i].base, cases[i].location,
			         STR_ARG(got));
	}
}

static void test_no_proxy(void **state)
{
	(void)state;
	static const struct {
		const char *list, *host;
		unsigned port;
		bool listed;
	} cases[] = {
		{ "", "h", 443, false },
		{ ",, ,", "h", 443, false },
		{ "*", "h", 443, true },
		{ "a, H.example ,b", "h.EXAMPLE", 443, true },
		{ "example", "h.example", 443, true },
		{ "example", "h.example.", 443, true },
		{ ".example", "h.example", 443, true },
		{ "*.example", "h.example", 443, true },
		{ "example", "hexample", 443, false },
		{ "h.example", "example", 443, false },
		{ "h:5000", "h", 5000, true },
		{ "h:5000", "h", 443, false },
		{ "h:5000", "a.h", 5000, true },
		{ "h:x", "h", 443, false },
		{ "10.0.0.0/8", "10.200.3.4", 80, true },
		{ "10.0.0.0/8", "11.0.0.1", 80, false },
		{ "10.0.0.0/8", "10.evil.example", 80, false },
		{ "10.128.0.0/9", "10.127.0.1", 80, false },
		{ "10.0.0.0/33", "10.0.0.0", 80, false },
		{ "10.0.0.0/x", "10.0.0.0", 80, false },
		{ "0.0.0.0/0", "10.0.0.1", 80, true },
		{ "0.0.0.0/0", "fd00::1", 80, false },
		{ "10.0.0.1", "10.0.0.1", 80, true },
		{ "10.0.0.1:81", "10.0.0.1", 80, false },
		{ "0.0.1", "10.0.0.1", 80, false },
		{ "fd00::1", "fd00::1", 80, true },
		{ "[fd00::1]:80", "fd00::1", 80, true },
		{ "[fd00::1]:81", "fd00::1", 80, false },
		{ "[fd00::1]", "fd00:0::1", 80, true },
		{ "fd00::/8", "fd12::5", 80, true },
		{ "::/0", "fd12::5", 80, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool listed = http_host_is_listed(str_from(cases[i].list), str_from(cases[i].host),
		                                  cases[i].port);
		if (listed != cases[i].listed)
			fail_msg("'%s' and %s:%u", cases[i].list, cases[i].host, cases[i].port);
	}
}

static void test_origin_and_loopback(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "https://h/x", "https://H:443/y", true },
		{ "https://h/", "http://h/", false },
		{ "https://h/", "https://h:444/", false },
		{ "https://h/", "https://h.evil/", false },
		{ "http://h/", "http://h:80", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		HttpUrl a, b;
		assert_ok(http_url_parse(str_from(pairs[i].a), &a));
		assert_ok(http_url_parse(str_from(pairs[i].b), &b));
		assert_int_equal(http_url_same_origin(&a, &b), pairs[i].same);
	}
	static const char *const here[] = { "localhost", "LOCALHOST", "localhost.", "a.localhost",
		                            "127.0.0.1", "127.9.8.7", "::1" };
	static const char *const away[] = {
		"",        "localhost.evil", "127.0.0.1.evil", "127.evil", "128.0.0.1",
		"127.0.0", "notlocalhost",   "127.0.0.1.5",    "::2",      "127.0.0.256"
	};
	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		assert_true(http_host_is_loopback(str_from(here[i])));
	for (size_t i = 0; i < ARRAY_LEN(away); i++)
		assert_false(http_host_is_loopback(str_from(away[i])));
	AUTO_BUF Buf out = BUF_INIT;
	http_url_encode(STR("repository:a/b:pull,push ~"), &out);
	assert_string_equal(out.ptr, "repository%3Aa%2Fb%3Apull%2Cpush%20~");
}

static void test_retry_delay(void **state)
{
	(void)state;
	const int64_t now = 1795460820000000000; /* Mon, 23 Nov 2026 19:07:00 GMT */
	static const struct {
		unsigned tried;
		const char *after;
		int64_t want_ms;
	} cases[] = {
		{ 1, "", 200 },
		{ 2, "", 400 },
		{ 3, "", 800 },
		{ 40, "", 5000 },
		{ 1, "0", 200 },
		{ 1, "2", 2000 },
		{ 1, "60", 60000 },
		{ 1, "61", RETRY_NEVER },
		{ 1, "1000000000", RETRY_NEVER },
		{ 1, "99999999999999999999999", RETRY_NEVER },
		{ 1, "soon", 200 },
		{ 1, "-5", 200 },
		{ 1, "Mon, 23 Nov 2026 19:07:03 GMT", 3000 },
		{ 1, "Mon, 23 Nov 2026 18:00:00 GMT", 200 },
		{ 1, "Mon, 23 Nov 2099 18:00:00 GMT", RETRY_NEVER },
		{ 1, "Mon, 23 Nov 2026 19:07:03 GMT and more", 200 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(retry_delay_ms(cases[i].tried, 200, str_from(cases[i].after), now),
		                 cases[i].want_ms);
	assert_int_equal(retry_delay_ms(3, 10000, STR(""), now), 10000);
	assert_int_equal(retry_delay_ms(3, 0, STR(""), now), 0);
	assert_int_equal(retry_jitter_ms(0, 7), 0);
	for (uint32_t random = 0; random < 1000; random++) {
		int64_t ms = retry_jitter_ms(400, random * 4000037u);
		assert_true(ms >= 400 && ms <= 500);
	}
	assert_true(retry_status(429) && retry_status(503));
	assert_false(retry_status(404) || retry_status(501) || retry_status(200));
}

/* --- requests -------------------------------------------------------------------------------- */

enum { ANSWERS_MAX = 24 };

typedef struct Server {
	int fd;
	unsigned port;
	pthread_t thread;
	const char *answers[ANSWERS_MAX]; /* NULL ends; "" closes at once; "hang" never answers */
	Buf asked[ANSWERS_MAX];
	int served;
} Server;

static void serve_one(Server *s, int fd, const char *answer)
{
	Buf *asked = &s->asked[s->served];
	char bytes[4096];
	while (!asked->ptr || !strstr(asked->ptr, "\r\n\r\n")) {
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n <= 0)
			break;
		buf_add(asked, bytes, (size_t)n);
	}
	if (strcmp(answer, "hang") == 0)
		(void)!read(fd, bytes, sizeof bytes); /* until the client goes */
	else
		(void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
	__atomic_add_fetch(&s->served, 1, __ATOMIC_RELEASE);
}

static int served(const Server *s)
{
	return __atomic_load_n(&s->served, __ATOMIC_ACQUIRE);
}

static void *serve(void *context)
{
	Server *s = context;
	for (int i = 0; s->answers[i]; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		serve_one(s, fd, s->answers[i]);
		shutdown(fd, SHUT_RDWR);
		close(fd);
	}
	return NULL;
}

static void server_start(Server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(Server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (int i = 0; i < ANSWERS_MAX; i++)
		buf_done(&s->asked[i]);
}

static Str url_of(const Server *s, Arena *a, const char *path)
{
	return arena_strf(a, "http://127.0.0.1:%u%s", s->port, path);
}

#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: a/b\r\n\r\n" body

static void test_get(void **state)
{
	(void)state;
	Server s = { .answers = { OK("hello"), OK("0123456789") } };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	HttpHeader header = { STR("X-One"), STR("1") };
	HttpRequest q = { .method = "GET",
		          .url = url_of(&s, &a, "/x?y=%2F"),
		          .headers = &header,
		          .header_count = 1,
		          .limit_bytes = 9 };
	HttpResponse r;
	assert_ok(http_client_send(c, &a, &q, &r));
	assert_int_equal(r.status, 200);
	assert_true(str_eqc(r.body, "hello"));
	assert_true(str_eqc(http_response_header(&r, "content-type"), "a/b"));
	assert_non_null(strstr(s.asked[0].ptr, "GET /x?y=%2F HTTP/1.1\r\n"));
	assert_non_null(strstr(s.asked[0].ptr, "X-One: 1\r\n"));
	assert_non_null(strstr(s.asked[0].ptr, "User-Agent: test/1\r\n"));
	assert_said(http_client_send(c, &a, &q, &r), ERR_NETWORK, "larger than 9 bytes");
	server_stop(&s);
}

static void test_bad_headers(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	assert_ok(http_client_open("test/1", NULL, &c));
	HttpHeader header = { STR("X-One"), STR("1\r\nX-Two: 2") };
	HttpRequest q = { .method = "GET",
		          .url = STR("http://127.0.0.1:1/"),
		          .headers = &header,
		          .header_count = 1 };
	HttpResponse r;
	assert_said(http_client_send(c, &a, &q, &r), ERR_INPUT, "control byte");
	header = (HttpHeader){ STR("X One"), STR("1") };
	assert_said(http_client_send(c, &a, &q, &r), ERR_INPUT, "bad name");
}

static void test_retries(void **state)
{
	(void)state;
	Server s = { .answers = {
			     "HTTP/1.1 503 Busy\r\nConnection: close\r\nRetry-After: 0\r\n\r\nwait",
			     "", OK("at last"), "HTTP/1.1 404 No\r\nConnection: close\r\n\r\nno",
			     "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n",
			     "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n" } };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	HttpRequest q = { .method = "GET", .url = url_of(&s, &a, "/"), .limit_bytes = 100 };
	HttpResponse r;
	assert_ok(http_client_send(c, &a, &q, &r));
	assert_true(str_eqc(r.body, "at last"));
	assert_int_equal(served(&s), 3);
	assert_ok(http_client_send(c, &a, &q, &r)); /* a 404 is an answer, asked for once */
	assert_int_equal(r.status, 404);
	assert_int_equal(served(&s), 4);
	q.tries = 2;
	assert_ok(http_client_send(c, &a, &q, &r)); /* no try left: the 500 comes back */
	assert_int_equal(r.status, 500);
	server_stop(&s);
	assert_said(http_client_send(c, &a, &q, &r), ERR_NETWORK, "onnect");
	assert_int_equal(r.failure, HTTP_NO_CONNECT);
}

typedef struct Sink {
	Buf got;
	bool stop;
	int heads;
} Sink;

static Err *take(void *context, const void *bytes, size_t len)
{
	Sink *k = context;
	buf_add(&k->got, bytes, len);
	return k->stop ? err_new(ERR_CORRUPT, "enough") : NULL;
}

static Err *see_head(void *context, const HttpResponse *head)
{
	Sink *k = context;
	k->heads++;
	assert_int_equal(head->status, 200);
	assert_int_equal(k->got.len, 0);
	return NULL;
}

/* A body that has begun to flow is never asked for again behind the sink's back. */
static void test_sink_not_retried(void **state)
{
	(void)state;
	Server s = { .answers = { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123", OK("again"),
		                  OK("abc") } };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	Sink k = { 0 };
	HttpRequest q = { .method = "GET",
		          .url = url_of(&s, &a, "/"),
		          .sink = take,
		          .head = see_head,
		          .sink_context = &k };
	HttpResponse r;
	AUTO_ERR Err *err = http_client_send(c, &a, &q, &r);
	assert_non_null(err);
	assert_int_equal(err_kind(err), ERR_NETWORK);
	assert_int_equal(k.got.len, 4);
	assert_int_equal(k.heads, 1);
	assert_int_equal(served(&s), 1);
	k = (Sink){ .stop = true, .got = k.got };
	buf_reset(&k.got);
	assert_said(http_client_send(c, &a, &q, &r), ERR_CORRUPT, "enough");
	buf_done(&k.got);
	server_stop(&s);
}

static void test_redirects(void **state)
{
	(void)state;
	Server other = { .answers = { OK("moved") } };
	server_start(&other);
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *away = arena_strf(&a,
	                              "HTTP/1.1 307 Go\r\nConnection: close\r\nLocation: "
	                              "http://127.0.0.1:%u/z\r\n\r\n",
	                              other.port)
	                           .ptr;
	Server s = { .answers = { "HTTP/1.1 302 Go\r\nConnection: close\r\nLocation: "
		                  "/next?a=%2F\r\n\r\n",
		                  away } };
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	HttpHeader header = { STR("Authorization"), STR("Basic c2VjcmV0") };
	HttpRequest q = { .method = "GET",
		          .url = url_of(&s, &a, "/"),
		          .headers = &header,
		          .header_count = 1,
		          .limit_bytes = 100 };
	HttpResponse r;
	assert_ok(http_client_send(c, &a, &q, &r));
	assert_true(str_eqc(r.body, "moved"));
	assert_non_null(strstr(s.asked[0].ptr, "Authorization: Basic c2VjcmV0"));
	assert_non_null(strstr(s.asked[1].ptr, "GET /next?a=%2F HTTP"));
	assert_non_null(strstr(s.asked[1].ptr, "Authorization: Basic c2VjcmV0"));
	assert_null(strstr(other.asked[0].ptr, "Authorization")); /* another port is another host */
	server_stop(&s);
	server_stop(&other);
}

static void test_redirects_end(void **state)
{
	(void)state;
	Server s = { 0 };
	for (int i = 0; i < 11; i++)
		s.answers[i] = "HTTP/1.1 302 Go\r\nConnection: close\r\nLocation: /loop\r\n\r\n";
	s.answers[11] =
		"HTTP/1.1 302 Go\r\nConnection: close\r\nLocation: file:///etc/passwd\r\n\r\n";
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	HttpRequest q = { .method = "GET", .url = url_of(&s, &a, "/"), .limit_bytes = 100 };
	HttpResponse r;
	assert_said(http_client_send(c, &a, &q, &r), ERR_NETWORK, "more than 10 redirects");
	assert_int_equal(served(&s), 11);
	assert_said(http_client_send(c, &a, &q, &r), ERR_NETWORK, "only http and https");
	server_stop(&s);
}

typedef struct Upload {
	size_t left;
} Upload;

static Err *give(void *context, void *buf, size_t cap, size_t *ret_len)
{
	Upload *from = context;
	size_t n = from->left < cap ? from->left : cap;
	memset(buf, 'x', n);
	from->left -= n;
	*ret_len = n;
	return NULL;
}

static void test_upload(void **state)
{
	(void)state;
	Server s = { .answers = { "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: "
		                  "0\r\n\r\n",
		                  OK("") } };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	Upload from = { 5 };
	HttpRequest q = { .method = "PUT",
		          .url = url_of(&s, &a, "/up"),
		          .source = give,
		          .source_context = &from,
		          .source_bytes = 5,
		          .limit_bytes = 10 };
	HttpResponse r;
	assert_ok(http_client_send(c, &a, &q, &r));
	assert_int_equal(r.status, 201);
	assert_non_null(strstr(s.asked[0].ptr, "PUT /up HTTP/1.1\r\n"));
	assert_non_null(strstr(s.asked[0].ptr, "Content-Length: 5\r\n"));
	assert_null(strstr(s.asked[0].ptr, "Content-Type"));
	q = (HttpRequest){ .method = "POST", .url = url_of(&s, &a, "/p"), .limit_bytes = 10 };
	assert_ok(http_client_send(c, &a, &q, &r));
	assert_non_null(strstr(s.asked[1].ptr, "POST /p HTTP/1.1\r\n"));
	assert_non_null(strstr(s.asked[1].ptr, "Content-Length: 0\r\n"));
	server_stop(&s);
}

typedef struct Cancelled {
	Cancel cancel;
	int64_t at_ns;
} Cancelled;

static void *cancel_soon(void *context)
{
	Cancelled *k = context;
	usleep(100000);
	k->at_ns = clock_mono_ns();
	cancel_set(&k->cancel);
	return NULL;
}

/* How long a request that is never answered goes on after it is cancelled. */
static int64_t send_cancelled(HttpClient *c, Arena *a, HttpRequest q)
{
	Cancelled k = { 0 };
	pthread_t thread;
	HttpResponse r;
	assert_ok(cancel_open(&k.cancel));
	q.stop = &k.cancel;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &k), 0);
	AUTO_ERR Err *err = http_client_send(c, a, &q, &r);
	int64_t end_ns = clock_mono_ns();
	assert_non_null(err);
	assert_int_equal(err_kind(err), ERR_CANCELLED);
	pthread_join(thread, NULL);
	cancel_close(&k.cancel);
	return (end_ns - k.at_ns) / 1000000;
}

static void test_cancel_and_stall(void **state)
{
	(void)state;
	Server s = { .answers = { "hang", "hang", "hang", "hang", "hang" } };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *c = NULL;
	server_start(&s);
	assert_ok(http_client_open("test/1", NULL, &c));
	HttpRequest q = {
		.method = "GET", .url = url_of(&s, &a, "/"), .stall_timeout_ms = 300, .tries = 1
	};
	HttpResponse r;
	int64_t began = clock_mono_ns();
	assert_said(http_client_send(c, &a, &q, &r), ERR_NETWORK, "stalled");
	assert_true(clock_mono_ns() - began < 60000000000);

	q.stall_timeout_ms = 0;
	int64_t took_ms = INT64_MAX;
	/* What looks only now and then is late each time, a loaded machine is so sometimes. */
	for (int i = 0; i < 4 && took_ms > 900; i++)
		took_ms = send_cancelled(c, &a, q);
	if (took_ms > 900)
		fail_msg("a cancellation took %d ms", (int)took_ms);
	server_stop(&s);
}

static void test_fit_message(void **state)
{
	static const char *const table[][2] = {
		{ "Failed to connect", "failed to connect" },
		{ "Timeout", "timeout" },
		{ "Recv failure: Connection reset", "recv failure: Connection reset" },
		{ "SSL certificate problem", "SSL certificate problem" },
		{ "OpenSSL SSL_connect: SSL_ERROR", "OpenSSL SSL_connect: SSL_ERROR" },
		{ "GnuTLS, handshake failed", "GnuTLS, handshake failed" },
		{ "already so", "already so" },
		{ "X", "X" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO_BUF Buf text = BUF_INIT;
		buf_add_str(&text, str_from(table[i][0]));
		exchange_fit_message(&text);
		assert_true(str_eqc(buf_str(&text), table[i][1]));
	}
}

static void test_dates(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds; /* -1: none */
	} dates[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Sun, 06 Nov 1994 08:49:37", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT and more", -1 },
		{ "now", -1 },
		{ "", -1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		int64_t got = -1;
		bool is = http_parse_date(str_from(dates[i].text), &got);
		assert_int_equal(got, dates[i].seconds);
		assert_true(is == (dates[i].seconds >= 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit_message),         cmocka_unit_test(test_dates),
		cmocka_unit_test(test_url_parse),           cmocka_unit_test(test_url_resolve),
		cmocka_unit_test(test_origin_and_loopback), cmocka_unit_test(test_no_proxy),
		cmocka_unit_test(test_retry_delay),         cmocka_unit_test(test_get),
		cmocka_unit_test(test_bad_headers),         cmocka_unit_test(test_retries),
		cmocka_unit_test(test_sink_not_retried),    cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_redirects_end),       cmocka_unit_test(test_upload),
		cmocka_unit_test(test_cancel_and_stall),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
