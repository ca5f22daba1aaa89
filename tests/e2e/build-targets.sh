#!/bin/bash
# Several targets and several platforms in one build: what is the same runs once, and each has its image and its name.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx
cat >ctx/Dockerfile <<'D'
FROM alpine:edge AS base
RUN echo base > /base
FROM base AS api
ARG TARGETSTAGE
RUN echo "$TARGETSTAGE" > /who
FROM base AS web
ARG TARGETSTAGE
RUN echo "$TARGETSTAGE" > /who
FROM web AS last
RUN false
D

# --- several targets -------------------------------------------------------------------------------
run decant build --progress=plain --target api --target web -t '{target}:dev' -t 'shop/{target}' --iidfile ids ctx
status "two targets in one pass" 0
is "what both are FROM ran once" "$(grep -c '\] RUN echo base' <<<"$ERR")" 1
is "each has its own" "$(decant run --rm api:dev cat /who) $(decant run --rm web:dev cat /who)" "api web"
is "under all its names" "$(decant inspect -f '{{len .RepoTags}}' api:dev)" 2
is "an ID a line" "$(cat ids)" "$(decant inspect -f '{{.Id}}' api:dev)
$(decant inspect -f '{{.Id}}' web:dev)"
like "sizes are told of each" "$ERR" 'api -> api:dev [0-9.]+ .?B'
like "and the other" "$ERR" 'web -> web:dev [0-9.]+ .?B'
run decant build -q --target web,api,0,base ctx
status "names and numbers with commas" 0
is "one stage is one image" "$(wc -l <<<"$OUT")" 3
like "the images are those of before" "$OUT" "$(decant inspect -f '{{.Id}}' api:dev)"
run decant build -q --target web -t 'only:{target}' ctx
is "one target alone may have it in its name" "$STATUS $(decant images -q only:web | wc -l)" "0 1"
run decant build -q --target api --target web -t same ctx
status "several targets cannot have one name" 2
like "and the error says how" "$ERR" '\{target\}'
run decant build -q --target web -t 'x:{platform}' ctx
status "nothing else can stand in a name" 2
run decant build -q --target api --target wbe ctx
status "an unknown one is an error" 3
like "and told" "$ERR" "did you mean the stage 'web'"
run decant build -q --target web --target last -t 'x:{target}' ctx
status "one that fails fails the build" 1
is "and nothing is named" "$(decant images -q x:web)" ""
run decant build --progress=plain --no-cache-filter api --target api,web ctx
is "--no-cache-filter is for its stage alone" "$(grep -c CACHED <<<"$ERR")" 2
run decant build --check --target api,web ctx
status "a check of two" 0
run decant build --check --platform linux/amd64,linux/arm64 - <<'D'
FROM scratch
Copy x y
MAINTAINER me
D
is "what rules say of two platforms is said once" "$(grep -c ^WARNING <<<"$OUT")" 2
run decant build --call=outline --target api,web ctx
status "an outline is of one" 2
# shellcheck disable=SC2046 # each is a word
run decant build -q $(for i in $(seq 65); do echo "--platform linux/mips64le/v$i"; done) ctx
status "there is a limit" 2

# --- several platforms, nothing foreign runs -------------------------------------------------------
[ "$(uname -m)" = x86_64 ] || { skip "several platforms" "written for an x86_64 machine"; done_testing; }
platforms() { decant inspect -f '{{.Os}}/{{.Architecture}}{{with .Variant}}/{{.}}{{end}}' "$@"; }
cat >ctx/Dockerfile <<'D'
FROM --platform=$BUILDPLATFORM alpine:edge AS build
RUN echo same > /same
ARG TARGETARCH
RUN echo "for $TARGETARCH" > /out
FROM scratch
COPY --from=build /same /out /
COPY --from=build /bin/busybox /bin/sh
D
run decant build --progress=plain -t many --platform linux/arm64,linux/amd64 --platform linux/arm64/v8 ctx
status "two platforms, without an emulator" 0
is "what knows nothing of the target ran once" "$(grep -c '\] RUN echo same' <<<"$ERR")" 1
like "titles say what a step is for" "$ERR" '\[linux/amd64->arm64 build 3/3\] RUN echo'
like "and what it runs on" "$ERR" '\[linux/amd64 build 2/3\] RUN echo same'
like "sizes are told of each" "$ERR" 'stage-1 -> many:latest linux/arm64 '
is "one name is one row" "$(decant images -q many | wc -l)" 1
is "it means this machine's" "$(platforms many)" linux/amd64
is "the other can be asked for" "$(platforms --platform linux/arm64 many)" linux/arm64
is "this machine's runs" "$(decant run --rm many sh -c 'read -r x < /out; echo "$x"')" "for amd64"
run decant inspect --platform linux/s390x many
status "one that is not there is an error" 1
like "which says what there is" "$ERR" 'the store has it for linux/arm64, linux/amd64'
arm=$(decant inspect --platform linux/arm64 -f '{{.Id}}' many)
is "its ID finds it" "$(platforms "$arm")" linux/arm64
run decant build -q -t many --platform linux/arm64,linux/amd64 ctx
is "all is cached" "$STATUS $(grep -c "$arm" <<<"$OUT")" "0 1"
decant tag many other
is "another name has both" "$(platforms --platform arm64 other)" linux/arm64
run decant rmi many
like "one name of two goes" "$OUT" '^Untagged: many:latest$'
run decant rmi other
is "with the last one both go" "$(grep -c ^Deleted <<<"$OUT")" 2
is "and are gone" "$(decant images -aq)" "$(decant images -aq | grep -v -e "${arm:7:12}")"
run decant build -q --platform linux/arm64,linux/amd64 ctx
status "without a name" 0
is "it is one image without a name" "$(decant images -f dangling=true -q | grep -c "$(sed -n 2p <<<"$OUT" | cut -c8-19)")" 1
run decant build -q -t many --platform linux/arm64,linux/amd64 ctx
run decant build -q -t many ctx
is "a build for one takes the name" "$(decant inspect --platform linux/arm64 many 2>&1 | grep -c 'not for linux/arm64')" 1
is "the other keeps none" "$(platforms "$arm")" linux/arm64
DOCKER_DEFAULT_PLATFORM=linux/arm64,local run decant build -q ctx
is "DOCKER_DEFAULT_PLATFORM may name several" "$STATUS $(wc -l <<<"$OUT")" "0 2"
run decant build -q -t '{target}:x' --target build --target 1 --platform linux/amd64,linux/arm64 ctx
is "targets times platforms" "$STATUS $(wc -l <<<"$OUT") $(platforms --platform arm64 stage-1:x)" "0 4 linux/arm64"

printf 'FROM nowhere.invalid/x AS api\nFROM scratch AS web\n' >Dockerfile.slip
run decant build --target api --target wbe -t '{target}:x' -f Dockerfile.slip ctx
status "a slip in a later target" 3
like "is told before anything is asked" "$ERR" "target stage 'wbe' could not be found"
unlike "no registry was" "$ERR" 'nowhere\.invalid'
like "did you mean" "$ERR" "did you mean the stage 'web'"
ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
