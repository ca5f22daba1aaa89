/* plan_dump.h - a plan as text, for tests: stable, one fact a line, nothing left out. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plan/plan.h"

void plan_dump(const Plan *plan, Buf *out);
