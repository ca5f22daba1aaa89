#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Under the name docker, as a link: what a docker user types, runs verbatim, and ends as docker ends.  podman, buildah, kaniko's executor too.
. "$(dirname "$0")/../lib/e2e.sh"

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
like "as text" "$(docker info)" '^ Storage Driver: overlay2'
like "help speaks of docker" "$(docker images --help)" '^Usage:  docker images'
like "decant's own of decant" "$(decant images --help)" '^Usage:  decant images'

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
is "buildx create" "$(docker buildx create --name ci --driver docker-container --use --bootstrap)" ci
run docker buildx use ci
status "buildx use" 0
like "buildx inspect" "$(docker buildx inspect --bootstrap ci)" '^Driver: decant'
like "buildx ls" "$(docker buildx ls)" '^default\*'
is "as a template" "$(docker buildx ls --format '{{.Name}}')" default
like "buildx version" "$(docker buildx version)" "$version"
run docker buildx build -t bx --load app
status "buildx build --load" 0
is "buildx rm" "$(docker buildx rm ci)" "ci removed"
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
like "its digest" "$(cat k.digest)" '^sha256:[0-9a-f]{64}$'
ok "its archive" test -s k.tar

# --- make install-docker-shim -----------------------------------------------------------------------
shim() { make -s -C "$E2E_ROOT" "$@" DESTDIR="$T/dest" PREFIX=/opt; }
mkdir -p dest/opt/bin && ln -s "$DECANT" dest/opt/bin/decant
run shim install-docker-shim
status "install-docker-shim" 0
like "it is docker" "$(dest/opt/bin/docker --version)" '^Docker version'
run shim install-docker-shim
status "a second time" 0
run shim uninstall-docker-shim
status "uninstall-docker-shim" 0
ok "and it is gone" [ ! -e dest/opt/bin/docker ]
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
