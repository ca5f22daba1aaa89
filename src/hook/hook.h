/*
 * hook.h - what a push tells: webhooks of git servers, and post-receive hooks of git.
 *
 * WHAT     hook_read() makes a HookEvent of a webhook's head and body; hook_match() finds in it the change
 *          of the branch that a configuration builds; hook_service() answers
 *          /apis/build.openshift.io/v1/namespaces/PROJECT/buildconfigs/NAME/webhooks/SECRET/PROVIDER
 *          and the same below /oapi/v1/, and queues builds.
 * TRUST    A body is believed after its secret was: that of the path, which "-" stands for where the body
 *          is signed (HMAC-SHA256) or brings the secret in its head.  Which is wrong, the configuration or
 *          the secret, is not told.  Nothing of a body is run or looked up: a commit is hex digits, a ref
 *          is compared, texts are cut and cleaned.
 * LIMITS   HOOK_* below
 * ERRORS   of hook_read: ERR_INPUT, in words for the sender
 * SOURCE   openshift/openshift-apiserver pkg/build/webhook; the webhook pages of GitHub, GitLab, Gitea,
 *          Forgejo, Bitbucket
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "project/project.h"
#include "server/server.h"

enum {
	HOOK_BODY_BYTES_MAX =
		8 << 20, /* a push of 2048 commits, as GitHub sends at most, is 3 MB */
	HOOK_HELD_BYTES_MAX = 64 << 20, /* of all bodies that are coming */
	HOOK_CHANGES_MAX = 1000,        /* refs that one push moves */
	HOOK_WAITING_MAX = 100,         /* builds of a configuration that are not over */
	HOOK_ENV_MAX = 100,
	HOOK_ENV_BYTES_MAX = 64 << 10,
};

/* A ref that was moved. */
typedef struct HookChange {
	Str ref;                     /* "refs/heads/main", or "main" */
	Str commit, author, message; /* "" not told; the first line of the message */
	bool deleted;
} HookChange;

typedef struct HookEvent {
	bool ping;           /* the sender only tries whether we are here */
	HookChange *changes; /* none: a push without any news of a ref */
	size_t count;
	Str branch; /* the repository's default branch; "" not told */
	ProjectPairs env, args;
	bool no_cache;
} HookEvent;

/* --- provider.c: whom they come from -----------------------------------------------------------
 */
typedef struct HookProvider {
	const char *name; /* the last word of the path */
	BuildTriggerKind kind;
	const char *cause; /* "GitHub WebHook" */
	/* headers, several where there are several spellings; NULL ends each list */
	const char *event[4], *signature[5], *token, *delivery[3];
	const char *ping, *push[3]; /* values of .event */
	Err *(*read)(const JsonValue *body, Arena *a, HookEvent *ret);
} HookProvider;
/* NULL: none of that name. */
const HookProvider *hook_provider(Str name);

/* Is HEX, with or without "sha256=", the HMAC of BODY? */
bool hook_signature_holds(Str hex, Str secret, Str body);

/* --- event.c: what they say --------------------------------------------------------------------
 */
/* EVENT and CONTENT_TYPE are headers, "" if there are none. */
NODISCARD Err *hook_read(const HookProvider *provider, Str event, Str content_type, Str body,
                         Arena *a, HookEvent *ret);
/* The change of E that concerns a configuration that builds REF ("": BRANCH; that "": main or
 * master); NULL: none. */
const HookChange *hook_match(const HookEvent *e, Str ref, Str branch);
/* Do hex digits name a commit?  No: all zeros, which stand for none. */
bool hook_is_commit(Str text);
/* The readers of provider.c's table. */
NODISCARD Err *hook_read_git(const JsonValue *body, Arena *a, HookEvent *ret);
NODISCARD Err *hook_read_bitbucket(const JsonValue *body, Arena *a, HookEvent *ret);
NODISCARD Err *hook_read_generic(const JsonValue *body, Arena *a, HookEvent *ret);

/* --- receive.c: what git itself says -----------------------------------------------------------
 */
/* "OLD NEW REF", a line of a post-receive hook's input. */
NODISCARD Err *hook_read_line(Str line, Arena *a, HookChange *ret);

/* --- service.c ---------------------------------------------------------------------------------
 */
typedef struct HookOptions {
	Store *store;
	bool read_only;                /* builds are not started: 405 */
	void (*queued)(void *context); /* a build was written; from many threads */
	void *queued_context;
	void (*log)(void *context, Str line);
	void *log_context;
	size_t held; /* bytes of bodies; atomic */
} HookOptions;

/* Both forms of the path.  OPTIONS are borrowed for as long as the services are used. */
void hook_services(HookOptions *options, ServerService ret[static 2]);
