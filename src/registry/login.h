/*
 * login.h - logging in to registries and out: `decant login`, `logout`.
 *
 * WHAT     A login is checked at its registry, and written into the file that docker or podman keeps,
 *          or given to the credential helper that this file names.
 * FILES    auth_file of the functions: a path, or NULL: $REGISTRY_AUTH_FILE, else
 *          $DOCKER_CONFIG/config.json, else ~/.docker/config.json.  A file is replaced whole by
 *          rename (a symlink stays and its target is replaced), has mode 0600, and keeps the
 *          members that we do not know, in their order.  Two logins at one time wait for each other.
 * ERRORS   ERR_DENIED   the registry or a helper refuses
 *          ERR_INPUT    the file is damaged: it is left as it is
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry.h"

typedef struct LoginServer {
	Str domain; /* "docker.io", "h:5000" */
	Str key;    /* of the auth file: "https://index.docker.io/v1/", "h:5000", "h:5000/team" */
} LoginServer;

typedef struct LoginAs {
	Str user, password;
	Str identity_token; /* instead of a password */
	Str source;         /* where it was found, for messages */
	bool found;
} LoginAs;

/* "", "h:5000", "https://h:5000/v2/"; with KEEP_PATH "h/team" stays a login for that part alone, as
 * podman has it. */
NODISCARD Err *login_server_parse(Arena *a, Str text, bool keep_path, LoginServer *ret);
/* Is LOGIN good?  Its password is replaced by an identity token if the registry gives one. */
NODISCARD Err *registry_check_login(Registry *r, const LoginServer *server, Arena *a,
                                    LoginAs *login);

/* --- login_store.c ---------------------------------------------------------------------------- */

typedef struct LoginKept {
	Str file;     /* that was written */
	Str helper;   /* the program that has the secret; "" none: it is in the file as it is */
	bool changed; /* false: the file had it already */
} LoginKept;

NODISCARD Err *login_find(const char *auth_file, const LoginServer *server, const Cancel *cancel,
                          Arena *a, LoginAs *ret);
NODISCARD Err *login_store(const char *auth_file, const LoginServer *server, const LoginAs *login,
                           const Cancel *cancel, Arena *a, LoginKept *ret);
/* *ret_file: the file; *ret_found: there was something. */
NODISCARD Err *login_erase(const char *auth_file, const LoginServer *server, const Cancel *cancel,
                           Arena *a, Str *ret_file, bool *ret_found);
NODISCARD Err *login_erase_all(const char *auth_file, const Cancel *cancel, Arena *a,
                               Str *ret_file);
