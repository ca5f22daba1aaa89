#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container that has ended and whose files are being read: it does not run, and the process that has its old monitor's number today is let alone.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs flock
base alpine:edge

wait_for() { # seconds command...
	local tries=$(($1 * 20))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}
is_held() { ! flock -n "$folder/lock" true; }
change() { # an expression of sed: the record, sealed again
	sed -n "/^end /!{$1;p}" "$folder/container.json" >body
	printf 'end %s\n' "$(sha256sum <body | cut -d' ' -f1)" | cat body - >"$folder/container.json"
}
lives() { kill -0 "$stranger" 2>/dev/null; }

run decant run --name ended alpine:edge sh -c 'dd if=/dev/zero of=/big bs=1024 count=1024 2>/dev/null; exit 3'
status "it has run" 3
folder=$DECANT_ROOT/containers/$(decant inspect ended --format '{{.Id}}')
sleep 1000 &
stranger=$!
E2E_PIDS+=("$stranger")
change "s/\"Pid\":[0-9]*/\"Pid\":$stranger/"
like "another has its monitor's number" "$(head -n 1 "$folder/container.json")" "\"Pid\":$stranger,"

# An export that does not get on, since nobody reads.
mkfifo pipe
exec 9<>pipe
"$DECANT" export ended >pipe &
export=$!
ok "an export holds the lock" wait_for 60 is_held
like "it does not run" "$(decant ps -a --format '{{.State}} {{.Status}} {{.Names}}')" '^exited Exited \(3\).* ended$'
run decant stop -t 1 ended
is "stop: nothing to do" "$STATUS $ERR" "0 "
for signal in TERM KILL; do
	run decant kill -s $signal ended
	like "kill -s $signal" "$STATUS $ERR" "^3 .*it is not running"
done
ok "the stranger lives" lives
run timeout 60 "$DECANT" logs -f ended
status "logs -f does not wait for the export" 0
run decant wait ended
is "wait: its status" "$OUT" 3

# As one whose monitor was killed, and nobody looked since.
change 's/"Finished":[0-9]*/"Finished":0/'
is "no end is written down" "$(decant ps -a --format '{{.State}}')" exited
run decant stop -t 1 ended
is "stop" "$STATUS $ERR" "0 "
run decant kill ended
like "kill" "$STATUS $ERR" "^3 .*it is not running"
run decant exec ended true
like "exec" "$STATUS $ERR" "^3 .*is not running"
ok "the stranger lives on" lives
like "what cannot be written down while another has the lock is not" "$(head -n 1 "$folder/container.json")" '"Finished":0,'

run decant rm -f ended
like "rm -f, while it is read" "$STATUS $ERR" "^3 .*'ended' is in use"
ok "the stranger lives still" lives
ok "so does the container" [ -d "$folder/upper" ]
timeout 60 cat <&9 >exported &
reader=$!
wait $export
is "the export ends well" $? 0
exec 9<&-
kill $reader
run decant rm -f ended
status "rm -f" 0
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""
ok "but the stranger" lives
kill "$stranger"

# A record that does not tell which process it means: nobody is signalled.
decant run -d --name old alpine:edge sleep 1000 >/dev/null
folder=$DECANT_ROOT/containers/$(decant inspect old --format '{{.Id}}')
mark=$(sed -n 's/.*"PidMark":"\([^"]*\)".*/\1/p' "$folder/container.json")
like "the mark" "$mark" '^[0-9a-f-]{36} [0-9]+ [0-9]+$'
change 's/"PidMark":"[^"]*"/"PidMark":""/'
is "it is held to run" "$(decant ps --format '{{.Names}}')" old
for command in stop "rm -f" kill; do
	# shellcheck disable=SC2086 # words
	run decant $command old
	like "$command" "$STATUS $ERR" "^1 .*cannot reach the container's monitor"
done
change "s/\"PidMark\":\"\"/\"PidMark\":\"$mark\"/"
run decant rm -f old
is "with its mark it is ended" "$STATUS $(decant ps -aq)" "0 "
done_testing
