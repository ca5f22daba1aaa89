#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shell: in an image, with a terminal and without; nothing of it stays.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
decant build -q -t app - >/dev/null <<'D'
FROM alpine:edge
ENV GREETING=hi
WORKDIR /srv
USER 1000
ENTRYPOINT ["/bin/false"]
D
printf 'FROM scratch\nCOPY file /file\n' >"$T/Dockerfile"
echo text >"$T/file"
decant build -q -t none "$T" >/dev/null
pty() { "$E2E_ROOT/tests/lib/with-pty" "$@"; }

# --- without a terminal ---------------------------------------------------------------------------
# shellcheck disable=SC2016
run bash -c 'echo "echo \$GREETING \$PWD \$(id -u) \$(hostname); touch /tmp/x || echo no; exit 7" | "$DECANT" shell app'
status "the shell's status" 7
is "environment, directory, user, name as a RUN has them" "$OUT" "hi /srv 1000 buildkitsandbox"
run decant shell -u 0 -w /tmp -e GREETING=bye -e NEW=1 --network none app sh -c 'touch /new; echo $GREETING $NEW $PWD $(id -u); exit 3' </dev/null
status "a command" 3
is "other environment, directory, user" "$OUT" "bye 1 /tmp 0"
run decant shell app ls /new </dev/null
like "what was changed is gone" "$ERR" "No such file"
mkdir "$T/volume"
run decant shell -v "$T/volume:/v" -u 0 app sh -c 'echo more >/v/new' </dev/null
is "a directory of the host" "$(cat "$T/volume/new")" more
run decant ps -aq
is "no container stays" "$OUT" ""
run decant shell none </dev/null
status "an image without a shell" 125
like "says so" "$ERR" "'none' has no shell"
like "and what to do" "$ERR" "--busybox"
if file -L "$(command -v busybox)" 2>/dev/null | grep -q 'statically linked'; then
	run bash -c 'echo "cat /file; exit 4" | "$DECANT" shell --busybox none'
	status "with the busybox of this machine" 4
	is "sees the image's files" "$OUT" text
else
	skip "with the busybox of this machine" "busybox is not static here"
fi
run decant shell --pull never nope </dev/null
status "an image that is not there" 125
like "is named" "$ERR" "No such image: nope"
run decant shell app /nope </dev/null
status "a command that is not there" 127

# --- on a terminal --------------------------------------------------------------------------------
run pty "$DECANT" shell app <<'P'
expect \$ 
send tty; stty size; echo $TERM-\n
expect /dev/(pts/\d+|console|tty)
expect 24 80
expect \$ 
resize 40 132
send until stty size | grep -q '40 132'; do sleep 0.05; done; echo sized$((1))\n
expect sized1
send sh -c 'echo go$((1)); sleep 600'\n
expect go1
send \x03
expect \$ 
send echo st$?at\n
expect st130at
send exit 9\n
P
status "^C goes to what runs in the shell, the size follows, the terminal is restored" 9
run pty "$DECANT" shell app <<'P'
expect \$ 
send \x04
P
status "^D ends it" 0
run pty bash -c 'echo "exit 5" | "$DECANT" shell app' </dev/null
status "input from a pipe, output to a terminal" 5
is "nothing is left behind" "$(leftovers)" ""
done_testing
