#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The index of an image for several platforms is kept as it came or went out: shown, pushed, held by its name.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3
serve_start

printf 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY f /\n' >Dockerfile
echo x >f
raw() { decant imagetools inspect --raw "$1"; }
digest() { echo "sha256:$(raw "$1" | sha256sum | cut -d' ' -f1)"; }
shown() { decant inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$1" | grep "^$2@"; }
listed() { decant images --digests --format '{{.Repository}}:{{.Tag}} {{.Digest}}' | sed -n "s,^$1 ,,p"; }
blob() { echo "$DECANT_ROOT/blobs/sha256/${1#sha256:}"; }

# --- what was built here
run decant build -q -t "$SERVE/p/many:1" --platform linux/amd64,linux/arm64 .
status "two platforms" 0
run decant push "$SERVE/p/many:1"
built=$(digest "$SERVE/p/many:1")
like "pushed" "$OUT" "digest: $built"
is "pushed: RepoDigests has the index" "$(shown "$SERVE/p/many:1" "$SERVE/p/many")" "$SERVE/p/many@$built"
is "pushed: images --digests too" "$(listed "$SERVE/p/many:1")" "$built"
run decant build -q --push -t "$SERVE/p/direct:1" --platform linux/amd64,linux/arm64 .
is "build --push: the same" "$STATUS $(listed "$SERVE/p/direct:1")" "0 $(digest "$SERVE/p/direct:1")"
run decant build -q --build-arg X=1 -t "$SERVE/p/many:1" --platform linux/amd64 .
unlike "built again, for one: the index is not its own any more" "$STATUS $(listed "$SERVE/p/many:1")" "$built"

# --- an index that we would write otherwise
run decant imagetools create --annotation index:who=me -t "$SERVE/p/list:1" "$SERVE/p/direct:1"
list=$(digest "$SERVE/p/list:1")
unlike "an index with an annotation" "$list" "$built"
export DECANT_ROOT=$T/second
run decant pull -q --platform linux/amd64 "$SERVE/p/list:1"
status "pull of one platform" 0
is "... RepoDigests has the index" "$(shown "$SERVE/p/list:1" "$SERVE/p/list")" "$SERVE/p/list@$list"
ok "... whose bytes are here" [ -e "$(blob "$list")" ]
decant tag "$SERVE/p/list:1" "$SERVE/p/part:1"
run decant push "$SERVE/p/part:1"
status "push with one platform of two" 0
like "... tells that it is not all" "$ERR" "not all multi-platform content is here"
like "... and which is which" "$ERR" "$list -> $(digest "$SERVE/p/part:1")"
unlike "... it is the one image" "$(raw "$SERVE/p/part:1")" '"manifests"'
run decant pull -q --platform linux/arm64 "$SERVE/p/list:1"
status "pull of the other one" 0
decant tag "$SERVE/p/list:1" "$SERVE/p/copy:1"
run decant push "$SERVE/p/copy:1"
is "push with both: the very index" "$STATUS $(digest "$SERVE/p/copy:1")" "0 $list"
is "... told" "$(tail -n 1 <<<"$OUT" | grep -o 'digest: .*')" "digest: $list size: $(raw "$SERVE/p/list:1" | wc -c)"
is "... without a note" "$ERR" ""
if command -v skopeo >/dev/null; then
	is "skopeo reads the same index" "sha256:$(skopeo inspect --raw --tls-verify=false "docker://$SERVE/p/copy:1" | sha256sum | cut -d' ' -f1)" "$list"
	is "... and in the store as a layout" "sha256:$(skopeo inspect --raw "oci:$DECANT_ROOT:$SERVE/p/copy:1" | sha256sum | cut -d' ' -f1)" "$list"
else
	skip "skopeo reads the same index" "skopeo is not installed"
fi

# --- held by its names, and nothing else by it
run decant fsck
status "fsck" 0
arm64=$(decant inspect --platform linux/arm64 -f '{{.Id}}' "$SERVE/p/list:1")
run decant rmi -f --platform linux/arm64 "$SERVE/p/list:1"
status "rmi of a platform" 0
ok "... the index stays" [ -e "$(blob "$list")" ]
ok "... the image that it lists does not" [ ! -e "$(blob "$arm64")" ]
is "... nothing to be freed is left" "$(decant image prune -af --dry-run 2>&1 | grep -c "$list")" 0
run decant fsck
status "... and all is well" 0
printf x >>"$(blob "$list")"
run decant fsck
like "damaged: fsck names the images" "$OUT$ERR" "$SERVE/p/list:1"
run decant fsck --repair
run decant fsck
status "damaged: repaired" 0
is "... the images are there" "$(decant inspect -f '{{.Architecture}}' "$SERVE/p/list:1")" amd64
run decant pull -q "$SERVE/p/list:1"
is "... a pull brings it back" "$STATUS $(listed "$SERVE/p/list:1")" "0 $list"
ok "... whole" [ "sha256:$(sha256sum <"$(blob "$list")" | cut -d' ' -f1)" = "$list" ]
rm "$(blob "$list")"
run decant push "$SERVE/p/list:1"
status "gone: a push sends what is here" 0
run decant rmi -f "$SERVE/p/list:1" "$SERVE/p/copy:1" "$SERVE/p/part:1"
is "all names gone: nothing is left" "$STATUS $(ls "$DECANT_ROOT/blobs/sha256")" "0 "

# --- by FROM
export DECANT_ROOT=$T/third
run decant imagetools create --annotation index:who=me -t "$SERVE/p/list:1" "$SERVE/p/direct:1"
run decant build -q - <<<"FROM $SERVE/p/list:1"
is "FROM keeps it too" "$STATUS $(listed "$SERVE/p/list:1")" "0 $list"
ok "... its bytes" [ -e "$(blob "$list")" ]

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
