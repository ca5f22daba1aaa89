/*
 * client.c - the client: idle connections, tries, redirects.
 *
 * Redirects are followed here and not by curl, since the rules are ours: where credentials may go,
 * that an upload is not sent twice, and how a Location is read.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "http/client.h"
#include "http/exchange-internal.h"
#include "http/retry-internal.h"
#include "http/url.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

enum {
	REDIRECTS_MAX = 10,
	RESOLVE_TRIES = 2, /* a name that is not there seldom appears within a second */
	IDLE_MAX = 32,
};

struct HttpClient {
	const char *user_agent;
	const Cancel *cancel;
	HttpPatience patience;
	pthread_mutex_t lock; /* over what follows */
	bool loaded;
	Libcurl curl;
	VEC(Slot *) idle;
};

Err *http_client_open(const char *user_agent, const Cancel *cancel, HttpClient **ret)
{
	HttpClient *c = xcalloc(1, sizeof *c);
	c->user_agent = user_agent;
	c->cancel = cancel;
	c->patience = HTTP_PATIENCE;
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return NULL;
}

void http_client_be_patient(HttpClient *c, const HttpPatience *patience)
{
	c->patience = *patience;
}

const HttpPatience *http_client_patience(const HttpClient *c)
{
	return &c->patience;
}

static void slot_free(const Libcurl *curl, Slot *slot)
{
	if (slot->easy)
		curl->easy_cleanup(slot->easy);
	if (slot->multi)
		curl->multi_cleanup(slot->multi);
	free(slot);
}

void http_client_close(HttpClient *c)
{
	for (size_t i = 0; i < c->idle.len; i++)
		slot_free(&c->curl, c->idle.at[i]);
	VEC_DONE(&c->idle);
	if (c->loaded)
		libcurl_unload(&c->curl);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static Err *load_once(HttpClient *c)
{
	Err *err = NULL;
	pthread_mutex_lock(&c->lock);
	if (!c->loaded) {
		err = libcurl_load(&c->curl);
		c->loaded = !err;
	}
	pthread_mutex_unlock(&c->lock);
	return err;
}

/* An idle slot, best one that has talked to ORIGIN before; else a new one.  NULL: curl gives none.
 */
static Slot *slot_take(HttpClient *c, const char *origin)
{
	Slot *slot = NULL;
	pthread_mutex_lock(&c->lock);
	if (c->idle.len) {
		size_t at = c->idle.len - 1;
		for (size_t i = 0; i < c->idle.len; i++)
			if (strcmp(c->idle.at[i]->origin, origin) == 0)
				at = i;
		slot = c->idle.at[at];
		c->idle.at[at] = c->idle.at[--c->idle.len];
	}
	pthread_mutex_unlock(&c->lock);
	if (!slot) {
		slot = xcalloc(1, sizeof *slot);
		slot->easy = c->curl.easy_init();
		slot->multi = c->curl.multi_init();
		if (!slot->easy || !slot->multi) {
			slot_free(&c->curl, slot);
			return NULL;
		}
	}
	snprintf(slot->origin, sizeof slot->origin, "%s", origin);
	return slot;
}

static void slot_give(HttpClient *c, Slot *slot)
{
	pthread_mutex_lock(&c->lock);
	bool keep = c->idle.len < IDLE_MAX;
	if (keep)
		VEC_PUSH(&c->idle, slot);
	pthread_mutex_unlock(&c->lock);
	if (!keep)
		slot_free(&c->curl, slot);
}

static Err *run_once(HttpClient *c, Exchange *x, Arena *a, HttpResponse *ret)
{
	HttpUrl url;
	TRY(http_url_parse(x->url, &url));
	char origin[sizeof((Slot *)0)->origin];
	snprintf(origin, sizeof origin, "%d %.*s", url.https, STR_ARG(url.authority));
	Slot *slot = slot_take(c, origin);
	if (!slot)
		return err_new(ERR_SYSTEM, "libcurl gives no handle");
	Err *err = exchange_run(slot, x, a, ret);
	slot_give(c, slot);
	return err;
}

/* Sleep, but wake at a cancellation. */
static Err *pause_ms(const Cancels *cancels, int64_t ms)
{
	int64_t end = clock_mono_ns() + ms * 1000000;
	for (;;) {
		TRY(cancels_check(cancels));
		int64_t left = (end - clock_mono_ns()) / 1000000;
		if (left <= 0)
			return NULL;
		/* a descriptor of -1 is passed over */
		struct pollfd p[] = { { .fd = cancel_fd(cancels->client), .events = POLLIN },
			              { .fd = cancel_fd(cancels->request), .events = POLLIN } };
		(void)poll(p, 2, (int)(left < 1000 ? left : 1000));
	}
}

static uint32_t some_random(void)
{
	uint32_t random = 0;
	(void)!getrandom(&random, sizeof random, GRND_NONBLOCK); /* 0 will do */
	return random;
}

Err *http_client_pause(const HttpClient *c, unsigned tried, const Cancel *stop)
{
	Cancels cancels = { c->cancel, stop };
	int64_t ms = retry_delay_ms(tried, c->patience.first_delay_ms, (Str){ "", 0 }, 0);
	return pause_ms(&cancels, retry_jitter_ms(ms, some_random()));
}

/* One URL, as often as it takes. */
static Err *run_with_tries(HttpClient *c, Exchange *x, Arena *a, HttpResponse *ret)
{
	unsigned tries = x->request->tries ? x->request->tries : c->patience.tries;
	for (unsigned tried = 1;; tried++) {
		AUTO_ERR Err *err = run_once(c, x, a, ret);
		ret->tries = tried;
		bool again = err ? x->retry : retry_status(ret->status);
		unsigned most = err && ret->failure == HTTP_NO_HOST && tries > RESOLVE_TRIES
		                        ? RESOLVE_TRIES
		                        : tries;
		if (!again || x->consumed || tried >= most) {
			if (err && tried > 1)
				err = err_note(err, "tried %u times", tried);
			return TAKE_PTR(err);
		}
		Str after = err ? (Str){ "", 0 } : http_response_header(ret, "retry-after");
		int64_t delay_ms =
			retry_delay_ms(tried, c->patience.first_delay_ms, after, clock_real_ns());
		if (delay_ms == RETRY_NEVER)
			return NULL; /* only an answer has that header */
		TRY(pause_ms(&x->cancels, retry_jitter_ms(delay_ms, some_random())));
	}
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where X goes next.  *ret_follow false: the answer is the caller's. */
static Err *redirect(Exchange *x, HttpRequest *request, Arena *a, const HttpResponse *r,
                     bool *ret_follow)
{
	*ret_follow = false;
	Str location = http_response_header(r, "location");
	if (!is_redirect(r->status) || !location.len || request->no_redirect || request->source)
		return NULL;
	HttpUrl from, to;
	Str next;
	TRY(http_url_parse(x->url, &from));
	TRY_WHILE(err_set_kind(http_url_resolve(a, x->url, location, &next), ERR_NETWORK),
	          "following a redirect of %.*s", STR_ARG(x->url));
	TRY(http_url_parse(next, &to));
	if (from.https && !to.https && !request->sink)
		return err_new(ERR_NETWORK,
		               "refused: a redirect from https to plain http, to '%.*s'",
		               STR_ARG(to.authority));
	bool same = http_url_same_origin(&from, &to);
	x->with_credentials = x->with_credentials && same;
	if (!same) /* what one host may do is no leave for the next */
		request->insecure_tls = request->insecure_at &&
		                        request->insecure_at(request->insecure_context, &to);
	/* RFC 9110 15.4: after 303 (and by custom after 301, 302 of a POST) the next request is a
	 * GET */
	bool post = strcmp(request->method, "POST") == 0;
	if ((r->status == 303 || (post && r->status < 303)) &&
	    strcmp(request->method, "HEAD") != 0) {
		request->method = "GET";
		request->body = (Str){ "", 0 };
	}
	x->url = next;
	*ret_follow = true;
	return NULL;
}

Err *http_client_send(HttpClient *c, Arena *a, const HttpRequest *request, HttpResponse *ret)
{
	TRY(load_once(c));
	HttpRequest now = *request;
	Exchange x = { .curl = &c->curl,
		       .request = &now,
		       .url = request->url,
		       .with_credentials = true,
		       .user_agent = c->user_agent,
		       .stall_timeout_ms = c->patience.stall_timeout_ms,
		       .cancels = { c->cancel, request->stop } };
	*ret = (HttpResponse){ .url = request->url, .body = { "", 0 } };
	for (int hops = 0; hops <= REDIRECTS_MAX; hops++) {
		bool follow;
		TRY(run_with_tries(c, &x, a, ret));
		TRY(redirect(&x, &now, a, ret, &follow));
		if (!follow)
			return NULL;
	}
	ret->failure = HTTP_BROKEN;
	return err_new(ERR_NETWORK, "more than %d redirects, the last to '%.*s'", REDIRECTS_MAX,
	               STR_ARG(x.url));
}

Str http_response_header(const HttpResponse *r, const char *lower_name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (str_eqc(r->headers[i].name, lower_name))
			return r->headers[i].value;
	return (Str){ "", 0 };
}
