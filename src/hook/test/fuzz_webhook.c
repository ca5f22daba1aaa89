/* fuzz_webhook.c - any bytes as a webhook's body; the first names provider, event and type.  What
 * comes of it may be shown and compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "hook/hook.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		assert((unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != 0x7f);
}

static void check(const HookEvent *e)
{
	assert(e->count <= HOOK_CHANGES_MAX && e->env.count <= HOOK_ENV_MAX);
	check_text(e->branch);
	for (size_t i = 0; i < e->count; i++) {
		const HookChange *c = &e->changes[i];
		assert(!c->commit.len || hook_is_commit(c->commit));
		check_text(c->ref);
		check_text(c->author);
		check_text(c->message);
	}
	const HookChange *ours = hook_match(e, STR("main"), STR(""));
	assert(!ours || !ours->ref.len || str_ends(ours->ref, STR("main")));
	for (size_t i = 0; i < e->env.count; i++) {
		check_text(e->env.at[i].key);
		check_text(e->env.at[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "github", "gitlab", "bitbucket", "generic" };
	static const char *const types[] = { "application/json", "application/yaml",
		                             "application/x-www-form-urlencoded", "text/plain" };
	AUTO_ARENA Arena a = ARENA_INIT;
	HookEvent event;
	HookChange change;
	if (!size)
		return 0;
	const HookProvider *p = hook_provider(str_from(names[data[0] & 3]));
	Str body = { (const char *)data + 1, size - 1 };
	Str kind = p->push[0] ? str_from(p->push[0]) : STR("");
	AUTO_ERR Err *e = hook_read(p, kind, str_from(types[data[0] >> 2 & 3]), body, &a, &event);
	if (!e)
		check(&event);
	AUTO_ERR Err *other = hook_read_line(body, &a, &change);
	assert(other || change.deleted || hook_is_commit(change.commit));
	(void)hook_signature_holds(body, STR("secret"), body);
	return 0;
}
