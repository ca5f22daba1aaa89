#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Looking at containers as docker shows them: inspect, ps -s, top.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
decant build -q -t app - >/dev/null <<'D'
FROM alpine:edge
ENV A=1 B=2
EXPOSE 80 90/udp
LABEL from=image both=image
WORKDIR /srv
USER 7
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo by itself"]
STOPSIGNAL SIGUSR1
D
mkdir dir
port=$(free_port)
field() { decant inspect "$1" --format "$2"; }

# --- inspect: the request over the image's config --------------------------------------------------
decant create --name plain app >/dev/null
is "the image's own" "$(field plain '{{.Path}} {{json .Args}} {{json .Config.Entrypoint}} {{json .Config.Cmd}}')" '/bin/sh ["-c","echo by itself"] ["/bin/sh","-c"] ["echo by itself"]'
is "the image as it was typed" "$(field plain '{{.Config.Image}}') $(decant ps -a --format '{{.Image}}')" "app app"
is "its environment, user, directory, signal" "$(field plain '{{json .Config.Env}} {{.Config.User}} {{.Config.WorkingDir}} {{.Config.StopSignal}}' | sed 's/"PATH[^"]*",//')" '["A=1","B=2"] 7 /srv SIGUSR1'
is "labels and ports" "$(field plain '{{json .Config.Labels}} {{json .Config.ExposedPorts}}')" '{"both":"image","from":"image"} {"80/tcp":{},"90/udp":{}}'
is "not started" "$(field plain '{{.State.Status}} {{.State.Running}} {{.State.Pid}} {{.State.OOMKilled}} {{json .NetworkSettings.Ports}} {{.State.StartedAt}}')" 'created false 0 false {} 0001-01-01T00:00:00Z'
decant create --name given -e B=3 -e C=4 -l both=own -u 8 -w /tmp --stop-signal TERM -h box -p 127.0.0.1:81:81 -p 127.0.0.1:82:81 -v "$T/dir:/v:ro" app 'echo "$1"' x >/dev/null
is "another command, after the image's ENTRYPOINT" "$(field given '{{.Path}} {{json .Args}} {{json .Config.Cmd}}')" '/bin/sh ["-c","echo \"$1\"","x"] ["echo \"$1\"","x"]'
is "its own environment first, then the image's" "$(field given '{{json .Config.Env}}' | sed 's/"PATH[^"]*",//')" '["B=3","C=4","A=1"]'
is "its own of each" "$(field given '{{.Config.User}} {{.Config.WorkingDir}} {{.Config.StopSignal}} {{.Config.Hostname}} {{.Config.Labels.both}} {{.Config.Labels.from}}')" "8 /tmp TERM box own image"
is "what is published is exposed" "$(field given '{{json .Config.ExposedPorts}}')" '{"80/tcp":{},"81/tcp":{},"90/udp":{}}'
is "both bindings of a port" "$(field given '{{json .HostConfig.PortBindings}}')" '{"81/tcp":[{"HostIp":"127.0.0.1","HostPort":"81"},{"HostIp":"127.0.0.1","HostPort":"82"}]}'
is "its volumes" "$(field given '{{json .HostConfig.Binds}}')" "[\"$T/dir:/v:ro\"]"
decant create --name bare --entrypoint /bin/true alpine:edge >/dev/null
is "another ENTRYPOINT drops CMD" "$(field bare '{{.Path}} {{json .Args}} {{json .Config.Cmd}} {{json .Config.Labels}}')" '/bin/true [] null {}'
is "ancestor, by the whole name or a short one" "$(decant ps -aq -f ancestor=app | wc -l) $(decant ps -aq -f ancestor=app:latest | wc -l) $(decant ps -aq -f ancestor=app:2 | wc -l)" "2 2 0"
decant rm plain given bare >/dev/null

# --- one that runs ----------------------------------------------------------------------------------
network=(--network none)
if [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; then network=(-p "127.0.0.1:$port:80"); fi
decant run -d --name on -u 0 "${network[@]}" --entrypoint sh app -c 'head -c 3000 /dev/zero >/made; sleep 4711 & echo "up \"$1\""; wait' one 'b"c' >/dev/null
timeout 120 bash -c 'until "$DECANT" logs on | grep -q up; do sleep 0.05; done'
pid=$(field on '{{.State.Pid}}')
is "running" "$(field on '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}')" "running true 0"
like "its process is the container's" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" '^sh -c head'
if [ "${network[0]}" = -p ]; then
	is "its ports" "$(field on '{{json .NetworkSettings.Ports}}')" "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"$port\"}],\"90/udp\":null}"
	is "port" "$(decant port on)" "80/tcp -> 127.0.0.1:$port"
	is "port of one" "$(decant port on 80) $(decant port on 80/tcp)" "127.0.0.1:$port 127.0.0.1:$port"
	run decant port on 90/udp
	is "of one that is not published" "$STATUS $ERR" "3 error: no public port '90/udp' published for on"
else
	skip "published ports" "no /dev/net/tun or no slirp4netns"
fi

# --- ps -------------------------------------------------------------------------------------------
is "a quote in the command" "$(decant ps --no-trunc --format '{{.Command}}')" '"sh -c '"'"'head -c 3000 /dev/zero >/made; sleep 4711 & echo \"up \\\"$1\\\"\"; wait'"'"' one b\"c"'
like "-s: its own files, and with the image's" "$(decant ps -s)" ' NAMES +SIZE$'
like "in docker's words" "$(decant ps -s)" ' on +3kB \(virtual [0-9.]+[kM]B\)$'
unlike "without -s there is no such column" "$(decant ps)" 'SIZE'
like "a template that wants it" "$(decant ps --format '{{.Size}}')" '^3kB \(virtual'
is "inspect -s" "$(decant inspect -s on --format '{{.SizeRw}}') $(decant inspect on --format '{{.SizeRw}}')" "3000 <no value>"
whole=$(decant inspect -s on --format '{{.SizeRootFs}}') image=$(decant inspect app --format '{{.Size}}')
is "SizeRootFs is with the image's" "$whole" $((image + 3000))

# --- top ------------------------------------------------------------------------------------------
if command -v ps >/dev/null; then
	run decant top on
	status "top" 0
	like "docker's columns" "$OUT" '^UID +PID +PPID +C +STIME +TTY +TIME +CMD$'
	like "the command, by the host's number" "$OUT" "^[^ ]+ +$pid .* sh -c head"
	like "and its child" "$OUT" ' sleep 4711$'
	is "no others" "$(wc -l <<<"$OUT")" 3
	is "with options of ps" "$(decant top on -o pid,args | sed 1d | tr -s ' ' | sort | grep -c "^$pid sh -c head\|^[0-9]* sleep 4711")" 2
	like "of BSD's kind" "$(decant top on aux)" '^USER +PID +%CPU'
	decant exec on sleep 4712 &
	timeout 120 bash -c 'until "$DECANT" top on | grep -q "sleep 4712"; do sleep 0.05; done'
	like "one of exec is one of its own" "$(decant top on)" ' sleep 4712$'
	run decant top on -o args
	status "without numbers" 3
	like "it says so" "$ERR" "Couldn't find PID field in ps output"
	run decant top on --nope
	like "an option that ps does not know" "$ERR" "ps has failed: .*nope|ps has failed: .*option"
else
	skip "top" "no ps here"
fi
run decant top nope
is "top of none" "$STATUS $ERR" "1 error: No such container: nope"
decant rm -f on >/dev/null
wait
decant create --name off alpine:edge true >/dev/null
run decant top off
like "of one that does not run" "$ERR" "container 'off' is not running"
decant rm off >/dev/null
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""
done_testing
