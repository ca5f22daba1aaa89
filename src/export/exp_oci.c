/* exp_oci.c - type=oci: an OCI image layout. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"

Err *export_oci(ExportJob *job)
{
	return export_layout(job, false);
}
