/* signals.h - what main.c does about signals; see cli_cancel() and cli_watch_ui() in command.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

/* Writing to a closed pipe gives EPIPE instead of killing. */
void signals_ignore_pipe(void);
/* SIGINT, SIGTERM and SIGHUP set CANCEL; the second one kills. */
void signals_watch(Cancel *cancel);
/* Back to the default, before CANCEL is closed. */
void signals_unwatch(void);
/* The signal that cancelled; 0: none came. */
int signals_first(void);
