/*
 * exp_docker.c - type=docker: what `docker save` writes and every `docker load` reads.
 *
 * Layers that have no compressed blob yet stay plain tars, as docker's own do: the archive is
 * mostly for the same machine, and compressing would take ten times as long as all the rest.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"

Err *export_docker(const ExportJob *job)
{
	static const CompressionSpec plain = { .id = COMPRESSION_NONE };
	if (job->out->dest.len == 0)
		return NULL; /* "load it": it is in the store already */
	return export_layout(job, true, &plain);
}
