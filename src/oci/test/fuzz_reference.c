/* fuzz_reference.c - any bytes as an image name; one that is taken reads the same when written out.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/arena.h"
#include "oci/reference.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena arena = ARENA_INIT;
	Reference one, other;
	Err *e = reference_parse(&arena, (Str){ (const char *)data, size }, &one);
	if (!e) {
		Str full = reference_full(&arena, &one);
		e = reference_parse(&arena, full, &other);
		assert(!e);
		assert(str_eq(full, reference_full(&arena, &other)));
		e = reference_parse(&arena, reference_familiar(&arena, &one), &other);
		assert(!e);
		assert(str_eq(full, reference_full(&arena, &other)));
	}
	err_free(e);
	return 0;
}
