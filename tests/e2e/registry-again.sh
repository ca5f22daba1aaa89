#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What was pushed or pulled once, pushed with another compression, or pulled by tag and digest.
. "$(dirname "$0")/../lib/e2e.sh"
needs_root
needs skopeo jq
# shellcheck disable=SC2119 # no login is wanted
registry_start
decant build -q -t "$REGISTRY/c/a:1" - >/dev/null <<<$'FROM scratch\nCOPY <<E /one\none\nE\nCOPY <<E /two\ntwo\nE'
types() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$1" | jq -r '.layers[].mediaType' | sed 's/.*\.tar//' | sort | uniq -c | xargs; }
digest() { skopeo inspect --tls-verify=false "docker://$REGISTRY/$1" | jq -r .Digest; }

# --- another compression than that of the last push
run decant push -q --compression zstd "$REGISTRY/c/a:1"
is "zstd, when that is asked for" "$STATUS $(types c/a:1)" "0 2 +zstd"
ZSTD=$(digest c/a:1)
run decant push -q "$REGISTRY/c/a:1"
is "without a word the digest stays" "$STATUS $(digest c/a:1)" "0 $ZSTD"
run decant push -q --compression gzip "$REGISTRY/c/a:1"
is "gzip, when that is asked for next" "$STATUS $(types c/a:1)" "0 2 +gzip"
GZIP=$(digest c/a:1)
run decant push -q --compression gzip "$REGISTRY/c/a:1"
is "the same again has the same digest" "$STATUS $(digest c/a:1)" "0 $GZIP"
run decant push -q --compression none "$REGISTRY/c/a:1"
is "none, when that is asked for" "$STATUS $(types c/a:1)" "0 2"
run decant push -q --compression zstd "$REGISTRY/c/a:1"
is "zstd again is the zstd of before" "$STATUS $(digest c/a:1)" "0 $ZSTD"

# --- of an image that came from a registry
export DECANT_ROOT=$T/other
decant pull -q "$REGISTRY/c/a:1" >/dev/null
decant tag "$REGISTRY/c/a:1" "$REGISTRY/d/a:1"
run decant push -q "$REGISTRY/d/a:1"
is "what was pulled goes out as it came" "$STATUS $(digest d/a:1)" "0 $ZSTD"
run decant push -q --compression gzip "$REGISTRY/d/a:1"
is "or as gzip, when that is asked for" "$STATUS $(types d/a:1)" "0 2 +gzip"
run decant push --compression none "$REGISTRY/d/a:1" "oci-archive:$T/to.tar:1"
is "so in an archive" "$STATUS $(skopeo inspect --raw "oci-archive:$T/to.tar" | jq -r '.layers[].mediaType' | sort -u)" "0 application/vnd.oci.image.layer.v1.tar"

# --- NAME:TAG@DIGEST: the tag is another image there
export DECANT_ROOT=$T/third
skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/d/a:1" "docker://$REGISTRY/c/a:gz"
run decant pull -q "$REGISTRY/c/a:gz@$ZSTD"
is "pulled by tag and digest" "$STATUS $OUT" "0 $REGISTRY/c/a:gz@$ZSTD"
is "it has no tag here" "$(decant images --format '{{.Repository}} {{.Tag}} {{.Digest}}')" "$REGISTRY/c/a <none> $ZSTD"
is "nor in inspect" "$(decant inspect -f '{{json .RepoTags}} {{json .RepoDigests}}' "$REGISTRY/c/a@$ZSTD")" "[] [\"$REGISTRY/c/a@$ZSTD\"]"
run decant inspect "$REGISTRY/c/a:gz@$ZSTD"
status "what was typed finds it" 0
run decant build -q -t from - <<<"FROM $REGISTRY/c/a:gz@$ZSTD"
status "FROM finds it" 0
is "and adds no name of its own" "$(decant images -q "$REGISTRY/c/a" | wc -l)" 1
run decant push --platform linux/s390x from
status "push for a platform that is not here" 1
unlike "does not say that the name is missing" "$ERR" "decant tag"
run decant rmi "$REGISTRY/c/a:gz@$ZSTD"
is "rmi takes what was typed" "$STATUS $(decant images -q "$REGISTRY/c/a" | wc -l)" "0 0"
done_testing
