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

/* False: it is damaged, or another layer's. */
static bool is_of_layer(Str text, const Digest *diff_id)
{
	Digest of;
	Err *e = store_text_get_digest(text, "layer", &of);
	bool ok = !e && digest_eq(&of, diff_id);
	err_free(e); /* told by the result */
	return ok;
}

/* PRESENT: only those whose blob is here. */
static void read_blobs(Store *s, Str text, bool present, Arena *a, StoreBlobOf **ret,
                       size_t *ret_count)
{
	VEC(StoreBlobOf) blobs = { 0 };
	while (text.len) {
		Str line;
		StoreBlobOf blob;
		text = str_cut(text, '\n', &line);
		if (parse_blob(line, &blob) &&
		    (!present || store_blob_exists(s, &blob.digest, NULL)))
			VEC_PUSH(&blobs, blob);
	}
	*ret = arena_alloc(a, (blobs.len + 1) * sizeof **ret, _Alignof(StoreBlobOf));
	if (blobs.len)
		memcpy(*ret, blobs.at, blobs.len * sizeof **ret);
	*ret_count = blobs.len;
	VEC_DONE(&blobs);
}

Err *store_map_recorded(Store *s, const Digest *diff_id, Arena *a, StoreBlobOf **ret,
                        size_t *ret_count)
{
	AUTO_BUF Buf text = BUF_INIT;
	StorePath path = store_path_of("map", diff_id, "");
	*ret = NULL;
	*ret_count = 0;
	TRY(store_sealed_read(s, path.text, &text));
	if (!is_of_layer(buf_str(&text), diff_id))
		return err_new(ERR_CORRUPT, "'%s/%s' is of another layer", s->path, path.text);
	read_blobs(s, buf_str(&text), false, a, ret, ret_count);
	return NULL;
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
	if (!store_text_open(&text) || !is_of_layer(text, diff_id))
		return NULL; /* damaged: the blobs are made again */
	read_blobs(s, text, true, a, ret, ret_count);
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
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(&text, "layer %s\n", digest_text(diff_id, hex).ptr);
	for (size_t i = 0; i < count; i++) {
		if (digest_eq(&blobs[i].digest, &blob->digest))
			return NULL;
		format_blob(&text, &blobs[i]);
	}
	format_blob(&text, blob);
	store_text_seal(&text);
	return store_write_small(s, store_path_of("map", diff_id, "").text, buf_str(&text), false);
}
