/*
 * registry.h - images in an OCI registry: resolve, fetch, push.
 *
 * WHAT     One Registry is a session: HTTP client, credentials (~/.docker/config.json or
 *          $DOCKER_CONFIG, podman's auth files), mirrors and insecure registries (a JSON file with
 *          docker's keys), token cache.  It moves verified bytes; it knows nothing of the store.
 * ERRORS   ERR_NOT_FOUND  no such repository or tag ("docker.io/library/x:y: not found")
 *          ERR_DENIED     401/403 after trying the credentials (note: which file was looked in)
 *          ERR_NETWORK    unreachable, timeouts, 5xx after retries (note: which host, mirror)
 *          ERR_CORRUPT    digest or size does not match, wrong shapes: never cached, never visible
 * RULES    docker.io means registry-1.docker.io; loopback registries (localhost, 127.*, [::1]) are
 *          tried over plain HTTP when HTTPS fails, others only if listed in "insecure-registries".
 *          Credentials go only to the host they are for, and to its token realm only over https (or
 *          the same plain-http loopback host).
 * CONFIG   $DECANT_CONFIG, else /etc/decant/config.json and ~/.config/decant/config.json:
 *          {"registry-mirrors": ["https://m"], "insecure-registries": ["h:5000", "10.0.0.0/8"]}
 *          (registry-mirrors are for docker.io, as in dockerd; "mirrors" for any registry).
 *          $DECANT_REGISTRY_MIRRORS, $DECANT_REGISTRY_MAP and $DECANT_INSECURE_REGISTRIES, with
 *          commas, come before them; certs.c and docs/registries.md have the rest.
 * SOURCE   OCI distribution-spec 1.1; docker token authentication spec
 * THREADS  all functions may be called from many threads
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "base/progress.h"
#include "codec/stream.h"
#include "oci/manifest.h"
#include "oci/reference.h"

typedef struct Registry Registry;

NODISCARD Err *registry_open(const Cancel *cancel,
                             Registry **ret); /* reads the config files, no network */
void registry_close(Registry *r);
/* DOMAIN ("h:5000") may speak plain http, or have any certificate, as if listed in
 * "insecure-registries"; before anything is asked of it. */
void registry_trust(Registry *r, Str domain);

typedef struct RegistryImage {
	Str manifest_json; /* of the image for the platform (an index was resolved) */
	Digest manifest_digest;
	Manifest manifest;
	Str config_json;
	Digest top_digest; /* of what the tag names: the index, or the manifest itself */
	Str index_json;    /* of what the tag names, if it is an index; else "" */
} RegistryImage;

/* --retry, --retry-delay and --stall-timeout of the command line for each registry_open() after it:
 * the environment of this process.  NULL: not given; ERR_INPUT names the option. */
NODISCARD Err *patience_set(const char *retry, const char *retry_delay, const char *stall_timeout);

/* Manifest and config of REF for PLATFORM, digests verified. */
NODISCARD Err *registry_resolve(Registry *r, const Reference *ref, const Platform *platform,
                                Arena *a, RegistryImage *ret);
/* The same of what need not be an image: any type of config, at most IMAGE_CONFIG_BYTES_MAX. */
NODISCARD Err *registry_resolve_any(Registry *r, const Reference *ref, const Platform *platform,
                                    Arena *a, RegistryImage *ret);
/*
 * Stream a blob.  The Reader verifies size and digest: its last read fails with ERR_CORRUPT if they
 * do not match.  Broken transfers are resumed by Range.  LINE gets progress_bytes.
 */
NODISCARD Err *registry_fetch_blob(Registry *r, const Reference *ref, const Descriptor *d,
                                   Progress *progress, unsigned line, Reader **ret);
/*
 * How many mirrors have been dropped because a blob of theirs was wrong as a whole.  Its bytes are
 * with the reader by then, so nobody can go on in its middle; but who sees this number grow after
 * an ERR_CORRUPT may fetch again from the beginning: another will be asked.
 */
unsigned registry_dropped(const Registry *r);
NODISCARD Err *registry_has_blob(Registry *r, const Reference *ref, const Digest *digest,
                                 bool *ret);
/*
 * Upload a blob whose digest and size are known, unless the registry has it.  OPEN gives a fresh
 * Reader of the bytes and may be called again for a retry.  FROM: a repository ("library/x") of the
 * same registry to try a cross-repository mount from, or "".
 */
typedef Err *RegistryOpenFn(void *context, Reader **ret);
typedef enum RegistryPushed { REGISTRY_PUSHED, REGISTRY_EXISTS, REGISTRY_MOUNTED } RegistryPushed;
NODISCARD Err *registry_push_blob(Registry *r, const Reference *ref, const Descriptor *d, Str from,
                                  RegistryOpenFn *open, void *context, Progress *progress,
                                  unsigned line, RegistryPushed *ret);
/* PUT the manifest under ref's tag (or, without tag, its digest). */
NODISCARD Err *registry_push_manifest(Registry *r, const Reference *ref, Str media_type, Str json,
                                      Digest *ret_digest);
/* The same under its digest, for a manifest with a "subject".  *ret_listed: the registry has put it
 * into the subject's list of referrers (OCI-Subject). */
NODISCARD Err *registry_push_artifact(Registry *r, const Reference *ref, Str media_type, Str json,
                                      bool *ret_listed);
/* What REF's tag names in the registry that is pushed to, no mirror; "" if there is none. */
NODISCARD Err *registry_read_manifest(Registry *r, const Reference *ref, Arena *a, Str *ret);
/* The same to look at, of any type: what its digest or tag means; "" if there is none. */
NODISCARD Err *registry_read_document(Registry *r, const Reference *ref, Arena *a, Str *ret);
/* Can REF's registry be reached at all within TIMEOUT_MS?  For the demo's probe. */
NODISCARD Err *registry_ping(Registry *r, const Reference *ref, unsigned timeout_ms);

static inline void registry_closep(Registry **r)
{
	if (*r)
		registry_close(*r);
}
#define AUTO_REGISTRY CLEANUP(registry_closep)
