/* exp_docker.c - type=docker: what `docker save` writes and every `docker load` reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"

Err *export_docker(ExportJob *job)
{
	return export_layout(job, true);
}
