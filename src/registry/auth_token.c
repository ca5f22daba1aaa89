/*
 * auth_token.c - the Authorization header: basic, or a bearer token that is asked for.
 *
 * The token protocol (distribution's "token authentication"): the registry's challenge names a
 * realm, which gives a token for a scope, to anybody or to whoever shows credentials.
 *
 * The realm is a URL that the registry chose, and credentials go to it: so it must be https, or be
 * the same plain-http host as the registry itself (which already sees them).  A registry that was
 * reached without TLS may not send us anywhere else: whoever sits on the wire wrote that challenge.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "registry/registry-internal.h"

enum {
	TOKEN_ANSWER_BYTES_MAX = 1 << 20,
	TOKEN_SECONDS = 60, /* "expires_in" when it is not said: the specification's default */
	TOKEN_SECONDS_MAX = 3600 * 24,
};

/* What is known when a token is asked for: the endpoint may learn more meanwhile. */
typedef struct Asking {
	Registry *registry;
	const Endpoint *endpoint; /* of it, what does not change any more */
	Challenge challenge;
	Credentials credentials;
	Str scope;
	Str *ret_refresh; /* at a login: what to keep instead of the password; NULL else */
	Arena *refresh_arena;
} Asking;

Err *auth_login(Registry *r, Endpoint *e, Str repository, const Credentials **ret)
{
	for (size_t i = 0; i < e->logins.len; i++)
		if (str_eq(e->logins.at[i].repository, repository)) {
			*ret = &e->logins.at[i].credentials;
			return NULL;
		}
	Login login = { .repository = arena_str(&e->arena, repository) };
	TRY(auth_find(&e->arena, e->domain, repository, r->cancel, &login.credentials));
	VEC_PUSH(&e->logins, login);
	*ret = &e->logins.at[e->logins.len - 1].credentials;
	return NULL;
}

static Str basic_header(Arena *a, const Credentials *c)
{
	AUTO_BUF Buf plain = BUF_INIT, text = BUF_INIT;
	buf_addf(&plain, "%.*s:%.*s", STR_ARG(c->user), STR_ARG(c->password));
	buf_addf(&text, "Basic ");
	base64_encode(buf_str(&plain), &text);
	return arena_str(a, buf_str(&text));
}

static Err *check_realm(const Asking *q)
{
	const Endpoint *e = q->endpoint;
	Str asked = q->challenge.realm;
	HttpUrl base, realm;
	TRY(http_url_parse(e->base, &base));
	TRY_WHILE(err_set_kind(http_url_parse(asked, &realm), ERR_DENIED),
	          "reading the challenge of %.*s", STR_ARG(e->authority));
	bool same_host = str_eq(base.host, realm.host);
	if (realm.https ? base.https || same_host : !base.https && same_host)
		return NULL;
	return err_note(err_new(ERR_DENIED, "%.*s sends for a token to '%.*s', which is refused",
	                        STR_ARG(e->authority), STR_ARG(str_head(asked, 200))),
	                base.https ? "a token may only be asked for over https"
	                           : "a registry without TLS may only give tokens itself");
}

/* How the realm is spoken to.  Only at the registry's own place holds what is said of the registry:
 * another host proves itself, and gets no certificate of ours that is not for it. */
static Err *realm_tls(const Asking *q, HttpTls *ret, bool *ret_insecure)
{
	const Endpoint *e = q->endpoint;
	HttpUrl base, realm;
	TRY(http_url_parse(e->base, &base));
	TRY(http_url_parse(q->challenge.realm, &realm));
	*ret = e->tls;
	*ret_insecure = e->insecure_tls;
	if (http_url_same_origin(&base, &realm))
		return NULL;
	*ret_insecure = (e->insecure_tls && str_eq(base.host, realm.host)) ||
	                registry_config_insecure(&q->registry->config, realm.authority, realm.host);
	return certs_find(q->registry, realm.authority, realm.authority, ret);
}

static void add_query(Buf *out, char before, const char *key, Str value)
{
	buf_addf(out, "%c%s=", before, key);
	http_url_encode(value, out);
}

static void add_scopes(Buf *out, Str scope)
{
	while (scope.len) {
		Str one;
		scope = str_cut(scope, ' ', &one);
		add_query(out, '&', "scope", one);
	}
}

/* GET realm?service=..&scope=.., with the password if there is one. */
static Err *ask_token(const Asking *q, const HttpTls *tls, bool insecure, Arena *a,
                      HttpResponse *ret)
{
	const Credentials *c = &q->credentials;
	AUTO_BUF Buf url = BUF_INIT;
	buf_add_str(&url, q->challenge.realm);
	add_query(&url, str_find(q->challenge.realm, '?') < 0 ? '?' : '&', "service",
	          q->challenge.service);
	add_scopes(&url, q->scope);
	if (c->found)
		add_query(&url, '&', "account", c->user);
	if (q->ret_refresh)
		buf_add_str(&url, STR("&client_id=decant&offline_token=true"));
	HttpHeader header = { STR("Authorization"),
		              c->found ? basic_header(a, c) : (Str){ "", 0 } };
	HttpRequest request = { .method = "GET",
		                .url = buf_str(&url),
		                .headers = &header,
		                .header_count = c->found,
		                .limit_bytes = TOKEN_ANSWER_BYTES_MAX,
		                .tls = *tls,
		                .insecure_tls = insecure };
	return http_client_send(q->registry->http, a, &request, ret);
}

/* POST with a refresh token (what `docker login` stores for some clouds). */
static Err *ask_token_oauth(const Asking *q, const HttpTls *tls, bool insecure, Arena *a,
                            HttpResponse *ret)
{
	AUTO_BUF Buf form = BUF_INIT;
	buf_addf(&form, "grant_type=refresh_token&client_id=decant");
	add_query(&form, '&', "service", q->challenge.service);
	add_query(&form, '&', "scope", q->scope);
	add_query(&form, '&', "refresh_token", q->credentials.identity_token);
	HttpHeader header = { STR("Content-Type"), STR("application/x-www-form-urlencoded") };
	/* no redirect: the secret is in the body, and whoever gets it has the account */
	HttpRequest request = { .method = "POST",
		                .url = q->challenge.realm,
		                .headers = &header,
		                .header_count = 1,
		                .body = buf_str(&form),
		                .no_redirect = true,
		                .limit_bytes = TOKEN_ANSWER_BYTES_MAX,
		                .tls = *tls,
		                .insecure_tls = insecure };
	return http_client_send(q->registry->http, a, &request, ret);
}

static Err *read_members(const JsonValue *doc, const char *name, Arena *a, Str *ret_token,
                         int64_t *ret_seconds)
{
	Str access = { "", 0 };
	*ret_token = access;
	if (!json_value_is_object(doc))
		return err_new(ERR_DENIED, "%s: expected a JSON object", name);
	TRY(json_get_str(doc, name, "token", a, ret_token));
	TRY(json_get_str(doc, name, "access_token", a, &access));
	TRY(json_get_int(doc, name, "expires_in", ret_seconds));
	if (!ret_token->len)
		*ret_token = access;
	if (!ret_token->len)
		return err_new(ERR_DENIED, "%s: no token in it", name);
	for (size_t i = 0; i < ret_token->len; i++)
		if (ret_token->ptr[i] <= ' ' || ret_token->ptr[i] == 0x7f)
			return err_new(ERR_DENIED, "%s: blank or control byte in the token", name);
	return NULL;
}

static Err *read_token(const Asking *q, const HttpResponse *answer, Arena *a, Str *ret_text,
                       int64_t *ret_expires_ns)
{
	const char *name = "the token server's answer";
	JsonValue *doc = NULL;
	int64_t seconds = TOKEN_SECONDS;
	TRY(err_set_kind(json_parse(answer->body, TOKEN_ANSWER_BYTES_MAX, name, &doc), ERR_DENIED));
	Err *err = read_members(doc, name, a, ret_text, &seconds);
	if (!err && q->ret_refresh)
		err = json_get_str(doc, name, "refresh_token", q->refresh_arena, q->ret_refresh);
	json_free(doc);
	TRY(err_set_kind(err, ERR_DENIED));
	seconds = seconds < TOKEN_SECONDS ? TOKEN_SECONDS : seconds;
	seconds = seconds > TOKEN_SECONDS_MAX ? TOKEN_SECONDS_MAX : seconds;
	/* A tenth early: clocks and queues.  One that dies sooner is refreshed by its 401. */
	*ret_expires_ns = clock_mono_ns() + seconds * 900000000;
	return NULL;
}

static Err *denied(const Asking *q, const HttpResponse *answer)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const Credentials *c = &q->credentials;
	const Endpoint *e = q->endpoint;
	Err *err;
	if (c->found)
		err = err_new(ERR_DENIED, "%.*s refuses the credentials for %.*s (status %d)",
		              STR_ARG(q->challenge.realm), STR_ARG(e->domain), answer->status);
	else
		err = err_new(ERR_DENIED, "%.*s gives no token to anonymous users (status %d)",
		              STR_ARG(q->challenge.realm), answer->status);
	if (c->found)
		return err_note(err, "they are from %.*s; renew them: decant login %.*s",
		                STR_ARG(c->source), STR_ARG(e->domain));
	err = err_note(err, "no credentials for %.*s in %.*s", STR_ARG(e->domain),
	               STR_ARG(auth_files_text(&a)));
	return err_note(err, "log in first: decant login %.*s", STR_ARG(e->domain));
}

static Err *get_token(const Asking *q, Arena *a, Str *ret_text, int64_t *ret_expires_ns)
{
	HttpResponse answer;
	HttpTls tls;
	bool insecure;
	TRY(check_realm(q));
	TRY(realm_tls(q, &tls, &insecure));
	Err *err = q->credentials.identity_token.len
	                   ? ask_token_oauth(q, &tls, insecure, a, &answer)
	                   : ask_token(q, &tls, insecure, a, &answer);
	if (!err && answer.status == 200)
		err = read_token(q, &answer, a, ret_text, ret_expires_ns);
	else if (!err && (answer.status >= 500 || answer.status == 429))
		err = err_new(ERR_NETWORK, "the token server answers with status %d",
		              answer.status);
	else if (!err)
		return denied(q, &answer);
	return err_while(err, "asking %.*s for a token", STR_ARG(q->challenge.realm));
}

static Token *find_token(const Endpoint *e, Str scope)
{
	for (size_t i = 0; i < e->tokens.len; i++)
		if (str_eq(e->tokens.at[i]->scope, scope))
			return e->tokens.at[i];
	return NULL;
}

bool auth_forget(Endpoint *e, Str scope, Str refused)
{
	Token *t = find_token(e, scope);
	if (!t)
		return false;
	/* Another thread may have got a new one since: that one stays. */
	if (!str_ends(refused, t->text))
		return true;
	t->expires_ns = 0;
	return t->uses > 1;
}

/* The token for Q's scope, perhaps one that is not good any more. */
static Token *need_token(Endpoint *e, Str scope)
{
	Token *t = find_token(e, scope);
	if (t)
		return t;
	t = xcalloc(1, sizeof *t);
	t->scope = arena_str(&e->arena, scope);
	t->text = STR("");
	pthread_mutex_init(&t->asking, NULL);
	VEC_PUSH(&e->tokens, t);
	return t;
}

/* T's text as a header; false: it has to be asked for. */
static bool use_token(Endpoint *e, Token *t, Arena *a, Str *ret)
{
	pthread_mutex_lock(&e->lock);
	bool good = t->expires_ns > clock_mono_ns();
	if (good) {
		*ret = arena_strf(a, "Bearer %.*s", STR_ARG(t->text));
		t->uses++;
	}
	pthread_mutex_unlock(&e->lock);
	return good;
}

static Err *renew(const Asking *q, Endpoint *e, Token *t)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str text = STR("");
	int64_t expires_ns = 0;
	TRY(get_token(q, &a, &text, &expires_ns));
	pthread_mutex_lock(&e->lock);
	t->text = arena_str(&e->arena, text);
	t->expires_ns = expires_ns;
	t->uses = 0;
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static Err *bearer(const Asking *q, Endpoint *e, Token *t, Arena *a, Str *ret)
{
	Err *err = NULL;
	if (use_token(e, t, a, ret))
		return NULL;
	pthread_mutex_lock(&t->asking);
	while (!err && !use_token(e, t, a, ret)) /* another thread may have renewed it */
		err = renew(q, e, t);
	pthread_mutex_unlock(&t->asking);
	return err;
}

/* A token that no other request can spend. */
static Err *own_bearer(const Asking *q, Arena *a, Str *ret)
{
	Str text = STR("");
	int64_t expires_ns;
	TRY(get_token(q, a, &text, &expires_ns));
	*ret = arena_strf(a, "Bearer %.*s", STR_ARG(text));
	return NULL;
}

/* What Q needs, all at one time. */
static Err *look(Asking *q, Endpoint *e, const Reference *ref, Token **ret)
{
	const Credentials *c = NULL;
	*ret = NULL;
	q->challenge = e->challenge;
	if (q->challenge.kind == CHALLENGE_NONE)
		return NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	TRY(auth_login(q->registry, e, endpoint_path(&a, e, ref->path), &c));
	q->credentials = *c;
	if (q->challenge.kind == CHALLENGE_BEARER && !c->registry_token.len)
		*ret = need_token(e, q->scope);
	return NULL;
}

Err *auth_header(Registry *r, Endpoint *e, const Reference *ref, Str scope, bool own, Arena *a,
                 Str *ret)
{
	Asking q = { .registry = r, .endpoint = e, .scope = scope };
	const Credentials *c = &q.credentials;
	Token *token;
	*ret = (Str){ "", 0 };
	pthread_mutex_lock(&e->lock);
	Err *err = look(&q, e, ref, &token);
	pthread_mutex_unlock(&e->lock);
	TRY(err);
	if (token)
		return own ? own_bearer(&q, a, ret) : bearer(&q, e, token, a, ret);
	if (q.challenge.kind == CHALLENGE_BASIC && c->found && c->user.len)
		*ret = basic_header(a, c);
	if (q.challenge.kind == CHALLENGE_BEARER)
		*ret = arena_strf(a, "Bearer %.*s", STR_ARG(c->registry_token));
	return NULL;
}

/* GET /v2/ with AUTHORIZATION: the registry has the last word. */
static Err *ask_entry(Registry *r, const Endpoint *e, Str authorization, Arena *a)
{
	HttpResponse answer;
	Str url = arena_strf(a, "%.*s%.*s/v2/", STR_ARG(e->base), STR_ARG(e->prefix));
	HttpHeader header = { STR("Authorization"), authorization };
	HttpRequest request = { .method = "GET",
		                .url = url,
		                .headers = &header,
		                .header_count = authorization.len > 0,
		                .limit_bytes = TOKEN_ANSWER_BYTES_MAX,
		                .tls = e->tls,
		                .insecure_tls = e->insecure_tls };
	TRY(http_client_send(r->http, a, &request, &answer));
	if (answer.status == 200)
		return NULL;
	return err_new(answer.status >= 500 ? ERR_NETWORK : ERR_DENIED,
	               "login attempt to %.*s failed with status: %d%s", STR_ARG(url),
	               answer.status, answer.status == 401 ? " Unauthorized" : "");
}

Err *auth_try(Registry *r, Endpoint *e, const Credentials *c, Arena *a, Str *ret_identity)
{
	Asking q = { .registry = r,
		     .endpoint = e,
		     .challenge = e->challenge,
		     .credentials = *c,
		     .scope = { "", 0 },
		     .ret_refresh = ret_identity,
		     .refresh_arena = a };
	Str header = { "", 0 }, token;
	int64_t expires_ns;
	*ret_identity = header;
	if (q.challenge.kind == CHALLENGE_BASIC)
		header = basic_header(a, c);
	if (q.challenge.kind == CHALLENGE_BEARER) {
		TRY(get_token(&q, a, &token, &expires_ns));
		header = arena_strf(a, "Bearer %.*s", STR_ARG(token));
	}
	return ask_entry(r, e, header, a);
}
