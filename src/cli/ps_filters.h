/* ps_filters.h - --filter of ps: which containers are shown, in docker's words. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"

typedef struct PsFilters {
	const OptionList *given;
	int64_t before_ns, since_ns; /* when those containers were made; 0: not asked for */
	bool exposed;                /* what images EXPOSE is asked for */
} PsFilters;

/* "running", "exited", "created". */
Str ps_state(const Container *c);
/* Keys and values that there are. */
NODISCARD Err *ps_filters_check(Cli *cli, const OptionList *given);
/* A state that is asked for is shown without --all. */
bool ps_filters_ask_for_state(const OptionList *given);
/* F->given: what it names is looked up.  S may be NULL. */
NODISCARD Err *ps_filters_open(Cli *cli, Store *s, PsFilters *f);
/* Of each key one filter must match; of labels all. */
NODISCARD Err *ps_filters_pass(const PsFilters *f, Store *s, const Container *c,
                               const ContainerRequest *r, Arena *a, bool *ret);
