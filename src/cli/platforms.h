/*
 * platforms.h - an option that takes several platforms.
 *
 * WHAT     "--platform linux/amd64,arm64 --platform linux/s390x": each use may be a list with commas;
 *          the same one twice is one.
 * ERRORS   ERR_INPUT, a mistake on the command line: no platform
 * OWNS     the list lives in the arena of CLI
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "oci/platform.h"

/* The value of a --platform that takes one. */
NODISCARD Err *cli_platform(Cli *cli, const char *given, Platform *ret);
/* *RET_COUNT 0: none was given. */
NODISCARD Err *cli_platforms(Cli *cli, const OptionList *given, const Platform **ret,
                             size_t *ret_count);
