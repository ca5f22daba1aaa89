/*
 * provenance.h - how an image was made → a SLSA provenance predicate.
 *
 * WHAT     exec/ fills a Provenance while it builds; here it becomes JSON, with BuildKit's members
 *          and names, so that what reads BuildKit's provenance reads ours.
 * MIN      leaves out what may tell of people or their machines: values of build arguments and
 *          labels, ids of secrets, the Dockerfile's text, the steps
 * SECRETS  values of secrets never come here; user names and passwords in URLs are masked by
 *          whoever fills it
 * SOURCE   slsa.dev/spec/v1.1/provenance, slsa.dev/spec/v0.2/provenance; BuildKit
 *          docs/attestations/slsa-definitions.md
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/attest.h"

typedef struct ProvenanceDigest {
	const char *algorithm; /* "sha256", "sha1"; NULL: not known */
	Str hex;
} ProvenanceDigest;

typedef struct ProvenanceMaterial {
	Str uri;
	ProvenanceDigest digest;
} ProvenanceMaterial;

typedef struct ProvenancePair {
	Str key, value;
} ProvenancePair;

typedef struct ProvenanceId {
	Str id;
	bool optional;
} ProvenanceId;

typedef enum ProvenanceStepKind {
	PROVENANCE_SOURCE, /* .identifier: docker-image://, local://, git://, https:// */
	PROVENANCE_EXEC,
	PROVENANCE_COPY,
	PROVENANCE_MKDIR,
} ProvenanceStepKind;

typedef struct ProvenanceLayer {
	Digest diff_id;
	uint64_t tar_bytes;
} ProvenanceLayer;

typedef struct ProvenanceStep {
	ProvenanceStepKind kind;
	Str title;
	Str identifier;
	const Str *args, *env; /* EXEC: the command; COPY: args are the sources */
	size_t arg_count, env_count;
	Str path; /* EXEC: the working directory; COPY, MKDIR: the destination */
	Str user, network;
	bool insecure;
	const uint32_t *inputs; /* indexes of steps; the root file system first */
	size_t input_count;
	unsigned first_line, last_line; /* in the Dockerfile, from 1; 0: nowhere */
	const ProvenanceLayer *layers;  /* of the root file system after it */
	size_t layer_count;
} ProvenanceStep;

typedef struct Provenance {
	Str invocation_id; /* "" none */
	int64_t started_ns, finished_ns;
	ProvenanceMaterial config;  /* a remote context; uri "": a local one */
	Str config_path;            /* "Dockerfile" */
	const ProvenancePair *args; /* BuildKit's frontend options, by key */
	size_t arg_count;
	const ProvenanceId *secrets, *ssh; /* by id */
	size_t secret_count, ssh_count;
	const Str *locals; /* "context", "dockerfile" */
	size_t local_count;
	Str builder_platform;
	const ProvenanceMaterial *materials;
	size_t material_count;
	bool incomplete;              /* a material that is not known by a digest */
	bool network;                 /* a RUN could reach it */
	Str vcs_source, vcs_revision; /* of a local context; "" not known */
	/* mode=max: */
	const ProvenanceStep *steps;
	size_t step_count;
	Str dockerfile;
} Provenance;

/* Compact JSON. */
void provenance_format(const Provenance *p, const AttestSpec *spec, Buf *out);
/* The same, two blanks a level: for files. */
NODISCARD Err *provenance_format_file(Str compact, Buf *out);
/* Are all materials known (complete-materials=true)?  ERR_INPUT naming what is not. */
NODISCARD Err *provenance_check_complete(const Provenance *p);
