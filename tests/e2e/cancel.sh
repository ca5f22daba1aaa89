#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever a build is doing, ^C ends it in less than a second, and nothing is left: no process, no mount, no file.
# interrupt.sh has what a signal does to a RUN that listens to it.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
needs python3
fault_start

# A server that takes every connection and never says a word.
python3 -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(s.accept())
' >mute.port &
E2E_PIDS+=("$!")
wait_until 60 [ -s mute.port ]
MUTE=127.0.0.1:$(cat mute.port)

OTHERS= # what belongs to a build that goes on
UNDO=   # files that a run to the end makes

start() { # ARGUMENT...: in the background
	: >"$T/log"
	# shellcheck disable=SC2086 # a list
	rm -rf $UNDO
	begin=$(date +%s%N)
	env --default-signal=INT,TERM,HUP "$DECANT" "$@" >"$T/log" 2>&1 &
	pid=$!
}

since() { # ms from $1
	echo $((($(date +%s%N) - $1) / 1000000))
}

# interrupt NAME SIGNAL STATUS WHEN ARGUMENT...
# WHEN: seconds from the start ("0.3"), or what has to be in the log ("/marker").  A machine that is done by then does it
# again and is interrupted in the middle of what it took.  One that was busy elsewhere when the signal came is asked again:
# what takes long by itself takes long each time.
interrupt() {
	local name=$1 limit
	shift
	for _ in 1 2 3 4; do
		interrupt_once "$@" || return
		limit=$(prompt_ms)
		if [ "$STATUS" -ne "$2" ] || [ "$TOOK" -lt "$limit" ]; then break; fi
	done
	status "$name: exit status" "$2"
	ok "$name: in less than a second ($TOOK ms)" [ "$TOOK" -lt "$limit" ]
	is "$name: nothing is left" "$(comm -23 <(leftovers | sort) <(sort <<<"$OTHERS"))" ""
}

interrupt_once() { # SIGNAL STATUS WHEN ARGUMENT...: $STATUS, $TOOK
	local signal=$1 when=$3 pid begin took sent=
	shift 3
	for _ in 1 2 3 4 5; do
		start "$@"
		if [ "${when#/}" != "$when" ]; then
			wait_until 120 eval 'grep -q -- "${when#/}" "$T/log" || ! kill -0 "$pid" 2>/dev/null'
		else
			sleep "$when"
		fi
		kill "-$signal" "$pid" 2>/dev/null && sent=$(date +%s%N) && break
		[ "${when#/}" = "$when" ] || break
		start "$@"
		wait "$pid"
		took=$(since "$begin")
		when=$((took / 2000)).$(printf %03d $((took / 2 % 1000)))
	done
	if [ -z "$sent" ]; then
		diag "$(cat "$T/log")"
		ok "$name: still at work when the signal comes" false
		wait "$pid"
		return 1
	fi
	wait "$pid"
	STATUS=$? TOOK=$(since "$sent") ERR=$(cat "$T/log") OUT=
}

# All processes of the other build have begun: none has come for a second.
none_begins() {
	local same=0 now
	while [ "$same" -lt 4 ]; do
		now=$(leftovers)
		same=$((same + 1))
		[ "$now" = "$OTHERS" ] || same=0
		OTHERS=$now
		sleep 0.25
	done
}

build() { # Dockerfile text on stdin: ctx/NAME
	mkdir -p ctx
	cat >"ctx/$1"
}

# --- before anything runs
build resolve <<<"FROM $FAULT/slow-60000/img"
interrupt "asking a registry" INT 130 0.3 build -f ctx/resolve ctx
build several <<D
FROM $FAULT/slow-60000/one AS one
FROM $FAULT/slow-60000/two AS two
FROM scratch
COPY --from=one / /
COPY --from=two / /
D
interrupt "asking for several images" TERM 143 0.3 build -f ctx/several ctx
build mute <<<"FROM $MUTE/img"
interrupt "a registry that says nothing" HUP 129 0.3 build -f ctx/mute ctx
build pull <<<"FROM $FAULT/stall/img
RUN true"
interrupt "pulling a layer" INT 130 0.7 build -f ctx/pull ctx
build add <<<"FROM scratch
ADD http://$MUTE/file /"
interrupt "ADD of a URL" INT 130 0.3 build -f ctx/add ctx
if command -v git >/dev/null; then
	interrupt "a git repository" INT 130 0.5 build "http://$MUTE/repository.git"
	is "no git is left" "$(pgrep -f "http://$MUTE/repository.git")" ""
fi

base alpine:edge

# --- files of the context
mkdir big
truncate -s 6G big/file
build big <<<"FROM scratch
COPY file /"
interrupt "reading a big file of the context" INT 130 0.4 build -f ctx/big big
rm -r big
mkdir medium
truncate -s 400M medium/file
decant build -q -f ctx/big -t warm medium >/dev/null
decant rmi warm >/dev/null
interrupt "writing the layer of a COPY" TERM 143 0.2 build --no-cache -f ctx/big medium
rm -r medium
mkdir many
for d in $(seq 15); do
	mkdir "many/$d"
	(cd "many/$d" && seq 500 | xargs touch)
done
build many <<<"FROM alpine:edge
COPY . /files
RUN true"
interrupt "a context of 7,500 files" INT 130 0.1 build -f ctx/many many
interrupt "writing 7,500 files" INT 130 0.3 build --no-cache -f ctx/many many

# --- RUN
build stubborn <<'D'
FROM alpine:edge
RUN trap '' TERM INT HUP; (setsid sh -c "trap '' TERM HUP; sleep 661.PID" &) ; echo marker-stubborn; sleep 662.PID; sleep 663.PID
D
sed -i "s/PID/$$/g" ctx/stubborn # others may run this test as well
interrupt "a RUN that ignores signals, with a session of its own below" TERM 143 "/ marker-stubborn" build --progress=plain -f ctx/stubborn ctx
is "none of its processes is left" "$(pgrep -x -f "sleep 66[123]\.$$")" ""
build commit <<'D'
FROM alpine:edge
RUN truncate -s 6G /big && echo marker-written
D
interrupt "reading what a RUN left" INT 130 "/ marker-written" build --progress=plain -f ctx/commit ctx
build files <<'D'
FROM alpine:edge
RUN mkdir /f && cd /f && seq 20000 | xargs touch && echo marker-files && sleep 0.05
D
interrupt "listing what a RUN left" INT 130 "/ marker-files" build --progress=plain -f ctx/files ctx

# --- waiting for somebody else
build slow <<'D'
FROM alpine:edge
RUN echo marker-slow; sleep 664
D
"$DECANT" build --progress=plain -f ctx/slow ctx >"$T/other" 2>&1 &
other=$!
wait_until 120 grep -q '^#[0-9]* [0-9.]* marker-slow' "$T/other"
none_begins
interrupt "waiting for another build's step" INT 130 0.4 build -f ctx/slow ctx
build cache <<'D'
FROM alpine:edge
RUN --mount=type=cache,id=one,sharing=locked,target=/c echo marker-slow; sleep 664
D
e2e_stop "$other"
: >"$T/other" # what the one before wrote is no sign
"$DECANT" build --progress=plain -f ctx/cache ctx >"$T/other" 2>&1 &
other=$!
wait_until 120 grep -q '^#[0-9]* [0-9.]* marker-slow' "$T/other"
sed -i 's/marker-slow/another/' ctx/cache
none_begins
interrupt "waiting for a cache" TERM 143 0.4 build -f ctx/cache ctx
e2e_stop "$other"
OTHERS=
mkfifo secret
build secret <<'D'
FROM alpine:edge
RUN --mount=type=secret,id=s,required cat /run/secrets/s
D
sleep 600 3<>secret >/dev/null &
E2E_PIDS+=("$!")
interrupt "waiting for a secret" INT 130 0.4 build -f ctx/secret --secret id=s,src=secret ctx

# --- what comes after the steps
mkdir large
head -c 60000000 /dev/urandom | tee large/1 large/2 large/3 >large/4
build large <<'D'
FROM scratch
COPY . /
D
run decant build -q -f ctx/large -t "$FAULT/up-slow/large" -t large large
status "a large image" 0
UNDO="large.tar large.oci"
interrupt "compressing for an archive" INT 130 0.3 save -o large.tar large
ok "saving: no archive is left" [ ! -e large.tar ]
is "saving: no part of one is left" "$(find . -maxdepth 1 -name '*large.tar*')" ""
interrupt "compressing for a registry" TERM 143 0.3 push "$FAULT/up-slow/large"
interrupt "an output" INT 130 0.3 build -f ctx/large --no-cache -o type=oci,dest=large.oci large
is "an output: no part of one is left" "$(find . -maxdepth 1 -name '*large.oci*')" ""
decant save -q -o /dev/null large 2>/dev/null # its blobs are there now
interrupt "an upload" INT 130 0.5 push "$FAULT/up-slow/large"

# --- the second signal does not wait
start build --progress=plain -f ctx/stubborn ctx
wait_until 120 grep -q '^#[0-9]* [0-9.]* marker-stubborn' "$T/log"
limit=$(($(prompt_ms) - 700))
begin=$(date +%s%N)
kill -INT "$pid"
kill -INT "$pid" 2>/dev/null
wait "$pid"
# shellcheck disable=SC2034 # for status
STATUS=$? ERR=$(cat "$T/log")
took=$((($(date +%s%N) - begin) / 1000000))
status "a second ^C: exit status" 130
ok "a second ^C: at once ($took ms)" [ "$took" -lt "$limit" ]
wait_until 60 eval '! pgrep -x -f "sleep 66[123]\.$$" >/dev/null' # whom nobody waits for, the kernel ends by itself
is "a second ^C: no process of the RUN" "$(pgrep -x -f "sleep 66[123]\.$$")" ""
run decant build -q --no-cache - <<'D'
FROM alpine:edge
RUN true
D
status "the next build works" 0
is "and leaves nothing of the one before" "$(leftovers)" ""

# --- an error ends the other steps
build siblings <<'D'
FROM alpine:edge AS a
RUN trap '' TERM; echo one; sleep 665.PID; sleep 666.PID
FROM alpine:edge AS b
RUN echo two; sleep 0.3; exit 9
FROM alpine:edge
COPY --from=a /etc/passwd /
COPY --from=b /etc/passwd /
D
sed -i "s/PID/$$/g" ctx/siblings
begin=$(now_ms)
run decant build --progress=plain -f ctx/siblings --target b ctx
alone=$(($(now_ms) - begin))
for _ in 1 2 3 4; do
	begin=$(now_ms)
	run decant build --progress=plain -f ctx/siblings ctx
	took=$(($(now_ms) - begin)) limit=$((alone + $(prompt_ms)))
	[ "$took" -ge "$limit" ] || break
done
status "a step that fails beside one that sleeps" 1
ok "a step that fails ends it within a second ($took ms, $alone by itself)" [ "$took" -lt "$limit" ]
is "the sleeping one is gone" "$(pgrep -x -f "sleep 66[56]\.$$")" ""
like "it is the failing one that is told" "$ERR" "exit (code|status):? ?9|status 9"
done_testing
