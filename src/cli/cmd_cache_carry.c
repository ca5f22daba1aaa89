/* cmd_cache_carry.c - the directories of RUN --mount=type=cache to other machines: archives,
 * registries. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/cache.h"
#include "cli/connection.h"
#include "cli/listing.h"
#include "cli/transfer.h"
#include "export/mount_push.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define OF(type, member) .offset = offsetof(type, member)

/* --- export, import --------------------------------------------------------------------------- */

typedef struct CarryValues {
	const char *output, *compression;
	bool replace;
} CarryValues;

static const Option export_options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "File to write (default standard output)",
	  OF(CarryValues, output) },
	{ .name = "compression",
	  .kind = OPTION_TEXT,
	  .choices = "zstd,gzip,none",
	  .help = "zstd[:LEVEL], gzip[:LEVEL] or none (default zstd)",
	  OF(CarryValues, compression) },
};

static const Option import_options[] = {
	{ .name = "replace",
	  .kind = OPTION_FLAG,
	  .help = "Replace caches that are there already",
	  OF(CarryValues, replace) },
};

static void print_found(Cli *cli, const MountArchived *found, size_t count, const char *done)
{
	for (size_t i = 0; i < count; i++) {
		StoreMount m = { .key = found[i].key, .info = found[i].info };
		Str namespace;
		printf("%s %.*s %.*s\n", found[i].kept ? "kept" : done,
		       STR_ARG(cache_key_text(cli->arena, &m, false)),
		       STR_ARG(cache_id_of(&m, &namespace)));
	}
}

static Err *run_export(Cli *cli, const void *values, const Arguments *args)
{
	const CarryValues *v = values;
	CompressionSpec compression = { .id = COMPRESSION_ZSTD };
	Cancel *cancel;
	Caches c;
	if (v->compression) {
		Err *e = compressor_parse(str_from(v->compression), &compression);
		cli->usage_error = e;
		TRY(e);
	}
	TRY(cache_find_all(cli, &c));
	TRY(cache_keep_named(cli, args, &c));
	TRY(cli_cancel(cli, &cancel));
	return mount_archive_write(c.store, c.at, c.count, str_from(v->output ? v->output : "-"),
	                           &compression, cancel);
}

static Err *run_import(Cli *cli, const void *values, const Arguments *args)
{
	const CarryValues *v = values;
	const char *file = args->at[0];
	bool from_stdin = strcmp(file, "-") == 0;
	MountArchived *found;
	size_t count;
	Store *s;
	Cancel *cancel;
	AUTO_CLOSE int fd = from_stdin ? -1 : openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	if (!from_stdin && fd < 0)
		return err_set_kind(err_sys(errno, "cannot open '%s'", file), ERR_INPUT);
	TRY(sandbox_enter());
	TRY(cli_store(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	const char *name = from_stdin ? "standard input" : file;
	AUTO_READER Reader *in = reader_from_fd(from_stdin ? STDIN_FILENO : fd, name);
	Err *e = mount_archive_read(s, in, name, v->replace, sandbox_overlay_prefix(), cancel,
	                            cli->arena, &found, &count);
	if (e) /* damaged is the archive, not the store */
		return err_kind(e) == ERR_CORRUPT ? err_set_kind(e, ERR_INPUT) : e;
	for (size_t i = 0; i < count; i++) {
		StoreMount m = { .key = found[i].key, .info = found[i].info };
		Str namespace;
		printf("%s %.*s %.*s\n", found[i].kept ? "kept" : "imported",
		       STR_ARG(cache_key_text(cli->arena, &m, false)),
		       STR_ARG(cache_id_of(&m, &namespace)));
	}
	return NULL;
}

const Command command_cache_export = {
	.name = "cache-export",
	.aliases = "cache export",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] [KEY|ID...]",
	.help = "Write what RUN --mount=type=cache keeps to an archive",
	.about = "Without KEY and ID all caches are written. 'decant cache import' reads the "
		 "archive on "
		 "another\n"
		 "machine, as root or not: a job of a CI begins with the one and ends with the "
		 "other. A "
		 "cache\n"
		 "that a RUN uses is waited for.",
	.options = export_options,
	.option_count = ARRAY_LEN(export_options),
	.values_size = sizeof(CarryValues),
	.arguments_max = UINT_MAX,
	.run = run_export,
};

const Command command_cache_import = {
	.name = "cache-import",
	.aliases = "cache import",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] FILE|-",
	.help = "Read caches of RUN from an archive",
	.about =
		"Caches that are there already, or that a RUN uses now, are kept; each line of the "
		"output says which.",
	.options = import_options,
	.option_count = ARRAY_LEN(import_options),
	.values_size = sizeof(CarryValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "FILE",
	.run = run_import,
};

/* --- push, pull ------------------------------------------------------------------------------- */

typedef struct RegistryValues {
	bool quiet, replace;
	ConnectionValues connection;
} RegistryValues;

static const Option push_options[] = {
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Print nothing",
	  OF(RegistryValues, quiet) },
	CONNECTION_OPTIONS(RegistryValues, connection),
};

static const Option pull_options[] = {
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Print nothing",
	  OF(RegistryValues, quiet) },
	{ .name = "replace",
	  .kind = OPTION_FLAG,
	  .help = "Replace caches that are there already",
	  OF(RegistryValues, replace) },
	CONNECTION_OPTIONS(RegistryValues, connection),
};

static Err *run_push(Cli *cli, const void *values, const Arguments *args)
{
	const RegistryValues *v = values;
	const Arguments names = { args->at + 1, args->count - 1 };
	Reference ref;
	Cancel *cancel;
	Caches c;
	Str authorities;
	TRY(connection_apply(cli, &v->connection, &authorities));
	TRY(cli_reference(cli, args->at[0], &ref));
	if (ref.has_digest)
		return cli_usage(cli, "cannot push a digest reference: '%s'", args->at[0]);
	TRY(cache_find_all(cli, &c));
	TRY(cache_keep_named(cli, &names, &c));
	if (!c.count)
		return err_new(ERR_NOT_FOUND, "there is no cache to push");
	TRY(cli_cancel(cli, &cancel));
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(cancel, &registry));
	AUTO_TRANSFER Transfer show = { 0 };
	TRY(transfer_open("Pushing", v->quiet, &show));
	MountPushed *pushed =
		arena_alloc(cli->arena, c.count * sizeof *pushed, _Alignof(MountPushed));
	TRY(mount_push(c.store, registry, &ref, c.at, c.count, transfer_progress(&show), cancel,
	               pushed));
	transfer_close(&show);
	for (size_t i = 0; i < c.count && !v->quiet; i++) {
		Str namespace;
		printf("%s %.*s %.*s %s\n", pushed[i].sent ? "pushed" : "unchanged",
		       STR_ARG(cache_key_text(cli->arena, &c.at[i], false)),
		       STR_ARG(cache_id_of(&c.at[i], &namespace)),
		       cli_size(cli->arena, pushed[i].size_bytes).ptr);
	}
	return NULL;
}

static Err *run_pull(Cli *cli, const void *values, const Arguments *args)
{
	const RegistryValues *v = values;
	Reference ref;
	Cancel *cancel;
	Store *s;
	Str authorities;
	MountArchived *found;
	size_t count;
	TRY(connection_apply(cli, &v->connection, &authorities));
	TRY(cli_reference(cli, args->at[0], &ref));
	TRY(sandbox_enter());
	TRY(cli_store(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(cancel, &registry));
	AUTO_TRANSFER Transfer show = { 0 };
	TRY(transfer_open("Pulling", v->quiet, &show));
	Err *e = mount_pull(s, registry, &ref, v->replace, sandbox_overlay_prefix(),
	                    transfer_progress(&show), cancel, cli->arena, &found, &count);
	if (e) /* absent or damaged there, not in the store */
		return err_kind(e) == ERR_NOT_FOUND || err_kind(e) == ERR_CORRUPT
		               ? err_set_kind(e, ERR_NETWORK)
		               : e;
	transfer_close(&show);
	if (!v->quiet)
		print_found(cli, found, count, "pulled");
	return NULL;
}

const Command command_cache_push = {
	.name = "cache-push",
	.aliases = "cache push",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] NAME[:TAG] [KEY|ID...]",
	.help = "Send what RUN --mount=type=cache keeps to a registry",
	.about = "Without KEY and ID all caches are sent. The name then holds these caches and no "
		 "others. One that\n"
		 "has not changed since the last push is not sent again.",
	.options = push_options,
	.option_count = ARRAY_LEN(push_options),
	.values_size = sizeof(RegistryValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_push,
};

const Command command_cache_pull = {
	.name = "cache-pull",
	.aliases = "cache pull",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] NAME[:TAG|@DIGEST]",
	.help = "Get caches of RUN from a registry",
	.about = "Caches that are there already are kept and not fetched. Who may write NAME "
		 "decides "
		 "what later\n"
		 "RUNs find in these caches.",
	.options = pull_options,
	.option_count = ARRAY_LEN(pull_options),
	.values_size = sizeof(RegistryValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_pull,
};
