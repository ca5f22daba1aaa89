/* fuzz_referrers.c - any bytes as the list of referrers that a registry has: refused, or written
 * again with one entry more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/attest.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF Buf entry = BUF_INIT, out = BUF_INIT, again = BUF_INIT;
	JsonWriter w = { .out = &entry };
	Descriptor d = { .media_type = STR(MEDIA_OCI_MANIFEST), .size = 1 };
	bool changed;
	attest_referrer_entry(&d, STR("t"), &w);
	Err *e = attest_add_entry((Str){ (const char *)data, size }, buf_str(&entry), &d.digest,
	                          &out, &changed);
	if (!e && changed) { /* then it is there */
		e = attest_add_entry(buf_str(&out), buf_str(&entry), &d.digest, &again, &changed);
		assert(e || !changed);
	}
	err_free(e);
	return 0;
}
