/* plan_run.c - RUN: what is started, in which environment. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

/* What needs --allow: refused before anything runs. */
static Err *take_rights(Planner *p, const Node *node, RunArgs *run)
{
	const PlanAllow *allow = &p->request->allow;
	const NodeFlag *network = node_flag(node, FLAG_ID_RUN_NETWORK);
	const NodeFlag *security = node_flag(node, FLAG_ID_RUN_SECURITY);
	Str build = p->request->network.len ? p->request->network : STR("default");
	bool own = network && !str_eqc(network->value.text, "default");
	run->network = own ? network->value.text : build;
	run->insecure = security && str_eqc(security->value.text, "insecure");
	if (own && str_eqc(run->network, "host") && !allow->network_host)
		return err_note(
			err_at(network->value.span, "entitlement network.host is not allowed"),
			"to let this RUN use the network of this machine, build with "
			"--allow network.host");
	if (run->insecure && !allow->security_insecure)
		return err_note(err_at(security->value.span,
		                       "entitlement security.insecure is not allowed"),
		                "to let this RUN have all rights, build with --allow "
		                "security.insecure");
	return NULL;
}

static Err *take_hostname(const Planner *p, const Node *node, RunArgs *run)
{
	enum { HOSTNAME_MAX = 64 }; /* of the kernel: __NEW_UTS_LEN */
	const PlanArg *name = plan_build_arg(p, STR("BUILDKIT_SANDBOX_HOSTNAME"));
	run->hostname = name ? name->value : STR("");
	if (run->hostname.len <= HOSTNAME_MAX && str_find(run->hostname, '\n') < 0)
		return NULL;
	return err_at(node->span, "BUILDKIT_SANDBOX_HOSTNAME is no host name: '%.*s'",
	              STR_ARG(run->hostname));
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
	TRY(take_rights(p, node, &run));
	TRY(take_hostname(p, node, &run));
	TRY(plan_mounts(p, s, node, &run));
	TRY(plan_devices(p, node, &run));

	Step *step;
	TRY(plan_add_step(p, s, STEP_RUN, node, &step));
	step->run = run;
	plan_mount_needs(p, step);
	step->created_by = plan_run_history(p, s, &run.argv);
	step->title = plan_title(p, s, step->position, plan_node_title(p, s, node, summary, &run));
	plan_add_history(s, step->number, step->created_by);
	return NULL;
}
