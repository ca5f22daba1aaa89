/* fuzz_manifest.c - any bytes as a manifest, an index or an image config: refused or read, never
 * more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/arena.h"
#include "oci/config.h"
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Str json = { (const char *)data, size };
	AUTO_ARENA Arena arena = ARENA_INIT;
	AUTO_BUF Buf out = BUF_INIT;
	ManifestKind kind;
	Manifest manifest;
	Index index;
	ImageConfig config;
	err_free(manifest_kind(json, STR(""), "input", &kind)); /* refusing is fine here */
	Err *e = manifest_parse(&arena, json, "input", &manifest);
	if (!e)
		manifest_format(&manifest, &out);
	err_free(e);
	e = index_parse(&arena, json, "input", &index);
	if (!e)
		index_format(&index, &out);
	err_free(e);
	err_free(image_config_parse(&arena, json, "input", &config));
	return 0;
}
