/*
 * page.h - what a browser is shown at the root of `decant serve`: projects, build configurations,
 * builds with their logs, image streams.
 *
 * WHAT     A ServerService for "/", after all others.  HTML that needs no script; a script of the
 *          same server adds buttons that copy and a log that grows.  Nothing is changed by it.
 *              /, /p/PROJECT                       the project that is chosen, or this one
 *              /p/PROJECT/{configs,builds,streams,repositories}?from=N      all of a kind
 *              /p/PROJECT/{configs,builds,streams}/NAME
 *              /p/PROJECT/builds/NAME/log          as it was written; ?from=N: a clean piece of it
 *              /login                              asks for a password where one is needed
 * RIGHTS   Who may pull PROJECT/NAME sees the configuration, the stream and the builds of NAME; for
 *          others they are not there.  .users NULL: everybody sees all, if the request names this
 *          server by an address, "localhost", or one of .domains (a page of another site cannot).
 * TEXTS    of others (names, logs, commits) are escaped; control and direction characters are shown
 * THREADS  called from many threads
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "server/server.h"
#include "server/users.h"
#include "store/store.h"

typedef struct PageOptions {
	Store *store;
	ServerUsers *users;
	const Str *domains;
	size_t domain_count;
	bool read_only; /* clients cannot push: not told how */
	const char *address;
	void (*log)(void *context, Str line);
	void *log_context;
} PageOptions;

/* OPTIONS are borrowed for as long as the service is used. */
ServerService page_service(const PageOptions *options);
