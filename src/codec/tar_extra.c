/* tar_extra.c - headers that describe the next entry: pax, global pax, GNU's long names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/pax-internal.h"
#include "codec/tar_read-internal.h"

enum {
	/* A GNU long name ends with a NUL that its size counts. */
	LONG_NAME_MAX = PATH_BYTES_MAX + 1,
};

/* The data of a header that describes another one, at most LIMIT bytes, whole blocks. */
static Err *read_meta(TarReader *t, uint64_t size, size_t limit, const char *what, Buf *out)
{
	if (size > limit)
		return err_new(ERR_CORRUPT, "%s of %llu bytes (at most %zu)", what,
		               (unsigned long long)size, limit);
	buf_reset(out);
	/* Room grows with what has come, so that a short archive cannot claim much. */
	for (uint64_t left = size; left > 0;) {
		size_t step = left < TAR_READ_AHEAD ? (size_t)left : TAR_READ_AHEAD, n;
		buf_reserve(out, step);
		TRY(tar_read_some(t, out->ptr + out->len, step, &n));
		if (n == 0)
			return tar_cut_short(t);
		out->len += n;
		left -= n;
	}
	buf_add(out, "", 0);
	return tar_skip_bytes(t, tar_padding(size));
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
		return tar_sparse_record(t, str_from_at(key, 11), value);
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
	const Extra before = t->extra;
	/* What an earlier one said is gone. */
	t->extra = (Extra){ .has_gnu_path = before.has_gnu_path,
		            .has_gnu_link = before.has_gnu_link,
		            .gnu_path = before.gnu_path,
		            .gnu_link = before.gnu_link };
	tar_sparse_forget(t);
	t->xattrs.len = 0;
	TRY(read_meta(t, size, PAX_HEADER_BYTES_MAX, "pax header", &t->pax));
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
	for (Str rest = buf_str(&records), key, value; rest.len > 0;)
		TRY(pax_cut_record(&rest, &key, &value)); /* docker applies none */
	return NULL;
}

static Err *read_long_name(TarReader *t, uint64_t size, Buf *name, bool *has, Str *ret)
{
	TRY(read_meta(t, size, LONG_NAME_MAX, "GNU long name", name));
	*has = true;
	*ret = (Str){ name->ptr, name->ptr ? strnlen(name->ptr, name->len) : 0 };
	return NULL;
}

bool tar_is_extra(char type)
{
	return type && strchr("xgLKV", type);
}

Err *tar_read_extra(TarReader *t, char type, uint64_t size)
{
	Extra *x = &t->extra;
	switch (type) {
	case 'x':
		return read_pax(t, size);
	case 'g':
		return read_global_pax(t, size);
	case 'L':
		return read_long_name(t, size, &t->long_name, &x->has_gnu_path, &x->gnu_path);
	case 'K':
		return read_long_name(t, size, &t->long_link, &x->has_gnu_link, &x->gnu_link);
	default: { /* 'V': the label that GNU tar puts in front says nothing about files */
		AUTO_BUF Buf label = BUF_INIT;
		return read_meta(t, size, LONG_NAME_MAX, "volume label", &label);
	}
	}
}
