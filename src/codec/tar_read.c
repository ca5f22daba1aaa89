/*
 * tar_read.c - entries out of a tar archive of a stranger.
 *
 * Where readers differ, a layer can be made to look like two different trees.  So what is not
 * plainly right is refused with the entry's name, and where real archives need tolerance we do as
 * Go's archive/tar (docker, containerd, skopeo) does:
 *   - a pax "size" overrides the header's (its own text must be a plain number);
 *   - of two headers that describe the next entry the second counts, and GNU's before pax;
 *   - links, devices and directories have no data, whatever their size says;
 *   - one zero block may end the archive only if a second one or the end of the stream follows;
 *   - global pax headers are not applied, whatever they say.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/tar_read-internal.h"

TarReader *tar_reader_new(Reader *below)
{
	TarReader *t = xcalloc(1, sizeof *t);
	t->below = below;
	t->ahead = xmalloc(TAR_READ_AHEAD);
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
	VEC_DONE(&t->sparse.pieces);
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
Err *tar_read_some(TarReader *t, void *buf, size_t cap, size_t *ret_len)
{
	if (t->ahead_start == t->ahead_end) {
		if (cap >= TAR_READ_AHEAD) {
			TRY(reader_read(t->below, buf, cap, ret_len));
			t->taken += *ret_len;
			return NULL;
		}
		t->ahead_start = t->ahead_end = 0;
		TRY(reader_read(t->below, t->ahead, TAR_READ_AHEAD, &t->ahead_end));
		t->taken += t->ahead_end;
	}
	size_t n = t->ahead_end - t->ahead_start;
	n = n < cap ? n : cap;
	memcpy(buf, t->ahead + t->ahead_start, n);
	t->ahead_start += n;
	*ret_len = n;
	return NULL;
}

Err *tar_read_full(TarReader *t, void *buf, size_t len, size_t *ret_len)
{
	size_t done = 0;
	while (done < len) {
		size_t n;
		TRY(tar_read_some(t, (char *)buf + done, len - done, &n));
		if (n == 0)
			break;
		done += n;
	}
	*ret_len = done;
	return NULL;
}

Err *tar_cut_short(const TarReader *t)
{
	if (t->path.len == 0)
		return err_new(ERR_CORRUPT, "the archive is cut short");
	return err_new(ERR_CORRUPT, "the archive is cut short at '%s'", t->path.ptr);
}

Err *tar_skip_bytes(TarReader *t, uint64_t count)
{
	char drop[4096];
	while (count > 0) {
		size_t n;
		TRY(tar_read_some(t, drop, count < sizeof drop ? (size_t)count : sizeof drop, &n));
		if (n == 0)
			return tar_cut_short(t);
		count -= n;
	}
	return NULL;
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

/* Go before 1.8 wrote GNU's mark and a prefix, where GNU tar keeps two times: then they are none.
 */
static bool has_prefix_of_old_go(const TarHeader *h)
{
	enum { TIME_BYTES = 12 };
	const char *access = h->prefix, *change = h->prefix + TIME_BYTES;
	int64_t time;
	if (memcmp(h->magic, "ustar \x20\0", 8) != 0)
		return false;
	for (size_t i = 0; i < sizeof h->prefix; i++)
		if (h->prefix[i] & 0x80)
			return false;
	return (access[0] && !parse_number(access, TIME_BYTES, &time)) ||
	       (change[0] && !parse_number(change, TIME_BYTES, &time));
}

/* The name as the header has it (the prefix, too), for a ustar or older header. */
static void header_name(const TarHeader *h, Buf *out)
{
	buf_reset(out);
	bool ustar = memcmp(h->magic, "ustar\0", 6) == 0 || has_prefix_of_old_go(h);
	/* Schilly's tar keeps times behind a shorter prefix, GNU tar in place of it. */
	bool star = ustar && memcmp(h->padding + 8, "tar\0", 4) == 0;
	Str prefix = field_text(h->prefix, star ? 131 : sizeof h->prefix);
	if (ustar && prefix.len > 0) {
		buf_add_str(out, prefix);
		buf_add_char(out, '/');
	}
	buf_add_str(out, field_text(h->name, sizeof h->name));
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
	const Extra *x = &t->extra;
	Str raw = x->has_gnu_link ? x->gnu_link
	          : x->has_link   ? x->link
	                          : field_text(h->link, sizeof h->link);
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

/* A good header of something that no image takes: ERR_INPUT, where damage is ERR_CORRUPT. */
static Err *wrong_type(const TarHeader *h, Str raw)
{
	bool gnu = memcmp(h->magic, "ustar ", 6) == 0;
	if (h->type == 'S' && gnu)
		return err_note(
			err_set_kind(bad_field(raw, "old GNU sparse files are not supported"),
		                     ERR_INPUT),
			"make the archive with tar --format=posix");
	Err *e = err_new(ERR_CORRUPT, "entry '%.*s' has the wrong type '%c'",
	                 STR_ARG(str_head(raw, 256)), h->type);
	return h->type == 'S' || h->type == '0' ? e : err_set_kind(e, ERR_INPUT);
}

/* Where the data is, and what there is of it. */
static Err *decode_data(TarReader *t, uint64_t size, Entry *e)
{
	bool sparse;
	Str path = { 0 };
	t->data_left = e->type == ENTRY_FILE ? size : 0;
	t->padding = tar_padding(t->data_left);
	e->size = t->data_left;
	if (e->type != ENTRY_FILE)
		return NULL;
	TRY(tar_sparse_begin(t, &sparse, &path, &e->size));
	if (!sparse || !path.len)
		return NULL;
	TRY(clean_name(path, "entry", &t->path));
	e->path = buf_str(&t->path);
	return NULL;
}

/* H is the header of an entry itself; what came before is in t->extra. */
static Err *decode_entry(TarReader *t, const TarHeader *h, Entry *ret)
{
	AUTO_BUF Buf from_header = BUF_INIT;
	header_name(h, &from_header);
	const Extra *x = &t->extra;
	Str raw = x->has_gnu_path ? x->gnu_path : x->has_path ? x->path : buf_str(&from_header);
	Entry e = { 0 };
	uint64_t size;
	TRY(decode_size(t, h, raw, &size));
	TRY(decode_times_and_modes(t, h, raw, &e));
	if (!entry_type(h, raw, &e.type))
		return wrong_type(h, raw);
	TRY(clean_name(raw, "entry", &t->path));
	e.path = buf_str(&t->path);
	TRY(decode_data(t, size, &e));
	TRY(check_whiteout(e.path));
	if (e.path.len == 0 && e.type != ENTRY_DIR)
		return err_new(ERR_CORRUPT, "entry '%.*s' replaces the root", STR_ARG(raw));
	if (e.type == ENTRY_SYMLINK || e.type == ENTRY_HARDLINK)
		TRY(decode_link(t, h, &e));
	if (e.type == ENTRY_CHAR || e.type == ENTRY_BLOCK)
		TRY(decode_device(h, e.path, &e));
	e.xattrs = t->xattrs.at;
	e.xattr_count = t->xattrs.len;
	*ret = e;
	return NULL;
}

/* A block that is a header, or the end (after which the rest is drained). */
static Err *read_header(TarReader *t, TarHeader *ret, bool *ret_end)
{
	size_t n;
	*ret_end = false;
	TRY(tar_read_full(t, ret, TAR_BLOCK, &n));
	bool zero = n == TAR_BLOCK && is_zero_block(ret);
	if (zero)
		TRY(tar_read_full(t, ret, TAR_BLOCK, &n));
	if (n == 0 || (zero && n == TAR_BLOCK && is_zero_block(ret))) {
		*ret_end = true;
		t->ahead_start = t->ahead_end = 0;
		return reader_drain(t->below);
	}
	if (n < TAR_BLOCK)
		return tar_cut_short(t);
	if (zero)
		return err_new(ERR_CORRUPT, "data after half an end of the archive");
	if (tar_is_header(ret))
		return NULL;
	if (t->path.len == 0)
		return err_new(ERR_CORRUPT, "not a tar archive: bad header checksum");
	return err_new(ERR_CORRUPT, "bad header checksum after '%s'", t->path.ptr);
}

/* Read headers until one is of an entry itself. */
static Err *next_entry(TarReader *t, Entry *ret, bool *ret_end)
{
	TRY(tar_skip_bytes(t, t->data_left + t->padding));
	t->data_left = t->padding = 0;
	t->extra = (Extra){ 0 };
	t->xattrs.len = 0;
	tar_sparse_forget(t);
	for (bool described = false;;) {
		TarHeader h;
		int64_t size;
		TRY(read_header(t, &h, ret_end));
		if (*ret_end && described)
			return err_new(ERR_CORRUPT, "the archive ends within an entry");
		if (*ret_end)
			return NULL;
		if (!tar_is_extra(h.type))
			return decode_entry(t, &h, ret);
		if (!parse_number(h.size, sizeof h.size, &size) || size < 0)
			return bad_field(field_text(h.name, sizeof h.name), "bad size");
		Str own_name = field_text(h.name, sizeof h.name);
		TRY_WHILE(tar_read_extra(t, h.type, (uint64_t)size), "reading the header '%.*s'",
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

static Err *plain_data(TarReader *t, void *buf, size_t cap, size_t *ret_len)
{
	size_t n = t->data_left < cap ? (size_t)t->data_left : cap;
	if (n > 0) {
		TRY(tar_read_some(t, buf, n, &n));
		if (n == 0)
			return tar_cut_short(t);
	}
	t->data_left -= n;
	*ret_len = n;
	return NULL;
}

bool tar_reader_data_at(const TarReader *t, uint64_t *ret_offset)
{
	*ret_offset = t->taken - (t->ahead_end - t->ahead_start);
	return !t->sparse.on;
}

Err *tar_reader_data(TarReader *t, void *buf, size_t cap, size_t *ret_len)
{
	if (t->failed)
		return err_new(ERR_CORRUPT, "the archive could not be read");
	Err *err = t->sparse.on ? tar_sparse_data(t, buf, cap, ret_len)
	                        : plain_data(t, buf, cap, ret_len);
	t->failed = err != NULL;
	return err;
}
