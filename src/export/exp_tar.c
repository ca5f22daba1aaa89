/*
 * exp_tar.c - type=tar: the root file system of the image as one archive; those of several
 * platforms each in a folder of its own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "export/attest-internal.h"
#include "export/flat.h"

typedef struct TarExport {
	TarWriter *tar;
	char *buf;
	int64_t epoch_ns;
	Str prefix; /* "" or the folder of the platform */
	Arena *arena;
	Map *dirs; /* written already; NULL: no path can come twice */
} TarExport;

enum { COPY_BYTES = 256 << 10 };

static Str below(Str prefix, Str path, Buf *out)
{
	if (!prefix.len)
		return path;
	buf_reset(out);
	buf_addf(out, "%.*s/%.*s", STR_ARG(prefix), STR_ARG(path));
	return buf_str(out);
}

static Err *write_entry(void *context, const Entry *e, Reader *data)
{
	TarExport *x = context;
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf link = BUF_INIT;
	Entry own = *e;
	own.path = below(x->prefix, e->path, &path);
	if (e->type == ENTRY_HARDLINK)
		own.link = below(x->prefix, e->link, &link);
	if (x->epoch_ns >= 0)
		own.mtime_ns = x->epoch_ns;
	if (x->dirs && e->type == ENTRY_DIR) {
		if (map_find(x->dirs, own.path))
			return NULL;
		map_put(x->dirs, arena_str(x->arena, own.path), NULL);
	}
	TRY(tar_writer_entry(x->tar, &own));
	while (data) {
		size_t n;
		TRY(reader_read(data, x->buf, COPY_BYTES, &n));
		if (n == 0)
			break;
		TRY(tar_writer_data(x->tar, x->buf, n));
	}
	return NULL;
}

static Err *write_attestation(void *context, Str name, Str json)
{
	TarExport *x = context;
	Entry file = { .path = name, .type = ENTRY_FILE, .mode = 0600, .size = json.len };
	AUTO_READER Reader *data = reader_from_memory(json);
	return write_entry(x, &file, data);
}

static Err *write_images(ExportJob *job, TarExport *x)
{
	const ExportImage *image = &job->images[0];
	for (size_t i = 0; i < image->image_count; i++) {
		x->prefix = export_platform_dir(job, &image->images[i], x->arena);
		if (x->prefix.len) {
			Entry dir = { .path = x->prefix,
				      .type = ENTRY_DIR,
				      .mode = 0755,
				      .mtime_ns = x->epoch_ns >= 0 ? x->epoch_ns : 0 };
			TRY(tar_writer_entry(x->tar, &dir));
		}
		TRY(export_flat_each(job, &image->images[i], NULL, write_entry, x));
		TRY(export_attest_files(job, &image->images[i], write_attestation, x));
	}
	return NULL;
}

Err *export_tar(ExportJob *job)
{
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map dirs = MAP_INIT;
	if (job->count != 1)
		return err_new(ERR_INPUT, "type=tar takes one image");
	TRY(export_platforms_check(job));
	AUTO_WRITER Writer *out = writer_to_fd(job->file.fd, job->out->dest.ptr);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	TarExport x = { .tar = tar, .buf = buf, .epoch_ns = job->epoch_ns, .arena = &a };
	if (job->images[0].image_count > 1)
		x.dirs = &dirs;
	TRY(write_images(job, &x));
	TRY(tar_writer_finish(tar));
	TRY(writer_finish(out));
	return export_file_commit(&job->file);
}
