/* fuzz_yaml.c - any bytes as YAML: an error, or JSON that can be read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml_json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JsonValue *doc;
	AUTO_BUF Buf json = BUF_INIT;
	AUTO_ERR Err *err =
		yaml_to_json((Str){ (const char *)data, size }, CDI_FILE_BYTES_MAX, "input", &json);
	if (err) {
		assert(err_kind(err) == ERR_INPUT);
		return 0;
	}
	/* Duplicate keys, say, are an error there. */
	AUTO_ERR Err *bad = json_parse(buf_str(&json), SIZE_MAX, "json", &doc);
	if (!bad)
		json_free(doc);
	return 0;
}
