/*
 * folder.c - skopeo's dir: one image in one folder, its blobs under their hex digests.
 *
 * SOURCE: containers-transports(5); `version` is what containers/image writes.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/stat.h>

static const char version[] = "Directory Transport Version: 1.1\n";

static Err *write_blob(Store *s, const Descriptor *d, int dir_fd, const Cancel *cancel)
{
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_CLOSE int fd = openat(dir_fd, digest_hex(&d->digest, hex).ptr,
	                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_set_elsewhere(err_sys(errno, "cannot create '%s'", hex));
	AUTO_READER Reader *from = NULL;
	AUTO_WRITER Writer *to = writer_to_fd(fd, hex);
	TRY(store_blob_reader(s, &d->digest, d->size, cancel, &from));
	return stream_copy(from, to, cancel);
}

static Err *write_all(Store *s, Str json, const Manifest *m, int dir_fd, const Cancel *cancel)
{
	TRY(path_write_file(dir_fd, "version", str_from(version), 0644, false));
	for (size_t i = 0; i < m->layer_count; i++)
		TRY(write_blob(s, &m->layers[i], dir_fd, cancel));
	TRY(write_blob(s, &m->config, dir_fd, cancel));
	return path_write_file(dir_fd, "manifest.json", json, 0644, false);
}

Err *export_folder(Store *s, const Image *image, Str dest, const CompressionSpec *compression,
                   const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str json;
	Digest digest;
	Manifest m;
	TRY(export_publish(s, image, compression, NULL, cancel, &a, &json, &digest));
	TRY(manifest_parse(&a, json, "manifest", &m));
	const char *path = arena_str(&a, dest).ptr;
	if (mkdirat(AT_FDCWD, path, 0755) < 0 && errno != EEXIST)
		return err_set_elsewhere(err_sys(errno, "cannot create '%s'", path));
	AUTO_CLOSE int dir = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot open '%s'", path);
	return err_while(write_all(s, json, &m, dir, cancel), "writing '%s'", path);
}
