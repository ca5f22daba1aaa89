/* fuzz_path.c - any bytes as the address of a request; a path that is taken is one that can be
 * looked at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "server/server-internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ServerRequest q = { .uri = { (const char *)data, size }, .arena = ARENA_INIT };
	if (server_request_parse(&q)) {
		Str rest = q.path;
		assert(rest.len && rest.ptr[0] == '/' && rest.len <= size);
		for (size_t i = 0; i < rest.len; i++)
			assert((unsigned char)rest.ptr[i] >= 0x20 && rest.ptr[i] != 0x7f);
		while (rest.len) {
			Str part;
			rest = str_cut(rest, '/', &part);
			assert(!str_eqc(part, ".") && !str_eqc(part, ".."));
		}
	}
	VEC_DONE(&q.query);
	arena_done(&q.arena);
	return 0;
}
