/*
 * stream.h - readers and writers of bytes that stack: hash over gunzip over a file.
 *
 * WHAT     A Reader gives bytes until it is at its end, a Writer takes them.  Each keeps the one
 *          below it BORROWED: close the upper one first.  After an error a stream stays failed.
 * ERRORS   whatever the one below says; ERR_CORRUPT for compressed data that is damaged or cut.
 * THREADS  one thread at a time uses a stream.
 *
 * A new kind of stream: embed a Reader (or Writer) as FIRST member and fill in its ops.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "codec/sha256.h"

typedef struct Reader Reader;
typedef struct ReaderOps {
	/* Up to CAP (> 0) bytes into BUF; *ret_len = 0 only at the end. */
	Err *(*read)(Reader *r, void *buf, size_t cap, size_t *ret_len);
	void (*close)(Reader *r); /* frees R, not what is below it */
} ReaderOps;
struct Reader {
	const ReaderOps *ops;
};

NODISCARD Err *reader_read(Reader *r, void *buf, size_t cap, size_t *ret_len);
/* Exactly LEN bytes, or fewer only at the end (*ret_len says). */
NODISCARD Err *reader_read_full(Reader *r, void *buf, size_t len, size_t *ret_len);
/* Everything, at most LIMIT bytes (more is ERR_INPUT naming WHAT), appended to OUT. */
NODISCARD Err *reader_read_all(Reader *r, size_t limit, const char *what, Buf *out);
/* Read and drop the rest. */
NODISCARD Err *reader_drain(Reader *r);
void reader_close(Reader *r); /* NULL is fine */

Reader *reader_from_fd(int fd /* borrowed */, const char *name /* for errors, borrowed */);
Reader *reader_from_memory(Str bytes /* borrowed */);
/* BELOW (borrowed) until CANCEL (borrowed, may be NULL) is set: for input that never ends. */
Reader *reader_until(Reader *below, const Cancel *cancel);
/* Counts and hashes what passes through; ask reader_hash_* once the end was read. */
Reader *reader_hash(Reader *below);
Digest reader_hash_digest(Reader *hash); /* of all bytes read so far; may be asked once */
uint64_t reader_hash_count(const Reader *hash);

typedef struct Writer Writer;
typedef struct WriterOps {
	Err *(*write)(Writer *w, const void *bytes, size_t len);
	Err *(*finish)(Writer *w); /* flush everything that is held back into the one below */
	void (*close)(Writer *w);  /* frees W, not what is below it */
} WriterOps;
struct Writer {
	const WriterOps *ops;
};

NODISCARD Err *writer_write(Writer *w, const void *bytes, size_t len);
NODISCARD Err *writer_finish(Writer *w); /* does not finish the one below */
void writer_close(Writer *w);            /* NULL is fine */
/* Until the end of FROM, or until CANCEL, which may be NULL. */
NODISCARD Err *stream_copy(Reader *from, Writer *to, const Cancel *cancel);

/* A file that the user knows by this name, or "-": standard output. */
Writer *writer_to_fd(int fd /* borrowed */, const char *name);
/* The same for what has no name that a user knows: "cannot write WHAT". */
Writer *writer_to_fd_what(int fd /* borrowed */, const char *what);
Writer *writer_to_buf(Buf *out);
Writer *writer_to_nowhere(void);
Writer *writer_hash(Writer *below);
Digest writer_hash_digest(Writer *hash);
uint64_t writer_hash_count(const Writer *hash);

static inline void reader_closep(Reader **r)
{
	reader_close(*r);
}
static inline void writer_closep(Writer **w)
{
	writer_close(*w);
}
#define AUTO_READER CLEANUP(reader_closep)
#define AUTO_WRITER CLEANUP(writer_closep)
