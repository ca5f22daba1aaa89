/*
 * packed-internal.h - the bytes of large derived files: a head, numbers and texts one after
 * another, a SHA-256 over all before.
 *
 * Numbers are little endian, eight bytes each; a text is its length and its bytes; digests are
 * bare.  What is read is never more than the file has: a read past its end sets .bad.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store-internal.h"

void store_packed_put_number(Buf *out, uint64_t n);
void store_packed_put_text(Buf *out, Str s);
void store_packed_put_digest(Buf *out, const Digest *d);
void store_packed_close(Buf *out); /* adds the SHA-256 */

typedef struct StorePacked {
	Str rest; /* borrowed of the file's bytes */
	bool bad; /* nothing more can be believed */
} StorePacked;

/* The file PATH of the store, which begins with HEAD, into BYTES; *RET is behind the head.  False:
 * there is none, or it is damaged, or of another decant. */
bool store_packed_read(Store *s, const char *path, Str head, Buf *bytes, StorePacked *ret);
uint64_t store_packed_number(StorePacked *p);
Str store_packed_text(StorePacked *p); /* not NUL-terminated */
Digest store_packed_digest(StorePacked *p);
/* How many things of at least LEAST bytes follow: never more than the bytes that are left hold. */
size_t store_packed_count(StorePacked *p, size_t least);
