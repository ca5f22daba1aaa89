/*
 * archive.c - ADD of a local archive: is it one, and what is in it?
 *
 * Told by content, never by name: a tar header with a good checksum, plain or inside a compression
 * that we know.  It is unpacked beneath a scratch directory first (no link of the archive can lead
 * out of it), and its files are then taken from there.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "exec/fetch.h"
#include "fs/path.h"
#include "layer/extract.h"
#include "layer/foreign.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { SNIFF_BYTES = 16 };

static Err *rewind_fd(int fd)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(errno, "cannot rewind an archive") : NULL;
}

/*
 * Does the stream begin with an entry of a tar?  As docker does it, one that cannot be read is no
 * archive: the file is copied as it is.  From the second entry on, damage is an error.
 */
static bool begins_with_tar(Reader *plain)
{
	Entry e;
	bool end = false;
	AUTO_TAR_READER TarReader *tar = tar_reader_new(plain);
	Err *err = tar_reader_next(tar, &e, &end);
	/* ERR_INPUT: a good archive that we cannot read yet, which unpacking will say */
	bool is = err ? err_kind(err) == ERR_INPUT : !end;
	err_free(err); /* told by the result */
	return is;
}

static Err *sniff(int fd, CompressionId *ret_id, const char **ret_foreign)
{
	char head[SNIFF_BYTES];
	ssize_t n = pread(fd, head, sizeof head, 0);
	if (n < 0)
		return err_sys(errno, "cannot read an archive");
	Str text = { head, (size_t)n };
	*ret_foreign = compressor_foreign(text);
	*ret_id = compressor_sniff(text);
	return NULL;
}

/* An archive being read from its start. */
typedef struct Opened {
	Reader *file, *plain; /* as it is, and without its compression */
} Opened;

static void opened_done(Opened *o)
{
	if (o->plain)
		reader_close(o->plain);
	if (o->file)
		reader_close(o->file);
}

/* FOREIGN: what compresses it, if none of our own; else NULL. */
static Err *open_plain(int fd, CompressionId id, const char *foreign, Opened *ret)
{
	TRY(rewind_fd(fd));
	ret->file = reader_from_fd(fd, "an archive");
	if (foreign)
		return foreign_reader(ret->file, &ret->plain);
	ret->plain = compressor_reader(id, ret->file);
	return NULL;
}

static Err *is_archive(int fd, bool *ret_is, CompressionId *ret_id, const char **ret_foreign)
{
	TRY(sniff(fd, ret_id, ret_foreign));
	CLEANUP(opened_done) Opened o = { 0 };
	TRY(open_plain(fd, *ret_id, *ret_foreign, &o));
	*ret_is = begins_with_tar(o.plain);
	return NULL;
}

static Err *unpack(Build *b, int fd, CompressionId id, const char *foreign, int root,
                   List **ret_list)
{
	CLEANUP(opened_done) Opened o = { 0 };
	TRY(open_plain(fd, id, foreign, &o));
	Extract x = { .root_fd = root, .content_only = true, .cancel = b->cancel };
	return extract_tar(&x, o.plain, ret_list);
}

Err *archive_unpack(Build *b, int fd, Str name, Arena *a, Str *ret_dir, List **ret_list)
{
	bool is;
	CompressionId id = { 0 };
	const char *foreign = NULL;
	int tmp;
	char dir[32];
	*ret_list = NULL;
	TRY(is_archive(fd, &is, &id, &foreign));
	if (!is)
		return NULL;
	TRY(store_tmp_fd(b->store, &tmp));
	/* removed with the scratch space when the build ends */
	store_tmp_name(b->store, "add", dir);
	if (mkdirat(tmp, dir, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	AUTO_CLOSE int root = openat(tmp, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(errno, "cannot open a scratch directory");
	Err *e = unpack(b, fd, id, foreign, root, ret_list);
	if (e && err_kind(e) == ERR_CORRUPT) /* the user's file, not the store */
		e = err_set_kind(e, ERR_INPUT);
	if (e)
		return err_while(e, "unpacking the archive '%.*s'", STR_ARG(name));
	*ret_dir = arena_str(a, str_from(dir));
	return NULL;
}

Err *archive_layer(Build *b, int fd, Str name, StoreLayer *ret, bool *ret_is)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	CompressionId id = { 0 };
	const char *foreign = NULL;
	TRY(is_archive(fd, ret_is, &id, &foreign));
	if (!*ret_is)
		return NULL;
	CLEANUP(opened_done) Opened o = { 0 };
	TRY(open_plain(fd, id, foreign, &o));
	LayerApply how = { .name = arena_strf(&a, "the archive '%.*s'", STR_ARG(name)).ptr,
		           .form = LAYER_FORM_DIR,
		           .archive = true,
		           .cancel = b->cancel,
		           .overlay_prefix = sandbox_overlay_prefix() };
	Err *e = layer_apply(b->store, o.plain, &how, ret);
	/* the user's file, not the store */
	return e && err_kind(e) == ERR_CORRUPT ? err_set_kind(e, ERR_INPUT) : e;
}
