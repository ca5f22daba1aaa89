/*
 * push_elsewhere.h - the DESTINATION of `buildah push IMAGE DESTINATION` that is no registry.
 *
 * WHAT     oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME[:TAG]], dir:DIR
 * ERRORS   ERR_INPUT, a mistake on the command line: another transport, a bad tag
 * SOURCE   containers-transports(5)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "export/export.h"

/* Does DESTINATION name a transport?  "docker://NAME" is a name (cli_image_name). */
bool push_has_transport(const char *destination);
NODISCARD Err *push_elsewhere(Cli *cli, Store *s, const ExportImage *image, const char *destination,
                              const CompressionSpec *compression, const Cancel *cancel);
