/* title.c - "[builder 2/6] RUN make": what progress shows of a step, as BuildKit writes it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

/* What the programs of S are for; for scratch BuildKit leaves --platform out. */
static const Platform *platform_of(const Planner *p, const StageWork *s)
{
	if (s->base_stage != STAGE_NONE)
		return &p->plan->stages[s->base_stage].platform;
	return s->image ? &s->image->config.platform : &p->request->platform;
}

/* The platform that the variables of S say it compiles for; false: none of them is declared. */
static bool compiles_for(Planner *p, const StageWork *s, const Platform *own, Platform *ret)
{
	const Var *whole = plan_scope_find(&s->scope, STR("TARGETPLATFORM"));
	const Var *os = plan_scope_find(&s->scope, STR("TARGETOS"));
	const Var *arch = plan_scope_find(&s->scope, STR("TARGETARCH"));
	const Var *variant = plan_scope_find(&s->scope, STR("TARGETVARIANT"));
	if (whole) {
		Err *e = platform_parse(p->arena, whole->value, ret);
		if (!e)
			return true;
		err_free(e); /* somebody's own value: it says nothing */
	}
	*ret = (Platform){ os && os->value.len ? os->value : own->os,
		           arch && arch->value.len ? arch->value : own->arch,
		           variant ? variant->value : STR("") };
	platform_normalise(ret);
	return os || arch || variant;
}

/* "linux/amd64 ", "linux/amd64->arm64 " */
static Str platform_prefix(Planner *p, const StageWork *s)
{
	Platform own = *platform_of(p, s), to;
	platform_normalise(&own);
	Str text = platform_text(p->arena, &own), arrow = STR("");
	bool crosses = compiles_for(p, s, &own, &to);
	if (crosses && !str_eq(to.os, own.os))
		arrow = arena_strf(p->arena, "->%s", platform_text(p->arena, &to).ptr);
	else if (crosses && !str_eq(to.arch, own.arch))
		arrow = arena_strf(p->arena, "->%.*s%s%.*s", STR_ARG(to.arch),
		                   to.variant.len ? "/" : "", STR_ARG(to.variant));
	return arena_strf(p->arena, "%.*s%.*s ", STR_ARG(text), STR_ARG(arrow));
}

Str plan_title(Planner *p, const StageWork *s, unsigned position, Str text)
{
	int width = 1;
	for (unsigned n = s->total; n >= 10; n /= 10)
		width++;
	/* BuildKit counts the image of a --from as a stage; only a lone stage has no name shown. */
	p->bytes += 2 * text.len; /* the text and the title made of it */
	bool lone = p->stage_count == 1 && !p->has_image_refs;
	const char *trigger = p->command && p->command->is_trigger ? "ONBUILD " : "";
	Str prefix = p->request->multi_platform ? platform_prefix(p, s) : STR("");
	return arena_strf(p->arena, "[%.*s%.*s%s%*u/%u] %s%.*s", STR_ARG(prefix),
	                  lone ? 0 : (int)s->out->shown.len, s->out->shown.ptr, lone ? "" : " ",
	                  width, position, s->total, trigger, STR_ARG(text));
}

/* What a title shows for variables: those that hold secrets are only named. */
typedef struct Masked {
	ExpandScope below;
	const RunArgs *run;
} Masked;

static bool look_up_masked(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	const Masked *m = context;
	for (size_t i = 0; i < m->run->mount_count; i++) {
		const RunMount *mount = &m->run->mounts[i];
		if (mount->type == MOUNT_SECRET && mount->env.len && str_eq(mount->env, name)) {
			*ret_value = STR("****");
			*ret_origin = (Span){ 0 };
			return true;
		}
	}
	return m->below.lookup(m->below.context, name, ret_value, ret_origin);
}

Str plan_node_title(Planner *p, const StageWork *s, const Node *node, Str summary,
                    const RunArgs *run)
{
	Word text = { node->text, node->span };
	if (summary.len)
		text.text =
			arena_strf(p->arena, "%.*s (%.*s)", STR_ARG(node->text), STR_ARG(summary));
	ExpandScope scope = plan_expand_scope(p, &s->scope);
	Masked masked = { scope, run };
	if (run && run->mount_count) {
		scope.lookup = look_up_masked;
		scope.context = &masked;
	}
	if (node->id == INST_RUN) {
		scope.raw_quotes = scope.raw_escapes = true; /* those are for the shell */
		scope.skip_unset = true;
	}
	Str title;
	/* A title that cannot be expanded is shown as it was written. */
	Err *e = expand_word(p->arena, &scope, text, &title);
	if (!e)
		return title;
	err_free(e);
	return text.text;
}

Str plan_heredoc_summary(Planner *p, Str body)
{
	Str line, rest = str_cut(str_trim(body), '\n', &line);
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return rest.len ? arena_strf(p->arena, "%.*s...", STR_ARG(line)) : line;
}
