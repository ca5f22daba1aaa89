#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Layouts as others write and read them: skopeo's dir: of a docker archive, and one of several images.
. "$(dirname "$0")/../lib/e2e.sh"
needs skopeo jq
decant build -q -t app:1 - >/dev/null <<<$'FROM scratch\nCOPY <<E /one\none\nE'
decant build -q -t app:2 - >/dev/null <<<$'FROM scratch\nCOPY <<E /two\ntwo\nE'
ID=$(decant images -q --no-trunc app:1)

# --- plain layers under the media type of gzip
decant save -o a.tar app:1
ok "skopeo copies the archive to dir:" skopeo copy -q --insecure-policy docker-archive:a.tar dir:folder
is "and says gzip of what is plain" "$(jq -r '.layers[].mediaType' folder/manifest.json)" application/vnd.docker.image.rootfs.diff.tar.gzip
export DECANT_ROOT=$T/other
run decant load -i folder
is "load takes it" "$STATUS ${OUT##*: }" "0 $ID"
decant tag "$ID" again:1
run decant save --format oci -o again.tar again:1
is "what it hands on is true" "$STATUS $(skopeo inspect --raw oci-archive:again.tar | jq -r '.layers[].mediaType')" "0 application/vnd.oci.image.layer.v1.tar+gzip"
sed 's/diff.tar.gzip/diff.tar.lz4/' folder/manifest.json >m && mv m folder/manifest.json
run env DECANT_ROOT="$T/none" "$DECANT" load -i folder
is "a type that is none of a layer is refused" "$STATUS" 3

export DECANT_ROOT=$T/store

# --- several images
decant save --format oci -o both.tar app:1 app:2
for tag in 1 2; do
	run skopeo inspect --raw "oci-archive:both.tar:docker.io/library/app:$tag"
	is "skopeo finds app:$tag by its full name" "$STATUS sha256:$(jq -r .config.digest <<<"$OUT" | cut -d: -f2)" "0 $(decant images -q --no-trunc app:$tag)"
done
decant save --format oci -o one.tar app:1
is "one image has its tag" "$(tar xOf one.tar index.json | jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]')" 1
DECANT_ROOT=$T/back run decant load -i both.tar
is "both come back" "$STATUS $(sort <<<"$OUT" | xargs)" "0 Loaded image: app:1 Loaded image: app:2"
done_testing
