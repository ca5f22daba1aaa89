/* pack.c - a layer's compressed blob: made once, remembered in map/, for push, save and publish. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "layer/layer-internal.h"

#include <fcntl.h>

/* Progress by what goes in: the uncompressed bytes. */
typedef struct Meter {
	Writer writer;
	Writer *below;
	Progress *progress;
	unsigned line;
	Str name;
	uint64_t current, total, told;
} Meter;

static Err *meter_write(Writer *w, const void *bytes, size_t len)
{
	enum { TELL_BYTES = 4 << 20 };
	Meter *m = (Meter *)w;
	m->current += len;
	if (m->current - m->told >= TELL_BYTES) {
		m->told = m->current;
		progress_bytes(m->progress, m->line, m->name, m->current, m->total);
	}
	return writer_write(m->below, bytes, len);
}

static Err *meter_finish(Writer *w)
{
	(void)w;
	return NULL;
}

static void meter_close(Writer *w)
{
	(void)w; /* lives on the stack of its user */
}

static const WriterOps meter_ops = { meter_write, meter_finish, meter_close };

/* A blob that is known already: of this compression, made by us with this level, or by others with
 * any. */
static Err *find_known(Store *s, const Digest *diff_id, const CompressionSpec *spec, bool any_level,
                       StoreBlobOf *ret, bool *found)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count;
	*found = false;
	TRY(store_map_list(s, diff_id, &a, &blobs, &count));
	for (size_t i = 0; i < count && !*found; i++) {
		const StoreBlobOf *b = &blobs[i];
		if (b->compression == spec->id &&
		    ((b->level == 0 && any_level) || b->level == spec->level)) {
			*ret = *b;
			*found = true;
		}
	}
	return NULL;
}

static Err *write_packed(Store *s, const Digest *diff_id, const CompressionSpec *spec, Meter *meter,
                         int fd, const Cancel *cancel, StoreBlobOf *ret)
{
	AUTO_WRITER Writer *file = writer_to_fd_what(fd, "a layer to the store");
	AUTO_WRITER Writer *hash = writer_hash(file);
	AUTO_WRITER Writer *packed = compressor_writer(spec, hash);
	meter->below = packed;
	TRY(layer_write_tar(s, diff_id, &meter->writer, cancel));
	TRY(writer_finish(packed));
	TRY(writer_finish(hash));
	TRY(writer_finish(file));
	ret->digest = writer_hash_digest(hash);
	ret->size = writer_hash_count(hash);
	return NULL;
}

Err *layer_pack(Store *s, const Digest *diff_id, const CompressionSpec *wanted, Progress *progress,
                unsigned line, const Cancel *cancel, StoreBlobOf *ret)
{
	CompressionSpec spec = *wanted;
	StoreLayer layer;
	bool found;
	int tmp;
	char name[32], text[DIGEST_TEXT_LEN + 1];
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	if (spec.level == 0)
		spec.level = compressor_table[spec.id].level_default;
	TRY(store_lock(s, "pack", diff_id, cancel, &lock)); /* made once by many */
	TRY(store_layer_get(s, diff_id, &layer));
	*ret = (StoreBlobOf){ .digest = *diff_id,
		              .size = layer.tar_bytes,
		              .compression = spec.id,
		              .level = spec.level };
	if (spec.id == COMPRESSION_NONE && layer.has_tar)
		return NULL;
	if (spec.id != COMPRESSION_NONE) {
		TRY(find_known(s, diff_id, &spec, wanted->level == 0, ret, &found));
		if (found)
			return NULL;
	}
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "pack", name);
	AUTO_CLOSE int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	Meter meter = { .writer = { &meter_ops },
		        .progress = progress,
		        .line = line,
		        .name = digest_text(diff_id, text),
		        .total = layer.tar_bytes };
	Err *e = write_packed(s, diff_id, &spec, &meter, fd, cancel, ret);
	if (!e)
		e = store_blob_publish(s, name, &ret->digest);
	if (!e && spec.id != COMPRESSION_NONE)
		e = store_map_add(s, diff_id, ret);
	if (e)
		(void)unlinkat(tmp, name, 0); /* the first error is the one that is told */
	return err_while(e, "compressing the layer '%s'", text);
}
