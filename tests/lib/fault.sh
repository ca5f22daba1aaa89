# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The fault registry (tests/lib/fault-registry.py) for end-to-end tests; sourced after e2e.sh.
#
#   fault_start             starts it, with the image of the OCI layout $FAULT_LAYOUT if that is set; sets $FAULT (HOST:PORT), $OTHER (port), $CONFIG, $INDEX, $MANIFEST, $LAYER, $LAYER_BYTES
#   fault_log               what was asked since the last fault_forget
#   fault_forget
#   store_names             names and layers in the store, one a line; nothing when it holds nothing

fault_start() {
	needs python3 busybox
	local image=(--layout "${FAULT_LAYOUT:-}")
	[ -n "${FAULT_LAYOUT:-}" ] || image=(--tar "$(base_tar)") || exit 1
	python3 "$E2E_ROOT/tests/lib/fault-registry.py" "${image[@]}" --info "$T/fault.info" --log "$T/fault.log" 2>"$T/fault.err" &
	E2E_PIDS+=("$!")
	local _
	for _ in $(seq 100); do
		[ -f "$T/fault.info" ] && break
		sleep 0.1
	done
	# shellcheck disable=SC1091
	. "$T/fault.info" || { diag "the fault registry does not start" "$(cat "$T/fault.err")"; exit 1; }
	# shellcheck disable=SC2034 # for the tests
	FAULT=127.0.0.1:$PORT
}

fault_log() { tail -n +"$((${FAULT_SEEN:-0} + 1))" "$T/fault.log"; }

fault_forget() { FAULT_SEEN=$(wc -l <"$T/fault.log"); }

store_names() {
	find "$DECANT_ROOT/refs" -type f -printf '%f\n' 2>/dev/null
	find "$DECANT_ROOT/layers" -mindepth 1 -maxdepth 1 -name '*.list' -printf '%f\n' 2>/dev/null
}
