/*
 * build_logs.c - what RUN has written, in full: logs/<build>/<step>; and the long lists of keys.
 *
 * A log is a row of zstd frames of at most LOG_FRAME_BYTES each, so that memory does not grow with
 * it and a reader may follow one that is still written.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "codec/compress.h"
#include "fs/path.h"
#include "store/builds.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <stdio.h>

enum {
	LOG_FRAME_BYTES = 128 << 10, /* uncompressed: part of the format */
	LOG_LEVEL = 1,
	READ_BYTES = 64 << 10,
	LIST_LEVEL = 1,
};
/* Who writes seldom is flushed at each line, who writes much now and then. */
#define FLUSH_NS 200000000ll

/* --- writing --------------------------------------------------------------------------------- */

struct StoreLogWriter {
	int dir_fd; /* borrowed; -1: no log is kept */
	int fd;     /* -1: nothing was written yet */
	uint32_t step;
	uint64_t bytes;
	int64_t flushed_ns;
	Buf pending;
	Err *error; /* the first */
};

StoreLogWriter *store_log_new(const StoreJournal *j, uint32_t n)
{
	StoreLogWriter *w = xcalloc(1, sizeof *w);
	w->dir_fd = j->logs_fd;
	w->fd = -1;
	w->step = n;
	return w;
}

static Err *open_log(StoreLogWriter *w)
{
	char name[16];
	(void)snprintf(name, sizeof name, "%u", w->step);
	w->fd = openat(w->dir_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return w->fd < 0 ? err_sys(errno, "cannot write the log of a step") : NULL;
}

static Err *write_frames(StoreLogWriter *w)
{
	AUTO_BUF Buf frames = BUF_INIT;
	for (Str rest = buf_str(&w->pending); rest.len;) {
		Str part = str_head(rest, LOG_FRAME_BYTES);
		zstd_frame_add(part, LOG_LEVEL, &frames);
		rest = str_from_at(rest, part.len);
	}
	if (w->fd < 0)
		TRY(open_log(w));
	return path_write_what(w->fd, frames.ptr, frames.len, "the log of a step");
}

static void flush(StoreLogWriter *w, int64_t now_ns)
{
	if (!w->error)
		w->error = write_frames(w);
	buf_reset(&w->pending);
	w->flushed_ns = now_ns;
}

void store_log_add(StoreLogWriter *w, Str bytes)
{
	if (w->dir_fd < 0)
		return;
	w->bytes += bytes.len;
	buf_add_str(&w->pending, bytes);
	int64_t now = clock_mono_ns();
	if (w->pending.len >= LOG_FRAME_BYTES || now - w->flushed_ns > FLUSH_NS)
		flush(w, now);
}

Err *store_log_end(StoreLogWriter *w, uint64_t *ret_bytes)
{
	if (w->pending.len)
		flush(w, 0);
	Err *e = w->error;
	*ret_bytes = w->bytes;
	if (w->fd >= 0)
		close(w->fd);
	buf_done(&w->pending);
	free(w);
	return e;
}

/* --- reading --------------------------------------------------------------------------------- */

struct StoreLogReader {
	int fd;
	Buf in; /* read and not decoded */
};

Err *store_log_open(Store *s, Str build_id, uint32_t n, StoreLogReader **ret)
{
	char path[64];
	(void)snprintf(path, sizeof path, "logs/%.*s/%u", STR_ARG(str_head(build_id, 32)), n);
	int fd = openat(s->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "no log '%s/%s'", s->path, path);
	if (fd < 0)
		return err_sys(errno, "cannot open the log '%s/%s'", s->path, path);
	*ret = xcalloc(1, sizeof **ret);
	(*ret)->fd = fd;
	return NULL;
}

Err *store_log_read(StoreLogReader *r, Buf *out, bool *ret_more)
{
	*ret_more = true;
	for (;;) {
		size_t len = zstd_frame_length(buf_str(&r->in));
		if (len) {
			TRY(zstd_frame_read(str_head(buf_str(&r->in), len), LOG_FRAME_BYTES, out));
			r->in.len -= len;
			memmove(r->in.ptr, r->in.ptr + len, r->in.len);
			return NULL;
		}
		if (r->in.len > 2 * (size_t)LOG_FRAME_BYTES)
			return err_new(ERR_CORRUPT, "the log is damaged");
		buf_reserve(&r->in, READ_BYTES + 1);
		ssize_t n = read(r->fd, r->in.ptr + r->in.len, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read the log");
		r->in.len += (size_t)n;
		if (n == 0) {
			*ret_more = false;
			return NULL;
		}
	}
}

bool store_log_is_at_end(const StoreLogReader *r)
{
	return r->in.len == 0;
}

void store_log_close(StoreLogReader *r)
{
	if (!r)
		return;
	close(r->fd);
	buf_done(&r->in);
	free(r);
}

/* --- lists ----------------------------------------------------------------------------------- */

/* A list is read again only to compare it: it may be as long as a content list. */
#define LIST_TEXT_BYTES_MAX (512ull << 20)
/* All of them, compressed.  A context of 100,000 files makes some 5 MB. */
#define LISTS_BYTES_MAX (256ull << 20)

Err *store_list_get(Store *s, const Digest *d, Buf *out)
{
	StorePath path = store_path_of("lists", d, "");
	AUTO_BUF Buf file = BUF_INIT;
	int errnum;
	if (!store_read_small(s, path.text, &file, &errnum))
		return err_new(ERR_NOT_FOUND, "no list '%s/%s'", s->path, path.text);
	size_t before = out->len;
	AUTO_ERR Err *e = zstd_frame_read(buf_str(&file), LIST_TEXT_BYTES_MAX, out);
	Digest is = e ? (Digest){ 0 } : sha256_of(str_from_at(buf_str(out), before));
	if (e || !digest_eq(&is, d)) {
		out->len = before;
		return err_new(ERR_NOT_FOUND, "the list '%s/%s' is damaged", s->path, path.text);
	}
	return NULL;
}

Err *store_list_put(Store *s, const Digest *d, Str text)
{
	AUTO_CLOSE int dir = -1;
	AUTO_BUF Buf file = BUF_INIT;
	StorePath path = store_path_of("lists", d, "");
	TRY(store_subdir(s, "lists", &dir));
	if (text.len > LIST_TEXT_BYTES_MAX || faccessat(s->dir_fd, path.text, F_OK, 0) == 0)
		return NULL;
	zstd_frame_add(text, LIST_LEVEL, &file);
	TRY(store_prune_dir(dir, LISTS_BYTES_MAX));
	return store_write_small(s, path.text, buf_str(&file), false);
}
