/* cmd_rmi.c - names and images go; then what nobody needs any more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/names.h"
#include "cli/platforms.h"
#include "exec/image.h"
#include "sandbox/sandbox.h"

#include <limits.h>
#include <stdio.h>

/* As docker: a conflict is no wrong input file. */
enum { EXIT_NOT_REMOVED = 1 };

typedef struct RmiValues {
	bool all, force, no_prune;
	OptionList platforms;
} RmiValues;

static const Option rmi_options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Remove all images that there are",
	  .offset = offsetof(RmiValues, all) },
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "Remove all names, and images that containers use; a missing image is no error",
	  .offset = offsetof(RmiValues, force) },
	{ .name = "no-prune",
	  .kind = OPTION_FLAG,
	  .help = "Leave layers that nothing needs any more",
	  .offset = offsetof(RmiValues, no_prune) },
	{ .name = "platform",
	  .kind = OPTION_LIST,
	  .help = "Only the images for these platforms (os/arch[/variant], ...); needs --force",
	  .offset = offsetof(RmiValues, platforms) },
};

static void print_removed(Arena *a, const ImageRemoved *removed)
{
	for (size_t i = 0; i < removed->untagged_count; i++)
		printf("Untagged: %.*s\n", STR_ARG(removed->untagged[i]));
	for (size_t i = 0; i < removed->deleted_count; i++)
		printf("Deleted: %s\n", digest_arena_text(a, &removed->deleted[i]).ptr);
}

/* What to remove; with --all each name in the store, "sha256:..." where an image has none. */
static Err *find_names(Cli *cli, Store *s, const RmiValues *v, const Arguments *args,
                       Arguments *ret)
{
	StoreRef *refs;
	*ret = *args;
	if (!v->all)
		return NULL;
	TRY(store_ref_list(s, cli->arena, &refs, &ret->count));
	ret->at = arena_alloc(cli->arena, (ret->count + 1) * sizeof *ret->at, _Alignof(char *));
	for (size_t i = 0; i < ret->count; i++)
		ret->at[i] = arena_str(cli->arena, refs[i].name).ptr;
	return NULL;
}

static Err *check_arguments(Cli *cli, const RmiValues *v, const Arguments *args)
{
	if (v->all && args->count)
		return cli_usage(cli, "--all takes no names of images");
	if (v->all && v->platforms.count)
		return cli_usage(cli, "--all takes no --platform");
	if (v->all || args->count)
		return NULL;
	return cli_usage(cli, "'%s %s' requires at least 1 argument", cli->program->name,
	                 cli->called);
}

static Err *run_rmi(Cli *cli, const void *values, const Arguments *args)
{
	const RmiValues *v = values;
	Store *s = NULL;
	bool deleted = false, changed = false;
	const Platform *platforms;
	size_t platform_count;
	Arguments names;
	TRY(check_arguments(cli, v, args));
	TRY(cli_platforms(cli, &v->platforms, &platforms, &platform_count));
	if (platform_count && !v->force)
		return cli_usage(cli, "content will be removed from all images referencing this "
		                      "variant: use --force to force delete");
	TRY(cli_store(cli, &s));
	TRY(store_hold(s, NULL)); /* until our own gc */
	TRY(find_names(cli, s, v, args, &names));
	for (size_t i = 0; i < names.count; i++) {
		ImageRemoved removed = { 0 };
		Str name = str_from(cli_image_name(names.at[i]));
		Err *e = platform_count ? image_remove_platforms(s, name, platforms, platform_count,
		                                                 cli->arena, &removed)
		                        : image_remove(s, name, v->force, cli->arena, &removed);
		e = cli_of_name(cli, names.at[i], e);
		if (e && v->all && err_kind(e) == ERR_NOT_FOUND) {
			err_free(e); /* it went with another of its image's names */
			continue;
		}
		if (e) {
			int status = cli->exit_status;
			bool missing = err_kind(e) == ERR_NOT_FOUND;
			bool bad_name = cli->usage_error;
			cli_report(cli, e);
			if (!bad_name)
				cli->exit_status = missing && v->force ? status : EXIT_NOT_REMOVED;
			continue;
		}
		print_removed(cli->arena, &removed);
		deleted = deleted || removed.deleted_count;
		changed = true;
	}
	if (!deleted || v->no_prune)
		return changed ? store_layout_write(s) : NULL;
	uint64_t freed;
	TRY(sandbox_enter()); /* layers of an ordinary user have owners that only its namespace may
	                         touch */
	return store_names_gone(s, &freed);
}

const Command command_rmi = {
	.name = "rmi",
	.aliases = "image rm,image remove",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE [IMAGE...] | --all",
	.help = "Remove images",
	.about = "One of several names is only taken away; with the last one the image goes. "
		 "Layers that the\n"
		 "build cache needs stay. While builds run nothing is waited for: what the images "
		 "alone\n"
		 "needed then goes with the next 'rmi' or 'prune'.\n\n"
		 "--platform takes the images for some platforms out of every name that has them; "
		 "the others stay.",
	.options = rmi_options,
	.option_count = ARRAY_LEN(rmi_options),
	.values_size = sizeof(RmiValues),
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_rmi,
};
