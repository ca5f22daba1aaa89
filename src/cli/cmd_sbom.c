/* cmd_sbom.c - the packages in an image. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "fs/path.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>

typedef struct SbomValues {
	const char *format, *output, *platform;
} SbomValues;

static const Option sbom_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,spdx-json,json",
	  .help = "table (default), spdx-json, json (one package a line), or a Go template",
	  .offset = offsetof(SbomValues, format) },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "Write the SPDX document to this file",
	  .offset = offsetof(SbomValues, output) },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "Of an image for several platforms: which",
	  .offset = offsetof(SbomValues, platform) },
};

static const ListingColumn columns[] = {
	{ "Name", "NAME" },
	{ "Version", "VERSION" },
	{ "Type", "TYPE" },
};
static const ListingColumn titles[] = {
	{ "Name", "NAME" },   { "Version", "VERSION" }, { "Type", "TYPE" },
	{ "PURL", "PURL" },   { "License", "LICENSE" }, { "Path", "PATH" },
	{ "Layer", "LAYER" },
};

static Str row_json(Arena *a, const Image *image, const SbomPackage *p)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "Name", p->name);
	json_write_member(&w, "Version", p->version);
	json_write_member(&w, "Type", str_from(p->type));
	json_write_member(&w, "PURL", p->purl);
	json_write_member(&w, "License", p->license);
	json_write_member(&w, "Path", arena_strf(a, "/%.*s", STR_ARG(p->path)));
	json_write_member(&w, "Layer", digest_arena_text(a, &image->config.diff_ids[p->layer]));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static Err *print_rows(Cli *cli, const char *format, const Image *image, const Sbom *s)
{
	Arena *a = cli->arena;
	Str *rows = arena_alloc(a, (s->packages.len + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < s->packages.len; i++)
		rows[i] = row_json(a, image, &s->packages.at[i]);
	return listing_print(a, format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     rows, s->packages.len);
}

/* SOURCE_DATE_EPOCH, or now. */
static Err *creation_time(Cli *cli, int64_t *ret_ns)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds;
	*ret_ns = clock_real_ns();
	if (!text || !*text)
		return NULL;
	if (!str_to_u64(str_from(text), &seconds) || seconds > INT64_MAX / 1000000000)
		return cli_usage(cli, "invalid SOURCE_DATE_EPOCH '%s': expected seconds since 1970",
		                 text);
	*ret_ns = (int64_t)seconds * 1000000000;
	return NULL;
}

static Err *format_document(Cli *cli, const Image *image, const Sbom *s, Buf *out)
{
	enum { INDENT = 2 };
	Arena *a = cli->arena;
	AUTO_BUF Buf compact = BUF_INIT;
	JsonValue *v;
	SpdxDocument d = { .sbom = s,
		           .name = digest_arena_text(a, &image->id),
		           .version = digest_arena_text(a, &image->id),
		           .purl = STR(""),
		           .diff_ids = image->config.diff_ids,
		           .diff_id_count = image->config.diff_id_count };
	TRY(creation_time(cli, &d.created_ns));
	if (image->ref.len && !str_starts(image->ref, STR("sha256:"))) {
		Reference ref;
		TRY(reference_parse(a, image->ref, &ref));
		d.name = reference_familiar(a, &ref);
		d.purl = purl_image(a, "docker", &ref, &image->config.platform);
	}
	spdx_format(&d, &compact);
	TRY(json_parse(buf_str(&compact), SIZE_MAX, "the document", &v));
	json_dump_indent(v, INDENT, out);
	json_free(v);
	buf_add_char(out, '\n');
	return NULL;
}

static Err *write_document(Cli *cli, const SbomValues *v, const Image *image, const Sbom *s)
{
	AUTO_BUF Buf out = BUF_INIT;
	TRY(format_document(cli, image, s, &out));
	if (!v->output || strcmp(v->output, "-") == 0) {
		(void)fwrite(out.ptr, 1, out.len, stdout); /* checked when the program ends */
		return NULL;
	}
	return err_while(
		err_set_elsewhere(path_write_file(AT_FDCWD, v->output, buf_str(&out), 0644, false)),
		"writing '%s'", v->output);
}

static Err *run_sbom(Cli *cli, const void *values, const Arguments *args)
{
	const SbomValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Image image = { 0 };
	AUTO_SBOM Sbom sbom = { 0 };
	bool spdx = v->format ? strcmp(v->format, "spdx-json") == 0 : v->output != NULL;
	if (v->output && !spdx)
		return cli_usage(cli, "--output is for --format spdx-json");
	sbom_init(&sbom, cli->arena);
	TRY(cli_store_existing(cli, &s));
	TRY(cli_image_for(cli, s, args->at[0], v->platform, &image));
	/* Layers may be directories, and files in them belong to owners that only the namespace may
	 * read. */
	TRY(sandbox_enter());
	TRY(store_reopen(s));
	TRY(image_check(s, &image));
	TRY(cli_cancel(cli, &cancel));
	TRY(sbom_scan(&sbom, s, image.config.diff_ids, image.config.diff_id_count,
	              sandbox_overlay_prefix(), cancel));
	for (size_t i = 0; i < sbom.warnings.len; i++)
		(void)fprintf(stderr, "warning: %.*s\n", STR_ARG(sbom.warnings.at[i]));
	return spdx ? write_document(cli, v, &image, &sbom)
	            : print_rows(cli, v->format, &image, &sbom);
}

const Command command_sbom = {
	.name = "sbom",
	.aliases = "image sbom",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE",
	.help = "List the packages in an image",
	.about = "Looks through the files of the image, and at nothing else: the databases of "
		 "dpkg, apk and rpm,\n"
		 "Go programs, jars, what npm, pip, gem and composer installed, and lock files. "
		 "With --format\n"
		 "spdx-json it is an SPDX 2.3 document, the same that 'decant build --sbom' "
		 "attaches.",
	.options = sbom_options,
	.option_count = ARRAY_LEN(sbom_options),
	.values_size = sizeof(SbomValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_sbom,
};
