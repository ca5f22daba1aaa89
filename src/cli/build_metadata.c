/*
 * build_metadata.c - what a build says about its result in files: --iidfile, --metadata-file, and
 * kaniko's files with digests.
 *
 * The metadata has buildx's keys, and of each what BuildKit's exporters answer: an image's
 * descriptor where a manifest was made; of the image in the store alone, as docker's own store, the
 * ID in its place.  Of several outputs a later one's keys win, as there.  Several targets have an
 * object each, as `buildx bake` writes. SOURCE: docker/buildx commands/build.go,
 * docs/reference/buildx_build.md; moby/buildkit exporter/.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/build_call.h"
#include "cli/build_outputs.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/stat.h>

/* --- a file, whole or not at all ------------------------------------------------------------- */

static Err *split_path(Arena *a, const char *file, int *ret_dir, const char **ret_name)
{
	Str text = str_from(file);
	ptrdiff_t slash = str_rfind(text, '/');
	const char *dir = slash < 0    ? "."
	                  : slash == 0 ? "/"
	                               : arena_str(a, str_head(text, (size_t)slash)).ptr;
	*ret_name = file + slash + 1;
	if (!**ret_name)
		return err_new(ERR_INPUT, "'%s' is no name of a file", file);
	*ret_dir = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_dir < 0 ? err_sys(errno, "cannot open the directory of '%s'", file) : NULL;
}

/* A pipe or a device is written as it is. */
static Err *write_file(const char *file, Str bytes)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_CLOSE int dir = -1;
	const char *name;
	struct stat st;
	TRY(split_path(&a, file, &dir, &name));
	if (fstatat(dir, name, &st, 0) < 0 || S_ISREG(st.st_mode))
		return err_while(err_set_elsewhere(path_write_file(dir, name, bytes, 0644, false)),
		                 "writing '%s'", file);
	AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", file);
	return err_set_elsewhere(path_write_all(fd, bytes.ptr, bytes.len, file));
}

/* The ID of an earlier build must not be taken for this one's, if this one fails. */
static Err *remove_file(const char *file)
{
	struct stat st;
	if (!file || fstatat(AT_FDCWD, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return unlinkat(AT_FDCWD, file, 0) == 0 ? NULL : err_sys(errno, "cannot remove '%s'", file);
}

Err *build_outputs_begin(const BuildValues *v)
{
	const char *files[] = { v->iidfile,     v->iidfile_raw,      v->metadata_file,
		                v->digest_file, v->name_digest_file, v->name_tag_digest_file };
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		TRY(remove_file(files[i]));
	return NULL;
}

/* --- IDs ------------------------------------------------------------------------------------- */

static Str list_ids(Arena *a, const BuildResult *result, size_t skip)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < result->image_count; i++)
		buf_addf(&out, "%s%s", i ? "\n" : "",
		         digest_arena_text(a, &result->images[i].image_id).ptr + skip);
	return arena_str(a, buf_str(&out));
}

Str build_metadata_ids(Arena *a, const BuildResult *result)
{
	return list_ids(a, result, 0);
}

/* --- what the outputs said ------------------------------------------------------------------- */

/* The keys of one image, of all outputs together. */
typedef struct Said {
	bool has_config, has_descriptor;
	Digest config;
	Descriptor descriptor;
	Str names;
} Said;

/* Without -o the image is in the store: docker's default. */
static Said said_by_default(Arena *a, const BuildTarget *t)
{
	AUTO_BUF Buf names = BUF_INIT;
	Said s = { .has_config = t->image_count == 1, .config = t->images[0].image_id };
	for (size_t i = 0; i < t->tag_count; i++)
		buf_addf(&names, "%s%s", i ? "," : "", reference_full(a, &t->tags[i]).ptr);
	s.names = arena_str(a, buf_str(&names));
	return s;
}

static Said said_of(Arena *a, const BuildResult *result, const BuildOutputs *outputs, size_t image)
{
	Said s = { .names = STR("") };
	if (!outputs->count)
		return said_by_default(a, &result->targets[image]);
	for (size_t i = 0; i < outputs->count && outputs->results; i++) {
		const ExportResult *r = &outputs->results[i * outputs->image_count + image];
		if (r->has_config) {
			s.has_config = true;
			s.config = r->config;
		}
		if (r->has_descriptor) {
			s.has_descriptor = true;
			s.descriptor = r->descriptor;
		}
		if (r->names.len)
			s.names = r->names;
	}
	return s;
}

static void write_said(JsonWriter *w, const Said *s)
{
	char text[DIGEST_TEXT_LEN + 1];
	if (s->has_config) {
		json_write_key(w, "containerimage.config.digest");
		json_write_str(w, digest_text(&s->config, text));
	}
	if (s->has_descriptor) {
		AUTO_BUF Buf descriptor = BUF_INIT;
		manifest_format_descriptor(&s->descriptor, &descriptor);
		json_write_key(w, "containerimage.descriptor");
		json_write_raw(w, buf_str(&descriptor));
	}
	if (s->has_descriptor || s->has_config) {
		json_write_key(w, "containerimage.digest");
		json_write_str(
			w,
			digest_text(s->has_descriptor ? &s->descriptor.digest : &s->config, text));
	}
	if (s->names.len) {
		json_write_key(w, "image.name");
		json_write_str(w, s->names);
	}
}

/* --- warnings -------------------------------------------------------------------------------- */

static void write_line(JsonWriter *w, const char *key, unsigned line)
{
	json_write_key(w, key);
	json_write_object(w);
	json_write_key(w, "line");
	json_write_int(w, line);
	json_write_object_end(w);
}

static void write_warning(JsonWriter *w, Arena *a, const LintFinding *f, const Source *source)
{
	const LintRule *rule = &lint_rule_table[f->rule];
	json_write_object(w);
	json_write_key(w, "level");
	json_write_int(w, 1);
	json_write_key(w, "short");
	build_call_json_data(w, lint_short(a, f));
	json_write_key(w, "detail");
	json_write_array(w);
	build_call_json_data(w, str_from(rule->description));
	json_write_array_end(w);
	build_call_json_text(w, "url", str_from(rule->url));
	if (source) {
		json_write_key(w, "sourceInfo");
		json_write_object(w);
		build_call_json_text(w, "filename", str_from(source->name));
		json_write_key(w, "data");
		build_call_json_data(w, source->text);
		json_write_key(w, "language");
		json_write_str(w, STR("Dockerfile"));
		json_write_object_end(w);
	}
	if (f->first_line) {
		json_write_key(w, "range");
		json_write_array(w);
		json_write_object(w);
		write_line(w, "start", f->first_line);
		write_line(w, "end", f->last_line);
		json_write_object_end(w);
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

/* buildx leaves them out unless the environment asks for them. */
static void write_warnings(JsonWriter *w, Arena *a, const BuildResult *result)
{
	const char *asked = getenv("BUILDX_METADATA_WARNINGS");
	bool wanted = false;
	if (!asked || !str_to_bool(str_from(asked), &wanted) || !wanted ||
	    !result->lint.warning_count)
		return;
	json_write_key(w, "buildx.build.warnings");
	json_write_array(w);
	for (size_t i = 0; i < result->lint.count; i++)
		if (!result->lint.findings[i].is_remark)
			write_warning(w, a, &result->lint.findings[i], result->source);
	json_write_array_end(w);
}

/* --- provenance ------------------------------------------------------------------------------- */

typedef enum MetadataProvenance {
	PROVENANCE_NONE,
	PROVENANCE_MIN,
	PROVENANCE_MAX
} MetadataProvenance;

/* buildx's BUILDX_METADATA_PROVENANCE: min, max, disabled, or a boolean. */
static MetadataProvenance wanted_provenance(void)
{
	const char *text = getenv("BUILDX_METADATA_PROVENANCE");
	bool on = true;
	if (!text || !*text || strcmp(text, "min") == 0)
		return PROVENANCE_MIN;
	if (strcmp(text, "max") == 0)
		return PROVENANCE_MAX;
	if (strcmp(text, "disabled") == 0)
		return PROVENANCE_NONE;
	return str_to_bool(str_from(text), &on) && !on ? PROVENANCE_NONE : PROVENANCE_MIN;
}

bool build_metadata_wants_provenance(const BuildValues *v)
{
	return v->metadata_file && wanted_provenance() != PROVENANCE_NONE;
}

static void write_provenance(JsonWriter *w, Arena *a, const BuildTarget *t)
{
	AttestSpec spec = { .max = wanted_provenance() == PROVENANCE_MAX };
	for (size_t i = 0; i < t->image_count; i++) {
		AUTO_BUF Buf json = BUF_INIT;
		if (!t->images[i].provenance)
			continue;
		provenance_format(t->images[i].provenance, &spec, &json);
		if (t->image_count == 1)
			json_write_key(w, "buildx.build.provenance");
		else
			json_write_key_str(
				w, arena_strf(a, "buildx.build.provenance/%s",
			                      platform_text(a, &t->images[i].platform).ptr));
		json_write_raw(w, buf_str(&json));
	}
}

/* --- files ----------------------------------------------------------------------------------- */

static void write_members(JsonWriter *w, Arena *a, const BuildResult *result,
                          const BuildOutputs *outputs, size_t image)
{
	Said s = said_of(a, result, outputs, image);
	write_provenance(w, a, &result->targets[image]);
	if (result->build_id.len) { /* as builder/node/ID: decant why ID, decant logs ID */
		json_write_key(w, "buildx.build.ref");
		json_write_str(w, arena_strf(a, "decant/local/%.*s", STR_ARG(result->build_id)));
	}
	write_warnings(w, a, result);
	write_said(w, &s);
}

static Err *write_metadata(Arena *a, const char *file, const BuildResult *result,
                           const BuildOutputs *outputs)
{
	AUTO_BUF Buf compact = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	JsonWriter w = { .out = &compact };
	json_write_object(&w);
	for (size_t i = 0; i < result->target_count; i++) {
		if (result->target_count == 1) {
			write_members(&w, a, result, outputs, i);
			break;
		}
		json_write_key_str(&w, result->targets[i].name);
		json_write_object(&w);
		write_members(&w, a, result, outputs, i);
		json_write_object_end(&w);
	}
	json_write_object_end(&w);
	JsonValue *json;
	TRY(json_parse(buf_str(&compact), compact.len, "the metadata", &json));
	json_dump_indent(json, 2, &text);
	json_free(json);
	return write_file(file, buf_str(&text));
}

/* kaniko: the digest of what a registry has, or would have. */
static Err *write_digests(Arena *a, const BuildValues *v, const BuildResult *result,
                          const BuildOutputs *outputs)
{
	AUTO_BUF Buf digests = BUF_INIT;
	AUTO_BUF Buf names = BUF_INIT;
	AUTO_BUF Buf tags = BUF_INIT;
	for (size_t i = 0; i < result->target_count; i++) {
		const BuildTarget *t = &result->targets[i];
		Said s = said_of(a, result, outputs, i);
		const char *digest = digest_arena_text(a, &s.descriptor.digest).ptr;
		buf_addf(&digests, "%s%s", i ? "\n" : "", digest);
		for (size_t j = 0; j < t->tag_count; j++) {
			const Reference *ref = &t->tags[j];
			buf_addf(&names, "%.*s/%.*s@%s\n", STR_ARG(ref->domain), STR_ARG(ref->path),
			         digest);
			buf_addf(&tags, "%s@%s\n", reference_full(a, ref).ptr, digest);
		}
	}
	if (v->digest_file)
		TRY(write_file(v->digest_file, buf_str(&digests)));
	if (v->name_digest_file)
		TRY(write_file(v->name_digest_file, buf_str(&names)));
	return v->name_tag_digest_file ? write_file(v->name_tag_digest_file, buf_str(&tags)) : NULL;
}

Err *build_metadata_write(Cli *cli, const BuildValues *v, const BuildResult *result,
                          const BuildOutputs *outputs)
{
	Arena *a = cli->arena;
	if (v->iidfile)
		TRY(write_file(v->iidfile, list_ids(a, result, 0)));
	if (v->iidfile_raw)
		TRY(write_file(v->iidfile_raw, list_ids(a, result, strlen("sha256:"))));
	if (v->digest_file || v->name_digest_file || v->name_tag_digest_file)
		TRY(write_digests(a, v, result, outputs));
	return v->metadata_file ? write_metadata(a, v->metadata_file, result, outputs) : NULL;
}
