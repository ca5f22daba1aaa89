#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# imagetools create, and manifest create, annotate, push, rm: an index of images that registries have.
. "$(dirname "$0")/../lib/e2e.sh"
needs docker-registry python3 curl
# shellcheck disable=SC2119 # no login
registry_start
FIRST=$REGISTRY

printf 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY f /\n' >Dockerfile
echo x >f
put() { # NAME PLATFORM: in the registry
	decant build -q -t "$1" --platform "$2" . >/dev/null && decant push -q "$1" >/dev/null
}
raw() { decant imagetools inspect --raw "$1"; }
digest() { echo "sha256:$(raw "$1" | sha256sum | cut -d' ' -f1)"; }
# What an index says: a Python expression over d, its JSON on standard input.
says() { python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"; }
# shellcheck disable=SC2089,SC2090 # Python
PLATFORMS='*[m["platform"]["os"] + "/" + m["platform"]["architecture"] + (("/" + m["platform"]["variant"]) if "variant" in m["platform"] else "") for m in d["manifests"]]'
put "$REGISTRY/app:amd64" linux/amd64
put "$REGISTRY/app:arm64" linux/arm64
put "$REGISTRY/app:arm" linux/arm/v6
put "$REGISTRY/other:s390x" linux/s390x
put "$REGISTRY/both:1" linux/amd64,linux/arm64
amd64=$(digest "$REGISTRY/app:amd64") arm64=$(digest "$REGISTRY/app:arm64")

# --- imagetools create
run decant buildx imagetools create --dry-run "$REGISTRY/app:amd64" "$REGISTRY/app:arm64"
is "dry-run: prints the index" "$STATUS $(says "$PLATFORMS" <<<"$OUT")" "0 linux/amd64 linux/arm64"
is "dry-run: indented by two, as buildx" "$(sed -n 2p <<<"$OUT")" '  "schemaVersion": 2,'
run decant imagetools create -t "$REGISTRY/app:all" "$REGISTRY/app:amd64" "$REGISTRY/app:arm64"
status "create" 0
is "create: nothing on standard output" "$OUT" ""
like "create: what is done is told" "$ERR" "pushing sha256:[0-9a-f]{64} to $REGISTRY/app:all"
is "create: the tag is the index" "$(raw "$REGISTRY/app:all" | says 'd["mediaType"]')" application/vnd.oci.image.index.v1+json
is "create: of both" "$(raw "$REGISTRY/app:all" | says '*[m["digest"] for m in d["manifests"]]')" "$amd64 $arm64"
run decant pull -q --platform linux/arm64 "$REGISTRY/app:all"
is "create: it can be pulled" "$STATUS $(decant inspect -f '{{.Architecture}}' "$REGISTRY/app:all")" "0 arm64"
run decant imagetools create --append -t "$REGISTRY/app:all" --metadata-file meta.json "$REGISTRY/app:arm"
is "append" "$STATUS $(raw "$REGISTRY/app:all" | says "$PLATFORMS")" "0 linux/amd64 linux/arm64 linux/arm/v6"
is "metadata: the digest" "$(says 'd["containerimage.descriptor"]["digest"], d["image.name"]' <meta.json)" "$(digest "$REGISTRY/app:all") $REGISTRY/app"
run decant imagetools create --append -t "$REGISTRY/app:none" "$REGISTRY/app:arm"
like "append to what is not there" "$ERR" "$REGISTRY/app:none: not found"
run decant imagetools create -t "$REGISTRY/copy:1" -t "$REGISTRY/copy:2" "$REGISTRY/both:1"
is "one index: a copy of it" "$STATUS $(digest "$REGISTRY/copy:1") $(digest "$REGISTRY/copy:2")" "0 $(digest "$REGISTRY/both:1") $(digest "$REGISTRY/both:1")"
run decant pull -q --platform linux/amd64 "$REGISTRY/copy:1"
status "... with its images and layers" 0
run decant imagetools create -t "$REGISTRY/one:index" "$REGISTRY/app:amd64"
is "one image: an index" "$STATUS $(raw "$REGISTRY/one:index" | says "$PLATFORMS")" "0 linux/amd64"
run decant imagetools create --prefer-index=false -t "$REGISTRY/one:image" "$REGISTRY/app:amd64"
is "or a copy" "$STATUS $(digest "$REGISTRY/one:image")" "0 $amd64"
run decant imagetools create -t "$REGISTRY/mixed:1" "$REGISTRY/both:1" "$REGISTRY/other:s390x"
is "an index and an image of other repositories" "$STATUS $(raw "$REGISTRY/mixed:1" | says "$PLATFORMS")" "0 linux/amd64 linux/arm64 linux/s390x"
run decant pull -q --platform linux/s390x "$REGISTRY/mixed:1"
status "... all of it is there" 0
run decant imagetools create -p linux/arm64 -t "$REGISTRY/app:few" "$REGISTRY/app:all"
is "platform: those alone" "$STATUS $(raw "$REGISTRY/app:few" | says "$PLATFORMS")" "0 linux/arm64"
run decant imagetools create -p linux/riscv64 -t "$REGISTRY/app:few" "$REGISTRY/app:all"
like "platform: none is left" "$ERR" "none of the manifests match the provided platforms"

# --- configs in a template
# shellcheck disable=SC2016 # a template
run decant imagetools inspect --format '{{range $p, $i := .Image}}{{$p}}={{$i.architecture}} {{end}}' "$REGISTRY/app:all"
is ".Image of an index: by platform" "$STATUS $OUT" "0 linux/amd64=amd64 linux/arm/v6=arm linux/arm64=arm64 "
run decant imagetools inspect --format '{{json (index .Image "linux/arm64").config.Env}}' "$REGISTRY/app:all"
is "... each is a config" "$STATUS $(says 'd[-1]' <<<"$OUT")" "0 ARCH=arm64"
run decant imagetools inspect --format '{{json .Image}}' "$REGISTRY/app:amd64"
is ".Image of an image: its config" "$STATUS $(says 'd["os"], d["architecture"], d["config"]["Env"][-1]' <<<"$OUT")" "0 linux amd64 ARCH=amd64"
run decant imagetools inspect --format '{{json .}}' "$REGISTRY/app:all"
is "all of it" "$STATUS $(says 'sorted(d), sorted(d["image"])' <<<"$OUT")" "0 ['image', 'manifest', 'name'] ['linux/amd64', 'linux/arm/v6', 'linux/arm64']"
run decant imagetools inspect --format '{{.Name}} {{.Manifest.Digest}}' "$REGISTRY/app:amd64"
is "name and digest" "$STATUS $OUT" "0 $REGISTRY/app:amd64 $amd64"
run decant imagetools inspect --format '{{.Nope}}' "$REGISTRY/app:amd64"
like "an unknown member" "$ERR" 'executing "" at <\.Nope>: can.t evaluate field Nope in type imagetools.tplInput'

# --- sources
printf '%s\n' "$REGISTRY/app:arm64" >name.txt
printf '{"digest": "%s", "platform": {"os": "linux", "architecture": "amd64", "os.version": "10.1", "os.features": ["f"]}, "annotations": {"a": "b"}}' "$amd64" >descriptor.json
run decant imagetools create -f name.txt -f descriptor.json -t "$REGISTRY/app:files"
is "files: a name, a descriptor" "$STATUS $(raw "$REGISTRY/app:files" | says '*[m["digest"] for m in d["manifests"]]')" "0 $arm64 $amd64"
is "files: what the descriptor says counts" "$(raw "$REGISTRY/app:files" | says 'json.dumps(d["manifests"][1]["platform"]), d["manifests"][1]["annotations"]["a"], d["manifests"][1]["size"] > 0')" \
	'{"architecture": "amd64", "os": "linux", "os.version": "10.1", "os.features": ["f"]} b True'
run decant imagetools create -t "$REGISTRY/app:digests" "$amd64" "$arm64"
is "digests, in the repository of the tag" "$STATUS $(raw "$REGISTRY/app:digests" | says "$PLATFORMS")" "0 linux/amd64 linux/arm64"
run decant imagetools create -t "$REGISTRY/x:1" "$REGISTRY/app:amd64" "$arm64"
like "digests: in which repository?" "$ERR" "multiple repositories specified, cannot infer repository for '$arm64'"
run decant imagetools create --dry-run "$amd64"
like "digests: in none" "$ERR" "no repositories specified"
run decant imagetools create -t "$REGISTRY/app:x" '{"schemaVersion": 2, "digest": "'"$amd64"'"}'
like "a manifest is no descriptor" "$ERR" "expected a descriptor, found a manifest or an index"
run decant imagetools create -t "$REGISTRY/app:x" '{"digest": "'"$amd64"'", "size": 5}'
like "a descriptor that lies" "$ERR" "its descriptor says 5"
run decant imagetools create -t "$REGISTRY/app:x"
is "no sources" "$STATUS $(head -n 1 <<<"$ERR")" "2 error: no sources specified"
run decant imagetools create "$REGISTRY/app:amd64"
like "no tags" "$ERR" "can't push with no tags specified, please set --tag or --dry-run"

# --- annotations
run decant imagetools create --dry-run --annotation index:who=me --annotation 'manifest-descriptor[linux/arm64]:what=it' "$REGISTRY/app:amd64" "$REGISTRY/app:arm64"
is "annotations" "$STATUS $(says 'd["annotations"], [m.get("annotations") for m in d["manifests"]]' <<<"$OUT")" "0 {'who': 'me'} [None, {'what': 'it'}]"
run decant imagetools create --dry-run --annotation k=v "$REGISTRY/app:amd64"
like "annotations: images stay as they are" "$ERR" "write index:KEY=VALUE or manifest-descriptor:KEY=VALUE"

# --- manifest create ...
run decant manifest create "$REGISTRY/app:list" "$REGISTRY/app:arm64" "$REGISTRY/app:amd64"
is "manifest create" "$STATUS $OUT" "0 Created manifest list $REGISTRY/app:list"
run decant manifest inspect "$REGISTRY/app:list"
is "it is shown as it will be, sorted by name" "$STATUS $(says "$PLATFORMS" <<<"$OUT")" "0 linux/amd64 linux/arm64"
is "... indented by three, as docker" "$(sed -n 2p <<<"$OUT")" '   "schemaVersion": 2,'
run decant manifest create "$REGISTRY/app:list" "$REGISTRY/app:arm"
is "again" "$STATUS $ERR" "3 error: refusing to amend an existing manifest list with no --amend flag"
run decant manifest create --amend "$REGISTRY/app:list" "$REGISTRY/app:arm"
is "--amend" "$STATUS $(decant manifest inspect "$REGISTRY/app:list" | says "$PLATFORMS")" "0 linux/amd64 linux/arm/v6 linux/arm64"
run decant manifest annotate "$REGISTRY/app:list" "$REGISTRY/app:arm" --variant v5 --os-features a,b --os-features a --os-version 1.2
is "annotate" "$STATUS $OUT$ERR" "0 "
is "annotate: is kept" "$(decant manifest inspect "$REGISTRY/app:list" | says 'json.dumps(d["manifests"][1]["platform"])')" \
	'{"architecture": "arm", "os": "linux", "os.version": "1.2", "os.features": ["a", "b"], "variant": "v5"}'
is "inspect LIST NAME" "$(decant manifest inspect "$REGISTRY/app:list" "$REGISTRY/app:arm" | says 'd["platform"]["variant"]')" v5
run decant manifest annotate "$REGISTRY/app:list" "$REGISTRY/app:arm" --arch sparc
like "annotate: no such machine" "$ERR" "manifest entry for image has unsupported os/arch combination: linux/sparc"
run decant manifest annotate "$REGISTRY/app:list" "$REGISTRY/app:none" --arch arm
like "annotate: what is not in it" "$ERR" "manifest for image $REGISTRY/app:none does not exist in $REGISTRY/app:list"
run decant manifest create --amend "$REGISTRY/app:list" "$REGISTRY/other:s390x"
run decant fsck
status "fsck knows the list" 0
run decant manifest push -p "$REGISTRY/app:list"
status "push" 0
is "push: what was put beside it, and the digest" "$OUT" \
	"Pushed ref $REGISTRY/app@$(digest "$REGISTRY/other:s390x") with digest: $(digest "$REGISTRY/other:s390x")"$'\n'"$(digest "$REGISTRY/app:list")"
is "push: all are in it" "$(raw "$REGISTRY/app:list" | says "$PLATFORMS")" "linux/amd64 linux/arm/v5 linux/arm64 linux/s390x"
run decant pull -q --platform linux/s390x "$REGISTRY/app:list"
status "push: and can be pulled" 0
is "push: nothing of ours stays in it" "$(raw "$REGISTRY/app:list" | says '[m.get("annotations") for m in d["manifests"]]')" "[None, None, None, None]"
run decant manifest push "$REGISTRY/app:list"
like "purged: the list is gone" "$ERR" "No such manifest: $REGISTRY/app:list"
run decant manifest create "$REGISTRY/app:second" "$REGISTRY/both:1"
like "a list in a list" "$ERR" "$REGISTRY/both:1 is a manifest list"
run decant manifest create "$REGISTRY/app:second" "$REGISTRY/app:none"
like "what the registry has not" "$ERR" "no such manifest: $REGISTRY/app:none"
run decant manifest create "$REGISTRY/app:second" "$REGISTRY/app:amd64"
run decant manifest rm "$REGISTRY/app:none" "$REGISTRY/app:second"
is "rm: each by itself" "$STATUS $ERR" "1 error: No such manifest: $REGISTRY/app:none"
run decant manifest rm "$REGISTRY/app:second"
like "rm: it is gone" "$ERR" "No such manifest: $REGISTRY/app:second"

# --- a list that is damaged
decant manifest create "$REGISTRY/app:third" "$REGISTRY/app:amd64" >/dev/null
list=$(echo "$DECANT_ROOT"/manifests/*)
sed -i 's/amd64/AMD64/' "$list"
run decant manifest push "$REGISTRY/app:third"
like "damaged: what to do" "$ERR" "remove it with 'decant manifest rm'"
run decant fsck
like "damaged: fsck tells it" "$OUT$ERR" "manifests/[0-9a-f]{64}.* is damaged"
run decant fsck --repair
ok "damaged: fsck moves it away" [ ! -e "$list" ]
run decant fsck
status "damaged: and then all is well" 0

# --- another registry
e2e_registry second
port=$REGISTRY_PORT
run decant imagetools create -t "127.0.0.1:$port/far:1" "$FIRST/both:1" "$FIRST/other:s390x"
is "to another registry" "$STATUS $(raw "127.0.0.1:$port/far:1" | says "$PLATFORMS")" "0 linux/amd64 linux/arm64 linux/s390x"
run decant pull -q --platform linux/s390x "127.0.0.1:$port/far:1"
status "... with its layers" 0
decant manifest create "127.0.0.1:$port/far:2" "$FIRST/app:amd64" >/dev/null
run decant manifest push "127.0.0.1:$port/far:2"
like "manifest push stays within one" "$ERR" "cannot use source images from a different registry than the target image: $FIRST != 127.0.0.1:$port"
done_testing
