/* dir.c - the names in one directory, by getdents64. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/dir-internal.h"

#include <sys/syscall.h>

bool dir_name_is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

void dir_names_done(DirNames *n)
{
	buf_done(&n->text);
	free(n->names);
	*n = (DirNames){ 0 };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const DirName *)a)->name, ((const DirName *)b)->name);
}

/* The text is one record a name: the type, the name, NUL. */
static int read_text(int fd, Buf *text, size_t *ret_count)
{
	char entries[DIR_ENTRIES_BYTES] __attribute__((aligned(8)));
	size_t count = 0;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, entries, sizeof entries);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		for (long at = 0; at < n;) {
			const DirEntry *d = (const DirEntry *)(entries + at);
			at += d->record_bytes;
			if (dir_name_is_dots(d->name))
				continue;
			buf_add_char(text, (char)d->type);
			buf_add(text, d->name, strlen(d->name) + 1);
			count++;
		}
	}
	*ret_count = count;
	return 0;
}

int dir_names_read(int fd, DirNames *ret)
{
	DirNames n = { 0 };
	int r = read_text(fd, &n.text, &n.count);
	if (r < 0) {
		dir_names_done(&n);
		return r;
	}
	n.names = xreallocarray(NULL, n.count + 1, sizeof *n.names);
	const char *p = n.text.ptr;
	bool sorted = true;
	for (size_t i = 0; i < n.count; i++) {
		DirName *d = &n.names[i];
		*d = (DirName){ .type = (unsigned char)*p,
			        .name = p + 1,
			        .len = (uint32_t)strlen(p + 1) };
		p += d->len + 2;
		if (i > 0 && compare_names(d - 1, d) > 0)
			sorted = false;
	}
	if (!sorted)
		qsort(n.names, n.count, sizeof *n.names, compare_names);
	*ret = n;
	return 0;
}
