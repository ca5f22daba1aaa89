/*
 * endpoint.c - one base URL: finding it, speaking to it, saying what went wrong there.
 *
 * The first request to an endpoint is GET /v2/: it tells whether https or plain http is spoken, and
 * its 401 carries the challenge, so that every later request is sent once, with its token.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "codec/json.h"
#include "registry/registry-internal.h"

enum {
	PROBE_TIMEOUT_MS = 3000, /* of https where plain http is the other possibility */
	HEADERS_MAX = 8,
};

Err *registry_open(const Cancel *cancel, Registry **ret)
{
	Registry *r = xcalloc(1, sizeof *r);
	r->cancel = cancel;
	pthread_mutex_init(&r->lock, NULL);
	Err *err = registry_config_read(&r->arena, &r->config);
	if (!err)
		err = patience_read(&r->patience);
	if (!err)
		err = http_client_open("decant/" DECANT_VERSION, cancel, &r->http);
	if (err) {
		registry_close(r);
		return err;
	}
	http_client_be_patient(r->http, &r->patience.http);
	*ret = r;
	return NULL;
}

void registry_close(Registry *r)
{
	for (size_t i = 0; i < r->endpoints.len; i++)
		endpoint_free(r->endpoints.at[i]);
	VEC_DONE(&r->endpoints);
	if (r->http)
		http_client_close(r->http);
	for (size_t i = 0; i < r->files.len; i++)
		close(r->files.at[i]);
	VEC_DONE(&r->files);
	pthread_mutex_destroy(&r->lock);
	arena_done(&r->arena);
	free(r);
}

void endpoint_free(Endpoint *e)
{
	for (size_t i = 0; i < e->tokens.len; i++) {
		pthread_mutex_destroy(&e->tokens.at[i]->asking);
		free(e->tokens.at[i]);
	}
	VEC_DONE(&e->tokens);
	VEC_DONE(&e->logins);
	arena_done(&e->arena);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* May the server at URL have any certificate? */
static bool is_insecure_at(const Registry *r, Str authority, Str host)
{
	return (http_host_is_loopback(host) && !r->config.verify_loopback) ||
	       registry_config_insecure(&r->config, authority, host);
}

static bool is_insecure(const Registry *r, const HttpUrl *url)
{
	return is_insecure_at(r, url->authority, url->host);
}

static bool insecure_at(void *context, const HttpUrl *url)
{
	return is_insecure(context, url);
}

/* --- which endpoints ------------------------------------------------------------------------- */

static Endpoint *find_endpoint(Registry *r, Str authority, Str prefix, Str inside, bool mirror)
{
	for (size_t i = 0; i < r->endpoints.len; i++) {
		Endpoint *e = r->endpoints.at[i];
		if (str_eq(e->authority, authority) && str_eq(e->prefix, prefix) &&
		    str_eq(e->inside, inside) && e->mirror == mirror)
			return e;
	}
	Endpoint *e = xcalloc(1, sizeof *e);
	pthread_mutex_init(&e->lock, NULL);
	e->authority = arena_str(&e->arena, authority);
	e->prefix = arena_str(&e->arena, prefix);
	e->inside = arena_str(&e->arena, inside);
	e->domain = e->authority;
	e->mirror = mirror;
	/* parsing it as a URL finds the host beside a port and IPv6 brackets */
	HttpUrl url;
	Err *err = http_url_parse(arena_strf(&e->arena, "https://%.*s", STR_ARG(authority)), &url);
	Str host = err ? e->authority : url.host;
	err_free(err); /* reference_parse() has checked it; a bad one fails when it is used */
	e->loopback = http_host_is_loopback(host);
	e->insecure = is_insecure_at(r, e->authority, host);
	VEC_PUSH(&r->endpoints, e);
	return e;
}

void endpoint_list(Registry *r, Str domain, bool write, Endpoint *ret[ENDPOINTS_MAX],
                   size_t *ret_count)
{
	size_t n = 0;
	bool hub = str_eqc(domain, "docker.io");
	Str none = { "", 0 };
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; !write && i < r->config.mirror_count && n < ENDPOINTS_MAX - 1; i++) {
		const Mirror *m = &r->config.mirrors[i];
		HttpUrl url = { 0 };
		Err *err = http_url_parse(m->url, &url);
		if (err ||
		    !str_eq(m->domain, domain)) { /* a bad one was refused when it was read */
			err_free(err);
			continue;
		}
		ret[n] = find_endpoint(r, url.authority, url.path, m->inside, true);
		ret[n++]->plain_asked = !url.https;
	}
	if (!n || !r->config.no_fallback) {
		Endpoint *own = find_endpoint(r, hub ? STR("registry-1.docker.io") : domain, none,
		                              none, false);
		own->domain = hub ? STR("docker.io") : own->authority;
		ret[n++] = own;
	}
	pthread_mutex_unlock(&r->lock);
	*ret_count = n;
}

/* --- opening
 * -----------------------------------------------------------------------------------------------
 */

static Err *try_base(Registry *r, Endpoint *e, bool https, unsigned tries, unsigned timeout_ms,
                     Arena *a, HttpResponse *answer)
{
	Str base = arena_strf(a, "%s://%.*s", https ? "https" : "http", STR_ARG(e->authority));
	Str url = arena_strf(a, "%.*s%.*s/v2/", STR_ARG(base), STR_ARG(e->prefix));
	HttpRequest request = { .method = "GET",
		                .url = url,
		                .limit_bytes = 1 << 20,
		                .insecure_tls = e->insecure,
		                .insecure_at = insecure_at,
		                .insecure_context = r,
		                .tls = e->tls,
		                .connect_timeout_ms = timeout_ms,
		                .stall_timeout_ms = timeout_ms,
		                .tries = tries };
	TRY(http_client_send(r->http, a, &request, answer));
	e->base = arena_str(&e->arena, base);
	e->insecure_tls = e->insecure;
	e->challenge = (Challenge){ .kind = CHALLENGE_NONE };
	if (answer->status == 401)
		e->challenge = auth_challenge(&e->arena, answer);
	e->ready = true;
	return NULL;
}

static Err *open_locked(Registry *r, Endpoint *e, unsigned timeout_ms)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer = { 0 };
	unsigned tries = timeout_ms ? 1 : 0;
	TRY(certs_find(r, e->authority, e->domain, &e->tls));
	if (e->plain_asked) {
		Err *broken = try_base(r, e, false, tries, timeout_ms, &a, &answer);
		return broken ? hints_unreachable(r, e, &answer, broken) : NULL;
	}
	bool both = e->insecure;
	unsigned probe_ms = both && (timeout_ms == 0 || timeout_ms > PROBE_TIMEOUT_MS)
	                            ? PROBE_TIMEOUT_MS
	                            : timeout_ms;
	AUTO_ERR Err *err =
		try_base(r, e, true, both ? 1 : tries, both ? probe_ms : timeout_ms, &a, &answer);
	if (!err || err_kind(err) != ERR_NETWORK)
		return TAKE_PTR(err);
	if (!both || answer.failure == HTTP_UNKNOWN_US)
		return hints_unreachable(r, e, &answer, TAKE_PTR(err));
	Err *plain = try_base(r, e, false, tries, timeout_ms, &a, &answer);
	if (!plain)
		return NULL;
	plain = err_note(plain, "https was tried first: %.*s", STR_ARG(err_cause(err)));
	return err_kind(plain) == ERR_NETWORK ? hints_unreachable(r, e, &answer, plain) : plain;
}

Err *endpoint_open(Registry *r, Endpoint *e, unsigned timeout_ms)
{
	Err *err = NULL;
	pthread_mutex_lock(&e->lock);
	if (e->dead) {
		err = err_new(ERR_NETWORK, "%.*s", STR_ARG(e->dead_cause));
	} else if (!e->ready) {
		err = open_locked(r, e, timeout_ms);
		/* Many layers would each wait for a mirror that is down: once is enough. */
		if (err && err_kind(err) == ERR_NETWORK && e->mirror) {
			e->dead = true;
			e->dead_cause = arena_str(&e->arena, err_cause(err));
		}
	}
	pthread_mutex_unlock(&e->lock);
	return err_while(err, "connecting to %s %.*s", e->mirror ? "the mirror" : "the registry",
	                 STR_ARG(e->authority));
}

void endpoint_drop(Registry *r, Endpoint *e, const Err *why)
{
	pthread_mutex_lock(&e->lock);
	if (!e->dead)
		e->dead_cause = arena_str(&e->arena, err_cause(why));
	e->dead = true;
	pthread_mutex_unlock(&e->lock);
	__atomic_add_fetch(&r->dropped, 1, __ATOMIC_RELEASE);
}

unsigned registry_dropped(const Registry *r)
{
	return __atomic_load_n(&r->dropped, __ATOMIC_ACQUIRE);
}

Err *endpoint_own(Registry *r, const Reference *ref, Endpoint **ret)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	endpoint_list(r, ref->domain, true, endpoints, &count);
	*ret = endpoints[0];
	return endpoint_open(r, endpoints[0], 0);
}

/* --- sending
 * ------------------------------------------------------------------------------------------------
 */

static Str scope_of(Arena *a, const Call *call)
{
	if (call->scope.len)
		return call->scope;
	Str path = endpoint_path(a, call->endpoint, call->ref->path);
	Str scope = arena_strf(a, "repository:%.*s:%s", STR_ARG(path),
	                       call->push ? "pull,push" : "pull");
	if (call->mount_from.len)
		scope = arena_strf(a, "%.*s repository:%.*s:pull", STR_ARG(scope),
		                   STR_ARG(call->mount_from));
	return scope;
}

/* A 401 in spite of what we sent: take over the challenge, drop the token. True if asking again may
 * help. *ret_shared: others have used that token. */
static bool learn(Endpoint *e, const HttpResponse *answer, Str scope, Str refused, bool *ret_shared)
{
	pthread_mutex_lock(&e->lock);
	Challenge now = auth_challenge(&e->arena, answer);
	bool again = now.kind == CHALLENGE_BEARER || (now.kind == CHALLENGE_BASIC && !refused.len);
	if (now.kind != CHALLENGE_NONE)
		e->challenge = now;
	*ret_shared = auth_forget(e, scope, refused);
	pthread_mutex_unlock(&e->lock);
	return again;
}

static Err *send_once(Registry *r, const Call *call, Str url, const HttpUrl *to, bool ours,
                      Str authorization, Arena *a, HttpResponse *ret)
{
	HttpHeader headers[HEADERS_MAX];
	size_t n = 0;
	for (; n < call->header_count && n < HEADERS_MAX - 1; n++)
		headers[n] = call->headers[n];
	if (authorization.len)
		headers[n++] = (HttpHeader){ STR("Authorization"), authorization };
	HttpRequest request = { .method = call->method,
		                .url = url,
		                .headers = headers,
		                .header_count = n,
		                .body = call->body,
		                .source = call->source,
		                .source_context = call->context,
		                .source_bytes = call->source_bytes,
		                .head = call->head,
		                .sink = call->sink,
		                .sink_context = call->context,
		                .limit_bytes = call->limit_bytes,
		                .insecure_tls =
		                        ours ? call->endpoint->insecure_tls : is_insecure(r, to),
		                .insecure_at = insecure_at,
		                .insecure_context = r,
		                .tls = call->endpoint->tls,
		                .tries = call->tries,
		                .stop = call->stop };
	if (!ours)
		request.tls.certificate = request.tls.key = NULL;
	return http_client_send(r->http, a, &request, ret);
}

/* PATH at E, where a repository of a mirror may lie inside another path. */
static Str url_of(const Endpoint *e, Str path, Arena *a)
{
	Str entry = STR("/v2/");
	bool deeper = e->inside.len && str_starts(path, entry);
	return arena_strf(a, "%.*s%.*s%s%.*s%s%.*s", STR_ARG(e->base), STR_ARG(e->prefix),
	                  deeper ? "/v2/" : "", STR_ARG(e->inside), deeper ? "/" : "",
	                  STR_ARG(deeper ? str_from_at(path, entry.len) : path));
}

Err *endpoint_send(Registry *r, const Call *call, Arena *a, HttpResponse *ret)
{
	Endpoint *e = call->endpoint;
	TRY(endpoint_open(r, e, 0));
	bool whole = call->path.len && call->path.ptr[0] != '/';
	Str url = whole ? call->path : url_of(e, call->path, a);
	HttpUrl base, to;
	TRY(http_url_parse(e->base, &base));
	TRY(http_url_parse(url, &to));
	/* An upload's Location may lie on a storage server, which is none of our credentials'
	 * business. */
	bool ours = http_url_same_origin(&base, &to);
	Str scope = scope_of(a, call);
	/* The token we have, a new one that other requests use too, one of our own. */
	bool shared = false;
	for (int round = 0;; round++) {
		Str authorization = { "", 0 };
		if (ours)
			TRY_WHILE(auth_header(r, e, call->ref, scope, call->own_token || round == 2,
			                      a, &authorization),
			          "authorising at %.*s", STR_ARG(e->authority));
		TRY_WHILE(send_once(r, call, url, &to, ours, authorization, a, ret), "asking %.*s",
		          STR_ARG(to.authority));
		if (ret->status != 401 || !ours || round == 2)
			return NULL;
		if (!learn(e, ret, scope, authorization, &shared) || call->source)
			return NULL;
		if (round == 1 && !shared)
			return NULL;
	}
}

/* --- what answers mean ----------------------------------------------------------------------- */

Str endpoint_path(Arena *a, const Endpoint *e, Str path)
{
	return e->inside.len ? arena_strf(a, "%.*s/%.*s", STR_ARG(e->inside), STR_ARG(path)) : path;
}

Err *endpoint_check_digest(const HttpResponse *answer, const char *wanted)
{
	Str got = http_response_header(answer, "docker-content-digest");
	if (!got.len || str_eqc(got, wanted))
		return NULL;
	return err_new(ERR_NETWORK, "the registry took %s for '%.*s': damaged on the way", wanted,
	               STR_ARG(str_head(got, 100)));
}

Str endpoint_repository(Arena *a, const Endpoint *e, const Reference *ref)
{
	Str path = endpoint_path(a, e, ref->path);
	return arena_strf(a, "%.*s/%.*s", STR_ARG(e->mirror ? e->authority : e->domain),
	                  STR_ARG(path));
}

/* {"errors":[{"code":"DENIED","message":"..."}]} → "DENIED: ..."; "" if the body is something else.
 */
static Str server_words(Arena *a, Str body)
{
	JsonValue *doc = NULL;
	Err *err = json_parse(body, 64 << 10, "answer", &doc);
	if (err) {
		err_free(err); /* an HTML page of some proxy: nothing to quote */
		return (Str){ "", 0 };
	}
	const JsonValue *first =
		json_value_is_object(doc) ? json_at(json_member(doc, "errors"), 0) : NULL;
	Str words = { "", 0 };
	if (json_value_is_object(first)) {
		Str code = json_value_string(json_member(first, "code"));
		Str message = json_value_string(json_member(first, "message"));
		words = arena_strf(a, "%.*s%s%.*s", STR_ARG(str_head(code, 60)),
		                   message.len ? ": " : "", STR_ARG(str_head(message, 200)));
	}
	json_free(doc);
	for (size_t i = 0; i < words.len; i++)
		if ((unsigned char)words.ptr[i] < ' ' || words.ptr[i] == 0x7f)
			((char *)words.ptr)[i] = '?'; /* it goes to a terminal */
	return words;
}

/* What was shown to E for REF. */
static Credentials shown(const Endpoint *e, const Reference *ref)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str path = endpoint_path(&a, e, ref->path);
	for (size_t i = 0; i < e->logins.len; i++)
		if (str_eq(e->logins.at[i].repository, path))
			return e->logins.at[i].credentials;
	return (Credentials){ 0 };
}

static Err *denied_error(const Endpoint *e, const Reference *ref, int status, bool push, Arena *a)
{
	Credentials used = shown(e, ref), *c = &used;
	Str familiar = reference_familiar_name(a, ref);
	bool hub = str_eqc(e->domain, "docker.io");
	Err *err;
	if (push)
		err = err_new(ERR_DENIED, "push to %.*s denied (status %d)", STR_ARG(familiar),
		              status);
	else
		err = err_new(ERR_DENIED,
		              "pull access denied for %.*s: the repository does not exist or needs "
		              "a login "
		              "(status %d)",
		              STR_ARG(familiar), status);
	int name_len = hub ? 0 : (int)e->domain.len; /* `decant login` alone means Docker Hub */
	if (c->found) {
		err = err_note(err, "used the credentials of %.*s from %.*s",
		               STR_ARG(c->user.len ? c->user : STR("a token")), STR_ARG(c->source));
		return err_note(err, "if they are old: decant login %.*s", name_len, e->domain.ptr);
	}
	err = err_note(err, "no credentials for %.*s in %.*s", STR_ARG(e->domain),
	               STR_ARG(auth_files_text(a)));
	return err_note(
		err,
		"log in first: decant login %.*s (the files of docker and podman are read too)",
		name_len, e->domain.ptr);
}

/* A registry that wants to be left alone for longer than we wait is believed: there was no second
 * try. */
static Err *note_wait(const HttpResponse *r, Err *err)
{
	int64_t s;
	bool may_pass = r->status == 408 || r->status == 429 || r->status >= 500;
	if (!may_pass || !http_response_wait(r, clock_real_ns(), &s) || s <= HTTP_WAIT_MOST_S)
		return err;
	return err_note(
		err,
		"the registry asks to wait %lld seconds, decant waits at most %d: try again then",
		(long long)s, HTTP_WAIT_MOST_S);
}

Err *endpoint_status_error(Endpoint *e, const Reference *ref, const HttpResponse *r,
                           const char *what, bool push)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str repository = endpoint_repository(&a, e, ref);
	Err *err;
	switch (r->status) {
	case 401:
	case 403:
		pthread_mutex_lock(&e->lock); /* over the credentials */
		err = denied_error(e, ref, r->status, push, &a);
		pthread_mutex_unlock(&e->lock);
		break;
	case 404:
		err = err_new(ERR_NOT_FOUND, "%.*s: %s not found", STR_ARG(repository), what);
		break;
	case 429:
		err = err_new(ERR_NETWORK, "%.*s: too many requests", STR_ARG(repository));
		err = err_note(err, "registries allow more to those who log in: decant login");
		break;
	default:
		err = err_new(r->status >= 500 || push ? ERR_NETWORK : ERR_CORRUPT,
		              "%.*s: %s: unexpected status %d", STR_ARG(repository), what,
		              r->status);
	}
	if (r->tries > 1)
		err = err_note(err, "tried %u times", r->tries);
	err = note_wait(r, err);
	Str words = server_words(&a, r->body);
	return words.len ? err_note(err, "the registry says: %.*s", STR_ARG(words)) : err;
}

Err *endpoint_each(Registry *r, const Reference *ref, EndpointFn *fn, void *context)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *causes = NULL;
	endpoint_list(r, ref->domain, false, endpoints, &count);
	causes = arena_alloc(&a, count * sizeof *causes, _Alignof(Str));
	for (size_t i = 0;; i++) {
		Err *err = fn(context, endpoints[i]);
		if (!err)
			return NULL;
		if (i + 1 < count && err_kind(err) != ERR_CANCELLED) {
			causes[i] = arena_str(&a, err_cause(err));
			err_free(err); /* the next one may have it; told below if none has */
			continue;
		}
		if (endpoints[i]->mirror)
			err = err_note(err, "the registry itself is not asked "
			                    "(skip-default-registry-fallback)");
		for (size_t k = 0; k < i; k++)
			err = err_note(err, "the mirror %.*s was tried first: %.*s",
			               STR_ARG(endpoints[k]->authority), STR_ARG(causes[k]));
		return err;
	}
}

static Err *ping_one(void *context, Endpoint *e)
{
	const struct {
		Registry *r;
		unsigned timeout_ms;
	} *p = context;
	return endpoint_open(p->r, e, p->timeout_ms);
}

Err *registry_ping(Registry *r, const Reference *ref, unsigned timeout_ms)
{
	struct {
		Registry *r;
		unsigned timeout_ms;
	} p = { r, timeout_ms };
	return endpoint_each(r, ref, ping_one, &p);
}
