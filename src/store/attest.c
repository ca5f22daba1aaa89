/*
 * attest.c - attest/<hex of an image ID>: what is said of the image (attest/keep.h).
 *
 * As with map/, an image's file stays as long as the image: gc.c follows it and removes it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/store-internal.h"

#include <fcntl.h>

Err *store_attest_get(Store *s, const Digest *image, Buf *out)
{
	StorePath path = store_path_of("attest", image, "");
	AUTO_BUF Buf file = BUF_INIT;
	int errnum;
	if (!store_read_small(s, path.text, &file, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "the image has no attestations");
		return err_sys(errnum, "cannot read '%s/%s'", s->path, path.text);
	}
	Str text = buf_str(&file);
	if (!store_text_open(&text))
		return err_new(ERR_CORRUPT, "'%s/%s' is damaged", s->path, path.text);
	buf_add_str(out, text);
	return NULL;
}

Err *store_attest_put(Store *s, const Digest *image, Str text)
{
	StorePath path = store_path_of("attest", image, "");
	AUTO_BUF Buf file = BUF_INIT;
	if (!text.len) {
		if (unlinkat(s->dir_fd, path.text, 0) < 0 && errno != ENOENT)
			return err_sys(errno, "cannot remove '%s/%s'", s->path, path.text);
		return NULL;
	}
	AUTO_CLOSE int dir = -1; /* stores of older versions have none */
	TRY(store_subdir(s, "attest", &dir));
	buf_add_str(&file, text);
	store_text_seal(&file);
	return store_write_small(s, path.text, buf_str(&file), false);
}
