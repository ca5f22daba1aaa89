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

# K07: who has a step's lock, gc's and a scratch directory is stopped, not dead
base base
mkdir ctx
printf 'FROM base\nRUN --mount=type=cache,id=go,target=/go echo marker-a; until [ -e /go/on ]; do sleep 0.05; done; head -c 99 /dev/urandom >/a\n' >ctx/same
printf 'FROM base\nRUN --mount=type=cache,id=go,target=/go touch /go/on; echo b >/b\n' >ctx/other
"$DECANT" build --progress=plain --network=none -t a -f ctx/same ctx >"$T/a" 2>&1 &
a=$!
E2E_PIDS+=("$a")
wait_until 120 grep -q ' marker-a$' "$T/a"
kill -STOP "$a"
"$DECANT" build --progress=plain --network=none -t b -f ctx/same ctx >"$T/b" 2>&1 &
b=$!
E2E_PIDS+=("$b")
run timeout 300 "$DECANT" build -q --network=none -t c -f ctx/other ctx
status "K07 beside a build that is stopped another one goes on" 0
run timeout 300 "$DECANT" tag c d
status "K07 names can be given" 0
run timeout 300 "$DECANT" images -q
status "K07 images can be listed" 0
ok "K07 who wants the same step waits" kill -0 "$b"
kill -CONT "$a"
wait "$a"
is "K07 the stopped one ends well" "$?" 0
wait "$b"
is "K07 and who waited" "$?" 0
is "K07 with the same image" "$(decant image inspect --format '{{.Id}}' a)" "$(decant image inspect --format '{{.Id}}' b)"
is "K07 the step has run once" "$(grep -c 'CACHED' "$T/b")" 1
is "K07 nothing is left" "$(leftovers)" ""
done_testing
