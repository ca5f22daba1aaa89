#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A container's life in docker's words: create, start, restart, kill, wait, attach, rename, port, logs --tail; one with a terminal left behind.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

run decant create --name made -e X=1 alpine:edge sh -c 'echo hello $X; echo more >>/file; wc -l </file; exit 7'
status "create" 0
like "prints the ID" "$OUT" '^[0-9a-f]{64}$'
like "ps -a shows it" "$(decant ps -a)" ' Created .* made$'
run decant logs made
is "it has not run" "$OUT" ""
run decant start made
status "start" 0
is "prints its name" "$OUT" made
is "wait prints the status" "$(decant wait made)" 7
is "it has run as it was asked for" "$(decant logs made | tr '\n' ' ')" "hello 1 1 "
run decant start -a made
status "start -a ends with its status" 7
is "and its files are as it left them" "$(tail -1 <<<"$OUT")" 2
run decant restart made
status "restart" 0
is "wait of one that has ended, or will" "$(decant wait made)" 7
is "logs --tail" "$(decant logs --tail 1 made)" 3
is "logs -n 2" "$(decant logs -n 2 made | tr '\n' ' ')" "hello 1 3 "
is "logs -n 0" "$(decant logs -n 0 made)" ""
is "logs --tail all" "$(decant logs --tail all made | wc -l)" 6
run decant rename made renamed
status "rename" 0
like "has the new name" "$(decant ps -a)" ' renamed$'
unlike "alone" "$(decant ps -a)" ' made$'
run decant rename renamed 'a/b'
ok "but no bad one" [ "$STATUS" -ne 0 ]
run decant rm renamed
status "rm" 0
for command in start restart stop kill wait attach port; do
	run decant $command nope
	status "$command of none" 1
	like "$command says so" "$ERR" "No such container: nope"
done

decant create --name one -l a=b -l c= alpine:edge true >/dev/null
decant run --name two -l a=x alpine:edge sh -c 'exit 4'
# shellcheck disable=SC2016 # a template's
is "a label by its name" "$(decant ps -a -f name=one --format '{{.Label "a"}}|{{.Label "none"}}|')" "b||"
is "... titled with its last part" "$(decant ps -f name=none --format 'table {{.Label "org.an_owner"}}')" "an owner"
is "the names that Go has" "$(decant inspect -f '{{.ID}}' one)" "$(decant inspect -f '{{.Id}}' one)"
is "ps -f label" "$(decant ps -a -f label=a=b --format '{{.Names}}')" one
is "a label's name alone" "$(decant ps -a -f label=a --format '{{.Names}}' | sort | tr '\n' ' ')" "one two "
is "all labels" "$(decant ps -aq -f label=a=x -f label=c)" ""
is "-f exited, without -a" "$(decant ps -f exited=4 --format '{{.Names}}')" two
is "-f status" "$(decant ps -f status=created --format '{{.Names}}')" one
is "-f name, any of two" "$(decant ps -a -f name=on -f name=tw --format '{{.Names}}' | wc -l)" 2
is "-f ancestor" "$(decant ps -aq -f ancestor=alpine | wc -l)$(decant ps -aq -f ancestor=nope)" 2
is "-l" "$(decant ps -l --format '{{.Names}} {{.Labels}} {{.State}}')" "two a=x exited"
is "-n" "$(decant ps -n 2 -q | wc -l)" 2
run decant ps -f nope=1
status "no such filter" 2
for bad in status=bogus health=bogus exited=x publish=0 expose=80-70 expose=80/sctp; do
	run decant ps -f "$bad"
	is "no such value: $bad" "$STATUS $(head -n 1 <<<"$ERR")" "2 error: invalid filter '$bad'"
done
listed() { decant ps -a "$@" --format '{{.Names}}' | sort | tr '\n' ' '; }
is "-f before" "$(listed -f before=two)" "one "
is "-f since" "$(listed -f since=one)" "two "
run decant ps -f since=nobody
like "... of what is not there" "$ERR" "No such container: nobody"
is "-f health: none is checked" "$(listed -f health=none)$(listed -f health=healthy)" "one two "
is "-f network" "$(listed -f network=none -f network=bridge -f network=host)$(listed -f network=nope)" "one two "
decant create --name three -p 127.0.0.1:8080:80 -v "$T:/v:ro" -e X=1 -l a=1 -l a=2 -m 64m alpine:edge echo hi >/dev/null
is "inspect tells what it was asked for" "$(decant inspect three --format '{{.State.Status}} {{json .Config.Env}} {{json .Config.Cmd}} {{.Config.Labels.a}} {{.HostConfig.Memory}} {{json .HostConfig.PortBindings}} {{range .Mounts}}{{.Destination}} {{.RW}}{{end}}')" \
	'created ["X=1","PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] ["echo","hi"] 2 67108864 {"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]} /v false'
is "-f volume: of the host, or in the container" "$(listed -f "volume=$T")$(listed -f volume=/v)$(listed -f volume=/)" "three three "
is "-f publish: the host's port" "$(listed -f publish=8080)$(listed -f publish=8000-8090/tcp)$(listed -f publish=80)$(listed -f publish=8080/udp)" "three three "
is "-f expose: the container's" "$(listed -f expose=80/tcp)$(listed -f expose=8080)" "three "
decant rm one two three >/dev/null

# --- while it runs ----------------------------------------------------------------------------------
decant run -d --name alive --stop-signal USR2 alpine:edge sh -c 'trap "echo one" USR1; trap "echo two; exit 5" USR2; trap "exit 6" HUP; echo up; while :; do sleep 0.05; done' >/dev/null
ok "it is up" wait_until 60 eval 'decant logs alive | grep -q up'
run decant start alive
status "start of a running one is nothing" 0
run decant kill -s USR1 alive
status "kill -s" 0
ok "reaches it" wait_until 60 eval 'decant logs alive | grep -q one'
run decant kill -s NOPE alive
ok "no such signal" [ "$STATUS" -ne 0 ]
id=$(decant ps -q --no-trunc)
decant attach "$id" >attached &
attached=$!
decant wait "$id" >waited &
waiting=$!
decant rename alive still
run decant stop still
status "stop by its own signal" 0
wait $waiting
is "wait ends with it" "$(cat waited)" 5
wait $attached
is "attach has its status" $? 5
like "and shows it" "$(cat attached)" two
like "it keeps its new name" "$(decant ps -a)" 'Exited \(5\).* still$'
decant start still >/dev/null
run decant stop -s HUP still
is "stop -s" "$(decant wait still)" 6
decant rm -f still >/dev/null
decant run -d --name term -it alpine:edge sh -c 'tty; cat' >/dev/null
ok "a terminal, left behind" wait_until 60 eval 'decant logs term | grep -q /dev/pts/0'
run decant kill term
is "kill" "$(decant wait term)" 137
run decant kill term
like "a second time" "$ERR" "not running"
decant rm term >/dev/null
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""

id=$(decant run -d --rm --network none alpine:edge sh -c 'trap "exit 9" USR1; while :; do sleep 0.05; done')
"$DECANT" wait "$id" >waited &
waiting=$!
timeout 120 bash -c 'until ls /proc/'$waiting'/fd -l 2>/dev/null | grep -q "/lock$"; do sleep 0.05; done'
until decant kill -s USR1 "$id" >/dev/null 2>&1 && timeout 1 tail --pid=$waiting -f /dev/null; do kill -0 $waiting 2>/dev/null || break; done
wait $waiting
is "wait of one that is removed as it ends" "$(cat waited)" 9

# --- what it is given -----------------------------------------------------------------------------
mkdir dir && echo data >dir/file && printf 'A=1\n# no\n\nB=two words\nHOME\n' >env.txt
is "--env-file" "$(decant run --rm --env-file env.txt -e A=2 alpine:edge sh -c 'echo $A $B $HOME')" "2 two words $HOME"
is "--env-file: an absolute path, a pipe" "$(decant run --rm --env-file "$T/env.txt" --env-file <(echo A=3) alpine:edge sh -c 'echo $A $B')" "3 two words"
run decant run --rm --mount "type=bind,src=$T/dir,dst=/d,readonly" alpine:edge sh -c 'cat /d/file; echo >/d/x'
is "--mount type=bind" "$OUT" data
like "readonly" "$ERR" "Read-only"
is "--tmpfs" "$(decant run --rm --tmpfs /t:size=1m alpine:edge sh -c 'df -k /t | tail -1 | tr -s " " | cut -d" " -f2')" 1024
is "--mount type=tmpfs" "$(decant run --rm --mount type=tmpfs,dst=/t,tmpfs-size=2m alpine:edge sh -c 'df -k /t | tail -1 | tr -s " " | cut -d" " -f2')" 2048
run decant run --rm --mount type=volume,src=x,dst=/t alpine:edge true
status "no volumes" 125
run decant run --rm --read-only --tmpfs /tmp alpine:edge sh -c 'echo a >/tmp/x && cat /tmp/x; echo >/x'
is "--read-only, but for what is mounted" "$OUT" a
like "the root is" "$ERR" "Read-only"
like "--add-host" "$(decant run --rm --network none --add-host db:1.2.3.4 alpine:edge cat /etc/hosts)" '^1\.2\.3\.4[[:space:]]db$'
is "--dns" "$(decant run --rm --network none --dns 9.9.9.9 --dns-search x.y alpine:edge cat /etc/resolv.conf)" "nameserver 9.9.9.9
search x.y"
is "--cap-drop ALL" "$(decant run --rm --network none --cap-drop all --cap-add chown alpine:edge sed -n 's/CapEff:[[:space:]]*//p' /proc/self/status)" 0000000000000001
is "--cap-drop" "$(decant run --rm --network none --cap-drop CAP_CHOWN alpine:edge sed -n 's/CapEff:[[:space:]]*//p' /proc/self/status)" 00000000a80425fa
run decant run --rm --cap-add NOPE alpine:edge true
status "no such capability" 125
is "no-new-privileges" "$(decant run --rm --network none --security-opt no-new-privileges alpine:edge sed -n 's/NoNewPrivs:[[:space:]]*//p' /proc/self/status)" 1
is "seccomp=unconfined" "$(decant run --rm --network none --security-opt seccomp=unconfined alpine:edge sed -n 's/Seccomp:[[:space:]]*//p' /proc/self/status)" 0
is "--ulimit" "$(decant run --rm --network none --ulimit nofile=99 alpine:edge sh -c 'ulimit -n')" 99
is "--shm-size" "$(decant run --rm --network none --shm-size 1m alpine:edge sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2')" 1024
is "--group-add" "$(decant run --rm --network none --user 7:7 --group-add 77 --group-add root alpine:edge id -G | tr " " "\n" | sort -n | tr "\n" " ")" "0 7 77 "
run decant run --rm --restart always alpine:edge true
status "--restart" 125
like "says what to do" "$ERR" systemd
run decant run --rm --gpus all alpine:edge true
like "--gpus says what to do" "$ERR" "--device"
run decant run --rm -q --pull never --init --sig-proxy --log-driver none alpine:edge true
status "what has no effect" 0
like "is said where it may be missed" "$ERR" "log-driver has no effect"
run decant run --rm --cidfile id alpine:edge true
status "--cidfile" 0
like "has the ID" "$(cat id)" '^[0-9a-f]{64}$'
run decant run --rm --cidfile id alpine:edge true
status "it must not be there" 125
run decant run -d --rm --cidfile id2 --name port --network none alpine:edge sleep 100
is "of one left behind" "$(cat id2)" "$OUT"
decant rm -f port >/dev/null
is "and nothing stays" "$(decant ps -aq)$(leftovers)" ""
# --- removed while it starts: whoever runs it ends as by any kill, never by a signal of ours ---
bad=''
for i in $(seq 25); do
	"$DECANT" run --name quick --network none alpine:edge sleep 60 >/dev/null 2>quick.err &
	running=$!
	while kill -0 $running 2>/dev/null; do "$DECANT" rm -f quick >/dev/null 2>&1; done
	wait $running
	got=$?
	case $got in 137 | 125) ;; *) bad+="$i: status $got $(cat quick.err)"$'\n' ;; esac
done
is "rm -f of one that just starts" "$bad" ""
is "and nothing is left" "$(decant ps -aq)$(leftovers)" ""
done_testing
