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

static Err *check_machine(const Planner *p, const StageWork *s, const Node *node)
{
	const Platform *machine = &p->request->build_platform, *image = &s->out->config.platform;
	if (platform_fit(machine, image) > 0)
		return NULL;
	Err *e = err_at(s->platform_span.src ? s->platform_span : node->span,
	                "cannot run %.*s/%.*s%s%.*s on this machine yet", STR_ARG(image->os),
	                STR_ARG(image->arch), image->variant.len ? "/" : "",
	                STR_ARG(image->variant));
	unsigned line, column;
	err_line_column(node->span, &line, &column);
	return err_note(e, "line %u has a RUN for it; this machine runs %.*s/%.*s", line,
	                STR_ARG(machine->os), STR_ARG(machine->arch));
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
	TRY(check_machine(p, s, node));
	RunArgs run = { 0 };
	Str summary;
	TRY(set_command(p, s, node, &run, &summary));
	if (!run.argv.count)
		return err_at(node->rest.span, "RUN requires at least one argument");

	const ImageConfig *c = &s->out->config;
	plan_run_env(p, s, &run);
	run.cwd = c->working_dir.len ? c->working_dir : STR("/");
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
