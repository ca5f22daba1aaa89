/*
 * cmd_imagetools_create.c - an index of images that are in registries, made and pushed.
 *
 * SOURCE: docker/buildx commands/imagetools/create.go.  Annotations make the index OCI's, whatever
 * its images are: docker's lists have none.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "cli/connection.h"
#include "cli/platforms.h"
#include "codec/json.h"
#include "export/export.h"
#include "fs/path.h"
#include "registry/compose.h"
#include "registry/copy.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

typedef struct CreateValues {
	OptionList annotations, files, platforms, tags, ignored;
	const char *progress, *metadata_file;
	bool append, dry_run, prefer_index;
	ConnectionValues connection;
} CreateValues;

static const Option create_options[] = {
	{ .name = "annotation",
	  .kind = OPTION_LIST,
	  .help = "Add 'index:KEY=VALUE' or 'manifest-descriptor[PLATFORM]:KEY=VALUE'",
	  .offset = offsetof(CreateValues, annotations) },
	{ .name = "append",
	  .kind = OPTION_FLAG,
	  .help = "Add to what the first tag means now",
	  .offset = offsetof(CreateValues, append) },
	{ .name = "builder",
	  .kind = OPTION_IGNORED,
	  .value = "string",
	  .help = "Accepted, no effect",
	  .offset = offsetof(CreateValues, ignored) },
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .help = "Print the index, push nothing",
	  .offset = offsetof(CreateValues, dry_run) },
	{ .name = "file",
	  .letter = 'f',
	  .kind = OPTION_LIST,
	  .choices = "FILE",
	  .help = "File with a source: a name, a digest or a descriptor as JSON",
	  .offset = offsetof(CreateValues, files) },
	{ .name = "metadata-file",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "Write what was made, as JSON",
	  .offset = offsetof(CreateValues, metadata_file) },
	{ .name = "platform",
	  .letter = 'p',
	  .kind = OPTION_LIST,
	  .help = "Only the images for these platforms: os/arch[/variant], ...",
	  .offset = offsetof(CreateValues, platforms) },
	{ .name = "prefer-index",
	  .kind = OPTION_FLAG,
	  .help = "An index for one image too, else a copy of it (default true)",
	  .offset = offsetof(CreateValues, prefer_index) },
	{ .name = "progress",
	  .kind = OPTION_TEXT,
	  .choices = "auto,none,plain,rawjson,tty",
	  .help = "How progress is shown (default auto)",
	  .offset = offsetof(CreateValues, progress) },
	{ .name = "tag",
	  .letter = 't',
	  .kind = OPTION_LIST,
	  .help = "Name to push it under",
	  .offset = offsetof(CreateValues, tags) },
	CONNECTION_OPTIONS(CreateValues, connection),
};

static void create_defaults(void *values)
{
	((CreateValues *)values)->prefer_index = true;
}

/* What a source is: a name, or a descriptor (of which a digest alone is one). */
typedef struct Given {
	const char *text;
	bool has_ref, has_descriptor;
	Reference ref;
	Descriptor d;
} Given;

typedef VEC(Given) Givens;

typedef struct Create {
	Cli *cli;
	const CreateValues *values;
	Registry *registry;
	Reference *tags;
	Givens given;
	ComposeSource *sources;
	ExportAnnotation *notes; /* of entries */
	size_t note_count;
} Create;

/* --- the command line ------------------------------------------------------------------------- */

static Err *read_source_file(Cli *cli, const char *file, const char **ret)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	AUTO_BUF Buf text = BUF_INIT;
	if (fd < 0)
		return err_set_kind(err_sys(errno, "cannot open '%s'", file), ERR_INPUT);
	for (;;) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof part);
		if (n < 0)
			return err_set_kind(err_sys(errno, "cannot read '%s'", file), ERR_INPUT);
		if (n == 0)
			break;
		buf_add(&text, part, (size_t)n);
		if (text.len > JSON_BYTES_MAX)
			return err_new(ERR_INPUT, "'%s' has more than %u bytes", file,
			               JSON_BYTES_MAX);
	}
	*ret = arena_str(cli->arena, str_trim(buf_str(&text))).ptr;
	return NULL;
}

static Err *parse_source(Cli *cli, const char *text, Given *ret)
{
	*ret = (Given){ .text = text };
	if (*text == '{') {
		ret->has_descriptor = true;
		Err *e = manifest_parse_descriptor(cli->arena, str_from(text), "descriptor",
		                                   &ret->d);
		return err_while(e ? err_set_kind(e, ERR_INPUT) : NULL,
		                 "reading the source '%.60s'", text);
	}
	if (str_starts(str_from(text), STR("sha256:"))) {
		ret->has_descriptor = true;
		Err *e = digest_parse(str_from(text), &ret->d.digest);
		cli->usage_error = e != NULL;
		return err_while(e, "reading the source '%.80s'", text);
	}
	ret->has_ref = true;
	return cli_reference(cli, text, &ret->ref);
}

static Err *add_source(Create *c, const char *text)
{
	Given one;
	TRY(parse_source(c->cli, text, &one));
	VEC_PUSH(&c->given, one);
	return NULL;
}

static Err *read_tags(Create *c)
{
	const OptionList *tags = &c->values->tags;
	c->tags = arena_alloc(c->cli->arena, (tags->count + 1) * sizeof *c->tags,
	                      _Alignof(Reference));
	for (size_t i = 0; i < tags->count; i++) {
		TRY(cli_reference(c->cli, tags->at[i], &c->tags[i]));
		if (c->tags[i].has_digest)
			return cli_usage(c->cli,
			                 "invalid tag '%s': a name with a digest cannot be given",
			                 tags->at[i]);
	}
	return NULL;
}

static Err *read_given(Create *c, const Arguments *args)
{
	const CreateValues *v = c->values;
	if (!args->count && !v->files.count)
		return cli_usage(c->cli, "no sources specified");
	if (!v->dry_run && !v->tags.count)
		return cli_usage(
			c->cli, "can't push with no tags specified, please set --tag or --dry-run");
	TRY(read_tags(c));
	if (v->append && v->tags.count)
		TRY(add_source(c, v->tags.at[0]));
	for (size_t i = 0; i < v->files.count; i++) {
		const char *text;
		TRY(read_source_file(c->cli, v->files.at[i], &text));
		TRY(add_source(c, text));
	}
	for (size_t i = 0; i < args->count; i++)
		TRY(add_source(c, args->at[i]));
	return NULL;
}

static bool is_same_repository(const Reference *a, const Reference *b)
{
	return str_eq(a->domain, b->domain) && str_eq(a->path, b->path);
}

/* Where a source is that says only a digest: in the one repository that is spoken of. */
static Err *infer_repository(Create *c)
{
	const Reference *repository = NULL;
	bool several = false;
	for (size_t i = 0; i < c->values->tags.count + c->given.len; i++) {
		size_t k = i - c->values->tags.count;
		const Reference *one = i < c->values->tags.count ? &c->tags[i]
		                       : c->given.at[k].has_ref  ? &c->given.at[k].ref
		                                                 : NULL;
		several = several || (one && repository && !is_same_repository(one, repository));
		repository = one ? one : repository;
	}
	if (!repository)
		return cli_usage(c->cli, "no repositories specified, please set a reference in tag "
		                         "or source");
	for (size_t i = 0; i < c->given.len; i++) {
		Given *g = &c->given.at[i];
		if (g->has_ref)
			continue;
		if (several)
			return cli_usage(c->cli,
			                 "multiple repositories specified, cannot infer repository "
			                 "for '%.80s'",
			                 g->text);
		g->ref = *repository;
		g->ref.tag = STR("");
		g->ref.has_digest = true;
		g->ref.digest = g->d.digest;
	}
	return NULL;
}

/* Those of the index to RET; those of its entries are kept in C. */
static Err *read_annotations(Create *c, Annotation **ret, size_t *ret_count)
{
	Arena *a = c->cli->arena;
	const OptionList *given = &c->values->annotations;
	VEC(ExportAnnotation) all = { 0 };
	Err *e = NULL;
	for (size_t i = 0; i < given->count && !e; i++) {
		ExportAnnotation *list;
		size_t count = 0;
		e = export_parse_annotation(a, str_from(given->at[i]), &list, &count);
		for (size_t k = 0; k < count && !e; k++)
			VEC_PUSH(&all, list[k]);
	}
	*ret = arena_alloc(a, (all.len + 1) * sizeof **ret, _Alignof(Annotation));
	c->notes = arena_alloc(a, (all.len + 1) * sizeof *c->notes, _Alignof(ExportAnnotation));
	for (size_t i = 0; i < all.len && !e; i++) {
		AnnotationPlace place = all.at[i].place;
		if (place == ANNOTATION_INDEX)
			(*ret)[(*ret_count)++] = all.at[i].note;
		else if (place == ANNOTATION_MANIFEST_DESCRIPTOR)
			c->notes[c->note_count++] = all.at[i];
		else
			e = err_note(
				err_new(ERR_INPUT,
			                "the annotation '%.*s' has no place here: images stay as "
			                "they are",
			                STR_ARG(all.at[i].note.key)),
				"write index:KEY=VALUE or manifest-descriptor:KEY=VALUE");
	}
	VEC_DONE(&all);
	c->cli->usage_error = e != NULL;
	return e;
}

static Err *annotate(void *context, Descriptor *entry, Arena *a)
{
	const Create *c = context;
	Annotation *all =
		arena_alloc(a, (entry->annotation_count + c->note_count + 1) * sizeof *all,
	                    _Alignof(Annotation));
	size_t count = entry->annotation_count;
	if (count)
		memcpy(all, entry->annotations, count * sizeof *all);
	for (size_t i = 0; i < c->note_count; i++) {
		const ExportAnnotation *note = &c->notes[i];
		bool fits = !note->has_platform ||
		            (entry->has_platform && str_eq(platform_text(a, &note->platform),
		                                           platform_text(a, &entry->platform)));
		if (fits)
			all[count++] = note->note;
	}
	entry->annotations = all;
	entry->annotation_count = count;
	return NULL;
}

/* --- doing it --------------------------------------------------------------------------------- */

static Err *read_sources(Create *c)
{
	c->sources = arena_alloc(c->cli->arena, (c->given.len + 1) * sizeof *c->sources,
	                         _Alignof(ComposeSource));
	for (size_t i = 0; i < c->given.len; i++) {
		const Given *g = &c->given.at[i];
		TRY(compose_read(c->registry, &g->ref, g->has_descriptor ? &g->d : NULL,
		                 c->cli->arena, &c->sources[i]));
	}
	return NULL;
}

/* "copying DIGEST from NAME to REPOSITORY" below the line of a push. */
static Err *copy(const Create *c, const Reference *from, const Digest *digest, const Reference *tag,
                 Progress *progress, unsigned line)
{
	Arena *a = c->cli->arena;
	const char *to = reference_familiar_name(a, tag).ptr;
	if (is_same_repository(from, tag))
		return NULL;
	progress_log(progress, line,
	             arena_strf(a, "copying %s from %s to %s\n", digest_arena_text(a, digest).ptr,
	                        reference_familiar(a, from).ptr, to));
	return err_while(registry_copy(c->registry, from, digest, tag, progress, line),
	                 "copying %s to %s", digest_arena_text(a, digest).ptr, to);
}

static Err *push_tag(const Create *c, const Composed *made, size_t number, Progress *progress,
                     unsigned line)
{
	Arena *a = c->cli->arena;
	const Reference *tag = &c->tags[number];
	bool done = false; /* for an earlier tag of the same repository */
	Digest is;
	for (size_t i = 0; i < number; i++)
		done = done || is_same_repository(&c->tags[i], tag);
	for (size_t i = 0; i < made->count && !done; i++)
		TRY(copy(c, &made->from[i]->ref, &made->entries[i].digest, tag, progress, line));
	if (!made->count && !done)
		TRY(copy(c, &c->sources[0].ref, &made->digest, tag, progress, line));
	progress_log(progress, line,
	             arena_strf(a, "pushing %s to %s\n", digest_arena_text(a, &made->digest).ptr,
	                        reference_familiar(a, tag).ptr));
	return registry_push_manifest(c->registry, tag, made->media_type, made->json, &is);
}

static Err *push_tags(const Create *c, const Composed *made)
{
	Ui *ui = NULL;
	Err *e = ui_open(c->values->progress ? c->values->progress : "auto", stderr, &ui);
	if (e)
		return err_while(e, "reading --progress");
	ui_set_verb(ui, "Pushing");
	ui_start(ui);
	cli_watch_ui(ui);
	for (size_t i = 0; i < c->values->tags.count && !e; i++) {
		const char *name = reference_familiar(c->cli->arena, &c->tags[i]).ptr;
		unsigned line =
			progress_begin(ui_progress(ui), STR("internal"), "pushing %s", name);
		e = push_tag(c, made, i, ui_progress(ui), line);
		progress_end(ui_progress(ui), line, e ? PROGRESS_ERROR : PROGRESS_DONE,
		             e ? err_cause(e) : STR(""));
		e = err_while(e, "pushing %s", name);
	}
	ui_finish(ui);
	cli_watch_ui(NULL);
	ui_close(ui);
	return e;
}

/* buildx's keys: the descriptor, and the repositories with commas between. */
static Err *write_metadata(const Create *c, const Composed *made)
{
	Arena *a = c->cli->arena;
	AUTO_BUF Buf json = BUF_INIT, names = BUF_INIT, out = BUF_INIT;
	JsonWriter w = { .out = &json };
	JsonValue *v;
	for (size_t i = 0; i < c->values->tags.count; i++) {
		Str name = arena_strf(a, "%.*s/%.*s", STR_ARG(c->tags[i].domain),
		                      STR_ARG(c->tags[i].path));
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told = told || is_same_repository(&c->tags[k], &c->tags[i]);
		if (!told)
			buf_addf(&names, "%s%s", names.len ? "," : "", name.ptr);
	}
	json_write_object(&w);
	json_write_key(&w, "containerimage.descriptor");
	json_write_object(&w);
	json_write_member(&w, "mediaType", made->media_type);
	json_write_member(&w, "digest", digest_arena_text(a, &made->digest));
	json_write_key(&w, "size");
	json_write_int(&w, (int64_t)made->json.len);
	json_write_object_end(&w);
	json_write_member(&w, "image.name", buf_str(&names));
	json_write_object_end(&w);
	TRY(json_parse(buf_str(&json), SIZE_MAX, "metadata", &v));
	json_dump_indent(v, 2, &out);
	json_free(v);
	return err_while(err_set_elsewhere(path_write_file(AT_FDCWD, c->values->metadata_file,
	                                                   buf_str(&out), 0644, false)),
	                 "writing '%s'", c->values->metadata_file);
}

static Err *create(Create *c, const Arguments *args)
{
	const CreateValues *v = c->values;
	Annotation *notes;
	size_t note_count = 0;
	Composed made;
	ComposeRequest q = { .copy = !v->prefer_index, .annotate = annotate, .context = c };
	TRY(read_given(c, args));
	TRY(infer_repository(c));
	TRY(read_annotations(c, &notes, &note_count));
	TRY(cli_platforms(c->cli, &v->platforms, &q.platforms, &q.platform_count));
	TRY(read_sources(c));
	q.sources = c->sources;
	q.count = c->given.len;
	q.annotations = notes;
	q.annotation_count = note_count;
	q.annotated = note_count + c->note_count > 0;
	TRY(compose_index(&q, c->cli->arena, &made));
	if (v->dry_run) {
		printf("%.*s\n", STR_ARG(made.json));
		return NULL;
	}
	TRY(push_tags(c, &made));
	return v->metadata_file ? write_metadata(c, &made) : NULL;
}

static Err *run_imagetools_create(Cli *cli, const void *values, const Arguments *args)
{
	Create c = { .cli = cli, .values = values };
	Str authorities;
	Cancel *cancel;
	TRY(connection_apply(cli, &c.values->connection, &authorities));
	TRY(cli_cancel(cli, &cancel));
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(cancel, &registry));
	c.registry = registry;
	Err *e = create(&c, args);
	VEC_DONE(&c.given);
	return cli_of_registry(e);
}

const Command command_imagetools_create = {
	.name = "imagetools-create",
	.aliases = "imagetools create,buildx imagetools create",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [SOURCE...]",
	.help = "Make an index of images that registries have",
	.about = "A source is a name, a digest in the one repository that is spoken of, or a "
		 "descriptor "
		 "(JSON)\n"
		 "whose platform and annotations count. Images come from other repositories and "
		 "registries with all\n"
		 "that they are made of. One index alone is copied as it is.",
	.options = create_options,
	.option_count = ARRAY_LEN(create_options),
	.values_size = sizeof(CreateValues),
	.defaults = create_defaults,
	.arguments_max = UINT_MAX,
	.run = run_imagetools_create,
};
