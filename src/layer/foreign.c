/*
 * foreign.c - libarchive behind a Reader: its filters alone (format "raw"), never its tar reader.
 *
 * Loaded by dlopen: linked, it would cost every start 1.7 ms, and few builds need
 * it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"
#include "layer/foreign.h"

#include <archive.h>
#include <dlfcn.h>

enum { BLOCK_BYTES = 64 << 10 };

typedef struct Library {
	void *handle;
	__typeof__(archive_read_new) *new;
	__typeof__(archive_read_support_filter_all) *support_filter_all;
	__typeof__(archive_read_support_format_raw) *support_format_raw;
	__typeof__(archive_read_open2) *open2;
	__typeof__(archive_read_next_header) *next_header;
	__typeof__(archive_read_data) *data;
	__typeof__(archive_error_string) *error_string;
	__typeof__(archive_read_free) *free;
} Library;

typedef struct Foreign {
	Reader reader;
	Reader *below;
	Library lib;
	struct archive *archive;
	bool opened;
	Err *below_error; /* what the reader below said, while libarchive was calling it */
	char block[BLOCK_BYTES];
} Foreign;

static const LibrarySource libarchive = {
	.names = { "libarchive.so.13" },
	.shown = "libarchive",
	.user = "xz and bzip2 archives need",
	.package = "libarchive13",
};

static Err *load(Library *lib)
{
	const LibrarySymbol wanted[] = {
		{ "archive_read_new", (void **)&lib->new },
		{ "archive_read_support_filter_all", (void **)&lib->support_filter_all },
		{ "archive_read_support_format_raw", (void **)&lib->support_format_raw },
		{ "archive_read_open2", (void **)&lib->open2 },
		{ "archive_read_next_header", (void **)&lib->next_header },
		{ "archive_read_data", (void **)&lib->data },
		{ "archive_error_string", (void **)&lib->error_string },
		{ "archive_read_free", (void **)&lib->free },
	};
	return library_open(&libarchive, wanted, ARRAY_LEN(wanted), &lib->handle);
}

static la_ssize_t give_bytes(struct archive *archive, void *context, const void **ret)
{
	Foreign *f = context;
	size_t n;
	(void)archive;
	*ret = f->block;
	f->below_error = reader_read(f->below, f->block, sizeof f->block, &n);
	return f->below_error ? -1 : (la_ssize_t)n;
}

static Err *failed(Foreign *f)
{
	if (f->below_error)
		return TAKE_PTR(f->below_error);
	const char *text = f->lib.error_string(f->archive);
	return err_new(ERR_CORRUPT, "the compressed data is damaged: %s",
	               text ? text : "no reason given");
}

static Err *open_stream(Foreign *f)
{
	struct archive_entry *entry;
	f->opened = true;
	if (f->lib.open2(f->archive, f, NULL, give_bytes, NULL, NULL) != ARCHIVE_OK ||
	    f->lib.next_header(f->archive, &entry) != ARCHIVE_OK)
		return failed(f);
	return NULL;
}

static Err *foreign_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Foreign *f = (Foreign *)r;
	if (!f->opened)
		TRY(open_stream(f));
	la_ssize_t n = f->lib.data(f->archive, buf, cap);
	if (n < 0)
		return failed(f);
	*ret_len = (size_t)n;
	return NULL;
}

static void foreign_close(Reader *r)
{
	Foreign *f = (Foreign *)r;
	if (f->archive)
		(void)f->lib.free(f->archive);
	err_free(f->below_error);
	if (f->lib.handle)
		(void)dlclose(f->lib.handle);
	free(f);
}

static const ReaderOps foreign_ops = { foreign_read, foreign_close };

Err *foreign_reader(Reader *below, Reader **ret)
{
	Foreign *f = xcalloc(1, sizeof *f);
	f->reader.ops = &foreign_ops;
	f->below = below;
	Err *e = load(&f->lib);
	if (!e && !(f->archive = f->lib.new()))
		die_oom(0);
	if (!e && (f->lib.support_filter_all(f->archive) < ARCHIVE_WARN ||
	           f->lib.support_format_raw(f->archive) < ARCHIVE_WARN))
		e = failed(f);
	if (e) {
		foreign_close(&f->reader);
		return e;
	}
	*ret = &f->reader;
	return NULL;
}
