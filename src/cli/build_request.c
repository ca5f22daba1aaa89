/* build_request.c - the options of `build` → a BuildRequest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/build_args.h"
#include "cli/build_proxies.h"
#include "cli/platforms.h"

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

/* The words of OPTION, each of which may be several with commas between. */
static Strs split(Arena *a, const OptionList *list)
{
	Strs words = { 0 };
	for (size_t i = 0; i < list->count; i++) {
		Str rest = str_from(list->at[i]);
		while (rest.len) {
			Str word;
			rest = str_cut(rest, ',', &word);
			if (str_trim(word).len)
				strs_push(a, &words, str_trim(word));
		}
	}
	return words;
}

static Err *check_tag(Cli *cli, const char *text, Reference *tag)
{
	Err *e = reference_parse(cli->arena, str_from(text), tag);
	if (e) {
		cli->usage_error = true;
		return err_while(e, "reading --tag '%s'", text);
	}
	if (tag->has_digest)
		return cli_usage(cli, "invalid tag '%s': a name with a digest cannot be given",
		                 text);
	return cli_new_name(cli, tag);
}

/* What it will be with the name of a stage; whether it is a name then is known when the stages are.
 */
static Err *check_pattern(Cli *cli, const char *text)
{
	for (const char *at = text; (at = strchr(at, '{')); at++)
		if (strncmp(at, BUILD_TAG_TARGET, strlen(BUILD_TAG_TARGET)) != 0)
			return err_note(cli_usage(cli, "invalid tag '%s'", text),
			                "%s alone can stand in it, for the stage that is built",
			                BUILD_TAG_TARGET);
	return NULL;
}

static Err *set_tags(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	Reference *tags =
		arena_alloc(cli->arena, (v->tags.count + 1) * sizeof *tags, _Alignof(Reference));
	Str *patterns =
		arena_alloc(cli->arena, (v->tags.count + 1) * sizeof *patterns, _Alignof(Str));
	for (size_t i = 0; i < v->tags.count; i++) {
		const char *text = v->tags.at[i];
		if (strchr(text, '{')) {
			TRY(check_pattern(cli, text));
			patterns[r->tag_pattern_count++] = str_from(text);
			continue;
		}
		if (r->target_count > 1)
			return err_note(cli_usage(cli,
			                          "several targets cannot have the one name '%s'",
			                          text),
			                "put %s where the name of the stage belongs, as in "
			                "--tag app:%s",
			                BUILD_TAG_TARGET, BUILD_TAG_TARGET);
		TRY(check_tag(cli, text, &tags[r->tag_count++]));
	}
	r->tags = tags;
	r->tag_patterns = patterns;
	return NULL;
}

static void set_targets(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	Strs targets = split(cli->arena, &v->targets);
	r->targets = targets.at;
	r->target_count = targets.count;
}

/* --os, --arch, --variant; NULL: none of them is given. */
static const char *platform_of_parts(Arena *a, const BuildValues *v)
{
	Platform host = platform_host();
	if (!v->os && !v->arch && !v->variant)
		return NULL;
	return arena_strf(a, "%s/%s%s%s", v->os ? v->os : "linux",
	                  v->arch ? v->arch : arena_str(a, host.arch).ptr, v->variant ? "/" : "",
	                  v->variant ? v->variant : "")
	        .ptr;
}

static Err *set_platforms(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	const char *usual = platform_of_parts(cli->arena, v);
	if (!usual)
		usual = getenv("DOCKER_DEFAULT_PLATFORM");
	const OptionList of_environment = { &usual, usual && *usual };
	const Platform *given;
	TRY(cli_platforms(cli, v->platforms.count ? &v->platforms : &of_environment, &given,
	                  &r->platform_count));
	Platform *list =
		arena_alloc(cli->arena, (r->platform_count + 1) * sizeof *list, _Alignof(Platform));
	for (size_t i = 0; i < r->platform_count; i++) {
		list[i] = given[i];
		if (!str_eqc(given[i].os, "linux"))
			return err_new(ERR_INPUT, "only linux images can be built, not %s",
			               platform_text(cli->arena, &given[i]).ptr);
	}
	r->platform_given = r->platform_count;
	if (!r->platform_count)
		list[r->platform_count++] = platform_host();
	size_t targets = r->target_count ? r->target_count : 1;
	if (targets * r->platform_count > BUILD_RESULTS_MAX)
		return cli_usage(cli,
		                 "%zu targets for %zu platforms are more than the %u images of "
		                 "one build",
		                 targets, r->platform_count, BUILD_RESULTS_MAX);
	r->platforms = list;
	return NULL;
}

/* --no-cache-filter a,b: names of stages. */
static Err *set_uncached(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	if (v->no_cache && v->no_cache_filter.count)
		return cli_usage(cli, "--no-cache and --no-cache-filter exclude each other");
	Strs names = split(cli->arena, &v->no_cache_filter);
	r->uncached_stages = names.at;
	r->uncached_stage_count = names.count;
	return NULL;
}

static Err *set_pull(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	static const struct {
		const char *word;
		BuildPull pull;
	} words[] = {
		{ "always", BUILD_PULL_ALWAYS },     { "true", BUILD_PULL_ALWAYS },
		{ "1", BUILD_PULL_ALWAYS },          { "missing", BUILD_PULL_MISSING },
		{ "ifmissing", BUILD_PULL_MISSING }, { "false", BUILD_PULL_MISSING },
		{ "0", BUILD_PULL_MISSING },         { "never", BUILD_PULL_NEVER },
		{ "newer", BUILD_PULL_NEWER },       { "ifnewer", BUILD_PULL_NEWER },
	};
	const char *word = v->pull_never ? "never" : v->pull_always ? "always" : v->pull;
	for (size_t i = 0; word && i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i].word) == 0) {
			r->pull = words[i].pull;
			return NULL;
		}
	return !word ? NULL
	             : err_note(cli_usage(cli, "invalid value '%s' for --pull", word),
	                        "one of always, missing, never, newer");
}

static const Str *to_strs(Arena *a, const OptionList *list)
{
	Str *strs = arena_alloc(a, (list->count + 1) * sizeof *strs, _Alignof(Str));
	for (size_t i = 0; i < list->count; i++)
		strs[i] = str_from(list->at[i]);
	return strs;
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
		.network = str_from(v->network ? v->network : ""),
		.no_cache = v->no_cache,
		.omit_history = v->omit_history,
		.jobs = v->jobs,
		.context_fd = -1,
	};
	r->unset_env = to_strs(cli->arena, &v->unset_env);
	r->unset_env_count = v->unset_env.count;
	r->unset_labels = to_strs(cli->arena, &v->unset_labels);
	r->unset_label_count = v->unset_labels.count;
	TRY(set_pull(cli, v, r));
	const OptionList words = { cli->words.at, cli->words.count };
	r->command = to_strs(cli->arena, &words);
	r->command_count = cli->words.count;
	r->explain = v->explain;
	r->hit_stages = to_strs(cli->arena, &v->hit_stages);
	r->hit_stage_count = v->hit_stages.count;
	TRY(build_args_read(cli, v, r));
	TRY(set_uncached(cli, v, r));
	set_labels(cli->arena, v, r);
	set_targets(cli, v, r);
	TRY(set_tags(cli, v, r));
	TRY(build_given_make(cli, v, &r->run));
	TRY(build_attest_make(cli, v, &r->attest));
	r->asks_git = build_attest_asks_git(&r->attest);
	TRY(build_proxies_of_environment(cli, v, &r->run));
	TRY(connection_apply(cli, &v->connection, &r->run.authorities));
	return set_platforms(cli, v, r);
}
