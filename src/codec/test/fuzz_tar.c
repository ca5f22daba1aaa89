/*
 * fuzz_tar.c - any bytes as an archive: an error or entries, and entries are what they promise.
 *
 * What the reader takes, the writer must be able to write, and reading that must give it back: so
 * a layer that was accepted can be made again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/tar-internal.h"
#include "codec/tar.h"

#include <assert.h>
#include <stdio.h>

enum { HOLES_MAX = 16 << 20 };

/* libFuzzer's own; absent where files are only replayed. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Most changes would end at the checksum: it is put right again, seven times in eight. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, max_size);
	for (size_t at = 0; seed % 8 != 0 && at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		TarHeader *h = (TarHeader *)(data + at);
		int32_t with_sign;
		char text[16];
		if (memcmp(h->magic, "ustar", 5) != 0)
			continue;
		(void)snprintf(text, sizeof text, "%06o", tar_checksum(h, &with_sign));
		memcpy(h->checksum, text, 7);
	}
	return size;
}

static Err *copy_data(TarReader *from, TarWriter *to, uint64_t size)
{
	uint64_t total = 0;
	for (;;) {
		char piece[4096];
		size_t n;
		TRY(tar_reader_data(from, piece, sizeof piece, &n));
		if (n == 0)
			break;
		total += n;
		TRY(tar_writer_data(to, piece, n));
	}
	assert(total == size);
	return NULL;
}

static void check_entry(const Entry *e)
{
	assert(entry_path_is_clean(e->path) && e->path.len < PATH_BYTES_MAX);
	assert(e->path.len > 0 || e->type == ENTRY_DIR);
	assert(e->mode <= 07777 && e->size <= ENTRY_BYTES_MAX);
	assert(e->xattr_count <= XATTRS_PER_FILE_MAX);
	if (e->type == ENTRY_HARDLINK)
		assert(e->link.len > 0 && entry_path_is_clean(e->link));
}

/* Names of whiteouts cannot be written as they are, other things neither: such entries are left
 * out. */
static bool is_writable(const Entry *e)
{
	AUTO_WRITER Writer *nowhere = writer_to_nowhere();
	AUTO_TAR_WRITER TarWriter *t = tar_writer_new(nowhere);
	AUTO_ERR Err *err = tar_writer_entry(t, e);
	return !err;
}

static Err *rewrite(Str archive, Buf *out)
{
	AUTO_READER Reader *in = reader_from_memory(archive);
	AUTO_TAR_READER TarReader *from = tar_reader_new(in);
	AUTO_WRITER Writer *w = writer_to_buf(out);
	AUTO_TAR_WRITER TarWriter *to = tar_writer_new(w);
	for (;;) {
		Entry e;
		bool end;
		TRY(tar_reader_next(from, &e, &end));
		if (end)
			return tar_writer_finish(to);
		check_entry(&e);
		if (!is_writable(&e) || e.size > HOLES_MAX)
			continue; /* a few bytes can stand for 64 GiB of zeros */
		TRY(tar_writer_entry(to, &e));
		if (e.type == ENTRY_FILE)
			TRY(copy_data(from, to, e.size));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF Buf once = BUF_INIT, twice = BUF_INIT;
	AUTO_ERR Err *err = rewrite((Str){ (const char *)data, size }, &once);
	if (err) {
		assert(err_kind(err) == ERR_CORRUPT ||
		       err_kind(err) == ERR_INPUT); /* INPUT: sparse */
		return 0;
	}
	AUTO_ERR Err *again = rewrite(buf_str(&once), &twice);
	assert(!again && str_eq(buf_str(&once), buf_str(&twice)));
	return 0;
}
