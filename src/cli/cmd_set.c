/* cmd_set.c - parts of objects that are set by words of their own: set triggers, set image-lookup.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/streams.h"

#include <limits.h>
#include <stdio.h>

/* --- set image-lookup ------------------------------------------------------------------------- */

typedef struct LookupValues {
	const char *project, *enabled;
	bool all, list;
} LookupValues;

static const Option lookup_options[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .help = "All image streams of the project",
	  .offset = offsetof(LookupValues, all) },
	{ .name = "enabled",
	  .kind = OPTION_WORD,
	  .help = "With =false, names are not looked up any more",
	  .offset = offsetof(LookupValues, enabled) },
	{ .name = "list",
	  .kind = OPTION_FLAG,
	  .help = "List the streams, and whether names are looked up in them",
	  .offset = offsetof(LookupValues, list) },
	RESOURCE_NAMESPACE(LookupValues, project),
};

static Err *list_lookups(const Project *p, const Str *names, size_t count)
{
	AUTO_VEC VEC(Str) lines = { 0 };
	VEC_PUSH(&lines, STR("NAME\tLOCAL"));
	for (size_t i = 0; i < count; i++) {
		ImageStream is;
		TRY(project_get_stream(p, names[i], &is));
		VEC_PUSH(&lines, arena_strf(p->arena, "%.*s\t%s", STR_ARG(names[i]),
		                            is.lookup_local ? "true" : "false"));
	}
	resource_print_table(lines.at, lines.len);
	return NULL;
}

static Err *set_lookup(const Project *p, Str name, bool enabled)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_stream(p, name, &is));
	is.lookup_local = enabled;
	TRY(project_put_stream(p, &is));
	printf("%s/%.*s image lookup updated\n", project_kind_one[PROJECT_STREAM], STR_ARG(name));
	return NULL;
}

static Err *run_set_image_lookup(Cli *cli, const void *values, const Arguments *args)
{
	const LookupValues *v = values;
	bool enabled = true;
	Project p;
	Str *names;
	size_t count = args->count;
	if (v->enabled && !str_to_bool(str_from(v->enabled), &enabled))
		return cli_usage(cli, "invalid value '%s' for --enabled: expected true or false",
		                 v->enabled);
	TRY(cli_project(cli, v->project, &p));
	if (!count && (v->all || v->list || !v->enabled)) {
		TRY(project_list(&p, PROJECT_STREAM, &names, &count));
	} else {
		names = arena_alloc(cli->arena, (count + 1) * sizeof *names, _Alignof(Str));
		for (size_t i = 0; i < count; i++)
			TRY(resource_name(cli, args->at[i], RESOURCE_STREAM, &names[i]));
	}
	if (v->list || (!args->count && !v->all))
		return list_lookups(&p, names, count);
	for (size_t i = 0; i < count; i++)
		TRY(set_lookup(&p, names[i], enabled));
	return NULL;
}

/* --- set triggers ----------------------------------------------------------------------------- */

typedef struct TriggersValues {
	const char *project, *from_image;
	bool automatic, manual, remove, remove_all;
	bool github, webhook, webhook_env, gitlab, bitbucket, config;
} TriggersValues;

static const Option triggers_options[] = {
	{ .name = "auto",
	  .kind = OPTION_FLAG,
	  .help = "Changed images start builds (again)",
	  .offset = offsetof(TriggersValues, automatic) },
	{ .name = "from-bitbucket",
	  .kind = OPTION_FLAG,
	  .help = "A push webhook of Bitbucket",
	  .offset = offsetof(TriggersValues, bitbucket) },
	{ .name = "from-config",
	  .kind = OPTION_FLAG,
	  .help = "A change of the build configuration",
	  .offset = offsetof(TriggersValues, config) },
	{ .name = "from-github",
	  .kind = OPTION_FLAG,
	  .help = "A push webhook of GitHub",
	  .offset = offsetof(TriggersValues, github) },
	{ .name = "from-gitlab",
	  .kind = OPTION_FLAG,
	  .help = "A push webhook of GitLab",
	  .offset = offsetof(TriggersValues, gitlab) },
	{ .name = "from-image",
	  .kind = OPTION_TEXT,
	  .value = "name:tag",
	  .help = "A new image of this stream's tag",
	  .offset = offsetof(TriggersValues, from_image) },
	{ .name = "from-webhook",
	  .kind = OPTION_FLAG,
	  .help = "A generic webhook",
	  .offset = offsetof(TriggersValues, webhook) },
	{ .name = "from-webhook-allow-env",
	  .kind = OPTION_FLAG,
	  .help = "A generic webhook whose caller may set variables and arguments of the build",
	  .offset = offsetof(TriggersValues, webhook_env) },
	{ .name = "manual",
	  .kind = OPTION_FLAG,
	  .help = "Changed images start no builds",
	  .offset = offsetof(TriggersValues, manual) },
	RESOURCE_NAMESPACE(TriggersValues, project),
	{ .name = "remove",
	  .kind = OPTION_FLAG,
	  .help = "Remove the triggers that are named, instead of adding them",
	  .offset = offsetof(TriggersValues, remove) },
	{ .name = "remove-all",
	  .kind = OPTION_FLAG,
	  .help = "Remove all triggers",
	  .offset = offsetof(TriggersValues, remove_all) },
};

/* The kinds that the options name, with the image of --from-image. */
typedef struct Wanted {
	bool kinds[BUILD_TRIGGER_KINDS];
	Str image;
} Wanted;

static Str image_of(const BuildConfig *bc, const BuildTrigger *t)
{
	return t->from.len ? t->from : bc->spec.from;
}

static bool is_wanted(const BuildConfig *bc, const BuildTrigger *t, const Wanted *w)
{
	return w->kinds[t->kind] &&
	       (t->kind != BUILD_ON_IMAGE || str_eq(image_of(bc, t), w->image));
}

static Err *print_triggers(const BuildConfig *bc, Arena *a)
{
	static const char *const words[BUILD_TRIGGER_KINDS] = { "config",  "image",  "github",
		                                                "webhook", "gitlab", "bitbucket" };
	AUTO_VEC VEC(Str) lines = { 0 };
	VEC_PUSH(&lines, STR("NAME\tTYPE\tVALUE\tAUTO"));
	for (size_t i = 0; i < bc->trigger_count; i++) {
		const BuildTrigger *t = &bc->triggers[i];
		Str value = t->kind == BUILD_ON_IMAGE ? image_of(bc, t)
		            : t->secret.len ? arena_strf(a, "secret/%.*s", STR_ARG(t->secret))
		                            : STR("");
		bool automatic =
			t->kind == BUILD_ON_CONFIG || (t->kind == BUILD_ON_IMAGE && !t->paused);
		VEC_PUSH(&lines,
		         arena_strf(a, "buildconfigs/%.*s\t%s\t%.*s\t%s", STR_ARG(bc->meta.name),
		                    words[t->kind], STR_ARG(value), automatic ? "true" : ""));
	}
	resource_print_table(lines.at, lines.len);
	return NULL;
}

static void remove_wanted(BuildConfig *bc, const Wanted *w, bool all)
{
	size_t kept = 0;
	for (size_t i = 0; i < bc->trigger_count; i++)
		if (!all && !is_wanted(bc, &bc->triggers[i], w))
			bc->triggers[kept++] = bc->triggers[i];
	bc->trigger_count = kept;
}

static Err *add_one(const Project *p, BuildConfig *bc, BuildTriggerKind kind, const Wanted *w)
{
	BuildTrigger t = {
		.kind = kind, .secret = STR(""), .from = STR(""), .last_image = STR("")
	};
	for (size_t i = 0; i < bc->trigger_count; i++)
		if (bc->triggers[i].kind == kind && is_wanted(bc, &bc->triggers[i], w))
			return NULL;
	if (bc->trigger_count >= PROJECT_LIST_MAX)
		return err_new(ERR_INPUT, "more than %d triggers", PROJECT_LIST_MAX);
	if (kind == BUILD_ON_IMAGE) {
		t.from = str_eq(w->image, bc->spec.from) ? STR("") : w->image;
	} else if (kind != BUILD_ON_CONFIG) {
		Str head = str_head(bc->meta.name, PROJECT_NAME_MAX - sizeof "-webhook" + 1);
		t.secret = arena_strf(p->arena, "%.*s-webhook", STR_ARG(head));
		TRY(project_secret_make(p, t.secret));
	}
	BuildTrigger *all = arena_alloc(p->arena, (bc->trigger_count + 1) * sizeof *all,
	                                _Alignof(BuildTrigger));
	if (bc->trigger_count)
		memcpy(all, bc->triggers, bc->trigger_count * sizeof *all);
	all[bc->trigger_count++] = t;
	bc->triggers = all;
	return NULL;
}

static Err *change(const Project *p, BuildConfig *bc, const TriggersValues *v, const Wanted *w)
{
	if (v->remove || v->remove_all) {
		remove_wanted(bc, w, v->remove_all);
		return NULL;
	}
	for (BuildTriggerKind k = 0; k < BUILD_TRIGGER_KINDS; k++)
		if (w->kinds[k])
			TRY(add_one(p, bc, k, w));
	for (size_t i = 0; i < bc->trigger_count && (v->webhook || v->webhook_env); i++)
		if (bc->triggers[i].kind == BUILD_ON_GENERIC)
			bc->triggers[i].allow_env = v->webhook_env;
	for (size_t i = 0; i < bc->trigger_count && (v->manual || v->automatic); i++) {
		BuildTrigger *t = &bc->triggers[i];
		if (t->kind == BUILD_ON_IMAGE && (!w->image.len || is_wanted(bc, t, w)))
			t->paused = v->manual;
	}
	return NULL;
}

static Err *change_locked(Cli *cli, const Project *p, Str name, const TriggersValues *v, bool any,
                          const Wanted *w)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	BuildConfig bc;
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_config(p, name, &bc));
	if (!any)
		return print_triggers(&bc, cli->arena);
	TRY(change(p, &bc, v, w));
	TRY(project_put_config(p, &bc));
	printf("%s/%.*s triggers updated\n", project_kind_one[PROJECT_BUILD_CONFIG], STR_ARG(name));
	return NULL;
}

static Err *run_set_triggers(Cli *cli, const void *values, const Arguments *args)
{
	const TriggersValues *v = values;
	Wanted w = { .kinds = { [BUILD_ON_CONFIG] = v->config,
		                [BUILD_ON_IMAGE] = v->from_image != NULL,
		                [BUILD_ON_GITHUB] = v->github,
		                [BUILD_ON_GENERIC] = v->webhook || v->webhook_env,
		                [BUILD_ON_GITLAB] = v->gitlab,
		                [BUILD_ON_BITBUCKET] = v->bitbucket },
		     .image = STR("") };
	Project p;
	Str name, stream, tag;
	bool any = v->remove_all || v->manual || v->automatic;
	for (size_t k = 0; k < BUILD_TRIGGER_KINDS; k++)
		any |= w.kinds[k];
	if (v->manual && v->automatic)
		return cli_usage(cli, "--auto and --manual cannot be used together");
	if (v->remove && !any)
		return cli_usage(cli, "--remove needs the triggers that are to go");
	if (v->from_image) {
		Err *e = project_split_tag(cli->arena, str_from(v->from_image), &stream, &tag);
		cli->usage_error |= e != NULL;
		TRY(e);
		w.image = arena_strf(cli->arena, "%.*s:%.*s", STR_ARG(stream), STR_ARG(tag));
	}
	TRY(resource_name(cli, args->at[0], RESOURCE_BUILD_CONFIG, &name));
	TRY(cli_project(cli, v->project, &p));
	TRY(change_locked(cli, &p, name, v, any, &w));
	if (any)
		stream_start_builds(cli, &p);
	return NULL;
}

const Command command_set_image_lookup = {
	.name = "set-image-lookup",
	.aliases = "set image-lookup",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] [IMAGESTREAM...]",
	.help = "Let 'run' and 'create' look up names in an image stream",
	.about = "Without a stream: as --list. A stream that is looked up in is what\n"
		 "'decant run NAME:TAG' means, if the store has no image of that name.",
	.options = lookup_options,
	.option_count = ARRAY_LEN(lookup_options),
	.values_size = sizeof(LookupValues),
	.arguments_max = UINT_MAX,
	.run = run_set_image_lookup,
};

const Command command_set_triggers = {
	.name = "set-triggers",
	.aliases = "set triggers",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] BUILDCONFIG",
	.help = "List, add or remove what is to start builds of a build configuration",
	.about = "Without options: list them. A webhook's secret is kept beside the objects,\n"
		 "and is made when the first webhook is.",
	.options = triggers_options,
	.option_count = ARRAY_LEN(triggers_options),
	.values_size = sizeof(TriggersValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_set_triggers,
};
