/* build_outputs.c - -o and its relatives → outputs; the outputs run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/build_outputs.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

typedef VEC(OutputSpec) OutputVec;
typedef VEC(ExportAnnotation) AnnotationVec;

static Err *add_output(Cli *cli, const char *text, OutputVec *list)
{
	OutputSpec spec;
	Err *e = export_parse_output(cli->arena, str_from(text), &spec);
	if (e) {
		cli->usage_error = true;
		return err_while(e, "reading --output '%s'", text);
	}
	VEC_PUSH(list, spec);
	return NULL;
}

static void add_plain(OutputVec *list, const char *type, const char *dest)
{
	VEC_PUSH(list, (OutputSpec){ .type = str_from(type),
	                             .dest = str_from(dest),
	                             .attestation_prefix = STR(""),
	                             .tar = true });
}

/* --push: image outputs go to their registries; without one there is one more output. */
static void add_push(OutputVec *list)
{
	bool found = false;
	for (size_t i = 0; i < list->len; i++)
		if (str_eqc(list->at[i].type, "image") || str_eqc(list->at[i].type, "registry")) {
			list->at[i].type = STR("registry");
			found = true;
		}
	if (!found)
		add_plain(list, "registry", "");
}

static bool wants_digest(const BuildValues *v)
{
	return v->digest_file || v->name_digest_file || v->name_tag_digest_file;
}

static Err *gather(Cli *cli, const BuildValues *v, OutputVec *list)
{
	for (size_t i = 0; i < v->outputs.count; i++)
		if (*v->outputs.at[i]) /* buildx leaves out empty ones */
			TRY(add_output(cli, v->outputs.at[i], list));
	if (v->tar_path)
		add_plain(list, "docker", v->tar_path);
	if (v->layout_path) {
		add_plain(list, "oci", v->layout_path);
		list->at[list->len - 1].tar = false;
	}
	if (v->push && v->no_push)
		return cli_usage(cli, "--push and --no-push exclude each other");
	if (v->push || (v->destinations.count && !v->no_push))
		add_push(list);
	/* Annotations and digests are a manifest's: without an output that has one, one is made. */
	bool has_image = false;
	for (size_t i = 0; i < list->len; i++)
		has_image = has_image || export_is_image(&list->at[i]);
	bool by_annotation = v->annotations.count && !list->len;
	if (by_annotation || (wants_digest(v) && !has_image)) {
		add_plain(list, "image", "");
		list->at[list->len - 1].publish = true;
	}
	for (size_t i = 0; i < list->len; i++)
		if (wants_digest(v) && str_eqc(list->at[i].type, "image"))
			list->at[i].publish = true;
	return NULL;
}

/* --- keys that options give to all ----------------------------------------------------------- */

static Err *read_annotations(Cli *cli, const BuildValues *v, AnnotationVec *ret)
{
	for (size_t i = 0; i < v->annotations.count; i++) {
		ExportAnnotation *notes;
		size_t count;
		if (!*v->annotations.at[i])
			continue;
		Err *e = export_parse_annotation(cli->arena, str_from(v->annotations.at[i]), &notes,
		                                 &count);
		if (e) {
			cli->usage_error = true;
			return err_while(e, "reading --annotation");
		}
		for (size_t j = 0; j < count; j++)
			VEC_PUSH(ret, notes[j]);
	}
	return NULL;
}

/* Those of --annotation win over those of the output itself, as in buildx. */
static void add_annotations(Arena *a, const AnnotationVec *notes, OutputSpec *spec)
{
	size_t count = spec->annotation_count + notes->len;
	ExportAnnotation *all =
		arena_alloc(a, (count + 1) * sizeof *all, _Alignof(ExportAnnotation));
	if (spec->annotation_count)
		memcpy(all, spec->annotations, spec->annotation_count * sizeof *all);
	if (notes->len)
		memcpy(all + spec->annotation_count, notes->at, notes->len * sizeof *all);
	spec->annotations = all;
	spec->annotation_count = count;
}

static Err *usual_compression(Cli *cli, const BuildValues *v, CompressionSpec *ret)
{
	const char *name = v->compression ? v->compression : "gzip";
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "%s", name);
	if (v->compression_level)
		buf_addf(&text, ":%s", v->compression_level);
	Err *e = compressor_parse(buf_str(&text), ret);
	cli->usage_error = e;
	return err_while(e, "reading --compression-%s", v->compression ? "format" : "level");
}

static Err *usual_types(Cli *cli, const BuildValues *v, ExportMediaTypes *ret)
{
	*ret = EXPORT_TYPES_ANY;
	if (!v->format)
		return NULL;
	if (strcmp(v->format, "docker") == 0)
		*ret = EXPORT_TYPES_DOCKER;
	else if (strcmp(v->format, "oci") == 0)
		*ret = EXPORT_TYPES_OCI;
	else
		return err_note(cli_usage(cli, "unknown format: '%s'", v->format),
		                "one of docker, oci");
	return NULL;
}

static Err *set_usual(Cli *cli, const BuildValues *v, OutputVec *list)
{
	AUTO_VEC AnnotationVec notes = { 0 };
	CompressionSpec compression = { 0 };
	ExportMediaTypes types;
	bool compressed = v->compression || v->compression_level;
	TRY(read_annotations(cli, v, &notes));
	TRY(usual_types(cli, v, &types));
	if (compressed)
		TRY(usual_compression(cli, v, &compression));
	for (size_t i = 0; i < list->len; i++) {
		OutputSpec *spec = &list->at[i];
		if (!export_is_image(spec))
			continue;
		spec->exact = true;
		add_annotations(cli->arena, &notes, spec);
		if (compressed && !spec->compression_set) {
			spec->compression = compression;
			spec->compression_set = true;
		}
		spec->force_compression = spec->force_compression || v->force_compression;
		if (spec->media_types == EXPORT_TYPES_ANY)
			spec->media_types = types;
	}
	return NULL;
}

/* --- checks ---------------------------------------------------------------------------------- */

/* E is the command line's fault. */
static Err *fault(Cli *cli, const OutputSpec *spec, Err *e)
{
	cli->usage_error = true;
	return err_while(e, "reading the output '%s'", export_output_text(cli->arena, spec).ptr);
}

/* PATH's part that exists, with all links resolved, and the rest as it is. */
static const char *resolved(Arena *a, const char *path)
{
	char real[PATH_MAX];
	Str text = str_from(path);
	if (realpath(path, real))
		return arena_str(a, str_from(real)).ptr;
	ptrdiff_t slash = str_rfind(text, '/');
	Str name = str_from_at(text, (size_t)(slash + 1));
	if (slash == 0)
		return arena_strf(a, "/%.*s", STR_ARG(name)).ptr;
	const char *parent = slash < 0 ? "." : arena_str(a, str_head(text, (size_t)slash)).ptr;
	if (!text.len || (slash < 0 && !realpath(".", real)))
		return "/";
	return arena_strf(a, "%s/%.*s", resolved(a, parent), STR_ARG(name)).ptr;
}

/* Below the working directory mode=delete is free, elsewhere somebody must have meant it. */
static Err *check_delete(Cli *cli, const BuildValues *v, const OutputSpec *spec)
{
	if (!spec->remove_others)
		return NULL;
	for (size_t i = 0; i < v->allow.count; i++)
		if (strcmp(v->allow.at[i], BUILD_ALLOW_DELETE) == 0)
			return NULL;
	Str here = str_from(resolved(cli->arena, "."));
	Str dest = str_from(resolved(cli->arena, spec->dest.ptr));
	bool below = str_starts(dest, here) && dest.len > here.len &&
	             (dest.ptr[here.len] == '/' || here.len == 1);
	if (below && str_find(dest, '/') >= 0 && !strstr(dest.ptr, "/../") &&
	    !str_ends(dest, STR("/..")))
		return NULL;
	return fault(cli, spec,
	             err_note(err_new(ERR_INPUT,
	                              "mode=delete removes what is in '%s' and not of the result",
	                              spec->dest.ptr),
	                      "it is not below the working directory: give "
	                      "--allow " BUILD_ALLOW_DELETE));
}

static Err *check_names(Cli *cli, const BuildValues *v, const BuildRequest *r,
                        const OutputSpec *spec)
{
	bool named = r->tag_count || r->tag_pattern_count || spec->name_count;
	if (spec->name_count && r->target_count > 1)
		return fault(cli, spec,
		             err_note(err_new(ERR_INPUT, "several targets cannot have one name"),
		                      "name them by --tag, with %s where the name of the stage "
		                      "belongs",
		                      BUILD_TAG_TARGET));
	if (!str_eqc(spec->type, "registry") || named)
		return NULL;
	if (v->push)
		return err_note(cli_usage(cli, "--push needs a name for the image"),
		                "give one with --tag");
	return fault(cli, spec,
	             err_note(err_new(ERR_INPUT, "an image without a name cannot be pushed"),
	                      "give one with --tag, or by name="));
}

/* Was SOURCE_DATE_EPOCH given?  Then file times follow it. */
static bool has_epoch(const BuildRequest *r)
{
	for (size_t i = 0; i < r->arg_count; i++)
		if (str_eqc(r->args[i].name, "SOURCE_DATE_EPOCH") && r->args[i].value.len)
			return true;
	return false;
}

static Err *check_one(Cli *cli, const BuildValues *v, const BuildRequest *r, const OutputSpec *spec)
{
	bool files = str_eqc(spec->type, "local") || str_eqc(spec->type, "tar");
	Err *e = export_check_annotations(spec, r->platforms, r->platform_count);
	if (e)
		return fault(cli, spec, e);
	if (files && r->target_count > 1)
		return fault(cli, spec,
		             err_note(err_new(ERR_INPUT, "it takes the files of one target"),
		                      "build one --target, or give type=oci"));
	if (str_eqc(spec->type, "docker") && r->platform_count > 1)
		return fault(
			cli, spec,
			err_note(err_new(ERR_INPUT, "an archive for docker holds one platform"),
		                 "give type=oci"));
	if (spec->rewrite_timestamp == EXPORT_NO && has_epoch(r))
		return fault(
			cli, spec,
			err_note(err_new(ERR_INPUT, "'rewrite-timestamp=false' is not supported "
		                                    "together with SOURCE_DATE_EPOCH"),
		                 "file times follow SOURCE_DATE_EPOCH: leave it away to keep "
		                 "them"));
	TRY(check_names(cli, v, r, spec));
	return check_delete(cli, v, spec);
}

static Err *check_dests(Cli *cli, const OutputVec *list)
{
	bool to_stdout = false;
	for (size_t i = 0; i < list->len; i++) {
		const OutputSpec *spec = &list->at[i];
		struct stat st;
		if (!spec->dest.len)
			continue;
		if (str_eqc(spec->dest, "-")) {
			if (to_stdout)
				return cli_usage(cli, "several outputs go to standard output");
			if (isatty(STDOUT_FILENO))
				return err_note(
					cli_usage(cli,
				                  "refusing to write an archive to a terminal"),
					"give dest=FILE, or redirect standard output");
			to_stdout = true;
			continue;
		}
		for (size_t j = 0; j < i; j++)
			if (str_eq(list->at[j].dest, spec->dest))
				return cli_usage(cli, "two outputs have the dest '%s'",
				                 spec->dest.ptr);
		bool there = fstatat(AT_FDCWD, spec->dest.ptr, &st, 0) == 0;
		if (there && S_ISDIR(st.st_mode) != export_is_directory(spec) &&
		    (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
			return fault(cli, spec,
			             err_new(ERR_INPUT, "'%s' is a %s", spec->dest.ptr,
			                     S_ISDIR(st.st_mode) ? "directory" : "file"));
	}
	return NULL;
}

/* --- names ----------------------------------------------------------------------------------- */

static void add_name(Arena *a, BuildRequest *r, const Reference *ref)
{
	Str full = reference_full(a, ref);
	for (size_t i = 0; i < r->tag_count; i++)
		if (str_eq(reference_full(a, &r->tags[i]), full))
			return;
	Reference *all = arena_alloc(a, (r->tag_count + 1) * sizeof *all, _Alignof(Reference));
	if (r->tag_count)
		memcpy(all, r->tags, r->tag_count * sizeof *all);
	all[r->tag_count++] = *ref;
	r->tags = all;
}

/* Outputs without names of their own have those of -t; the image in the store has all of image and
 * registry outputs too. */
static Err *set_names(Cli *cli, const BuildValues *v, BuildRequest *r, OutputVec *list)
{
	bool tagged = false;
	for (size_t i = 0; i < v->tags.count; i++) {
		Str tag = str_from(v->tags.at[i]);
		tagged = tagged ||
		         str_find(str_from_at(tag, (size_t)(str_rfind(tag, '/') + 1)), ':') >= 0;
	}
	Str *usual = arena_alloc(cli->arena, (r->tag_count + 1) * sizeof *usual, _Alignof(Str));
	size_t usual_count = r->tag_count;
	for (size_t i = 0; i < usual_count; i++)
		usual[i] = reference_full(cli->arena, &r->tags[i]);
	for (size_t i = 0; i < list->len; i++) {
		OutputSpec *spec = &list->at[i];
		bool stored = str_eqc(spec->type, "image") || str_eqc(spec->type, "registry");
		for (size_t j = 0; j < spec->name_count && stored; j++) {
			Reference ref;
			TRY(reference_parse(cli->arena, spec->names[j], &ref));
			add_name(cli->arena, r, &ref);
		}
		if (!spec->name_count)
			spec->tagged_name = tagged;
		/* Written down: the target's names will be more than these. */
		if (!spec->name_count && r->tag_pattern_count == 0 && r->target_count <= 1) {
			spec->names = usual;
			spec->name_count = usual_count;
		}
	}
	return NULL;
}

static Err *add_destinations(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	for (size_t i = 0; i < v->destinations.count; i++) {
		Reference ref;
		TRY(cli_reference(cli, v->destinations.at[i], &ref));
		if (ref.has_digest)
			return cli_usage(cli, "a name with a digest cannot be given: '%s'",
			                 v->destinations.at[i]);
		add_name(cli->arena, r, &ref);
	}
	return NULL;
}

static Err *parse(Cli *cli, const BuildValues *v, BuildRequest *r, OutputVec *list)
{
	TRY(add_destinations(cli, v, r));
	TRY(gather(cli, v, list));
	TRY(set_usual(cli, v, list));
	TRY(check_dests(cli, list));
	for (size_t i = 0; i < list->len; i++)
		list->at[i].attests = &r->attest;
	for (size_t i = 0; i < list->len; i++)
		TRY(check_one(cli, v, r, &list->at[i]));
	r->cache_only = list->len > 0;
	for (size_t i = 0; i < list->len; i++)
		r->cache_only = r->cache_only && str_eqc(list->at[i].type, "cacheonly");
	return set_names(cli, v, r, list);
}

Err *build_outputs_parse(Cli *cli, const BuildValues *v, BuildRequest *r, BuildOutputs *ret)
{
	AUTO_VEC OutputVec list = { 0 };
	TRY(parse(cli, v, r, &list));
	*ret = (BuildOutputs){ .count = list.len };
	ret->at = arena_alloc(cli->arena, (list.len + 1) * sizeof *ret->at, _Alignof(OutputSpec));
	if (list.len)
		memcpy(ret->at, list.at, list.len * sizeof *ret->at);
	return NULL;
}

/* --- running --------------------------------------------------------------------------------- */

/* The images of T, under its names. */
static Err *read_target(Arena *a, Store *s, const BuildTarget *t, ExportImage *ret)
{
	Image *images = arena_alloc(a, t->image_count * sizeof *images, _Alignof(Image));
	Str *names = arena_alloc(a, (t->tag_count + 1) * sizeof *names, _Alignof(Str));
	for (size_t i = 0; i < t->image_count; i++)
		TRY(image_read(s, &t->images[i].image_id, a, &images[i]));
	for (size_t i = 0; i < t->tag_count; i++)
		names[i] = reference_full(a, &t->tags[i]);
	*ret = (ExportImage){ .images = images,
		              .image_count = t->image_count,
		              .names = names,
		              .name_count = t->tag_count };
	return NULL;
}

bool build_outputs_take_stdout(const BuildOutputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (str_eqc(outputs->at[i].dest, "-"))
			return true;
	return false;
}

/* Is anything written, or made? */
static bool has_work(const BuildOutputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const OutputSpec *o = &outputs->at[i];
		bool idle = str_eqc(o->type, "cacheonly") ||
		            (str_eqc(o->type, "image") && !o->publish && !o->compression_set &&
		             !o->annotation_count && o->media_types == EXPORT_TYPES_ANY);
		if (!idle)
			return true;
	}
	return false;
}

static void warn_of_times(const BuildRequest *r, const BuildResult *result,
                          const BuildOutputs *outputs)
{
	for (size_t i = 0; i < outputs->count && result->epoch_ns < 0; i++)
		if (outputs->at[i].rewrite_timestamp == EXPORT_YES) {
			progress_warning(r->progress, 0,
			                 "rewrite-timestamp=true does nothing without "
			                 "SOURCE_DATE_EPOCH: file times stay");
			return;
		}
}

Err *build_outputs_run(Cli *cli, const BuildRequest *r, const BuildResult *result,
                       BuildOutputs *outputs)
{
	Arena *a = cli->arena;
	outputs->image_count = result->target_count;
	outputs->images = arena_alloc(a, result->target_count * sizeof *outputs->images,
	                              _Alignof(ExportImage));
	if (!outputs->count)
		return NULL;
	/* A build that found everything has not entered: but layers may be directories, and files
	 * in them belong to owners that only the namespace may read.  No thread runs then. */
	if (has_work(outputs)) {
		TRY(sandbox_enter());
		TRY(store_reopen(r->store));
	}
	for (size_t i = 0; i < result->target_count; i++)
		TRY(read_target(a, r->store, &result->targets[i], &outputs->images[i]));
	warn_of_times(r, result, outputs);
	ExportRequest request = { .store = r->store,
		                  .outputs = outputs->at,
		                  .output_count = outputs->count,
		                  .images = outputs->images,
		                  .image_count = outputs->image_count,
		                  .epoch_ns = result->epoch_ns,
		                  .progress = r->progress,
		                  .cancel = r->cancel };
	return export_all(&request, a, &outputs->results);
}
