/*
 * build_outline.c - `build --call=outline`: what can be given to a build of the target.
 *
 * As BuildKit has it: the ARGs that the target and the stages it needs declare, and the global ones
 * that these, a FROM, or another ARG's default take.  Of one name the target's own counts, then
 * that of the stage it goes on with, then others.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "cli/build_call.h"

typedef struct OutlineArg {
	const Node *node;
	Str name, value, description;
	VEC(Str) uses; /* global: names in its default */
	bool listed;
} OutlineArg;

/* A secret, an agent, or a cache of a RUN. */
typedef struct OutlineMount {
	Str id;
	bool required;
	const Node *node;
} OutlineMount;

typedef VEC(OutlineMount) MountVec;

typedef struct Outline {
	const BuildLook *look;
	Arena *arena;
	Map globals;                  /* name → OutlineArg * */
	VEC(const OutlineArg *) args; /* what is shown */
	Map shown;                    /* their names */
	uint32_t *bases;              /* of each stage: the one it goes on with, or UINT32_MAX */
	size_t *first, *next;         /* facts of each stage, as a chain of numbers + 1 */
	bool *visited;
	VEC(OutlineArg *) all;
} Outline;

static OutlineArg *new_arg(Outline *o, const PlanFact *fact)
{
	OutlineArg *arg = arena_new(o->arena, OutlineArg);
	*arg = (OutlineArg){ .node = fact->node,
		             .name = fact->text,
		             .value = fact->value,
		             .description = node_description(fact->node, fact->text) };
	VEC_PUSH(&o->all, arg);
	return arg;
}

/* The default of an ARG that takes its own former value takes what that took. */
static void add_use(OutlineArg *arg, const OutlineArg *former, Str name)
{
	if (!str_eq(name, arg->name)) {
		VEC_PUSH(&arg->uses, name);
		return;
	}
	for (size_t i = 0; former && i < former->uses.len; i++)
		VEC_PUSH(&arg->uses, former->uses.at[i]);
}

static void read_globals(Outline *o)
{
	const PlanFacts *facts = &o->look->facts;
	OutlineArg *arg = NULL;
	const OutlineArg *former = NULL;
	for (size_t i = 0; i < facts->len; i++) {
		const PlanFact *f = &facts->at[i];
		if (f->kind == PLAN_SAW_GLOBAL_ARG) {
			arg = new_arg(o, f);
			former = map_put(&o->globals, arg->name, arg);
		} else if (f->kind == PLAN_SAW_USE && f->stage == UINT32_MAX && arg) {
			add_use(arg, former, f->text);
		} else if (f->kind == PLAN_SAW_STAGE) {
			o->bases[f->stage] = f->other;
		}
	}
}

static void chain_facts(Outline *o)
{
	const PlanFacts *facts = &o->look->facts;
	size_t stages = o->look->plan.stage_count;
	o->first = arena_alloc(o->arena, (stages + 1) * sizeof(size_t), _Alignof(size_t));
	o->next = arena_alloc(o->arena, (facts->len + 1) * sizeof(size_t), _Alignof(size_t));
	for (size_t i = facts->len; i-- > 0;) {
		uint32_t stage = facts->at[i].stage;
		if (stage >= stages)
			continue;
		o->next[i] = o->first[stage];
		o->first[stage] = i + 1;
	}
}

static void show(Outline *o, OutlineArg *arg)
{
	if (map_put(&o->shown, arg->name, arg))
		return;
	VEC_PUSH(&o->args, arg);
}

/* The global ARG NAME, and those that its default takes.  A chain may be as long as the file: a
 * stack of our own. */
static void show_global(Outline *o, Str name)
{
	VEC(Str) waiting = { 0 };
	VEC_PUSH(&waiting, name);
	while (waiting.len) {
		OutlineArg *arg = map_get(&o->globals, waiting.at[--waiting.len]);
		if (!arg || arg->listed)
			continue;
		arg->listed = true;
		show(o, arg);
		for (size_t i = 0; i < arg->uses.len; i++)
			VEC_PUSH(&waiting, arg->uses.at[i]);
	}
	VEC_DONE(&waiting);
}

static void show_stage(Outline *o, uint32_t stage)
{
	const PlanFact *facts = o->look->facts.at;
	AUTO_MAP Map own = MAP_INIT; /* the last ARG of a name */
	for (size_t i = o->first[stage]; i; i = o->next[i - 1])
		if (facts[i - 1].kind == PLAN_SAW_ARG && facts[i - 1].other != PLAN_ARG_GLOBAL)
			(void)map_put(&own, facts[i - 1].text, new_arg(o, &facts[i - 1]));
	for (size_t i = 0; i < own.len; i++)
		show(o, own.slots[i].value);
	for (size_t i = o->first[stage]; i; i = o->next[i - 1])
		if (facts[i - 1].kind == PLAN_SAW_USE ||
		    (facts[i - 1].kind == PLAN_SAW_ARG && facts[i - 1].other == PLAN_ARG_GLOBAL))
			show_global(o, facts[i - 1].text);
	o->visited[stage] = true;
}

static int by_place(const void *a, const void *b)
{
	const OutlineArg *x = *(OutlineArg *const *)a, *y = *(OutlineArg *const *)b;
	if (x->node != y->node)
		return x->node->span.start < y->node->span.start ? -1 : 1;
	return str_cmp(x->name, y->name);
}

static void outline_read(Outline *o)
{
	const Plan *plan = &o->look->plan;
	o->bases = arena_alloc(o->arena, (plan->stage_count + 1) * sizeof *o->bases,
	                       _Alignof(uint32_t));
	o->visited = arena_alloc(o->arena, plan->stage_count + 1, 1);
	for (size_t i = 0; i < plan->stage_count; i++)
		o->bases[i] = UINT32_MAX;
	read_globals(o);
	chain_facts(o);
	for (uint32_t s = plan->target; s < plan->stage_count; s = o->bases[s])
		show_stage(o, s);
	for (uint32_t s = (uint32_t)plan->stage_count; s-- > 0;)
		if (plan->stages[s].needed && !o->visited[s])
			show_stage(o, s);
	if (o->args.len)
		qsort(o->args.at, o->args.len, sizeof *o->args.at, by_place);
}

static void outline_done(Outline *o)
{
	map_done(&o->globals);
	map_done(&o->shown);
	VEC_DONE(&o->args);
	for (size_t i = 0; i < o->all.len; i++)
		VEC_DONE(&o->all.at[i]->uses);
	VEC_DONE(&o->all);
}

/* As the file has it: a cache's has its namespace in front. */
static Str shown_id(const RunMount *m)
{
	Str namespace;
	if (m->type != MOUNT_CACHE)
		return m->id;
	return m->own_id ? str_cut(m->id, '/', &namespace) : m->target;
}

/* Mounts of TYPE in all that is planned, each id once. */
static void find_mounts(const BuildLook *look, MountType type, MountVec *out)
{
	AUTO_MAP Map seen = MAP_INIT;
	for (size_t i = 0; i < look->plan.step_count; i++) {
		const Step *step = &look->plan.steps[i];
		for (size_t k = 0; step->kind == STEP_RUN && k < step->run.mount_count; k++) {
			const RunMount *m = &step->run.mounts[k];
			if (m->type != type || map_find(&seen, m->id))
				continue;
			(void)map_put(&seen, m->id, out);
			VEC_PUSH(out, (OutlineMount){ shown_id(m), m->required, step->node });
		}
	}
}

static void mounts_text(const BuildLook *look, MountType type, const char *title, Arena *a,
                        Buf *out)
{
	AUTO_VEC MountVec mounts = { 0 };
	find_mounts(look, type, &mounts);
	if (!mounts.len)
		return;
	Str *cells = arena_alloc(a, 2 * (mounts.len + 1) * sizeof *cells, _Alignof(Str));
	cells[0] = str_from(title);
	cells[1] = STR("REQUIRED");
	for (size_t i = 0; i < mounts.len; i++) {
		cells[2 * i + 2] = mounts.at[i].id;
		cells[2 * i + 3] = mounts.at[i].required ? STR("true") : STR("");
	}
	build_call_table(cells, mounts.len + 1, 2, 3, out);
	buf_add_char(out, '\n');
}

static void mounts_json(JsonWriter *w, const BuildLook *look, MountType type, const char *key,
                        const char *id_key, LineMap *lines)
{
	AUTO_VEC MountVec mounts = { 0 };
	find_mounts(look, type, &mounts);
	if (!mounts.len)
		return;
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < mounts.len; i++) {
		unsigned first = 0, last = 0;
		if (mounts.at[i].node->span.src ==
		    lines->source) /* and not a trigger of an image */
			line_map_find(lines, mounts.at[i].node->span, &first, &last);
		json_write_object(w);
		json_write_key(w, id_key);
		json_write_str(w, mounts.at[i].id);
		if (mounts.at[i].required) {
			json_write_key(w, "required");
			json_write_bool(w, true);
		}
		build_call_json_location(w, first, last);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

/* Name and description of the target. */
static void find_target(const BuildLook *look, Str *ret_name, Str *ret_description)
{
	const Dockerfile *d = &look->file;
	uint32_t stage = 0;
	*ret_name = look->plan.stages[look->plan.target].name;
	*ret_description = STR("");
	for (size_t i = 0; i < d->node_count; i++)
		if (d->nodes[i].id == INST_FROM && stage++ == look->plan.target)
			*ret_description = node_description(&d->nodes[i], *ret_name);
}

static void args_text(const Outline *o, Buf *out)
{
	Str *cells = arena_alloc(o->arena, 3 * (o->args.len + 1) * sizeof *cells, _Alignof(Str));
	cells[0] = STR("BUILD ARG");
	cells[1] = STR("VALUE");
	cells[2] = STR("DESCRIPTION");
	for (size_t i = 0; i < o->args.len; i++) {
		cells[3 * i + 3] = o->args.at[i]->name;
		cells[3 * i + 4] = o->args.at[i]->value;
		cells[3 * i + 5] = o->args.at[i]->description;
	}
	build_call_table(cells, o->args.len + 1, 3, 3, out);
	buf_add_char(out, '\n');
}

void build_outline_text(const BuildLook *look, Arena *a, Buf *out)
{
	CLEANUP(outline_done) Outline o = { .look = look, .arena = a };
	Str name, description;
	outline_read(&o);
	find_target(look, &name, &description);
	if (name.len) {
		Str head[] = { STR("TARGET:"), name, STR("DESCRIPTION:"), description };
		build_call_table(head, description.len ? 2 : 1, 2, 1, out);
		buf_add_char(out, '\n');
	}
	if (o.args.len)
		args_text(&o, out);
	mounts_text(look, MOUNT_SECRET, "SECRET", a, out);
	mounts_text(look, MOUNT_SSH, "SSH", a, out);
}
void build_outline_json(const BuildLook *look, Arena *a, Buf *out)
{
	CLEANUP(outline_done) Outline o = { .look = look, .arena = a };
	JsonWriter w = { out, false };
	LineMap lines = { .arena = a, .source = look->file.source };
	Str name, description;
	outline_read(&o);
	find_target(look, &name, &description);
	json_write_object(&w);
	build_call_json_text(&w, "name", name);
	build_call_json_text(&w, "description", description);
	if (o.args.len) {
		json_write_key(&w, "args");
		json_write_array(&w);
	}
	for (size_t i = 0; i < o.args.len; i++) {
		const OutlineArg *arg = o.args.at[i];
		unsigned first, last;
		line_map_find(&lines, arg->node->span, &first, &last);
		json_write_object(&w);
		json_write_key(&w, "name");
		json_write_str(&w, arg->name);
		build_call_json_text(&w, "description", arg->description);
		build_call_json_text(&w, "value", arg->value);
		build_call_json_location(&w, first, last);
		json_write_object_end(&w);
	}
	if (o.args.len)
		json_write_array_end(&w);
	mounts_json(&w, look, MOUNT_SECRET, "secrets", "name", &lines);
	mounts_json(&w, look, MOUNT_SSH, "ssh", "name", &lines);
	mounts_json(&w, look, MOUNT_CACHE, "cache", "ID", &lines);
	build_call_json_sources(&w, look->file.source);
	json_write_object_end(&w);
}
