/*
 * record.c - cache records: cache/<hex of key>.
 *
 * Not fsynced: a record that a power cut emptied or cut short fails its checksum and is "not
 * found", which costs one step, while an fsync costs every step
 * (docs/design/002-records-unsynced.md).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/store-internal.h"

Err *store_record_get(Store *s, const Digest *key, Buf *out)
{
	StorePath path = store_path_of("cache", key, "");
	AUTO_BUF Buf file = BUF_INIT;
	int errnum;
	if (!store_read_small(s, path.text, &file, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "no such record");
		return err_sys(errnum, "cannot read '%s/%s'", s->path, path.text);
	}
	Str text = buf_str(&file);
	if (!store_text_open(&text))
		return err_new(ERR_NOT_FOUND, "the record '%s/%s' is damaged", s->path, path.text);
	buf_add_str(out, text);
	return NULL;
}

Err *store_record_put(Store *s, const Digest *key, Str text)
{
	AUTO_BUF Buf file = BUF_INIT;
	buf_add_str(&file, text);
	store_text_seal(&file);
	return store_write_small(s, store_path_of("cache", key, "").text, buf_str(&file), false);
}
