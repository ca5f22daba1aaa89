/* build_limits.h - limits that a RUN, or a container, is given: as docker spells them. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "sandbox/sandbox.h"

/* "nofile=1024:2048" */
NODISCARD Err *build_limits_ulimit(Cli *cli, const char *text, SandboxLimit *ret);
/* KEY: "memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus",
 * "cpuset-mems" */
NODISCARD Err *build_limits_resource(Cli *cli, Str key, Str value, SandboxResources *r);
