/* mount_push.c - cache mounts → blobs and a manifest of a registry, and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "export/mount_push.h"
#include "fs/path.h"

#include <fcntl.h>

/* --- push ------------------------------------------------------------------------------------- */

typedef struct Pushing {
	Store *store;
	Registry *registry;
	const Reference *ref;
	Progress *progress;
	const Cancel *cancel;
	unsigned line;
} Pushing;

/* A packed cache in scratch space. */
typedef struct Packed {
	int fd;
	Descriptor blob;
} Packed;

static void packed_done(Packed *p)
{
	closep(&p->fd);
}

static Err *pack(const Pushing *p, const StoreMount *m, Packed *ret)
{
	int tmp;
	char name[32];
	CompressionSpec zstd = { .id = COMPRESSION_ZSTD };
	TRY(store_tmp_fd(p->store, &tmp));
	store_tmp_name(p->store, "mount", name);
	ret->fd = openat(tmp, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (ret->fd < 0 || unlinkat(tmp, name, 0) < 0)
		return err_sys(errno, "cannot create a scratch file");
	AUTO_WRITER Writer *file = writer_to_fd_what(ret->fd, "a scratch file in the store");
	AUTO_WRITER Writer *hash = writer_hash(file);
	AUTO_WRITER Writer *packed = compressor_writer(&zstd, hash);
	TRY(mount_archive_write_to(p->store, m, 1, packed, p->cancel));
	TRY(writer_finish(packed));
	TRY(writer_finish(hash));
	TRY(writer_finish(file));
	ret->blob = (Descriptor){ .media_type = STR(MEDIA_OCI_LAYER "+zstd"),
		                  .digest = writer_hash_digest(hash),
		                  .size = writer_hash_count(hash) };
	return NULL;
}

/* May be asked for again, if a try is repeated. */
static Err *open_packed(void *context, Reader **ret)
{
	const Packed *p = context;
	if (lseek(p->fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot read a scratch file");
	*ret = reader_from_fd(p->fd, "a scratch file");
	return NULL;
}

static Err *push_one(const Pushing *p, const StoreMount *m, Descriptor *blob, MountPushed *ret)
{
	CLEANUP(packed_done) Packed packed = { .fd = -1 };
	RegistryPushed how;
	TRY(pack(p, m, &packed));
	TRY(registry_push_blob(p->registry, p->ref, &packed.blob, STR(""), open_packed, &packed,
	                       p->progress, p->line, &how));
	*blob = packed.blob;
	*ret = (MountPushed){ .key = m->key,
		              .sent = how == REGISTRY_PUSHED,
		              .size_bytes = packed.blob.size };
	return NULL;
}

static void format_config(const StoreMount *mounts, size_t count, Buf *out)
{
	JsonWriter w = { .out = out };
	json_write_object(&w);
	json_write_key(&w, "mounts");
	json_write_array(&w);
	for (size_t i = 0; i < count; i++) {
		char hex[DIGEST_HEX_LEN + 1];
		json_write_object(&w);
		json_write_key(&w, "info");
		json_write_str(&w, mounts[i].info);
		json_write_key(&w, "key");
		json_write_str(&w, digest_hex(&mounts[i].key, hex));
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	json_write_object_end(&w);
}

static Err *open_text(void *context, Reader **ret)
{
	*ret = reader_from_memory(*(const Str *)context);
	return NULL;
}

static Err *push_documents(const Pushing *p, Str config, Descriptor *layers, size_t count)
{
	AUTO_BUF Buf json = BUF_INIT;
	RegistryPushed how;
	Digest digest;
	Manifest m = { .media_type = STR(MEDIA_OCI_MANIFEST),
		       .config = { .media_type = STR(MOUNT_PUSH_CONFIG),
		                   .digest = sha256_of(config),
		                   .size = config.len },
		       .layers = layers,
		       .layer_count = count };
	TRY(registry_push_blob(p->registry, p->ref, &m.config, STR(""), open_text, &config,
	                       p->progress, p->line, &how));
	manifest_format(&m, &json);
	return registry_push_manifest(p->registry, p->ref, m.media_type, buf_str(&json), &digest);
}

Err *mount_push(Store *s, Registry *r, const Reference *ref, const StoreMount *mounts, size_t count,
                Progress *progress, const Cancel *cancel, MountPushed *ret)
{
	AUTO_BUF Buf config = BUF_INIT;
	AUTO_FREE Descriptor *layers = xcalloc(count + 1, sizeof *layers);
	Pushing p = { s, r, ref, progress, cancel, 0 };
	if (count > IMAGE_LAYERS_MAX)
		return err_new(ERR_INPUT, "%zu caches are more than a manifest may name (%d)",
		               count, IMAGE_LAYERS_MAX);
	p.line = progress_begin(progress, STR(""), "pushing caches");
	Err *e = NULL;
	for (size_t i = 0; i < count && !e; i++)
		e = push_one(&p, &mounts[i], &layers[i], &ret[i]);
	format_config(mounts, count, &config);
	if (!e)
		e = push_documents(&p, buf_str(&config), layers, count);
	progress_end(progress, p.line, e ? PROGRESS_ERROR : PROGRESS_DONE,
	             e ? err_cause(e) : STR(""));
	return e;
}

/* --- pull ------------------------------------------------------------------------------------- */

static Err *parse_config(Arena *a, Str json, const char *name, size_t count, StoreMount *ret)
{
	JsonValue *doc = NULL;
	Err *e = json_parse(json, IMAGE_CONFIG_BYTES_MAX, name, &doc);
	const JsonValue *list = e ? NULL : json_member(doc, "mounts");
	if (!e && json_length(list) != count)
		e = err_new(ERR_INPUT, "%s: it names %zu caches, and has %zu", name,
		            json_length(list), count);
	for (size_t i = 0; i < count && !e; i++) {
		Str hex = STR("");
		e = json_get_str(json_at(list, i), name, "key", a, &hex);
		if (!e)
			e = json_get_str(json_at(list, i), name, "info", a, &ret[i].info);
		if (!e)
			e = digest_parse_hex(hex, &ret[i].key);
	}
	json_free(doc);
	return e;
}

static bool is_here(const StoreMount *all, size_t count, const Digest *key)
{
	for (size_t i = 0; i < count; i++)
		if (digest_eq(&all[i].key, key))
			return true;
	return false;
}

static Err *pull_one(const Pushing *p, const Descriptor *blob, const StoreMount *m, bool replace,
                     const char *overlay_prefix, Arena *a, MountArchived *ret)
{
	AUTO_READER Reader *in = NULL;
	MountArchived *found;
	size_t count;
	char hex[DIGEST_HEX_LEN + 1];
	TRY(registry_fetch_blob(p->registry, p->ref, blob, p->progress, p->line, &in));
	TRY(mount_archive_read(p->store, in, digest_hex(&m->key, hex).ptr, replace, overlay_prefix,
	                       p->cancel, a, &found, &count));
	if (count != 1 || !digest_eq(&found[0].key, &m->key))
		return err_new(ERR_INPUT, "the archive of the cache '%s' holds another", hex);
	*ret = found[0];
	return NULL;
}

Err *mount_pull(Store *s, Registry *r, const Reference *ref, bool replace,
                const char *overlay_prefix, Progress *progress, const Cancel *cancel, Arena *a,
                MountArchived **ret, size_t *ret_count)
{
	RegistryImage image;
	StoreMount *here;
	size_t here_count;
	Platform platform = platform_host(); /* of an index, which ours never is */
	Pushing p = { s, r, ref, progress, cancel, 0 };
	const char *name = reference_full(a, ref).ptr;
	TRY(registry_resolve_any(r, ref, &platform, a, &image));
	if (!str_eqc(image.manifest.config.media_type, MOUNT_PUSH_CONFIG))
		return err_note(err_new(ERR_INPUT, "'%s' holds no caches of RUN", name),
		                "'decant cache push' makes one that does");
	size_t count = image.manifest.layer_count;
	StoreMount *mounts = arena_alloc(a, (count + 1) * sizeof *mounts, _Alignof(StoreMount));
	TRY(parse_config(a, image.config_json, name, count, mounts));
	TRY(store_mount_list(s, cancel, a, &here, &here_count));
	*ret = arena_alloc(a, (count + 1) * sizeof **ret, _Alignof(MountArchived));
	*ret_count = count;
	p.line = progress_begin(progress, STR(""), "pulling caches");
	Err *e = NULL;
	for (size_t i = 0; i < count && !e; i++) {
		(*ret)[i] = (MountArchived){ mounts[i].key, mounts[i].info, true };
		if (replace || !is_here(here, here_count, &mounts[i].key))
			e = pull_one(&p, &image.manifest.layers[i], &mounts[i], replace,
			             overlay_prefix, a, &(*ret)[i]);
	}
	progress_end(progress, p.line, e ? PROGRESS_ERROR : PROGRESS_DONE,
	             e ? err_cause(e) : STR(""));
	return e;
}
