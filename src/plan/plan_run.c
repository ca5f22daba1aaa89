/* plan_run.c - RUN: what is started, in which environment. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

static Err *check_flags(const Node *node)
{
	static const FlagId refused[] = { FLAG_ID_RUN_MOUNT, FLAG_ID_RUN_DEVICE };
	TRY(plan_refuse_flags(node, refused, ARRAY_LEN(refused)));
	const NodeFlag *security = node_flag(node, FLAG_ID_RUN_SECURITY);
	if (security && !str_eqc(security->value.text, "sandbox"))
		return plan_not_yet(security->value.span, "RUN --security=%.*s",
		                    STR_ARG(security->value.text));
	return NULL;
}

/* "cmd <<A <<B": line, bodies and terminators put together again; the shell reads them. */
static Str whole_text(Planner *p, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, node->words[0].text);
	for (size_t i = 0; i < node->heredoc_count; i++) {
		buf_add_char(&text, '\n');
		buf_add_str(&text, node->heredocs[i].raw);
		buf_add_str(&text, node->heredocs[i].name);
	}
	return plan_take_str(p, &text);
}

static Err *set_command(Planner *p, const StageWork *s, const Node *node, RunArgs *run,
                        Str *ret_summary)
{
	*ret_summary = STR("");
	run->script = run->script_name = STR("");
	if (!node->heredoc_count) {
		run->argv = plan_command(p, s, node);
		return NULL;
	}
	Str command;
	const Heredoc *alone = node_heredoc(node, node->words[0]);
	if (alone) {
		*ret_summary = plan_heredoc_summary(p, alone->raw);
		command = alone->body;
		if (str_starts(command, STR("#!"))) {
			Str name = alone->name;
			if (str_find(name, '/') >= 0 || str_eqc(name, ".") || str_eqc(name, ".."))
				return err_at(node->words[0].span,
				              "a script cannot have the file name '%.*s'",
				              STR_ARG(name));
			run->script = command;
			run->script_name = name;
			command = arena_strf(p->arena, "/dev/pipes/%.*s", STR_ARG(name));
		}
	} else {
		command = whole_text(p, node);
	}
	run->argv = plan_command(p, s, node);
	run->argv.at[run->argv.count - 1] = command;
	return NULL;
}

Err *plan_RUN(Planner *p, StageWork *s, const Node *node)
{
	TRY(check_flags(node));
	RunArgs run = { 0 };
	Str summary;
	TRY(set_command(p, s, node, &run, &summary));
	if (!run.argv.count)
		return err_at(node->rest.span, "RUN requires at least one argument");

	const ImageConfig *c = &s->out->config;
	plan_run_env(p, s, &run);
	run.cwd = plan_path_join(p->arena, c->working_dir, STR(""));
	run.user = c->user;
	run.user_span = s->user_span;
	const NodeFlag *network = node_flag(node, FLAG_ID_RUN_NETWORK);
	Str build = p->request->network.len ? p->request->network : STR("default");
	run.network =
		network && !str_eqc(network->value.text, "default") ? network->value.text : build;

	Step *step;
	TRY(plan_add_step(p, s, STEP_RUN, node, &step));
	step->run = run;
	step->created_by = plan_run_history(p, s, &run.argv);
	step->title = plan_title(p, s, step->position, plan_node_title(p, s, node, summary));
	plan_add_history(s, step->number, step->created_by);
	return NULL;
}
