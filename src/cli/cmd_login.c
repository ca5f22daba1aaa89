/* cmd_login.c - a name and a password for a registry, checked there and kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/connection.h"
#include "cli/names.h"
#include "cli/password.h"
#include "registry/login.h"

#include <stdio.h>
#include <sys/prctl.h>

typedef struct LoginValues {
	const char *user, *password;
	bool from_stdin, get, verbose;
	const char *compat_file;
	ConnectionValues connection;
} LoginValues;

static const Option login_options[] = {
	{ .name = "username",
	  .letter = 'u',
	  .kind = OPTION_TEXT,
	  .help = "Username",
	  .offset = offsetof(LoginValues, user) },
	{ .name = "password",
	  .letter = 'p',
	  .kind = OPTION_TEXT,
	  .help = "Password or personal access token",
	  .offset = offsetof(LoginValues, password) },
	{ .name = "password-stdin",
	  .kind = OPTION_FLAG,
	  .help = "Take the password from standard input",
	  .offset = offsetof(LoginValues, from_stdin) },
	{ .name = "get-login",
	  .kind = OPTION_FLAG,
	  .help = "Print the name that is logged in at the registry, and ask nothing",
	  .offset = offsetof(LoginValues, get) },
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .help = "Say which file is used",
	  .offset = offsetof(LoginValues, verbose) },
	{ .name = "compat-auth-file",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  .value = "file",
	  .choices = "FILE",
	  .help = "The same as --authfile",
	  .offset = offsetof(LoginValues, compat_file) },
	CONNECTION_OPTIONS(LoginValues, connection),
	{ .name = "secret",
	  .kind = OPTION_REFUSED,
	  .help = "",
	  .advice = "there are no secrets kept here: pipe it to --password-stdin" },
};

/* One login on its way. */
typedef struct Login {
	Cli *cli;
	const LoginValues *v;
	const char *file; /* NULL: the usual one */
	LoginServer server;
	LoginAs as;
	bool known; /* found in the file, not asked for */
} Login;

static Err *check_options(Login *l)
{
	const LoginValues *v = l->v;
	if (v->password && v->from_stdin)
		return cli_usage(l->cli, "conflicting options: cannot specify both --password and "
		                         "--password-stdin");
	if (v->from_stdin && !v->user)
		return cli_usage(l->cli,
		                 "the --password-stdin option requires --username to be set");
	if (v->user && !*v->user)
		return cli_usage(l->cli, "username is empty");
	if (v->password)
		(void)fputs("WARNING! Using --password via the CLI is insecure. Use "
		            "--password-stdin.\n",
		            stderr);
	return NULL;
}

static Err *get_login(const Login *l)
{
	if (!l->as.found)
		return err_new(ERR_NOT_FOUND, "not logged into %.*s", STR_ARG(l->server.domain));
	printf("%.*s\n", STR_ARG(l->as.user.len ? l->as.user : STR("<token>")));
	return NULL;
}

static Err *ask_user(Login *l)
{
	const char *prompt = "Username: ";
	if (l->v->user) {
		l->as.user = str_from(l->v->user);
		return NULL;
	}
	if (l->as.user.len)
		prompt = arena_strf(l->cli->arena, "Username (%.*s): ", STR_ARG(l->as.user)).ptr;
	Str user;
	TRY(password_ask(l->cli, prompt, true, &user));
	if (user.len)
		l->as.user = user;
	return l->as.user.len ? NULL : err_new(ERR_INPUT, "a name is required");
}

/* What the options do not say, from the terminal. */
static Err *ask(Login *l)
{
	const LoginValues *v = l->v;
	Str none = { "", 0 };
	l->known = false;
	l->as.identity_token = none;
	l->as.password = none;
	if (v->password)
		l->as.password = str_from(v->password);
	if (v->from_stdin)
		TRY(password_read(l->cli, &l->as.password));
	if (v->user && l->as.password.len) {
		l->as.user = str_from(v->user);
		l->as.source = v->password ? STR("the command line") : STR("standard input");
		return NULL;
	}
	if (!isatty(STDIN_FILENO))
		return err_note(
			err_new(ERR_INPUT,
		                "cannot perform an interactive login from a non-TTY device"),
			"give --username, and the password by --password-stdin");
	l->as.source = STR("the terminal");
	TRY(ask_user(l));
	if (!l->as.password.len)
		TRY(password_ask(l->cli, "Password: ", false, &l->as.password));
	return l->as.password.len ? NULL : err_new(ERR_INPUT, "a password is required");
}

static Err *check(Login *l)
{
	Cancel *cancel;
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(cli_cancel(l->cli, &cancel));
	TRY(registry_open(cancel, &registry));
	return registry_check_login(registry, &l->server, l->cli->arena, &l->as);
}

/* The login that is there may do; if it does not, another is asked for. */
static Err *check_known(Login *l)
{
	fprintf(stderr,
	        "Authenticating with existing credentials... [Username: %.*s]\n\n"
	        "note: to login with a different account, run '%s logout' first\n\n",
	        STR_ARG(l->as.user.len ? l->as.user : STR("<token>")), l->cli->program->name);
	Err *err = check(l);
	if (!err || err_kind(err) != ERR_DENIED || !isatty(STDIN_FILENO))
		return err;
	fprintf(stderr, "Login did not succeed, error: %.*s\n", STR_ARG(err_cause(err)));
	err_free(err);
	TRY(ask(l));
	return check(l);
}

static Err *keep(Login *l)
{
	LoginKept kept;
	Cancel *cancel;
	TRY(cli_cancel(l->cli, &cancel));
	TRY(login_store(l->file, &l->server, &l->as, cancel, l->cli->arena, &kept));
	if (l->v->verbose)
		printf("Used:  %.*s\n", STR_ARG(kept.helper.len ? kept.helper : kept.file));
	if (kept.changed && !kept.helper.len && l->as.password.len)
		fprintf(stderr,
		        "\nWARNING! Your credentials are stored unencrypted in '%.*s'.\n"
		        "Configure a credential helper to remove this warning. See\n"
		        "https://docs.docker.com/go/credential-store/\n\n",
		        STR_ARG(kept.file));
	return NULL;
}

static Err *run_login(Cli *cli, const void *values, const Arguments *args)
{
	Login l = { .cli = cli, .v = values };
	const char *server = args->count ? args->at[0] : "";
	ConnectionValues connection = l.v->connection;
	Str authorities;
	Cancel *cancel;
	(void)prctl(PR_SET_DUMPABLE, 0); /* no password in a core file */
	l.file = l.v->compat_file ? l.v->compat_file : connection.auth_file;
	connection.auth_file = NULL; /* it need not be there yet */
	TRY(connection_apply(cli, &connection, &authorities));
	TRY(check_options(&l));
	bool keep_path = l.file || getenv("REGISTRY_AUTH_FILE");
	cli->usage_error = true;
	TRY(login_server_parse(cli->arena, str_from(server), keep_path, &l.server));
	cli->usage_error = false;
	TRY(cli_cancel(cli, &cancel));
	bool asks = !l.v->user && !l.v->password && !l.v->from_stdin;
	if (asks || l.v->get)
		TRY(login_find(l.file, &l.server, cancel, cli->arena, &l.as));
	if (l.v->get)
		return get_login(&l);
	l.known = l.as.found;
	if (!l.known)
		TRY(ask(&l));
	TRY(l.known ? check_known(&l) : check(&l));
	if (!l.known)
		TRY(keep(&l));
	printf("Login Succeeded\n");
	return NULL;
}

const Command command_login = {
	.name = "login",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [SERVER]",
	.help = "Log in to a registry",
	.about = "The name and the password are checked at the registry (Docker Hub without "
		 "SERVER) and kept in "
		 "$DOCKER_CONFIG/config.json, else ~/.docker/config.json, or by the credential "
		 "helper that this "
		 "file names. With --authfile or $REGISTRY_AUTH_FILE it is that file, and SERVER "
		 "may be a part "
		 "of a registry: quay.io/team.",
	.options = login_options,
	.option_count = ARRAY_LEN(login_options),
	.values_size = sizeof(LoginValues),
	.arguments_max = 1,
	.run = run_login,
};
