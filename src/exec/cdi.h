/*
 * cdi.h - devices of the Container Device Interface, as vendors describe them in files.
 *
 * WHAT     Reads *.json, *.yaml and *.yml of /etc/cdi and /var/run/cdi (or of $DECANT_CDI_DIRS, with ':' between); a
 *          device of a later directory wins.
 * ERRORS   ERR_INPUT naming the file and the member
 * SOURCE   cncf-tags/container-device-interface SPEC.md 1.0
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct CdiNode {
	Str path, host_path;
} CdiNode;

typedef struct CdiMount {
	Str path, host_path;
	bool read_only;
} CdiMount;

/* What a device changes in a container; hooks are not run. */
typedef struct CdiEdits {
	Str *env; /* "K=V" */
	size_t env_count;
	CdiNode *nodes;
	size_t node_count;
	CdiMount *mounts;
	size_t mount_count;
	bool has_hooks;
} CdiEdits;

typedef struct CdiDevice {
	Str name;        /* "vendor.com/class=name" */
	Str class_name;  /* annotation for `--device class`; "" none */
	CdiEdits own;    /* of the device */
	CdiEdits common; /* of its file */
} CdiDevice;

typedef struct CdiList {
	CdiDevice *at; /* by name */
	size_t count;
} CdiList;

NODISCARD Err *cdi_read(Arena *a, CdiList *ret);
