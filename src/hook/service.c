/*
 * service.c - a webhook's request → a queued build, or why not.
 *
 * begin looks at the head alone: who has not the secret of the path sends no body.  end checks the
 * signature, reads the body, and queues; the project's lock keeps two deliveries of one push apart.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/hmac.h"
#include "codec/sha256.h"
#include "hook/hook.h"
#include "runner/runner.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct Call {
	HookOptions *o;
	ServerRequest *request;
	Project project;
	const HookProvider *provider;
	Str project_name, name, secret_given;
	bool signed_only;     /* the path has "-" in place of the secret */
	bool is_signed;       /* the body is by who knows the secret */
	BuildTrigger trigger; /* .secret "": there is none that fits */
	Buf secret, text;
	bool too_large;
} Call;

/* --- answers ---------------------------------------------------------------------------------- */

/* As the API server's Status. */
static void say(ServerReply *r, unsigned code, const char *reason, const char *fmt, ...)
	PRINTF(4, 5);

static void say(ServerReply *r, unsigned code, const char *reason, const char *fmt, ...)
{
	AUTO_BUF Buf body = BUF_INIT;
	JsonWriter w = { .out = &body };
	char text[1024];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	json_write_object(&w);
	json_write_member(&w, "kind", STR("Status"));
	json_write_member(&w, "apiVersion", STR("v1"));
	json_write_key(&w, "metadata");
	json_write_object(&w);
	json_write_object_end(&w);
	json_write_member(&w, "status", str_from(code < 400 ? "Success" : "Failure"));
	json_write_member(&w, "message", str_from(text));
	if (*reason)
		json_write_member(&w, "reason", str_from(reason));
	json_write_key(&w, "code");
	json_write_int(&w, code);
	json_write_object_end(&w);
	server_reply(r, code);
	server_reply_text(r, STR("application/json"), buf_str(&body));
}

static void tell(const Call *c, const char *fmt, ...) PRINTF(2, 3);

static void tell(const Call *c, const char *fmt, ...)
{
	AUTO_BUF Buf line = BUF_INIT;
	char text[1024];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	buf_addf(&line, "webhook %s of %.*s/%.*s: ", c->provider->name, STR_ARG(c->project_name),
	         STR_ARG(c->name));
	for (const char *at = text; *at; at++)
		buf_add_char(&line, (unsigned char)*at >= 0x20 && *at != 0x7f ? *at : '?');
	c->o->log(c->o->log_context, buf_str(&line));
}

/* Which of all that was not right is not told. */
static void refuse(const Call *c, ServerReply *r)
{
	say(r, 401, "Unauthorized", "the webhook \"%s\" for \"%.*s\" did not accept your secret",
	    c->provider->name, STR_ARG(c->name));
	tell(c, "refused: no such configuration or trigger, or not its secret");
}

static void skip(const Call *c, ServerReply *r, const char *why, Str ref)
{
	say(r, 200, "", "%s: \"%.*s\"", why, STR_ARG(str_clip(ref, 200)));
	tell(c, "%s: \"%.*s\"", why, STR_ARG(str_clip(ref, 200)));
}

/* Of E (taken) that is our own fault. */
static void fail(const Call *c, ServerReply *r, Err *e)
{
	say(r, 500, "InternalError", "the build could not be queued: the server's log says why");
	tell(c, "%.*s", STR_ARG(err_cause(e)));
	err_free(e);
}

/* --- whose ------------------------------------------------------------------------------------ */

/* PROJECT/buildconfigs/NAME/webhooks/SECRET/PROVIDER */
static bool read_path(Call *c, Str path)
{
	static const char *const prefixes[] = { "/apis/build.openshift.io/v1/namespaces/",
		                                "/oapi/v1/namespaces/" };
	Str configs, webhooks, provider, rest = STR("");
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(path, str_from(prefixes[i])))
			rest = str_from_at(path, strlen(prefixes[i]));
	rest = str_cut(rest, '/', &c->project_name);
	rest = str_cut(rest, '/', &configs);
	rest = str_cut(rest, '/', &c->name);
	rest = str_cut(rest, '/', &webhooks);
	provider = str_cut(rest, '/', &c->secret_given);
	c->signed_only = str_eqc(c->secret_given, "-");
	c->provider = hook_provider(provider);
	AUTO_ERR Err *bad = project_check_name(c->project_name, PROJECT_NAME_MAX);
	AUTO_ERR Err *worse = project_check_name(c->name, PROJECT_NAME_MAX);
	return !bad && !worse && str_eqc(configs, "buildconfigs") &&
	       str_eqc(webhooks, "webhooks") && c->secret_given.len && provider.len;
}

/* The configuration's trigger of this kind, with its secret, into C. */
static Err *find_trigger(Call *c, BuildConfig *bc)
{
	TRY(project_get_config(&c->project, c->name, bc));
	for (size_t i = 0; i < bc->trigger_count; i++) {
		const BuildTrigger *t = &bc->triggers[i];
		if (t->kind != c->provider->kind || !t->secret.len)
			continue;
		buf_reset(&c->secret);
		TRY(project_secret_get(&c->project, t->secret, &c->secret));
		c->trigger = *t;
		return NULL;
	}
	return err_new(ERR_NOT_FOUND, "no such trigger");
}

static bool knows_secret(Call *c)
{
	BuildConfig bc;
	Err *e = find_trigger(c, &bc);
	if (e && err_kind(e) != ERR_NOT_FOUND)
		tell(c, "%.*s", STR_ARG(err_cause(e)));
	bool found = !e && str_trim(buf_str(&c->secret)).len > 0;
	err_free(e); /* told, or like a wrong secret */
	if (!found)
		c->trigger = (BuildTrigger){ .secret = STR("") };
	if (c->signed_only)
		return true; /* the body's end tells */
	return found && hmac_equal_texts(str_trim(buf_str(&c->secret)), c->secret_given);
}

/* The first of NAMES that the request has. */
static Str header_of(const Call *c, const char *const *names, size_t count)
{
	Str value = STR("");
	for (size_t i = 0; i < count && names[i] && !value.len; i++)
		value = server_request_header(c->request, names[i]);
	return value;
}
#define HEADER_OF(c, names) header_of(c, (c)->provider->names, ARRAY_LEN((c)->provider->names))

/* Signature and token, where there are any. */
static bool holds(Call *c)
{
	Str secret = str_trim(buf_str(&c->secret));
	Str signature = HEADER_OF(c, signature), token = STR("");
	if (!c->trigger.secret.len)
		return false;
	if (c->provider->token)
		token = server_request_header(c->request, c->provider->token);
	if (signature.len && !hook_signature_holds(signature, secret, buf_str(&c->text)))
		return false;
	if (token.len && !hmac_equal_texts(token, secret))
		return false;
	c->is_signed = signature.len > 0;
	return !c->signed_only || signature.len || token.len;
}

/* --- the build -------------------------------------------------------------------------------- */

/* What tells this delivery from others: its number, and a body that only its sender could sign. */
static size_t delivery_ids(const Call *c, Digest ret[static 2])
{
	size_t count = 0;
	Str number = HEADER_OF(c, delivery);
	for (int body = 0; body < 2; body++) {
		Sha256 h;
		if (body ? !c->is_signed : !number.len)
			continue;
		sha256_init(&h);
		sha256_add_field(&h, str_from(c->provider->name));
		sha256_add_field(&h, str_from(body ? "body" : "number"));
		sha256_add_field(&h, body ? buf_str(&c->text) : number);
		ret[count++] = sha256_end(&h);
	}
	return count;
}

static Err *count_waiting(const Project *p, Str config, size_t *ret)
{
	Build *all;
	size_t count;
	*ret = 0;
	TRY(project_builds(p, config, &all, &count));
	for (size_t i = 0; i < count; i++)
		*ret += !build_is_over(all[i].phase);
	return NULL;
}

static RunnerStart make_start(const Call *c, const HookEvent *e, const HookChange *change)
{
	const Str none = STR("");
	RunnerStart how = { .cause = str_from(c->provider->cause),
		            .by = { .kind = c->provider->kind },
		            .commit = none,
		            .author = none,
		            .message = none,
		            .queue = true,
		            .as_file = none,
		            .text = none,
		            .input = { none, none } };
	if (change) {
		how.commit = how.by.commit = change->commit;
		how.author = how.by.author = change->author;
		how.message = how.by.message = change->message;
	}
	if (c->trigger.allow_env) {
		how.env = e->env;
		how.args = e->args;
		how.no_cache = e->no_cache;
	}
	return how;
}

/* Under the lock: was it taken, is there room, then the Build.  R is set where it is not queued. */
static Err *queue(Call *c, const HookEvent *e, const HookChange *change, ServerReply *r, Build *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	const RunnerStart how = make_start(c, e, change);
	BuildConfig bc;
	Digest ids[2];
	bool seen;
	size_t waiting, id_count = delivery_ids(c, ids);
	TRY(project_lock(&c->project, NULL, &lock));
	TRY(project_get_config(&c->project, c->name, &bc));
	TRY(project_delivery_seen(&c->project, c->name, ids, id_count, &seen));
	if (seen) {
		say(r, 409, "AlreadyExists", "this delivery was taken before");
		tell(c, "refused: the same delivery came before");
		return NULL;
	}
	TRY(count_waiting(&c->project, c->name, &waiting));
	if (waiting >= HOOK_WAITING_MAX) {
		say(r, 429, "TooManyRequests", "%zu builds of \"%.*s\" are waiting", waiting,
		    STR_ARG(c->name));
		tell(c, "refused: %zu builds are waiting", waiting);
		return NULL;
	}
	TRY(runner_build(&c->project, &bc, &how, ret));
	/* after it: a delivery that is lost would be worse than one that is built twice */
	return project_delivery_note(&c->project, c->name, ids, id_count);
}

static void answer_build(const Call *c, const HookEvent *e, const HookChange *change,
                         const Build *b, ServerReply *r)
{
	AUTO_BUF Buf json = BUF_INIT;
	bool ignored = !c->trigger.allow_env && (e->env.count || e->args.count || e->no_cache);
	build_write(b, &json);
	server_reply(r, 200);
	server_reply_text(r, STR("application/json"), buf_str(&json));
	if (ignored)
		server_reply_header(r, "Warning",
		                    STR("299 - \"env and dockerStrategyOptions were ignored: the "
		                        "trigger has no allowEnv\""));
	tell(c, "%.*s queued%s%.*s%s%.*s%s", STR_ARG(b->meta.name),
	     change && change->ref.len ? ": " : "",
	     STR_ARG(change ? str_clip(change->ref, 200) : STR("")),
	     change && change->commit.len ? " at " : "", STR_ARG(change ? change->commit : STR("")),
	     ignored ? "; its env and dockerStrategyOptions were ignored: no allowEnv" : "");
	c->o->queued(c->o->queued_context);
}

/* The body is whole, and believed. */
static Err *take(Call *c, ServerReply *r)
{
	HookEvent event;
	const HookChange *change = NULL;
	BuildConfig bc;
	Build b = { .number = 0 };
	Err *e = hook_read(c->provider, HEADER_OF(c, event),
	                   server_request_header(c->request, "Content-Type"), buf_str(&c->text),
	                   c->project.arena, &event);
	if (e && err_kind(e) != ERR_INPUT)
		return e;
	if (e) {
		say(r, 400, "BadRequest", "%.*s", STR_ARG(err_cause(e)));
		tell(c, "refused: %.*s", STR_ARG(err_cause(e)));
		err_free(e); /* told */
		return NULL;
	}
	if (event.ping) {
		skip(c, r, "nothing was pushed, and nothing is built", STR("ping"));
		return NULL;
	}
	TRY(project_get_config(&c->project, c->name, &bc));
	if (bc.spec.source == BUILD_FROM_GIT && (event.count || c->provider->event[0])) {
		Str branch = event.branch.len ? event.branch
		                              : project_pair(&bc.meta.annotations, "decant/branch");
		change = hook_match(&event, bc.spec.ref, branch);
		if (!change) {
			skip(c, r,
			     "skipping build: the branch that was pushed is not the one that is "
			     "built",
			     event.count ? event.changes[0].ref : STR(""));
			return NULL;
		}
		if (change->deleted) {
			skip(c, r, "skipping build: it was deleted", change->ref);
			return NULL;
		}
	} else if (bc.spec.source == BUILD_FROM_BINARY) {
		say(r, 400, "BadRequest", "\"%.*s\" is built of binary input: a webhook has none",
		    STR_ARG(c->name));
		return NULL;
	}
	TRY(queue(c, &event, change, r, &b));
	if (b.number)
		answer_build(c, &event, change, &b, r);
	return NULL;
}

/* --- the service ------------------------------------------------------------------------------ */

static void begin(void *context, ServerRequest *q, ServerReply *r, void **ret_call)
{
	Call *c = xcalloc(1, sizeof *c);
	Arena *a = server_request_arena(q);
	uint64_t length;
	*ret_call = c;
	*c = (Call){ .o = context, .request = q };
	c->trigger.secret = STR("");
	c->project = (Project){ .store = c->o->store, .arena = a };
	server_reply_header(r, "X-Content-Type-Options", STR("nosniff"));
	server_reply_header(r, "Cache-Control", STR("no-store"));
	if (!read_path(c, server_request_path(q))) {
		say(r, 404, "NotFound", "the server could not find the requested resource");
		return;
	}
	c->project.name = arena_str(a, c->project_name);
	if (!c->provider) {
		say(r, 404, "NotFound",
		    "no such kind of webhook: github, gitlab, gitea, forgejo, "
		    "bitbucket and generic are known");
	} else if (!str_eqc(server_request_method(q), "POST")) {
		server_reply_header(r, "Allow", STR("POST"));
		say(r, 405, "MethodNotAllowed", "a webhook is a POST");
	} else if (c->o->read_only) {
		say(r, 405, "MethodNotAllowed", "this server changes nothing");
	} else if (!knows_secret(c)) {
		refuse(c, r);
	} else if (server_request_length(q, &length) && length > HOOK_BODY_BYTES_MAX) {
		say(r, 413, "RequestEntityTooLarge", "the body has more than %d bytes",
		    HOOK_BODY_BYTES_MAX);
	}
}

static void body(void *call, Str bytes)
{
	Call *c = call;
	if (c->too_large)
		return;
	size_t held = __atomic_add_fetch(&c->o->held, bytes.len, __ATOMIC_RELAXED);
	buf_add_str(&c->text, bytes);
	c->too_large = c->text.len > HOOK_BODY_BYTES_MAX || held > HOOK_HELD_BYTES_MAX;
}

static void end(void *call, ServerReply *r)
{
	Call *c = call;
	if (c->too_large && c->text.len <= HOOK_BODY_BYTES_MAX) {
		server_reply_header(r, "Retry-After", STR("5"));
		say(r, 503, "ServiceUnavailable", "too much is coming at once");
	} else if (c->too_large) {
		say(r, 413, "RequestEntityTooLarge", "the body has more than %d bytes",
		    HOOK_BODY_BYTES_MAX);
	} else if (!holds(c)) {
		refuse(c, r);
	} else {
		Err *e = take(c, r);
		if (e && err_kind(e) == ERR_NOT_FOUND) {
			err_free(e); /* the configuration went just now */
			refuse(c, r);
		} else if (e) {
			fail(c, r, e);
		}
	}
}

static void done(void *call)
{
	Call *c = call;
	(void)__atomic_sub_fetch(&c->o->held, c->text.len, __ATOMIC_RELAXED);
	buf_done(&c->secret);
	buf_done(&c->text);
	free(c);
}

void hook_services(HookOptions *options, ServerService ret[static 2])
{
	static const char *const prefixes[] = { "/apis/build.openshift.io/v1/", "/oapi/v1/" };
	for (size_t i = 0; i < 2; i++)
		ret[i] = (ServerService){ .prefix = prefixes[i],
			                  .context = options,
			                  .begin = begin,
			                  .body = body,
			                  .end = end,
			                  .done = done };
}
