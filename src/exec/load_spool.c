/*
 * load_spool.c - the members of an image archive, each in a scratch file with its digest.
 *
 * The document that says what the members are may come last, and on a pipe nothing can be read
 * twice.  So everything is kept in scratch files first, under names of ours: what the archive calls
 * a member is only a key of a map and never becomes a path.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/compress.h"
#include "codec/tar.h"
#include "exec/load-internal.h"
#include "fs/path.h"
#include "layer/foreign.h"

#include <fcntl.h>

enum {
	COPY_BYTES = 256 << 10,
	MEMBERS_MAX = 65536, /* a docker archive has 3 a layer; an inode bomb has more */
	LINKS_MAX = 8,
	HEAD_BYTES = 16,
};

/* --- the stream ------------------------------------------------------------------------------ */

/* A reader whose first bytes were looked at. */
typedef struct Peek {
	Reader reader;
	Reader *below;
	char head[HEAD_BYTES];
	size_t len, at;
} Peek;

static Err *peek_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Peek *p = (Peek *)r;
	if (p->at == p->len)
		return reader_read(p->below, buf, cap, ret_len);
	size_t n = p->len - p->at < cap ? p->len - p->at : cap;
	memcpy(buf, p->head + p->at, n);
	p->at += n;
	*ret_len = n;
	return NULL;
}

static void peek_close(Reader *r)
{
	free(r);
}

Err *load_unwrap(Reader *in, Reader **ret_peek, Reader **ret, bool *ret_empty)
{
	static const ReaderOps ops = { peek_read, peek_close };
	Peek *p = xcalloc(1, sizeof *p);
	p->reader.ops = &ops;
	p->below = in;
	AUTO_READER Reader *peek = &p->reader;
	TRY(reader_read_full(in, p->head, sizeof p->head, &p->len));
	Str head = { p->head, p->len };
	*ret_empty = p->len == 0;
	if (compressor_foreign(head))
		TRY(foreign_reader(peek, ret));
	else
		*ret = compressor_reader(compressor_sniff(head), peek);
	*ret_peek = TAKE_PTR(peek);
	return NULL;
}

/* --- members --------------------------------------------------------------------------------- */

static Err *read_tar(void *context, void *buf, size_t cap, size_t *ret_len)
{
	return tar_reader_data(context, buf, cap, ret_len);
}

Err *load_spool_write(const Spool *spool, LoadRead *read, void *context, Member *m)
{
	store_tmp_name(spool->store, "load", m->tmp);
	AUTO_CLOSE int fd =
		openat(spool->tmp_fd, m->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	Sha256 hash;
	sha256_init(&hash);
	for (;;) {
		size_t n;
		TRY(cancel_check(spool->cancel));
		TRY(read(context, buf, COPY_BYTES, &n));
		if (n == 0)
			break;
		m->size += n;
		sha256_add(&hash, buf, n);
		TRY(path_write_what(fd, buf, n, "a scratch file in the store"));
	}
	m->digest = sha256_end(&hash);
	return NULL;
}

static bool same_member(const Member *a, const Member *b)
{
	return str_eq(a->link, b->link) && digest_eq(&a->digest, &b->digest);
}

/* Where a link of a member leads: a key of the map, or "" if it leaves the archive. */
static Str link_target(Arena *a, const Entry *e)
{
	if (e->type == ENTRY_HARDLINK)
		return arena_str(a, e->link);
	Str parent = entry_parent(e->path);
	Str target = str_starts(e->link, STR("/")) || parent.len == 0
	                     ? path_clean(a, e->link)
	                     : path_clean(a, arena_strf(a, "%.*s/%.*s", STR_ARG(parent),
	                                                STR_ARG(e->link)));
	return entry_path_is_clean(target) ? target : STR("");
}

static Err *take_member(Spool *spool, TarReader *tar, const Entry *e)
{
	Member *m = arena_new(spool->arena, Member);
	m->name = arena_str(spool->arena, e->path);
	if (e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK) {
		m->link = link_target(spool->arena, e);
		if (m->link.len == 0)
			return err_new(ERR_CORRUPT, "it is a link that leads out of the archive");
	} else if (e->type == ENTRY_FILE) {
		m->link = STR("");
		TRY(load_spool_write(spool, read_tar, tar, m));
	} else {
		return err_new(ERR_CORRUPT, "it is neither a file nor a directory");
	}
	Member *before = map_put(spool->members, m->name, m);
	if (before && !same_member(before, m))
		return err_new(ERR_CORRUPT, "it is there twice, with different content");
	if (before && before->tmp[0])
		(void)unlinkat(spool->tmp_fd, before->tmp, 0); /* scratch: reaped with the rest */
	return NULL;
}

Err *load_spool_read(Spool *spool, Reader *tar)
{
	AUTO_TAR_READER TarReader *t = tar_reader_new(tar);
	for (;;) {
		Entry e;
		bool end;
		TRY(tar_reader_next(t, &e, &end));
		if (end)
			return NULL;
		if (e.type == ENTRY_DIR)
			continue;
		if (spool->members->len >= MEMBERS_MAX)
			return err_new(ERR_CORRUPT,
			               "more than %d members: this is no image archive",
			               MEMBERS_MAX);
		TRY_WHILE(take_member(spool, t, &e), "reading the member '%.*s'", STR_ARG(e.path));
	}
}

void load_spool_done(Spool *spool)
{
	for (size_t i = 0; i < spool->members->len; i++) {
		const Member *m = spool->members->slots[i].value;
		if (m->tmp[0])
			(void)unlinkat(spool->tmp_fd, m->tmp,
			               0); /* published ones are gone already */
	}
	map_done(spool->members);
}

Err *load_spool_find(const Spool *spool, Str name, const Member **ret)
{
	*ret = NULL;
	if (spool->dir_fd >= 0 && !map_get(spool->members, name))
		TRY_WHILE(load_folder_take(spool, name), "reading the file '%.*s'", STR_ARG(name));
	for (int hops = 0; hops <= LINKS_MAX; hops++) {
		const Member *m = map_get(spool->members, name);
		if (!m || m->link.len == 0) {
			*ret = m;
			return NULL;
		}
		name = m->link;
	}
	return NULL;
}

Err *load_spool_open(const Spool *spool, const Member *m, int *ret_fd)
{
	int fd = openat(spool->tmp_fd, m->tmp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) { /* it has become a blob */
		uint64_t size;
		return store_blob_open(spool->store, &m->digest, ret_fd, &size);
	}
	if (fd < 0)
		return err_sys(errno, "cannot open the scratch file of '%.*s'", STR_ARG(m->name));
	*ret_fd = fd;
	return NULL;
}

Err *load_spool_read_file(const Spool *spool, const Member *m, size_t limit, Buf *out)
{
	if (m->size > limit)
		return err_new(ERR_CORRUPT, "'%.*s' is larger than %zu bytes", STR_ARG(m->name),
		               limit);
	AUTO_CLOSE int fd = -1;
	TRY(load_spool_open(spool, m, &fd));
	AUTO_READER Reader *r = reader_from_fd(fd, m->name.ptr);
	return reader_read_all(r, limit, m->name.ptr, out);
}
