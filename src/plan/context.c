/* context.c - --build-context: which names they stand for, and a directory as a root file system.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

Err *plan_context_name(Arena *a, Str name, Str *ret)
{
	Reference ref;
	TRY(reference_parse(a, name, &ref));
	Str familiar = reference_familiar(a, &ref);
	if (str_ends(familiar, STR(":latest")))
		familiar.len -= strlen(":latest");
	*ret = arena_str(a, familiar);
	return NULL;
}

/* The part before "://" ("docker-image"), "" if VALUE is a path; *ret_rest: what follows it. */
static Str cut_scheme(Str value, Str *ret_rest)
{
	ptrdiff_t colon = str_find(value, ':');
	*ret_rest = value;
	if (colon <= 0 || !str_starts(str_from_at(value, (size_t)colon), STR("://")))
		return STR("");
	for (ptrdiff_t i = 0; i < colon; i++) {
		char c = value.ptr[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
		if (!letter && !(i && other))
			return STR("");
	}
	*ret_rest = str_from_at(value, (size_t)colon + 3);
	return str_head(value, (size_t)colon);
}

static Err *parse_image(Arena *a, Str text, PlanContext *ret)
{
	ret->value = text;
	if (str_eqc(text, "scratch")) {
		ret->kind = PLAN_CONTEXT_SCRATCH;
		return NULL;
	}
	ret->kind = PLAN_CONTEXT_IMAGE;
	return reference_parse(a, text, &ret->ref);
}

/* "path[:tag][@digest]"; a ':' in a part that holds a '/' belongs to the path. */
static Err *parse_layout(Arena *a, Str text, PlanContext *ret)
{
	Digest digest;
	ptrdiff_t at = str_rfind(text, '@');
	bool has_digest = at >= 0 && str_find(str_from_at(text, (size_t)at), '/') < 0;
	ret->kind = PLAN_CONTEXT_LAYOUT;
	ret->value = ret->path = text;
	if (has_digest) {
		TRY(digest_parse(str_from_at(text, (size_t)at + 1), &digest));
		ret->path = str_head(text, (size_t)at);
	}
	ptrdiff_t colon = str_rfind(ret->path, ':');
	ret->tag = STR("");
	if (colon >= 0 && str_find(str_from_at(ret->path, (size_t)colon), '/') < 0) {
		ret->tag = str_from_at(ret->path, (size_t)colon + 1);
		ret->path = str_head(ret->path, (size_t)colon);
	}
	if (!ret->path.len)
		return err_new(ERR_INPUT, "oci-layout:// without the path of a directory");
	TRY(reference_parse(a, ret->name, &ret->ref));
	ret->ref.has_digest = has_digest;
	if (has_digest)
		ret->ref.digest = digest;
	ret->path = arena_str(a, ret->path);
	return NULL;
}

/* A git repository or a URL; else *ret_found is false. */
static Err *parse_remote(Arena *a, Str text, PlanContext *ret, bool *ret_found)
{
	TRY(remote_parse(a, text, &ret->remote));
	*ret_found = ret->remote.kind != REMOTE_NONE && !ret->remote.git.maybe_local;
	if (!*ret_found)
		return NULL;
	ret->kind = PLAN_CONTEXT_REMOTE;
	ret->value = ret->remote.shown;
	if (ret->remote.kind == REMOTE_HTTP)
		ret->remote.name = STR("context");
	return NULL;
}

/* To RET, whose name is known, what VALUE says. */
static Err *parse_value(Arena *a, Str value, PlanContext *ret)
{
	static const char *const images[] = { "docker-image", "container-image", "docker" };
	Str rest, scheme = cut_scheme(value, &rest);
	bool found;
	ret->value = value;
	TRY(parse_remote(a, value, ret, &found));
	if (found)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(images); i++)
		if (str_eqc(scheme, images[i]))
			return parse_image(a, rest, ret);
	if (str_eqc(scheme, "oci-layout"))
		return parse_layout(a, rest, ret);
	if (!value.len)
		return err_new(ERR_INPUT, "an empty value is no build context");
	if (!scheme.len)
		return NULL;
	return err_note(err_new(ERR_INPUT, "unsupported context source %.*s for %.*s",
	                        STR_ARG(scheme), STR_ARG(ret->name)),
	                "a build context is a directory, docker-image://IMAGE, oci-layout://DIR, "
	                "a git repository or an https:// URL");
}

Err *plan_context_parse(Arena *a, Str text, PlanContext *ret)
{
	PlanContext c = { 0 };
	Str name, value = str_cut(text, '=', &name);
	if (name.len == text.len)
		return err_new(ERR_INPUT, "invalid context value: %.*s, expected key=value",
		               STR_ARG(text));
	TRY_WHILE(plan_context_name(a, name, &c.name), "reading the context name '%.*s'",
	          STR_ARG(name));
	TRY_WHILE(parse_value(a, value, &c), "reading the build context '%.*s'", STR_ARG(name));
	*ret = c;
	return NULL;
}

/* The empty image and the main context stay what they are. */
static bool is_reserved(Arena *a, Str name)
{
	Str lower = plan_lower(a, name);
	return str_eqc(lower, "scratch") || str_eqc(lower, "context");
}

Err *plan_read_contexts(Planner *p)
{
	for (size_t i = 0; i < p->request->context_count; i++) {
		const PlanContext *c = &p->request->contexts[i];
		if (is_reserved(p->arena, c->name))
			VEC_PUSH(&p->warnings,
			         arena_strf(p->arena,
			                    "the build context '%.*s' is not used: the name is "
			                    "reserved",
			                    STR_ARG(c->name)));
		else
			(void)map_put(&p->contexts, c->name, (void *)c);
	}
	return NULL;
}

const PlanContext *plan_find_context(Planner *p, Str name)
{
	Str known;
	if (!p->contexts.len || is_reserved(p->arena, name))
		return NULL;
	Err *e = plan_context_name(p->arena, name, &known);
	if (e) {
		err_free(
			e); /* no context can be called so; who takes it for an image will say it */
		return NULL;
	}
	return map_get(&p->contexts, known);
}

Str plan_context_title(Planner *p, const PlanContext *c)
{
	return arena_strf(p->arena, "[context %.*s] %.*s", STR_ARG(c->name), STR_ARG(c->value));
}

Err *plan_context_origin(Planner *p, const StageWork *s, const Node *node, Span span,
                         const PlanContext *c, Origin *ret)
{
	if (c->kind == PLAN_CONTEXT_DIR) {
		*ret = (Origin){ .kind = ORIGIN_CONTEXT, .step = STEP_NONE, .context = c->index };
		return NULL;
	}
	FetchArgs fetch = { .remote = c->remote, .is_context = true };
	*ret = (Origin){ .kind = ORIGIN_STEP };
	TRY(plan_fetch_flags(p, s, node, &fetch));
	return plan_fetch_step(p, s, node, span, &fetch, &ret->step);
}

Err *plan_main_context(Planner *p, const StageWork *s, const Node *node, Origin *ret)
{
	FetchArgs fetch = { .is_main = true };
	Str *texts[] = { &fetch.remote.url,          &fetch.remote.shown,
		         &fetch.remote.user_info,    &fetch.remote.host,
		         &fetch.remote.name,         &fetch.remote.git.ref,
		         &fetch.remote.git.checksum, &fetch.remote.git.subdir };
	*ret = (Origin){ .kind = ORIGIN_CONTEXT, .step = STEP_NONE };
	if (!p->request->context_fetched)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = STR("");
	ret->kind = ORIGIN_STEP;
	return plan_fetch_step(p, s, node, node->span, &fetch, &ret->step);
}

Err *plan_context_root(Planner *p, StageWork *s, const PlanContext *c)
{
	Origin origin;
	TRY(plan_context_origin(p, s, s->from, s->base.span, c, &origin));
	CopySource *all = arena_new(p->arena, CopySource);
	*all = (CopySource){ .path = STR("."),
		             .span = s->base.span,
		             .inline_body = STR(""),
		             .fetch_step = STEP_NONE };
	Step *step;
	TRY(plan_add_step(p, s, STEP_COPY, s->from, &step));
	step->copy = (CopyArgs){
		.origin = origin.kind,
		.origin_step = origin.step,
		.context = origin.context,
		.sources = all,
		.source_count = 1,
		.dest = STR("/"),
		.dest_span = s->base.span,
		.keep_archives = true,
		.chown = STR(""),
		.chmod = STR(""),
		.from_name = c->name,
	};
	if (origin.kind == ORIGIN_STEP)
		plan_step_needs(p, step, origin.step);
	step->position = step->total = s->position = 0;
	step->title = step->created_by =
		arena_strf(p->arena, "[context %.*s] load from client", STR_ARG(c->name));
	plan_add_history(s, step->number, step->created_by);
	return NULL;
}
