/* scope.c - variables: global ARGs, those of a stage, and what of them a RUN sees. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#include <strings.h>

/* Given in one case, exported in both; in no cache key and no history unless declared by ARG. */
static const char *const proxies[][2] = {
	{ "HTTP_PROXY", "http_proxy" }, { "HTTPS_PROXY", "https_proxy" },
	{ "FTP_PROXY", "ftp_proxy" },   { "NO_PROXY", "no_proxy" },
	{ "ALL_PROXY", "all_proxy" },
};

static void set(Arena *a, Scope *scope, Var var)
{
	Var *v = arena_new(a, Var);
	*v = var;
	v->entry = arena_strf(a, "%.*s=%.*s", STR_ARG(var.name), STR_ARG(var.value));
	(void)map_put(&scope->vars, v->name, v); /* the former value lives in the arena */
	scope->changes++;
}

void plan_scope_set(Arena *a, Scope *scope, Str name, Str value, Span origin)
{
	set(a, scope, (Var){ .name = name, .value = value, .origin = origin });
}

void plan_scope_set_env(Arena *a, Scope *scope, Str name, Str value, Span origin)
{
	set(a, scope, (Var){ .name = name, .value = value, .origin = origin, .is_env = true });
}

const Var *plan_scope_find(const Scope *scope, Str name)
{
	return map_get(&scope->vars, name);
}

void plan_scope_copy(Scope *to, const Scope *from)
{
	for (size_t i = 0; i < from->vars.len; i++)
		(void)map_put(&to->vars, from->vars.slots[i].key, from->vars.slots[i].value);
	to->changes++;
}

static bool look_up(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	const Var *v = plan_scope_find(context, name);
	if (!v)
		return false;
	*ret_value = v->value;
	*ret_origin = v->origin;
	return true;
}

ExpandScope plan_expand_scope(Planner *p, const Scope *scope)
{
	/* look_up only reads: the const is taken off for the interface alone. */
	return (ExpandScope){ .lookup = look_up,
		              .context = (void *)scope,
		              .escape = p->file->escape,
		              .steps = &p->expansion_steps };
}

typedef struct Watch {
	Planner *planner;
	const Scope *scope;
	Span word;
	unsigned kept;
} Watch;

/* Of one word: a file of 16 MiB may name a million, and nobody reads more. */
enum { NAMES_KEPT_MAX = 32 };

typedef VEC(Str) NameVec;

static void keep_name(void *names, Str name)
{
	NameVec *v = names;
	for (size_t i = 0; i < v->len; i++)
		if (str_eq(v->at[i], name))
			return;
	if (v->len < NAMES_KEPT_MAX)
		VEC_PUSH(v, name);
}

/* As look_up(); what the word took is kept, for errors about it, and what it did not find. */
static bool look_up_watched(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	enum { USES_OF_A_WORD_MAX = 64 }; /* no error names more */
	Watch *w = context;
	bool set = look_up((void *)w->scope, name, ret_value, ret_origin);
	if (w->planner->request->facts)
		keep_name(set ? (void *)&w->planner->found : (void *)&w->planner->unset, name);
	if (!set)
		return false;
	if (ret_origin->src && w->kept++ < USES_OF_A_WORD_MAX) {
		PlanUse use = { w->word, plan_scope_find(w->scope, name)->name, *ret_origin };
		VEC_PUSH(&w->planner->uses, use);
		w->planner->bytes += sizeof use;
	}
	return true;
}

static Err *expand(Planner *p, const Scope *from, Word word, bool body, Str *ret)
{
	Watch watch = { p, from, word.span, 0 };
	ExpandScope scope = { .lookup = look_up_watched,
		              .context = &watch,
		              .escape = body ? '\\' : p->file->escape,
		              .raw_quotes = body,
		              .steps = &p->expansion_steps };
	p->found.len = p->unset.len = 0;
	TRY(expand_word(p->arena, &scope, word, ret));
	return plan_grow(p, ret->len, word.span);
}

Err *plan_expand_global(Planner *p, Word word, Str *ret)
{
	return expand(p, &p->globals, word, false, ret);
}

Err *plan_expand(Planner *p, const StageWork *s, Word word, Str *ret)
{
	Err *e = expand(p, &s->scope, word, false, ret);
	plan_see_unset(p, s);
	return e;
}

Err *plan_expand_body(Planner *p, const StageWork *s, Word body, Str *ret)
{
	Err *e = expand(p, &s->scope, body, true, ret);
	plan_see_unset(p, s);
	return e;
}

static bool is_same_use(const PlanUse *a, const PlanUse *b)
{
	return str_eq(a->name, b->name) && a->origin.start == b->origin.start;
}

Err *plan_note_uses(const PlanUse *uses, size_t count, Err *err)
{
	enum { NOTES_MAX = 8, KEYWORD_LEN = 3 }; /* of ARG and ENV */
	const PlanUse *told[NOTES_MAX];
	size_t told_count = 0;
	if (!err || !err_span(err).src)
		return err;
	Span at = err_span(err);
	for (size_t i = 0; i < count && told_count < NOTES_MAX; i++) {
		const PlanUse *u = &uses[i];
		bool known =
			u->word.src != at.src || u->word.end <= at.start || u->word.start >= at.end;
		for (size_t k = 0; k < told_count && !known; k++)
			known = is_same_use(u, told[k]);
		if (known)
			continue;
		told[told_count++] = u;
		unsigned line, column;
		err_line_column(u->origin, &line, &column);
		Str keyword =
			str_head(str_from_at(u->origin.src->text, u->origin.start), KEYWORD_LEN);
		err = err_note(err, "%.*s comes from %s:%u (%.*s)", STR_ARG(u->name),
		               u->origin.src->name, line, STR_ARG(keyword));
	}
	return err;
}

const PlanArg *plan_build_arg(const Planner *p, Str name)
{
	return map_get(&p->args, name);
}

static void set_platform_args(Planner *p)
{
	Arena *a = p->arena;
	const Platform *build = &p->request->build_platform, *target = &p->request->platform;
	Str stage = p->request->target;
	if (!stage.len) {
		/* The last stage's name; stages are not cut yet. */
		for (size_t i = 0; i < p->file->node_count; i++) {
			const Node *n = &p->file->nodes[i];
			if (n->id == INST_FROM)
				stage = n->word_count == 3 ? plan_lower(a, n->words[2].text)
				                           : STR("default");
		}
	}
	const struct {
		const char *name;
		Str value;
	} list[] = {
		{ "BUILDPLATFORM", platform_text(a, build) },
		{ "BUILDOS", build->os },
		{ "BUILDOSVERSION", STR("") },
		{ "BUILDARCH", build->arch },
		{ "BUILDVARIANT", build->variant },
		{ "TARGETPLATFORM", platform_text(a, target) },
		{ "TARGETOS", target->os },
		{ "TARGETOSVERSION", STR("") },
		{ "TARGETARCH", target->arch },
		{ "TARGETVARIANT", target->variant },
		{ "TARGETSTAGE", stage },
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		const PlanArg *given = plan_build_arg(p, str_from(list[i].name));
		plan_scope_set(a, &p->globals, str_from(list[i].name),
		               given ? given->value : list[i].value, (Span){ 0 });
	}
}

/* The ARGs before the first FROM. */
static Err *set_global_args(Planner *p)
{
	for (size_t i = 0; i < p->file->node_count && p->file->nodes[i].id != INST_FROM; i++) {
		const Node *n = &p->file->nodes[i];
		for (size_t k = 0; n->id == INST_ARG && k < n->pair_count; k++) {
			const struct NodePair *pair = &n->pairs[k];
			const PlanArg *given = plan_build_arg(p, pair->key.text);
			Str value = STR("");
			bool expanded = !given && pair->has_value;
			if (given)
				value = given->value;
			else if (expanded)
				TRY(plan_expand_global(p, pair->value, &value));
			plan_see_global_arg(p, n, pair, value, expanded);
			if (given || expanded)
				plan_scope_set(p->arena, &p->globals, pair->key.text, value,
				               n->span);
		}
		TRY(plan_grow(p, 0, n->span)); /* and what was counted on the way */
	}
	return NULL;
}

/* Go's strconv.ParseBool. */
static bool is_bool(Str s)
{
	static const char *const words[] = { "1", "t", "T", "true",  "True",  "TRUE",
		                             "0", "f", "F", "false", "False", "FALSE" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eqc(s, words[i]))
			return true;
	return false;
}

/* Arguments for the builder that mean something in one form alone. */
static Err *check_builder_args(const Planner *p)
{
	const PlanArg *multi = plan_build_arg(p, STR("BUILDKIT_MULTI_PLATFORM"));
	if (multi && multi->value.len && !is_bool(multi->value))
		return err_note(err_new(ERR_INPUT, "invalid boolean value for multi-platform: %.*s",
		                        STR_ARG(multi->value)),
		                "the build argument BUILDKIT_MULTI_PLATFORM says so");
	return NULL;
}

Err *plan_globals(Planner *p)
{
	for (size_t i = 0; i < p->request->arg_count; i++)
		(void)map_put(&p->args, p->request->args[i].name, (void *)&p->request->args[i]);
	TRY(check_builder_args(p));
	set_platform_args(p);
	plan_see_defaults(p);
	TRY(set_global_args(p));
	return plan_epoch(p);
}

/* --- build args that nothing took ------------------------------------------------------------ */

static bool is_predefined(Str name)
{
	static const char *const others[] = {
		"BUILDPLATFORM", "BUILDOS",        "BUILDOSVERSION", "BUILDARCH",
		"BUILDVARIANT",  "TARGETPLATFORM", "TARGETOS",       "TARGETOSVERSION",
		"TARGETARCH",    "TARGETVARIANT",  "TARGETSTAGE",    "SOURCE_DATE_EPOCH",
	};
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		if (name.len == strlen(proxies[i][0]) &&
		    strncasecmp(name.ptr, proxies[i][0], name.len) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (str_eqc(name, others[i]))
			return true;
	return str_starts(name, STR("BUILDKIT_"));
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

static void declare(Map *declared, const Node *node)
{
	for (size_t i = 0; node->id == INST_ARG && i < node->pair_count; i++)
		(void)map_put(declared, node->pairs[i].key.text, declared);
}

void plan_warn_unused_args(Planner *p)
{
	AUTO_MAP Map declared = MAP_INIT;
	for (size_t i = 0; i < p->file->node_count; i++)
		declare(&declared, &p->file->nodes[i]);
	for (size_t i = 0; i < p->stage_count; i++)
		for (size_t k = 0; k < p->stages[i].trigger_count; k++)
			declare(&declared, p->stages[i].commands[k].node);
	AUTO_FREE Str *unused = xreallocarray(NULL, p->args.len + 1, sizeof *unused);
	size_t count = 0;
	for (size_t i = 0; i < p->args.len; i++)
		if (!map_find(&declared, p->args.slots[i].key) &&
		    !is_predefined(p->args.slots[i].key))
			unused[count++] = p->args.slots[i].key;
	if (!count)
		return;
	qsort(unused, count, sizeof *unused, by_text);
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "[Warning] One or more build-args ");
	plan_put_list(&text, &(Strs){ .at = unused, .count = count });
	buf_addf(&text, " were not consumed");
	VEC_PUSH(&p->warnings, plan_take_str(p, &text));
}

/* --- what a RUN sees ------------------------------------------------------------------------- */

static const PlanArg *given_proxy(const Planner *p, const char *const names[2])
{
	const PlanArg *found = plan_build_arg(p, str_from(names[1]));
	if (!found)
		found = plan_build_arg(p, str_from(names[0]));
	for (size_t i = 0; !found && i < p->args.len; i++) {
		Str key = p->args.slots[i].key;
		if (key.len == strlen(names[0]) && strncasecmp(key.ptr, names[0], key.len) == 0)
			found = p->args.slots[i].value;
	}
	return found && found->value.len ? found : NULL;
}

/* ENTRY ("name=value") sets a proxy that --build-arg sets as well: that one wins, as in BuildKit.
 */
static bool is_given_proxy(const Planner *p, Str entry)
{
	Str name;
	(void)str_cut(entry, '=', &name);
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		for (size_t k = 0; k < 2; k++)
			if (str_eqc(name, proxies[i][k]))
				return given_proxy(p, proxies[i]) != NULL;
	return false;
}

void plan_run_env(Planner *p, StageWork *s, RunArgs *ret)
{
	if (!s->env.set || s->env_changes != s->scope.changes) {
		Arena *a = p->arena;
		Strs key_env = { .set = true };
		for (size_t i = 0; i < s->scope.vars.len; i++) {
			const Var *v = s->scope.vars.slots[i].value;
			strs_push(a, &key_env, v->entry);
		}
		Strs env = { .set = true };
		for (size_t i = 0; i < key_env.count; i++)
			if (!is_given_proxy(p, key_env.at[i]))
				strs_push(a, &env, key_env.at[i]);
		for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
			const PlanArg *given = given_proxy(p, proxies[i]);
			for (size_t k = 0; given && k < 2; k++)
				strs_push(a, &env,
				          arena_strf(a, "%s=%.*s", proxies[i][k],
				                     STR_ARG(given->value)));
		}
		p->bytes += 4 * env.count * sizeof(Str); /* two arrays that doubled */
		s->env = env;
		s->key_env = key_env;
		s->env_changes = s->scope.changes;
	}
	ret->env = s->env;
	ret->key_env = s->key_env;
}
