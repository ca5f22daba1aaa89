/* refs_index.c - the index that a name keeps: as it came from a registry, or went to one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "oci/manifest.h"
#include "store/store-internal.h"

Err *store_ref_index(Store *s, const StoreRef *ref, Arena *a, Str *ret_json, Index *ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	*ret_json = STR("");
	if (digest_is_zero(&ref->index))
		return NULL;
	Err *e = store_blob_read(s, &ref->index, MANIFEST_BYTES_MAX, &json);
	if (e && (err_kind(e) == ERR_NOT_FOUND || err_kind(e) == ERR_CORRUPT)) {
		err_free(e); /* fsck tells it; another one can be made */
		return NULL;
	}
	TRY(e);
	Str text = arena_str(a, buf_str(&json));
	TRY(index_parse(a, text, ref->name.ptr, ret));
	*ret_json = text;
	return NULL;
}

Err *store_ref_set_index(Store *s, Str name, Str json, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	StoreRef ref;
	/* The blob may not go before the name says that it is needed. */
	TRY(store_lock_gc(s, false, cancel, &gc));
	TRY(store_lock_refs(s, &lock));
	Err *e = store_ref_get(s, name, &a, &ref);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* what is in no store has no index there */
		return NULL;
	}
	TRY(e);
	TRY(store_blob_put(s, json, true, &ref.index));
	return store_ref_set_locked(s, &ref);
}
