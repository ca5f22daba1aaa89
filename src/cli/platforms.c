/* platforms.c - an option that takes several platforms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/platforms.h"

typedef VEC(Platform) Platforms;

static bool has_platform(const Platforms *list, const Platform *p)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->at[i].os, p->os) && str_eq(list->at[i].arch, p->arch) &&
		    str_eq(list->at[i].variant, p->variant))
			return true;
	return false;
}

static Err *add(Arena *a, Str list, Platforms *ret)
{
	while (list.len) {
		Str word;
		Platform p;
		list = str_cut(list, ',', &word);
		word = str_trim(word);
		if (!word.len)
			continue;
		TRY_WHILE(platform_parse(a, word, &p), "reading --platform");
		if (!has_platform(ret, &p))
			VEC_PUSH(ret, p);
	}
	return NULL;
}

Err *cli_platform(Cli *cli, const char *given, Platform *ret)
{
	Err *e = platform_parse(cli->arena, str_from(given), ret);
	if (!e)
		return NULL;
	cli->usage_error = true;
	return err_while(e, "reading --platform");
}

Err *cli_platforms(Cli *cli, const OptionList *given, const Platform **ret, size_t *ret_count)
{
	Platforms list = { 0 };
	Err *e = NULL;
	for (size_t i = 0; i < given->count && !e; i++)
		e = add(cli->arena, str_from(given->at[i]), &list);
	Platform *copy = arena_alloc(cli->arena, (list.len + 1) * sizeof *copy, _Alignof(Platform));
	if (list.len)
		memcpy(copy, list.at, list.len * sizeof *copy);
	*ret = copy;
	*ret_count = list.len;
	VEC_DONE(&list);
	if (e)
		cli->usage_error = true;
	return e;
}
