/* stages.c - the file cut at its FROMs: names, bases, what each --from means, the target. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/mount.h"
#include "plan/plan-internal.h"

#include <assert.h>

Str plan_lower(Arena *a, Str s)
{
	char *copy = arena_alloc(a, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + 32 : s.ptr[i]);
	return (Str){ copy, s.len };
}

static void read_name(Planner *p, StageWork *s)
{
	/* "FROM x AS y", or "FROM x": dockerfile_check() saw to it. */
	const Node *n = s->from;
	s->out->name = n->word_count == 3 ? plan_lower(p->arena, n->words[2].text) : STR("");
	s->out->shown =
		s->out->name.len ? s->out->name : arena_strf(p->arena, "stage-%u", s->index);
}

static Err *read_platform(Planner *p, StageWork *s)
{
	const NodeFlag *flag = node_flag(s->from, FLAG_ID_FROM_PLATFORM);
	s->wanted_platform = p->request->platform;
	if (!flag || !flag->value.text.len)
		return NULL;
	Str text = STR("");
	Err *e = plan_expand_global(p, flag->value, &text);
	plan_see_from(p, s);
	plan_see_platform(p, s, flag->value, text);
	TRY(e);
	if (!text.len)
		return err_at(flag->value.span, "empty platform value from expression %.*s",
		              STR_ARG(flag->value.text));
	s->has_platform = true;
	s->platform_span = flag->value.span;
	return err_place(platform_parse(p->arena, text, &s->wanted_platform), flag->value.span);
}

/* The last stage called NAME (in lower case) before stage END, or STAGE_NONE. */
static uint32_t last_before(const StageName *list, uint32_t end)
{
	size_t low = 0, high = list ? list->count : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list->at[middle] < end)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? list->at[low - 1] : STAGE_NONE;
}

static void add_name(Planner *p, const StageWork *s)
{
	StageName *list = map_get(&p->names, s->out->name);
	if (!list) {
		list = arena_new(p->arena, StageName);
		(void)map_put(&p->names, s->out->name, list);
	}
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 1;
		uint32_t *at = arena_alloc(p->arena, cap * sizeof *at, _Alignof(uint32_t));
		if (list->count)
			memcpy(at, list->at, list->count * sizeof *at);
		list->at = at;
		list->cap = cap;
	}
	list->at[list->count++] = s->index;
}

static Err *read_base(Planner *p, StageWork *s)
{
	Word word = s->from->words[0];
	s->base = word;
	Err *e = plan_expand_global(p, word, &s->base.text);
	plan_see_from(p, s);
	TRY(e);
	if (!s->base.text.len)
		return err_note(err_at(word.span, "base name (%.*s) should not be blank",
		                       STR_ARG(word.text)),
		                "variables in FROM come from ARGs before the first FROM alone");
	s->out->base_name = s->base.text;
	s->base_stage =
		last_before(map_get(&p->names, plan_lower(p->arena, s->base.text)), s->index);
	if (s->base_stage == STAGE_NONE && str_eqc(s->base.text, "scratch"))
		s->scratch = true;
	else if (s->base_stage == STAGE_NONE)
		s->context = plan_find_context(p, s->base.text);
	return NULL;
}

/* A context of the stage's own name stands for all of it. */
static void replace_stage(Planner *p, StageWork *s)
{
	const PlanContext *c = s->out->name.len ? plan_find_context(p, s->out->name) : NULL;
	if (!c)
		return;
	s->context = c;
	s->replaced = true;
	s->base_stage = STAGE_NONE;
	s->scratch = false;
	s->command_count = 0;
	s->out->base_name = c->value;
}

static bool no_variables(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	(void)context, (void)name, (void)ret_value, (void)ret_origin;
	return false;
}

/* Go's strconv.Atoi: "+1" and "-1" are numbers too. */
static bool is_number(Str s)
{
	size_t from = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
	for (size_t i = from; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > from;
}

static Err *find_by_number(const Planner *p, Word word, uint32_t *ret)
{
	Str digits = word.text.ptr[0] == '+' ? str_from_at(word.text, 1) : word.text;
	uint64_t n;
	if (!str_to_u64(digits, &n) || n >= p->stage_count)
		return err_note(err_at(word.span, "invalid stage index %.*s", STR_ARG(word.text)),
		                "this file has %zu stage%s, and the first is number 0",
		                p->stage_count, p->stage_count == 1 ? "" : "s");
	*ret = (uint32_t)n;
	return NULL;
}

/* The stage that WORD means in stage S: the nearest up to S, else a later one (an error that names
 * it follows); STAGE_NONE: it is no stage. */
static uint32_t find_by_name(const Planner *p, const StageWork *s, Str word)
{
	const StageName *list = map_get(&p->names, plan_lower(p->arena, word));
	uint32_t found = last_before(list, s->index + 1);
	if (found == STAGE_NONE && list)
		found = list->at[list->count - 1];
	return found;
}

static Err *check_plain(Planner *p, Word from)
{
	ExpandScope nothing = { .lookup = no_variables, .escape = p->file->escape };
	Str expanded;
	TRY(expand_word(p->arena, &nothing, from, &expanded));
	if (str_eq(expanded, from.text))
		return NULL;
	return err_note(err_at(from.span, "variable expansion is not supported for --from"),
	                "define a stage with FROM and an ARG from before the first FROM, and "
	                "name that stage here");
}

static Err *read_ref(Planner *p, const StageWork *s, Word word, FromRef *ret)
{
	*ret = (FromRef){ .kind = REF_STAGE, .stage = STAGE_NONE, .word = word };
	if (is_number(word.text))
		TRY(find_by_number(p, word, &ret->stage));
	else
		ret->stage = find_by_name(p, s, word.text);
	if (ret->stage != STAGE_NONE) {
		if (ret->stage >= s->index)
			p->has_forward = true;
		return NULL;
	}
	ret->context = plan_find_context(p, word.text);
	ret->kind = ret->context ? REF_CONTEXT : REF_IMAGE;
	return NULL;
}

static Err *read_copy_ref(Planner *p, StageWork *s, const Node *n)
{
	const NodeFlag *from = node_flag(n, FLAG_ID_FROM);
	FromRef ref;
	if (!from || !from->value.text.len)
		return NULL;
	TRY(check_plain(p, from->value));
	TRY(read_ref(p, s, from->value, &ref));
	VEC_PUSH(&s->refs, ref);
	return NULL;
}

/* One for each mount, of kind REF_NONE where it names nothing. */
static Err *read_mount_refs(Planner *p, StageWork *s, const Node *n)
{
	for (size_t i = 0; i < n->flag_count; i++) {
		Word from;
		FromRef ref = { .kind = REF_NONE };
		if (n->flags[i].id != FLAG_ID_RUN_MOUNT)
			continue;
		TRY(mount_from(p->arena, n->flags[i].value, &from));
		if (from.text.len)
			TRY(read_ref(p, s, from, &ref));
		ref.is_mount = true;
		VEC_PUSH(&s->refs, ref);
	}
	return NULL;
}

Err *plan_read_refs(Planner *p, StageWork *s, Command *c)
{
	Err *e = NULL;
	c->first_ref = s->refs.len;
	if (c->node->id == INST_COPY)
		e = read_copy_ref(p, s, c->node);
	else if (c->node->id == INST_RUN)
		e = read_mount_refs(p, s, c->node);
	c->ref_count = s->refs.len - c->first_ref;
	return e;
}

const FromRef *plan_ref(const Planner *p, const Node *node, size_t number)
{
	const Command *c = p->command;
	assert(c->node == node);
	return number < c->ref_count ? &p->stage->refs.at[c->first_ref + number] : NULL;
}

bool plan_is_counted(const Node *node)
{
	return node->id == INST_RUN || node->id == INST_COPY || node->id == INST_ADD ||
	       node->id == INST_WORKDIR;
}

static Err *read_stage(Planner *p, StageWork *s)
{
	TRY(read_base(p, s));
	TRY(read_platform(p, s));
	replace_stage(p, s);
	s->total = !s->scratch && s->base_stage == STAGE_NONE;
	for (size_t i = 0; i < s->command_count; i++) {
		s->total += plan_is_counted(s->commands[i].node);
		TRY(plan_read_refs(p, s, &s->commands[i]));
	}
	for (size_t i = 0; i < s->refs.len; i++)
		p->has_image_refs |= s->refs.at[i].kind != REF_STAGE;
	return NULL;
}

static void find_froms(Planner *p)
{
	const Dockerfile *f = p->file;
	for (size_t i = 0; i < f->node_count; i++)
		p->stage_count += f->nodes[i].id == INST_FROM;
	p->stages = arena_alloc(p->arena, p->stage_count * sizeof *p->stages, _Alignof(StageWork));
	p->plan->stages = arena_alloc(p->arena, p->stage_count * sizeof *p->plan->stages,
	                              _Alignof(PlanStage));
	p->plan->stage_count = p->stage_count;
	Command *commands =
		arena_alloc(p->arena, f->node_count * sizeof *commands, _Alignof(Command));

	StageWork *s = NULL;
	for (size_t i = 0; i < f->node_count; i++) {
		if (f->nodes[i].id == INST_FROM) {
			s = s ? s + 1 : p->stages;
			*s = (StageWork){
				.index = (uint32_t)(s - p->stages),
				.out = &p->plan->stages[s - p->stages],
				.from = &f->nodes[i],
				.commands = &commands[i],
				.history_owner = (uint32_t)(s - p->stages),
				.base_stage = STAGE_NONE,
				.last_step = STEP_NONE,
			};
			s->out->index = s->index;
			s->out->last_step = STEP_NONE;
		} else if (s) {
			s->commands[s->command_count++] = (Command){ .node = &f->nodes[i] };
		}
	}
}

void plan_name_stages(Planner *p)
{
	find_froms(p);
	for (size_t i = 0; i < p->stage_count; i++) {
		read_name(p, &p->stages[i]);
		if (p->stages[i].out->name.len)
			add_name(p, &p->stages[i]);
	}
}

Err *plan_cut_stages(Planner *p)
{
	plan_name_stages(p);
	for (size_t i = 0; i < p->stage_count; i++)
		TRY(read_stage(p, &p->stages[i]));
	return NULL;
}

/* A file may have thousands of stages, and a note is for reading. */
enum { STAGES_SHOWN_MAX = 8 };

/* "'build', 'test' and 3 more"; nothing if none of the first COUNT stages has a name. */
static void put_stage_names(const Planner *p, size_t count, Buf *out)
{
	size_t named = 0;
	for (size_t i = 0; i < count; i++) {
		Str name = p->stages[i].out->name;
		if (name.len && named++ < STAGES_SHOWN_MAX)
			buf_addf(out, "%s'%.*s'", named > 1 ? ", " : "", STR_ARG(name));
	}
	if (named > STAGES_SHOWN_MAX)
		buf_addf(out, " and %zu more", named - STAGES_SHOWN_MAX);
}

Err *plan_note_stages(const Planner *p, Err *err, Str name, size_t count)
{
	AUTO_FREE const char **names = xreallocarray(NULL, count + 1, sizeof *names);
	AUTO_BUF Buf list = BUF_INIT;
	size_t named = 0;
	Str wanted = plan_lower(p->arena, name);
	for (size_t i = 0; i < count; i++)
		if (p->stages[i].out->name.len)
			names[named++] = p->stages[i].out->name.ptr;
	const char *near = dockerfile_suggest(wanted, names, named);
	if (near)
		return err_note(err, "no stage is called '%.*s': did you mean the stage '%s'?",
		                STR_ARG(name), near);
	put_stage_names(p, count, &list);
	if (count < p->stage_count)
		return list.len ? err_note(err,
		                           "no stage before this one is called '%.*s': there "
		                           "are %s",
		                           STR_ARG(name), list.ptr)
		                : err;
	return list.len ? err_note(err, "the stages with a name are %s", list.ptr)
	                : err_note(err, "no stage of this file has a name");
}

Err *plan_find_target(Planner *p)
{
	Str wanted = p->request->target;
	uint64_t number;
	p->plan->target = (uint32_t)p->stage_count - 1;
	if (!wanted.len)
		return NULL;
	uint32_t found = last_before(map_get(&p->names, plan_lower(p->arena, wanted)), STAGE_NONE);
	/* No name begins with a digit. */
	if (found == STAGE_NONE && str_to_u64(wanted, &number) && number < p->stage_count)
		found = (uint32_t)number;
	if (found != STAGE_NONE) {
		p->plan->target = found;
		return NULL;
	}
	return plan_note_stages(p,
	                        err_new(ERR_INPUT, "target stage '%.*s' could not be found",
	                                STR_ARG(p->request->target)),
	                        p->request->target, p->stage_count);
}
