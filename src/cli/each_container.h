/* each_container.h - commands that do one thing with each container they are given. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"

typedef Err *EachContainer(Cli *cli, Store *s, const Container *c, const void *values);

/* FN for each; its name is printed (SILENT: not), or why not, and it goes on with the next. */
NODISCARD Err *cli_each_container(Cli *cli, const Arguments *args, bool silent, EachContainer *fn,
                                  const void *values);
/* The one that NAME is; there may be no store. */
NODISCARD Err *cli_container(Cli *cli, const char *name, Store **ret_store, Container *ret);
/* ContainerRequest.warn, ContainerStart.warn: docker's "WARNING: TEXT" on stderr. */
void cli_warn_of_container(Str text);
/* --signal; 0 for NULL */
NODISCARD Err *cli_signal(Cli *cli, const char *text, int *ret);
