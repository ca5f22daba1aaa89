/* cmd_prune.c - image, container, builder, volume, network and system prune. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "cli/disk.h"
#include "cli/listing.h"
#include "exec/disk.h"
#include "sandbox/sandbox.h"
#include "store/parts.h"

#include <stdio.h>
#include <sys/statvfs.h>

typedef struct PruneValues {
	bool all, force, dry_run, volumes, verbose;
	OptionList filters;
	const char *reserved, *max_used, *min_free;
} PruneValues;

/* What one of the commands is about. */
typedef enum PruneWhat {
	PRUNE_CONTAINERS = 1,
	PRUNE_IMAGES = 2,
	PRUNE_CACHE = 4,
	PRUNE_VOLUMES = 8,
	PRUNE_NETWORKS = 16,
	PRUNE_SYSTEM = PRUNE_CONTAINERS | PRUNE_IMAGES | PRUNE_CACHE | PRUNE_NETWORKS,
} PruneWhat;

/* --- asking ----------------------------------------------------------------------------------- */

static const char *images_words(const PruneValues *v)
{
	return v->all ? "all images without at least one container associated to them"
	              : "all dangling images";
}

static void warn_system(const PruneValues *v)
{
	printf("WARNING! This will remove:\n  - all stopped containers\n"
	       "  - all networks not used by at least one container\n");
	if (v->volumes)
		printf("  - all anonymous volumes not used by at least one container\n");
	printf("  - %s\n  - %s build cache\n", images_words(v), v->all ? "all" : "unused");
	if (v->filters.count)
		printf("\n  Items to be pruned will be filtered with:\n");
	for (size_t i = 0; i < v->filters.count; i++)
		printf("  - %s\n", v->filters.at[i]);
	printf("\n");
}

static void warn(const PruneValues *v, PruneWhat what)
{
	if (what == PRUNE_SYSTEM)
		warn_system(v);
	else if (what == PRUNE_CONTAINERS)
		printf("WARNING! This will remove all stopped containers.\n");
	else if (what == PRUNE_IMAGES)
		printf("WARNING! This will remove %s.\n", images_words(v));
	else if (what == PRUNE_CACHE)
		printf("WARNING! This will remove all %sbuild cache. ", v->all ? "" : "dangling ");
	else if (what == PRUNE_VOLUMES)
		printf("WARNING! This will remove %s local volumes not used by at least one "
		       "container.\n",
		       v->all ? "all" : "anonymous");
	else
		printf("WARNING! This will remove all custom networks not used by at least one "
		       "container.\n");
}

/* As docker: without a terminal the answer is read all the same, and nothing means no. */
static bool is_confirmed(const PruneValues *v, PruneWhat what)
{
	char answer[16] = "";
	if (v->force || v->dry_run)
		return true;
	warn(v, what);
	printf("Are you sure you want to continue? [y/N] ");
	(void)fflush(stdout);
	if (!fgets(answer, sizeof answer, stdin))
		return false;
	Str word = str_trim(str_from(answer));
	return str_eqc(word, "y") || str_eqc(word, "Y");
}

/* --- what goes -------------------------------------------------------------------------------- */

static Err *read_size(Cli *cli, const char *option, const char *text, uint64_t *ret)
{
	*ret = 0;
	if (!text || str_to_bytes(str_from(text), ret))
		return NULL;
	return err_note(cli_usage(cli, "invalid value '%s' for --%s", text, option),
	                "a number of bytes, or 512m, 2g");
}

/* How much of the cache must go; *ret_limited false: no limit was given. */
static Err *read_limits(Cli *cli, const PruneValues *v, Disk *d, bool *ret_limited,
                        uint64_t *ret_need)
{
	uint64_t reserved, max_used, min_free, need = 0;
	DiskSum sums[DISK_ROW_COUNT];
	struct statvfs fs;
	TRY(read_size(cli, "reserved-space", v->reserved, &reserved));
	TRY(read_size(cli, "max-used-space", v->max_used, &max_used));
	TRY(read_size(cli, "min-free-space", v->min_free, &min_free));
	*ret_limited = v->reserved || v->max_used || v->min_free;
	*ret_need = 0;
	if (!*ret_limited || !d)
		return NULL;
	disk_sum(d, sums);
	uint64_t used = sums[DISK_CACHE].bytes;
	if (v->max_used && used > max_used)
		need = used - max_used;
	if (v->min_free && fstatvfs(store_dir_fd(d->store), &fs) == 0) {
		uint64_t free_now = (uint64_t)fs.f_bavail * fs.f_frsize;
		uint64_t lacks = free_now < min_free ? min_free - free_now : 0;
		need = lacks > need ? lacks : need;
	}
	if (!v->max_used && !v->min_free)
		need = used;
	uint64_t most = used > reserved ? used - reserved : 0;
	*ret_need = need < most ? need : most;
	return NULL;
}

static Err *choose(Cli *cli, const PruneValues *v, PruneWhat what, const DiskFilter *f, Disk *d)
{
	bool limited;
	uint64_t need;
	TRY(read_limits(cli, v, d, &limited, &need));
	if (what & PRUNE_CONTAINERS)
		TRY(disk_choose_containers(d, f));
	if (what & PRUNE_IMAGES)
		TRY(disk_choose_images(d, f, v->all));
	if (!(what & PRUNE_CACHE))
		return NULL;
	if (limited)
		(void)disk_choose_least(d, disk_freed(d) + need, INT64_MAX, f);
	else
		disk_choose_cache(d, f, v->all);
	return NULL;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_containers(const DiskRemoved *r, const char *head)
{
	if (!r->container_count)
		return;
	printf("%s Containers:\n", head);
	for (size_t i = 0; i < r->container_count; i++)
		printf("%.*s\n", STR_ARG(r->containers[i]));
	printf("\n");
}

static void tell_images(Arena *a, const DiskRemoved *r, const char *head)
{
	if (!r->untagged_count && !r->deleted_count)
		return;
	printf("%s Images:\n", head);
	for (size_t i = 0; i < r->untagged_count; i++)
		printf("untagged: %.*s\n", STR_ARG(r->untagged[i]));
	for (size_t i = 0; i < r->deleted_count; i++)
		printf("deleted: %s\n", digest_arena_text(a, &r->deleted[i]).ptr);
	printf("\n");
}

static void tell_objects(const DiskRemoved *r, const char *head)
{
	if (!r->entry_count)
		return;
	printf("%s build cache objects:\n", head);
	for (size_t i = 0; i < r->entry_count; i++)
		printf("%.*s\n", STR_ARG(r->entries[i].id));
	printf("\n");
}

static void tell_cost(const Disk *d)
{
	DiskCost cost = disk_cost(d);
	if (cost.images)
		printf("%zu image%s would have to be pulled, loaded or imported again.\n",
		       cost.images, cost.images == 1 ? "" : "s");
	if (cost.mounts)
		printf("%zu cache mount%s of RUN would begin empty.\n", cost.mounts,
		       cost.mounts == 1 ? "" : "s");
	if (!cost.steps && !cost.images && !cost.mounts)
		printf("The next builds would lose nothing by it.\n");
	if (!cost.steps)
		return;
	printf("The next builds would run up to %zu step%s again, which took %.1f s", cost.steps,
	       cost.steps == 1 ? "" : "s", (double)cost.ns / 1e9);
	if (cost.unknown)
		printf(" (of %zu it is not known)", cost.unknown);
	printf(".\n");
}

static Err *tell(Cli *cli, const PruneValues *v, PruneWhat what, const Disk *d,
                 const DiskRemoved *r)
{
	Arena *a = cli->arena;
	const char *head = v->dry_run ? "Would delete" : "Deleted";
	if (what == PRUNE_CACHE) {
		if (r->entry_count)
			TRY(disk_print_entries(a, NULL, v->verbose, r->entries, r->entry_count));
		if (v->dry_run)
			printf("Total:\t%s (%llu bytes), nothing was removed\n",
			       cli_size(a, r->bytes).ptr, (unsigned long long)r->bytes);
		else
			printf("Total:\t%s\n", cli_size(a, r->bytes).ptr);
	} else {
		tell_containers(r, head);
		tell_images(a, r, head);
		tell_objects(r, head);
		if (v->dry_run)
			printf("Total reclaimable space: %s (%llu bytes), nothing was removed\n",
			       cli_size(a, r->bytes).ptr, (unsigned long long)r->bytes);
		else
			printf("Total reclaimed space: %s\n", cli_size(a, r->bytes).ptr);
	}
	if (v->dry_run && d)
		tell_cost(d);
	return NULL;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Alone in the store: nothing that a build, pull or save uses may go. */
static Err *lock_store(Store *s, const Cancel *cancel, StoreLock *lock)
{
	bool held;
	TRY(store_try_lock_gc(s, true, lock, &held));
	if (held)
		return NULL;
	fprintf(stderr, "waiting for builds and transfers that use the store\n");
	return store_lock_gc(s, true, cancel, lock);
}

static Err *prune(Cli *cli, const PruneValues *v, PruneWhat what)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	CLEANUP(disk_done) Disk d = { 0 };
	DiskRemoved removed = { 0 };
	DiskFilter filter;
	Cancel *cancel;
	Store *s = NULL;
	bool limited;
	uint64_t need;
	TRY(disk_read_filter(cli, &v->filters, what == PRUNE_CACHE, &filter));
	TRY(read_limits(cli, v, NULL, &limited, &need));
	if (!is_confirmed(v, what))
		return NULL;
	TRY(sandbox_enter());
	TRY(cli_store_existing(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	if (!s)
		return tell(cli, v, what, NULL, &removed);
	if (!v->dry_run)
		TRY(lock_store(s, cancel, &lock));
	TRY(disk_open(s, cancel, cli->arena, &d));
	TRY(choose(cli, v, what, &filter, &d));
	if (v->dry_run)
		disk_describe(&d, &removed);
	else
		TRY(disk_remove(&d, cancel, &removed));
	return tell(cli, v, what, &d, &removed);
}

static Err *run_images(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	return prune(cli, values, PRUNE_IMAGES);
}

static Err *run_containers(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	return prune(cli, values, PRUNE_CONTAINERS);
}

static Err *run_builder(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	return prune(cli, values, PRUNE_CACHE);
}

static Err *run_system(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	return prune(cli, values, PRUNE_SYSTEM);
}

/* There are none. */
static Err *run_volumes(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	(void)cli;
	if (is_confirmed(values, PRUNE_VOLUMES))
		printf("Total reclaimed space: 0B\n");
	return NULL;
}

static Err *run_networks(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	(void)cli;
	(void)is_confirmed(values, PRUNE_NETWORKS);
	return NULL;
}

/* --- tables ----------------------------------------------------------------------------------- */

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses): members take none */
#define OF(member) .offset = offsetof(PruneValues, member)
#define ALL(text) { .name = "all", .letter = 'a', .kind = OPTION_FLAG, .help = text, OF(all) }
#define DRY_RUN { .name = "dry-run", .kind = OPTION_FLAG, \
	.help = "Only say what would go, how much that is, and what the next builds would lose", OF(dry_run) }
#define FILTER(text, words) { .name = "filter", .kind = OPTION_LIST, .value = "filter", .choices = words, \
	.help = text, OF(filters) }
#define FORCE { .name = "force", .letter = 'f', .kind = OPTION_FLAG, .help = "Do not ask", OF(force) }
#define IMAGE_FILTER "Only those with: until=24h (older), label=KEY[=VALUE], label!=KEY[=VALUE]"

static const Option image_options[] = {
	ALL("Remove all images that no container has, not only those without a name"),
	DRY_RUN,
	FILTER(IMAGE_FILTER, "until=,label=,label!="),
	FORCE,
};
static const Option container_options[] = {
	DRY_RUN,
	FILTER(IMAGE_FILTER, "until=,label=,label!="),
	FORCE,
};
static const Option volume_options[] = {
	ALL("Accepted: there are no volumes"),
	DRY_RUN,
	FILTER("Accepted: there are no volumes", "label="),
	FORCE,
};
static const Option network_options[] = {
	DRY_RUN,
	FILTER("Accepted: there are no networks of one's own", "until=,label="),
	FORCE,
};
static const Option system_options[] = {
	ALL("Remove all images that no container has, and all of the build cache"),
	DRY_RUN,
	FILTER(IMAGE_FILTER, "until=,label=,label!="),
	FORCE,
	{ .name = "volumes", .kind = OPTION_FLAG, .help = "Volumes too: there are none", OF(volumes) },
};
static const Option builder_options[] = {
	ALL("Remove what images have too: the next build makes even their steps again"),
	{ .name = "builder", .kind = OPTION_IGNORED, .value = "string", .hidden = true, .help = "Accepted, no effect" },
	DRY_RUN,
	FILTER("Only those with: until=24h (not used for so long), id=ID, type=regular|exec.cachemount|internal, "
	       "shared=BOOL, inuse=BOOL", "until=,id=,type=,shared=,inuse="),
	FORCE,
	{ .name = "keep-storage", .kind = OPTION_TEXT, .value = "bytes", .hidden = true,
	  .help = "Former name of --reserved-space", OF(reserved) },
	{ .name = "max-used-space", .kind = OPTION_TEXT, .value = "bytes",
	  .help = "Remove what is worth least until the cache takes no more than this", OF(max_used) },
	{ .name = "min-free-space", .kind = OPTION_TEXT, .value = "bytes",
	  .help = "Remove what is worth least until so much of the file system is free", OF(min_free) },
	{ .name = "reserved-space", .kind = OPTION_TEXT, .value = "bytes",
	  .help = "Keep so much of the cache in any case", OF(reserved) },
	{ .name = "verbose", .kind = OPTION_FLAG, .help = "Say more of what is removed", OF(verbose) },
};
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

const Command command_image_prune = {
	.name = "image-prune",
	.aliases = "image prune",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS]",
	.help = "Remove images that nothing needs",
	.about = "Layers that the build cache has too stay until 'decant builder prune'.",
	.options = image_options,
	.option_count = ARRAY_LEN(image_options),
	.values_size = sizeof(PruneValues),
	.run = run_images,
};

const Command command_container_prune = {
	.name = "container-prune",
	.aliases = "container prune",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS]",
	.help = "Remove containers that have ended",
	.options = container_options,
	.option_count = ARRAY_LEN(container_options),
	.values_size = sizeof(PruneValues),
	.run = run_containers,
};

const Command command_builder_prune = {
	.name = "builder-prune",
	.aliases = "builder prune,buildx prune",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS]",
	.help = "Remove the build cache",
	.about = "With a limit on space, what is worth least goes first: seconds to make it again, "
		 "by the byte and by\n"
		 "the days since its last use (docs/disk.md). What runs is not touched.",
	.options = builder_options,
	.option_count = ARRAY_LEN(builder_options),
	.values_size = sizeof(PruneValues),
	.run = run_builder,
};

const Command command_volume_prune = {
	.name = "volume-prune",
	.aliases = "volume prune",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Accepted: there are no volumes",
	.options = volume_options,
	.option_count = ARRAY_LEN(volume_options),
	.values_size = sizeof(PruneValues),
	.run = run_volumes,
};

const Command command_network_prune = {
	.name = "network-prune",
	.aliases = "network prune",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Accepted: there are no networks of one's own",
	.options = network_options,
	.option_count = ARRAY_LEN(network_options),
	.values_size = sizeof(PruneValues),
	.run = run_networks,
};

const Command command_system_prune = {
	.name = "system-prune",
	.aliases = "system prune",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Remove containers that have ended, images and build cache that nothing needs",
	.options = system_options,
	.option_count = ARRAY_LEN(system_options),
	.values_size = sizeof(PruneValues),
	.run = run_system,
};
