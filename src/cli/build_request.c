/* build_request.c - the options of `build` → a BuildRequest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_args.h"

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

/* --no-cache-filter a,b: names of stages. */
static Err *set_uncached(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	Strs names = { 0 };
	if (v->no_cache && v->no_cache_filter.count)
		return cli_usage(cli, "--no-cache and --no-cache-filter exclude each other");
	for (size_t i = 0; i < v->no_cache_filter.count; i++) {
		Str rest = str_from(v->no_cache_filter.at[i]);
		while (rest.len) {
			Str name;
			rest = str_cut(rest, ',', &name);
			if (str_trim(name).len)
				strs_push(cli->arena, &names, str_trim(name));
		}
	}
	r->uncached_stages = names.at;
	r->uncached_stage_count = names.count;
	return NULL;
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
	TRY(build_args_read(cli, v, r));
	TRY(set_uncached(cli, v, r));
	set_labels(cli->arena, v, r);
	TRY(set_tags(cli, v, r));
	TRY(build_given_make(cli, v, &r->run));
	return set_platform(cli, v, r);
}
