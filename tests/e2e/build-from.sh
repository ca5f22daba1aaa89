#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# FROM, stages and targets in a build: what a stage takes over, which is built, which is meant (T-040 to T-046).
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1
echo x >f

build() { run decant build --progress=plain --network=none -t img "$@" .; }
config() { decant inspect --format "{{json .Config.$1}}" img; }

# --- the config of a base --------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM scratch
ENV A=1
LABEL l=base
USER 12:34
WORKDIR /
VOLUME /v
EXPOSE 80
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK CMD true
ENTRYPOINT ["/e"]
CMD ["c"]
D
run decant build -q -t empty .
status "an image of config alone builds" 0
like "PATH is set in it" "$(decant inspect --format '{{json .Config.Env}}' empty)" '"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=1"'
# Its one layer is empty; others make images that have none at all.
decant save -o "$T/empty.tar" empty
python3 - "$T/empty.tar" "$T/nothing.tar" <<'P'
import hashlib, io, json, sys, tarfile
old = tarfile.open(sys.argv[1])
manifest = json.load(old.extractfile("manifest.json"))
config = json.load(old.extractfile(manifest[0]["Config"]))
config["rootfs"]["diff_ids"] = []
for entry in config["history"]:
    entry["empty_layer"] = True
text = json.dumps(config).encode()
manifest = [{"Config": hashlib.sha256(text).hexdigest() + ".json", "Layers": [], "RepoTags": ["nothing:latest"]}]
new = tarfile.open(sys.argv[2], "w")
for name, data in (manifest[0]["Config"], text), ("manifest.json", json.dumps(manifest).encode()):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    new.addfile(info, io.BytesIO(data))
new.close()
P
ok "an image without a layer loads" decant load -i "$T/nothing.tar"
cat >Dockerfile <<'D'
FROM nothing
LABEL m=mine
COPY f /
D
build
status "FROM an image without a layer" 0
is "one layer is on it" "$(decant inspect --format '{{len .RootFS.Layers}}' img)" 1
is "its config is kept" "$(config User) $(config StopSignal) $(config Entrypoint) $(config Cmd) $(config Shell) $(config ExposedPorts) $(config Volumes)" \
	'"12:34" "SIGINT" ["/e"] ["c"] ["/bin/sh","-ec"] {"80/tcp":{}} {"/v":{}}'
is "labels are joined" "$(config Labels)" '{"l":"base","m":"mine"}'
is "its history too" "$(decant history -q img | wc -l)" "$(($(decant history -q nothing | wc -l) + 2))"

# --- names -----------------------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM alpine:edge AS STAge0
WORKDIR /foo
RUN echo 0 > /s0
COPY f f
FROM alpine:edge AS golang
COPY --from=staGE0 /s0 /
COPY --from=0 foo/f /
FROM scratch
COPY --from=GOLANG /s0 /f /
COPY --from=1 /s0 /again
D
build
status "T-040 T-042 stages in any case, by name and number" 0
build --target stage0
status "so are targets" 0
build --target 1
is "a target by its number" "$(decant run --rm img cat /s0)" 0
build --target golng
like "an unknown target" "$ERR" "target stage 'golng' could not be found"
like "and the one that was meant" "$ERR" "did you mean the stage 'golang'"
cat >Dockerfile <<'D'
FROM scratch
COPY --from=alpine:edge /bin/busybox /bin/sh /bin/
RUN ["/bin/busybox", "true"]
D
build
status "T-041 an image by --from" 0
cat >Dockerfile <<'D'
FROM alpine:edge AS base
WORKDIR /foo
COPY f .
FROM alpine:edge
COPY --from=base f .
D
build
status "T-046 a source is below the stage's root, not its WORKDIR" 3
like "which the error says" "$ERR" 'not to its WORKDIR'
cat >Dockerfile <<'D'
ARG FOO=base
FROM alpine:edge AS base
FROM scratch
COPY --from=$FOO /f /
D
build
like "T-045 no variable in --from" "$ERR" 'Dockerfile:4:13: error: variable expansion is not supported for --from'
cat >Dockerfile <<'D'
FROM alpine:edge AS target
COPY --from=build /f /
FROM alpine:edge AS build
COPY f /
D
build --target target
like "T-043 a later stage" "$ERR" "cannot copy from stage 'build', it needs to be defined before current stage 'target'"
cat >Dockerfile <<'D'
ARG NAME
FROM $NAME
D
build
like "a blank name" "$ERR" 'Dockerfile:2:6: error: base name \(\$NAME\) should not be blank'

# --- what is not needed ----------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM nosuch.invalid/image AS a
RUN exit 1
FROM alpine:edge AS b
RUN exit 1
COPY --from=nosuch.invalid/other /x /
FROM alpine:edge AS c
LABEL only=c
RUN echo c > /c
FROM scratch
COPY --from=c /c /
D
build
status "what the target does not need is neither run nor asked for" 0
is "labels of a stage that is only copied from stay there" "$(config Labels)" null
build --target b
ok "what it needs is" [ "$STATUS" -ne 0 ]

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
