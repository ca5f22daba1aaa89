#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# exec: one more command in a running container, with its rights and no others.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

decant run -d --name box --hostname boxed -e A=1 -w /tmp alpine:edge sh -c 'echo from inside >/made; while :; do sleep 0.1; done' >/dev/null
timeout 120 bash -c 'until "$DECANT" exec box test -e /made; do sleep 0.1; done' 2>/dev/null
run decant exec box cat /made
is "its files" "$STATUS $OUT" "0 from inside"
is "its environment, directory, name" "$(decant exec box sh -c 'echo $A $PWD; hostname')" "1 /tmp
boxed"
is "-e and -w" "$(decant exec -e A=2 -e B=3 -w /etc box sh -c 'echo $A $B $PWD')" "2 3 /etc"
run decant exec box sh -c 'echo out; echo err >&2; exit 7'
is "both streams, the status" "$STATUS $OUT $ERR" "7 out err"
is "-i" "$(echo typed | decant exec -i box cat)" typed
is "without -i there is no input" "$(echo typed | decant exec box cat)" ""
is "its processes" "$(decant exec box sh -c 'tr "\0" " " </proc/1/cmdline | cut -c1-5')" "sh -c"
ok "is one of them" [ "$(decant exec box sh -c 'echo $$')" -gt 1 ]
is "-u" "$(decant exec -u 7:8 box sh -c 'id -u; id -g')" "7
8"
run decant exec box nope
is "not there" "$STATUS" 127
like "says so" "$ERR" "nope"
run decant exec -w /nope box true
ok "no such directory" [ "$STATUS" -ne 0 ]
like "says so" "$ERR" "working directory '/nope'"
run decant exec box sh -c 'kill -9 $$'
status "killed" 137
run decant exec nope true
status "no such container" 1
like "in docker's words" "$ERR" "No such container: nope"
run decant exec -d box sh -c 'echo left >/left; exec sleep 1000'
is "-d" "$STATUS $OUT" "0 "
ok "goes on" timeout 120 bash -c 'until "$DECANT" exec box grep -q left /left; do sleep 0.1; done' 2>/dev/null
like "-t" "$(decant exec -t box sh -c 'test -t 0 && test -t 1 && echo yes' </dev/null)" yes
run decant exec -it box true </dev/null
like "-it wants a terminal" "$ERR" "not a TTY"

# The rights of the container's own command, no others.
status_of() { grep -E '^(Cap|Seccomp:|NoNewPrivs)' | sort; }
inside=$(decant exec box cat /proc/1/status | status_of)
is "capabilities and filter as PID 1's" "$(decant exec box cat /proc/self/status | status_of)" "$inside"
is "nothing of the caller's is open" "$(decant exec box sh -c 'for n in 3 4 5 6 7 8 9; do test -L /proc/$$/fd/$n && echo $n; done; true' 8</etc/passwd)" ""
is "its root is no way out" "$(decant exec box ls /../../ | tr '\n' ' ')" "$(decant exec box ls / | tr '\n' ' ')"
namespaces() { for n in mnt pid net ipc uts user cgroup; do decant exec box readlink "/proc/$1/ns/$n"; done; }
is "its namespaces" "$(namespaces self)" "$(namespaces 1)"
run decant exec box mount -t tmpfs none /mnt
ok "nothing is mounted" [ "$STATUS" -ne 0 ]
decant run -d --name less --network none --cap-drop all --security-opt no-new-privileges --ulimit nofile=99 alpine:edge sleep 1000 >/dev/null
is "what was dropped stays dropped" "$(decant exec less sh -c 'sed -n "s/CapEff:[[:space:]]*//p;s/NoNewPrivs:[[:space:]]*//p" /proc/self/status; ulimit -n' | tr '\n' ' ')" "0000000000000000 1 99 "
decant rm -f less >/dev/null

decant exec box sleep 1000 &
sleeping=$!
timeout 120 bash -c 'until "$DECANT" exec box sh -c "grep -qs sleep.100[0] /proc/[0-9]*/cmdline"; do sleep 0.1; done' 2>/dev/null
run decant rm -f box
status "the container ends with commands in it" 0
wait $sleeping
is "they are killed" $? 137
run decant exec box true
status "it is gone" 1
decant run --name over --network none alpine:edge true
run decant exec over true
ok "not of one that has ended" [ "$STATUS" -ne 0 ]
like "says so" "$ERR" "is not running"
decant rm over >/dev/null
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""
done_testing
