/*
 * pull.h - an image of a registry → the store.
 *
 * WHAT     Resolves, then downloads, verifies, inflates and extracts all layers at once, each into
 *          its own directory; keeps the compressed blobs for pushing again: a blob is fetched also
 *          if its layer is here in another form (packed otherwise, or imported), else the manifest
 *          would name what is not there.  What is here already is not fetched.  The ref moves when everything is in place.
 *          Two processes pulling the same layer do it once (store_lock "layer").
 * ERRORS   those of registry/registry.h; ERR_CORRUPT for a layer whose content, media type or diff ID
 *          is not what manifest and config say (nothing of it is visible then)
 * ROOT     both need sandbox_enter()
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/progress.h"
#include "exec/image.h"
#include "registry/registry.h"

typedef struct PullResult {
	RegistryImage image;
	bool was_here; /* nothing had to be fetched and the name was this image's */
} PullResult;

/* How a command shows each layer: docker's "abc123: Pull complete". May be NULL; called by one
 * thread at a time. */
typedef struct PullListener {
	void (*layer)(void *context, Str short_id, Str status);
	void *context;
} PullListener;

NODISCARD Err *pull_image(Store *s, Registry *r, const Reference *ref, const Platform *platform,
                          Progress *progress, const PullListener *listener, const Cancel *cancel,
                          Arena *a, PullResult *ret);
/* Who has the blobs of an image. */
typedef struct PullSource {
	/* The blob D as a stream that fails at its end if it is not what D says.  Called by several
	 * threads.  LINE gets progress_bytes. */
	Err *(*open)(void *context, const Descriptor *d, Progress *progress, unsigned line,
	             Reader **ret);
	/* How many places with wrong bytes it has left behind: after one more, a layer that was
	 * ERR_CORRUPT is asked for again.  NULL: there is but one place. */
	unsigned (*dropped)(const void *context);
	void *context;
} PullSource;

/* The layers of an image, called NAME, that SOURCE has; not the blobs of those that are here. */
NODISCARD Err *pull_layers_from(Store *s, const PullSource *source, const char *name,
                                const RegistryImage *image, Progress *progress,
                                const PullListener *listener, const Cancel *cancel);
/* Are all layers of M here as the blobs that it names?  What stays under a name needs them. */
bool pull_has_blobs(Store *s, const Manifest *m);
/* The layers of an image that was resolved before, with their blobs; no ref is set.  For FROM in a
 * build. */
NODISCARD Err *pull_layers(Store *s, Registry *r, const Reference *ref, const RegistryImage *image,
                           Progress *progress, const PullListener *listener, const Cancel *cancel);
/* One layer that SOURCE has as BLOB, unless it is here; MARKS as LayerApply has them.  LINE gets
 * its progress. */
NODISCARD Err *pull_layer_from(Store *s, const PullSource *source, const Descriptor *blob,
                               const Digest *diff_id, const Str *marks, Progress *progress,
                               unsigned line, const Cancel *cancel);
