/* each_container.c - commands that do one thing with each container they are given. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"

#include <stdio.h>

Err *cli_container(Cli *cli, const char *name, Store **ret_store, Container *ret)
{
	TRY(cli_store_existing(cli, ret_store));
	if (!*ret_store)
		return err_new(ERR_NOT_FOUND, "No such container: %s", name);
	return container_find(*ret_store, str_from(name), cli->arena, ret);
}

void cli_warn_of_container(Str text)
{
	fprintf(stderr, "WARNING: %.*s\n", STR_ARG(text));
}

Err *cli_signal(Cli *cli, const char *text, int *ret)
{
	*ret = text ? container_signal_number(str_from(text)) : 0;
	return text && !*ret ? cli_usage(cli, "invalid signal: %s", text) : NULL;
}

Err *cli_each_container(Cli *cli, const Arguments *args, bool silent, EachContainer *fn,
                        const void *values)
{
	for (size_t i = 0; i < args->count; i++) {
		Store *s = NULL;
		Container c = { 0 };
		Err *e = cli_container(cli, args->at[i], &s, &c);
		if (!e)
			e = fn(cli, s, &c, values);
		if (e)
			cli_report(cli, e);
		else if (!silent)
			printf("%s\n", args->at[i]);
	}
	return NULL;
}
