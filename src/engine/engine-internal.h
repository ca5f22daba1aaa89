/*
 * engine-internal.h - what the files of engine/ share.
 *
 *   find.c      where it listens
 *   service.c   a podman that is started for us
 *   engine.c    opened, closed; one request, its answer as JSON
 *   ask.c       what it is, and which layers it has
 *   load.c      an archive into it
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"
#include "engine/engine.h"
#include "http/client.h"

#include <sys/types.h>

typedef struct EngineService {
	pid_t pid; /* 0: none */
	char dir[64], socket[80];
} EngineService;

typedef struct EngineAddress {
	Str text;           /* as the user would write it */
	const char *socket; /* NULL: over TCP */
	Str base;           /* "http://docker" */
} EngineAddress;

struct Engine {
	EngineKind kind;
	Arena arena;
	EngineAddress address;
	EngineService service;
	const Cancel *cancel;
	HttpClient *http;
	Str version; /* of the API, "v1.48"; "" until engine_ask() */
};

const char *engine_name(EngineKind kind); /* "docker", "podman" */

NODISCARD Err *engine_find(EngineKind kind, const char *host, Arena *a, EngineAddress *ret,
                           bool *ret_start);
/* Can one connect there?  Its errno, 0: yes. */
int engine_connect(const char *socket);

NODISCARD Err *engine_service_start(const Cancel *cancel, EngineService *ret);
void engine_service_stop(EngineService *s);

/* GET PATH ("images/json"): its JSON, to be freed.  *ret_status of answers that are no 2xx; *ret is
 * NULL then. */
NODISCARD Err *engine_get(Engine *e, Arena *a, const char *path, JsonValue **ret, int *ret_status);
/* ERR_NETWORK out of an answer's {"message": ...}. */
NODISCARD Err *engine_refusal(const Engine *e, const HttpResponse *response);

static inline void engine_json_freep(JsonValue **v)
{
	json_free(*v);
}
#define AUTO_ENGINE_JSON CLEANUP(engine_json_freep)
