#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# K11, K12, K21: eight processes on one store that build, pull, tag, remove, collect, save, load, read and run, and are killed and
# stopped in between; tests/lib/stress.py has the whole of it.  `make torture FAMILY=stress` does the same for ten minutes.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3 busybox
seconds=${STRESS_SECONDS:-30}
stress() { # WHOSE COMMAND...: by which decant runs as somebody
	local whose=$1
	shift
	"$@" python3 "$E2E_ROOT/tests/lib/stress.py" --base "$(base_tar)" --decant "$DECANT" --seconds "$seconds" >"$T/out" 2>&1
	tap_of "$T/out" 3 "$whose"
}

stress "" env
[ "$(id -u)" -ne 0 ] || stress ", as an ordinary user" as_user
done_testing
