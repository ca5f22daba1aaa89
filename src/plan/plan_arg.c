/* plan_arg.c - ARG inside a stage. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

/* ARGs for the builder itself: never seen by words or RUN. */
static bool is_hidden(Str name)
{
	return str_eqc(name, "BUILDKIT_SBOM_SCAN_CONTEXT") ||
	       str_eqc(name, "BUILDKIT_SBOM_SCAN_STAGE");
}

/* Command line before default before global ARG. */
static Err *find_value(Planner *p, const StageWork *s, const struct NodePair *pair,
                       PlanArgValue *ret_how, Str *ret)
{
	const PlanArg *given = plan_build_arg(p, pair->key.text);
	const Var *global = plan_scope_find(&p->globals, pair->key.text);
	*ret_how = given             ? PLAN_ARG_GIVEN
	           : pair->has_value ? PLAN_ARG_DEFAULT
	           : global          ? PLAN_ARG_GLOBAL
	                             : PLAN_ARG_NONE;
	if (given)
		*ret = given->value; /* a default that cannot be expanded does no harm then */
	else if (pair->has_value)
		return plan_expand(p, s, pair->value, ret);
	else if (global)
		*ret = global->value;
	return NULL;
}

Err *plan_ARG(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "ARG");
	for (size_t i = 0; i < node->pair_count; i++) {
		Str name = node->pairs[i].key.text, value = STR("");
		PlanArgValue how;
		TRY(find_value(p, s, &node->pairs[i], &how, &value));
		plan_see_arg(p, s, &node->pairs[i], value, how);
		if (how != PLAN_ARG_NONE && !is_hidden(name))
			plan_scope_set(p->arena, &s->scope, name, value, node->span);
		VEC_PUSH(&s->args, (StageArg){ name, value });
		buf_addf(&text, " %.*s", STR_ARG(name));
		if (how != PLAN_ARG_NONE)
			buf_addf(&text, "=%.*s", STR_ARG(value));
	}
	plan_add_empty_history(p, s, &text);
	return NULL;
}
