/* plan_expose.c - EXPOSE: ports and ranges of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

enum { PORT_MAX = 65535 };

static bool parse_range(Str text, uint64_t *ret_first, uint64_t *ret_last)
{
	Str first;
	bool range = str_find(text, '-') >= 0;
	Str last = str_cut(text, '-', &first);
	if (!str_to_u64(first, ret_first))
		return false;
	if (!range)
		*ret_last = *ret_first;
	else if (!str_to_u64(last, ret_last))
		return false;
	return *ret_first <= *ret_last && *ret_last <= PORT_MAX;
}

/* "8000-8010/udp"; of "ip:host:container" only the last part counts, as docker takes it. */
static Err *add_ports(Planner *p, Word word, Str text, Strs *out)
{
	ptrdiff_t colon = str_rfind(text, ':');
	Str port = text, proto;
	if (colon >= 0) {
		uint64_t first, last;
		Str before = str_head(text, (size_t)colon);
		Str host = str_from_at(before, (size_t)(str_rfind(before, ':') + 1));
		port = str_from_at(text, (size_t)colon + 1);
		if (host.len && !parse_range(host, &first, &last))
			return err_at(word.span, "invalid hostPort: '%.*s'", STR_ARG(host));
	}
	proto = str_cut(port, '/', &port);
	proto = plan_lower(p->arena, proto.len ? proto : STR("tcp"));
	if (!str_eqc(proto, "tcp") && !str_eqc(proto, "udp") && !str_eqc(proto, "sctp"))
		return err_note(err_at(word.span, "invalid proto: '%.*s'", STR_ARG(proto)),
		                "it may be tcp, udp or sctp");
	uint64_t first, last;
	if (!parse_range(port, &first, &last))
		return err_note(err_at(word.span, "invalid containerPort: '%.*s'", STR_ARG(port)),
		                "write a port from 0 to %d, or first-last", PORT_MAX);
	TRY(plan_grow(p, (last - first + 1) * 4 * sizeof(Str), word.span));
	for (uint64_t n = first; n <= last; n++)
		strs_push(p->arena, out,
		          arena_strf(p->arena, "%u/%.*s", (unsigned)n, STR_ARG(proto)));
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(((const Word *)a)->text, ((const Word *)b)->text);
}

Err *plan_EXPOSE(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_FREE Word *words = xreallocarray(NULL, node->word_count, sizeof *words);
	memcpy(words, node->words, node->word_count * sizeof *words);
	qsort(words, node->word_count, sizeof *words, by_text);
	ExpandScope scope = plan_expand_scope(p, &s->scope);
	Strs ports = { .set = true };
	for (size_t i = 0; i < node->word_count; i++) {
		Str *values;
		size_t count;
		TRY(expand_words(p->arena, &scope, words[i], &values, &count));
		for (size_t k = 0; k < count; k++)
			plan_see(p, PLAN_SAW_VALUE, s, values[k]);
		for (size_t k = 0; k < count; k++)
			TRY(add_ports(p, words[i], values[k], &ports));
	}
	for (size_t i = 0; i < ports.count; i++)
		strs_push(p->arena, &s->out->config.exposed_ports,
		          ports.at[i]); /* written as a set */
	buf_addf(&text, "EXPOSE ");
	plan_put_list(&text, &ports);
	plan_add_empty_history(p, s, &text);
	return NULL;
}
