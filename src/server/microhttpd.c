/*
 * microhttpd.c - loads libmicrohttpd and finds its functions.
 *
 * With GnuTLS it is ten libraries: `decant serve` alone pays for them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "server/microhttpd-internal.h"

#include <dlfcn.h>

static Err *find_functions(Microhttpd *m)
{
	const struct {
		const char *name;
		void **slot;
	} wanted[] = {
		{ "MHD_start_daemon", (void **)&m->start_daemon },
		{ "MHD_stop_daemon", (void **)&m->stop_daemon },
		{ "MHD_get_connection_values", (void **)&m->get_connection_values },
		{ "MHD_lookup_connection_value", (void **)&m->lookup_connection_value },
		{ "MHD_queue_response", (void **)&m->queue_response },
		{ "MHD_get_connection_info", (void **)&m->get_connection_info },
		{ "MHD_create_response_from_buffer", (void **)&m->response_from_buffer },
		{ "MHD_create_response_from_fd_at_offset64", (void **)&m->response_from_fd },
		{ "MHD_add_response_header", (void **)&m->add_response_header },
		{ "MHD_destroy_response", (void **)&m->destroy_response },
		{ "MHD_is_feature_supported", (void **)&m->is_feature_supported },
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		*wanted[i].slot = dlsym(m->library, wanted[i].name);
		if (!*wanted[i].slot)
			return err_new(ERR_SYSTEM, "libmicrohttpd has no '%s': it is too old",
			               wanted[i].name);
	}
	return NULL;
}

Err *microhttpd_load(Microhttpd *ret)
{
	Microhttpd m = { .library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL) };
	if (!m.library) {
		const char *why = dlerror();
		return err_note(err_new(ERR_SYSTEM, "cannot load libmicrohttpd: %s",
		                        why ? why : "not found"),
		                "decant serve needs it: apt-get install libmicrohttpd12");
	}
	Err *err = find_functions(&m);
	if (err) {
		dlclose(m.library);
		return err;
	}
	*ret = m; /* it stays mapped: GnuTLS has exit handlers */
	return NULL;
}
