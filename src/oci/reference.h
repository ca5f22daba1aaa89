/*
 * reference.h - image names: "golang:1.18.3-stretch", "localhost:5000/a/b@sha256:...".
 *
 * WHAT     Parses with docker's rules: a first part with '.' or ':' or "localhost" is the registry,
 *          else docker.io; docker.io names of one part get "library/"; no tag and no digest: "latest".
 * ERRORS   ERR_INPUT "invalid reference format: '...'", upper case: "repository name must be
 *          lowercase".  At most REFERENCE_BYTES_MAX bytes.
 * SOURCE   distribution/reference grammar; OCI distribution-spec "Pulling manifests"
 * OWNS     texts live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"

typedef struct Reference {
	Str domain; /* "docker.io", "localhost:5000" */
	Str path;   /* "library/golang" */
	Str tag;    /* "latest"; "" if only a digest was given */
	bool has_digest;
	Digest digest;
} Reference;

NODISCARD Err *reference_parse(Arena *a, Str text, Reference *ret);
/* "docker.io/library/golang:1.18" (with @digest if it has one): what refs are stored under. */
Str reference_full(Arena *a, const Reference *r);
/* The same without the tag where a digest says which image it is: what a pulled image is kept
 * under, since the tag may mean another one. */
Str reference_kept(Arena *a, const Reference *r);
/* What people type: no docker.io/, no library/. "golang:1.18" */
Str reference_familiar(Arena *a, const Reference *r);
Str reference_familiar_name(Arena *a, const Reference *r); /* without tag and digest */
