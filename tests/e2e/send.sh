#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `decant send` and `build --load=`: into a docker with either of its stores and into a podman, layers that are there are not
# sent; what goes wrong there is told.  The engines are our own (tests/lib/fake-engine.py); a real docker or podman that runs
# here is asked as well.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
base alpine:edge

engine_start() { # STORE [FAULT]: a fresh one; $LOG is what it got
	local _
	[ -z "${ENGINE_PID:-}" ] || e2e_stop "$ENGINE_PID"
	LOG=$T/log rm -f "$T/s" "$T/log"
	python3 "$E2E_ROOT/tests/lib/fake-engine.py" "$T/s" "$1" "$T/log" "${2:-}" &
	ENGINE_PID=$!
	E2E_PIDS+=("$ENGINE_PID")
	for _ in $(seq 100); do
		curl -s -o /dev/null --unix-socket "$T/s" http://x/_ping && return
		sleep 0.1
	done
	diag "the engine does not start"
	exit 1
}
needs curl
last() { # EXPRESSION of the last load, e
	python3 -c 'import json, sys; e = json.loads(open(sys.argv[1]).read().splitlines()[-1]); print(eval(sys.argv[2]))' "$T/log" "$1"
}
loads() { wc -l <"$T/log"; }

cat >Dockerfile <<'D'
FROM alpine:edge AS one
COPY <<E /one
1
E
FROM one
COPY <<E /two
2
E
D
run decant build -q -t app/one --target one .
one=$OUT
run decant build -q -t app/two:2 .
status "build" 0
export DOCKER_HOST=unix://$T/s CONTAINER_HOST=unix://$T/s

for store in classic containerd podman; do
	engine_start $store
	receiver=docker app=app
	[ $store != podman ] || receiver=podman app=docker.io/app # of several short names it makes localhost/...
	run decant send $receiver app/one
	status "$store: send" 0
	like "$store: says what was loaded" "$OUT" '^Loaded image: '"$app/one:latest\$"
	is "$store: all blobs came: two layers, a config, a manifest" "$(last 'len(e["blobs"])')" 4
	run decant send $receiver app/two:2
	status "$store: send another" 0
	is "$store: one layer came" "$(last 'len(e["blobs"])')" 3
	is "$store: two were there" "$(grep -c 'Layer already exists' <<<"$OUT")" 2
	run decant send -q $receiver app/two:2
	is "$store: -q says nothing" "$OUT$ERR" ""
	is "$store: no layer came" "$(last 'len(e["blobs"])')" 2
	is "$store: no load was in vain" "$(loads)" 3
	run decant send $receiver app/one app/two:2
	is "$store: two at once" "$(last 'e["names"]')" "['$app/one:latest', '$app/two:2']"
	run decant send $receiver "$one"
	status "$store: by its ID" 0
	run decant build -q "--load=$receiver" -t app/three .
	status "$store: build --load=$receiver" 0
	is "$store: and it is there" "$(last 'e["names"]')" "['$app/three:latest']"
	if [ $receiver = docker ]; then
		run decant build -q --load -t app/four .
		is "$store: --load alone goes to DOCKER_HOST" "$STATUS $(last 'e["names"]')" "0 ['app/four:latest']"
	fi

	engine_start $store lie
	decant send -q $receiver app/one
	run decant send $receiver app/two:2
	status "$store: what it has forgotten is sent after all" 0
	is "$store: in a third load" "$(loads) $(last 'len(e["blobs"])')" "3 5"
done

# What goes wrong.
engine_start classic error
run decant send docker app/one
status "an error of the load is ours" 4
like "in its words" "$ERR" 'docker: it broke'
engine_start classic refuse
run decant send docker app/one
status "an answer that is none" 4
like "in its words" "$ERR" 'docker: disk is full'
engine_start classic old
run decant send docker app/one
status "an API that is too old" 4
like "with its version" "$ERR" "too old: its API is 1\.20"
engine_start classic none
run decant send docker app/one
status "something else listens" 4
like "is told so" "$ERR" "is no docker"
e2e_stop "$ENGINE_PID"
ENGINE_PID=
run decant send docker app/one
status "nobody listens" 4
like "the socket is named" "$ERR" "cannot connect to docker at 'unix://$T/s': Connection refused"
rm -f "$T/s"
run decant build -q --load=docker -t app/late .
status "no docker: a build does not begin" 4
run decant image inspect app/late
status "nothing was built" 1
run decant build -q --load -t app/late .
status "nor with --load alone, where DOCKER_HOST is set" 4
like "which is said" "$ERR" 'note: --load sends to the docker of .DOCKER_HOST'
run env -u DOCKER_HOST "$DECANT" build -q --load -t app/late .
status "--load alone without it needs none: the store is where it is" 0
run decant send -H ssh://host docker app/one
status "ssh is not spoken" 2
like "what to do instead" "$ERR" 'decant save IMAGE . ssh host docker load'
run decant send -H nonsense docker app/one
status "no address" 2
run decant send lxd app/one
status "no such receiver" 2
run decant send docker app/nothing
status "no such image" 1
if [ "$(id -u)" -ne 0 ]; then
	python3 -c 'import socket, sys, os; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); os.chmod(sys.argv[1], 0)' "$T/closed"
	run decant send -H "unix://$T/closed" docker app/one
	like "a socket that is not ours" "$ERR" 'Permission denied|Connection refused'
else
	skip "a socket that is not ours" "root may connect to all"
fi

# docker's context
engine_start classic
unset DOCKER_HOST CONTAINER_HOST
hash=$(printf mine | sha256sum | cut -c1-64)
mkdir -p "$HOME/.docker/contexts/meta/$hash"
echo '{"currentContext":"mine"}' >"$HOME/.docker/config.json"
echo "{\"Name\":\"mine\",\"Endpoints\":{\"docker\":{\"Host\":\"unix://$T/s\"}}}" >"$HOME/.docker/contexts/meta/$hash/meta.json"
run decant send docker app/one
status "docker's current context is followed" 0
run env DOCKER_CONTEXT=other "$DECANT" send docker app/one
like "one that is not there" "$ERR" "docker's context 'other' has no address"
rm -rf "$HOME/.docker"

# A podman that does not run: its service is started, and ends.
mkdir bin
cat >bin/podman <<S
#!/bin/sh
echo "\$*" >>"$T/podman-called"
exec python3 "$E2E_ROOT/tests/lib/fake-engine.py" "\${4#unix://}" podman "$T/log"
S
chmod +x bin/podman
rm -f log
if [ -S /run/podman/podman.sock ]; then
	skip "podman's service is started" "it runs here"
else
	run env PATH="$T/bin:$PATH" "$DECANT" send podman app/one
	status "podman's service is started" 0
	like "as a service of ours" "$(cat podman-called)" '^system service --time=0 unix:///tmp/decant-podman\.[A-Za-z0-9]+/podman\.sock$'
	socket=$(sed 's/.*unix:..//' podman-called)
	ok "its folder is gone" test ! -e "${socket%/*}"
	printf '#!/bin/sh\necho warning >&2\necho Error: it cannot >&2\nexit 125\n' >bin/podman
	run env PATH="$T/bin:$PATH" "$DECANT" send podman app/one
	like "one that does not start: its last line" "$ERR" "podman's service does not start: Error: it cannot"
fi

# The real ones, where they run.
for real in docker podman; do
	if ! real_engine $real; then
		skip "a real $real" "it does not run here"
		continue
	fi
	name=decant-e2e-$$:1
	decant tag app/two:2 "$name"
	run decant send $real "$name"
	status "a real $real" 0
	run decant send $real "$name"
	unlike "a real $real has all layers then" "$OUT" Sending
	$real rmi "$name" >/dev/null
done
done_testing
