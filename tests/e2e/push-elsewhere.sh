#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# push IMAGE DESTINATION, as buildah and podman have it; image exists, images --noheading, executor version.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
mkdir bin
for name in buildah podman docker executor; do ln -s "$DECANT" "bin/$name"; done
PATH=$T/bin:$PATH

printf 'FROM scratch\nCOPY f /\n' >Dockerfile
echo x >f
id=$(decant build -q -t app:1 .)
loads() { # WHAT LINE
	decant rmi -f "$id" >/dev/null
	run decant load -q -i "$1"
	is "$1: is loaded" "$STATUS $OUT" "0 $2"
	is "$1: the same image" "$(decant images -qa --no-trunc)" "$id"
	decant build -q -t app:1 . >/dev/null
}
run buildah push app:1 oci:layout:v2
is "oci:" "$STATUS $OUT$ERR" "0 "
is "oci: its tag" "$(python3 -c 'import json; print(json.load(open("layout/index.json"))["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"])')" v2
run buildah push app:1 oci-archive:oci.tar
is "oci-archive:" "$STATUS $OUT$ERR" "0 "
run podman push app:1 docker-archive:docker.tar:other:3
is "docker-archive:" "$STATUS $OUT$ERR" "0 "
run buildah push "${id:7:12}" dir:folder
is "dir:, of an ID" "$STATUS $OUT$ERR" "0 "
is "dir: its files" "$(cat folder/version)" "Directory Transport Version: 1.1"
loads layout "Loaded image: app:v2"
loads oci.tar "Loaded image ID: $id"
loads docker.tar "Loaded image: other:3"
loads folder "Loaded image ID: $id"
if command -v skopeo >/dev/null; then
	for what in oci:layout:v2 oci-archive:oci.tar docker-archive:docker.tar dir:folder; do
		is "$what: skopeo reads it" "sha256:$(skopeo inspect --config --raw "$what" | sha256sum | cut -d' ' -f1)" "$id"
	done
else
	skip "skopeo reads them" "'skopeo' is not installed"
fi
decant rmi -f "$id" >/dev/null
decant build -q -t app:1 --platform linux/amd64,linux/arm64 . >/dev/null
run buildah push app:1 dir:two
like "dir: takes one image" "$ERR" "choose it with --platform"
run buildah push --platform linux/arm64 app:1 dir:two
status "... of several" 0
run decant push app:1 containers-storage:x
status "another engine's store" 2
like "... says what there is" "$ERR" "one of docker://, oci:, oci-archive:, docker-archive:, dir:"
run decant push app:1 oci:
status "no file" 2
run decant push none:1 dir:none
ok "no image" [ "$STATUS" -ne 0 ]
ok "... and no folder" [ ! -e none ]
if command -v docker-registry >/dev/null; then
	# shellcheck disable=SC2119 # no login
	registry_start
	run podman push app:1 "docker://$REGISTRY/far:1"
	status "docker://" 0
	run buildah push app:1 "$REGISTRY/far:2"
	status "a name" 0
	is "both are there" "$(decant search --list-tags --format '{{.Tag}}' "$REGISTRY/far" | sort | tr '\n' ' ')" "1 2 "
else
	skip "to a registry" "'docker-registry' is not installed"
fi

# --- small words of others
run podman image exists app:1
is "image exists" "$STATUS $OUT$ERR" "0 "
run podman image exists app:none
is "image exists: no" "$STATUS $OUT$ERR" "1 "
run podman image exists 'A B'
ok "image exists: no name at all is an error" [ "$STATUS" -ne 0 ]
like "... and told" "$ERR" "invalid reference format"
run podman images --noheading
is "images --noheading" "$STATUS $(wc -l <<<"$OUT") ${OUT%% *}" "0 1 app"
run buildah images -n -q
is "... and its letter" "$STATUS $(wc -l <<<"$OUT")" "0 1"
run executor version
is "executor version" "$STATUS ${OUT%% version*}" "0 decant"

# --- what docker lists and we have not
run docker volume ls
is "volume ls" "$STATUS $OUT" "0 DRIVER    VOLUME NAME"
run docker volume ls -q --filter dangling=true
is "volume ls -q" "$STATUS $OUT" "0 "
run docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'
is "network ls: what --network takes" "$STATUS $OUT" $'0 bridge bridge local\nhost host local\nnone null local'
run docker network ls -q --no-trunc --filter name=host --filter driver=host --filter driver=null
like "network ls: filters" "$STATUS $OUT" '^0 [0-9a-f]{64}$'
run docker network ls -q --filter name=host --filter driver=null
is "network ls: all of them count" "$STATUS $OUT" "0 "
run docker network ls --filter colour=red
like "network ls: a filter that there is not" "$ERR" "invalid filter 'colour=red'"
run docker network create mine
like "network create is none" "$ERR" "unknown command: docker network create"
like "... and says what there is" "$ERR" "note: containers have a network of their own"
run docker buildx bake -f docker-bake.hcl
is "buildx bake" "$STATUS" 1
like "... says what to use" "$ERR" "note: bake files are not read: 'docker build --target A,B"
done_testing
