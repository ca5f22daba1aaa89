/* plan_copy.c - COPY and ADD: sources, destination, owner and mode. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/mode.h"
#include "plan/plan-internal.h"

static const char *name_of(const Node *node)
{
	return instruction_table[node->id].name;
}

static bool is_on(const NodeFlag *flag)
{
	return flag && (!flag->has_value || flag->value.text.ptr[0] == 't' ||
	                flag->value.text.ptr[0] == 'T');
}

/* A flag's value, expanded; "" if it was not given. */
static Err *take_flag(Planner *p, const StageWork *s, const Node *node, FlagId id, Str *ret,
                      Span *ret_span)
{
	const NodeFlag *flag = node_flag(node, id);
	*ret = STR("");
	*ret_span = flag ? flag->value.span : (Span){ 0 };
	return flag ? plan_expand(p, s, flag->value, ret) : NULL;
}

static Err *check_chmod(Str mode, Span span)
{
	uint64_t octal;
	uint32_t changed = 0;
	if (!mode.len || (str_to_octal(mode, &octal) && octal <= 07777))
		return NULL;
	if (mode.ptr[0] >= '0' && mode.ptr[0] <= '9')
		return err_at(
			span,
			"invalid chmod parameter: '%.*s'. it should be octal string and between 0 "
			"and 07777",
			STR_ARG(mode));
	if (mode.len > CHMOD_BYTES_MAX || !mode_change(mode, false, &changed))
		return err_note(err_at(span, "invalid chmod parameter: '%.*s'", STR_ARG(mode)),
		                "write it in octal, as in --chmod=0755, or as chmod(1) takes it, "
		                "as in --chmod=u=rwX,go=rX");
	return NULL;
}

/* Patterns are taken as they stand: variables in them are not replaced. */
static void take_excludes(Planner *p, const Node *node, CopyArgs *copy)
{
	Word *list = arena_alloc(p->arena, (node->flag_count + 1) * sizeof *list, _Alignof(Word));
	for (size_t i = 0; i < node->flag_count; i++)
		if (node->flags[i].id == FLAG_ID_EXCLUDE)
			list[copy->exclude_count++] = node->flags[i].value;
	copy->excludes = list;
}

/* A source that is a path, or the step that fetches it. */
static Err *take_source(Planner *p, StageWork *s, const Node *node, Word word, CopySource *src)
{
	FetchArgs fetch = { 0 };
	*src = (CopySource){ .span = word.span, .inline_body = STR(""), .fetch_step = STEP_NONE };
	TRY(plan_expand(p, s, word, &src->path));
	if (src->path.len && memchr(src->path.ptr, '\0', src->path.len))
		return err_at(word.span, "a path holds no NUL byte");
	TRY(plan_remote(p, node, word.span, src->path, &fetch.remote));
	plan_see(p, PLAN_SAW_VALUE, s, src->path);
	if (fetch.remote.kind == REMOTE_NONE)
		return NULL;
	src->path = fetch.remote.shown;
	TRY(plan_fetch_flags(p, s, node, &fetch));
	return plan_fetch_step(p, s, node, word.span, &fetch, &src->fetch_step);
}

/* Paths first, then heredocs: the order in which BuildKit copies and shows them. */
static Err *take_sources(Planner *p, StageWork *s, const Node *node, CopyArgs *copy)
{
	size_t count = node->word_count - 1, paths = 0, fetched = 0;
	copy->sources = arena_alloc(p->arena, count * sizeof *copy->sources, _Alignof(CopySource));
	for (size_t i = 0; i < count; i++) {
		Word word = node->words[i];
		if (node_heredoc(node, word))
			continue;
		CopySource *src = &copy->sources[paths++];
		TRY(take_source(p, s, node, word, src));
		fetched += src->fetch_step != STEP_NONE;
	}
	copy->source_count = paths;
	for (size_t i = 0; i < count; i++) {
		const Heredoc *h = node_heredoc(node, node->words[i]);
		if (!h)
			continue;
		if (str_find(h->name, '/') >= 0 || str_eqc(h->name, ".") || str_eqc(h->name, ".."))
			return err_at(node->words[i].span, "a file cannot have the name '%.*s'",
			              STR_ARG(h->name));
		CopySource *src = &copy->sources[copy->source_count++];
		*src = (CopySource){ .path = h->name,
			             .span = node->words[i].span,
			             .is_inline = true,
			             .inline_body = h->body,
			             .fetch_step = STEP_NONE };
		if (!h->expand)
			continue;
		TRY(plan_expand_body(p, s, (Word){ h->body, h->span }, &src->inline_body));
	}
	if (paths == fetched)
		copy->origin = ORIGIN_INLINE;
	return NULL;
}

/* --checksum is for one thing that comes from elsewhere. */
static Err *check_checksum(Planner *p, const StageWork *s, const Node *node, const CopyArgs *copy)
{
	const NodeFlag *flag = node_flag(node, FLAG_ID_CHECKSUM);
	Str text = STR("");
	size_t paths = 0;
	if (flag)
		TRY(plan_expand(p, s, flag->value, &text));
	if (!text.len)
		return NULL;
	for (size_t i = 0; i < copy->source_count; i++)
		paths += !copy->sources[i].is_inline;
	if (paths != 1)
		return err_at(flag->name.span, "checksum can't be specified for multiple sources");
	if (copy->sources[0].fetch_step == STEP_NONE)
		return err_at(flag->name.span, "checksum requires HTTP(S) or Git sources");
	return NULL;
}

static Err *take_destination(Planner *p, const StageWork *s, const Node *node, CopyArgs *copy,
                             Str *ret_shown)
{
	Word word = node->words[node->word_count - 1];
	Str path;
	TRY(plan_expand(p, s, word, &path));
	if (path.len && memchr(path.ptr, '\0', path.len))
		return err_at(word.span, "a path holds no NUL byte");
	bool is_dir = !path.len || str_eqc(path, ".") || str_ends(path, STR("/")) ||
	              str_ends(path, STR("/."));
	copy->dest = plan_path_join(p->arena, s->out->config.working_dir, path);
	if (is_dir && !str_eqc(copy->dest, "/"))
		copy->dest = arena_strf(p->arena, "%.*s/", STR_ARG(copy->dest));
	copy->dest_span = word.span;
	*ret_shown = path;
	return NULL;
}

static Err *take_origin(Planner *p, StageWork *s, const Node *node, CopyArgs *copy)
{
	const FromRef *ref = plan_ref(p, node, 0);
	Origin origin;
	copy->from_name = ref ? ref->word.text : STR("");
	TRY(ref ? plan_origin(p, s, node, ref, &origin) : plan_main_context(p, s, node, &origin));
	copy->origin = origin.kind;
	copy->origin_step = origin.step;
	copy->context = origin.context;
	return NULL;
}

static Str history_of(Planner *p, const Node *node, const CopyArgs *copy, Str dest)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "%s%s", name_of(node), copy->parents ? " --parents" : "");
	if (copy->chown.len)
		buf_addf(&text, " --chown=%.*s", STR_ARG(copy->chown));
	if (copy->chmod.len)
		buf_addf(&text, " --chmod=%.*s", STR_ARG(copy->chmod));
	for (size_t i = 0; i < copy->source_count; i++)
		buf_addf(&text, " %s%.*s", copy->sources[i].is_inline ? "<<" : "",
		         STR_ARG(copy->sources[i].path));
	buf_addf(&text, " %.*s # buildkit", STR_ARG(dest));
	return plan_take_str(p, &text);
}

static Err *plan_copy(Planner *p, StageWork *s, const Node *node)
{
	CopyArgs copy = { .is_add = node->id == INST_ADD };
	Str dest = STR("");
	TRY(take_flag(p, s, node, FLAG_ID_CHOWN, &copy.chown, &copy.chown_span));
	TRY(take_flag(p, s, node, FLAG_ID_CHMOD, &copy.chmod, &copy.chmod_span));
	TRY(check_chmod(copy.chmod, copy.chmod_span));
	take_excludes(p, node, &copy);
	copy.parents = is_on(node_flag(node, FLAG_ID_PARENTS));
	TRY(take_origin(p, s, node, &copy));
	TRY(take_sources(p, s, node, &copy));
	TRY(check_checksum(p, s, node, &copy));
	TRY(take_destination(p, s, node, &copy, &dest));
	const NodeFlag *unpack = node_flag(node, FLAG_ID_UNPACK);
	copy.keep_archives = copy.is_add && unpack && !is_on(unpack);
	copy.unpack_fetched = is_on(unpack);
	copy.link = is_on(node_flag(node, FLAG_ID_LINK)) &&
	            !copy.chmod.len; /* as BuildKit: --chmod wins */

	Step *step;
	TRY(plan_add_step(p, s, STEP_COPY, node, &step));
	step->copy = copy;
	if (copy.origin == ORIGIN_STEP)
		plan_step_needs(p, step, copy.origin_step);
	for (size_t i = 0; i < copy.source_count; i++)
		if (copy.sources[i].fetch_step != STEP_NONE)
			plan_step_needs(p, step, copy.sources[i].fetch_step);
	step->created_by = history_of(p, node, &copy, dest);
	Str title = plan_node_title(p, s, node, STR(""), NULL);
	step->title = plan_title(p, s, step->position, remote_redact(p->arena, title));
	plan_add_history(s, step->number, step->created_by);
	return NULL;
}

Err *plan_COPY(Planner *p, StageWork *s, const Node *node)
{
	return plan_copy(p, s, node);
}

Err *plan_ADD(Planner *p, StageWork *s, const Node *node)
{
	return plan_copy(p, s, node);
}
