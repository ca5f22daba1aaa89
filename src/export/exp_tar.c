/* exp_tar.c - type=tar: the root file system of the image as one archive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/flat.h"

typedef struct TarExport {
	TarWriter *tar;
	char *buf;
} TarExport;

enum { COPY_BYTES = 256 << 10 };

static Err *write_entry(void *context, const Entry *e, Reader *data)
{
	TarExport *x = context;
	TRY(tar_writer_entry(x->tar, e));
	while (data) {
		size_t n;
		TRY(reader_read(data, x->buf, COPY_BYTES, &n));
		if (n == 0)
			break;
		TRY(tar_writer_data(x->tar, x->buf, n));
	}
	return NULL;
}

Err *export_tar(const ExportJob *job)
{
	AUTO_EXPORT_FILE ExportFile file = EXPORT_FILE_NONE;
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	if (job->count != 1)
		return err_new(ERR_INPUT, "type=tar takes one image");
	TRY(export_file_open(job->out->dest, &file));
	AUTO_WRITER Writer *out = writer_to_fd(file.fd, job->out->dest.ptr);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	TarExport x = { tar, buf };
	TRY(export_flat_each(job, &job->images[0].images[0], write_entry, &x));
	TRY(tar_writer_finish(tar));
	TRY(writer_finish(out));
	return export_file_commit(&file);
}
