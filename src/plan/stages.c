/* stages.c - the file cut at its FROMs: names, bases, what each --from means, the target. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/mount.h"
#include "plan/plan-internal.h"

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
	if (!flag)
		return NULL;
	Str text;
	TRY(plan_expand_global(p, flag->value, &text));
	if (!text.len)
		return err_at(flag->value.span, "empty platform value from expression %.*s",
		              STR_ARG(flag->value.text));
	s->has_platform = true;
	s->platform_span = flag->value.span;
	return err_place(platform_parse(p->arena, text, &s->wanted_platform), flag->value.span);
}

/* NAMES: the stages before this one. */
static Err *read_base(Planner *p, StageWork *s, const Map *names)
{
	Word word = s->from->words[0];
	s->base = word;
	TRY(plan_expand_global(p, word, &s->base.text));
	if (!s->base.text.len)
		return err_note(err_at(word.span, "base name (%.*s) should not be blank",
		                       STR_ARG(word.text)),
		                "variables in FROM come from ARGs before the first FROM alone");
	s->out->base_name = s->base.text;
	s->base_stage = STAGE_NONE;
	const StageWork *earlier = map_get(names, plan_lower(p->arena, s->base.text));
	if (earlier)
		s->base_stage = earlier->index;
	else if (str_eqc(s->base.text, "scratch"))
		s->scratch = true;
	return NULL;
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

/* What WORD as a --from of stage S means.  NAMES: the stages up to and with S. */
static Err *read_ref(Planner *p, const StageWork *s, const Map *names, Word word, FromRef *ret)
{
	*ret = (FromRef){ .kind = REF_IMAGE, .stage = STAGE_NONE, .word = word };
	if (is_number(word.text)) {
		Str digits = word.text.ptr[0] == '+' ? str_from_at(word.text, 1) : word.text;
		uint64_t n;
		if (!str_to_u64(digits, &n) || n >= p->stage_count)
			return err_note(
				err_at(word.span, "invalid stage index %.*s", STR_ARG(word.text)),
				"this file has %zu stage%s, and the first is number 0",
				p->stage_count, p->stage_count == 1 ? "" : "s");
		ret->kind = REF_STAGE;
		ret->stage = (uint32_t)n;
	} else {
		const StageWork *named = map_get(names, plan_lower(p->arena, word.text));
		if (named) {
			ret->kind = REF_STAGE;
			ret->stage = named->index;
		}
	}
	if (ret->kind == REF_STAGE && ret->stage >= s->index)
		p->has_forward = true;
	return NULL;
}

static Err *read_copy_ref(Planner *p, const StageWork *s, const Map *names, const Node *n)
{
	const NodeFlag *from = node_flag(n, FLAG_ID_FROM);
	FromRef ref;
	if (!from || !from->value.text.len)
		return NULL;
	TRY(check_plain(p, from->value));
	TRY(read_ref(p, s, names, from->value, &ref));
	VEC_PUSH(&p->refs, ref);
	return NULL;
}

/* One for each mount, of kind REF_NONE where it names nothing. */
static Err *read_mount_refs(Planner *p, const StageWork *s, const Map *names, const Node *n)
{
	for (size_t i = 0; i < n->flag_count; i++) {
		Word from;
		FromRef ref = { .kind = REF_NONE };
		if (n->flags[i].id != FLAG_ID_RUN_MOUNT)
			continue;
		TRY(mount_from(p->arena, n->flags[i].value, &from));
		if (from.text.len)
			TRY(read_ref(p, s, names, from, &ref));
		else
			p->has_image_refs = true;
		ref.is_mount = true;
		VEC_PUSH(&p->refs, ref);
	}
	return NULL;
}

static Err *read_refs(Planner *p, const StageWork *s, const Map *names, const Node *n)
{
	if (n->id == INST_COPY)
		return read_copy_ref(p, s, names, n);
	return n->id == INST_RUN ? read_mount_refs(p, s, names, n) : NULL;
}

const FromRef *plan_ref(const Planner *p, const Node *node, size_t number)
{
	const uint32_t *first = &p->ref_first[node - p->file->nodes];
	return number < first[1] - first[0] ? &p->refs.at[first[0] + number] : NULL;
}

static Err *read_stage(Planner *p, StageWork *s, Map *names)
{
	read_name(p, s);
	TRY(read_platform(p, s));
	TRY(read_base(p, s, names));
	if (s->out->name.len)
		(void)map_put(names, s->out->name, s);
	s->total = !s->scratch && s->base_stage == STAGE_NONE;
	p->ref_first[s->nodes - p->file->nodes] = (uint32_t)p->refs.len;
	for (size_t i = 0; i < s->node_count; i++) {
		const Node *n = &s->nodes[i];
		s->total += n->id == INST_RUN || n->id == INST_COPY || n->id == INST_ADD ||
		            n->id == INST_WORKDIR;
		TRY(read_refs(p, s, names, n));
		p->ref_first[n + 1 - p->file->nodes] = (uint32_t)p->refs.len;
	}
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
	p->ref_first = arena_alloc(p->arena, (f->node_count + 2) * sizeof *p->ref_first,
	                           _Alignof(uint32_t));

	StageWork *s = NULL;
	for (size_t i = 0; i < f->node_count; i++) {
		if (f->nodes[i].id == INST_FROM) {
			s = s ? s + 1 : p->stages;
			*s = (StageWork){
				.index = (uint32_t)(s - p->stages),
				.out = &p->plan->stages[s - p->stages],
				.from = &f->nodes[i],
				.nodes = &f->nodes[i + 1],
				.history_owner = (uint32_t)(s - p->stages),
				.last_step = STEP_NONE,
			};
			s->out->index = s->index;
			s->out->last_step = STEP_NONE;
		} else if (s) {
			s->node_count++;
		}
	}
}

Err *plan_cut_stages(Planner *p)
{
	AUTO_MAP Map names = MAP_INIT;
	find_froms(p);
	for (size_t i = 0; i < p->stage_count; i++)
		TRY(read_stage(p, &p->stages[i], &names));

	/* A name that no stage up to its own has: perhaps a later one. */
	for (size_t i = 0; i < p->refs.len; i++) {
		FromRef *ref = &p->refs.at[i];
		if (ref->kind != REF_IMAGE)
			continue;
		const StageWork *later = map_get(&names, plan_lower(p->arena, ref->word.text));
		if (later) {
			ref->kind = REF_STAGE;
			ref->stage = later->index;
			p->has_forward = true;
		} else {
			p->has_image_refs = true;
		}
	}
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
	Str wanted = plan_lower(p->arena, p->request->target);
	p->plan->target = (uint32_t)p->stage_count - 1;
	if (!wanted.len)
		return NULL;
	for (size_t i = p->stage_count; i-- > 0;) {
		if (str_eq(p->stages[i].out->name, wanted)) {
			p->plan->target = (uint32_t)i;
			return NULL;
		}
	}
	return plan_note_stages(p,
	                        err_new(ERR_INPUT, "target stage '%.*s' could not be found",
	                                STR_ARG(p->request->target)),
	                        p->request->target, p->stage_count);
}
