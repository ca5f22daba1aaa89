/*
 * distribution.h - a registry of our own: the OCI distribution protocol over repositories of the
 * store.
 *
 * WHAT     A ServerService for "/v2/".  What clients push lies in repositories (store/repos.h), byte for byte.
 *          Images of the store whose names begin with one of .domains ("localhost:5000/shop/web:1") are in the
 *          repository of the rest ("shop/web"), without being pushed: their manifest is made when somebody asks
 *          for it first.
 * RIGHTS   .users NULL: everybody may all.  Else who may not pull a repository cannot tell whether it is there.
 * ERRORS   in replies, as the specification has them; those that are the server's own go to the log
 * SOURCE   OCI distribution-spec 1.1 (and of 1.1+dev: digests in any answer, tags as parameters)
 * THREADS  its functions are called from many threads
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "server/server.h"
#include "server/users.h"
#include "store/repos.h"

typedef struct DistributionOptions {
	Store *store; /* after sandbox_enter(): layers are read to pack them */
	ServerUsers *users;
	bool read_only;       /* nothing changes: 405 */
	bool keep;            /* nothing is deleted: 405 */
	uint64_t quota_bytes; /* of each project; 0: none */
	const Str *domains;
	size_t domain_count;
	const Cancel *cancel;
	/* A manifest was pushed as TAG; before the reply, from many threads.  May be NULL. */
	void (*pushed)(void *context, Str repo, Str tag, Str digest);
	void *pushed_context;
	void (*log)(void *context, Str line);
	void *log_context;
} DistributionOptions;

/* OPTIONS are borrowed for as long as the service is used. */
ServerService distribution_service(const DistributionOptions *options);
