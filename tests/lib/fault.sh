# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The fault registry (tests/lib/fault-registry.py) for end-to-end tests; sourced after e2e.sh.
#
#   fault_start             starts it, with the image of the OCI layout $FAULT_LAYOUT if that is set; sets $FAULT (HOST:PORT), $OTHER (port), $CONFIG, $INDEX, $MANIFEST, $LAYER, $LAYER_BYTES
#   fault_log               what was asked since the last fault_forget
#   fault_forget
#   refused FAULT WHY ABOUT [OPTION...]   a pull into a new store fails, says WHY, and leaves nothing
#   taken FAULT ABOUT [OPTION...]         a pull into a new store brings the image
#   store_names             names and layers in the store, one a line; nothing when it holds nothing

fault_start() {
	needs python3 busybox
	local image=(--layout "${FAULT_LAYOUT:-}")
	[ -n "${FAULT_LAYOUT:-}" ] || image=(--tar "$(base_tar)") || exit 1
	python3 "$E2E_ROOT/tests/lib/fault-registry.py" "${image[@]}" --info "$T/fault.info" --log "$T/fault.log" 2>"$T/fault.err" &
	E2E_PIDS+=("$!")
	wait_until 120 [ -f "$T/fault.info" ]
	# shellcheck disable=SC1091
	. "$T/fault.info" || { diag "the fault registry does not start" "$(cat "$T/fault.err")"; exit 1; }
	# shellcheck disable=SC2034 # for the tests
	FAULT=127.0.0.1:$PORT
	[ -n "${FAULT_LAYOUT:-}" ] || FAULT_DIFF_ID=$(sha256sum <"$(base_tar)" | cut -d' ' -f1)
}

fault_log() { tail -n +"$((${FAULT_SEEN:-0} + 1))" "$T/fault.log"; }

fault_forget() { FAULT_SEEN=$(wc -l <"$T/fault.log"); }

store_names() {
	find "$DECANT_ROOT/refs" -type f -printf '%f\n' 2>/dev/null
	find "$DECANT_ROOT/layers" -mindepth 1 -maxdepth 1 -name '*.list' -printf '%f\n' 2>/dev/null
}

fault_store() { # a new store; the old ones go at the end
	FAULT_STORES=$((${FAULT_STORES:-0} + 1))
	export DECANT_ROOT=$T/store$FAULT_STORES
	fault_forget
}

refused() {
	local fault=$1 why=$2 about=$3
	shift 3
	fault_store
	run decant pull "$@" "$FAULT/$fault/img"
	status "$about: fails" 4
	like "$about: says so" "$ERR" "$why"
	is "$about: nothing of it in the store" "$(fault_rest)" ""
	is "$about: nothing left over" "$(leftovers)" ""
}

# What a store has of the image: names, the layer, its blob, scratch files.  (The image's other layer may well be there: it is right.)
fault_rest() {
	find "$DECANT_ROOT/refs" "$DECANT_ROOT/tmp" -mindepth 1 -type f 2>/dev/null
	find "$DECANT_ROOT/layers" "$DECANT_ROOT/blobs" -name "${LAYER#sha256:}*" -o -name "${FAULT_DIFF_ID:-none}*" 2>/dev/null
}

taken() {
	local fault=$1 about=$2
	shift 2
	fault_store
	run decant pull -q "$@" "$FAULT/$fault/img"
	status "$about" 0
	is "$about: the image" "$(decant images -q --no-trunc "$FAULT/$fault/img")" "$CONFIG"
	ok "$about: its blob, byte for byte" cmp -s <(sha256sum <"$DECANT_ROOT/blobs/sha256/${LAYER#sha256:}") <(echo "${LAYER#sha256:}  -")
}

# FAULT...: each is pulled into a store of its own, several at once; prints those that did not fail as they should (status 4,
# nothing in the store).
fault_sweep() {
	local fault number=0
	sweep_one() {
		local root=$T/sweep/$2
		DECANT_ROOT=$root decant pull --retry 1 --retry-delay 1ms "$FAULT/$1/img" >/dev/null 2>"$T/sweep/$2.err"
		local status=$?
		[ "$status" -eq 4 ] && [ -z "$(DECANT_ROOT=$root fault_rest)" ] && ! grep -q 'connecting to' "$T/sweep/$2.err" || echo "$1: status $status, $(head -n 1 "$T/sweep/$2.err")"
	}
	mkdir -p "$T/sweep"
	for fault; do
		number=$((number + 1))
		sweep_one "$fault" "$number" &
		[ $((number % 8)) -ne 0 ] || wait_for_jobs
	done
	wait_for_jobs
	rm -rf "$T/sweep"
}

# All but the servers (E2E_PIDS), which do not end.
wait_for_jobs() {
	local pid
	for pid in $(jobs -p); do
		[[ " ${E2E_PIDS[*]} " == *" $pid "* ]] || wait "$pid"
	done
}
