/* cmd_debug.h - debug words|ignore|documents|ast: see cmd_debug.c.  argv[0] is "debug"; the exit
 * status. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

int cmd_debug(int argc, char **argv);
