/*
 * tar_read.c - entries out of a tar archive of a stranger.
 *
 * Where readers differ, a layer can be made to look like two different trees.  So what is not
 * plainly right is refused with the entry's name, and where real archives need tolerance we do as
 * Go's archive/tar (docker, containerd, skopeo) does:
 *   - a pax "size" overrides the header's (its own text must be a plain number);
 *   - links, devices and directories have no data, whatever their size says;
 *   - one zero block may end the archive only if a second one or the end of the stream follows;
 *   - global pax headers are not applied; one that would change names or sizes is refused.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "codec/pax-internal.h"
#include "codec/tar-internal.h"
#include "codec/tar.h"

enum {
	READ_AHEAD = 64 << 10,
	/* A GNU long name ends with a NUL that its size counts. */
	LONG_NAME_MAX = PATH_BYTES_MAX + 1,
};

typedef VEC(Xattr) XattrVec;

/* What the headers before an entry's own said about it. */
typedef struct Extra {
	bool has_path, has_link, has_pax;
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size, uid, gid;
	int64_t mtime_ns;
	Str path, link; /* in names or pax */
} Extra;

struct TarReader {
	Reader *below;
	uint64_t data_left; /* of the current entry */
	size_t padding;     /* after it */
	bool ended, failed;
	char *ahead; /* READ_AHEAD bytes */
	size_t ahead_start, ahead_end;
	Extra extra;
	Buf long_name, long_link; /* GNU 'L' and 'K' */
	Buf pax;                  /* the raw records; paths and xattrs point into it */
	Buf decoded;              /* libarchive's xattrs, name and value by turns */
	Buf path, link;           /* cleaned names of the current entry */
	XattrVec xattrs;
};

TarReader *tar_reader_new(Reader *below)
{
	TarReader *t = xcalloc(1, sizeof *t);
	t->below = below;
	t->ahead = xmalloc(READ_AHEAD);
	return t;
}

void tar_reader_free(TarReader *t)
{
	if (!t)
		return;
	free(t->ahead);
	buf_done(&t->long_name);
	buf_done(&t->long_link);
	buf_done(&t->pax);
	buf_done(&t->decoded);
	buf_done(&t->path);
	buf_done(&t->link);
	VEC_DONE(&t->xattrs);
	free(t);
}

uint32_t tar_checksum(const TarHeader *h, int32_t *ret_signed)
{
	const unsigned char *bytes = (const unsigned char *)h;
	uint32_t sum = 0;
	int32_t with_sign = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool inside = i >= offsetof(TarHeader, checksum) && i < offsetof(TarHeader, type);
		unsigned char c = inside ? ' ' : bytes[i];
		sum += c;
		with_sign += (signed char)c;
	}
	*ret_signed = with_sign;
	return sum;
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* Up to CAP bytes; 0 only at the end. */
static Err *read_some(TarReader *t, void *buf, size_t cap, size_t *ret_len)
{
	if (t->ahead_start == t->ahead_end) {
		if (cap >= READ_AHEAD)
			return reader_read(t->below, buf, cap, ret_len);
		t->ahead_start = t->ahead_end = 0;
		TRY(reader_read(t->below, t->ahead, READ_AHEAD, &t->ahead_end));
	}
	size_t n = t->ahead_end - t->ahead_start;
	n = n < cap ? n : cap;
	memcpy(buf, t->ahead + t->ahead_start, n);
	t->ahead_start += n;
	*ret_len = n;
	return NULL;
}

static Err *read_full(TarReader *t, void *buf, size_t len, size_t *ret_len)
{
	size_t done = 0;
	while (done < len) {
		size_t n;
		TRY(read_some(t, (char *)buf + done, len - done, &n));
		if (n == 0)
			break;
		done += n;
	}
	*ret_len = done;
	return NULL;
}

static Err *cut_short(const TarReader *t)
{
	if (t->path.len == 0)
		return err_new(ERR_CORRUPT, "the archive is cut short");
	return err_new(ERR_CORRUPT, "the archive is cut short at '%s'", t->path.ptr);
}

static Err *skip_bytes(TarReader *t, uint64_t count)
{
	char drop[4096];
	while (count > 0) {
		size_t n;
		TRY(read_some(t, drop, count < sizeof drop ? (size_t)count : sizeof drop, &n));
		if (n == 0)
			return cut_short(t);
		count -= n;
	}
	return NULL;
}

/* The data of a header that describes another one, at most LIMIT bytes, whole blocks. */
static Err *read_meta(TarReader *t, uint64_t size, size_t limit, const char *what, Buf *out)
{
	if (size > limit)
		return err_new(ERR_CORRUPT, "%s of %llu bytes (at most %zu)", what,
		               (unsigned long long)size, limit);
	buf_reset(out);
	/* Room grows with what has come, so that a short archive cannot claim much. */
	for (uint64_t left = size; left > 0;) {
		size_t step = left < READ_AHEAD ? (size_t)left : READ_AHEAD, n;
		buf_reserve(out, step);
		TRY(read_some(t, out->ptr + out->len, step, &n));
		if (n == 0)
			return cut_short(t);
		out->len += n;
		left -= n;
	}
	buf_add(out, "", 0);
	return skip_bytes(t, tar_padding(size));
}

/* --- fields ---------------------------------------------------------------------------------- */

static Str field_text(const char *field, size_t size)
{
	return (Str){ field, strnlen(field, size) };
}

/* GNU base-256: the first bit is a mark, the rest a two's complement number, high byte first. */
static bool parse_base256(const char *field, size_t size, int64_t *ret)
{
	bool negative = field[0] & 0x40;
	uint64_t value = negative ? UINT64_MAX : 0;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)field[i];
		if (i == 0)
			c = negative ? (unsigned char)(c | 0x80) : (unsigned char)(c & 0x7f);
		if (value >> 55 != (negative ? 0x1ff : 0))
			return false; /* eight more bits would lose some */
		value = value << 8 | c;
	}
	*ret = (int64_t)value;
	return true;
}

/* An octal number amid blanks and NULs (empty: 0), or base-256. */
static bool parse_number(const char *field, size_t size, int64_t *ret)
{
	if (field[0] & 0x80)
		return parse_base256(field, size, ret);
	while (size > 0 && (field[0] == ' ' || field[0] == '\0'))
		field++, size--;
	while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
		size--;
	uint64_t value = 0;
	if (size > 0 && !str_to_octal((Str){ field, size }, &value))
		return false;
	*ret = (int64_t)value; /* 12 octal digits are 36 bits */
	return true;
}

static Err *bad_field(Str name, const char *what)
{
	return err_new(ERR_CORRUPT, "entry '%.*s': %s", STR_ARG(str_head(name, 256)), what);
}

bool tar_is_header(const void *block)
{
	const TarHeader *h = block;
	int64_t said;
	int32_t with_sign;
	uint32_t sum = tar_checksum(h, &with_sign);
	return parse_number(h->checksum, sizeof h->checksum, &said) &&
	       (said == (int64_t)sum || said == (int64_t)with_sign);
}

static bool is_zero_block(const void *block)
{
	static const char zero[TAR_BLOCK];
	return memcmp(block, zero, TAR_BLOCK) == 0;
}

/* The name as the header has it (the prefix, too), for a ustar or older header. */
static void header_name(const TarHeader *h, Buf *out)
{
	buf_reset(out);
	bool ustar = memcmp(h->magic, "ustar\0", 6) == 0;
	/* Schilly's tar keeps times behind a shorter prefix, GNU tar in place of it. */
	bool star = ustar && memcmp(h->padding + 8, "tar\0", 4) == 0;
	Str prefix = field_text(h->prefix, star ? 131 : sizeof h->prefix);
	if (ustar && prefix.len > 0) {
		buf_add_str(out, prefix);
		buf_add_char(out, '/');
	}
	buf_add_str(out, field_text(h->name, sizeof h->name));
}

/* --- pax ------------------------------------------------------------------------------------- */

static Err *take_xattr(TarReader *t, Str name, Str value)
{
	if (name.len == 0 || name.len > NAME_BYTES_MAX || memchr(name.ptr, '\0', name.len))
		return err_new(ERR_CORRUPT, "bad name of an extended attribute");
	if (value.len > XATTR_VALUE_BYTES_MAX)
		return err_new(ERR_CORRUPT, "extended attribute '%.*s' of %zu bytes (at most %u)",
		               STR_ARG(name), value.len, XATTR_VALUE_BYTES_MAX);
	/* Equal names: the last one wins, as with all pax records. */
	for (size_t i = 0; i < t->xattrs.len; i++) {
		if (str_eq(t->xattrs.at[i].name, name)) {
			t->xattrs.at[i].value = value;
			return NULL;
		}
	}
	if (t->xattrs.len >= XATTRS_PER_FILE_MAX)
		return err_new(ERR_CORRUPT, "more than %u extended attributes",
		               XATTRS_PER_FILE_MAX);
	VEC_PUSH(&t->xattrs, (Xattr){ name, value });
	return NULL;
}

/* "LIBARCHIVE.xattr.": the value in base64, so that it may hold anything. */
static Err *take_libarchive_xattr(TarReader *t, Str name, Str value)
{
	/* Reserved by read_pax: DECODED never moves while values point into it. */
	size_t name_start = t->decoded.len;
	bool good = pax_decode_url(name, &t->decoded);
	size_t value_start = t->decoded.len;
	good = good && pax_decode_base64(value, &t->decoded);
	if (!good)
		return err_new(ERR_CORRUPT, "bad encoding of extended attribute '%.*s'",
		               STR_ARG(str_head(name, NAME_BYTES_MAX)));
	return take_xattr(t, (Str){ t->decoded.ptr + name_start, value_start - name_start },
	                  (Str){ t->decoded.ptr + value_start, t->decoded.len - value_start });
}

static Err *take_record(TarReader *t, Str key, Str value)
{
	Extra *x = &t->extra;
	Str schily = STR("SCHILY.xattr."), libarchive = STR("LIBARCHIVE.xattr.");
	if (str_starts(key, schily))
		return take_xattr(t, str_from_at(key, schily.len), value);
	if (str_starts(key, libarchive))
		return take_libarchive_xattr(t, str_from_at(key, libarchive.len), value);
	if (str_starts(key, STR("GNU.sparse.")))
		return err_new(ERR_INPUT, "sparse files are not supported");
	if (value.len == 0)
		return NULL; /* "delete the record": the header's own value counts */
	bool good = true;
	if (str_eq(key, STR("path"))) {
		x->has_path = true;
		x->path = value;
	} else if (str_eq(key, STR("linkpath"))) {
		x->has_link = true;
		x->link = value;
	} else if (str_eq(key, STR("size"))) {
		good = x->has_size = str_to_u64(value, &x->size);
	} else if (str_eq(key, STR("uid"))) {
		good = x->has_uid = str_to_u64(value, &x->uid);
	} else if (str_eq(key, STR("gid"))) {
		good = x->has_gid = str_to_u64(value, &x->gid);
	} else if (str_eq(key, STR("mtime"))) {
		good = x->has_mtime = pax_parse_time(value, &x->mtime_ns);
	}
	if (!good)
		return err_new(ERR_CORRUPT, "bad pax record '%.*s'", STR_ARG(key));
	return NULL;
}

static int compare_xattrs(const void *a, const void *b)
{
	return str_cmp(((const Xattr *)a)->name, ((const Xattr *)b)->name);
}

static Err *read_pax(TarReader *t, uint64_t size)
{
	if (t->extra.has_pax || t->extra.has_path || t->extra.has_link)
		/* Which one counts depends on the reader, and nobody writes such archives. */
		return err_new(ERR_CORRUPT, "two extended headers for one entry");
	TRY(read_meta(t, size, PAX_HEADER_BYTES_MAX, "pax header", &t->pax));
	t->extra.has_pax = true;
	t->xattrs.len = 0;
	buf_reset(&t->decoded);
	buf_reserve(&t->decoded, t->pax.len + 1); /* decoding never makes longer */
	for (Str rest = buf_str(&t->pax); rest.len > 0;) {
		Str key, value;
		TRY(pax_cut_record(&rest, &key, &value));
		TRY(take_record(t, key, value));
	}
	if (t->xattrs.len > 1)
		qsort(t->xattrs.at, t->xattrs.len, sizeof *t->xattrs.at, compare_xattrs);
	return NULL;
}

static Err *read_global_pax(TarReader *t, uint64_t size)
{
	AUTO_BUF Buf records = BUF_INIT;
	TRY(read_meta(t, size, PAX_HEADER_BYTES_MAX, "global pax header", &records));
	for (Str rest = buf_str(&records); rest.len > 0;) {
		Str key, value;
		TRY(pax_cut_record(&rest, &key, &value));
		if (str_eq(key, STR("path")) || str_eq(key, STR("linkpath")) ||
		    str_eq(key, STR("size")) || str_starts(key, STR("GNU.sparse.")))
			/* GNU tar would apply it, docker would not: two different trees. */
			return err_new(ERR_CORRUPT, "'%.*s' in a global pax header", STR_ARG(key));
	}
	return NULL;
}

static Err *read_long_name(TarReader *t, uint64_t size, Buf *name, bool *has, Str *ret)
{
	if (*has)
		return err_new(ERR_CORRUPT, "two extended headers for one entry");
	TRY(read_meta(t, size, LONG_NAME_MAX, "GNU long name", name));
	*has = true;
	*ret = field_text(name->ptr ? name->ptr : "", name->len);
	return NULL;
}

/* --- names ----------------------------------------------------------------------------------- */

/* RAW without empty and "." components, into OUT. */
static Err *clean_name(Str raw, const char *what, Buf *out)
{
	buf_reset(out);
	if (memchr(raw.ptr, '\0', raw.len))
		return bad_field(str_from(raw.ptr), "NUL in a name");
	Str rest = raw;
	while (rest.len > 0) {
		Str name;
		rest = str_cut(rest, '/', &name);
		if (name.len == 0 || str_eq(name, STR(".")))
			continue;
		if (str_eq(name, STR("..")))
			return err_new(ERR_CORRUPT, "%s '%.*s' has a '..' in it", what,
			               STR_ARG(str_head(raw, 256)));
		if (name.len > NAME_BYTES_MAX)
			return err_new(ERR_CORRUPT,
			               "%s '%.*s...': a name of %zu bytes (at most %u)", what,
			               STR_ARG(str_head(raw, 64)), name.len, NAME_BYTES_MAX);
		if (out->len > 0)
			buf_add_char(out, '/');
		buf_add_str(out, name);
		if (out->len >= PATH_BYTES_MAX)
			return err_new(ERR_CORRUPT, "%s '%.*s...' is longer than %u bytes", what,
			               STR_ARG(str_head(raw, 64)), PATH_BYTES_MAX - 1);
	}
	buf_add(out, "", 0);
	return NULL;
}

static Err *check_whiteout(Str path)
{
	Str name = entry_name(path);
	if (str_eq(name, STR(".wh.")) || str_eq(name, STR(".wh..")) || str_eq(name, STR(".wh...")))
		return bad_field(path, "a whiteout of nothing");
	return NULL;
}

/* --- headers --------------------------------------------------------------------------------- */

static bool entry_type(const TarHeader *h, Str raw_name, EntryType *ret)
{
	bool slash = str_ends(raw_name, STR("/"));
	switch (h->type) {
	case '\0': /* before ustar a directory was a file whose name ends in '/' */
		*ret = slash ? ENTRY_DIR : ENTRY_FILE;
		return true;
	case '0':
	case '7': /* contiguous: a file, says POSIX */
		*ret = ENTRY_FILE;
		return !slash; /* a directory to GNU tar, a file to Go */
	case '1':
		*ret = ENTRY_HARDLINK;
		return true;
	case '2':
		*ret = ENTRY_SYMLINK;
		return true;
	case '3':
		*ret = ENTRY_CHAR;
		return true;
	case '4':
		*ret = ENTRY_BLOCK;
		return true;
	case '5':
		*ret = ENTRY_DIR;
		return true;
	case '6':
		*ret = ENTRY_FIFO;
		return true;
	default:
		return false;
	}
}

static Err *decode_size(const TarReader *t, const TarHeader *h, Str name, uint64_t *ret)
{
	int64_t size;
	if (!parse_number(h->size, sizeof h->size, &size) || size < 0)
		return bad_field(name, "bad size");
	*ret = t->extra.has_size ? t->extra.size : (uint64_t)size;
	if (*ret > ENTRY_BYTES_MAX)
		return bad_field(name, "larger than any file in a layer may be");
	return NULL;
}

static Err *decode_owner(const char *field, size_t field_size, bool has, uint64_t said, Str name,
                         uint32_t *ret)
{
	int64_t id;
	if (!parse_number(field, field_size, &id) || (!has && id < 0))
		return bad_field(name, "bad owner");
	uint64_t value = has ? said : (uint64_t)id;
	/* The highest number means "do not change" to chown: it is nobody's. */
	if (value >= UINT32_MAX)
		return bad_field(name, "owner out of range");
	*ret = (uint32_t)value;
	return NULL;
}

static Err *decode_times_and_modes(const TarReader *t, const TarHeader *h, Str name, Entry *e)
{
	int64_t mode, mtime, ns;
	if (!parse_number(h->mode, sizeof h->mode, &mode) || mode < 0)
		return bad_field(name, "bad mode");
	e->mode = (uint32_t)mode & 07777;
	if (!parse_number(h->mtime, sizeof h->mtime, &mtime) ||
	    (!t->extra.has_mtime && __builtin_mul_overflow(mtime, (int64_t)1000000000, &ns)))
		return bad_field(name, "bad modification time");
	e->mtime_ns = t->extra.has_mtime ? t->extra.mtime_ns : ns;
	TRY(decode_owner(h->uid, sizeof h->uid, t->extra.has_uid, t->extra.uid, name, &e->uid));
	return decode_owner(h->gid, sizeof h->gid, t->extra.has_gid, t->extra.gid, name, &e->gid);
}

static Err *decode_device(const TarHeader *h, Str name, Entry *e)
{
	int64_t major, minor;
	if (!parse_number(h->major, sizeof h->major, &major) || major < 0 || major > UINT32_MAX ||
	    !parse_number(h->minor, sizeof h->minor, &minor) || minor < 0 || minor > UINT32_MAX)
		return bad_field(name, "bad device number");
	e->rdev_major = (uint32_t)major;
	e->rdev_minor = (uint32_t)minor;
	return NULL;
}

static Err *decode_link(TarReader *t, const TarHeader *h, Entry *e)
{
	Str raw = t->extra.has_link ? t->extra.link : field_text(h->link, sizeof h->link);
	if (raw.len == 0)
		return bad_field(e->path, "a link to nothing");
	if (memchr(raw.ptr, '\0', raw.len) || raw.len >= PATH_BYTES_MAX)
		return bad_field(e->path, "bad target of a link");
	if (e->type == ENTRY_HARDLINK) {
		TRY(clean_name(raw, "link target", &t->link));
		if (t->link.len == 0)
			return bad_field(e->path, "a hard link to the root");
	} else {
		buf_reset(&t->link);
		buf_add_str(&t->link, raw);
	}
	e->link = buf_str(&t->link);
	return NULL;
}

/* H is the header of an entry itself; what came before is in t->extra. */
static Err *decode_entry(TarReader *t, const TarHeader *h, Entry *ret)
{
	AUTO_BUF Buf from_header = BUF_INIT;
	header_name(h, &from_header);
	Str raw = t->extra.has_path ? t->extra.path : buf_str(&from_header);
	Entry e = { 0 };
	if (h->type == 'S')
		return err_set_kind(bad_field(raw, "sparse files are not supported"), ERR_INPUT);
	if (!entry_type(h, raw, &e.type))
		return err_new(ERR_CORRUPT, "entry '%.*s' has the wrong type '%c'",
		               STR_ARG(str_head(raw, 256)), h->type);
	TRY(clean_name(raw, "entry", &t->path));
	e.path = buf_str(&t->path);
	TRY(check_whiteout(e.path));
	if (e.path.len == 0 && e.type != ENTRY_DIR)
		return err_new(ERR_CORRUPT, "entry '%.*s' replaces the root", STR_ARG(raw));
	uint64_t size;
	TRY(decode_size(t, h, e.path, &size));
	TRY(decode_times_and_modes(t, h, e.path, &e));
	if (e.type == ENTRY_FILE)
		e.size = size;
	if (e.type == ENTRY_SYMLINK || e.type == ENTRY_HARDLINK)
		TRY(decode_link(t, h, &e));
	if (e.type == ENTRY_CHAR || e.type == ENTRY_BLOCK)
		TRY(decode_device(h, e.path, &e));
	e.xattrs = t->xattrs.at;
	e.xattr_count = t->xattrs.len;
	t->data_left = e.size;
	t->padding = tar_padding(e.size);
	*ret = e;
	return NULL;
}

/* A block that is a header, or the end (after which the rest is drained). */
static Err *read_header(TarReader *t, TarHeader *ret, bool *ret_end)
{
	size_t n;
	*ret_end = false;
	TRY(read_full(t, ret, TAR_BLOCK, &n));
	bool zero = n == TAR_BLOCK && is_zero_block(ret);
	if (zero)
		TRY(read_full(t, ret, TAR_BLOCK, &n));
	if (n == 0 || (zero && n == TAR_BLOCK && is_zero_block(ret))) {
		*ret_end = true;
		t->ahead_start = t->ahead_end = 0;
		return reader_drain(t->below);
	}
	if (n < TAR_BLOCK)
		return cut_short(t);
	if (zero)
		return err_new(ERR_CORRUPT, "data after half an end of the archive");
	if (tar_is_header(ret))
		return NULL;
	if (t->path.len == 0)
		return err_new(ERR_CORRUPT, "not a tar archive: bad header checksum");
	return err_new(ERR_CORRUPT, "bad header checksum after '%s'", t->path.ptr);
}

/* Headers that are no entries. */
static bool is_meta(char type)
{
	return type && strchr("xgLKV", type);
}

static Err *read_meta_entry(TarReader *t, char type, uint64_t size)
{
	switch (type) {
	case 'x':
		return read_pax(t, size);
	case 'g':
		return read_global_pax(t, size);
	case 'L':
		return read_long_name(t, size, &t->long_name, &t->extra.has_path, &t->extra.path);
	case 'K':
		return read_long_name(t, size, &t->long_link, &t->extra.has_link, &t->extra.link);
	default: { /* 'V': the label that GNU tar puts in front says nothing about files */
		AUTO_BUF Buf label = BUF_INIT;
		return read_meta(t, size, LONG_NAME_MAX, "volume label", &label);
	}
	}
}

/* Read headers until one is of an entry itself. */
static Err *next_entry(TarReader *t, Entry *ret, bool *ret_end)
{
	TRY(skip_bytes(t, t->data_left + t->padding));
	t->data_left = t->padding = 0;
	t->extra = (Extra){ 0 };
	t->xattrs.len = 0;
	for (bool described = false;;) {
		TarHeader h;
		int64_t size;
		TRY(read_header(t, &h, ret_end));
		if (*ret_end && described)
			return err_new(ERR_CORRUPT, "the archive ends within an entry");
		if (*ret_end)
			return NULL;
		if (!is_meta(h.type))
			return decode_entry(t, &h, ret);
		if (!parse_number(h.size, sizeof h.size, &size) || size < 0)
			return bad_field(field_text(h.name, sizeof h.name), "bad size");
		Str own_name = field_text(h.name, sizeof h.name);
		TRY_WHILE(read_meta_entry(t, h.type, (uint64_t)size), "reading the header '%.*s'",
		          STR_ARG(own_name));
		described = described || h.type == 'x' || h.type == 'L' || h.type == 'K';
	}
}

Err *tar_reader_next(TarReader *t, Entry *ret, bool *ret_end)
{
	if (t->failed)
		return err_new(ERR_CORRUPT, "the archive could not be read");
	if (t->ended) {
		*ret_end = true;
		return NULL;
	}
	Err *err = next_entry(t, ret, ret_end);
	t->failed = err != NULL;
	t->ended = !err && *ret_end;
	return err;
}

Err *tar_reader_data(TarReader *t, void *buf, size_t cap, size_t *ret_len)
{
	if (t->failed)
		return err_new(ERR_CORRUPT, "the archive could not be read");
	size_t n = t->data_left < cap ? (size_t)t->data_left : cap;
	if (n > 0) {
		Err *err = read_some(t, buf, n, &n);
		if (!err && n == 0)
			err = cut_short(t);
		if (err) {
			t->failed = true;
			return err;
		}
	}
	t->data_left -= n;
	*ret_len = n;
	return NULL;
}
