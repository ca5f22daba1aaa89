#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the command line does beside the commands: signals, closed outputs, terminals.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs script
base box:1

mkdir ctx
cat >ctx/Dockerfile <<'D'
FROM box:1
RUN echo working; sleep 600
D

# The first signal ends the build with everything it started; the exit status says so.
for signal in INT TERM HUP; do
	# a shell's background job has SIGINT ignored, which decant would respect
	: >out # what it wrote before is no sign
	env --default-signal=INT,HUP "$DECANT" build --progress=plain ctx >out 2>&1 &
	pid=$!
	wait_until 120 grep -qE '^#[0-9]+ [0-9.]+ working$' out
	kill "-$signal" "$pid"
	wait "$pid"
	is "SIG$signal: exit status" $? $((128 + $(kill -l $signal)))
	like "SIG$signal: the user is told" "$(cat out)" '^cancelling: '
	like "SIG$signal: the step is cancelled" "$(cat out)" 'CANCELED'
	is "SIG$signal: nothing is left" "$(leftovers)" ""
done

run decant load </dev/null
like "load of nothing" "$ERR" 'requested load from stdin, but stdin is empty'
like "images -q: 12 digits" "$(decant images -q box:1)" '^[0-9a-f]{12}$'

# Outputs that end early, or are full.
exec 5> >(exec true)
wait $!
(decant help >&5; echo $? >status)
exec 5>&-
is "a reader that is gone: SIGPIPE, as any filter" "$(cat status)" 141
(decant help; echo $? >status) 2>err | true
is "... without a word" "$(cat err)" ""
(decant save box:1; echo $? >status) 2>err | head -c5 >/dev/null
is "save | head: SIGPIPE" "$(cat status)" 141
is "... without a word" "$(cat err)" ""
decant help >/dev/full 2>err
is "a full disk: exit status" $? 1
like "... is told" "$(cat err)" 'No space left on device'

# A terminal gets the live display and its cursor back; a pipe gets no escape sequence at all.
printf 'FROM box:1\nRUN printf "\\033[31mred\\033[0m\\n"; sleep 0.5\n' >ctx/Dockerfile
TERM=xterm script -qec "$DECANT build --no-cache ctx" typescript >/dev/null 2>&1
is "on a terminal: exit status" $? 0
like "on a terminal: a live header" "$(cat typescript)" '\[\+\] Building .* FINISHED'
is "the cursor is hidden as often as shown" "$(grep -o $'\033\\[?25l' typescript | wc -l)" "$(grep -o $'\033\\[?25h' typescript | wc -l)"
ok "it was hidden" grep -q $'\033\\[?25l' typescript
printf 'FROM box:1\nRUN false\n' >ctx/Dockerfile
for style in auto plain json; do
	run decant build --no-cache --progress=$style ctx
	status "style $style: exit status" 1
	ok "style $style: no escape codes in a pipe" [ "${ERR//$'\033'/}" = "$ERR" ]
done

# A long RUN does not bury its exit code.
printf 'FROM box:1\nRUN exit 7; : %s\n' "$(printf 'x%.0s' $(seq 900))" >ctx/Dockerfile
run decant build ctx
like "a long RUN: cut" "$ERR" 'error: process ".{200}\.\.\." did not complete successfully: exit code: 7'
unlike "a long RUN: the line and its mark are cut too" "$(sed -n '/^ctx.Dockerfile\|^Dockerfile/,$p' <<<"$ERR")" '[x~]{220}'
printf 'FROM box:1\nRUN false\n' >ctx/Dockerfile

# --quiet prints the ID alone, and still explains a failure.
run decant build -q ctx
is "-q: nothing on standard output" "$OUT" ""
like "-q: the error" "$ERR" 'Dockerfile:2:1: error: process'
# A full disk says whose, how full, and what to do.
if [ "$(id -u)" = 0 ]; then
	mkdir small full
	head -c 6000000 /dev/urandom >full/big
	printf 'FROM scratch\nCOPY big /\n' >full/Dockerfile
	mount -t tmpfs -o size=4m tmpfs small
	run decant --root "$T/small/store" build full
	status "a full disk: exit status" 1
	umount small
	like "a full disk: what could not be done" "$ERR" 'No space left on device'
	unlike "a full disk: in words" "$ERR" "'a (layer )?blob'"
	like "a full disk: the store" "$ERR" "note: the store '$T/small/store' has [0-9.]+ ?[kMG]?B free"
	like "a full disk: what to do" "$ERR" "decant rmi.*--root DIR"
fi

# What is full is not the store.
printf 'FROM scratch\nCOPY box /\n' >ctx/Dockerfile
echo x >ctx/box
decant build -q -t full:1 ctx >/dev/null
for line in 'save full:1' 'build -q -o type=tar,dest=- ctx' 'build -q -o type=oci,dest=- ctx' 'images'; do
	# shellcheck disable=SC2086 # words
	decant $line >/dev/full 2>err
	is "$line: nothing fits: status" $? 1
	like "$line: it is standard output" "$(cat err)" "^error: cannot write to standard output: No space left on device"
	unlike "$line: the store has no part in it" "$(cat err)" "store"
done
for line in 'save -o /dev/full full:1' 'build -q --iidfile /dev/full ctx' 'build -q -o type=oci,dest=/dev/full ctx'; do
	# shellcheck disable=SC2086
	run decant $line
	like "$line: a file is full" "$ERR" "^error: cannot write '/dev/full': No space left on device"
	unlike "$line: and not the store" "$ERR" "the store"
done
done_testing
