/*
 * provenance-internal.h - the predicate in its two parts.
 *
 *   provenance.c        what every mode tells
 *   provenance_steps.c  mode=max: the steps, where they stand, what layers they made
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/provenance.h"

/* "KEY": "VALUE", unless it is empty. */
void provenance_member(JsonWriter *w, const char *key, Str value);

/* --- provenance_steps.c --- */
/* "buildConfig": the steps, in the form of BuildKit's LLB. */
void provenance_write_steps(const Provenance *p, JsonWriter *w);
/* "source": the Dockerfile and the lines of each step; "layers": those after each step. */
void provenance_write_source(const Provenance *p, JsonWriter *w);
