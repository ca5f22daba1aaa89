/* container_log.c - what a container writes, kept line by line, and shown again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "exec/container-internal.h"
#include "fs/path.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/*
 * FILES   log.lines; when it has CONTAINER_LOG_BYTES_MAX it becomes log.lines.1, in the place of the
 *         one that was full before, and a new one is begun.
 * FORMAT  as Kubernetes' container runtimes keep theirs:
 *             2026-01-31T12:00:00.123456789Z stdout F a line
 *             2026-01-31T12:00:00.223456789Z stderr P the beginning of one
 *         log, of older versions: the bytes alone; shown as lines of stdout that have no time.
 */

enum {
	STAMP_LEN = 30,
	LINE_MAX_BYTES = 1 << 20, /* longer is none of ours: shown as it is */
	BLOCK_BYTES = 65536,
	FOLLOW_CHECK_MS = 500,
};

static const char lines_name[] = "log.lines";
static const char full_name[] = "log.lines.1";
static const char raw_name[] = "log";
static const Str stream_names[] = { { "stdout", 6 }, { "stderr", 6 } };

/* --- writing --------------------------------------------------------------------------------- */

Err *container_log_open(int dir_fd, int *ret_fd)
{
	int fd = openat(dir_fd, lines_name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
	                0600);
	*ret_fd = fd;
	return fd < 0 ? err_sys(errno, "cannot make the container's log") : NULL;
}

/* RFC 3339 with all nine digits: stamps are of one width. */
static void stamp(int64_t ns, char text[static STAMP_LEN + 1])
{
	char whole[CLOCK_TEXT_BYTES];
	Str seconds = clock_format(ns - ns % 1000000000, whole);
	snprintf(text, STAMP_LEN + 1, "%.*s.%09uZ", (int)seconds.len - 1, seconds.ptr,
	         (unsigned)(ns % 1000000000));
}

/* Lines are written whole: none is cut by this. */
static Err *begin_anew(int dir_fd, int *log_fd)
{
	struct stat st;
	if (fstat(*log_fd, &st) < 0 || (uint64_t)st.st_size < CONTAINER_LOG_BYTES_MAX)
		return NULL;
	int fd;
	if (renameat(dir_fd, lines_name, dir_fd, full_name) < 0)
		return err_sys(errno, "cannot begin another file of the container's log");
	TRY(container_log_open(dir_fd, &fd));
	close(*log_fd);
	*log_fd = fd;
	return NULL;
}

Err *container_log_add(int dir_fd, int *log_fd, bool is_error, Str bytes)
{
	char time[STAMP_LEN + 1];
	AUTO_BUF Buf out = BUF_INIT;
	stamp(clock_real_ns(), time);
	while (bytes.len) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		size_t len = end ? (size_t)(end - bytes.ptr) : bytes.len;
		buf_add(&out, time, STAMP_LEN);
		buf_add_char(&out, ' ');
		buf_add_str(&out, stream_names[is_error]);
		buf_add(&out, end ? " F " : " P ", 3);
		buf_add(&out, bytes.ptr, len);
		buf_add_char(&out, '\n');
		bytes = str_from_at(bytes, len + (end != NULL));
	}
	TRY(begin_anew(dir_fd, log_fd));
	return path_write_all(*log_fd, out.ptr, out.len, "the container's log");
}

/* --- reading --------------------------------------------------------------------------------- */

typedef struct LogRecord {
	Str time; /* "" it has none */
	Str text;
	bool is_error;
	bool whole; /* the line ends here */
} LogRecord;

/* How far a reader of a container's log is. */
typedef struct LogReader {
	const ContainerLog *how;
	uint64_t skip;   /* so many lines are not shown */
	uint64_t lines;  /* seen */
	bool count_only; /* nothing is shown */
	bool over;       /* past --until */
	bool open[2];    /* the last line of this stream has not ended */
	Buf out;         /* for OUT_FD */
	int out_fd;
} LogReader;

/* False: none of this format. */
static bool parse(Str line, LogRecord *ret)
{
	Str time, stream, mark;
	Str rest = str_cut(line, ' ', &time);
	rest = str_cut(rest, ' ', &stream);
	rest = str_cut(rest, ' ', &mark);
	bool is_error = str_eq(stream, stream_names[1]);
	if (time.len != STAMP_LEN || mark.len != 1 || !strchr("FP", *mark.ptr) ||
	    !(is_error || str_eq(stream, stream_names[0])))
		return false;
	*ret = (LogRecord){ time, rest, is_error, *mark.ptr == 'F' };
	return true;
}

static Err *flush(LogReader *r)
{
	Err *e = r->out.len ? path_write_what(r->out_fd, r->out.ptr, r->out.len, "the log") : NULL;
	buf_reset(&r->out);
	return e;
}

static Err *show(LogReader *r, const LogRecord *record)
{
	int fd = record->is_error ? STDERR_FILENO : STDOUT_FILENO;
	if (fd != r->out_fd || r->out.len > BLOCK_BYTES)
		TRY(flush(r));
	r->out_fd = fd;
	if (r->how->timestamps && !r->open[record->is_error] && record->time.len) {
		buf_add_str(&r->out, record->time);
		buf_add_char(&r->out, ' ');
	}
	buf_add_str(&r->out, record->text);
	if (record->whole)
		buf_add_char(&r->out, '\n');
	return NULL;
}

static bool is_between(LogReader *r, const LogRecord *record)
{
	int64_t at = 0;
	if (!record->time.len || (r->how->since_ns == INT64_MIN && r->how->until_ns == INT64_MAX))
		return true;
	AUTO_ERR Err *e = clock_parse(record->time, &at);
	r->over = !e && at > r->how->until_ns;
	return e || (at >= r->how->since_ns && !r->over);
}

static Err *take(LogReader *r, const LogRecord *record)
{
	Err *e = NULL;
	bool skipped = r->lines < r->skip;
	r->lines += record->whole;
	if (!r->count_only && !skipped && is_between(r, record))
		e = show(r, record);
	r->open[record->is_error] = !record->whole;
	return e;
}

/* The whole lines at the beginning of BYTES; *ret_used: how much that is. */
static Err *take_lines(LogReader *r, Str bytes, bool raw, size_t *ret_used)
{
	size_t used = 0;
	while (used < bytes.len && !r->over) {
		Str rest = str_from_at(bytes, used);
		const char *end = memchr(rest.ptr, '\n', rest.len);
		if (!end && !raw && rest.len < LINE_MAX_BYTES)
			break;
		size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
		LogRecord record;
		if (raw || !parse(str_head(rest, len), &record))
			record = (LogRecord){ .text = str_head(rest, len), .whole = end != NULL };
		TRY(take(r, &record));
		used += len + (end != NULL);
	}
	*ret_used = used;
	return NULL;
}

/* A file of the log, read as it grows. */
typedef struct LogFile {
	int fd; /* -1: there is none */
	bool raw;
	Buf rest; /* read, and not yet a line */
} LogFile;

static Err *take_new(LogReader *r, LogFile *f)
{
	char block[BLOCK_BYTES];
	ssize_t n = 0;
	while (f->fd >= 0 && !r->over && (n = read(f->fd, block, sizeof block)) != 0) {
		size_t used = 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read the container's log");
		buf_add(&f->rest, block, (size_t)n);
		TRY(take_lines(r, buf_str(&f->rest), f->raw, &used));
		f->rest.len -= used;
		memmove(f->rest.ptr, f->rest.ptr + used, f->rest.len);
	}
	return flush(r);
}

/* --- a container's --------------------------------------------------------------------------- */

enum { FILE_RAW, FILE_FULL, FILE_NOW, FILES }; /* the older first */

typedef struct Log {
	int dir_fd;
	LogFile files[FILES];
	LogReader reader;
} Log;

static void log_done(Log *l)
{
	for (size_t i = 0; i < ARRAY_LEN(l->files); i++) {
		closep(&l->files[i].fd);
		buf_done(&l->files[i].rest);
	}
	buf_done(&l->reader.out);
}

static Err *open_file(int dir_fd, const char *name, bool raw, LogFile *ret)
{
	ret->raw = raw;
	ret->fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return ret->fd < 0 && errno != ENOENT ? err_sys(errno, "cannot open the container's log")
	                                      : NULL;
}

/* LAST: nothing comes after, and half a line is all there is of it. */
static Err *take_all(Log *l, bool last)
{
	for (size_t i = 0; i < ARRAY_LEN(l->files); i++) {
		LogFile *f = &l->files[i];
		size_t used;
		TRY(take_new(&l->reader, f));
		if (last && f->rest.len && !l->reader.over)
			TRY(take_lines(&l->reader, buf_str(&f->rest), true, &used));
	}
	return flush(&l->reader);
}

/* The reader is to begin TAIL lines before the end. */
static Err *find_tail(Log *l, uint64_t tail)
{
	LogReader *r = &l->reader;
	if (tail == CONTAINER_LOG_ALL)
		return NULL;
	r->count_only = true;
	TRY(take_all(l, false));
	r->count_only = false;
	if (tail == 0)
		return NULL; /* that is here */
	uint64_t lines = r->lines + r->open[0] + r->open[1];
	r->skip = lines > tail ? lines - tail : 0;
	r->lines = 0;
	r->open[0] = r->open[1] = false;
	for (size_t i = 0; i < ARRAY_LEN(l->files); i++) {
		buf_reset(&l->files[i].rest);
		if (l->files[i].fd >= 0 && lseek(l->files[i].fd, 0, SEEK_SET) < 0)
			return err_sys(errno, "cannot read the container's log");
	}
	return NULL;
}

static Err *watch_newest(const Log *l, int watch)
{
	char path[64];
	int fd = l->files[FILE_NOW].fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fd >= 0 && inotify_add_watch(watch, path, IN_MODIFY | IN_MOVE_SELF) < 0)
		return err_sys(errno, "cannot watch the container's log");
	return NULL;
}

/* Is FD what is called NAME? */
static bool is_named(int dir_fd, const char *name, int fd)
{
	struct stat st, now;
	return fstat(fd, &st) == 0 && fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == now.st_ino;
}

/* Another file has been begun: first what came before it. */
static Err *follow_newest(Log *l, int watch)
{
	LogFile *now = &l->files[FILE_NOW], *full = &l->files[FILE_FULL], next = { .fd = -1 };
	if (now->fd >= 0 && is_named(l->dir_fd, lines_name, now->fd))
		return NULL;
	TRY(open_file(l->dir_fd, lines_name, false, &next));
	if (next.fd < 0)
		return NULL; /* in the middle of it, or not begun at all */
	closep(&full->fd);
	buf_done(&full->rest);
	*full = *now;
	*now = next;
	TRY(take_new(&l->reader, full));
	if (full->fd >= 0 && !is_named(l->dir_fd, full_name, full->fd)) {
		closep(&full->fd); /* it went on fast: that one is gone by now */
		full->fd = -1;
		buf_reset(&full->rest);
		TRY(open_file(l->dir_fd, full_name, false, full));
		TRY(take_new(&l->reader, full));
	}
	return watch_newest(l, watch);
}

/* One that is removed as it ends has no record then. */
static bool runs(int dir_fd)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ContainerRecord r = { 0 };
	AUTO_ERR Err *e = container_read(dir_fd, &a, &r);
	return !e && r.c.running;
}

static Err *follow(Log *l, const Cancel *cancel)
{
	char events[4096];
	AUTO_CLOSE int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0)
		return err_sys(errno, "cannot watch the container's log");
	TRY(watch_newest(l, watch));
	for (;;) {
		bool held = runs(l->dir_fd); /* before the read: nothing comes after */
		bool late = clock_real_ns() > l->reader.how->until_ns;
		TRY(follow_newest(l, watch));
		TRY(take_all(l, !held));
		if (!held || late || l->reader.over)
			return NULL;
		TRY(cancel_check(cancel));
		struct pollfd p[] = { { .fd = watch, .events = POLLIN },
			              { .fd = cancel_fd(cancel), .events = POLLIN } };
		(void)poll(p, ARRAY_LEN(p), FOLLOW_CHECK_MS);
		while (read(watch, events, sizeof events) > 0)
			;
	}
}

static Err *read_log(Log *l, const Cancel *cancel)
{
	LogFile *full = &l->files[FILE_FULL];
	TRY(open_file(l->dir_fd, raw_name, true, &l->files[FILE_RAW]));
	TRY(open_file(l->dir_fd, lines_name, false, &l->files[FILE_NOW]));
	TRY(open_file(l->dir_fd, full_name, false, full));
	if (full->fd >= 0 && is_named(l->dir_fd, full_name, l->files[FILE_NOW].fd)) {
		closep(&full->fd); /* it was full just now: not twice */
		full->fd = -1;
	}
	TRY(find_tail(l, l->reader.how->tail));
	return l->reader.how->follow ? follow(l, cancel) : take_all(l, true);
}

Err *container_log(Store *s, const Container *c, const ContainerLog *how, const Cancel *cancel)
{
	int fd;
	TRY(container_open_dir(s, c->id, &fd));
	AUTO_CLOSE int dir = fd;
	CLEANUP(log_done)
	Log l = { .dir_fd = dir,
		  .files = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } },
		  .reader = { .how = how, .out_fd = STDOUT_FILENO } };
	return read_log(&l, cancel);
}

void container_log_first(int dir_fd, Buf *text)
{
	char block[1024];
	AUTO_CLOSE int fd = openat(dir_fd, lines_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : pread(fd, block, sizeof block, 0);
	for (Str rest = { block, n > 0 ? (size_t)n : 0 }, line; rest.len;) {
		LogRecord record;
		rest = str_cut(rest, '\n', &line);
		if (!parse(line, &record))
			return;
		buf_addf(text, "%.*s%s", STR_ARG(record.text), record.whole ? "\n" : "");
	}
}
