#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# K06: whatever a command does, a signal, a closed pipe or a terminal that goes away ends it at once and leaves nothing.  40 times by
# chance, 200 in `make torture FAMILY=signals`; cancel.sh and interrupt.sh have chosen moments, tests/lib/signals.py the whole of this.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3 busybox docker-registry
# shellcheck disable=SC2119 # its argument is optional
registry_start
python3 "$E2E_ROOT/tests/lib/signals.py" --base "$(base_tar)" --push "$REGISTRY" --decant "$DECANT" --times "${SIGNALS_TIMES:-40}" >"$T/out" 2>&1
tap_of "$T/out" 2
done_testing
