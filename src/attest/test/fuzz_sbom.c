/*
 * fuzz_sbom.c - any bytes as a file that some reader of packages is for; the document can be read.
 *
 * The first byte says which reader.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_SBOM Sbom s = { 0 };
	AUTO_BUF Buf out = BUF_INIT;
	JsonValue *v;
	if (!size)
		return 0;
	const SbomReader *reader = &sbom_readers[data[0] % sbom_reader_count];
	SbomFile f = { .path = STR("a/b-1.0.gemspec"),
		       .size = size - 1,
		       .fd = -1,
		       .bytes = (const char *)data + 1 };
	sbom_init(&s, &a);
	err_free(reader->read(&s, &f)); /* refusing is fine here */
	sbom_sort(&s);
	SpdxDocument d = { .sbom = &s, .name = STR("x") };
	spdx_format(&d, &out);
	Err *e = json_parse(buf_str(&out), SIZE_MAX, "the document", &v);
	assert(!e);
	json_free(v);
	return 0;
}
