/* tar-internal.h - the header block of a tar archive (POSIX.1-2017 pax, "ustar Interchange
 * Format"). */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

enum { TAR_BLOCK = 512 };

typedef struct TarHeader {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char padding[12];
} TarHeader;

_Static_assert(sizeof(TarHeader) == TAR_BLOCK, "a header is one block");

/* Sum of all bytes with the checksum field taken as blanks; *ret_signed: the same of signed bytes,
 * which some old writers made. */
uint32_t tar_checksum(const TarHeader *h, int32_t *ret_signed);
/* Bytes that follow SIZE bytes of data up to the next block. */
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}
