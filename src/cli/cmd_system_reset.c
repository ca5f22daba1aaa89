/* cmd_system_reset.c - remove the whole store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "exec/container.h"
#include "sandbox/sandbox.h"
#include "store/parts.h"

#include <stdio.h>

typedef struct ResetValues {
	bool force;
} ResetValues;

static const Option reset_options[] = {
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "Do not ask; kill containers that run",
	  .offset = offsetof(ResetValues, force) },
};

/* Where nobody answers, -f says it. */
static Err *confirm(const Store *s, bool *ret)
{
	char answer[16] = "";
	printf("WARNING! This will remove all images, containers, caches and logs in '%s'.\n"
	       "Are you sure you want to continue? [y/N] ",
	       store_path(s));
	(void)fflush(stdout);
	bool answered = fgets(answer, sizeof answer, stdin) != NULL;
	Str word = str_trim(str_from(answer));
	*ret = str_eqc(word, "y") || str_eqc(word, "Y");
	if (answered || isatty(STDIN_FILENO))
		return NULL;
	printf("\n");
	return err_note(
		err_new(ERR_INPUT, "nobody is there to ask whether to remove '%s'", store_path(s)),
		"say -f to remove it");
}

/* What runs uses files of the store. */
static Err *end_containers(Cli *cli, Store *s, bool force)
{
	Container *all;
	size_t count = 0;
	TRY(container_list(s, cli->arena, &all, &count));
	for (size_t i = 0; i < count; i++) {
		if (!all[i].running)
			continue;
		if (!force)
			return err_note(err_new(ERR_INPUT, "the container '%.*s' is running",
			                        STR_ARG(all[i].name)),
			                "stop it first, or say -f to kill it");
		TRY(container_remove(s, &all[i], CONTAINER_REMOVE_FORCE));
	}
	return NULL;
}

static Err *lock_alone(Store *s, StoreLock *ret)
{
	bool got;
	TRY(store_try_lock_gc(s, true, ret, &got));
	return got ? NULL
	           : err_note(err_new(ERR_INPUT, "the store '%s' is in use", store_path(s)),
	                      "wait until no build, pull or check runs");
}

static Err *run_reset(Cli *cli, const void *values, const Arguments *args)
{
	const ResetValues *v = values;
	StoreVersionState version;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	bool sure = v->force, gone;
	(void)args;
	TRY(store_open_any(cli->root, &cli->store, &version));
	if (!cli->store) {
		printf("there is no store\n");
		return NULL;
	}
	Store *s = cli->store;
	if (version == STORE_VERSION_OTHER) /* what else is in it, and locks it, nobody can tell */
		return store_version_refuse(s);
	TRY(store_check_alone(s));
	if (!sure)
		TRY(confirm(s, &sure));
	if (!sure)
		return NULL;
	TRY(sandbox_enter()); /* files of a rootless store have owners that only there may be
	                         removed */
	TRY(end_containers(cli, s, v->force));
	TRY(lock_alone(s, &lock));
	TRY(store_remove(s, &gone));
	printf(gone ? "removed '%s'\n" : "emptied '%s', a link or a mount point, which stays\n",
	       store_path(s));
	return NULL;
}

const Command command_system_reset = {
	.name = "system-reset",
	.aliases = "system reset",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Remove the whole store",
	.about = "Removes all images, containers, caches and logs, and the store's directory. "
		 "Configuration and logins stay. A directory in which there is anything else is no "
		 "store and is left alone, and so is one that a build or pull uses.",
	.options = reset_options,
	.option_count = ARRAY_LEN(reset_options),
	.values_size = sizeof(ResetValues),
	.run = run_reset,
};
