#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shell --step: the root file system after, or before, a step of a past build.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir "$T/c"
echo file >"$T/c/file"
dockerfile() { cat >"$T/c/Dockerfile"; }
dockerfile <<'D'
FROM alpine:edge AS builder
ARG LEVEL=3
ENV GREETING=hi
WORKDIR /src
RUN echo one >one
COPY file /src/two
RUN echo three >three && rm one
FROM alpine:edge
USER 1000
COPY --from=builder /src /out
D
run decant build -q -t app "$T/c"
status "a build" 0
at() { decant shell --step "$@" </dev/null; }
run at "RUN echo one" latest sh -c 'echo $GREETING $LEVEL $PWD; ls'
status "by how it begins" 0
is "environment, ARG, directory and files as that RUN left them" "$OUT" "hi 3 /src
one"
run decant shell --before --step "RUN echo one" app sh -c 'ls /src | wc -l'
is "before it" "$OUT" 0
like "which is said" "$ERR" "^before \[builder 3/5\] RUN echo one"
run at "COPY file" app ls /src
is "after a COPY, of the image's build" "$OUT" "one
two"
run at builder latest ls /src
is "the end of a stage" "$OUT" "three
two"
run at builder/3 latest ls /src
is "a place in a stage" "$OUT" one
run bash -c 'echo "cat /out/three; id -u; touch /tmp/x; exit 6" | "$DECANT" shell --step stage-1 latest'
status "the last stage, by standard input" 6
is "its user" "$OUT" "three
1000"
run decant ps -aq
is "no container stays" "$OUT" ""

dockerfile <<'D'
FROM alpine:edge
RUN echo good >/good
RUN echo half >/half; exit 3
RUN echo never
D
run decant build -q "$T/c"
status "a build that fails" 1
run at "RUN echo half" latest ls /good /half
like "a step that failed: what was before it" "$OUT" "/good"
like "says so" "$ERR" "failed, so this is the root before it: \[3/4\] RUN echo half"
run at "RUN echo" latest true
status "several begin so" 125
like "which" "$ERR" "several steps begin with 'RUN echo': 2, 3, 4"
run at nope latest true
status "no such step" 125
run at 1 nope true
status "no such build" 125
run decant shell --before alpine:edge true
status "--before alone" 125

# A gc leaves what an open shell stands on, also if no image and no record has it.
dockerfile <<'D'
FROM alpine:edge
RUN echo held >/held
D
decant build -q -t held "$T/c" >/dev/null
mkfifo "$T/go"
decant shell --step "RUN echo held" latest sh -c 'read -r _; cat /held' <"$T/go" >"$T/held" 2>&1 &
shell=$!
exec 3>"$T/go"
wait_until 120 eval '[ -n "$(decant ps -q)" ]'
like "it is a container, under the build's name" "$(decant ps)" " [0-9a-f]{12}:2 "
layer=$(decant inspect --format '{{json .RootFS}}' held | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
rm -rf "$DECANT_ROOT"/cache/*
decant rmi held >/dev/null
ok "a gc leaves its layers" test -e "$DECANT_ROOT/layers/${layer#sha256:}"
echo go >&3
exec 3>&-
wait "$shell"
is "and it goes on" "$(cat "$T/held")" held
run decant rmi alpine:edge
decant import "$(base_tar)" alpine:edge >/dev/null
ok "the next gc does not" test ! -e "$DECANT_ROOT/layers/${layer#sha256:}"

# What was evicted is named, with what to do.
decant rmi -f app >/dev/null
dockerfile <<'D'
FROM alpine:edge
RUN echo gone >/gone
D
decant build -q -t gone "$T/c" >/dev/null
layer=$(decant inspect --format '{{json .RootFS}}' gone | grep -o 'sha256:[0-9a-f]*' | tail -n 1)
rm -rf "$DECANT_ROOT/layers/${layer#sha256:}"* "$DECANT_ROOT/blobs/sha256/${layer#sha256:}"
run at "RUN echo gone" latest true
status "a layer that is gone" 125
like "is named" "$ERR" "the layer $layer below '\[2/2\] RUN echo gone >/gone' is not in the store"
like "what to do" "$ERR" "build it again"
run decant shell --before --step "RUN echo gone" latest true
status "what is below it is there" 0
is "nothing is left behind" "$(leftovers)" ""
done_testing
