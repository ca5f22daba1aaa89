#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Under the name docker, as a link: what a docker user types, runs verbatim, and ends as docker ends.  podman, buildah, kaniko's executor too.
. "$(dirname "$0")/../lib/e2e.sh"

needs jq
mkdir bin app
for name in docker podman buildah executor; do
	ln -s "$DECANT" "bin/$name"
done
PATH=$T/bin:$PATH
base golang:1.18.3-stretch
cat >app/Dockerfile <<'D'
FROM golang:1.18.3-stretch AS builder
COPY hello /hello
FROM scratch
COPY --from=builder /hello /hello
D
echo hello >app/hello

# --- the document's commands --------------------------------------------------------------------
cd app || exit 1
run docker build . -t go-server
status "docker build . -t go-server" 0
run docker images go-server
status "docker images go-server" 0
like "its table" "$OUT" '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE'
like "its row" "$OUT" '^go-server +latest '
run docker images golang:1.18.3-stretch
like "one with a tag" "$OUT" '^golang +1\.18\.3-stretch '
cd ..

# --- what it says of itself -----------------------------------------------------------------------
version=$(decant --version) version=${version##* }
is "--version" "$(docker --version)" "Docker version $version, build decant"
is "-v" "$(docker -v)" "$(docker --version)"
is "the server's version" "$(docker version --format '{{.Server.Version}}')" "$version"
is "the client's" "$(docker version -f '{{.Client.Version}}')" "$version"
like "both" "$(docker version)" '^Client:.*'
like "a server, too" "$(docker version)" '^Server:'
is "as JSON" "$(docker version --format '{{json .}}' | jq -r .Server.Os)" linux
is "decant's own is a line" "$(decant version)" "decant version $version"
is "info: the system" "$(docker info --format '{{.OSType}}')" linux
is "the store" "$(docker info --format '{{.DockerRootDir}}')" "$DECANT_ROOT"
is "the driver" "$(docker info -f '{{.Driver}}')" overlay2
is "images are counted by ID" "$(docker tag go-server other && docker info --format '{{json .}}' | jq .Images)" 2
is "what the store lies on" "$(docker info -f '{{range .DriverStatus}}{{index . 0}},{{end}}')" "Backing Filesystem,Mountable,Reflinks,userxattr,"
is "... by its name" "$(docker info -f '{{index (index .DriverStatus 0) 1}}')" "$(findmnt -n -o FSTYPE -T "$DECANT_ROOT")"
like "... in decant's own words" "$(decant info)" "^overlay on it: [^ ]"
is "... nothing of the trial stays" "$(find "$DECANT_ROOT/tmp" -name probe)" ""
like "as text" "$(docker info)" '^ Storage Driver: overlay2'
like "help speaks of docker" "$(docker images --help)" '^Usage:  docker images'
like "decant's own of decant" "$(decant images --help)" '^Usage:  decant images'

# --- notes name commands as it is called ---
run docker commit x
like "a note" "$ERR" "'docker export' gives all files"
run decant commit x
like "decant's own" "$ERR" "'decant export' gives all files"
like "help" "$(docker logs --help)" "BUILD is an ID of 'docker builds'"
unlike "in all its texts" "$(docker logs --help)" "decant (builds|why)"
run docker run --restart always -d x
like "within a sentence" "$ERR" "let systemd run 'docker run'"

# --- how it ends ----------------------------------------------------------------------------------
run docker images --foo
status "an option that is not there" 125
like "is named" "$ERR" "unknown flag: --foo"
like "with the way to help" "$ERR" "docker images --help"
run docker images a b
status "too many arguments" 1
run docker nope
status "no such command" 1
like "says so" "$ERR" "unknown command: docker nope"
run docker stats x
like "one of docker's that is not there says what is" "$ERR" "own tools"
run docker image nope
status "nor of a noun" 1
run docker run
is "run without an image" "$STATUS $(head -n 1 <<<"$ERR")" "1 error: 'docker run' requires at least 1 argument"
run docker run --foo x
status "run with an option that is not there" 125
run docker run -it go-server /hello </dev/null
is "run -it without a terminal" "$STATUS $ERR" "1 error: the input device is not a TTY"
run docker run --pull never nope
status "run of an image that is not there" 125
run decant images --foo
status "decant has its own numbers" 2
run docker rmi nope
status "an image that is not there" 1
echo 'FROM nope:1' >bad
run docker build --pull=false -f bad --network none app
[ "$STATUS" -ne 0 ] && STATUS=1
status "a build that fails" 1
printf 'FROM scratch\nCOPY nope /\n' >bad
run docker build -f bad app
status "a Dockerfile that is wrong" 1

# --- global options and variables -----------------------------------------------------------------
mkdir -p config
run docker -H unix:///var/run/docker.sock -c default -l debug --tls --tlscacert x --tlscert y --tlskey z --tlsverify --config config images -q
status "docker's global options" 0
ok "are quiet" [ -z "$ERR" ]
run docker --host tcp://1.2.3.4:1 --log-level=info --context x -D version
status "in their long forms" 0
run env DOCKER_BUILDKIT=0 DOCKER_CONFIG="$T/config" DOCKER_CONTEXT=remote DOCKER_HOST=tcp://1.2.3.4:5 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/nope \
	DOCKER_API_VERSION=1.41 DOCKER_CLI_HINTS=false DOCKER_CLI_EXPERIMENTAL=enabled DOCKER_CONTENT_TRUST=0 DOCKER_SCAN_SUGGEST=false \
	BUILDX_BUILDER=ci BUILDX_NO_DEFAULT_ATTESTATIONS=1 BUILDX_METADATA_PROVENANCE=min BUILDX_GIT_INFO=false BUILDX_EXPERIMENTAL=1 \
	BUILDKIT_PROGRESS=plain BUILDKIT_COLORS=run=green docker build -t vars app
status "docker's variables" 0
like "one is heard: progress is plain" "$ERR" '^#[0-9]+ '
unlike "none is complained of" "$ERR" '(warning|error):'

# --- buildx, contexts -----------------------------------------------------------------------------
run docker buildx inspect ci
is "no such builder, in buildx' words" "$STATUS $(head -n 1 <<<"$ERR")" '1 error: no builder "ci" found'
like "how one is made" "$ERR" "docker buildx create --name"
like "buildx ls: the default one" "$(docker buildx ls)" '^default\*'
is "as a template" "$(docker buildx ls --format '{{.Name}}')" default
is "buildx create" "$(docker buildx create --name ci --driver docker-container --bootstrap)" ci
like "it is remembered" "$(docker buildx ls)" '^ci +decant'
like "but not the current one" "$(docker buildx inspect)" '^Name: +default'
run docker buildx create --name ci
is "not twice" "$STATUS $(cut -c1-47 <<<"$ERR")" '1 error: existing instance for "ci" but no append'
run docker buildx create --name ci --append --use
is "but with --append" "$STATUS $OUT" "0 ci"
like "--use" "$(docker buildx inspect --bootstrap)" '^Name: +ci'
like "its driver" "$(docker buildx inspect ci)" '^Driver: decant'
run docker buildx use default
like "buildx use" "$STATUS $(docker buildx ls)" '^default\*'
run docker buildx use nope
is "none of that name" "$STATUS $(head -n 1 <<<"$ERR")" '1 error: no builder "nope" found'
run docker buildx use ci
is "and back" "$(docker buildx ls --format '{{.Name}} {{.Current}}' | tr '\n' ' ')" "ci true default false "
run docker buildx create --name ../x
is "a name that is a path" "$STATUS $(head -n 1 <<<"$ERR" | cut -c1-35)" "1 error: invalid builder name '../x':"
like "one without a name gets one" "$(docker buildx create)" '^decant[0-9]$'
is "rm of all others" "$(docker buildx rm --all-inactive)" "decant0 removed"
like "buildx version" "$(docker buildx version)" "$version"
run docker buildx build -t bx --load app
status "buildx build --load" 0
run docker buildx rm nope ci
is "buildx rm, of the one that is there" "$STATUS $OUT" "1 ci removed"
is "it is forgotten" "$(docker buildx ls --format '{{.Name}} {{.Current}}')" "default true"
run docker fsck --quick
status "a store with builders is whole" 0
run docker buildx nope
status "no such buildx command" 1
like "is named" "$ERR" "docker buildx nope"
is "context show" "$(docker context show)" default
like "context ls" "$(docker context ls)" '^default \*'
run docker context use elsewhere
status "there is no other context" 1
run docker builder build -t bx app
status "builder build" 0
run docker image ls -q
status "image ls" 0

# --- others' names ----------------------------------------------------------------------------------
run buildah bud -t by-buildah app
status "buildah bud" 0
run buildah build --layers -t by-buildah app
status "buildah build" 0
like "buildah images" "$(buildah images by-buildah)" by-buildah
run buildah tag by-buildah again
status "buildah tag" 0
run buildah --storage-driver vfs rmi again by-buildah
status "buildah rmi" 0
run podman build -t by-podman app
status "podman build" 0
like "podman --version" "$(podman --version)" '^podman version'
run executor --context "dir://$T/app" --dockerfile Dockerfile --destination r.example/x:1 --no-push --tar-path k.tar --digest-file k.digest --cache=true --snapshot-mode=redo --verbosity debug
status "kaniko's executor" 0
run executor -c "$T/app" --no-push
status "its -c is the context" 0
run executor --customPlatform linux/amd64 --insecure --insecure-pull --skip-tls-verify-pull --skip-tls-verify-registry r.example -c "$T/app" --no-push
status "its older spellings, and what a registry need not have" 0
if [ ! -e /workspace ]; then
	run executor --no-push
	like "its context is /workspace" "$ERR" '"/workspace" not found'
fi
like "its digest" "$(cat k.digest)" '^sha256:[0-9a-f]{64}$'
ok "its archive" test -s k.tar

# --- make install-docker-shim -----------------------------------------------------------------------
shim() { make -s -C "$E2E_ROOT" "$@" DESTDIR="$T/dest" PREFIX=/opt; }
mkdir -p dest/opt/bin && ln -s "$DECANT" dest/opt/bin/decant
run shim install-docker-shim
status "install-docker-shim" 0
share=dest/opt/share
ok "with completions" grep -q 'complete -F _docker docker' $share/bash-completion/completions/docker
ok "of zsh" grep -q '^#compdef docker' $share/zsh/site-functions/_docker
echo other >$share/fish/vendor_completions.d/docker.fish
like "it is docker" "$(dest/opt/bin/docker --version)" '^Docker version'
run shim install-docker-shim
status "a second time" 0
run shim uninstall-docker-shim
status "uninstall-docker-shim" 0
ok "and it is gone" [ ! -e dest/opt/bin/docker ]
ok "with its completions" [ ! -e $share/bash-completion/completions/docker ]
is "but for another's" "$(cat $share/fish/vendor_completions.d/docker.fish)" other
echo real >dest/opt/bin/docker
run shim install-docker-shim
[ "$STATUS" -eq 0 ] || STATUS=1
status "a real docker is not replaced" 1
like "says how" "$ERR" 'FORCE=1'
is "and is as it was" "$(cat dest/opt/bin/docker)" real
run shim uninstall-docker-shim
ok "nor removed" [ "$(cat dest/opt/bin/docker)" = real ]
run shim install-docker-shim FORCE=1
status "unless forced" 0
like "then it is docker" "$(dest/opt/bin/docker --version)" '^Docker version'
run shim uninstall-docker-shim
is "and the real one comes back" "$(cat dest/opt/bin/docker)" real
done_testing
