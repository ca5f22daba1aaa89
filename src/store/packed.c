/* packed.c - writing and reading packed files (packed-internal.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/packed-internal.h"

#include <endian.h>

void store_packed_put_number(Buf *out, uint64_t n)
{
	uint64_t le = htole64(n);
	buf_add(out, &le, sizeof le);
}

void store_packed_put_text(Buf *out, Str s)
{
	store_packed_put_number(out, s.len);
	buf_add_str(out, s);
}

void store_packed_put_digest(Buf *out, const Digest *d)
{
	buf_add(out, d->bytes, sizeof d->bytes);
}

void store_packed_close(Buf *out)
{
	Digest all = sha256_of(buf_str(out));
	store_packed_put_digest(out, &all);
}

/* TEXT without head and check, if both are right. */
static bool open_text(Str *text, Str head)
{
	if (!str_starts(*text, head) || text->len < head.len + sizeof(Digest))
		return false;
	Str body = str_head(*text, text->len - sizeof(Digest));
	Digest is = sha256_of(body);
	*text = str_from_at(body, head.len);
	return memcmp(is.bytes, body.ptr + body.len, sizeof is.bytes) == 0;
}

bool store_packed_read(Store *s, const char *path, Str head, Buf *bytes, StorePacked *ret)
{
	int errnum;
	if (!store_read_small(s, path, bytes, &errnum))
		return false;
	*ret = (StorePacked){ .rest = buf_str(bytes) };
	return open_text(&ret->rest, head);
}

static const char *take(StorePacked *p, uint64_t bytes)
{
	if (p->bad || bytes > p->rest.len) {
		p->bad = true;
		return NULL;
	}
	const char *at = p->rest.ptr;
	p->rest = str_from_at(p->rest, (size_t)bytes);
	return at;
}

uint64_t store_packed_number(StorePacked *p)
{
	uint64_t le = 0;
	const char *at = take(p, sizeof le);
	if (at)
		memcpy(&le, at, sizeof le);
	return le64toh(le);
}

Str store_packed_text(StorePacked *p)
{
	uint64_t len = store_packed_number(p);
	const char *at = take(p, len);
	return at ? (Str){ at, (size_t)len } : STR("");
}

Digest store_packed_digest(StorePacked *p)
{
	Digest d = { 0 };
	const char *at = take(p, sizeof d.bytes);
	if (at)
		memcpy(d.bytes, at, sizeof d.bytes);
	return d;
}

size_t store_packed_count(StorePacked *p, size_t least)
{
	uint64_t count = store_packed_number(p);
	if (count > p->rest.len / least)
		p->bad = true;
	return p->bad ? 0 : (size_t)count;
}
