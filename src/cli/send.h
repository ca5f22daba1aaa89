/*
 * send.h - images of the store → a docker or podman that runs here; `send` and `build --load=`.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "cli/transfer.h"
#include "engine/engine.h"
#include "export/export.h"

/* "docker" or "podman"; another word is a mistake on the command line. */
NODISCARD Err *send_parse_kind(Cli *cli, const char *word, EngineKind *ret);
/* What is sent, and what is shown of it. */
typedef struct SendRequest {
	Store *store;
	Engine *engine;
	const ExportImage *images;
	size_t count;
	Progress *progress;
	const PushListener *listener; /* may be NULL */
} SendRequest;
/* Layers that are there stay here; if that was not true after all, everything goes, once.
 * *RET: the lines that the other side said ("Loaded image: x:1").  After sandbox_enter(). */
NODISCARD Err *send_images(Cli *cli, const SendRequest *r, Str **ret, size_t *ret_count);
