/*
 * tar_sparse.c - files with holes, as GNU tar and others write them in pax archives.
 *
 * Three forms: 0.0 gives each piece in two records, 0.1 all in one record (GNU.sparse.map), 1.0 in
 * front of the data, as decimal lines that fill whole blocks.  The pieces' bytes follow each other
 * in the archive.  The old form (type 'S') is refused, as by docker.
 * SOURCE   GNU tar manual, "Storing Sparse Files"; Go's archive/tar decides where they differ
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/tar_read-internal.h"

enum { NUMBER_BYTES_MAX = 20 };

void tar_sparse_forget(TarReader *t)
{
	Str none = STR("");
	t->sparse.on = false;
	t->sparse.pieces.len = 0;
	t->sparse.next = 0;
	t->sparse.at = t->sparse.size = 0;
	t->extra.sparse = (SparseRecords){ none, none, none, none, none, none, none };
}

static Err *bad_map(void)
{
	return err_new(ERR_CORRUPT, "bad map of a sparse file");
}

static Err *add_piece(TarReader *t, Str offset, Str length)
{
	SparsePiece p = { 0 };
	if (!str_to_u64(offset, &p.offset) || !str_to_u64(length, &p.length))
		return bad_map();
	VEC_PUSH(&t->sparse.pieces, p);
	return NULL;
}

/* --- records -----------------------------------------------------------------------------------
 */

/* 0.0: "offset" and "numbytes" by turns. */
static Err *take_half(TarReader *t, bool is_length, Str value)
{
	Str *offset = &t->extra.sparse.map; /* of a piece whose length is to come */
	if (is_length != (offset->len > 0))
		return bad_map();
	if (!is_length) {
		*offset = value;
		return value.len ? NULL : bad_map();
	}
	TRY(add_piece(t, *offset, value));
	*offset = STR("");
	return NULL;
}

Err *tar_sparse_record(TarReader *t, Str key, Str value)
{
	SparseRecords *r = &t->extra.sparse;
	const struct {
		const char *key;
		Str *to;
	} texts[] = {
		{ "major", &r->major }, { "minor", &r->minor },
		{ "name", &r->name },   { "realsize", &r->real_size },
		{ "size", &r->size },   { "numblocks", &r->count },
		{ "map", &r->map },
	};
	if (str_eqc(key, "offset") || str_eqc(key, "numbytes"))
		return take_half(t, str_eqc(key, "numbytes"), value);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (str_eqc(key, texts[i].key))
			*texts[i].to = value;
	return NULL;
}

/* --- maps --------------------------------------------------------------------------------------
 */

/* 0.1: "0,512,1024,512" */
static Err *read_text_map(TarReader *t)
{
	Str rest = t->extra.sparse.map, offset, length;
	uint64_t count = 0;
	while (rest.len) {
		rest = str_cut(str_cut(rest, ',', &offset), ',', &length);
		TRY(add_piece(t, offset, length));
	}
	if (!str_to_u64(t->extra.sparse.count, &count) || count != t->sparse.pieces.len)
		return bad_map();
	return NULL;
}

/* The map in front of the data, a block at a time. */
typedef struct Lines {
	char block[TAR_BLOCK];
	size_t at;
	uint64_t bytes; /* read so far */
} Lines;

static Err *next_number(TarReader *t, Lines *l, uint64_t *ret)
{
	char text[NUMBER_BYTES_MAX];
	for (size_t len = 0;; len++) {
		if (l->at == TAR_BLOCK) {
			size_t n;
			if (t->data_left < TAR_BLOCK || l->bytes > PAX_HEADER_BYTES_MAX)
				return bad_map();
			TRY(tar_read_full(t, l->block, TAR_BLOCK, &n));
			if (n < TAR_BLOCK)
				return tar_cut_short(t);
			t->data_left -= TAR_BLOCK;
			l->bytes += TAR_BLOCK;
			l->at = 0;
		}
		char c = l->block[l->at++];
		if (c == '\n')
			return str_to_u64((Str){ text, len }, ret) ? NULL : bad_map();
		if (len == sizeof text)
			return bad_map();
		text[len] = c;
	}
}

/* 1.0 */
static Err *read_map_of_data(TarReader *t)
{
	Lines l = { .at = TAR_BLOCK };
	uint64_t count = 0;
	TRY(next_number(t, &l, &count));
	for (uint64_t i = 0; i < count; i++) {
		SparsePiece p = { 0 };
		TRY(next_number(t, &l, &p.offset));
		TRY(next_number(t, &l, &p.length));
		VEC_PUSH(&t->sparse.pieces, p);
	}
	return NULL;
}

/* In order, apart, inside the file, and as many bytes as there are. */
static Err *check_map(const TarReader *t)
{
	const uint64_t size = t->sparse.size;
	uint64_t end = 0, sum = 0;
	for (size_t i = 0; i < t->sparse.pieces.len; i++) {
		const SparsePiece *p = &t->sparse.pieces.at[i];
		if (p->offset < end || p->offset > size || p->length > size - p->offset)
			return bad_map();
		end = p->offset + p->length;
		sum += p->length; /* at most the size */
	}
	return sum == t->data_left ? NULL : bad_map();
}

/* *ret false: a form that is not known is no sparse file, says Go. */
static Err *read_map(TarReader *t, bool *ret)
{
	const SparseRecords *r = &t->extra.sparse;
	bool pieces = t->sparse.pieces.len > 0;
	*ret = true;
	if (str_eqc(r->major, "1") && str_eqc(r->minor, "0"))
		return read_map_of_data(t);
	bool old = str_eqc(r->major, "0") && (str_eqc(r->minor, "0") || str_eqc(r->minor, "1"));
	*ret = old || (!r->major.len && !r->minor.len && (pieces || r->map.len));
	if (!*ret || pieces)
		return NULL;
	return read_text_map(t);
}

Err *tar_sparse_begin(TarReader *t, bool *ret_is_sparse, Str *ret_path, uint64_t *ret_size)
{
	const SparseRecords *r = &t->extra.sparse;
	Str size = r->size.len ? r->size : r->real_size;
	TRY(read_map(t, ret_is_sparse));
	if (!*ret_is_sparse)
		return NULL;
	t->sparse.size = *ret_size;
	if (size.len && !str_to_u64(size, &t->sparse.size))
		return bad_map();
	if (t->sparse.size > SPARSE_BYTES_MAX)
		return err_new(ERR_CORRUPT, "a sparse file of %llu bytes (at most %llu)",
		               (unsigned long long)t->sparse.size, SPARSE_BYTES_MAX);
	TRY(check_map(t));
	t->sparse.on = true;
	*ret_path = r->name;
	*ret_size = t->sparse.size;
	return NULL;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static size_t least(uint64_t left, size_t cap)
{
	return left < cap ? (size_t)left : cap;
}

Err *tar_sparse_data(TarReader *t, void *buf, size_t cap, size_t *ret_len)
{
	Sparse *s = &t->sparse;
	while (s->next < s->pieces.len &&
	       s->at == s->pieces.at[s->next].offset + s->pieces.at[s->next].length)
		s->next++;
	const SparsePiece *p = s->next < s->pieces.len ? &s->pieces.at[s->next] : NULL;
	if (!p || s->at < p->offset) {
		*ret_len = least((p ? p->offset : s->size) - s->at, cap);
		memset(buf, 0, *ret_len);
	} else {
		TRY(tar_read_some(t, buf, least(p->offset + p->length - s->at, cap), ret_len));
		if (*ret_len == 0)
			return tar_cut_short(t);
		t->data_left -= *ret_len;
	}
	s->at += *ret_len;
	return NULL;
}
