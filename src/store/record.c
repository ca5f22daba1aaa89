/*
 * record.c - cache records: cache/<hex of key>.
 *
 * Not fsynced: a record that a power cut emptied or cut short fails its checksum and is "not
 * found", which costs one step, while an fsync costs every step
 * (docs/design/002-records-unsynced.md).
 */
/*
 * FILE      TEXT "\nkey <64 hex digits>\n", sealed.  A record says itself whose it is: one that got
 *           under another name would be another step's result, with nothing to tell by.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "store/account.h"
#include "store/documents-internal.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define HOUR_NS (3600ll * 1000000000)

void store_record_add_key(Buf *out, const Digest *key)
{
	char hex[DIGEST_HEX_LEN + 1];
	buf_addf(out, "\nkey %.*s\n", STR_ARG(digest_hex(key, hex)));
}

bool store_record_is_of(const Digest *key, Str *text)
{
	AUTO_BUF Buf end = BUF_INIT;
	store_record_add_key(&end, key);
	if (!str_ends(*text, buf_str(&end)))
		return false;
	*text = str_head(*text, text->len - end.len);
	return true;
}

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
	if (!store_record_is_of(key, &text))
		return err_new(ERR_NOT_FOUND, "the record '%s/%s' is of another key", s->path,
		               path.text);
	buf_add_str(out, text);
	return NULL;
}

Err *store_record_put(Store *s, const Digest *key, Str text)
{
	AUTO_BUF Buf file = BUF_INIT;
	buf_add_str(&file, text);
	store_record_add_key(&file, key);
	store_text_seal(&file);
	store_account_add(s, store_blocks_of(file.len));
	return store_write_small(s, store_path_of("cache", key, "").text, buf_str(&file), false);
}

void store_record_touch(Store *s, const Digest *key)
{
	StorePath path = store_path_of("cache", key, "");
	struct stat st;
	if (fstatat(s->dir_fd, path.text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	int64_t age = clock_real_ns() - (int64_t)st.st_mtim.tv_sec * 1000000000;
	if (age > HOUR_NS || age < -HOUR_NS) /* a time that is not kept costs nothing but order */
		(void)utimensat(s->dir_fd, path.text, NULL, AT_SYMLINK_NOFOLLOW);
}

Err *store_record_remove(Store *s, Str key)
{
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "cache/%.*s", STR_ARG(key));
	if (unlinkat(s->dir_fd, path.ptr, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove the cache record '%s/%s'", s->path, path.ptr);
	return NULL;
}

typedef struct Forget {
	Store *store;
	Str line; /* "layer sha256:...\n" */
} Forget;

static Err *forget_one(void *context, int dir_fd, const char *name)
{
	const Forget *f = context;
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	(void)dir_fd;
	buf_addf(&path, "cache/%s", name);
	if (!store_read_small(f->store, path.ptr, &text, &errnum) ||
	    !str_starts(buf_str(&text), f->line))
		return NULL;
	return store_record_remove(f->store, str_from(name));
}

Err *store_record_forget_layer(Store *s, const Digest *diff_id)
{
	AUTO_BUF Buf line = BUF_INIT;
	char text[DIGEST_TEXT_LEN + 1];
	buf_addf(&line, "layer %s\n", digest_text(diff_id, text).ptr);
	Forget f = { s, buf_str(&line) };
	return store_each_name(s, "cache", forget_one, &f);
}
