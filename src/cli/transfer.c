/* transfer.c - the display of pull and push. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/transfer.h"

#include <stdio.h>

Err *transfer_open(const char *verb, bool quiet, Transfer *ret)
{
	*ret = (Transfer){ .quiet = quiet };
	if (quiet || !isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO))
		return NULL;
	TRY(ui_open("auto", stderr, &ret->ui));
	ui_set_verb(ret->ui, verb);
	ui_start(ret->ui);
	cli_watch_ui(ret->ui);
	return NULL;
}

Progress *transfer_progress(const Transfer *t)
{
	return t->ui ? ui_progress(t->ui) : NULL;
}

void transfer_layer(void *context, Str short_id, Str status)
{
	const Transfer *t = context;
	if (t->ui || t->quiet)
		return;
	printf("%.*s: %.*s\n", STR_ARG(short_id), STR_ARG(status));
	(void)fflush(
		stdout); /* whoever watches wants lines as they come; errors are met at the end */
}

void transfer_close(Transfer *t)
{
	if (!t->ui)
		return;
	ui_finish(t->ui);
	cli_watch_ui(NULL);
	ui_close(t->ui);
	t->ui = NULL;
}
