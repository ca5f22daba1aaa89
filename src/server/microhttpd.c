/*
 * microhttpd.c - loads libmicrohttpd and finds its functions.
 *
 * With GnuTLS it is ten libraries: `decant serve` alone pays for them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"
#include "server/microhttpd-internal.h"

static const LibrarySource libmicrohttpd = {
	.names = { "libmicrohttpd.so.12" },
	.shown = "libmicrohttpd",
	.user = "decant serve needs",
	.package = "libmicrohttpd12",
};

Err *microhttpd_load(Microhttpd *ret)
{
	Microhttpd m = { 0 };
	const LibrarySymbol wanted[] = {
		{ "MHD_start_daemon", (void **)&m.start_daemon },
		{ "MHD_stop_daemon", (void **)&m.stop_daemon },
		{ "MHD_get_connection_values", (void **)&m.get_connection_values },
		{ "MHD_lookup_connection_value", (void **)&m.lookup_connection_value },
		{ "MHD_queue_response", (void **)&m.queue_response },
		{ "MHD_get_connection_info", (void **)&m.get_connection_info },
		{ "MHD_create_response_from_buffer", (void **)&m.response_from_buffer },
		{ "MHD_create_response_from_fd_at_offset64", (void **)&m.response_from_fd },
		{ "MHD_add_response_header", (void **)&m.add_response_header },
		{ "MHD_destroy_response", (void **)&m.destroy_response },
		{ "MHD_is_feature_supported", (void **)&m.is_feature_supported },
	};
	TRY(library_open(&libmicrohttpd, wanted, ARRAY_LEN(wanted), &m.library));
	*ret = m; /* it stays mapped: GnuTLS has exit handlers */
	return NULL;
}
