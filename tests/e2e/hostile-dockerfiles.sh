#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dockerfiles that want to hang or to fill the memory (D34, D35, D36).
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
python3 "$E2E_ROOT/tests/lib/hostile-dockerfiles" "$DECANT"
E2E_DONE=1
