/*
 * users.h - who may do what: credentials from a file, against the Authorization of a request.
 *
 * FILE     Lines "NAME SECRET WHERE RIGHTS"; "#" begins a remark.  A name may have several lines.
 *            SECRET  $...          a password, hashed by crypt(3): mkpasswd, htpasswd -nB
 *                    sha256:<hex>  a token, hashed (it is random, so one round is enough)
 *                    -             none: what everybody may, also without credentials
 *            WHERE   *, PROJECT, or PROJECT/NAME of one repository
 *            RIGHTS  pull, push, delete with commas, or all
 *          It is read again when it has changed; one that then is wrong is told, and the old one stays.
 * TOKENS   in place of a password with any name, or as "Bearer TOKEN"
 * ERRORS   ERR_INPUT naming file and line; it must not be readable by others (a warning is no protection)
 * THREADS  all functions may be called from many threads
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "server/server.h"

typedef struct ServerUsers ServerUsers;

enum { SERVER_PULL = 1, SERVER_PUSH = 2, SERVER_DELETE = 4, SERVER_ALL_RIGHTS = 7 };

/* PATH is the user's. */
NODISCARD Err *server_users_open(const char *path, ServerUsers **ret);
void server_users_close(ServerUsers *u);

typedef enum ServerLogin {
	SERVER_ANONYMOUS, /* no credentials came */
	SERVER_KNOWN,
	SERVER_REFUSED, /* they are wrong */
} ServerLogin;

/* Whose request it is; lives in the arena that it was made in. */
typedef struct ServerWho {
	ServerLogin login;
	Str name;
	unsigned everywhere; /* rights that hold for every repository */
	const struct ServerGrant *grants;
	size_t grant_count;
} ServerWho;
typedef struct ServerGrant {
	Str where; /* "*", "project", "project/name" */
	unsigned rights;
} ServerGrant;

/* AUTHORIZATION: the header, "" if there is none.  *ret_trouble: the file was changed and is wrong;
 * the caller tells and frees it. */
void server_users_identify(ServerUsers *u, Str authorization, Arena *a, ServerWho *ret,
                           Err **ret_trouble);
/* What WHO may do in REPO ("project/name"). */
unsigned server_who_may(const ServerWho *who, Str repo);
/* May WHO pull anything of PROJECT? */
bool server_who_sees(const ServerWho *who, Str project);

/* --- login.c ---------------------------------------------------------------------------------- */
/* Who sends Q; U NULL: whoever it is may all.  LOG is told if the file cannot be read again. */
void server_login(ServerUsers *u, ServerRequest *q, void (*log)(void *context, Str line),
                  void *log_context, ServerWho *ret);
/* The header of a 401: how to log in. */
void server_ask_for_login(ServerReply *r);
/* A new token for NAME as a line of the file, which is made if absent.  *ret_token: what to hand
 * out; in A. */
NODISCARD Err *server_users_add_token(const char *path, Str name, Str where, Str rights, Arena *a,
                                      Str *ret_token);
