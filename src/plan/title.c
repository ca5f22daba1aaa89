/* title.c - "[builder 2/6] RUN make": what progress shows of a step, as BuildKit writes it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

Str plan_title(Planner *p, const StageWork *s, unsigned position, Str text)
{
	int width = 1;
	for (unsigned n = s->total; n >= 10; n /= 10)
		width++;
	/* BuildKit counts the image of a --from as a stage; only a lone stage has no name shown. */
	p->bytes += 2 * text.len; /* the text and the title made of it */
	bool lone = p->stage_count == 1 && !p->has_image_refs;
	const char *trigger = p->command && p->command->is_trigger ? "ONBUILD " : "";
	return arena_strf(p->arena, "[%.*s%s%*u/%u] %s%.*s", lone ? 0 : (int)s->out->shown.len,
	                  s->out->shown.ptr, lone ? "" : " ", width, position, s->total, trigger,
	                  STR_ARG(text));
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
