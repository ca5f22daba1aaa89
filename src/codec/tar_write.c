/*
 * tar_write.c - entries into a tar archive, in one way alone.
 *
 * The bytes decide the diff ID, and with it every digest above.  So there is no choice anywhere:
 * ustar where a value fits its field, else 0 (or the cut name) there and a pax record; no user
 * names, no access times, nothing of the machine.  What goes in as equal entries comes out as equal
 * bytes.  The format is frozen: a change of it makes every layer a new one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/pax-internal.h"
#include "codec/tar-internal.h"
#include "codec/tar.h"

#include <stdio.h>

/* Small pieces are gathered: what lies below is a hash and a file, or a compressor. */
enum { GATHER_BYTES = 128 << 10 };

static const int64_t NS_PER_S = 1000000000;

struct TarWriter {
	Writer *below;
	Buf held;           /* not given to BELOW yet */
	Buf path;           /* of the current entry, for messages */
	uint64_t data_left; /* what tar_writer_data still has to bring */
	size_t padding;
};

TarWriter *tar_writer_new(Writer *below)
{
	TarWriter *t = xcalloc(1, sizeof *t);
	t->below = below;
	return t;
}

void tar_writer_free(TarWriter *t)
{
	if (!t)
		return;
	buf_done(&t->held);
	buf_done(&t->path);
	free(t);
}

/* --- headers --------------------------------------------------------------------------------- */

/* VALUE in octal with a closing NUL; false (and 0 in the field) if it does not fit. */
static bool put_octal(char *field, size_t size, uint64_t value)
{
	bool fits = value >> (3 * (size - 1)) == 0;
	if (!fits)
		value = 0;
	field[size - 1] = '\0';
	for (size_t i = size - 1; i > 0; i--, value >>= 3)
		field[i - 1] = (char)('0' + (value & 7));
	return fits;
}

/* PATH into name and prefix; false if it fits neither way. */
static bool put_path(TarHeader *h, Str path)
{
	if (path.len <= sizeof h->name) {
		memcpy(h->name, path.ptr, path.len);
		return true;
	}
	/* The shortest prefix that leaves a name that fits: the cut is a '/' that is not stored. */
	for (size_t cut = path.len - sizeof h->name - 1; cut <= sizeof h->prefix; cut++) {
		if (cut + 1 >= path.len)
			break;
		if (cut > 0 && path.ptr[cut] == '/') {
			memcpy(h->prefix, path.ptr, cut);
			memcpy(h->name, path.ptr + cut + 1, path.len - cut - 1);
			return true;
		}
	}
	memcpy(h->name, path.ptr, sizeof h->name);
	return false;
}

static char type_flag(EntryType type)
{
	switch (type) {
	case ENTRY_DIR:
		return '5';
	case ENTRY_SYMLINK:
		return '2';
	case ENTRY_HARDLINK:
		return '1';
	case ENTRY_CHAR:
		return '3';
	case ENTRY_BLOCK:
		return '4';
	case ENTRY_FIFO:
		return '6';
	case ENTRY_FILE:
	case ENTRY_WHITEOUT:
		break;
	}
	return '0';
}

static void finish_header(TarHeader *h)
{
	memcpy(h->magic, "ustar", sizeof h->magic);
	memcpy(h->version, "00", sizeof h->version);
	int32_t with_sign;
	uint32_t sum = tar_checksum(h, &with_sign);
	(void)put_octal(h->checksum, 7, sum); /* six digits and NUL: 512 * 255 fits */
	h->checksum[7] = ' ';
}

static void pad(Buf *out, uint64_t data)
{
	static const char zero[TAR_BLOCK];
	buf_add(out, zero, tar_padding(data));
}

static void add_decimal(Buf *records, const char *key, uint64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	pax_add_record(records, str_from(key), (Str){ text, (size_t)len });
}

/* The header block of E under its name NAME, and the pax records for what it cannot hold. */
static void encode_header(const Entry *e, Str name, TarHeader *h, Buf *records)
{
	*h = (TarHeader){ .type = type_flag(e->type) };
	if (!put_path(h, name))
		pax_add_record(records, STR("path"), name);
	if (e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK) {
		memcpy(h->link, e->link.ptr, str_head(e->link, sizeof h->link).len);
		if (e->link.len > sizeof h->link)
			pax_add_record(records, STR("linkpath"), e->link);
	}
	(void)put_octal(h->mode, sizeof h->mode, e->mode & 07777);
	if (!put_octal(h->size, sizeof h->size, e->type == ENTRY_FILE ? e->size : 0))
		add_decimal(records, "size", e->size);
	if (!put_octal(h->uid, sizeof h->uid, e->uid))
		add_decimal(records, "uid", e->uid);
	if (!put_octal(h->gid, sizeof h->gid, e->gid))
		add_decimal(records, "gid", e->gid);
	/* Times before 1970 have no octal form; whole seconds are rounded down. */
	bool fits = put_octal(h->mtime, sizeof h->mtime,
	                      e->mtime_ns < 0 ? UINT64_MAX : (uint64_t)(e->mtime_ns / NS_PER_S));
	if (!fits || e->mtime_ns % NS_PER_S != 0) {
		AUTO_BUF Buf text = BUF_INIT;
		pax_format_time(&text, e->mtime_ns);
		pax_add_record(records, STR("mtime"), buf_str(&text));
	}
	bool device = e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK;
	(void)put_octal(h->major, sizeof h->major, device ? e->rdev_major : 0);
	(void)put_octal(h->minor, sizeof h->minor, device ? e->rdev_minor : 0);
	for (size_t i = 0; i < e->xattr_count; i++) {
		AUTO_BUF Buf key = BUF_INIT;
		buf_add_str(&key, STR("SCHILY.xattr."));
		buf_add_str(&key, e->xattrs[i].name);
		pax_add_record(records, buf_str(&key), e->xattrs[i].value);
	}
	finish_header(h);
}

/* The pax header that goes before an entry: it looks like a file of its own. */
static void add_pax_header(Buf *out, Str path, Str records)
{
	TarHeader h = { .type = 'x' };
	Str dir = STR("PaxHeaders.0/"), name = entry_name(path);
	memcpy(h.name, dir.ptr, dir.len);
	memcpy(h.name + dir.len, name.ptr, str_head(name, sizeof h.name - dir.len).len);
	(void)put_octal(h.mode, sizeof h.mode, 0644);
	(void)put_octal(h.uid, sizeof h.uid, 0);
	(void)put_octal(h.gid, sizeof h.gid, 0);
	(void)put_octal(h.size, sizeof h.size, records.len);
	(void)put_octal(h.mtime, sizeof h.mtime, 0);
	(void)put_octal(h.major, sizeof h.major, 0);
	(void)put_octal(h.minor, sizeof h.minor, 0);
	finish_header(&h);
	buf_add(out, &h, sizeof h);
	buf_add_str(out, records);
	pad(out, records.len);
}

static void add_headers(Buf *out, const Entry *e, Str name)
{
	AUTO_BUF Buf records = BUF_INIT;
	TarHeader h;
	encode_header(e, name, &h, &records);
	if (records.len > 0)
		add_pax_header(out, e->path, buf_str(&records));
	buf_add(out, &h, sizeof h);
}

/* DIR/MARK as an empty file that says something about DIR. */
static void add_mark(Buf *out, Str dir, Str mark)
{
	AUTO_BUF Buf path = BUF_INIT;
	if (dir.len > 0) {
		buf_add_str(&path, dir);
		buf_add_char(&path, '/');
	}
	buf_add_str(&path, mark);
	Entry e = { .path = buf_str(&path), .type = ENTRY_FILE };
	add_headers(out, &e, e.path);
}

/* All that stands before the data of E. */
static void add_entry(Buf *out, const Entry *e)
{
	if (e->type == ENTRY_WHITEOUT) {
		AUTO_BUF Buf mark = BUF_INIT;
		buf_add_str(&mark, STR(".wh."));
		buf_add_str(&mark, entry_name(e->path));
		add_mark(out, entry_parent(e->path), buf_str(&mark));
		return;
	}
	if (e->type != ENTRY_DIR) {
		add_headers(out, e, e->path);
		return;
	}
	AUTO_BUF Buf name = BUF_INIT;
	buf_add_str(&name, e->path.len > 0 ? e->path : STR("."));
	buf_add_char(&name, '/');
	add_headers(out, e, buf_str(&name));
	if (e->opaque)
		add_mark(out, e->path, STR(".wh..wh..opq"));
}

/* --- checks ---------------------------------------------------------------------------------- */

static Err *refuse(const Entry *e, const char *why)
{
	return err_new(ERR_INPUT, "cannot put '%.*s' into a layer: %s", STR_ARG(e->path), why);
}

static bool has_whiteout_name(Str path)
{
	for (Str rest = path, name; rest.len > 0;) {
		rest = str_cut(rest, '/', &name);
		if (str_starts(name, STR(".wh.")))
			return true;
	}
	return false;
}

static Err *check_xattrs(const Entry *e)
{
	size_t bytes = 0;
	for (size_t i = 0; i < e->xattr_count; i++) {
		Str name = e->xattrs[i].name;
		if (name.len == 0 || str_find(name, '=') >= 0 || memchr(name.ptr, '\0', name.len))
			return refuse(e, "no archive can hold the name of its extended attribute");
		if (i > 0 && str_cmp(e->xattrs[i - 1].name, name) >= 0)
			return refuse(e, "its extended attributes are not in order");
		bytes += name.len + e->xattrs[i].value.len;
	}
	if (bytes > PAX_HEADER_BYTES_MAX / 2)
		return refuse(e, "its extended attributes are too large");
	return NULL;
}

static Err *check_entry(const Entry *e)
{
	if (!entry_path_is_clean(e->path) || e->path.len >= PATH_BYTES_MAX)
		return refuse(e, "its path is not clean");
	if (e->path.len == 0 && e->type != ENTRY_DIR)
		return refuse(e, "the root is a directory");
	if (has_whiteout_name(e->path))
		return refuse(e, "names that begin with '.wh.' mean deleted files");
	bool is_link = e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK;
	if (is_link && (e->link.len == 0 || e->link.len >= PATH_BYTES_MAX ||
	                memchr(e->link.ptr, '\0', e->link.len)))
		return refuse(e, "bad target of a link");
	if (e->type == ENTRY_HARDLINK &&
	    (!entry_path_is_clean(e->link) || has_whiteout_name(e->link)))
		return refuse(e, "bad target of a hard link");
	if (e->type == ENTRY_FILE && e->size > ENTRY_BYTES_MAX)
		return refuse(e, "too large");
	if ((e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK) &&
	    (e->rdev_major > 07777777 || e->rdev_minor > 07777777))
		return refuse(e, "its device number is too large");
	if (e->uid == UINT32_MAX || e->gid == UINT32_MAX)
		return refuse(e, "its owner is nobody's number");
	return check_xattrs(e);
}

/* --- the writer ------------------------------------------------------------------------------ */

static Err *flush(TarWriter *t)
{
	TRY(writer_write(t->below, t->held.ptr, t->held.len));
	buf_reset(&t->held);
	return NULL;
}

/* Every entry begins with the data of the one before all there. */
static Err *check_data_is_whole(const TarWriter *t)
{
	if (t->data_left == 0)
		return NULL;
	return err_new(ERR_INPUT, "'%s' is %llu bytes shorter than it was", t->path.ptr,
	               (unsigned long long)t->data_left);
}

Err *tar_writer_entry(TarWriter *t, const Entry *entry)
{
	TRY(check_data_is_whole(t));
	TRY(check_entry(entry));
	buf_reset(&t->path);
	buf_add_str(&t->path, entry->path);
	add_entry(&t->held, entry);
	t->data_left = entry->type == ENTRY_FILE ? entry->size : 0;
	t->padding = tar_padding(t->data_left);
	return t->held.len >= GATHER_BYTES ? flush(t) : NULL;
}

Err *tar_writer_data(TarWriter *t, const void *bytes, size_t len)
{
	if (len > t->data_left)
		return err_new(ERR_INPUT, "'%s' is longer than it was", t->path.ptr);
	if (t->held.len + len < GATHER_BYTES) {
		buf_add(&t->held, bytes, len);
	} else {
		TRY(flush(t));
		TRY(writer_write(t->below, bytes, len));
	}
	t->data_left -= len;
	if (t->data_left == 0 && len > 0) {
		static const char zero[TAR_BLOCK];
		buf_add(&t->held, zero, t->padding);
		t->padding = 0;
	}
	return NULL;
}

Err *tar_writer_finish(TarWriter *t)
{
	static const char zero[2 * TAR_BLOCK];
	TRY(check_data_is_whole(t));
	buf_add(&t->held, zero, sizeof zero);
	return flush(t);
}

uint64_t tar_entry_bytes(const Entry *entry)
{
	AUTO_BUF Buf headers = BUF_INIT;
	add_entry(&headers, entry);
	uint64_t data = entry->type == ENTRY_FILE ? entry->size : 0;
	return headers.len + data + tar_padding(data);
}
