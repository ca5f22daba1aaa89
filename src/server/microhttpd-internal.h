/* microhttpd-internal.h - the functions of libmicrohttpd, found at run time. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

#include <microhttpd.h>

typedef struct Microhttpd {
	void *library;
	struct MHD_Daemon *(*start_daemon)(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback,
	                                   void *, MHD_AccessHandlerCallback, void *, ...);
	void (*stop_daemon)(struct MHD_Daemon *);
	int (*get_connection_values)(struct MHD_Connection *, enum MHD_ValueKind,
	                             MHD_KeyValueIterator, void *);
	const char *(*lookup_connection_value)(struct MHD_Connection *, enum MHD_ValueKind,
	                                       const char *);
	enum MHD_Result (*queue_response)(struct MHD_Connection *, unsigned status,
	                                  struct MHD_Response *);
	const union MHD_ConnectionInfo *(*get_connection_info)(struct MHD_Connection *,
	                                                       enum MHD_ConnectionInfoType, ...);
	struct MHD_Response *(*response_from_buffer)(size_t, void *, enum MHD_ResponseMemoryMode);
	struct MHD_Response *(*response_from_fd)(uint64_t size, int fd, uint64_t offset);
	enum MHD_Result (*add_response_header)(struct MHD_Response *, const char *, const char *);
	void (*destroy_response)(struct MHD_Response *);
	enum MHD_Result (*is_feature_supported)(enum MHD_FEATURE);
} Microhttpd;

/* ERR_SYSTEM with a note naming the package if there is none. */
NODISCARD Err *microhttpd_load(Microhttpd *ret);
