/* cmd_logout.c - what `decant login` has kept is removed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "registry/login.h"

#include <stdio.h>

typedef struct LogoutValues {
	const char *auth_file, *compat_file;
	bool all;
} LogoutValues;

static const Option logout_options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Remove the logins of all registries",
	  .offset = offsetof(LogoutValues, all) },
	{ .name = "authfile",
	  .kind = OPTION_TEXT,
	  .value = "file",
	  .choices = "FILE",
	  .help = "File with logins of registries",
	  .offset = offsetof(LogoutValues, auth_file) },
	{ .name = "compat-auth-file",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  .value = "file",
	  .choices = "FILE",
	  .help = "The same as --authfile",
	  .offset = offsetof(LogoutValues, compat_file) },
};

static Err *run_logout(Cli *cli, const void *values, const Arguments *args)
{
	const LogoutValues *v = values;
	const char *server = args->count ? args->at[0] : "";
	const char *file = v->compat_file ? v->compat_file : v->auth_file;
	LoginServer s;
	Cancel *cancel;
	Str path;
	bool found;
	if (v->all && args->count)
		return cli_usage(cli, "--all takes no SERVER");
	TRY(cli_cancel(cli, &cancel));
	if (v->all) {
		TRY(login_erase_all(file, cancel, cli->arena, &path));
		printf("Removed login credentials for all registries\n");
		return NULL;
	}
	bool keep_path = file || getenv("REGISTRY_AUTH_FILE");
	cli->usage_error = true;
	TRY(login_server_parse(cli->arena, str_from(server), keep_path, &s));
	cli->usage_error = false;
	printf("Removing login credentials for %.*s\n", STR_ARG(s.key));
	TRY(login_erase(file, &s, cancel, cli->arena, &path, &found));
	if (!found)
		fprintf(stderr, "note: there was no login for %.*s in %.*s\n", STR_ARG(s.key),
		        STR_ARG(path));
	return NULL;
}

const Command command_logout = {
	.name = "logout",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [SERVER]",
	.help = "Log out from a registry",
	.about = "Without SERVER it is Docker Hub. A credential helper that the file names is told "
		 "as well.",
	.options = logout_options,
	.option_count = ARRAY_LEN(logout_options),
	.values_size = sizeof(LogoutValues),
	.arguments_max = 1,
	.run = run_logout,
};
