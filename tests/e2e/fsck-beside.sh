#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fsck beside commands that name images: between a name and index.json there is a moment, and that is no damage.  What lies in
# locks/ and is no lock of ours is found and moved away.
. "$(dirname "$0")/../lib/e2e.sh"
needs flock
base base:1
S=$DECANT_ROOT
within() { timeout 300 "$DECANT" "$@"; } # a hang is a failure with status 124

# --- a name is set, index.json not yet written: its writer waits for the lock of the layout
decant save --format oci -o "$T/x.tar" base:1 # its manifest is fixed: index.json lists it
like "the image is in index.json" "$(cat "$S/index.json")" 'base:1'
layout=$S/locks/layout/$(printf '0%.0s' {1..64})
exec {held}>>"$layout"
flock "$held"
"$DECANT" tag base:1 u:1 {held}>&- &
TAG=$!
E2E_PIDS+=("$TAG")
for _ in $(seq 1200); do # bounded: a name is a file with its name in it
	grep -qs '^name docker.io/library/u:1$' "$S"/refs/* && break
	sleep 0.05
done
ok "the name is there, and its writer waits" grep -qs '^name docker.io/library/u:1$' "$S"/refs/*
unlike "index.json has it not" "$(cat "$S/index.json")" '"u:1"'
"$DECANT" fsck >"$T/out" 2>&1 {held}>&- &
FSCK=$!
E2E_PIDS+=("$FSCK")
for _ in $(seq 40); do # one that does not wait for the lock ends with a verdict; one that waits, later
	kill -0 "$FSCK" 2>/dev/null || break
	sleep 0.05
done
exec {held}>&-
wait "$TAG"
is "the name is set" "$?" 0
wait "$FSCK"
said="$? $(cat "$T/out")"
like "fsck does not cry wolf" "$said" '^0 '
like "index.json has it now" "$(cat "$S/index.json")" 'u:1'

# --- who was killed in between left a difference for good
echo '{"schemaVersion":2,"manifests":[]}' >"$S/index.json"
run within fsck
like "a difference that stays is told" "$STATUS $OUT" '^5 .*index.json: is not what the names say'
run within fsck --repair
status "and repaired" 0
run within fsck
status "whole" 0

# --- locks
for kind in pack publish layout map; do
	mkdir -p "$S/locks/$kind" && echo foreign >"$S/locks/$kind/foreign"
done
lock=$S/locks/refs/$(printf '0%.0s' {1..64})
echo bytes >>"$lock"
: >"$S/locks/pack/$(printf 'a%.0s' {1..64})"
ln "$S/locks/pack/$(printf 'a%.0s' {1..64})" "$S/locks/map/$(printf 'b%.0s' {1..64})"
run within fsck
status "what is no lock" 5
for kind in pack publish layout map; do
	like "a foreign file in $kind" "$OUT" "locks/$kind/foreign: is nothing of a store"
done
like "a lock with bytes in it" "$OUT" 'locks/refs/0*: is a lock and has bytes in it'
like "a lock with two names" "$OUT" 'locks/pack/a*: is a lock and has other names'
like "and the other name" "$OUT" 'locks/map/b*: is a lock and has other names'
run within fsck --repair
status "what is no lock goes" 0
run within fsck
is "and all is whole" "$STATUS $(find "$S/locks" -name foreign | wc -l)" "0 0"
run within tag base:1 u:2
status "names are locked as before" 0
is "nothing is left behind" "$(leftovers)" ""
done_testing
