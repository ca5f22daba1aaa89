/*
 * cmd_manifest.c - manifest create, annotate, push and rm: docker's older way to an index.
 *
 * Images are those of a registry; the list is kept in the store until it is pushed.
 * SOURCE: docker/cli cli/command/manifest/.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/connection.h"
#include "cli/manifest_list.h"
#include "registry/compose.h"
#include "registry/copy.h"

#include <limits.h>
#include <stdio.h>

typedef struct ManifestValues {
	bool amend, insecure, purge;
	const char *os, *arch, *os_version, *variant;
	OptionList os_features;
	ConnectionValues connection;
} ManifestValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(ManifestValues, member)
#define INSECURE                                                                     \
	{                                                                            \
		.name = "insecure", .kind = OPTION_FLAG, STORED(insecure),           \
		.help = "The registry may speak plain http, or have any certificate" \
	}

static const Option create_options[] = {
	{ .name = "amend",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  STORED(amend),
	  .help = "Add to a list that was begun" },
	INSECURE,
	CONNECTION_OPTIONS(ManifestValues, connection),
};

static const Option annotate_options[] = {
	{ .name = "arch", .kind = OPTION_TEXT, STORED(arch), .help = "Set architecture" },
	{ .name = "os", .kind = OPTION_TEXT, STORED(os), .help = "Set operating system" },
	{ .name = "os-features",
	  .kind = OPTION_LIST,
	  STORED(os_features),
	  .help = "Set operating system feature" },
	{ .name = "os-version",
	  .kind = OPTION_TEXT,
	  STORED(os_version),
	  .help = "Set operating system version" },
	{ .name = "variant",
	  .kind = OPTION_TEXT,
	  STORED(variant),
	  .help = "Set architecture variant" },
};

static const Option push_options[] = {
	INSECURE,
	{ .name = "purge",
	  .letter = 'p',
	  .kind = OPTION_FLAG,
	  STORED(purge),
	  .help = "Remove the list here after the push" },
	CONNECTION_OPTIONS(ManifestValues, connection),
};

static Err *open_registry(Cli *cli, const ManifestValues *v, const Reference *list, Registry **ret)
{
	Str authorities;
	Cancel *cancel;
	TRY(connection_apply(cli, &v->connection, &authorities));
	TRY(cli_cancel(cli, &cancel));
	TRY(registry_open(cancel, ret));
	if (v->insecure)
		registry_trust(*ret, list->domain);
	return NULL;
}

/* One that reads a list and writes it keeps others from it. */
static Err *lock_list(Cli *cli, Store *s, const Reference *list, StoreLock *ret)
{
	Digest key = sha256_of(reference_full(cli->arena, list));
	return store_lock(s, "manifests", &key, cli->cancel_open ? &cli->cancel : NULL, ret);
}

/* --- create ----------------------------------------------------------------------------------- */

/* The list as it is; empty if it is new. */
static Err *begin_list(Cli *cli, Store *s, const Reference *list, bool amend, Index *ret)
{
	Err *e = manifest_list_read(cli, s, list, ret);
	if (!e && !amend)
		return err_new(ERR_INPUT, "refusing to amend an existing manifest list with no "
		                          "--amend flag");
	if (!e || err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e); /* begun now */
	*ret = (Index){ .media_type = STR(MEDIA_OCI_INDEX) };
	return NULL;
}

static Err *add_source(Cli *cli, Registry *r, const char *text, Index *list)
{
	Reference ref;
	ComposeSource source;
	TRY(cli_reference(cli, text, &ref));
	Str name = reference_full(cli->arena, &ref);
	if (manifest_list_find(list, name))
		return NULL; /* with what was annotated */
	Err *e = compose_read(r, &ref, NULL, cli->arena, &source);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* said in docker's words */
		return err_note(err_new(ERR_NOT_FOUND, "no such manifest: %s", name.ptr),
		                "the registry is asked, not the store: push the image first");
	}
	TRY(e);
	if (source.kind == MANIFEST_INDEX)
		return err_note(err_new(ERR_INPUT, "%s is a manifest list", name.ptr),
		                "'imagetools create' puts lists together");
	source.d.container_name = name;
	list->manifests[list->count++] = source.d;
	return NULL;
}

static Err *run_create(Cli *cli, const void *values, const Arguments *args)
{
	const ManifestValues *v = values;
	AUTO_REGISTRY Registry *r = NULL;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Store *s = NULL;
	Reference list;
	Index index = { 0 };
	TRY(cli_reference(cli, args->at[0], &list));
	TRY(open_registry(cli, v, &list, &r));
	TRY(cli_store(cli, &s));
	TRY(lock_list(cli, s, &list, &lock));
	TRY(begin_list(cli, s, &list, v->amend, &index));
	Descriptor *all = arena_alloc(cli->arena, (index.count + args->count) * sizeof *all,
	                              _Alignof(Descriptor));
	if (index.count)
		memcpy(all, index.manifests, index.count * sizeof *all);
	index.manifests = all;
	for (size_t i = 1; i < args->count; i++) {
		Err *e = add_source(cli, r, args->at[i], &index);
		TRY(cli_of_registry(e));
	}
	TRY(manifest_list_write(cli, s, &list, &index));
	printf("Created manifest list %s\n", reference_full(cli->arena, &list).ptr);
	return NULL;
}

const Command command_manifest_create = {
	.name = "manifest-create",
	.aliases = "manifest create",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] LIST [NAME...]",
	.help = "Begin a list of images that a registry has, to be annotated and pushed",
	.about = "The list is kept in the store until 'manifest push --purge' or 'manifest rm'. "
		 "'imagetools\ncreate' makes and pushes one at once. Without a NAME the list is "
		 "empty: 'manifest create --amend'\nadds to it.",
	.options = create_options,
	.option_count = ARRAY_LEN(create_options),
	.values_size = sizeof(ManifestValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_create,
};

/* --- annotate --------------------------------------------------------------------------------- */

/* Those that docker takes. */
static const struct {
	const char *os, *arches; /* with blanks between and around */
} valid_platforms[] = {
	{ "darwin", " 386 amd64 arm arm64 " },
	{ "dragonfly", " amd64 " },
	{ "freebsd", " 386 amd64 arm " },
	{ "linux", " 386 amd64 arm arm64 ppc64le mips64 mips64le riscv64 s390x " },
	{ "netbsd", " 386 amd64 arm " },
	{ "openbsd", " 386 amd64 arm " },
	{ "plan9", " 386 amd64 " },
	{ "solaris", " amd64 " },
	{ "windows", " 386 amd64 " },
};

static bool is_valid_platform(Arena *a, const Platform *p)
{
	const char *arch = arena_strf(a, " %.*s ", STR_ARG(p->arch)).ptr;
	for (size_t i = 0; i < ARRAY_LEN(valid_platforms); i++)
		if (str_eqc(p->os, valid_platforms[i].os))
			return strstr(valid_platforms[i].arches, arch) != NULL;
	return false;
}

/* "a,b" and "--os-features a --os-features b"; one that is there stays once. */
static void add_features(Arena *a, const OptionList *given, Descriptor *d)
{
	Strs all = { 0 };
	for (size_t i = 0; i < d->os_feature_count; i++)
		strs_push(a, &all, d->os_features[i]);
	for (size_t i = 0; i < given->count; i++) {
		Str word, rest = str_from(given->at[i]);
		while (rest.len) {
			bool known = false;
			rest = str_cut(rest, ',', &word);
			for (size_t k = 0; k < all.count; k++)
				known = known || str_eq(all.at[k], word);
			if (word.len && !known)
				strs_push(a, &all, word);
		}
	}
	d->os_features = all.at;
	d->os_feature_count = all.count;
}

static Err *run_annotate(Cli *cli, const void *values, const Arguments *args)
{
	const ManifestValues *v = values;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Store *s = NULL;
	Reference list, image;
	Index index;
	TRY(cli_reference(cli, args->at[0], &list));
	TRY(cli_reference(cli, args->at[1], &image));
	TRY(cli_store(cli, &s));
	TRY(lock_list(cli, s, &list, &lock));
	TRY(manifest_list_read(cli, s, &list, &index));
	Descriptor *d = manifest_list_find(&index, reference_full(cli->arena, &image));
	if (!d)
		return err_new(ERR_NOT_FOUND, "manifest for image %s does not exist in %s",
		               args->at[1], args->at[0]);
	d->has_platform = true;
	if (v->os && *v->os)
		d->platform.os = str_from(v->os);
	if (v->arch && *v->arch)
		d->platform.arch = str_from(v->arch);
	if (v->variant && *v->variant) {
		d->platform.variant = str_from(v->variant);
		d->variant = STR("");
	}
	if (v->os_version && *v->os_version)
		d->os_version = str_from(v->os_version);
	add_features(cli->arena, &v->os_features, d);
	if (!is_valid_platform(cli->arena, &d->platform))
		return err_new(ERR_INPUT,
		               "manifest entry for image has unsupported os/arch combination: "
		               "%.*s/%.*s",
		               STR_ARG(d->platform.os), STR_ARG(d->platform.arch));
	return manifest_list_write(cli, s, &list, &index);
}

const Command command_manifest_annotate = {
	.name = "manifest-annotate",
	.aliases = "manifest annotate",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] LIST NAME",
	.help = "Say what an image of a list runs on",
	.options = annotate_options,
	.option_count = ARRAY_LEN(annotate_options),
	.values_size = sizeof(ManifestValues),
	.arguments_min = 2,
	.arguments_max = 2,
	.run = run_annotate,
};

/* --- push ------------------------------------------------------------------------------------- */

/* Images of other repositories are put beside the list. */
static Err *push_images(Cli *cli, Registry *r, const Reference *list, const Index *index)
{
	for (size_t i = 0; i < index->count; i++) {
		const Descriptor *d = &index->manifests[i];
		Reference from, to = *list;
		TRY(reference_parse(cli->arena, d->container_name, &from));
		if (str_eq(from.path, list->path))
			continue;
		TRY_WHILE(registry_copy(r, &from, &d->digest, list, NULL, 0), "copying %.*s",
		          STR_ARG(d->container_name));
		to.tag = STR("");
		to.has_digest = true;
		to.digest = d->digest;
		printf("Pushed ref %s with digest: %s\n", reference_full(cli->arena, &to).ptr,
		       digest_arena_text(cli->arena, &d->digest).ptr);
	}
	return NULL;
}

static Err *run_push(Cli *cli, const void *values, const Arguments *args)
{
	const ManifestValues *v = values;
	AUTO_REGISTRY Registry *r = NULL;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Store *s = NULL;
	Reference list;
	Index index;
	Str json, type;
	Digest digest;
	TRY(cli_reference(cli, args->at[0], &list));
	TRY(open_registry(cli, v, &list, &r));
	TRY(cli_store(cli, &s));
	TRY(lock_list(cli, s, &list, &lock));
	TRY(manifest_list_read(cli, s, &list, &index));
	if (!index.count)
		return err_note(err_new(ERR_INPUT, "the list %s is empty", args->at[0]),
		                "add to it: decant manifest create --amend LIST NAME");
	TRY(manifest_list_format(cli, &list, &index, &json, &type));
	Err *e = push_images(cli, r, &list, &index);
	if (!e)
		e = registry_push_manifest(r, &list, type, json, &digest);
	TRY(cli_of_registry(e));
	printf("%s\n", digest_arena_text(cli->arena, &digest).ptr);
	return v->purge ? store_manifests_remove(s, reference_full(cli->arena, &list)) : NULL;
}

const Command command_manifest_push = {
	.name = "manifest-push",
	.aliases = "manifest push",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] LIST",
	.help = "Send a list to its registry",
	.about = "Its images must be in the same registry; those of other repositories are put "
		 "beside it.",
	.options = push_options,
	.option_count = ARRAY_LEN(push_options),
	.values_size = sizeof(ManifestValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_push,
};

/* --- rm --------------------------------------------------------------------------------------- */

static Err *remove_list(Cli *cli, Store *s, const char *name)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Reference list;
	Index index;
	TRY(cli_reference(cli, name, &list));
	TRY(lock_list(cli, s, &list, &lock));
	Err *e = manifest_list_read(cli, s, &list, &index);
	if (e && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* a damaged one can go as well */
	return store_manifests_remove(s, reference_full(cli->arena, &list));
}

static Err *run_rm(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	TRY(cli_store(cli, &s));
	for (size_t i = 0; i < args->count; i++) {
		Err *e = remove_list(cli, s, args->at[i]);
		if (e)
			cli_report(cli, e); /* the others go all the same */
	}
	return NULL;
}

const Command command_manifest_rm = {
	.name = "manifest-rm",
	.aliases = "manifest rm",
	.group = GROUP_IMAGES,
	.synopsis = "LIST [LIST...]",
	.help = "Forget lists that were begun",
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_rm,
};
