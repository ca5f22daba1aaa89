/* users-internal.h - between the file of credentials and who asks. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "codec/sha256.h"
#include "server/users.h"

#include <crypt.h>
#include <pthread.h>

typedef enum ServerSecret { SECRET_NONE, SECRET_PASSWORD, SECRET_TOKEN } ServerSecret;

typedef struct ServerUser {
	Str name, hash; /* hash: of a password, as crypt(3) wants it */
	ServerSecret secret;
	Digest token;
	ServerGrant grant;
} ServerUser;

typedef struct ServerUserFile {
	Arena arena;
	VEC(ServerUser) users;
} ServerUserFile;

enum { REMEMBERED = 256 };

struct ServerUsers {
	char *path;
	pthread_mutex_t mutex; /* guards all below */
	ServerUserFile *file;
	int64_t mtime_ns, size; /* of the file that was read, or was wrong */
	uint64_t inode;
	void *libcrypt;
	char *(*crypt_r)(const char *password, const char *setting, struct crypt_data *data);
	uint8_t key[32]; /* drawn at the start: what is remembered is of no use elsewhere */
	Digest remembered[REMEMBERED]; /* passwords that were right: crypt(3) takes its time */
	size_t next;
};

NODISCARD Err *server_user_file_read(const char *path, ServerUserFile **ret);
void server_user_file_free(ServerUserFile *f);
NODISCARD Err *server_parse_rights(Str text, unsigned *ret);
bool server_where_ok(Str where);
bool server_user_name_ok(Str name);
