/* new_build_make.c - the objects of new-build: names, BuildConfig, ImageStreams. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/new_build.h"

enum { KEEP = 5 }; /* builds of each kind, as oc sets it */

static const char generated_by[] = "openshift.io/generated-by";

static Str *webhook_secret(NewBuild *n)
{
	Str *name = arena_new(n->cli->arena, Str);
	Str head = str_head(n->name, PROJECT_NAME_MAX - sizeof "-webhook" + 1);
	*name = arena_strf(n->cli->arena, "%.*s-webhook", STR_ARG(head));
	return name;
}

static void make_triggers(NewBuild *n)
{
	BuildConfig *bc = &n->config;
	size_t room = n->base_count + 4;
	bc->triggers =
		arena_alloc(n->cli->arena, room * sizeof *bc->triggers, _Alignof(BuildTrigger));
	const BuildTrigger none = { .secret = STR(""), .from = STR(""), .last_image = STR("") };
	BuildTrigger *t = bc->triggers;
	for (int i = 0; i < 2; i++) {
		*t = none;
		t->kind = i ? BUILD_ON_GENERIC : BUILD_ON_GITHUB;
		t++->secret = *webhook_secret(n);
	}
	if (n->config.spec.source != BUILD_FROM_BINARY) {
		*t = none;
		t++->kind = BUILD_ON_CONFIG;
	}
	for (size_t i = 0; i < n->base_count; i++) {
		const NewBase *b = &n->bases[i];
		*t = none;
		t->kind = BUILD_ON_IMAGE;
		/* that of the strategy is not named again */
		if (!str_eq(b->image, n->look.last))
			t->from = arena_strf(n->cli->arena, "%.*s:%.*s", STR_ARG(b->stream),
			                     STR_ARG(b->tag));
		t->last_image = b->reference;
		t++;
	}
	bc->trigger_count = (size_t)(t - bc->triggers);
}

static ProjectMeta meta_of(NewBuild *n, Str name)
{
	ProjectMeta m = { .name = name,
		          .project = n->project.name,
		          .created_ns = clock_real_ns(),
		          .labels = n->labels };
	project_pair_set(&m.annotations, n->cli->arena, str_from(generated_by),
	                 STR("OpenShiftNewBuild"));
	return m;
}

static void make_config(NewBuild *n)
{
	const NewBuildValues *v = n->values;
	Arena *a = n->cli->arena;
	Str none = STR("");
	bool binary = v->binary || (!n->address.len && !n->text.len);
	BuildSpec spec = { .source = binary           ? BUILD_FROM_BINARY
		                     : n->address.len ? BUILD_FROM_GIT
		                                      : BUILD_FROM_TEXT,
		           .uri = n->address,
		           .ref = n->ref,
		           .context_dir = str_from(v->context_dir ? v->context_dir : ""),
		           .text = n->text,
		           .as_file = none,
		           .from = none,
		           .dockerfile = none,
		           .env = n->env,
		           .args = n->args,
		           .to_kind = none,
		           .to = none };
	if (v->dockerfile_path)
		spec.dockerfile = str_from(v->dockerfile_path);
	else if (n->look.dockerfile.len && !str_eqc(n->look.dockerfile, "Dockerfile"))
		spec.dockerfile = n->look.dockerfile;
	for (size_t i = 0; i < n->base_count; i++)
		if (str_eq(n->bases[i].image, n->look.last))
			spec.from = arena_strf(a, "%.*s:%.*s", STR_ARG(n->bases[i].stream),
			                       STR_ARG(n->bases[i].tag));
	if (n->to_image.len) {
		spec.to_kind = STR("DockerImage");
		spec.to = n->to_image;
	} else if (n->to_name.len) {
		spec.to_kind = STR("ImageStreamTag");
		spec.to = arena_strf(a, "%.*s:%.*s", STR_ARG(n->to_name), STR_ARG(n->to_tag));
	}
	n->config = (BuildConfig){
		.meta = meta_of(n, n->name), .spec = spec, .keep_good = KEEP, .keep_bad = KEEP
	};
	if (n->branch.len) /* webhooks that do not tell the default branch are of this */
		project_pair_set(&n->config.meta.annotations, a, STR("decant/branch"), n->branch);
	make_triggers(n);
}

/* --- streams ---------------------------------------------------------------------------------- */

/* The stream NAME as it is, or a new one; once in the list. */
static Err *need_stream(NewBuild *n, Str name, ImageStream **ret, bool *ret_new)
{
	*ret_new = false;
	for (size_t i = 0; i < n->stream_count; i++)
		if (str_eq(n->streams[i].meta.name, name)) {
			*ret = &n->streams[i];
			return NULL;
		}
	*ret = &n->streams[n->stream_count++];
	*ret_new = !project_has(&n->project, PROJECT_STREAM, name);
	TRY(runner_stream(&n->project, name, *ret));
	if (*ret_new)
		(*ret)->meta = meta_of(n, name);
	return NULL;
}

static Err *make_base_stream(NewBuild *n, const NewBase *b)
{
	ImageStream *is;
	bool is_new;
	if (!b->new_tag)
		return NULL;
	TRY(need_stream(n, b->stream, &is, &is_new));
	StreamTag *t = stream_tag_add(is, n->cli->arena, b->tag);
	t->from_kind = STR("DockerImage");
	t->from = b->image;
	if (!b->digest.len)
		return NULL;
	const StreamItem item = { .created_ns = clock_real_ns(),
		                  .reference = b->reference,
		                  .image = b->digest };
	stream_tag_push(t, n->cli->arena, &item);
	return NULL;
}

static Err *make_streams(NewBuild *n)
{
	ImageStream *is;
	bool is_new;
	n->streams = arena_alloc(n->cli->arena, (n->base_count + 1) * sizeof *n->streams,
	                         _Alignof(ImageStream));
	for (size_t i = 0; i < n->base_count; i++)
		TRY(make_base_stream(n, &n->bases[i]));
	if (!n->to_name.len)
		return NULL;
	TRY(need_stream(n, n->to_name, &is, &is_new));
	if (!is_new)
		n->stream_count--; /* it is there: nothing of it changes */
	else
		is->repository = runner_repository(&n->project, n->registry, n->to_name);
	return NULL;
}

Err *new_build_make(NewBuild *n)
{
	TRY(make_streams(n));
	make_config(n);
	return NULL;
}
