#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A build that ends before its time: ^C, SIGTERM, kill -9 of the process at any moment.  No mount, no
# process, no half image stays, and the next build works.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1
cat >Dockerfile <<'D'
FROM alpine:edge AS one
RUN echo one > /one; (busybox sleep 300.PID & busybox sleep 300.PID)
FROM alpine:edge
RUN echo two > /two; busybox sleep 300.PID
COPY --from=one /one /one
D
sed -i "s/PID/$$/g" Dockerfile # others may run this test as well
sleepers() { pgrep -f -x "busybox sleep 300\.$$" | wc -l; }
before=$(decant images -a -q)

start() {
	# a shell starts its background jobs with SIGINT ignored, and decant would leave it so
	env --default-signal=INT,HUP "$DECANT" build --progress=plain --network=none -t img . >"$T/out" 2>&1 &
	PID=$!
	wait_until 120 eval '[ "$(sleepers)" -ge 3 ]' && return
	diag "the steps did not start" "$(cat "$T/out")"
}
gone() { wait_until 60 eval '[ "$(sleepers)" -eq 0 ]'; } # they would sleep for longer

for signal in INT TERM HUP; do
	start
	kill -$signal "$PID"
	wait "$PID"
	code=$?
	ok "SIG$signal ends it" gone
	is "SIG$signal: status" $code $((128 + $(kill -l $signal)))
	is "SIG$signal leaves nothing" "$(leftovers)" ""
done
start
kill -INT "$PID"
wait "$PID"
is "^C is status 130" $? 130

start
kill -KILL "$PID"
wait "$PID" 2>/dev/null
ok "kill -9 takes the steps with it" gone
is "no mount stays" "$(grep -F "$T" /proc/mounts)" ""
is "no image came out of all this" "$(decant images -a -q)" "$before"

sed -i 's/busybox sleep [0-9.]*/true/g' Dockerfile
run decant build --progress=plain --network=none -t img .
status "the next build works" 0
is "and reaps what the killed one left" "$(leftovers)" ""

# kill -9 at moments all over a short build: the store stays good
cat >Dockerfile <<'D'
FROM alpine:edge
ARG N
RUN echo $N > /n
COPY Dockerfile /x/
RUN mkdir -p /a/b/c && touch /a/b/c/d
D
bad=0
for i in $(seq 30); do
	"$DECANT" build -q --network=none --build-arg N="$i" -t img . >/dev/null 2>&1 &
	PID=$!
	sleep "0.0$((i * 3 % 10))$((i % 10))"
	kill -KILL "$PID" 2>/dev/null
	wait "$PID" 2>/dev/null
	decant images >/dev/null || bad=$((bad + 1))
done
is "the store opens after each of 30 kills" "$bad" 0
# without cache: a build in which nothing is missing looks at nothing, so it reaps nothing either
run decant build -q --no-cache --network=none --build-arg N=1 -t img .
status "and builds" 0
is "nothing is left" "$(leftovers)" ""
done_testing
