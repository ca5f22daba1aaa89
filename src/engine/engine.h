/*
 * engine.h - a docker or podman that runs here: what images it has, and an archive into it.
 *
 * WHERE    docker: HOST, else $DOCKER_HOST, else the context that docker uses ($DOCKER_CONTEXT, or
 *          currentContext of its config.json), else /var/run/docker.sock, else the rootless one
 *          below $XDG_RUNTIME_DIR.  podman: HOST, else $CONTAINER_HOST, else its socket, else a
 *          `podman system service` that ends with the Engine.
 *          unix:///PATH and tcp://HOST:PORT are spoken to; ssh:// and TLS are refused with advice.
 * LAYERS   Which layers need not be sent depends on how the other side keeps them: EngineStore.
 * ERRORS   ERR_NETWORK naming the socket and what to do; ERR_INPUT for a bad HOST
 * SOURCE   Docker Engine API v1.24 to v1.51; moby image/tarexport/load.go, daemon/containerd;
 *          containers/image storage/storage_dest.go (TryReusingBlob).  docs/interchange.md
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/cancel.h"
#include "codec/digest.h"

typedef struct Engine Engine;

typedef enum EngineKind { ENGINE_DOCKER, ENGINE_PODMAN } EngineKind;

/* What makes a layer one that is there already. */
typedef enum EngineStore {
	ENGINE_STORE_CHAINS, /* docker's own store: the same layers below it, as in one of images */
	ENGINE_STORE_BLOBS,  /* docker with containerd's: the same blob, as in one of manifests */
	ENGINE_STORE_LAYERS, /* podman: the same diff ID, in any image */
} EngineStore;

typedef struct EngineImage {
	Digest *diff_ids; /* from the bottom up */
	size_t count;
} EngineImage;

typedef struct EngineImages {
	EngineStore store;
	EngineImage *images; /* CHAINS, LAYERS */
	size_t image_count;
	Digest *manifests; /* BLOBS, LAYERS: all that they name is there */
	size_t manifest_count;
} EngineImages;

/* Find it (HOST NULL: by itself) and see that somebody listens.  Single-threaded callers, before
 * sandbox_enter(): podman may be started, and must not be inside. */
NODISCARD Err *engine_open(EngineKind kind, const char *host, const Cancel *cancel, Engine **ret);
void engine_close(Engine *e);
/* "unix:///var/run/docker.sock": for messages. */
const char *engine_address(const Engine *e);
/* Version, kind of store, images: into A.  ERR_INPUT if it is too old or something else. */
NODISCARD Err *engine_ask(Engine *e, Arena *a, EngineImages *ret);

/* One line of what the other side says of the load: "Loaded image: x:1". */
typedef void EngineSaid(void *context, Str line);
/* The archive that comes from FD (a pipe, to its end) becomes images there.  *BROKEN is looked at
 * where FD ends: true, and the load is given up, for the archive was not whole. */
NODISCARD Err *engine_load(Engine *e, int fd, const int *broken, EngineSaid *said, void *context);

static inline void engine_closep(Engine **e)
{
	if (*e)
		engine_close(*e);
}
#define AUTO_ENGINE CLEANUP(engine_closep)
