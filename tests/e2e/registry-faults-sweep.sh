#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wrong bytes at many places of what a registry sends: nothing of them becomes visible.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
fault_start


# R01 a blob that ends after k bytes, with the right Content-Length and with a wrong one; resumed, then refused
sweep=() k=0
for k in 0 1 2 3 7 18 511 512 1024 4096 65535 65536 $(seq 1 10 | sed "s/$/*$LAYER_BYTES\/11/" | bc) $((LAYER_BYTES - 2)) $((LAYER_BYTES - 1)); do
	sweep+=("cut-$k" "cutlen-$k")
done
is "R01 cut at ${#sweep[@]} places" "$(fault_sweep "${sweep[@]}")" ""

# R02 one flipped bit, at each 64th
for what in layer manifest config; do
	mapfile -t sweep < <(seq -f "flip-$what-%g" 0 63)
	is "R02 a flipped bit in the $what, at 64 places" "$(fault_sweep "${sweep[@]}")" ""
done
# the server was there all the time: what was refused was refused for its bytes
taken good "the same image, whole"
done_testing
