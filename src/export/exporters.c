/*
 * exporters.c - the table of output types, and the one way to run them.
 *
 * First one after the other: where to write is opened (a wrong name should not cost a minute of
 * gzip) and the documents are made, with the blobs that they name.  Packing uses all cores by
 * itself, and of two outputs the first decides what is fixed.  Then all are written side by side: a
 * registry waits for the network, an archive for the disk.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "export/export-internal.h"

/* Outputs that are written at once. */
enum { EXPORT_OUTPUTS = 4 };

static const CompressionSpec gzip = { .id = COMPRESSION_GZIP };
/* As docker's own archives: mostly for the same machine, and compressing would take ten times as
 * long as all the rest. */
static const CompressionSpec plain = { .id = COMPRESSION_NONE };

const Exporter export_table[] = {
	{ "oci", "exporting to oci image format", "-", &gzip, export_oci },
	{ "docker", "exporting to docker image format", NULL, &plain, export_docker },
	{ "local", "exporting to client directory", NULL, NULL, export_local },
	{ "tar", "exporting to client tarball", "-", NULL, export_tar },
	{ "registry", "exporting to image", NULL, &gzip, export_registry },
	{ "image", "exporting to image", NULL, &gzip, NULL },
	{ "cacheonly", "", NULL, NULL, NULL },
};
const size_t export_table_len = ARRAY_LEN(export_table);

const Exporter *export_find(Str type)
{
	for (size_t i = 0; i < export_table_len; i++)
		if (str_eqc(type, export_table[i].type))
			return &export_table[i];
	return NULL;
}

/* --- one output ------------------------------------------------------------------------------ */

typedef struct Running {
	const Exporter *exporter;
	ExportJob job;
	Err *err;
	bool has_line;
} Running;

static Err *prepare(Running *r, const ExportRequest *request, const OutputSpec *out, Arena *a)
{
	r->job = (ExportJob){ .store = request->store,
		              .out = out,
		              .images = request->images,
		              .count = request->image_count,
		              .epoch_ns = request->epoch_ns,
		              .progress = request->progress,
		              .cancel = request->cancel,
		              .number = (unsigned)(out - request->outputs),
		              .file = EXPORT_FILE_NONE };
	ExportJob *job = &r->job;
	r->exporter = export_find(out->type);
	if (!r->exporter)
		return err_new(ERR_INPUT, "unknown output type '%.*s'", STR_ARG(out->type));
	if (!r->exporter->run && !r->exporter->fallback)
		return NULL;
	bool writes_file = r->exporter->run && r->exporter->run != export_registry &&
	                   !export_is_directory(out);
	if (writes_file && out->receiver)
		TRY(export_file_dup(out->receiver->fd, &job->file));
	else if (writes_file)
		TRY(export_file_open(out->dest, &job->file));
	if (r->exporter->run || out->publish || out->annotation_count || out->compression_set) {
		job->line = progress_begin(job->progress, STR(""), "%s", r->exporter->title);
		r->has_line = true;
	}
	return export_documents_make(job, r->exporter, a);
}

static void run(Running *r)
{
	if (!r->err && r->exporter->run)
		r->err = r->exporter->run(&r->job);
}

static Err *run_one(void *context, size_t i)
{
	run((Running *)context + i);
	return NULL; /* its error is its own: the others go on */
}

static void finish(Running *r)
{
	export_file_done(&r->job.file);
	if (!r->has_line)
		return;
	ProgressKind how = !r->err                             ? PROGRESS_DONE
	                   : err_kind(r->err) == ERR_CANCELLED ? PROGRESS_CANCELED
	                                                       : PROGRESS_ERROR;
	progress_end(r->job.progress, r->job.line, how, r->err ? err_cause(r->err) : STR(""));
}

static void fill_result(const Running *r, size_t i, Arena *a, ExportResult *ret)
{
	AUTO_BUF Buf joined = BUF_INIT;
	const Str *names;
	size_t count;
	*ret = (ExportResult){ .names = STR("") };
	const ExportImage *image = &r->job.images[i];
	if (r->err || !r->exporter->fallback)
		return;
	export_names(r->job.out, image, &names, &count);
	for (size_t j = 0; j < count; j++)
		buf_addf(&joined, "%s%.*s", j ? "," : "", STR_ARG(names[j]));
	ret->names = arena_str(a, buf_str(&joined));
	if (image->image_count == 1) {
		ret->has_config = true;
		ret->config = image->images[0].id;
	}
	if (r->job.documents) {
		ret->has_descriptor = true;
		ret->descriptor = r->job.documents[i].descriptor;
	}
}

/* --- all of them ----------------------------------------------------------------------------- */

/* The first error with its output's name, and the others as its notes. */
static Err *join_errors(Running *running, const ExportRequest *request, Arena *a)
{
	Err *first = NULL;
	for (size_t i = 0; i < request->output_count; i++) {
		Err *err = TAKE_PTR(running[i].err);
		if (!err)
			continue;
		Str text = export_output_text(a, &request->outputs[i]);
		if (!first) {
			first = err_while(err, "writing the output '%.*s'", STR_ARG(text));
			continue;
		}
		if (err_kind(err) != ERR_CANCELLED)
			first = err_note(first, "the output '%.*s' failed as well: %.*s",
			                 STR_ARG(text), STR_ARG(err_cause(err)));
		err_free(err);
	}
	return first;
}

Err *export_all(const ExportRequest *r, Arena *a, ExportResult **ret_results)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	size_t outputs = r->output_count, images = r->image_count;
	*ret_results = arena_alloc(a, (outputs * images + 1) * sizeof **ret_results,
	                           _Alignof(ExportResult));
	if (outputs == 0)
		return NULL;
	TRY(store_lock_gc(r->store, false, r->cancel, &gc));
	AUTO_FREE Running *running = xcalloc(outputs, sizeof *running);
	for (size_t i = 0; i < outputs; i++)
		running[i].err = prepare(&running[i], r, &r->outputs[i], a);
	unsigned threads = outputs < EXPORT_OUTPUTS ? (unsigned)outputs : EXPORT_OUTPUTS;
	Err *err = parallel_each(outputs, threads, run_one, running);
	for (size_t i = 0; i < outputs; i++) {
		finish(&running[i]);
		for (size_t j = 0; j < images; j++)
			fill_result(&running[i], j, a, &(*ret_results)[i * images + j]);
	}
	Err *failed = join_errors(running, r, a);
	if (!err)
		return failed;
	err_free(failed);
	return err;
}

Err *export_run(Store *s, const OutputSpec *out, const ExportImage *images, size_t count,
                Progress *progress, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	TRY(store_lock_gc(s, false, cancel, &gc));
	ExportRequest request = { .store = s,
		                  .outputs = out,
		                  .output_count = 1,
		                  .images = images,
		                  .image_count = count,
		                  .epoch_ns = -1,
		                  .progress = progress,
		                  .cancel = cancel };
	Running running = { 0 };
	running.err = prepare(&running, &request, out, &a);
	run(&running);
	finish(&running);
	return running.err;
}
