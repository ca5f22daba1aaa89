/* cmd_attest.c - the attestations that the store has of an image. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/keep.h"
#include "attest/provenance.h"
#include "cli/command.h"
#include "cli/listing.h"

#include <stdio.h>

typedef struct AttestValues {
	const char *format, *platform;
	bool remove;
} AttestValues;

static const Option attest_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'json' or a Go template, of the list",
	  .offset = offsetof(AttestValues, format) },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "Of an image for several platforms: which",
	  .offset = offsetof(AttestValues, platform) },
	{ .name = "remove",
	  .kind = OPTION_FLAG,
	  .help = "Remove them from the store (all, or the one named)",
	  .offset = offsetof(AttestValues, remove) },
};

static const ListingColumn columns[] = {
	{ "Name", "NAME" },
	{ "PredicateType", "PREDICATE TYPE" },
	{ "Form", "FORM" },
	{ "Size", "SIZE" },
};
static const ListingColumn titles[] = {
	{ "Name", "NAME" }, { "PredicateType", "PREDICATE TYPE" },
	{ "Form", "FORM" }, { "Size", "SIZE" },
	{ "Type", "TYPE" }, { "Digest", "DIGEST" },
};

static Str row_json(Arena *a, Store *s, const AttestSet *set, const AttestKept *k)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	uint64_t size = 0;
	(void)store_blob_exists(s, &k->predicate, &size);
	json_write_object(&w);
	json_write_member(&w, "Name", k->file);
	json_write_member(&w, "Type", k->type);
	json_write_member(&w, "PredicateType", k->predicate_type);
	json_write_member(&w, "Form",
	                  !set->form_set              ? STR("usual")
	                  : set->form == ATTEST_INDEX ? STR("index")
	                                              : STR("referrer"));
	json_write_member(&w, "Size", cli_size(a, size));
	json_write_member(&w, "Digest", digest_arena_text(a, &k->predicate));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static Err *list(Cli *cli, Store *s, const char *format, const AttestSet *set)
{
	Arena *a = cli->arena;
	Str *rows = arena_alloc(a, (set->count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < set->count; i++)
		rows[i] = row_json(a, s, set, &set->at[i]);
	return listing_print(a, format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     rows, set->count);
}

static Err *show(Store *s, const AttestKept *k)
{
	AUTO_BUF Buf compact = BUF_INIT, out = BUF_INIT;
	TRY(attest_kept_text(s, k, &compact));
	TRY(provenance_format_file(buf_str(&compact), &out));
	buf_add_char(&out, '\n');
	(void)fwrite(out.ptr, 1, out.len, stdout); /* checked when the program ends */
	return NULL;
}

static Err *find(const AttestSet *set, const char *name, const char *image, const AttestKept **ret)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_eqc(set->at[i].file, name) || str_eqc(set->at[i].type, name)) {
			*ret = &set->at[i];
			return NULL;
		}
	return err_note(err_new(ERR_NOT_FOUND, "'%s' has no attestation '%s'", image, name),
	                "'decant attest %s' lists what it has; 'decant build' makes them with "
	                "--provenance and --sbom",
	                image);
}

static Err *remove_some(Store *s, const Digest *image, AttestSet *set, const AttestKept *one)
{
	size_t kept = 0;
	for (size_t i = 0; one && i < set->count; i++)
		if (&set->at[i] != one)
			set->at[kept++] = set->at[i];
	set->count = kept;
	return attest_kept_write(s, image, set);
}

static Err *run_attest(Cli *cli, const void *values, const Arguments *args)
{
	const AttestValues *v = values;
	Store *s = NULL;
	Image image = { 0 };
	AttestSet set;
	const AttestKept *one = NULL;
	TRY(cli_store_existing(cli, &s));
	TRY(cli_image_for(cli, s, args->at[0], v->platform, &image));
	TRY(attest_kept_read(s, &image.id, cli->arena, &set));
	if (args->count > 1)
		TRY(find(&set, args->at[1], args->at[0], &one));
	if (v->remove)
		return remove_some(s, &image.id, &set, one);
	return one ? show(s, one) : list(cli, s, v->format, &set);
}

const Command command_attest = {
	.name = "attest",
	.aliases = "image attest",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE [NAME]",
	.help = "Show what is attested of an image",
	.about = "Without NAME the attestations are listed that 'decant build --provenance' and "
		 "'--sbom' have kept\n"
		 "of the image; with it that one is printed: provenance.json, or provenance for "
		 "short. They go with\n"
		 "the image when it is pushed or written to an OCI layout.",
	.options = attest_options,
	.option_count = ARRAY_LEN(attest_options),
	.values_size = sizeof(AttestValues),
	.arguments_min = 1,
	.arguments_max = 2,
	.choices = "IMAGE",
	.run = run_attest,
};
