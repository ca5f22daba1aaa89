/* health.c - the values of HEALTHCHECK's flags: Go's durations, a count. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "dockerfile/dockerfile.h"

#define MILLISECOND_NS 1000000ll

Err *dockerfile_health_duration(const Node *node, FlagId id, int64_t *ret)
{
	const NodeFlag *flag = node_flag(node, id);
	*ret = 0;
	if (!flag || !flag->value.text.len)
		return NULL;
	if (!clock_parse_duration(flag->value.text, ret))
		return err_note(err_at(flag->value.span, "invalid duration '%.*s'",
		                       STR_ARG(flag->value.text)),
		                "write it as in 30s, 1m30s, 500ms");
	if (*ret && *ret < MILLISECOND_NS)
		return err_at(flag->value.span, "--%s cannot be less than 1ms",
		              flag_table[id].name);
	return NULL;
}

Err *dockerfile_health_retries(const Node *node, FlagId id, int64_t *ret)
{
	const NodeFlag *flag = node_flag(node, id);
	uint64_t n = 0;
	if (flag && flag->value.text.len && (!str_to_u64(flag->value.text, &n) || n > INT32_MAX))
		return err_at(flag->value.span, "--retries must be a number from 0 on, not '%.*s'",
		              STR_ARG(flag->value.text));
	*ret = (int64_t)n;
	return NULL;
}
