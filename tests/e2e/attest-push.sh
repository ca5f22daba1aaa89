#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Attestations on their way out: referrers, by the registry's own list and by its tag; in an index; in layouts, as files.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3 skopeo curl
base busybox:latest
# shellcheck disable=SC2119 # no user, no password
registry_start

q() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
get() { curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$1/v2/$2/$3"; }
digest_of() { get "$1" "$2" "manifests/$3" | sha256sum | sed 's/ .*//'; }

mkdir ctx
printf 'FROM busybox\nRUN printf "a==1.0\\n" >/requirements.txt\n' >ctx/Dockerfile

# --- a registry without the API: a tag --------------------------------------------------------------------------------
decant build -q -t "$REGISTRY/plain:1" --push ctx >/dev/null 2>&1
before=$(digest_of "$REGISTRY" plain 1)
tag=sha256-$before
theirs=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"artifactType":"example/signature","annotations":{"who":"somebody else"}}]}' \
	"$before" "$(get "$REGISTRY" plain manifests/1 | wc -c)")
curl -s -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "$theirs" "http://$REGISTRY/v2/plain/manifests/$tag"
run decant build -t "$REGISTRY/plain:1" -t "$REGISTRY/plain:2" --push --sbom=true --provenance=mode=min ctx
status "pushed with attestations" 0
is "the image is what it was without them" "$(digest_of "$REGISTRY" plain 1)" "$before"
list=$(get "$REGISTRY" plain "manifests/$tag")
is "they are listed under the tag of the image's digest, once, after what was there" \
	"$(q '[(m["artifactType"], m["annotations"]) for m in d["manifests"]]' <<<"$list")" \
	"[('example/signature', {'who': 'somebody else'}), ('application/vnd.in-toto+json', {'in-toto.io/predicate-type': 'https://spdx.dev/Document'}), ('application/vnd.in-toto+json', {'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1'})]"
artifact=$(get "$REGISTRY" plain "manifests/$(q 'd["manifests"][1]["digest"]' <<<"$list")")
is "each has the image as its subject" "$(q 'd["subject"]["digest"]' <<<"$artifact")" "sha256:$before"
is "and no config" "$(q '(d["config"]["mediaType"], d["config"]["size"])' <<<"$artifact")" "('application/vnd.oci.empty.v1+json', 2)"
statement=$(get "$REGISTRY" plain "blobs/$(q 'd["layers"][0]["digest"]' <<<"$artifact")")
is "its blob is a statement on all names of the image" "$(q '(d["_type"], d["predicateType"], [(s["name"], s["digest"]["sha256"]) for s in d["subject"]])' <<<"$statement")" \
	"('https://in-toto.io/Statement/v1', 'https://spdx.dev/Document', [('pkg:docker/$REGISTRY/plain@1?platform=linux%2Famd64', '$before'), ('pkg:docker/$REGISTRY/plain@2?platform=linux%2Famd64', '$before')])"
like "with the packages" "$(q 'd["predicate"]["packages"]' <<<"$statement")" 'pkg:pypi/a@1.0'
run decant push "$REGISTRY/plain:1"
is "pushed again with the names it has, they are added once more: other subjects" \
	"$(get "$REGISTRY" plain "manifests/$tag" | q 'len(d["manifests"])')" 5
run decant push "$REGISTRY/plain:1"
is "and then nothing changes" "$(get "$REGISTRY" plain "manifests/$tag" | q 'len(d["manifests"])')" 5
many() { # N: the same image, attested by builder N in a store of its own
	export DECANT_ROOT=$T/many$1 SOURCE_DATE_EPOCH=1600000000
	base busybox:latest
	decant build -q -t "$REGISTRY/many:1" --provenance="mode=min,builder-id=http://builder/$1" ctx >/dev/null
}
for i in 1 2 3 4 5 6 7 8; do (many $i); done
pids=()
for i in 1 2 3 4 5 6 7 8; do
	DECANT_ROOT=$T/many$i "$DECANT" push -q "$REGISTRY/many:1" >"many$i.log" 2>&1 &
	pids+=("$!")
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
[ "$failed" -eq 0 ] || diag "$(cat many*.log)"
is "eight that push one image at once: all succeed" "$failed" 0
is "and each one's statement is in the list" "$(get "$REGISTRY" many "manifests/sha256-$(digest_of "$REGISTRY" many 1)" | q 'len(d["manifests"])')" 8
decant tag "$REGISTRY/plain:1" "$REGISTRY/other:1"
run decant push --no-attestations "$REGISTRY/other:1"
like "push --no-attestations leaves them here" "$(curl -s "http://$REGISTRY/v2/other/tags/list")" '"tags":\["1"\]'
curl -s -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "$(get "$REGISTRY" plain manifests/1)" \
	"http://$REGISTRY/v2/plain/manifests/$tag"
run decant push "$REGISTRY/plain:2"
like "a tag that is no list is left alone" "$ERR" "the list of referrers is no OCI index"
like "and the user knows that the image is there" "$ERR" "the image itself is there"
registry_stop

# --- a registry with the API ------------------------------------------------------------------------------------------
python3 "$E2E_ROOT/tests/lib/referrers-registry.py" "$T/info" &
E2E_PIDS+=("$!")
wait_until 60 [ -s "$T/info" ]
R=$(cat "$T/info")
run decant build -t "$R/app:1" --push --provenance=mode=min --sbom=true ctx
status "pushed where referrers are known" 0
digest=$(digest_of "$R" app 1)
is "the registry lists them" "$(get "$R" app "referrers/sha256:$digest" | q 'sorted(m["annotations"]["in-toto.io/predicate-type"] for m in d["manifests"])')" \
	"['https://slsa.dev/provenance/v1', 'https://spdx.dev/Document']"
is "under no tag" "$(get "$R" app "manifests/sha256-$digest" | wc -c)" 0

# --- an index, as buildx does -----------------------------------------------------------------------------------------
run decant build -t "$R/index:1" --push --provenance=mode=min,form=index --sbom=form=index ctx
status "form=index" 0
raw=$(skopeo inspect --raw --tls-verify=false "docker://$R/index:1")
is "is an index of the image and its attestations" \
	"$(q '[(m["platform"]["os"], m.get("annotations", {}).get("vnd.docker.reference.type")) for m in d["manifests"]]' <<<"$raw")" \
	"[('linux', None), ('unknown', 'attestation-manifest')]"
is "which name the image" "$(q 'd["manifests"][1]["annotations"]["vnd.docker.reference.digest"] == d["manifests"][0]["digest"]' <<<"$raw")" True
run decant build -t "$R/noted:1" --push --provenance=mode=min,form=index --annotation index:who=me ctx
status "an index for what is attested has annotations" 0
is "they are there" "$(skopeo inspect --raw --tls-verify=false "docker://$R/noted:1" | q 'd["annotations"]["who"]')" me
run decant build -t "$R/noted:2" --push --provenance=mode=min --annotation index:who=me ctx
status "with referrers there is no index" 2
attached=$(get "$R" index "manifests/$(q 'd["manifests"][1]["digest"]' <<<"$raw")")
is "in one manifest, as BuildKit's" "$(q '(d["artifactType"], [l["annotations"]["in-toto.io/predicate-type"] for l in d["layers"]])' <<<"$attached")" \
	"('application/vnd.docker.attestation.manifest.v1+json', ['https://spdx.dev/Document', 'https://slsa.dev/provenance/v1'])"
ok "skopeo finds the image in it" skopeo copy -q --src-tls-verify=false "docker://$R/index:1" "dir:$T/from-index"
run decant build --provenance=mode=min --sbom=form=index -o "type=registry,oci-artifact=false,name=$R/old:1" ctx
is "oci-artifact=false is BuildKit's older way" \
	"$(get "$R" old "manifests/$(get "$R" old manifests/1 | q 'd["manifests"][1]["digest"]')" | q '("subject" in d, d["config"]["mediaType"])')" \
	"(False, 'application/vnd.oci.image.config.v1+json')"
run decant build --label another=image --sbom=form=index -o "type=registry,oci-mediatypes=false,name=$R/docker:1" ctx
like "docker's media types have no place for them" "$ERR" "attestations in an index need OCI's media types"
decant rmi -f "$R/index:1" >/dev/null
printf 'ARG TOKEN\nFROM scratch\nCOPY Dockerfile /\n' >ctx/Dockerfile.args
run decant build -f ctx/Dockerfile.args --build-arg TOKEN=hush1 --provenance=mode=max -t priv:1 ctx
run decant build -f ctx/Dockerfile.args --build-arg TOKEN=other -t "$R/leak:1" --push ctx
is "a build publishes nothing that an earlier one attested of the same image" \
	"$(decant attest --format '{{.Name}}' priv:1) $(get "$R" leak "referrers/sha256:$(digest_of "$R" leak 1)" | q 'd["manifests"]')" " []"
decant build -q -f ctx/Dockerfile.args --build-arg TOKEN=own --provenance=mode=max -t "$R/leak:2" ctx >/dev/null 2>&1
run decant push "$R/leak:1"
is "and a push what the last build attested" \
	"$(get "$R" leak "blobs/$(get "$R" leak "manifests/$(get "$R" leak "referrers/sha256:$(digest_of "$R" leak 1)" | q 'd["manifests"][0]["digest"]')" | q 'd["layers"][0]["digest"]')" |
		q 'd["predicate"]["buildDefinition"]["externalParameters"]["request"]["args"]')" "{'build-arg:TOKEN': 'own'}"
run decant pull "$R/index:1"
status "what is in an index can be pulled" 0

# --- several platforms: each with its own ------------------------------------------------------------------------------
mkdir mp
printf 'FROM scratch AS amd64\nCOPY requirements.txt /a/\nFROM scratch AS arm64\nCOPY requirements.txt /b/\nFROM $TARGETARCH\n' >mp/Dockerfile
echo 'a==1.0' >mp/requirements.txt
run decant build --platform linux/amd64,linux/arm64 -t "$R/mp:1" --push --sbom=true --provenance=mode=min mp
is "referrers of several platforms' images" \
	"$(for d in $(get "$R" mp manifests/1 | q '" ".join(m["digest"] for m in d["manifests"])'); do get "$R" mp "referrers/$d" | q 'len(d["manifests"])'; done | xargs)" "2 2"
is "each tells of its own files" "$(decant sbom --platform linux/arm64 --format '{{.PURL}} {{.Path}}' "$R/mp:1")" "pkg:pypi/a@1.0 /b/requirements.txt"
run decant build --platform linux/amd64,linux/arm64 -t "$R/mp:2" --push --sbom=form=index mp
is "in an index after all images" "$(get "$R" mp manifests/2 | q '[m["platform"]["architecture"] for m in d["manifests"]]')" "['amd64', 'arm64', 'unknown', 'unknown']"
run decant build --platform linux/amd64,linux/arm64 -o type=local,dest=mp-files,platform-split=false --provenance=true mp
is "as files of one folder they are named after it" "$(find mp-files -name '*.json' -printf '%f\n' | sort | xargs)" \
	"provenance.linux_amd64.json provenance.linux_arm64.json"

# --- layouts, files ---------------------------------------------------------------------------------------------------
run decant build -t layout:1 -o type=oci,dest=layout.tar --provenance=mode=min,form=referrer --sbom=form=referrer ctx
mkdir layout && tar -C layout -xf layout.tar
is "a layout lists referrers after the image" "$(q '[m.get("artifactType") for m in d["manifests"]]' <layout/index.json)" \
	"[None, 'application/vnd.in-toto+json', 'application/vnd.in-toto+json']"
ok "which has all blobs of them" python3 - layout <<'P'
import hashlib, json, os, sys
blobs = os.path.join(sys.argv[1], "blobs/sha256")
def read(d):
    data = open(os.path.join(blobs, d["digest"][7:]), "rb").read()
    assert hashlib.sha256(data).hexdigest() == d["digest"][7:] and len(data) == d["size"]
    return data
for entry in json.load(open(os.path.join(sys.argv[1], "index.json")))["manifests"]:
    manifest = json.loads(read(entry))
    for d in [manifest["config"], *manifest["layers"]]:
        read(d)
P
ok "skopeo reads the image" skopeo copy -q "oci:layout:1" "dir:$T/from-layout"
ok "so does another store" decant --root "$T/second" load -qi layout.tar
printf 'FROM base\n' >ctx/Dockerfile.layout
ok "and a build, as the only image there" decant build -q --build-context "base=oci-layout://$T/layout" -f ctx/Dockerfile.layout ctx

run decant build -o files --provenance=mode=max --sbom=true ctx
is "type=local has them as files" "$(q '(d["_type"], d["predicateType"])' <files/provenance.json)" "('https://in-toto.io/Statement/v1', 'https://slsa.dev/provenance/v1')"
is "on each file of the image" \
	"$(q '[s["digest"]["sha256"] for s in d["subject"] if s["name"] == "requirements.txt"]' <files/sbom.spdx.json)" \
	"['$(printf 'a==1.0\n' | sha256sum | sed 's/ .*//')']"
run decant build -o "type=tar,dest=files.tar,attestation-prefix=app." --provenance=filename=how.json ctx
is "so has type=tar, under other names if asked for" "$(tar -tf files.tar | grep json)" app.how.json
run decant build -o plain-files ctx
is "a build that does not ask for them writes none" "$(find plain-files -name '*.json')" ""
run decant build -o inline --provenance=inline-only=true ctx
is "inline-only keeps them out of files" "$(find inline -name '*.json')" ""
run decant build -o type=docker,dest=docker.tar --provenance=true ctx
like "type=docker says that it has none" "$ERR" "type=docker holds no attestations"

# --- the metadata file ------------------------------------------------------------------------------------------------
run decant build --metadata-file meta.json --build-arg A=b ctx
is "has the provenance" "$(q 'd["buildx.build.provenance"]["buildDefinition"]["externalParameters"]["request"]["frontend"]' <meta.json)" dockerfile.v0
unlike "as little of it as buildx" "$(cat meta.json)" build-arg
BUILDX_METADATA_PROVENANCE=max run decant build --metadata-file meta.json --build-arg A=b ctx
like "or all" "$(cat meta.json)" build-arg:A
BUILDX_METADATA_PROVENANCE=disabled run decant build --metadata-file meta.json ctx
unlike "or none" "$(cat meta.json)" provenance
is "nothing stays mounted" "$(leftovers)" ""
done_testing
