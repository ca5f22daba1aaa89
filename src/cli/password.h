/*
 * password.h - a line asked for on the terminal.
 *
 * password_ask() turns the echo off, and on again whatever happens: also at ^C, which ends it with
 * ERR_CANCELLED.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

/* A line of standard input without its end, PROMPT before it on standard output.  ERR_INPUT at the
 * end of input. */
NODISCARD Err *password_ask(Cli *cli, const char *prompt, bool echo, Str *ret);
/* All of standard input, its last line end cut off: --password-stdin. */
NODISCARD Err *password_read(Cli *cli, Str *ret);
