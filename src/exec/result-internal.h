/*
 * result-internal.h - what is said of an image, in its parts.
 *
 *   result_attest.c      which attestations are asked for; they are kept
 *   result_provenance.c  request and materials
 *   result_steps.c       which steps an image is made of; as provenance tells them
 *   result_sbom.c        what is looked through
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

/* What the directory of CopyArgs.context INDEX is called. */
Str result_context_name(const Build *b, uint32_t index);
/* Does STEP take files of that directory? */
bool result_uses_context(const Build *b, const Step *step, uint32_t index);
/* PROV's steps: those of STEPS, in the order of the plan, after the directories they take from. */
NODISCARD Err *result_provenance_steps(Build *b, const bool *steps, Provenance *prov);
