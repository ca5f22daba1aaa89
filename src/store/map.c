/* map.c - which compressed blobs are known for a layer: map/<hex>, one line a blob. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "store/store-internal.h"

#include <stdio.h>

static bool parse_blob(Str line, StoreBlobOf *ret)
{
	Str digest, size, name, level;
	line = str_cut(line, ' ', &digest);
	line = str_cut(line, ' ', &size);
	level = str_cut(line, ' ', &name);
	uint64_t level_number;
	Err *e = digest_parse(digest, &ret->digest);
	bool ok = !e && str_to_u64(size, &ret->size) && str_to_u64(level, &level_number) &&
	          level_number < 100;
	err_free(e); /* a line that is no blob of ours: told by the result */
	if (!ok)
		return false;
	ret->level = (int)level_number;
	for (CompressionId id = 0; id < COMPRESSION_COUNT; id++)
		if (str_eqc(name, compressor_table[id].name)) {
			ret->compression = id;
			return true;
		}
	return false;
}

Err *store_map_list(Store *s, const Digest *diff_id, Arena *a, StoreBlobOf **ret, size_t *ret_count)
{
	StorePath path = store_path_of("map", diff_id, "");
	AUTO_BUF Buf file = BUF_INIT;
	int errnum;
	*ret = NULL;
	*ret_count = 0;
	if (!store_read_small(s, path.text, &file, &errnum)) {
		if (errnum == ENOENT)
			return NULL;
		return err_sys(errnum, "cannot read '%s/%s'", s->path, path.text);
	}
	Str text = buf_str(&file);
	if (!store_text_open(&text))
		return NULL; /* damaged: the blobs are made again */
	VEC(StoreBlobOf) blobs = { 0 };
	while (text.len) {
		Str line;
		StoreBlobOf blob;
		text = str_cut(text, '\n', &line);
		if (parse_blob(line, &blob) && store_blob_exists(s, &blob.digest, NULL))
			VEC_PUSH(&blobs, blob);
	}
	*ret = arena_alloc(a, (blobs.len + 1) * sizeof **ret, _Alignof(StoreBlobOf));
	if (blobs.len)
		memcpy(*ret, blobs.at, blobs.len * sizeof **ret);
	*ret_count = blobs.len;
	VEC_DONE(&blobs);
	return NULL;
}

static void format_blob(Buf *text, const StoreBlobOf *blob)
{
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(text, "%s %llu %s %d\n", digest_text(&blob->digest, hex).ptr,
	         (unsigned long long)blob->size, compressor_table[blob->compression].name,
	         blob->level);
}

Err *store_map_add(Store *s, const Digest *diff_id, const StoreBlobOf *blob)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	StoreBlobOf *blobs;
	size_t count;
	TRY(store_lock(s, "map", diff_id, NULL, &lock));
	TRY(store_map_list(s, diff_id, &a, &blobs, &count));
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < count; i++) {
		if (digest_eq(&blobs[i].digest, &blob->digest))
			return NULL;
		format_blob(&text, &blobs[i]);
	}
	format_blob(&text, blob);
	store_text_seal(&text);
	return store_write_small(s, store_path_of("map", diff_id, "").text, buf_str(&text), false);
}
