/* fuzz_remote.c - any bytes as what a word names; the parts of one that is taken are what they
 * promise. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "remote/remote.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const Remote *r)
{
	assert(r->url.len && r->url.ptr[0] != '-');
	if (r->kind == REMOTE_HTTP) {
		assert(r->name.len && str_find(r->name, '/') < 0 && !str_eqc(r->name, ".."));
		assert(!memchr(r->name.ptr, '\0', r->name.len));
		return;
	}
	assert(!str_starts(r->git.ref, STR("-")) && !str_starts(r->git.subdir, STR("/")));
	assert(!str_starts(r->git.subdir, STR("..")) || str_find(r->git.subdir, '/') != 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena arena = ARENA_INIT;
	Remote r;
	AUTO_ERR Err *e = remote_parse(&arena, (Str){ (const char *)data, size }, &r);
	if (!e && r.kind != REMOTE_NONE)
		check(&r);
	return 0;
}
