/*
 * trust.h - --ca: authorities that a RUN trusts, and that no layer keeps.
 *
 * WHAT     The files of certificates that the root has (those of Debian, Fedora, SUSE, Alpine) are given to the command
 *          with the additional certificates at their end: as a layer of its own above all others, so that
 *          programs that replace such a file (update-ca-certificates) can.  Variables lead programs with
 *          certificates of their own to them: NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE, and where the root has
 *          no file at all SSL_CERT_FILE and CURL_CA_BUNDLE.
 * AFTER    If the command has changed a file that was given so, what was added is cut out of it again before
 *          the layer is made.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/run.h"

typedef struct Trust {
	int dir_fd;     /* O_PATH of the layer; -1: none is needed */
	Str *paths;     /* in it: files, clean, no symlinks; in the arena of trust_make() */
	Entry *entries; /* as they are below */
	size_t count;
} Trust;

#define TRUST_NONE ((Trust){ .dir_fd = -1 })

/* For a RUN over ROOT, below the scratch directory of GIVEN. */
NODISCARD Err *trust_make(Build *b, const View *root, RunGiven *given, Trust *ret);
/* Once the command has ended: UPPER_FD holds nothing of the authorities afterwards. */
NODISCARD Err *trust_clean(const Build *b, const Trust *t, int upper_fd);
void trust_done(Trust *t);
