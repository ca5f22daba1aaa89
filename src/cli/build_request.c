/* build_request.c - the options of `build` → a BuildRequest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_options.h"

/* --build-arg, and SOURCE_DATE_EPOCH of the environment, which a flag overrides. */
static void set_args(Arena *a, const BuildValues *v, BuildRequest *r)
{
	static const char epoch_name[] = "SOURCE_DATE_EPOCH";
	PlanArg *args = arena_alloc(a, (v->build_args.count + 1) * sizeof *args, _Alignof(PlanArg));
	const char *epoch = getenv(epoch_name);
	size_t count = 0;
	if (epoch && *epoch)
		args[count++] = (PlanArg){ str_from(epoch_name), str_from(epoch) };
	for (size_t i = 0; i < v->build_args.count; i++) {
		Str name;
		const char *text = v->build_args.at[i];
		(void)str_cut(str_from(text), '=', &name);
		const char *value =
			text[name.len] ? text + name.len + 1 : getenv(arena_str(a, name).ptr);
		if (!value)
			continue; /* NAME that is not in the environment: as if not given (docker)
			           */
		size_t at = 0;
		while (at < count && !str_eq(args[at].name, name))
			at++;
		args[at] = (PlanArg){ name, str_from(value) };
		count += at == count;
	}
	r->args = args;
	r->arg_count = count;
}

static void set_labels(Arena *a, const BuildValues *v, BuildRequest *r)
{
	Label *labels = arena_alloc(a, (v->labels.count + 1) * sizeof *labels, _Alignof(Label));
	for (size_t i = 0; i < v->labels.count; i++) {
		Str text = str_from(v->labels.at[i]);
		labels[i].value = str_cut(text, '=', &labels[i].key);
	}
	r->labels = labels;
	r->label_count = v->labels.count;
}

static Err *set_tags(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	Reference *tags =
		arena_alloc(cli->arena, (v->tags.count + 1) * sizeof *tags, _Alignof(Reference));
	for (size_t i = 0; i < v->tags.count; i++) {
		Err *e = reference_parse(cli->arena, str_from(v->tags.at[i]), &tags[i]);
		if (e) {
			cli->usage_error = true;
			return err_while(e, "reading --tag '%s'", v->tags.at[i]);
		}
		if (tags[i].has_digest)
			return cli_usage(cli,
			                 "invalid tag '%s': a name with a digest cannot be given",
			                 v->tags.at[i]);
	}
	r->tags = tags;
	r->tag_count = v->tags.count;
	return NULL;
}

static Err *set_platform(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	const char *text = v->platform ? v->platform : getenv("DOCKER_DEFAULT_PLATFORM");
	r->platform = platform_host();
	if (!text || !*text)
		return NULL;
	if (strchr(text, ','))
		return err_note(cli_usage(cli,
		                          "several platforms are not supported yet: --platform %s",
		                          text),
		                "build one after the other");
	Err *e = platform_parse(cli->arena, str_from(text), &r->platform);
	r->platform_given = !e;
	cli->usage_error = e;
	return e ? err_while(e, "reading --platform") : NULL;
}

Err *build_request_make(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	static const char *const networks[] = { "default", "none", "host" };
	bool known = !v->network;
	for (size_t i = 0; i < ARRAY_LEN(networks) && !known; i++)
		known = strcmp(v->network, networks[i]) == 0;
	if (!known)
		return err_note(cli_usage(cli, "unknown network: '%s'", v->network),
		                "one of default, none, host");
	*r = (BuildRequest){
		.target = str_from(v->target ? v->target : ""),
		.network = str_from(v->network ? v->network : ""),
		.no_cache = v->no_cache,
		.pull = v->pull,
		.jobs = v->jobs,
		.context_fd = -1,
	};
	set_args(cli->arena, v, r);
	set_labels(cli->arena, v, r);
	TRY(set_tags(cli, v, r));
	TRY(build_given_make(cli, v, &r->run));
	return set_platform(cli, v, r);
}
