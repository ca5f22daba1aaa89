/* cmd_serve.c - a registry of our own, for as long as it is asked to run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/triggers.h"
#include "distribution/distribution.h"
#include "fs/path.h"
#include "hook/hook.h"
#include "page/page.h"
#include "runner/runner.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

/* What clients deleted is taken out of the store so often; space, not correctness. */
enum { GC_INTERVAL_MS = 3600 * 1000 };

typedef struct ServeValues {
	const char *address, *auth, *certificate, *key, *quota, *new_token, *interval;
	OptionList names;
	bool read_only, no_delete, insecure, quiet;
} ServeValues;

static void serve_defaults(void *values)
{
	((ServeValues *)values)->address = "127.0.0.1:5000";
	((ServeValues *)values)->interval = "15m";
}

static const Option serve_options[] = {
	{ .name = "addr",
	  .kind = OPTION_TEXT,
	  .value = "HOST:PORT",
	  .help = "Where to listen (default 127.0.0.1:5000; port 0: any that is free)",
	  .offset = offsetof(ServeValues, address) },
	{ .name = "auth",
	  .kind = OPTION_TEXT,
	  .value = "FILE",
	  .choices = "FILE",
	  .help = "Who may do what: lines of NAME SECRET WHERE RIGHTS",
	  .offset = offsetof(ServeValues, auth) },
	{ .name = "import-interval",
	  .kind = OPTION_TEXT,
	  .value = "TIME",
	  .help = "How often registries are asked for the image stream tags that are to be "
	          "imported "
	          "again (default 15m, 0 never)",
	  .offset = offsetof(ServeValues, interval) },
	{ .name = "insecure",
	  .kind = OPTION_FLAG,
	  .help = "Serve other machines without --auth or without TLS",
	  .offset = offsetof(ServeValues, insecure) },
	{ .name = "name",
	  .kind = OPTION_LIST,
	  .value = "HOST[:PORT]",
	  .help = "Another name of this registry: images named HOST:PORT/x are in it as x",
	  .offset = offsetof(ServeValues, names) },
	{ .name = "new-token",
	  .kind = OPTION_TEXT,
	  .value = "NAME:WHERE:RIGHTS",
	  .help = "Add a token to the file of --auth, print it, and end",
	  .offset = offsetof(ServeValues, new_token) },
	{ .name = "no-delete",
	  .kind = OPTION_FLAG,
	  .help = "Nothing is deleted by clients",
	  .offset = offsetof(ServeValues, no_delete) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "No line for each request",
	  .offset = offsetof(ServeValues, quiet) },
	{ .name = "quota",
	  .kind = OPTION_TEXT,
	  .value = "SIZE",
	  .help = "Bytes that each project may have (50g)",
	  .offset = offsetof(ServeValues, quota) },
	{ .name = "read-only",
	  .kind = OPTION_FLAG,
	  .help = "Clients change nothing",
	  .offset = offsetof(ServeValues, read_only) },
	{ .name = "tls-cert",
	  .kind = OPTION_TEXT,
	  .value = "FILE",
	  .choices = "FILE",
	  .help = "Certificate chain (PEM): serve HTTPS",
	  .offset = offsetof(ServeValues, certificate) },
	{ .name = "tls-key",
	  .kind = OPTION_TEXT,
	  .value = "FILE",
	  .choices = "FILE",
	  .help = "Its private key (PEM)",
	  .offset = offsetof(ServeValues, key) },
};

/* --- the log ---------------------------------------------------------------------------------- */

typedef struct ServeLog {
	bool quiet;
	pthread_mutex_t mutex; /* one line at a time */
} ServeLog;

static void print_line(ServeLog *l, Str line)
{
	(void)pthread_mutex_lock(&l->mutex);
	(void)fprintf(stderr, "%.*s\n", STR_ARG(line));
	(void)pthread_mutex_unlock(&l->mutex);
}

static void log_request(void *context, Str line)
{
	ServeLog *l = context;
	if (!l->quiet)
		print_line(l, line);
}

static void log_trouble(void *context, Str line)
{
	print_line(context, line);
}

/* --- what was asked for ----------------------------------------------------------------------- */

static Err *new_token(Cli *cli, const ServeValues *v)
{
	Str name, where, token;
	Str rights = str_cut(str_cut(str_from(v->new_token), ':', &name), ':', &where);
	if (!v->auth)
		return cli_usage(cli, "--new-token needs --auth FILE");
	if (!rights.len)
		return cli_usage(cli, "--new-token takes NAME:WHERE:RIGHTS, as ci:shop:pull,push");
	TRY(server_users_add_token(v->auth, name, where, rights, cli->arena, &token));
	printf("%.*s\n", STR_ARG(token));
	return NULL;
}

/* Who listens to other machines says who may ask, and does not let them send passwords in the
 * clear. */
static Err *check_exposure(const ServeValues *v)
{
	bool local;
	TRY(server_address_is_local(v->address, &local));
	if (local || v->insecure || (v->auth && v->certificate))
		return NULL;
	return err_note(err_new(ERR_INPUT, "'%s' is open to other machines, without %s", v->address,
	                        v->auth ? "TLS" : "--auth"),
	                "give --auth FILE, --tls-cert and --tls-key; or say --insecure, for "
	                "example behind a "
	                "proxy that does both");
}

static Err *read_pem(Cli *cli, const char *path, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (!path) {
		*ret = STR("");
		return NULL;
	}
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: the user's */
	if (fd < 0)
		return err_sys(errno, "cannot read '%s'", path);
	TRY(path_read_fd(fd, CA_BYTES_MAX, path, &text));
	if (!text.len)
		return err_new(ERR_INPUT, "'%s' is empty", path);
	*ret = arena_str(cli->arena, buf_str(&text));
	return NULL;
}

static Err *read_values(Cli *cli, const ServeValues *v, ServerOptions *server,
                        DistributionOptions *d)
{
	if (v->quota && (!str_to_bytes(str_from(v->quota), &d->quota_bytes) || !d->quota_bytes))
		return cli_usage(cli, "invalid size for --quota: '%s'", v->quota);
	if (!v->certificate != !v->key)
		return cli_usage(cli, "--tls-cert and --tls-key go together");
	TRY(check_exposure(v));
	TRY(read_pem(cli, v->certificate, &server->certificate));
	TRY(read_pem(cli, v->key, &server->key));
	d->read_only = v->read_only;
	d->keep = v->no_delete;
	server->address = v->address;
	return NULL;
}

/* Under which names images of the store are images of this registry. */
static void find_domains(Cli *cli, const ServeValues *v, const char *address,
                         DistributionOptions *d)
{
	Str at = str_from(address);
	Str *all = arena_alloc(cli->arena, (v->names.count + 3) * sizeof *all, _Alignof(Str));
	size_t n = 0;
	for (size_t i = 0; i < v->names.count; i++)
		all[n++] = str_from(v->names.at[i]);
	all[n++] = arena_str(cli->arena, at);
	ptrdiff_t colon = str_rfind(at, ':');
	all[n++] = arena_strf(cli->arena, "localhost%.*s",
	                      STR_ARG(str_from_at(at, (size_t)(colon < 0 ? 0 : colon))));
	all[n++] = STR(PROJECT_REGISTRY); /* where new-build puts results */
	d->domains = all;
	d->domain_count = n;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Until somebody says stop; now and then what nothing needs any more is removed. */
static void wait_for_end(Store *s, const Cancel *cancel, ServeLog *log)
{
	while (!cancel_requested(cancel)) {
		struct pollfd p = { .fd = cancel_fd(cancel), .events = POLLIN };
		int n = poll(&p, 1, GC_INTERVAL_MS);
		if (n != 0 || cancel_requested(cancel))
			continue;
		uint64_t freed;
		AUTO_ERR Err *e = store_names_gone(s, &freed);
		if (e)
			log_trouble(log, err_cause(e));
	}
}

/* --- triggers --------------------------------------------------------------------------------- */

typedef struct ServeTriggers {
	const DistributionOptions *registry;
	const Triggers *process; /* NULL: nothing starts builds here */
	ServeLog *log;
} ServeTriggers;

static void wake(void *context)
{
	const ServeTriggers *t = context;
	if (t->process && !triggers_wake(t->process))
		log_trouble(t->log, STR("triggers: the process that starts builds is gone: start "
		                        "the server again"));
}

static void take_pushed(void *context, Str repo, Str tag, Str digest)
{
	const ServeTriggers *t = context;
	const DistributionOptions *d = t->registry;
	size_t news;
	AUTO_ERR Err *e =
		runner_pushed(d->store, d->domains, d->domain_count, repo, tag, digest, &news);
	if (e)
		log_trouble(t->log, err_cause(e));
	if (news)
		wake(context);
}

static Err *read_interval(Cli *cli, const ServeValues *v, int64_t *ret_s)
{
	enum { LEAST_S = 1, MOST_S = 366 * 86400 };
	int64_t ns;
	if (!clock_parse_duration(str_from(v->interval), &ns) || ns < 0 ||
	    ns / 1000000000 > MOST_S || (ns && ns / 1000000000 < LEAST_S))
		return cli_usage(cli,
		                 "invalid value '%s' for --import-interval: expected a time, "
		                 "as 15m, or 0",
		                 v->interval);
	*ret_s = ns / 1000000000;
	return NULL;
}

static Err *serve(Cli *cli, const ServeValues *v, ServerOptions *server, DistributionOptions *d,
                  ServeLog *log)
{
	AUTO_TRIGGERS Triggers process = TRIGGERS_NONE;
	ServeTriggers triggers = { .registry = d, .log = log };
	AUTO_SERVER Server *running = NULL;
	Cancel *cancel;
	int64_t interval_s = 0;
	TRY(read_interval(cli, v, &interval_s));
	if (!v->read_only) {
		TRY(triggers_start(cli, interval_s, &process));
		triggers.process = &process;
	}
	TRY(sandbox_enter()); /* layers that are packed may be files of subordinate owners */
	TRY(cli_store(cli, &d->store));
	TRY(cli_cancel(cli, &cancel));
	d->cancel = cancel;
	PageOptions page = { .store = d->store,
		             .users = d->users,
		             .read_only = d->read_only,
		             .log = d->log,
		             .log_context = d->log_context };
	HookOptions hooks = { .store = d->store,
		              .read_only = v->read_only,
		              .queued = wake,
		              .queued_context = &triggers,
		              .log = log_trouble,
		              .log_context = log };
	ServerService services[4] = { distribution_service(d) };
	hook_services(&hooks, services + 1);
	services[3] = page_service(&page);
	d->pushed = take_pushed;
	d->pushed_context = &triggers;
	server->secret_after = "/webhooks/";
	server->services = services;
	server->service_count = ARRAY_LEN(services);
	TRY(server_open(server, &running));
	find_domains(cli, v, server_address(running), d);
	page.domains = d->domains;
	page.domain_count = d->domain_count;
	page.address = server_address(running);
	TRY(server_start(running));
	printf("listening on %s://%s\n", server->certificate.len ? "https" : "http",
	       server_address(running));
	(void)fflush(stdout);
	wait_for_end(d->store, cancel, log);
	return NULL;
}

static Err *run_serve(Cli *cli, const void *values, const Arguments *args)
{
	const ServeValues *v = values;
	ServeLog log = { v->quiet, PTHREAD_MUTEX_INITIALIZER };
	ServerOptions server = { .log = log_request, .log_context = &log };
	DistributionOptions d = { .log = log_trouble, .log_context = &log };
	ServerUsers *users = NULL;
	(void)args;
	if (v->new_token)
		return new_token(cli, v);
	TRY(read_values(cli, v, &server, &d));
	if (v->auth)
		TRY(server_users_open(v->auth, &users));
	d.users = users;
	Err *e = serve(cli, v, &server, &d, &log);
	server_users_close(users);
	return e;
}

const Command command_serve = {
	.name = "serve",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Run a registry over the images of the store",
	.about = "It speaks the OCI distribution protocol: docker, podman, skopeo and decant pull "
		 "from it and push "
		 "to\nit. What is pushed lies in the store; images of the store named "
		 "HOST:PORT/PROJECT/NAME are in the\n"
		 "registry at HOST:PORT without being pushed. It runs until ^C or SIGTERM.",
	.options = serve_options,
	.option_count = ARRAY_LEN(serve_options),
	.values_size = sizeof(ServeValues),
	.defaults = serve_defaults,
	.run = run_serve,
};
