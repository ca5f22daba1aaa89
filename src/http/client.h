/*
 * client.h - HTTP(S) requests, over libcurl that is loaded at the first request.
 *
 * WHAT     One HttpClient holds a connection pool (keep-alive, HTTP/2) and is used from many
 *          threads; each request blocks its thread.  Bodies stream both ways.  Only http and https,
 *          at most 10 redirects, Authorization never follows a redirect to another origin; from
 *          https to http only bodies that go to a sink are followed (their receiver verifies them).
 *          A request with a source is never redirected: its 3xx is given back.
 * ERRORS   ERR_NETWORK (worth a retry; the client itself retries connect errors, 429, 5xx with
 *          capped backoff where the body can be sent again), ERR_CANCELLED, whatever the sink
 *          returns.  A status >= 400 is NOT an error: look at HttpResponse.status.
 * PROXIES  http_proxy, https_proxy, all_proxy, no_proxy (either case, but HTTP_PROXY never inside a
 *          CGI program); loopback hosts are never reached through one, as in Go's programs
 *          (http_proxy_of() in url.h).
 * TLS      1.2 at least; verified against the system's CAs, or $SSL_CERT_FILE / $SSL_CERT_DIR.
 * SOURCE   RFC 9110; libcurl is dlopen'ed since it costs 3.7 ms of start-up
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/cancel.h"
#include "base/err.h"
#include "http/url.h"

typedef struct HttpClient HttpClient;

typedef struct HttpHeader {
	Str name, value;
} HttpHeader;

typedef struct HttpResponse HttpResponse;

/* Sees status and headers of a 2xx answer before its first body byte; an error stops the transfer.
 */
typedef Err *HttpHeadFn(void *context, const HttpResponse *head);
/* Takes body bytes; an error stops the transfer and becomes the request's error. */
typedef Err *HttpSinkFn(void *context, const void *bytes, size_t len);
#define HTTP_BYTES_UNKNOWN UINT64_MAX
/* Gives up to CAP body bytes; *ret_len 0 at the end. */
typedef Err *HttpSourceFn(void *context, void *buf, size_t cap, size_t *ret_len);

/* What TLS is done with beside the system's authorities; NULL members: nothing. */
typedef struct HttpTls {
	const char *authorities; /* a file that is trusted instead of the system's */
	const char *certificate,
		*key; /* who we are: PEM files; for the request's own origin alone */
} HttpTls;

typedef struct HttpRequest {
	const char *method; /* "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE" */
	Str url;
	const char *unix_socket; /* ask there; the host of the URL is but a word then.  NULL: TCP */
	const HttpHeader *headers;
	size_t header_count;
	bool no_redirect;     /* give 3xx back */
	Str body;             /* small body; resent on a retry */
	HttpSourceFn *source; /* large body, with source_bytes as its length; not resent */
	void *source_context;
	uint64_t source_bytes; /* HTTP_BYTES_UNKNOWN: it ends where it ends */
	HttpHeadFn *head; /* may be NULL; gets sink_context; called again if a try is repeated */
	HttpSinkFn *sink; /* body of 2xx answers; NULL: into response.body (limit_bytes) */
	void *sink_context;
	size_t limit_bytes; /* of response.body; more is ERR_NETWORK "answer too large" */
	bool insecure_tls;  /* at the URL's own host and port */
	/* The same for another that it redirects to; NULL: never. */
	bool (*insecure_at)(void *context, const HttpUrl *url);
	void *insecure_context;
	HttpTls tls;
	unsigned connect_timeout_ms; /* 0: 10000 */
	unsigned stall_timeout_ms;   /* no byte for so long: ERR_NETWORK; 0: the client's */
	unsigned tries;              /* 0: the client's */
	const Cancel *stop;          /* ends this request alone; may be NULL */
} HttpRequest;

/* Why there was no answer: for hints and for callers that have another way to try. */
typedef enum HttpFailure {
	HTTP_ANSWERED,
	HTTP_NO_HOST,    /* the name does not resolve */
	HTTP_NO_CONNECT, /* refused, unreachable, no answer to the connect */
	HTTP_NO_TLS,     /* the other side speaks no TLS, or none that we take */
	HTTP_UNTRUSTED,  /* its certificate is not trusted */
	HTTP_UNKNOWN_US, /* it wants a certificate of us, or takes ours not */
	HTTP_BROKEN,     /* cut, stalled, or nonsense */
} HttpFailure;

struct HttpResponse {
	int status;
	HttpHeader *headers; /* names in lower case; of the last answer (after redirects) */
	size_t header_count;
	Str body;            /* in the arena */
	Str url;             /* after redirects */
	unsigned tries;      /* how often the last URL was asked */
	HttpFailure failure; /* also set when http_client_send() gives an error */
};

/* USER_AGENT is borrowed.  Nothing is loaded or sent yet. */
NODISCARD Err *http_client_open(const char *user_agent, const Cancel *cancel, HttpClient **ret);
void http_client_close(HttpClient *c);

/* How long a client goes on asking; before the first request. */
typedef struct HttpPatience {
	unsigned tries;            /* of one request */
	unsigned first_delay_ms;   /* before the second; doubled with each, some jitter added */
	unsigned stall_timeout_ms; /* without a byte */
} HttpPatience;
#define HTTP_PATIENCE \
	((HttpPatience){ .tries = 4, .first_delay_ms = 200, .stall_timeout_ms = 30000 })
void http_client_be_patient(HttpClient *c, const HttpPatience *patience);
const HttpPatience *http_client_patience(const HttpClient *c);
/* Sleep after the TRIED-th try (1, 2 ...) as the client itself does; wakes at a cancellation, also
 * by STOP, which may be NULL. */
NODISCARD Err *http_client_pause(const HttpClient *c, unsigned tried, const Cancel *stop);
NODISCARD Err *http_client_send(HttpClient *c, Arena *a, const HttpRequest *request,
                                HttpResponse *ret);
/* The first header of this name; "" if absent. */
Str http_response_header(const HttpResponse *r, const char *lower_name);
/* How long a server's Retry-After is waited for; one that wants more gets no second try. */
enum { HTTP_WAIT_MOST_S = 60 };
/* What R's Retry-After asks for, in seconds from NOW_REAL_NS; false: nothing, or nonsense. */
bool http_response_wait(const HttpResponse *r, int64_t now_real_ns, int64_t *ret_s);
/* An HTTP date (RFC 9110 5.6.7) as seconds since 1970; false: it is none. */
bool http_parse_date(Str text, int64_t *ret_s);

static inline void http_client_closep(HttpClient **c)
{
	if (*c)
		http_client_close(*c);
}
#define AUTO_HTTP_CLIENT CLEANUP(http_client_closep)
