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
RUN touch /begun && echo marker-begun && sleep 620.PID & sleep 621.PID
D
cat >ctx/Dockerfile.fails <<'D'
FROM alpine:edge
RUN (sleep 622.PID &) ; mkdir /left && exit 7
D
cat >ctx/Dockerfile.works <<'D'
FROM alpine:edge
RUN echo works >/it
D

sed -i "s/PID/$$/g" ctx/Dockerfile* # others may run this test as well
sleepers() { pgrep -x -f "sleep 62[0-2]\.$$"; }

# signal DESCRIPTION NAME WANTED_STATUS
# A shell starts its background jobs with SIGINT ignored; env gives it back.
signal() {
	local pid
	: >"$T/log" # what the one before wrote is no sign
	env --default-signal=INT,HUP "$DECANT" build --progress=plain -t interrupted ctx >"$T/log" 2>&1 &
	pid=$!
	wait_until 120 grep -q '^#[0-9]* [0-9.]* marker-begun' "$T/log"
	kill "-$2" "$pid"
	ok "$1: ends, ten minutes before its commands" wait_until 60 eval "! kill -0 $pid 2>/dev/null"
	wait "$pid"
	STATUS=$? ERR=$(cat "$T/log") OUT=
	status "$1: exit status" "$3"
	wait_until 60 eval '[ -z "$(sleepers)" ]' # whom nobody waits for, the kernel ends by itself
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
