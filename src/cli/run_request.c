/* run_request.c - options that `run` and `shell` share → a ContainerRequest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/platforms.h"
#include "cli/pull_image.h"
#include "cli/run_request.h"
#include "project/project.h"

#include <stdio.h>

static Err *parse_volume(Cli *cli, const char *text, ContainerBind *ret)
{
	Str source, target, mode = str_cut(str_cut(str_from(text), ':', &source), ':', &target);
	if (!target.len && source.len && *source.ptr == '/' && str_find(str_from(text), ':') < 0)
		return err_note(cli_usage(cli, "there are no anonymous volumes: '%s'", text),
		                "what a container writes stays with it until it is removed; give "
		                "HOST:CONTAINER for a directory that outlives it, --tmpfs for one "
		                "that is empty");
	if (!target.len || (mode.len && !str_eqc(mode, "ro") && !str_eqc(mode, "rw")))
		return err_note(cli_usage(cli, "invalid value for --volume: '%s'", text),
		                "HOST:CONTAINER[:ro]");
	if (*target.ptr != '/')
		return cli_usage(cli,
		                 "invalid value for --volume: '%s': the path in the container must "
		                 "be absolute",
		                 text);
	if (!source.len || (*source.ptr != '/' && *source.ptr != '.'))
		return err_note(cli_usage(cli, "named volumes are not supported yet: '%.*s'",
		                          STR_ARG(source)),
		                "give a directory of the host: ./DIR or /DIR");
	*ret = (ContainerBind){
		.source = arena_str(cli->arena, source),
		.target = arena_str(cli->arena, target),
		.read_only = str_eqc(mode, "ro"),
		.make = true,
	};
	return NULL;
}

/* --volume HOST:CONTAINER[:ro] */
static Err *set_binds(Cli *cli, const OptionList *volumes, ContainerRequest *r)
{
	r->binds = arena_alloc(cli->arena, (volumes->count + 1) * sizeof *r->binds,
	                       _Alignof(ContainerBind));
	for (size_t i = 0; i < volumes->count; i++)
		TRY(parse_volume(cli, volumes->at[i], &r->binds[i]));
	r->bind_count = volumes->count;
	return NULL;
}

/* --env NAME=VALUE, or NAME: as it is here, left out if it is not set. */
static void add_env(Arena *a, const OptionList *env, ContainerRequest *r)
{
	for (size_t i = 0; i < env->count; i++) {
		const char *text = env->at[i];
		if (strchr(text, '=')) {
			strs_push(a, &r->env, str_from(text));
		} else if (getenv(text)) {
			strs_push(a, &r->env, arena_strf(a, "%s=%s", text, getenv(text)));
		}
	}
}

static Err *set_network(Cli *cli, const char *network, ContainerRequest *r)
{
	if (!network || strcmp(network, "default") == 0 || strcmp(network, "bridge") == 0)
		r->network = SANDBOX_NET_DEFAULT;
	else if (strcmp(network, "none") == 0)
		r->network = SANDBOX_NET_NONE;
	else if (strcmp(network, "host") == 0)
		r->network = SANDBOX_NET_HOST;
	else
		return err_note(cli_usage(cli, "unknown network: '%s'", network),
		                "one of default, none, host");
	return NULL;
}

Err *cli_no_terminal(void)
{
	return err_set_exit_status(err_new(ERR_INPUT, "the input device is not a TTY"), 1);
}

Str cli_run_text(const char *text)
{
	return str_from(text ? text : "");
}

Err *cli_run_given(Cli *cli, const RunRequestValues *v, ContainerRequest *r)
{
	r->user = cli_run_text(v->user);
	r->working_dir = cli_run_text(v->working_dir);
	add_env(cli->arena, &v->env, r);
	TRY(set_network(cli, v->network, r));
	return set_binds(cli, &v->volumes, r);
}

/* The store has no image *NAME: a stream of that name, if names are looked up in it (`set
 * image-lookup`), says what is meant.  *E is then what came of it. */
static Err *look_up_stream(Cli *cli, Store *s, const char **name, const char *platform, Err **e,
                           Image *ret)
{
	Project p;
	ImageStream is;
	Str stream = STR(""), tag = STR("");
	if (!s || strpbrk(*name, "/@"))
		return NULL;
	AUTO_ERR Err *other = project_split_tag(cli->arena, str_from(*name), &stream, &tag);
	if (other)
		return NULL;
	TRY(project_open(s, STR(""), cli->arena, &p));
	if (!project_has(&p, PROJECT_STREAM, stream))
		return NULL;
	TRY(project_get_stream(&p, stream, &is));
	if (!is.lookup_local)
		return NULL;
	*name = arena_strf(cli->arena, "%.*s:%.*s", STR_ARG(is.repository), STR_ARG(tag)).ptr;
	err_free(*e);
	*e = cli_image_for(cli, s, *name, platform, ret);
	return NULL;
}

Err *cli_run_image(Cli *cli, Store *s, const char *name, const char *pull, const char *platform,
                   bool quiet, Image *ret)
{
	Platform wanted = platform_host();
	name = cli_image_name(name);
	const char *when = pull ? pull : "missing";
	bool always = strcmp(when, "always") == 0;
	if (!always && strcmp(when, "missing") != 0 && strcmp(when, "never") != 0)
		return err_note(cli_usage(cli, "invalid value '%s' for --pull", when),
		                "one of always, missing, never");
	if (!always) {
		Err *e = cli_image_for(cli, s, name, platform, ret);
		if (e && err_kind(e) == ERR_NOT_FOUND)
			TRY(look_up_stream(cli, s, &name, platform, &e, ret));
		if (!e || err_kind(e) != ERR_NOT_FOUND || strcmp(when, "never") == 0)
			return e;
		err_free(e); /* it is fetched */
		Reference asked;
		TRY(cli_reference(cli, name, &asked));
		if (!quiet)
			fprintf(stderr, "Unable to find image '%.*s' locally\n",
			        STR_ARG(reference_familiar(cli->arena, &asked)));
	}
	if (platform)
		TRY(cli_platform(cli, platform, &wanted));
	TRY(cli_pull(cli, name, platform ? &wanted : NULL, quiet, stderr));
	return cli_image_for(cli, s, name, platform, ret);
}
