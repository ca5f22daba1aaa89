/* exporters.c - the table of output types, and the one way to run them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"

/* The image is in the store already: nothing is left to do. */
static Err *export_nothing(const ExportJob *job)
{
	(void)job;
	return NULL;
}

const Exporter export_table[] = {
	{ "oci", false, "-", export_oci },
	{ "docker", false, NULL, export_docker },
	{ "local", true, NULL, export_local },
	{ "tar", false, "-", export_tar },
	{ "registry", false, NULL, export_registry },
	{ "image", false, NULL, export_nothing },
	{ "cacheonly", false, NULL, export_nothing },
};
const size_t export_table_len = ARRAY_LEN(export_table);

const Exporter *export_find(Str type)
{
	for (size_t i = 0; i < export_table_len; i++)
		if (str_eqc(type, export_table[i].type))
			return &export_table[i];
	return NULL;
}

Err *export_registry(const ExportJob *job)
{
	AUTO_REGISTRY Registry *registry = NULL;
	const OutputSpec *out = job->out;
	CompressionSpec gzip = { .id = COMPRESSION_GZIP };
	TRY(registry_open(job->cancel, &registry));
	for (size_t i = 0; i < job->count; i++) {
		const ExportImage *e = &job->images[i];
		if (e->name_count == 0)
			return err_new(ERR_INPUT, "an image without a name cannot be pushed");
		for (size_t j = 0; j < e->name_count; j++) {
			AUTO_ARENA Arena a = ARENA_INIT;
			Reference ref;
			Digest digest;
			uint64_t size;
			TRY(reference_parse(&a, e->names[j], &ref));
			TRY(export_push(job->store, registry, &e->images[0], &ref,
			                out->compression_set ? &out->compression : &gzip,
			                job->progress, NULL, job->cancel, &digest, &size));
		}
	}
	return NULL;
}

Err *export_run(Store *s, const OutputSpec *out, const ExportImage *images, size_t count,
                Progress *progress, const Cancel *cancel)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	const Exporter *exporter = export_find(out->type);
	if (!exporter)
		return err_new(ERR_INPUT, "unknown output type '%.*s'", STR_ARG(out->type));
	if (exporter->run == export_nothing)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (images[i].image_count != 1)
			return err_new(ERR_INPUT, "type=%s takes an image of one platform",
			               exporter->type);
	TRY(store_lock_gc(s, false, cancel, &gc));
	ExportJob job = { .store = s,
		          .out = out,
		          .images = images,
		          .count = count,
		          .progress = progress,
		          .cancel = cancel };
	job.line = progress_begin(progress, STR(""), "exporting to %.*s", STR_ARG(out->type));
	Err *err = exporter->run(&job);
	if (!err)
		progress_end(progress, job.line, PROGRESS_DONE, STR(""));
	else if (err_kind(err) == ERR_CANCELLED)
		progress_end(progress, job.line, PROGRESS_CANCELED, STR(""));
	else
		progress_end(progress, job.line, PROGRESS_ERROR, err_cause(err));
	return err;
}
