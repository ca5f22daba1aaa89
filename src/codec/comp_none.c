/* comp_none.c - no compression: the bytes pass through, so that callers need no second path. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/comp-internal.h"

typedef struct PassReader {
	Reader reader;
	Reader *below;
} PassReader;

static Err *pass_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	return reader_read(((PassReader *)r)->below, buf, cap, ret_len);
}

static void pass_reader_close(Reader *r)
{
	free(r);
}

Reader *comp_none_reader(Reader *below)
{
	static const ReaderOps ops = { pass_read, pass_reader_close };
	PassReader *p = xcalloc(1, sizeof *p);
	*p = (PassReader){ { &ops }, below };
	return &p->reader;
}

typedef struct PassWriter {
	Writer writer;
	Writer *below;
} PassWriter;

static Err *pass_write(Writer *w, const void *bytes, size_t len)
{
	return writer_write(((PassWriter *)w)->below, bytes, len);
}

static Err *pass_finish(Writer *w)
{
	(void)w; /* nothing is held back */
	return NULL;
}

static void pass_writer_close(Writer *w)
{
	free(w);
}

Writer *comp_none_writer(Writer *below, const CompressionSpec *spec)
{
	static const WriterOps ops = { pass_write, pass_finish, pass_writer_close };
	(void)spec;
	PassWriter *p = xcalloc(1, sizeof *p);
	*p = (PassWriter){ { &ops }, below };
	return &p->writer;
}
