/* provider.c - THE table of those whose webhooks are understood. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/hmac.h"
#include "hook/hook.h"

#define GITEA_EVENTS                                               \
	{                                                          \
		"X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event" \
	}
#define GITEA_SIGNATURES                                                        \
	{                                                                       \
		"X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature", \
			"X-Hub-Signature-256"                                   \
	}
#define GITEA_DELIVERIES                                 \
	{                                                \
		"X-Gitea-Delivery", "X-Forgejo-Delivery" \
	}

static const HookProvider providers[] = {
	{ .name = "github",
	  .kind = BUILD_ON_GITHUB,
	  .cause = "GitHub WebHook",
	  .event = { "X-GitHub-Event", "X-Gogs-Event" },
	  .signature = { "X-Hub-Signature-256", "X-Gogs-Signature" },
	  .delivery = { "X-GitHub-Delivery" },
	  .ping = "ping",
	  .push = { "push" },
	  .read = hook_read_git },
	{ .name = "gitea",
	  .kind = BUILD_ON_GITHUB,
	  .cause = "Gitea WebHook",
	  .event = GITEA_EVENTS,
	  .signature = GITEA_SIGNATURES,
	  .delivery = GITEA_DELIVERIES,
	  .ping = "ping",
	  .push = { "push" },
	  .read = hook_read_git },
	{ .name = "forgejo",
	  .kind = BUILD_ON_GITHUB,
	  .cause = "Forgejo WebHook",
	  .event = GITEA_EVENTS,
	  .signature = GITEA_SIGNATURES,
	  .delivery = GITEA_DELIVERIES,
	  .ping = "ping",
	  .push = { "push" },
	  .read = hook_read_git },
	{ .name = "gitlab",
	  .kind = BUILD_ON_GITLAB,
	  .cause = "GitLab WebHook",
	  .event = { "X-Gitlab-Event" },
	  .token = "X-Gitlab-Token",
	  .delivery = { "Idempotency-Key" },
	  .push = { "Push Hook", "Tag Push Hook" },
	  .read = hook_read_git },
	{ .name = "bitbucket",
	  .kind = BUILD_ON_BITBUCKET,
	  .cause = "Bitbucket WebHook",
	  .event = { "X-Event-Key" },
	  .signature = { "X-Hub-Signature" },
	  .delivery = { "X-Request-UUID", "X-Request-Id" },
	  .ping = "diagnostics:ping",
	  .push = { "repo:push", "repo:refs_changed" },
	  .read = hook_read_bitbucket },
	{ .name = "generic",
	  .kind = BUILD_ON_GENERIC,
	  .cause = "Generic WebHook",
	  .signature = { "X-Hub-Signature-256" },
	  .read = hook_read_generic },
};

const HookProvider *hook_provider(Str name)
{
	for (size_t i = 0; i < ARRAY_LEN(providers); i++)
		if (str_eqc(name, providers[i].name))
			return &providers[i];
	return NULL;
}

bool hook_signature_holds(Str hex, Str secret, Str body)
{
	static const char prefix[] = "sha256=";
	Digest given, wanted = hmac_sha256(secret, body);
	AUTO_BUF Buf text = BUF_INIT;
	if (str_starts(hex, str_from(prefix)))
		hex = str_from_at(hex, sizeof prefix - 1);
	buf_addf(&text, "sha256:%.*s", STR_ARG(str_clip(hex, 100)));
	AUTO_ERR Err *e = digest_parse(buf_str(&text), &given);
	return !e && hmac_equal(&given, &wanted);
}
