/*
 * config.h - the image config: what runs, and how the image came to be.
 *
 * WHAT     The docker-extended OCI config as a plain struct; read strictly, written canonically
 *          (fixed key order, Go's escapes) so that the same image has the same digest everywhere.
 * ORDER    That of BuildKit: members of the document sorted by name (architecture, author, config,
 *          created, decant.cache.v1, history, os, os.version, rootfs, variant), those of "config" in the order of the
 *          OCI structure (User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal
 *          ArgsEscaped Healthcheck OnBuild Shell); what is empty is left out.
 * HISTORY  After reading, entries that are not empty_layer are exactly as many as diff_ids, as
 *          BuildKit repairs it: too many are marked empty from the oldest on, missing ones are
 *          added at the end.  An image without any history stays so only if it has no layers.
 * ERRORS   ERR_INPUT naming the member ("config.Cmd: expected an array of strings")
 * SOURCE   OCI image-spec config.md; docker extras Healthcheck, Shell, OnBuild, ArgsEscaped
 * OWNS     everything lives in the arena that was given
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"
#include "oci/platform.h"

typedef struct Strs {
	Str *at;
	size_t count;
	bool set;   /* false: null or absent; true with count 0: [] */
	size_t cap; /* room that strs_push made; 0 if the array came from elsewhere */
} Strs;

typedef struct Label {
	Str key, value;
} Label;

/* No time was given: 0 is one, the first of SOURCE_DATE_EPOCH's. */
#define IMAGE_TIME_NONE INT64_MIN

typedef struct History {
	int64_t created_ns; /* IMAGE_TIME_NONE: none */
	Str created_by, author, comment;
	bool empty_layer;
} History;

typedef struct ImageConfig {
	Platform platform;
	Str os_version, author;
	int64_t created_ns; /* IMAGE_TIME_NONE: none */

	Str user, working_dir, stop_signal;
	Strs env; /* "K=V" in order */
	Strs entrypoint, cmd, shell, on_build;
	bool args_escaped;
	Strs exposed_ports;            /* "8080/tcp", sorted when written */
	Strs volumes;                  /* sorted when written */
	Label *labels;                 /* sorted by key when written */
	size_t label_count, label_cap; /* cap: as Strs.cap */
	Str healthcheck;               /* its JSON as read, "" if none */
	Str cache; /* member "decant.cache.v1" as JSON, "" if none: records of the image's layers */

	Digest *diff_ids;
	size_t diff_id_count;
	History *history;
	size_t history_count;
} ImageConfig;

NODISCARD Err *image_config_parse(Arena *a, Str json, const char *name, ImageConfig *ret);
void image_config_format(const ImageConfig *c, Buf *out);
/* Only the "config" member, as `image inspect --format '{{json .Config}}'` shows it. */
void image_config_format_run(const ImageConfig *c, Buf *out);
/* Has it the label of "KEY", or of "KEY=VALUE" with that value?  What --filter label= asks. */
bool image_config_has_label(const ImageConfig *c, const char *wanted);
/* Value of env variable NAME; false if not set. */
bool image_config_env(const ImageConfig *c, Str name, Str *ret_value);
/* Set NAME=VALUE in place (order kept) or append. */
void image_config_set_env(Arena *a, ImageConfig *c, Str name, Str value);
void image_config_set_label(Arena *a, ImageConfig *c, Str key, Str value);
/* The same for a KEY that is known to be new: no search. */
void image_config_add_label(Arena *a, ImageConfig *c, Str key, Str value);
/* A healthcheck as docker has it; times of 0 are left to the default. */
typedef struct Health {
	Strs test; /* { "NONE" }, { "CMD", argv ... }, { "CMD-SHELL", text } */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int64_t retries;
} Health;
void image_config_set_health(Arena *a, ImageConfig *c, const Health *health);
void strs_push(Arena *a, Strs *s, Str value);
/* A copy of *C whose arrays may be changed without touching C (texts are shared). */
ImageConfig image_config_fork(Arena *a, const ImageConfig *c);
