#!/bin/bash
# FROM --platform and --platform: images of other machines are pulled, copied to, and told apart; only a RUN needs an emulator.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
[ "$(uname -m)" = x86_64 ] || skip_all "written for an x86_64 machine"
mkdir ctx arm
cat >arm/Dockerfile <<'D'
FROM scratch
COPY sh /bin/sh
COPY <<EOF /what
arm64
EOF
ENV WHAT=arm64
D
# An ELF program for a machine that no emulator knows.
printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x99\x99\x01\0\0\0' >arm/sh
head -c 4096 /dev/zero >>arm/sh
chmod 755 arm/sh
platform_of() { decant inspect --format '{{.Os}}/{{.Architecture}}{{with .Variant}}/{{.}}{{end}}' "$1"; }

# --- without a registry ----------------------------------------------------------------------------
nowhere=127.0.0.1:1
run decant build -q -t "$nowhere/arm" --platform linux/arm64 arm
status "an image for another platform is built from scratch" 0
is "and says so" "$(platform_of "$nowhere/arm")" linux/arm64
DOCKER_DEFAULT_PLATFORM=linux/arm/v6 run decant build -q -t v6 arm
is "DOCKER_DEFAULT_PLATFORM counts" "$(platform_of v6)" linux/arm/v6
run decant build -q --platform linux/amd64,linux/arm64 arm
status "several platforms are several images" 0
is "with an ID each" "$(sort -u <<<"$OUT" | wc -l)" 2
run decant build -q --platform windows/amd64 arm
status "windows is refused" 3
run decant build -q --platform 'a b' arm
status "what is no platform is a usage error" 2

cat >ctx/Dockerfile <<D
FROM $nowhere/arm
WORKDIR /w
COPY Dockerfile .
ENV A=\$WHAT
D
run decant build --progress=plain -t child ctx
status "FROM an image for another platform, without RUN" 0
is "the result is for what its base is" "$(platform_of child)" linux/arm64
like "a warning says it" "$ERR" 'InvalidBaseImagePlatform'
run decant build -q -t forced --platform linux/amd64 - <<<"FROM $nowhere/arm"
ok "with --platform it must be the right one" [ "$STATUS" -ne 0 ]
like "and the store has another" "$ERR" 'the store has it for linux/arm64'
run decant build -q -t "$nowhere/two" --platform linux/arm64,linux/riscv64 - <<<$'FROM scratch\nCOPY <<E /f\nx\nE'
run decant build -q --platform linux/amd64 - <<<"FROM $nowhere/two"
like "of several platforms all are told" "$ERR" 'the store has it for linux/arm64, linux/riscv64'
run decant build --progress=plain - <<D
FROM $nowhere/arm
RUN something
D
if [ "$STATUS" -eq 1 ] && [[ $ERR == *"needs an emulator"* ]]; then
	like "a RUN there is refused before anything runs" "$ERR" 'a RUN for linux/arm64 needs an emulator: this machine is linux/amd64'
	unlike "no step has begun" "$ERR" '^#[0-9]+ \[2/2\] RUN'
	like "and what to do is said" "$ERR" 'qemu-user-static'
	like "and what does without" "$ERR" 'BUILDPLATFORM'
else
	skip "a RUN there is refused" "arm64 programs run on this machine"
fi
run decant build -q -t mixed - <<D
FROM alpine:edge AS build
RUN echo \$((6 * 7)) > /answer
FROM $nowhere/arm
COPY --from=build /answer /answer
D
status "a RUN in a stage for this machine works" 0
is "the result is for the other" "$(platform_of mixed)" linux/arm64

# --- with a registry -------------------------------------------------------------------------------
command -v docker-registry >/dev/null || { done_testing; }
# shellcheck disable=SC2119 # its argument is optional
registry_start
decant tag alpine:edge "$REGISTRY/img:amd" && decant tag "$nowhere/arm" "$REGISTRY/img:arm"
ok "both images are pushed" sh -c "$DECANT push -q $REGISTRY/img:amd && $DECANT push -q $REGISTRY/img:arm"
python3 - "$REGISTRY" <<'P'
import json, sys, urllib.request
url = f"http://{sys.argv[1]}/v2/img/manifests/"
types = "application/vnd.oci.image.manifest.v1+json"
index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
for tag, arch in ("amd", "amd64"), ("arm", "arm64"):
    answer = urllib.request.urlopen(urllib.request.Request(url + tag, headers={"Accept": types}))
    index["manifests"].append({"mediaType": types, "digest": answer.headers["Docker-Content-Digest"],
                               "size": len(answer.read()), "platform": {"os": "linux", "architecture": arch}})
urllib.request.urlopen(urllib.request.Request(url + "both", json.dumps(index).encode(),
                                              {"Content-Type": index["mediaType"]}, method="PUT"))
P
for image in $(decant images -q | sort -u); do
	decant rmi -f "$image" >/dev/null 2>&1
done
is "the store is empty" "$(decant images -q)" ""
cat >ctx/Dockerfile <<D
FROM --platform=\$BUILDPLATFORM $REGISTRY/img:both AS build
ARG TARGETARCH
RUN echo "\$TARGETARCH" > /target
FROM $REGISTRY/img:both
COPY --from=build /target /target
D
run decant build --progress=plain -t cross --platform linux/arm64 ctx
status "one image for two platforms in one file" 0
is "the result is for the target" "$(platform_of cross)" linux/arm64
decant save -o cross.tar cross
run decant build -q -t native ctx
is "and for this machine without --platform" "$(platform_of native)" linux/amd64
is "TARGETARCH follows" "$(decant run --rm native cat /target)" amd64
registry_stop
run decant build --progress=plain -t cross --platform linux/arm64 ctx
status "both are kept: no registry is asked again" 0
is "all steps are cached" "$(grep -c CACHED <<<"$ERR")" 2
is "the name is that of this machine's image" "$(platform_of "$REGISTRY/img:both")" linux/amd64

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
