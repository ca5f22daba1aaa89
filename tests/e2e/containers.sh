#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run, ps, logs, stop, rm: in the foreground, left behind, stopped, killed; and nothing stays.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
decant build -q -t app - >/dev/null <<'D'
FROM alpine:edge
ENV GREETING=hello
WORKDIR /srv
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo $GREETING from $PWD; exit 3"]
STOPSIGNAL SIGUSR1
D

containers() { find "$DECANT_ROOT/containers" -mindepth 1 -maxdepth 1 | wc -l; }
alive() { pgrep -fx "$1" >/dev/null; } # by the whole command line of what runs inside

# --- here and now ---------------------------------------------------------------------------------
run decant run --rm app
status "the image's own command" 3
is "its environment and directory" "$OUT" "hello from /srv"
run decant run --rm -e GREETING=bye -w /tmp app 'echo $GREETING from $PWD; echo oops >&2'
status "another command" 0
is "its output" "$OUT" "bye from /tmp"
is "its errors" "$ERR" "oops"
run decant run --rm --entrypoint /bin/echo app a b
is "another entrypoint drops CMD" "$OUT" "a b"
run decant run --rm --entrypoint "" app
status "nothing to run" 125
like "says so" "$ERR" "no command specified"
run decant run --rm --entrypoint /nope app
status "not found" 127
like "says what" "$ERR" "'/nope'"
run decant run --rm --entrypoint /etc app
status "not executable" 126
run decant run --rm app 'kill -9 $$; exit 5'
status "PID 1 is immune to itself" 5
run decant run --rm app 'sh -c "kill -9 \$\$"; exit $?'
status "a child that is killed" 137
is "standard input" "$(echo text | decant run -i --rm app cat)" text
is "no standard input unless asked" "$(echo text | decant run --rm app cat)" ""
is "a name in the directory" "$(decant run --rm -w /new/dir app pwd)" /new/dir
mkdir "$T/volume" && echo data >"$T/volume/file"
is "a volume" "$(decant run --rm -v "$T/volume:/v" app 'cat /v/file; echo more > /v/new')" data
is "written by the container" "$(cat "$T/volume/new")" more
run decant run --rm -v "$T/volume:/v:ro" app 'echo > /v/x'
like "a read-only volume" "$ERR" "Read-only file system"
run decant run --rm -v "$T/no/pe:/v" app 'echo made > /v/file'
is "a volume that is not there is made" "$STATUS $(cat "$T/no/pe/file")" "0 made"
run decant run --rm -v "$T/volume/file/x:/v" app true
status "one that cannot be" 125
like "names it" "$ERR" "'$T/volume/file"
run decant run --rm --mount "type=bind,source=$T/nope,target=/v" app true
is "--mount makes none" "$STATUS $([ -e "$T/nope" ] && echo made)" "125 "
like "... and names it" "$ERR" "'$T/nope'"
run decant run --rm -v /data app true
status "an anonymous volume" 125
like "... is refused with what to do instead" "$ERR" "HOST:CONTAINER.*--tmpfs"
ln -s "$DECANT" "$T/docker"
run "$T/docker" run --rm --entrypoint nope app
is "who cannot run it is told by the name it was called by" "$STATUS $ERR" "127 docker: cannot run 'nope': executable file not found in PATH"
is "user" "$(decant run --rm -u 12:34 app 'id -u; id -g' | tr '\n' ' ')" "12 34 "
is "host name" "$(decant run --rm -h box app hostname)" box
is "no network" "$(decant run --rm --network none app 'ls /sys/class/net')" lo
is "nothing stays" "$(containers) $(leftovers)" "0 "

run decant run --name kept app
status "one that is kept" 3
like "ps -a shows it" "$(decant ps -a)" "Exited \(3\).* kept$"
unlike "ps does not" "$(decant ps)" kept
is "its log" "$(decant logs kept)" "hello from /srv"
run decant run --name kept app
status "its name is taken" 125
like "says by whom" "$ERR" "'kept' is already in use"
run decant rm kept
status "rm" 0
run decant rm kept
status "rm again" 1
like "says so" "$ERR" "No such container: kept"

# --- signals ---------------------------------------------------------------------------------------
timeout 300 "$DECANT" run --rm app 'trap "echo got it; exit 9" TERM; echo up; while :; do sleep 0.01; done' >"$T/out" &
pid=$!
wait_until 60 grep -q up "$T/out"
kill -TERM $pid # timeout passes it on
wait $pid
is "a signal reaches the command" "$(tr '\n' ' ' <"$T/out")" "up got it "
"$DECANT" run --rm app "sleep 8765431.$$; true" &
pid=$!
wait_until 60 alive "sleep 8765431.$$"
kill -KILL $pid
wait $pid 2>/dev/null
ok "kill -9 takes all with it" wait_until 60 eval '! alive "sleep 8765431.$$"'
decant ps -a | grep -q 'Exited (137)' && decant rm "$(decant ps -aq)" >/dev/null
is "and it can be removed" "$(containers)" 0

# --- left behind -------------------------------------------------------------------------------------
run decant run -d --name server app 'trap "echo asked; exit 0" USR1; echo up; while :; do sleep 0.05; done'
status "run -d" 0
like "prints the ID" "$OUT" '^[0-9a-f]{64}$'
like "ps shows it" "$(decant ps)" "Up .* server$"
ok "its log" wait_until 60 eval '[ "$(decant logs server)" = up ]'
timeout 300 "$DECANT" logs -f server >"$T/followed" &
follower=$!
run decant rm server
status "rm of a running one" 3
run decant stop -t 5 server
status "stop" 0
like "by the image's STOPSIGNAL" "$(decant ps -a)" "Exited \(0\)"
wait $follower
is "logs -f ends with it" "$(tr '\n' ' ' <"$T/followed")" "up asked "
run decant stop server
status "stop of a stopped one" 0
decant rm server >/dev/null
run decant run -d --rm --name deaf --stop-timeout 600 app "sleep 8765432.$$; true"
start=$(date +%s)
run decant stop -t 1 deaf
status "stop of one that does not listen" 0
ok "after this timeout, not the container's own" [ $(($(date +%s) - start)) -le 120 ]
is "with --rm nothing stays" "$(containers) $(leftovers)" "0 "
ok "no process either" eval '! alive "sleep 8765432.$$"'
run decant run -d --name lost app "sleep 8765433.$$; true"
kill -KILL "$(head -n 1 "$DECANT_ROOT"/containers/*/container.json | jq .Pid)"
ok "a killed monitor takes its container along" wait_until 60 eval '! alive "sleep 8765433.$$"'
like "and is seen as ended" "$(decant ps -a)" "Exited \(137\).* lost$"
run decant rm lost
status "and can be removed" 0
run decant run -d --entrypoint /nope app
status "run -d of what is not there" 127
like "says so" "$ERR" "'/nope'"
decant ps -aq | xargs -r "$DECANT" rm -f >/dev/null
run decant run -d --name forced app "sleep 8765434.$$; true"
run decant rm -f forced
status "rm -f" 0
is "leaves nothing" "$(containers) $(leftovers)" "0 "

# --- published port ------------------------------------------------------------------------------------
port=$(free_port)
if [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; then
	run decant run -d --rm --name web -p "127.0.0.1:$port:8080" app 'echo welcome > /srv/index.html; httpd -f -p 8080 -h /srv'
	status "run -d -p" 0
	like "ps shows the port" "$(decant ps)" "127.0.0.1:$port->8080/tcp"
	ok "and it answers" wait_until 60 eval "[ \"\$(curl -s http://127.0.0.1:$port/)\" = welcome ]"
	run decant stop -t 1 web
	is "after stop nothing stays" "$(containers) $(leftovers)" "0 "
else
	skip "a published port" "no /dev/net/tun or no slirp4netns"
fi
done_testing
