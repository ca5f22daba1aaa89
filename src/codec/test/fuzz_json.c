/* fuzz_json.c - any bytes as JSON: an error, or a document that stays the same when written and
 * read again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JsonValue *first, *second;
	AUTO_ERR Err *err =
		json_parse((Str){ (const char *)data, size }, JSON_BYTES_MAX, "input", &first);
	if (err) {
		assert(err_kind(err) == ERR_CORRUPT);
		return 0;
	}
	AUTO_BUF Buf once = BUF_INIT, twice = BUF_INIT, pretty = BUF_INIT;
	json_dump(first, &once);
	json_dump_indent(first, 4, &pretty);
	json_free(first);
	AUTO_ERR Err *again = json_parse(buf_str(&pretty), SIZE_MAX, "pretty", &second);
	assert(!again);
	json_dump(second, &twice);
	json_free(second);
	assert(str_eq(buf_str(&once), buf_str(&twice)));
	return 0;
}
