#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What run gives a container: published ports, devices, labels of files, limits of memory and processors; and a terminal, also to exec.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
with_pty() { run python3 "$E2E_ROOT/tests/lib/with-pty" "$DECANT" "$@"; }

# --- labels -----------------------------------------------------------------------------------------
printf '# a comment\n\nfrom=file\nboth=file\nbare\nspaces=a b=c \n' >labels
decant create --name labelled --label-file labels -l both=typed alpine:edge true >/dev/null
is "--label-file, and --label is stronger" "$(decant inspect labelled --format '{{json .Config.Labels}}')" '{"bare":"","both":"typed","from":"file","spaces":"a b=c "}'
is "they are filtered by" "$(decant ps -aq -f label=from=file | wc -l)" 1
run decant create --label-file nope alpine:edge true
is "one that is not there" "$STATUS $(grep -c "'nope'" <<<"$ERR")" "1 1"
mkdir inner && cp labels elsewhere && ln -s "$T/elsewhere" link && mkfifo pipe
labels() { # FILE: created in inner/, with the labels of FILE
	(cd inner && "$DECANT" create --name given --label-file "$1" alpine:edge true >/dev/null && "$DECANT" inspect given --format '{{.Config.Labels.from}}' && "$DECANT" rm given >/dev/null)
}
is "--label-file: an absolute path" "$(labels "$T/elsewhere")" file
is "--label-file: ../" "$(labels ../elsewhere)" file
is "--label-file: a link" "$(labels ../link)" file
is "--label-file: a pipe of the shell" "$(labels <(cat labels))" file
timeout 60 cp labels pipe &
is "--label-file: a named pipe" "$(labels ../pipe)" file
wait $!
is "--label-file: a device" "$(labels /dev/null)" "<no value>"
run decant create --label-file /dev/zero alpine:edge true
like "--label-file: one without an end" "$STATUS $ERR" "^[1-9][0-9]* .*'/dev/zero' is too large"
run decant create --label-file inner alpine:edge true
like "--label-file: a directory" "$STATUS $ERR" "^[1-9][0-9]* .*'inner'"
printf '=x\n' >labels
run decant create --label-file labels alpine:edge true
ok "a line without a name" [ "$STATUS" -ne 0 ]
decant rm labelled >/dev/null

# --- devices ----------------------------------------------------------------------------------------
is "--device under another name" "$(decant run --rm --network none --device /dev/zero:/dev/own alpine:edge sh -c 'head -c 4 /dev/own | wc -c; test -c /dev/own && echo device' | tr '\n' ' ')" "4 device "
is "under its own" "$(decant run --rm --network none --device /dev/full alpine:edge sh -c 'echo x 2>/dev/null >/dev/full || echo full')" full
run decant run --rm --network none --device /dev/nope alpine:edge true
is "one that is not there" "$STATUS $(grep -c "/dev/nope" <<<"$ERR")" "125 1"
run decant run --rm --network none --device "$T/labels" alpine:edge true
ok "what is no device" [ "$STATUS" -ne 0 ]

# --- ports ------------------------------------------------------------------------------------------
if [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; then
	port=$(free_port) other=$(free_port)
	printf 'FROM alpine:edge\nEXPOSE %s %s/udp\nCMD ["sh", "-c", "echo welcome >/index.html; httpd -f -p %s -h /"]\n' "$port" "$other" "$port" | decant build -q -t exposing - >/dev/null
	id=$(decant run -d --rm --name all -P exposing)
	is "-P: a port of the image under its own number" "$(decant port all "$port/tcp") $(decant port all "$other/udp")" "0.0.0.0:$port 0.0.0.0:$other"
	is "port shows all" "$(decant port "$id" | sort)" "$(printf '%s/tcp -> 0.0.0.0:%s\n%s/udp -> 0.0.0.0:%s\n' "$port" "$port" "$other" "$other" | sort)"
	is "and it answers" "$(timeout 120 bash -c "until curl -s http://127.0.0.1:$port/; do sleep 0.05; done")" welcome
	run decant port all 1
	ok "no such port" [ "$STATUS" -ne 0 ]
	decant stop -t 1 all >/dev/null
else
	skip "-P" "no /dev/net/tun or no slirp4netns"
fi

# --- memory and processors ----------------------------------------------------------------------------
is "they are kept" "$(decant create --name limited -m 64m --cpus 1.5 alpine:edge true >/dev/null && decant inspect limited --format '{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}}')" "67108864 150000 100000"
decant rm limited >/dev/null
while IFS='|' read -r options text; do
	# shellcheck disable=SC2086  # words
	run decant run --rm $options alpine:edge true
	like "$options is refused" "$STATUS $(tr '\n' ' ' <<<"$ERR")" "^125 .*$text"
done <<'L'
-m 1k|the least is 6m
-m lots|invalid
--cpus x|invalid
--cpus 0.001|0.01 or more
L
# What is beyond it is killed, or it is said that nothing is limited.
eat='dd if=/dev/zero of=/dev/shm/f bs=1M count=40 2>/dev/null; echo $?'
run decant run --rm --network none -m 20m --memory-swap 20m --shm-size 100m alpine:edge sh -c "$eat"
if [ -n "$ERR" ]; then
	like "-m: where it cannot be limited that is said" "$ERR" '^WARNING: memory and processors are not limited: '
	is "once, and it runs" "$(grep -c WARNING <<<"$ERR") $OUT" "1 0"
else
	like "-m: who takes more is killed" "$OUT" '^(137|Killed)'
	decant run -d --name half --network none --cpus 0.5 alpine:edge sleep 1000 >/dev/null
	group=$(sed -n 's/^0::\(.*decant-.*\)/\1/p; s/^[0-9]*:cpu[^:]*:\(.*decant-.*\)/\/cpu\1/p' "/proc/$(decant inspect half --format '{{.State.Pid}}')/cgroup" | head -n 1)
	like "--cpus" "$(cat "/sys/fs/cgroup$group/cpu.max" "/sys/fs/cgroup$group/cpu.cfs_quota_us" 2>/dev/null)" '^50000'
	decant rm -f half >/dev/null
fi
if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
	refused() { run unshare --mount sh -c 'mount -t tmpfs -o ro none /sys/fs/cgroup && exec "$@"' - "$DECANT" "$@"; }
	refused run --rm --network none -m 64m alpine:edge echo ran
	is "without cgroups: a warning, and it runs" "$STATUS $OUT $(grep -c '^WARNING: memory and processors are not limited: .*/sys/fs/cgroup' <<<"$ERR") $(wc -l <<<"$ERR")" "0 ran 1 1"
	refused run -d --name left --network none --cpus 1 alpine:edge true
	is "one that is left behind as well" "$STATUS $(grep -c '^WARNING: ' <<<"$ERR")" "0 1"
	decant wait left >/dev/null
	refused start -a left
	is "and when it is started again" "$STATUS $(grep -c '^WARNING: ' <<<"$ERR")" "0 1"
	decant rm left >/dev/null
	refused run --rm --network none alpine:edge echo ran
	is "none without limits" "$OUT $ERR" "ran "
else
	skip "without cgroups" "needs root"
fi

# --- a terminal ---------------------------------------------------------------------------------------
loop='trap "stty size" WINCH; trap "exit 7" INT; stty size; while :; do sleep 0.05; done'
with_pty run --rm -it --network none alpine:edge sh -c "$loop" <<'S'
expect 24 80
resize 50 132
expect 50 132
resize 10 20
expect 10 20
send \x03
S
status "the window's size reaches the container, at first and as it changes; ^C is the command's" 7
decant run -d --name box --network none alpine:edge sleep 1000 >/dev/null
with_pty exec -it box sh -c "$loop" <<'S'
expect 24 80
resize 40 100
expect 40 100
send \x03
S
status "of exec -it as well" 7
with_pty exec -it box sh -c 'read -r line; echo "got $line"; test -t 0 && test -t 1 && test -t 2 && exit 8' <<'S'
send typed\n
expect got typed
S
status "what is typed comes to it" 8
# It is one of the container's own /dev/pts: what has only its name finds it.
opens='tty && test -c "$(tty)" && echo again >"$(tty)"'
is "exec -t: tty names it" "$(decant exec -t box sh -c "$opens" </dev/null)" $'/dev/pts/0\r\nagain\r'
is "exec -t -u: it is the user's" "$(decant exec -t -u 1000 box sh -c "$opens" </dev/null)" $'/dev/pts/0\r\nagain\r'
is "run -t: tty names it" "$(decant run --rm -t --network none alpine:edge sh -c "$opens; test -c /dev/console && echo console" </dev/null)" \
	$'/dev/pts/0\r\nagain\r\nconsole\r'
is "run -t -u: it is the user's" "$(decant run --rm -t -u 1000:1000 --network none alpine:edge sh -c "$opens" </dev/null)" $'/dev/pts/0\r\nagain\r'
run decant run --rm -t --network none alpine:edge nope </dev/null
like "run -t: of no command" "$STATUS $OUT$ERR" "^127 .*'nope'"
run decant exec -t box nope </dev/null
like "exec -t: of no command" "$STATUS $OUT$ERR" "^127 .*'nope'"
decant rm -f box >/dev/null
# Root in the container decides what /dev/ptmx is.
decant run -d --name sly --network none alpine:edge sleep 1000 >/dev/null
decant exec sly sh -c 'rm /dev/ptmx && ln -s /dev/null /dev/ptmx'
run timeout 60 "$DECANT" exec -t sly true </dev/null
like "exec -t: where /dev/ptmx is something else" "$STATUS $ERR" "^1.* error: cannot open a pseudo-terminal"
run timeout 60 "$DECANT" exec sly true
status "... without -t nothing is asked of it" 0
decant rm -f sly >/dev/null
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""
done_testing
