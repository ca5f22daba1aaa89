/* options.c - which rules speak: the check directive, a build argument, a comment above a line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint-internal.h"

/* Rules that are not known are none of this version: docker lets them pass as well. */
static void set_rules(const Word *names, size_t count, bool rules[LINT_RULE_COUNT])
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < LINT_RULE_COUNT; k++)
			if (str_eqc(names[i].text, lint_rule_table[k].name))
				rules[k] = true;
}

static void merge(const CheckOptions *from, LintOptions *o)
{
	o->skip_all = o->skip_all || from->skip_all;
	o->experimental_all = o->experimental_all || from->experimental_all;
	set_rules(from->skip, from->skip_count, o->skip);
	set_rules(from->experimental, from->experimental_count, o->experimental);
}

Word lint_options_word(const LintInput *in)
{
	for (size_t i = 0; i < in->arg_count; i++)
		if (str_eqc(in->args[i].name, LINT_OPTIONS_ARG))
			return (Word){ .text = in->args[i].value };
	return in->file->check;
}

Err *lint_options_read(Arena *a, Word word, LintOptions *ret)
{
	CheckOptions options;
	Err *e = check_options_parse(a, word, &options);
	if (e && !word.span.src)
		e = err_while(e, "reading --build-arg " LINT_OPTIONS_ARG);
	TRY(e);
	*ret = (LintOptions){ .as_error = options.error };
	merge(&options, ret);
	return NULL;
}

void lint_options_at(Arena *a, const Node *node, LintOptions *o)
{
	CheckOptions own;
	AUTO_ERR Err *e = check_options_parse(a, node_check(node), &own);
	if (!e) /* a comment that is none of ours is no error */
		merge(&own, o);
}
