/* cmd_describe.c - one object of a project in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "cli/listing.h"
#include "cli/streams.h"

#include <limits.h>
#include <stdio.h>

typedef struct DescribeValues {
	const char *project;
} DescribeValues;

static const Option describe_options[] = {
	RESOURCE_NAMESPACE(DescribeValues, project),
};

static Str age(Cli *cli, int64_t ns)
{
	if (ns == PROJECT_TIME_NONE)
		return STR("<none>");
	return arena_strf(cli->arena, "%s ago", cli_age(cli->arena, clock_real_ns() - ns).ptr);
}

static void line(const char *title, Str value)
{
	printf("%-21s%.*s\n", title, STR_ARG(value.len ? value : STR("<none>")));
}

static void pairs(const char *title, const ProjectPairs *p)
{
	for (size_t i = 0; i < p->count; i++)
		printf("%-21s%.*s=%.*s\n", i ? "" : title, STR_ARG(p->at[i].key),
		       STR_ARG(p->at[i].value));
	if (!p->count)
		line(title, STR(""));
}

static void head(Cli *cli, const ProjectMeta *m)
{
	line("Name:", m->name);
	line("Namespace:", m->project);
	line("Created:", age(cli, m->created_ns));
	pairs("Labels:", &m->labels);
	pairs("Annotations:", &m->annotations);
}

static void maybe(const char *title, Str value)
{
	if (value.len)
		line(title, value);
}

static void spec(Cli *cli, const BuildSpec *s)
{
	line("Strategy:", STR("Docker"));
	maybe("URL:", s->uri);
	maybe("Ref:", s->ref);
	maybe("ContextDir:", s->context_dir);
	if (s->source == BUILD_FROM_BINARY)
		line("Binary:", s->as_file.len ? s->as_file : STR("provided on build"));
	maybe("Dockerfile:", s->text);
	maybe("Dockerfile Path:", s->dockerfile);
	if (s->from.len)
		line("From Image:",
		     arena_strf(cli->arena, "ImageStreamTag %.*s", STR_ARG(s->from)));
	if (s->no_cache)
		line("No Cache:", STR("true"));
	if (s->env.count)
		pairs("Environment:", &s->env);
	if (s->args.count)
		pairs("Build Args:", &s->args);
	if (s->to.len)
		line("Output to:",
		     arena_strf(cli->arena, "%.*s %.*s", STR_ARG(s->to_kind), STR_ARG(s->to)));
}

/* --- build configurations --------------------------------------------------------------------- */

static Str triggers(Cli *cli, const BuildConfig *bc)
{
	static const char *const words[BUILD_TRIGGER_KINDS] = { "Config", "ImageChange" };
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < bc->trigger_count; i++) {
		const BuildTrigger *t = &bc->triggers[i];
		if (!words[t->kind])
			continue;
		buf_addf(&out, "%s%s", out.len ? ", " : "", words[t->kind]);
		if (t->kind == BUILD_ON_IMAGE)
			buf_addf(&out, " (%.*s)%s", STR_ARG(t->from.len ? t->from : bc->spec.from),
			         t->paused ? " paused" : "");
	}
	return arena_str(cli->arena, buf_str(&out));
}

static Str limit(Cli *cli, int64_t keep)
{
	return keep == BUILD_KEEP_ALL ? STR("all")
	                              : arena_strf(cli->arena, "%lld", (long long)keep);
}

static Err *print_builds(Cli *cli, const Project *p, Str config)
{
	Build *all;
	size_t count;
	AUTO_VEC VEC(Str) lines = { 0 };
	char created[CLOCK_TEXT_BYTES];
	TRY(project_builds(p, config, &all, &count));
	TRY(resource_settle(p, all, count));
	if (!count)
		return NULL;
	VEC_PUSH(&lines, STR("Build\tStatus\tDuration\tCreation Time"));
	for (size_t i = count; i-- > 0;) {
		const Build *b = &all[i];
		int64_t end_ns = b->end_ns == PROJECT_TIME_NONE ? clock_real_ns() : b->end_ns;
		Str took = b->start_ns == PROJECT_TIME_NONE
		                   ? STR("-")
		                   : resource_duration(cli->arena, end_ns - b->start_ns);
		VEC_PUSH(&lines, arena_strf(cli->arena, "%.*s\t%s\t%.*s\t%s", STR_ARG(b->meta.name),
		                            build_phases[b->phase], STR_ARG(took),
		                            clock_format(b->meta.created_ns, created).ptr));
	}
	printf("\n");
	resource_print_table(lines.at, lines.len);
	return NULL;
}

static Err *describe_config(Cli *cli, const Project *p, Str name)
{
	static const char *const hooks[BUILD_TRIGGER_KINDS] = {
		NULL, NULL, "GitHub", "Generic", "GitLab", "Bitbucket",
	};
	BuildConfig bc;
	TRY(project_get_config(p, name, &bc));
	head(cli, &bc.meta);
	line("Latest Version:", bc.last_version
	                                ? arena_strf(cli->arena, "%lld", (long long)bc.last_version)
	                                : STR("Never built"));
	printf("\n");
	spec(cli, &bc.spec);
	printf("\n");
	line("Build Run Policy:", str_from(build_run_policies[bc.run_policy]));
	line("Triggered by:", triggers(cli, &bc));
	for (size_t i = 0; i < bc.trigger_count; i++)
		if (hooks[bc.triggers[i].kind])
			printf("Webhook %s:\n        Secret:  %.*s\n", hooks[bc.triggers[i].kind],
			       STR_ARG(bc.triggers[i].secret));
	printf("Builds History Limit:\n        Successful:  %s\n        Failed:      %s\n",
	       limit(cli, bc.keep_good).ptr, limit(cli, bc.keep_bad).ptr);
	return print_builds(cli, p, name);
}

/* --- builds ----------------------------------------------------------------------------------- */

static Err *describe_build(Cli *cli, const Project *p, Str name)
{
	Build b;
	TRY(project_get_build(p, name, &b));
	TRY(resource_settle(p, &b, 1));
	head(cli, &b.meta);
	printf("\n");
	line("Status:", b.reason.len ? arena_strf(cli->arena, "%s (%.*s)", build_phases[b.phase],
	                                          STR_ARG(b.said.len ? b.said : b.reason))
	                             : str_from(build_phases[b.phase]));
	line("Started:", age(cli, b.start_ns));
	int64_t end_ns = b.end_ns == PROJECT_TIME_NONE ? clock_real_ns() : b.end_ns;
	line("Duration:", b.start_ns == PROJECT_TIME_NONE
	                          ? STR("waiting")
	                          : resource_duration(cli->arena, end_ns - b.start_ns));
	for (size_t i = 0; i < b.stage_count; i++)
		printf("  %-19s%lldms\n",
		       arena_strf(cli->arena, "%.*s:", STR_ARG(b.stages[i].name)).ptr,
		       (long long)b.stages[i].duration_ms);
	printf("\n");
	line("Build Config:", b.config);
	spec(cli, &b.spec);
	if (b.commit.len) {
		line("Commit:",
		     b.message.len ? arena_strf(cli->arena, "%.*s (%.*s)",
		                                STR_ARG(str_head(b.commit, 7)), STR_ARG(b.message))
		                   : str_head(b.commit, 7));
		maybe("Author/Committer:", b.author);
	}
	maybe("Image Digest:", b.digest);
	line("Build trigger cause:", b.cause);
	if (b.snippet.len)
		printf("Log Tail:\n%.*s\n", STR_ARG(b.snippet));
	return NULL;
}

static Err *describe_stream(Cli *cli, const Project *p, Str name)
{
	ImageStream is;
	TRY(project_get_stream(p, name, &is));
	stream_describe(cli, &is);
	return NULL;
}

/* --- the command ------------------------------------------------------------------------------ */

static Err *describe_tag(Cli *cli, const Project *p, Str text)
{
	ImageStream is;
	Str name, tag;
	TRY(project_split_tag(cli->arena, text, &name, &tag));
	TRY(project_get_stream(p, name, &is));
	StreamTag *t = stream_tag(&is, tag);
	if (!t)
		return err_new(ERR_NOT_FOUND,
		               "imagestreamtags.image.openshift.io \"%.*s\" not found",
		               STR_ARG(text));
	is.tags = t;
	is.tag_count = 1;
	stream_describe(cli, &is);
	return NULL;
}

static Err *describe_one(Cli *cli, const Project *p, const Resource *r)
{
	switch (r->kind) {
	case RESOURCE_BUILD_CONFIG:
		return describe_config(cli, p, r->name);
	case RESOURCE_BUILD:
		return describe_build(cli, p, r->name);
	case RESOURCE_STREAM:
		return describe_stream(cli, p, r->name);
	case RESOURCE_STREAM_TAG:
		break;
	}
	return describe_tag(cli, p, r->name);
}

static Err *run_describe(Cli *cli, const void *values, const Arguments *args)
{
	const DescribeValues *v = values;
	Resource *all;
	Project p;
	size_t count;
	TRY(resource_read(cli, args, &all, &count));
	TRY(cli_project(cli, v->project, &p));
	if (count == 1 && !all[0].name.len) {
		Str *names;
		if (all[0].kind == RESOURCE_STREAM_TAG)
			return cli_usage(cli, "give the name of a tag: istag/NAME:TAG");
		TRY(project_list(&p, (ProjectKind)all[0].kind, &names, &count));
		Resource *named =
			arena_alloc(cli->arena, (count + 1) * sizeof *named, _Alignof(Resource));
		for (size_t i = 0; i < count; i++)
			named[i] = (Resource){ all[0].kind, names[i] };
		all = named;
	}
	for (size_t i = 0; i < count; i++) {
		printf("%s", i ? "\n\n" : "");
		TRY(describe_one(cli, &p, &all[i]));
	}
	return NULL;
}

const Command command_describe = {
	.name = "describe",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] TYPE [NAME...] | TYPE/NAME...",
	.help = "Say all that is known of a build configuration, a build or an image stream",
	.options = describe_options,
	.option_count = ARRAY_LEN(describe_options),
	.values_size = sizeof(DescribeValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "bc,build,is,istag",
	.run = run_describe,
};
