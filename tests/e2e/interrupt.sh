#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ^C, a kill and a failing step leave nothing: no process, no mount, nothing in tmp/, no image; and the
# next build works at once.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

mkdir ctx
cat >ctx/Dockerfile <<'D'
FROM alpine:edge
RUN touch /begun && echo marker-begun && sleep 20.5 & sleep 21.5
D
cat >ctx/Dockerfile.fails <<'D'
FROM alpine:edge
RUN (sleep 22.5 &) ; mkdir /left && exit 7
D
cat >ctx/Dockerfile.works <<'D'
FROM alpine:edge
RUN echo works >/it
D

sleepers() { pgrep -x -f 'sleep 2[0-2].5'; }

# signal DESCRIPTION NAME WANTED_STATUS
# A shell starts its background jobs with SIGINT ignored; env gives it back.
signal() {
	local pid i
	env --default-signal=INT "$DECANT" build --progress=plain -t interrupted ctx >"$T/log" 2>&1 &
	pid=$!
	for i in $(seq 100); do
		grep -q '^#.* marker-begun' "$T/log" && break
		sleep 0.1
	done
	kill "-$2" "$pid"
	for i in $(seq 50); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	ok "$1: ends within 5 s" [ "$i" -lt 50 ]
	wait "$pid"
	STATUS=$? ERR=$(cat "$T/log") OUT=
	status "$1: exit status" "$3"
	sleep 0.2
	is "$1: no process" "$(sleepers)" ""
	run decant images -q interrupted
	is "$1: no image" "$OUT" ""
	run decant build -q --no-cache -f ctx/Dockerfile.works ctx
	status "$1: the next build works" 0
	is "$1: nothing is left behind" "$(leftovers)" ""
}

signal "^C" INT 130
signal "SIGTERM" TERM 143
signal "kill -9" KILL 137

run decant build -t failing -f ctx/Dockerfile.fails ctx
status "a RUN that fails" 1
is "a RUN that fails: no process" "$(sleepers)" ""
run decant images -q failing
is "a RUN that fails: no image" "$OUT" ""
is "a RUN that fails: nothing is left behind" "$(leftovers)" ""
done_testing
