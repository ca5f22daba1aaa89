/* stream.c - the plain streams: file, memory, nowhere, and the hash that looks on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/stream.h"

#include <limits.h>

/* Large enough that system calls do not count, small enough to stay in the second-level cache. */
enum { COPY_BYTES = 128 << 10 };

/* --- reading --------------------------------------------------------------------------------- */

Err *reader_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	return r->ops->read(r, buf, cap, ret_len);
}

Err *reader_read_full(Reader *r, void *buf, size_t len, size_t *ret_len)
{
	size_t done = 0;
	while (done < len) {
		size_t n;
		TRY(reader_read(r, (char *)buf + done, len - done, &n));
		if (n == 0)
			break;
		done += n;
	}
	*ret_len = done;
	return NULL;
}

Err *reader_read_all(Reader *r, size_t limit, const char *what, Buf *out)
{
	/* Room grows with what has really come, never with what somebody said would come. */
	for (size_t total = 0;;) {
		enum { STEP = 16 << 10 };
		buf_reserve(out, STEP);
		size_t n;
		TRY(reader_read(r, out->ptr + out->len, STEP, &n));
		if (n == 0)
			break;
		if (n > limit - total)
			return err_new(ERR_INPUT, "%s is larger than %zu bytes", what, limit);
		total += n;
		out->len += n;
	}
	buf_add(out, "", 0); /* puts the closing NUL back */
	return NULL;
}

Err *reader_drain(Reader *r)
{
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	for (;;) {
		size_t n;
		TRY(reader_read(r, buf, COPY_BYTES, &n));
		if (n == 0)
			return NULL;
	}
}

void reader_close(Reader *r)
{
	if (r)
		r->ops->close(r);
}

static void reader_free(Reader *r)
{
	free(r);
}

typedef struct FdReader {
	Reader reader;
	int fd;
	const char *name;
} FdReader;

static Err *fd_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	FdReader *f = (FdReader *)r;
	ssize_t n;
	do {
		n = read(f->fd, buf, cap < SSIZE_MAX ? cap : SSIZE_MAX);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(errno, "cannot read '%s'", f->name);
	*ret_len = (size_t)n;
	return NULL;
}

Reader *reader_from_fd(int fd, const char *name)
{
	static const ReaderOps ops = { fd_read, reader_free };
	FdReader *f = xcalloc(1, sizeof *f);
	*f = (FdReader){ { &ops }, fd, name };
	return &f->reader;
}

typedef struct MemoryReader {
	Reader reader;
	Str rest;
} MemoryReader;

static Err *memory_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	MemoryReader *m = (MemoryReader *)r;
	size_t n = m->rest.len < cap ? m->rest.len : cap;
	if (n > 0)
		memcpy(buf, m->rest.ptr, n);
	m->rest = str_from_at(m->rest, n);
	*ret_len = n;
	return NULL;
}

Reader *reader_from_memory(Str bytes)
{
	static const ReaderOps ops = { memory_read, reader_free };
	MemoryReader *m = xcalloc(1, sizeof *m);
	*m = (MemoryReader){ { &ops }, bytes };
	return &m->reader;
}

typedef struct HashReader {
	Reader reader;
	Reader *below;
	Sha256 hash;
	uint64_t count;
} HashReader;

static Err *hash_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	HashReader *h = (HashReader *)r;
	TRY(reader_read(h->below, buf, cap, ret_len));
	sha256_add(&h->hash, buf, *ret_len);
	h->count += *ret_len;
	return NULL;
}

Reader *reader_hash(Reader *below)
{
	static const ReaderOps ops = { hash_read, reader_free };
	HashReader *h = xcalloc(1, sizeof *h);
	h->reader.ops = &ops;
	h->below = below;
	sha256_init(&h->hash);
	return &h->reader;
}

Digest reader_hash_digest(Reader *hash)
{
	return sha256_end(&((HashReader *)hash)->hash);
}

uint64_t reader_hash_count(const Reader *hash)
{
	return ((const HashReader *)hash)->count;
}

/* --- writing --------------------------------------------------------------------------------- */

Err *writer_write(Writer *w, const void *bytes, size_t len)
{
	return len == 0 ? NULL : w->ops->write(w, bytes, len);
}

Err *writer_finish(Writer *w)
{
	return w->ops->finish(w);
}

void writer_close(Writer *w)
{
	if (w)
		w->ops->close(w);
}

typedef struct UntilReader {
	Reader reader;
	Reader *below;
	const Cancel *cancel;
} UntilReader;

static Err *until_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	UntilReader *u = (UntilReader *)r;
	*ret_len = 0;
	if (u->cancel)
		TRY(cancel_check(u->cancel));
	return reader_read(u->below, buf, cap, ret_len);
}

static void until_close(Reader *r)
{
	free(r);
}

Reader *reader_until(Reader *below, const Cancel *cancel)
{
	static const ReaderOps ops = { until_read, until_close };
	UntilReader *u = xcalloc(1, sizeof *u);
	*u = (UntilReader){ .reader = { &ops }, .below = below, .cancel = cancel };
	return &u->reader;
}

Err *stream_copy(Reader *from, Writer *to, const Cancel *cancel)
{
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	for (;;) {
		size_t n;
		TRY(cancel_check(cancel));
		TRY(reader_read(from, buf, COPY_BYTES, &n));
		if (n == 0)
			return NULL;
		TRY(writer_write(to, buf, n));
	}
}

static Err *finish_nothing(Writer *w)
{
	(void)w; /* nothing is held back */
	return NULL;
}

static void writer_free(Writer *w)
{
	free(w);
}

typedef struct FdWriter {
	Writer writer;
	int fd;
	const char *name, *quote;
	bool elsewhere; /* none of the store's */
} FdWriter;

static Err *fd_write(Writer *w, const void *bytes, size_t len)
{
	FdWriter *f = (FdWriter *)w;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(f->fd, (const char *)bytes + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			Err *e = err_sys(errno, "cannot write %s%s%s", f->quote, f->name, f->quote);
			return f->elsewhere ? err_set_elsewhere(e) : e;
		}
		done += (size_t)n;
	}
	return NULL;
}

Writer *writer_to_fd(int fd, const char *name)
{
	static const WriterOps ops = { fd_write, finish_nothing, writer_free };
	FdWriter *f = xcalloc(1, sizeof *f);
	bool is_stdout = strcmp(name, "-") == 0;
	*f = (FdWriter){
		{ &ops }, fd, is_stdout ? "to standard output" : name, is_stdout ? "" : "'", true
	};
	return &f->writer;
}

Writer *writer_to_fd_what(int fd, const char *what)
{
	Writer *w = writer_to_fd(fd, what);
	((FdWriter *)w)->quote = "";
	((FdWriter *)w)->elsewhere = false;
	return w;
}

typedef struct BufWriter {
	Writer writer;
	Buf *out;
} BufWriter;

static Err *buf_write(Writer *w, const void *bytes, size_t len)
{
	buf_add(((BufWriter *)w)->out, bytes, len);
	return NULL;
}

Writer *writer_to_buf(Buf *out)
{
	static const WriterOps ops = { buf_write, finish_nothing, writer_free };
	BufWriter *b = xcalloc(1, sizeof *b);
	*b = (BufWriter){ { &ops }, out };
	return &b->writer;
}

static Err *nowhere_write(Writer *w, const void *bytes, size_t len)
{
	(void)w, (void)bytes, (void)len;
	return NULL;
}

Writer *writer_to_nowhere(void)
{
	static const WriterOps ops = { nowhere_write, finish_nothing, writer_free };
	Writer *w = xcalloc(1, sizeof *w);
	w->ops = &ops;
	return w;
}

typedef struct HashWriter {
	Writer writer;
	Writer *below;
	Sha256 hash;
	uint64_t count;
} HashWriter;

static Err *hash_write(Writer *w, const void *bytes, size_t len)
{
	HashWriter *h = (HashWriter *)w;
	sha256_add(&h->hash, bytes, len);
	h->count += len;
	return writer_write(h->below, bytes, len);
}

Writer *writer_hash(Writer *below)
{
	static const WriterOps ops = { hash_write, finish_nothing, writer_free };
	HashWriter *h = xcalloc(1, sizeof *h);
	h->writer.ops = &ops;
	h->below = below;
	sha256_init(&h->hash);
	return &h->writer;
}

Digest writer_hash_digest(Writer *hash)
{
	return sha256_end(&((HashWriter *)hash)->hash);
}

uint64_t writer_hash_count(const Writer *hash)
{
	return ((const HashWriter *)hash)->count;
}
