#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# type=registry: what arrives, under which names and digests, and what the store keeps of it.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 skopeo
# shellcheck disable=SC2119 # no login is wanted
registry_start

mkdir ctx
echo hi >ctx/f
printf 'FROM scratch\nARG TARGETARCH\nCOPY f /f\nLABEL arch=$TARGETARCH\n' >ctx/Dockerfile
builds() { # name, arguments of decant build
	local name=$1
	shift
	run decant build -q "$@" ctx
	status "$name" 0
}
digest() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/$1"; }
raw() { skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$1"; }
of() { python3 -c 'import json, sys; d = json.loads(sys.argv[1]); print(eval(sys.argv[2]))' "$1" "$2"; }

# --- names --------------------------------------------------------------------------------------

builds "two tags of one repository, and another repository" -t "$REGISTRY/a/app:1" -t "$REGISTRY/a/app:2" -t "$REGISTRY/b:3" \
	--push --metadata-file m.json
d=$(digest a/app:1)
is "the same digest" "$(digest a/app:2) $(digest b:3)" "$d $d"
is "told by --metadata-file" "$(of "$(cat m.json)" '[d["containerimage.digest"], d["containerimage.descriptor"]["digest"], d["image.name"].count(",")]')" "['$d', '$d', 2]"
builds "the same again" -t "$REGISTRY/a/app:1" --push
is "has the same digest" "$(digest a/app:1)" "$d"
run decant push -q "$REGISTRY/a/app:1"
is "push sends what is fixed" "$(digest a/app:1)" "$d"
builds "name= of an output" -o "type=image,\"name=$REGISTRY/own:1,$REGISTRY/own:2\",push=true"
is "is where it goes" "$(digest own:2)" "$d"
run decant image inspect "$REGISTRY/own:1"
status "and a name in the store" 0
run decant build -o type=registry ctx
status "no name at all" 2
like "is told before anything is built" "$ERR" "without a name"

# --- keys ---------------------------------------------------------------------------------------

builds "annotations and zstd" -t "$REGISTRY/n:1" -o type=registry,compression=zstd --annotation who=me
is "arrive" "$(of "$(raw n:1)" '[d["annotations"]["who"], d["layers"][0]["mediaType"][-4:]]')" "['me', 'zstd']"
d=$(digest n:1)
run decant push -q "$REGISTRY/n:1"
is "and are fixed at the name" "$(digest n:1)" "$d"
run skopeo inspect --raw "oci:$DECANT_ROOT:$REGISTRY/n:1"
is "in the store's layout as well" "sha256:$(printf %s "$OUT" | sha256sum | cut -d' ' -f1)" "$d"
run decant push -q "$REGISTRY/a/app:1"
is "not at other names of the image" "$(of "$(raw a/app:1)" '"annotations" in d')" False
builds "an output without annotations" -t "$REGISTRY/n:1" --push
is "has none, whatever was there" "$(of "$(raw n:1)" '"annotations" in d')" False
builds "docker's media types" -t "$REGISTRY/dt:1" -o type=registry,oci-mediatypes=false
is "arrive" "$(of "$(raw dt:1)" 'd["mediaType"]')" application/vnd.docker.distribution.manifest.v2+json
run decant pull -q "$REGISTRY/dt:1"
status "and can be pulled" 0

# --- by digest ----------------------------------------------------------------------------------

builds "push-by-digest" -o "type=image,name=$REGISTRY/bd,push-by-digest=true,name-canonical=true,push=true" --metadata-file m.json
d=$(of "$(cat m.json)" 'd["containerimage.digest"]')
run skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/bd@$d"
status "it is there" 0
run skopeo list-tags --tls-verify=false "docker://$REGISTRY/bd"
unlike "without a tag" "$OUT" latest
run decant image inspect --format '{{.Id}}' "$REGISTRY/bd@$d"
status "name-canonical: found in the store by its digest" 0
run decant build -o "type=registry,name=$REGISTRY/bd:1,push-by-digest=true" ctx
ok "not with a tag" test "$STATUS" -ne 0
like "which is told" "$ERR" "it has a tag"

# --- several platforms --------------------------------------------------------------------------

both=("--platform=linux/amd64,linux/arm64")
builds "two platforms" "${both[@]}" -t "$REGISTRY/multi:1" --push --annotation index:i=1 --annotation 'manifest-descriptor[linux/arm64]:a=1'
is "are an index" "$(of "$(raw multi:1)" '[d["mediaType"], d["annotations"], [m["platform"]["architecture"] for m in d["manifests"]], d["manifests"][1]["annotations"]]')" \
	"['application/vnd.oci.image.index.v1+json', {'i': '1'}, ['amd64', 'arm64'], {'a': '1'}]"
run skopeo copy -q --insecure-policy --src-tls-verify=false --all "docker://$REGISTRY/multi:1" dir:multi
status "all of it is there" 0
for arch in amd64 arm64; do
	run skopeo inspect --tls-verify=false --override-arch $arch --config "docker://$REGISTRY/multi:1"
	like "$arch" "$OUT" "\"arch\": ?\"$arch\""
done
builds "by digest" "${both[@]}" -o "type=image,name=$REGISTRY/multi,push-by-digest=true,push=true" --metadata-file m.json
run skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/multi@$(of "$(cat m.json)" 'd["containerimage.digest"]')"
like "the index" "$OUT" '"manifests"'

# --- plain http ---------------------------------------------------------------------------------

# 0.0.0.0 reaches this machine, but is not a loopback name: the rules for real hosts hold.
real=0.0.0.0:${REGISTRY#*:}
run decant build -q -t "$real/x:1" --push ctx
ok "a registry without TLS" test "$STATUS" -ne 0
builds "registry.insecure=true" -t "$real/x:1" -o type=registry,registry.insecure=true
is "it is there" "$(of "$(raw x:1)" 'len(d["layers"])')" 1

# --- failures -----------------------------------------------------------------------------------

run decant build -t "127.0.0.1:1/gone:1" -o type=registry -o type=oci,dest=good.tar ctx
ok "a registry that is not there" test "$STATUS" -ne 0
like "is named" "$ERR" "pushing 127.0.0.1:1/gone:1"
like "with its output" "$ERR" "writing the output 'type=registry'"
ok "the archive is there" test -s good.tar

# --- other programs' words ----------------------------------------------------------------------

builds "kaniko's" --destination "$REGISTRY/k:1" -d "$REGISTRY/k:2" --digest-file df --image-name-with-digest-file nf --image-name-tag-with-digest-file tf
d=$(digest k:2)
is "--digest-file" "$(cat df)" "$d"
is "names" "$(cat nf)" "$REGISTRY/k@$d
$REGISTRY/k@$d"
is "names with tags" "$(cat tf)" "$REGISTRY/k:1@$d
$REGISTRY/k:2@$d"
builds "kaniko's archives" --destination "$REGISTRY/kn:1" --no-push --tar-path k.tar --oci-layout-path klayout --digest-file df
run skopeo inspect --tls-verify=false "docker://$REGISTRY/kn:1"
ok "--no-push" test "$STATUS" -ne 0
run skopeo inspect --config --raw docker-archive:k.tar
status "--tar-path" 0
run skopeo inspect --raw oci:klayout
is "--oci-layout-path, and its digest" "sha256:$(printf %s "$OUT" | sha256sum | cut -d' ' -f1)" "$(cat df)"
is "nothing is left" "$(leftovers)" ""
done_testing
