/*
 * document.c - what goes out under a name: the manifest of an image, or the index of those of
 * several platforms.
 *
 * SOURCE: moby/buildkit exporter/containerimage/writer.go (Commit), exporter/oci/export.go.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/keep.h"
#include "base/clock.h"
#include "base/limits.h"
#include "export/attest-internal.h"

#define CREATED "org.opencontainers.image.created"

void export_names(const OutputSpec *out, const ExportImage *image, const Str **ret,
                  size_t *ret_count)
{
	*ret = out->name_count ? out->names : image->names;
	*ret_count = out->name_count ? out->name_count : image->name_count;
}

static bool is_layout(const Exporter *e)
{
	return e->run == export_oci || e->run == export_docker;
}

static ExportRecipe recipe_of(const ExportJob *job, const Exporter *e, const ExportImage *image)
{
	static const Str none[1] = { { "", 0 } };
	const OutputSpec *out = job->out;
	ExportRecipe r = { .compression = out->compression_set ? out->compression : *e->fallback,
		           .compression_set = out->compression_set,
		           .force = out->force_compression,
		           .plain_will_do = e->fallback->id == COMPRESSION_NONE,
		           .types = out->media_types,
		           .exact = out->exact,
		           .own = out->compression_set || out->annotation_count ||
		                  out->media_types != EXPORT_TYPES_ANY };
	if (is_layout(e))
		return r;
	export_names(out, image, &r.names, &r.name_count);
	if (r.name_count == 0)
		r.names = none; /* kept all the same: the image has an ID */
	return r;
}

static Err *make_manifest(const ExportJob *job, const Exporter *e, const ExportImage *image,
                          size_t which, Arena *a, ExportManifest *ret)
{
	ExportRecipe recipe = recipe_of(job, e, image);
	const Image *one = &image->images[which];
	annotation_choose(job->out, ANNOTATION_MANIFEST, &one->config.platform, a,
	                  &recipe.annotations, &recipe.annotation_count);
	return export_manifest_get(job, one, &recipe, a, ret);
}

static Descriptor describe(const ExportJob *job, const Image *image, const ExportManifest *m,
                           Arena *a)
{
	Descriptor d = { .media_type = m->manifest.media_type,
		         .digest = m->digest,
		         .size = m->json.len,
		         .has_platform = true,
		         .platform = image->config.platform,
		         .ref_name = STR(""),
		         .container_name = STR("") };
	annotation_choose(job->out, ANNOTATION_MANIFEST_DESCRIPTOR, &d.platform, a, &d.annotations,
	                  &d.annotation_count);
	return d;
}

Err *export_index_make(const ExportJob *job, const ExportImage *image, Arena *a,
                       ExportDocument *ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	Index index = { .media_type = job->out->media_types == EXPORT_TYPES_DOCKER
		                              ? STR(MEDIA_DOCKER_INDEX)
		                              : STR(MEDIA_OCI_INDEX),
		        .count = image->image_count };
	size_t more = ret->attests_in_index ? ret->attest_count : 0;
	index.manifests =
		arena_alloc(a, (index.count + more) * sizeof(Descriptor), _Alignof(Descriptor));
	for (size_t i = 0; i < image->image_count; i++)
		index.manifests[i] = describe(job, &image->images[i], &ret->manifests[i], a);
	for (size_t i = 0; i < more; i++)
		index.manifests[index.count++] = export_attest_in_index(a, &ret->attests[i]);
	annotation_choose(job->out, ANNOTATION_INDEX, NULL, a, &index.annotations,
	                  &index.annotation_count);
	index_format(&index, &json);
	if (json.len > MANIFEST_BYTES_MAX)
		return err_note(err_new(ERR_INPUT, "the index is larger than %u MiB",
		                        MANIFEST_BYTES_MAX >> 20),
		                "long annotations make it so; no registry takes it");
	ret->is_index = true;
	ret->json = arena_str(a, buf_str(&json));
	ret->descriptor = (Descriptor){ .media_type = index.media_type,
		                        .size = ret->json.len,
		                        .ref_name = STR(""),
		                        .container_name = STR("") };
	annotation_choose(job->out, ANNOTATION_INDEX_DESCRIPTOR, NULL, a,
	                  &ret->descriptor.annotations, &ret->descriptor.annotation_count);
	return store_blob_put(job->store, ret->json, true, &ret->descriptor.digest);
}

static bool has_manifest(const ExportDocument *d, const Digest *manifest)
{
	for (size_t i = 0; i < d->count; i++)
		if (digest_eq(&d->manifests[i].digest, manifest))
			return true;
	return false;
}

Err *export_index_keep(const ExportJob *job, const ExportImage *image, Arena *a,
                       ExportDocument *ret, bool *ret_kept)
{
	const StoreRef *ref = &image->images[0].store_ref;
	Str json;
	Index index;
	TRY(store_ref_index(job->store, ref, a, &json, &index));
	*ret_kept = json.len > 0;
	for (size_t i = 0; *ret_kept && i < index.count; i++)
		*ret_kept = has_manifest(ret, &index.manifests[i].digest);
	if (!*ret_kept)
		return NULL;
	ret->is_index = true;
	ret->json = json;
	ret->descriptor = (Descriptor){ .media_type = index.media_type.len ? index.media_type
		                                                           : STR(MEDIA_OCI_INDEX),
		                        .digest = ref->index,
		                        .size = json.len,
		                        .ref_name = STR(""),
		                        .container_name = STR("") };
	return NULL;
}

/* BuildKit says in a layout when the image was made; ours says when the image says so itself, so
 * that the same image gives the same bytes. */
static void add_created(const ExportImage *image, Arena *a, Descriptor *d)
{
	int64_t created_ns = image->images[0].config.created_ns;
	for (size_t i = 0; i < d->annotation_count; i++)
		if (str_eqc(d->annotations[i].key, CREATED))
			return;
	if (created_ns == IMAGE_TIME_NONE)
		return;
	char text[CLOCK_TEXT_BYTES];
	Annotation *all =
		arena_alloc(a, (d->annotation_count + 1) * sizeof *all, _Alignof(Annotation));
	if (d->annotation_count)
		memcpy(all, d->annotations, d->annotation_count * sizeof *all);
	all[d->annotation_count] = (Annotation){
		STR(CREATED), arena_str(a, clock_format(created_ns / 1000000000 * 1000000000, text))
	};
	d->annotations = all;
	d->annotation_count++;
}

/* docker's archive has no place for them. */
static Err *tell_not_attested(const ExportJob *job, const ExportImage *image, Arena *a)
{
	AttestSet set;
	TRY(attest_kept_read(job->store, &image->images[0].id, a, &set));
	if (set.count && !job->out->no_attestations)
		progress_note(job->progress, job->line,
		              "type=docker holds no attestations; type=oci does");
	return NULL;
}

static Err *make_document(const ExportJob *job, const Exporter *e, const ExportImage *image,
                          Arena *a, ExportDocument *ret)
{
	Platform *platforms =
		arena_alloc(a, image->image_count * sizeof *platforms, _Alignof(Platform));
	for (size_t i = 0; i < image->image_count; i++)
		platforms[i] = image->images[i].config.platform;
	TRY(export_check_annotations(job->out, platforms, image->image_count));
	ret->count = image->image_count;
	ret->manifests =
		arena_alloc(a, ret->count * sizeof *ret->manifests, _Alignof(ExportManifest));
	for (size_t i = 0; i < ret->count; i++)
		TRY(make_manifest(job, e, image, i, a, &ret->manifests[i]));
	if (e->run == export_docker)
		TRY(tell_not_attested(job, image, a));
	else
		TRY(export_attest_make(job, image, a, ret));
	if (ret->count > 1 || ret->attests_in_index) {
		TRY(export_index_make(job, image, a, ret));
	} else {
		ret->json = ret->manifests[0].json;
		ret->descriptor = describe(job, &image->images[0], &ret->manifests[0], a);
	}
	if (is_layout(e))
		add_created(image, a, &ret->descriptor);
	return NULL;
}

/* The image in the store has no manifest until something needs one. */
static bool needs_documents(const ExportJob *job, const Exporter *e)
{
	const OutputSpec *out = job->out;
	if (!e->fallback)
		return false;
	return e->run || out->publish || out->compression_set || out->annotation_count ||
	       out->media_types != EXPORT_TYPES_ANY;
}

Err *export_documents_make(ExportJob *job, const Exporter *exporter, Arena *a)
{
	if (!needs_documents(job, exporter))
		return NULL;
	ExportDocument *documents =
		arena_alloc(a, job->count * sizeof *documents, _Alignof(ExportDocument));
	for (size_t i = 0; i < job->count; i++)
		TRY(make_document(job, exporter, &job->images[i], a, &documents[i]));
	job->documents = documents;
	return NULL;
}

/* --- without keys of an output ---------------------------------------------------------------- */

Err *export_publish_document(const ExportJob *job, const ExportImage *image,
                             const CompressionSpec *compression, Arena *a, ExportDocument *ret)
{
	const size_t count = image->image_count;
	*ret = (ExportDocument){ .count = count };
	ret->manifests = arena_alloc(a, count * sizeof *ret->manifests, _Alignof(ExportManifest));
	for (size_t i = 0; i < count; i++) {
		ExportManifest *m = &ret->manifests[i];
		TRY(export_publish(job->store, &image->images[i], compression, job->progress,
		                   job->cancel, a, &m->json, &m->digest));
		TRY(manifest_parse(a, m->json, "the manifest", &m->manifest));
	}
	bool kept;
	TRY(export_index_keep(job, image, a, ret, &kept));
	if (kept)
		return NULL;
	if (count > 1)
		return export_index_make(job, image, a, ret);
	const ExportManifest *one = &ret->manifests[0];
	ret->json = one->json;
	ret->descriptor = (Descriptor){ .media_type = one->manifest.media_type,
		                        .digest = one->digest,
		                        .size = one->json.len };
	return NULL;
}

Err *export_publish_all(Store *s, const ExportImage *image, const CompressionSpec *compression,
                        Progress *progress, const Cancel *cancel, Digest *ret)
{
	static const OutputSpec plain = { 0 };
	AUTO_ARENA Arena a = ARENA_INIT;
	ExportDocument d;
	ExportJob job = { .store = s, .out = &plain, .progress = progress, .cancel = cancel };
	TRY(export_publish_document(&job, image, compression, &a, &d));
	*ret = d.descriptor.digest;
	return store_layout_write(s);
}
