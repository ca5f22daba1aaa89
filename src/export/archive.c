/*
 * archive.c - an OCI image layout, as a tar or a directory; with docker's files if asked for.
 *
 * The members stand in one order (directories, blobs by digest, documents by name), all times are
 * 0: the same images give the same bytes.  index.json comes last in a directory: what has none is
 * no layout yet. SOURCE: OCI image-spec image-layout.md; docker save since 25.0 (both in one
 * archive).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "codec/json.h"
#include "export/attest-internal.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

typedef struct Layout {
	const ExportJob *job;
	Arena *arena;
	const Descriptor **blobs; /* by digest, each once */
	size_t blob_count;
	Buf index, docker_manifest, repositories;
} Layout;

static void layout_done(Layout *l)
{
	buf_done(&l->index);
	buf_done(&l->docker_manifest);
	buf_done(&l->repositories);
}
#define AUTO_LAYOUT CLEANUP(layout_done)

/* --- which blobs ----------------------------------------------------------------------------- */

static int compare_blobs(const void *a, const void *b)
{
	const Descriptor *const *x = a, *const *y = b;
	return memcmp((*x)->digest.bytes, (*y)->digest.bytes, sizeof(*x)->digest.bytes);
}

static void add_blob(Layout *l, const Descriptor *d)
{
	l->blobs[l->blob_count++] = d;
}

static void add_document(Layout *l, const Digest *digest, Str json)
{
	Descriptor *d = arena_new(l->arena, Descriptor);
	*d = (Descriptor){ .digest = *digest, .size = json.len };
	add_blob(l, d);
}

static void gather_blobs(Layout *l)
{
	size_t most = 1;
	for (size_t i = 0; i < l->job->count; i++) {
		const ExportDocument *d = &l->job->documents[i];
		most += d->attest_count + d->attest_blob_count + 1;
		for (size_t j = 0; j < d->count; j++)
			most += d->manifests[j].manifest.layer_count + 3;
	}
	l->blobs = arena_alloc(l->arena, most * sizeof *l->blobs, _Alignof(Descriptor *));
	for (size_t i = 0; i < l->job->count; i++) {
		const ExportDocument *d = &l->job->documents[i];
		if (d->is_index)
			add_document(l, &d->descriptor.digest, d->json);
		for (size_t j = 0; j < d->count; j++) {
			const ExportManifest *m = &d->manifests[j];
			add_document(l, &m->digest, m->json);
			add_blob(l, &m->manifest.config);
			for (size_t k = 0; k < m->manifest.layer_count; k++)
				add_blob(l, &m->manifest.layers[k]);
		}
	}
	for (size_t i = 0; i < l->job->count; i++) {
		const ExportDocument *d = &l->job->documents[i];
		for (size_t j = 0; j < d->attest_count; j++)
			add_blob(l, &d->attests[j].descriptor);
		for (size_t j = 0; j < d->attest_blob_count; j++)
			add_blob(l, &d->attest_blobs[j]);
	}
	qsort(l->blobs, l->blob_count, sizeof *l->blobs, compare_blobs);
	size_t kept = 0;
	for (size_t i = 0; i < l->blob_count; i++)
		if (kept == 0 || !digest_eq(&l->blobs[kept - 1]->digest, &l->blobs[i]->digest))
			l->blobs[kept++] = l->blobs[i];
	l->blob_count = kept;
}

/* What whoever receives it has already is left out: layers that he has wherever they stand. */
static void leave_out(Layout *l)
{
	const ExportReceiver *receiver = l->job->out->receiver;
	AUTO_MAP Map had = MAP_INIT; /* blob → is it wanted all the same? */
	static const char wanted[] = "wanted", not_wanted[] = "not";
	for (size_t i = 0; i < l->job->count; i++)
		for (size_t j = 0; j < l->job->documents[i].count; j++) {
			const Manifest *m = &l->job->documents[i].manifests[j].manifest;
			const Image *image = &l->job->images[i].images[j];
			for (size_t k = 0; k < m->layer_count; k++) {
				Str blob = digest_arena_hex(l->arena, &m->layers[k].digest);
				bool has = receiver->has(receiver->context, image, m, k) &&
				           map_get(&had, blob) != wanted;
				map_put(&had, blob, (void *)(has ? not_wanted : wanted));
			}
		}
	size_t kept = 0;
	for (size_t i = 0; i < l->blob_count; i++) {
		Str blob = digest_arena_hex(l->arena, &l->blobs[i]->digest);
		if (map_get(&had, blob) != not_wanted)
			l->blobs[kept++] = l->blobs[i];
	}
	l->blob_count = kept;
}

static Str blob_path(Arena *a, const Digest *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	return arena_strf(a, "blobs/sha256/%s", digest_hex(d, hex).ptr);
}

/* --- documents ------------------------------------------------------------------------------- */

/* BuildKit and docker write the tag alone as ref.name.  Where that is not unique it is the name;
 * of several images in a layout the full name, by which skopeo and podman choose one. */
static Err *tags_are_unique(Layout *l, bool *ret)
{
	AUTO_MAP Map seen = MAP_INIT;
	*ret = true;
	for (size_t i = 0; i < l->job->count; i++) {
		const Str *names;
		size_t count;
		export_names(l->job->out, &l->job->images[i], &names, &count);
		for (size_t j = 0; j < count; j++) {
			Reference ref;
			TRY(reference_parse(l->arena, names[j], &ref));
			*ret = *ret && !map_find(&seen, ref.tag);
			map_put(&seen, ref.tag, NULL);
		}
	}
	return NULL;
}

static Err *format_index(Layout *l, bool docker)
{
	VEC(Descriptor) all = { 0 };
	bool short_names, several = !docker && l->job->count > 1;
	TRY(tags_are_unique(l, &short_names));
	for (size_t i = 0; i < l->job->count; i++) {
		Descriptor d = l->job->documents[i].descriptor;
		const Str *names;
		size_t count;
		export_names(l->job->out, &l->job->images[i], &names, &count);
		for (size_t j = 0; j < count; j++) {
			Reference ref;
			TRY(reference_parse(l->arena, names[j], &ref));
			d.container_name = names[j];
			d.ref_name = several       ? names[j]
			             : short_names ? ref.tag
			                           : reference_familiar(l->arena, &ref);
			VEC_PUSH(&all, d);
		}
		if (count == 0)
			VEC_PUSH(&all, d);
	}
	for (size_t i = 0; i < l->job->count; i++) {
		const ExportDocument *d = &l->job->documents[i];
		for (size_t j = 0; j < d->attest_count && !d->attests_in_index; j++)
			VEC_PUSH(&all, export_attest_in_layout(l->arena, &d->attests[j]));
	}
	Index index = { .media_type = STR(MEDIA_OCI_INDEX), .manifests = all.at, .count = all.len };
	index_format(&index, &l->index);
	VEC_DONE(&all);
	return NULL;
}

static void write_layer_sources(Layout *l, JsonWriter *w, const Image *image, const Manifest *m)
{
	AUTO_MAP Map seen = MAP_INIT;
	json_write_key(w, "LayerSources");
	json_write_object(w);
	for (size_t i = 0; i < m->layer_count; i++) {
		Str diff_id = digest_arena_text(l->arena, &image->config.diff_ids[i]);
		if (map_find(&seen, diff_id))
			continue;
		map_put(&seen, diff_id, NULL);
		json_write_key_str(w, diff_id);
		json_write_object(w);
		json_write_key(w, "mediaType");
		json_write_str(w, m->layers[i].media_type);
		json_write_key(w, "size");
		json_write_int(w, (int64_t)m->layers[i].size);
		json_write_key(w, "digest");
		json_write_str(w, digest_arena_text(l->arena, &m->layers[i].digest));
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

/* manifest.json knows one platform: this machine's, if it is among them. */
static size_t docker_platform(const ExportImage *image)
{
	Platform host = platform_host();
	size_t best = 0;
	int best_fit = 0;
	for (size_t i = 0; i < image->image_count; i++) {
		int fit = platform_fit(&host, &image->images[i].config.platform);
		if (fit > best_fit) {
			best_fit = fit;
			best = i;
		}
	}
	return best;
}

static Err *write_docker_image(Layout *l, JsonWriter *w, size_t i)
{
	const ExportImage *image = &l->job->images[i];
	size_t platform = docker_platform(image);
	const Manifest *m = &l->job->documents[i].manifests[platform].manifest;
	const Str *names;
	size_t count;
	const ExportReceiver *receiver = l->job->out->receiver;
	bool full = receiver && receiver->full_names;
	export_names(l->job->out, image, &names, &count);
	json_write_object(w);
	json_write_key(w, "Config");
	json_write_str(w, blob_path(l->arena, &m->config.digest));
	json_write_key(w, "RepoTags");
	if (count == 0)
		json_write_null(w);
	else
		json_write_array(w);
	for (size_t j = 0; j < count; j++) {
		Reference ref;
		TRY(reference_parse(l->arena, names[j], &ref));
		json_write_str(w, full ? reference_full(l->arena, &ref)
		                       : reference_familiar(l->arena, &ref));
	}
	if (count > 0)
		json_write_array_end(w);
	json_write_key(w, "Layers");
	json_write_array(w);
	for (size_t j = 0; j < m->layer_count; j++)
		json_write_str(w, blob_path(l->arena, &m->layers[j].digest));
	json_write_array_end(w);
	write_layer_sources(l, w, &image->images[platform], m);
	json_write_object_end(w);
	return NULL;
}

static Err *format_docker_manifest(Layout *l)
{
	JsonWriter w = { .out = &l->docker_manifest };
	json_write_array(&w);
	for (size_t i = 0; i < l->job->count; i++)
		TRY(write_docker_image(l, &w, i));
	json_write_array_end(&w);
	buf_add_char(&l->docker_manifest, '\n');
	return NULL;
}

static Err *add_repositories(Layout *l, size_t i, Map *repositories)
{
	const ExportImage *image = &l->job->images[i];
	const Manifest *m = &l->job->documents[i].manifests[docker_platform(image)].manifest;
	const Str *names;
	size_t count;
	export_names(l->job->out, image, &names, &count);
	if (m->layer_count == 0)
		return NULL; /* docker has no entry either: there is no layer to name */
	for (size_t j = 0; j < count; j++) {
		Reference ref;
		TRY(reference_parse(l->arena, names[j], &ref));
		Str name = reference_familiar_name(l->arena, &ref);
		Map *tags = map_get(repositories, name);
		if (!tags) {
			tags = arena_new(l->arena, Map);
			map_put(repositories, name, tags);
		}
		Str top = digest_arena_hex(l->arena, &m->layers[m->layer_count - 1].digest);
		map_put(tags, ref.tag, (void *)top.ptr);
	}
	return NULL;
}

/* One repository after the other, each once, in order of appearance: repository → tag → top layer.
 */
static Err *format_repositories(Layout *l)
{
	AUTO_MAP Map repositories = MAP_INIT;
	for (size_t i = 0; i < l->job->count; i++)
		TRY(add_repositories(l, i, &repositories));
	JsonWriter w = { .out = &l->repositories };
	json_write_object(&w);
	for (size_t i = 0; i < repositories.len; i++) {
		Map *tags = repositories.slots[i].value;
		json_write_key_str(&w, repositories.slots[i].key);
		json_write_object(&w);
		for (size_t j = 0; j < tags->len; j++) {
			json_write_key_str(&w, tags->slots[j].key);
			json_write_str(&w, str_from(tags->slots[j].value));
		}
		json_write_object_end(&w);
		map_done(tags);
	}
	json_write_object_end(&w);
	buf_add_char(&l->repositories, '\n');
	return NULL;
}

/* --- as a tar -------------------------------------------------------------------------------- */

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* The data of one entry, as a Writer for export_copy_blob(). */
typedef struct DataWriter {
	Writer writer;
	TarWriter *tar;
} DataWriter;

static Err *data_write(Writer *w, const void *bytes, size_t len)
{
	return tar_writer_data(((DataWriter *)w)->tar, bytes, len);
}

static Err *tar_blobs(Layout *l, TarWriter *tar)
{
	static const WriterOps ops = { .write = data_write };
	uint64_t total = 0, done = 0;
	for (size_t i = 0; i < l->blob_count; i++)
		total += l->blobs[i]->size;
	for (size_t i = 0; i < l->blob_count; i++) {
		const Descriptor *d = l->blobs[i];
		DataWriter data = { { &ops }, tar };
		Entry e = { .path = blob_path(l->arena, &d->digest),
			    .type = ENTRY_FILE,
			    .mode = 0644,
			    .size = d->size };
		TRY(tar_writer_entry(tar, &e));
		TRY(export_copy_blob(l->job, d, &data.writer));
		done += d->size;
		progress_bytes(l->job->progress, l->job->line, l->job->out->dest, done, total);
	}
	return NULL;
}

static Err *write_tar(Layout *l, bool docker, int fd)
{
	AUTO_WRITER Writer *file = writer_to_fd(fd, l->job->out->dest.ptr);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(file);
	TRY(export_tar_dir(tar, STR("blobs")));
	TRY(export_tar_dir(tar, STR("blobs/sha256")));
	TRY(tar_blobs(l, tar));
	TRY(export_tar_bytes(tar, STR("index.json"), buf_str(&l->index)));
	if (docker)
		TRY(export_tar_bytes(tar, STR("manifest.json"), buf_str(&l->docker_manifest)));
	TRY(export_tar_bytes(tar, STR("oci-layout"), STR(LAYOUT_TEXT)));
	if (docker)
		TRY(export_tar_bytes(tar, STR("repositories"), buf_str(&l->repositories)));
	TRY(tar_writer_finish(tar));
	return writer_finish(file);
}

/* --- as a directory -------------------------------------------------------------------------- */

static Err *make_dir(int dir_fd, const char *name, int *ret_fd)
{
	if (mkdirat(dir_fd, name, 0777) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create '%s'", name);
	*ret_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open '%s'", name) : NULL;
}

static Err *put_blob(Layout *l, int blobs_fd, const Descriptor *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct stat st;
	digest_hex(&d->digest, hex);
	if (fstatat(blobs_fd, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == d->size)
		return NULL; /* renamed into place whole by somebody before us */
	const char *tmp = arena_strf(l->arena, ".%s.%d", hex, (int)getpid()).ptr;
	AUTO_CLOSE int fd = openat(blobs_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(errno, "cannot create a blob");
	AUTO_WRITER Writer *file = writer_to_fd(fd, hex);
	Err *err = export_copy_blob(l->job, d, file);
	if (!err && renameat(blobs_fd, tmp, blobs_fd, hex) < 0)
		err = err_sys(errno, "cannot put the blob '%s' in place", hex);
	if (err)
		(void)unlinkat(blobs_fd, tmp, 0); /* the first error is the one that is told */
	return err;
}

static Err *write_dir(Layout *l, bool docker)
{
	AUTO_CLOSE int root = -1;
	AUTO_CLOSE int blobs = -1;
	AUTO_CLOSE int sha256 = -1;
	TRY(make_dir(AT_FDCWD, l->job->out->dest.ptr, &root));
	TRY(make_dir(root, "blobs", &blobs));
	TRY(make_dir(blobs, "sha256", &sha256));
	for (size_t i = 0; i < l->blob_count; i++)
		TRY(put_blob(l, sha256, l->blobs[i]));
	if (docker) {
		Str manifest = buf_str(&l->docker_manifest),
		    repositories = buf_str(&l->repositories);
		TRY(path_write_file(root, "manifest.json", manifest, 0644, false));
		TRY(path_write_file(root, "repositories", repositories, 0644, false));
	}
	TRY(path_write_file(root, "oci-layout", STR(LAYOUT_TEXT), 0644, false));
	if (!docker) { /* manifest.json has these images alone, and so has its index.json */
		if (flock(root, LOCK_EX) < 0)
			return err_sys(errno, "cannot lock '%.*s'", STR_ARG(l->job->out->dest));
		TRY(export_layout_merge(l->job, root, l->arena, &l->index));
	}
	return path_write_file(root, "index.json", buf_str(&l->index), 0644, false);
}

/* --- all of it ------------------------------------------------------------------------------- */

Err *export_layout(ExportJob *job, bool docker)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LAYOUT Layout l = { .job = job, .arena = &a };
	gather_blobs(&l);
	if (job->out->receiver)
		leave_out(&l);
	TRY(format_index(&l, docker));
	if (docker) {
		TRY(format_docker_manifest(&l));
		TRY(format_repositories(&l));
	}
	if (!job->out->tar)
		return write_dir(&l, docker);
	TRY(write_tar(&l, docker, job->file.fd));
	return export_file_commit(&job->file);
}
