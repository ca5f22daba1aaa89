#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Outputs of a build: each type, several at once, and what their keys make of an image's documents.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 skopeo

mkdir -p ctx/d
echo hi >ctx/d/f
ln -s f ctx/d/l
cat >ctx/Dockerfile <<'D'
FROM scratch
COPY d /d
COPY d/f /top
CMD ["/x"]
D

# field of a document: json FILE 'expression over d'
json() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
# of an archive: its index.json, its (first) manifest
index_of() { tar xOf "$1" index.json >current.json; json current.json "$2"; }
manifest_of() {
	tar xOf "$1" index.json >current.json
	tar xOf "$1" "blobs/sha256/$(json current.json 'd["manifests"][0]["digest"][7:]')" >manifest.json
	json manifest.json "$2"
}
builds() { # name, arguments of decant build
	local name=$1
	shift
	run decant build -q "$@" ctx
	status "$name" 0
}

# --- each type, all at once ---------------------------------------------------------------------

builds "six outputs of one build" -t app:1 -o type=oci,dest=a.tar -o type=oci,dest=b.tar,compression=zstd \
	-o type=docker,dest=c.tar -o type=oci,tar=false,dest=layout -o type=local,dest=out -o type=tar,dest=root.tar
id=$OUT
is "local" "$(find out -mindepth 1 | sort | tr '\n' ' ')" "out/d out/d/f out/d/l out/top "
is "owned by the caller" "$(stat -c %u:%g out/d/f)" "$(id -u):$(id -g)"
is "a link stays one" "$(readlink out/d/l)" f
is "tar" "$(tar tf root.tar | sort | tr '\n' ' ')" "d/ d/f d/l top "
for archive in oci-archive:a.tar oci-archive:b.tar docker-archive:c.tar oci:layout; do
	run skopeo inspect --config --raw $archive
	is "skopeo reads $archive, the same image" "sha256:$(printf %s "$OUT" | sha256sum | cut -d' ' -f1)" "$id"
done
is "two of one type differ as asked" "$(manifest_of a.tar '[l["mediaType"][-8:] for l in d["layers"]]')" "['tar+gzip', 'tar+gzip']"
is "zstd" "$(manifest_of b.tar '[l["mediaType"][-8:] for l in d["layers"]]')" "['tar+zstd', 'tar+zstd']"
is "an archive for docker has the blobs that there are" "$(manifest_of c.tar '[l["mediaType"][-4:] for l in d["layers"]]')" "['gzip', 'gzip']"
builds "an archive for docker alone" --label plain=1 -o type=docker,dest=plain.tar
is "has plain layers" "$(manifest_of plain.tar '[l["mediaType"][-4:] for l in d["layers"]]')" "['.tar', '.tar']"
is "named in full, and by its tag" "$(index_of a.tar '[d["manifests"][0]["annotations"]["io.containerd.image.name"], d["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]]')" \
	"['docker.io/library/app:1', '1']"
is "for its platform" "$(index_of a.tar 'd["manifests"][0]["platform"]["os"]')" linux
cp a.tar before.tar
builds "again" -t app:1 -o type=oci,dest=a.tar
ok "the same bytes" cmp a.tar before.tar

builds "a layout that is there" -t app:2 -t other:1 -o type=oci,tar=false,dest=layout
is "keeps images of other names" "$(json layout/index.json 'sorted(m["annotations"]["io.containerd.image.name"] for m in d["manifests"])')" \
	"['docker.io/library/app:1', 'docker.io/library/app:2', 'docker.io/library/other:1']"
builds "again" -t app:2 -t other:1 -o type=oci,tar=false,dest=layout
is "and each once" "$(json layout/index.json 'len(d["manifests"])')" 3
builds "an attested image" -t at:1 --provenance=form=referrer --label one=image -o type=oci,tar=false,dest=attested
builds "and another" -t at:2 --provenance=form=referrer --label other=image -o type=oci,tar=false,dest=attested
builds "and the first again" -t at:1 --provenance=form=referrer --label one=image -o type=oci,tar=false,dest=attested
is "images keep their attestations" "$(json attested/index.json 'sorted(m["annotations"].get("org.opencontainers.image.ref.name", "-") for m in d["manifests"])')" \
	"['-', '-', '1', '2']"
builds "an attested archive without a name" --provenance=true --label one=image -o type=oci,dest=nameless.tar
is "has one entry, which every reader takes" "$(index_of nameless.tar 'len(d["manifests"])')" 1
mkdir strange && echo '[]' >strange/index.json
run decant build -q -o type=oci,tar=false,dest=strange ctx
ok "a folder with something else" test "$STATUS" -ne 0
like "is not overwritten" "$ERR$(cat strange/index.json)" "another dest.*\\[\\]|\\[\\]"
decant build -q -t app:1 -o - ctx >stdout.tar 2>/dev/null
ok "-o - is the tar of the files, and nothing else" cmp stdout.tar root.tar
decant build -q -o type=oci ctx >stdout.tar 2>/dev/null
run skopeo inspect --config --raw oci-archive:stdout.tar
status "type=oci alone goes to standard output" 0

builds "type=docker without dest, and --load, are the store" --load -o type=docker -t loaded
run decant image inspect --format '{{.Id}}' loaded
is "where it is" "$OUT" "$id"

builds "cacheonly" -t nothing -o type=cacheonly --no-cache --label only=this
run decant image inspect nothing
status "keeps no image" 1
run decant images -q
unlike "under no name" "$OUT" "$(decant build -q --label only=this -o type=cacheonly ctx | cut -c8-19)"

# --- names --------------------------------------------------------------------------------------

builds "name= of an output" -t app:1 -o 'type=oci,dest=n.tar,"name=one.test/a,b:2"'
is "stands in place of -t" "$(index_of n.tar '[m["annotations"]["io.containerd.image.name"] for m in d["manifests"]]')" \
	"['one.test/a:latest', 'docker.io/library/b:2']"
run decant image inspect b:2
status "of an archive: not in the store" 1
builds "type=image,name=" -o type=image,name=named:3
id=$OUT
run decant image inspect --format '{{.Id}}' named:3
is "is a name in the store" "$OUT" "$id"

# --- compression --------------------------------------------------------------------------------

builds "levels" -o type=oci,dest=g1.tar,compression-level=1 -o type=oci,dest=g9.tar,compression=gzip,compression-level=9 \
	-o type=oci,dest=none.tar,compression=uncompressed
is "none" "$(manifest_of none.tar 'd["layers"][0]["mediaType"]')" application/vnd.oci.image.layer.v1.tar
mkdir plain-ctx
run skopeo copy -q --insecure-policy oci-archive:a.tar oci:foreign:foreign
(cd foreign && tar cf ../foreign.tar .)
run env DECANT_ROOT="$T/other" "$DECANT" load -i foreign.tar
status "an image with compressed layers is loaded" 0
foreign=$(json foreign/index.json 'd["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]')
printf 'FROM %s\nCOPY <<E /new\nnew\nE\n' "$foreign" >plain-ctx/Dockerfile
run env DECANT_ROOT="$T/other" "$DECANT" build -q -o type=oci,dest=kept.tar,compression=zstd \
	-o type=oci,dest=forced.tar,compression=zstd,force-compression=true -o type=docker,dest=mixed.tar plain-ctx
status "built upon" 0
is "what came compressed stays so" "$(manifest_of kept.tar '[l["mediaType"][-4:] for l in d["layers"]]')" "['gzip', 'gzip', 'zstd']"
is "unless it is forced" "$(manifest_of forced.tar '[l["mediaType"][-4:] for l in d["layers"]]')" "['zstd', 'zstd', 'zstd']"
is "in docker's archive too" "$(manifest_of mixed.tar '[l["mediaType"][-4:] for l in d["layers"]]')" "['gzip', 'gzip', '.tar']"
run skopeo copy -q --insecure-policy docker-archive:mixed.tar dir:mixed
status "which skopeo reads" 0

# --- media types, annotations -------------------------------------------------------------------

builds "docker's media types" -o type=oci,dest=dt.tar,oci-mediatypes=false
is "all of them" "$(manifest_of dt.tar '[d["mediaType"], d["config"]["mediaType"], d["layers"][0]["mediaType"]]')" \
	"['application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.docker.container.image.v1+json', 'application/vnd.docker.image.rootfs.diff.tar.gzip']"
builds "buildah's --format" --format docker --compression-format zstd -o type=oci,dest=df.tar
is "is the same" "$(manifest_of df.tar 'd["layers"][0]["mediaType"]')" application/vnd.docker.image.rootfs.diff.tar.zstd
builds "annotations" -o type=oci,dest=an.tar,annotation.org.Title=T,annotation-manifest-descriptor.d=1,annotation.both=output \
	--annotation both=option --annotation 'manifest,manifest-descriptor:x=a=b'
is "of the manifest; --annotation wins" "$(manifest_of an.tar 'd["annotations"]')" "{'both': 'option', 'org.Title': 'T', 'x': 'a=b'}"
is "of its descriptor" "$(index_of an.tar '[d["manifests"][0]["annotations"][k] for k in "dx"]')" "['1', 'a=b']"
builds "without them" -o type=oci,dest=an2.tar
is "there are none" "$(manifest_of an2.tar '"annotations" in d')" False
builds "--annotation alone" -t noted --annotation in=store
run skopeo inspect --raw "oci:$DECANT_ROOT:noted:latest"
like "makes the manifest, in the store" "$OUT" '"in":"store"'

# --- several platforms --------------------------------------------------------------------------

printf 'FROM scratch\nARG TARGETARCH\nCOPY <<E /is-$TARGETARCH\n$TARGETARCH\nE\n' >ctx/Dockerfile
both=("--platform=linux/amd64,linux/arm64")
builds "two platforms" "${both[@]}" -t multi:1 -o type=oci,dest=m.tar -o type=tar,dest=mt.tar -o type=local,dest=mo \
	-o type=local,dest=merged,platform-split=false --annotation index:i=1 --annotation 'manifest[linux/arm64]:who=arm' --annotation who=all \
	--annotation 'index-descriptor:top=1'
is "an index" "$(index_of m.tar 'd["manifests"][0]["mediaType"]')" application/vnd.oci.image.index.v1+json
is "its descriptor's annotation" "$(index_of m.tar 'd["manifests"][0]["annotations"]["top"]')" 1
is "of both" "$(manifest_of m.tar '[m["platform"]["architecture"] for m in d["manifests"]]')" "['amd64', 'arm64']"
is "its annotation" "$(manifest_of m.tar 'd["annotations"]')" "{'i': '1'}"
arm=$(manifest_of m.tar 'd["manifests"][1]["digest"][7:]')
tar xOf m.tar "blobs/sha256/$arm" >arm.json
is "the annotation of one platform wins" "$(json arm.json 'd["annotations"]')" "{'who': 'arm'}"
amd=$(manifest_of m.tar 'd["manifests"][0]["digest"][7:]')
tar xOf m.tar "blobs/sha256/$amd" >amd.json
is "is not the other's" "$(json amd.json 'd["annotations"]')" "{'who': 'all'}"
run skopeo copy -q --insecure-policy --all oci-archive:m.tar oci:mcopy:m
status "skopeo copies all of it" 0
is "folders" "$(find mo -type f | sort | tr '\n' ' ')" "mo/linux_amd64/is-amd64 mo/linux_arm64/is-arm64 "
is "in the archive too" "$(tar tf mt.tar | tr '\n' ' ')" "linux_amd64/ linux_amd64/is-amd64 linux_arm64/ linux_arm64/is-arm64 "
is "or one tree" "$(find merged -type f | sort | tr '\n' ' ')" "merged/is-amd64 merged/is-arm64 "
builds "one platform can have its folder too" --platform linux/arm64 -o type=local,dest=one,platform-split=true
is "so" "$(find one -type f)" one/linux_arm64/is-arm64
builds "docker's list" "${both[@]}" -o type=oci,dest=ml.tar,oci-mediatypes=false
is "of docker's types" "$(manifest_of ml.tar '[d["mediaType"].split(".")[-2], d["manifests"][0]["mediaType"].split(".")[-1]]')" "['list', 'v2+json']"
printf 'FROM scratch\nARG TARGETARCH\nCOPY <<E /same\n$TARGETARCH\nE\n' >ctx/Dockerfile
run decant build "${both[@]}" -o type=local,dest=clash,platform-split=false ctx
status "a file of both: no one tree" 3
like "which says so" "$ERR" "'same' is in the image of linux/amd64 and in that of linux/arm64"
ok "nothing is written" test ! -e clash

# --- what fails ---------------------------------------------------------------------------------

printf 'FROM scratch\nCOPY d /d\n' >ctx/Dockerfile
run decant build -t app:2 -o type=oci,dest=nowhere/x.tar -o type=oci,dest=good.tar -o type=tar,dest=missing/y.tar ctx
status "outputs that fail" 1
like "the first is named with its dest" "$ERR" "writing the output 'type=oci,dest=nowhere/x.tar'"
like "the other is told" "$ERR" "the output 'type=tar,dest=missing/y.tar' failed as well"
run skopeo inspect --config --raw oci-archive:good.tar
status "the good one is there" 0
mkdir full
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=4k none full 2>/dev/null; then
	run decant build -t app:2 -o type=oci,dest=full/x.tar ctx
	failed=$STATUS
	is "nothing half written stays on a full disk" "$(find full -mindepth 1 | wc -l)" 0
	umount full
	ok "and the status says so" test "$failed" -ne 0
else
	skip "a full disk" "not root"
fi
# --- the documents ------------------------------------------------------------------------------

# Every key of docs/outputs.md is one of each type that is named beside it; every key that the program knows is
# in it.
run python3 - "$E2E_ROOT/docs/outputs.md" "$E2E_ROOT/src/export/output.c" "$DECANT" <<'PY'
import re, subprocess, sys
page, source = open(sys.argv[1]).read(), open(sys.argv[2]).read()
dest = {"local": ",dest=x", "docker": ",dest=x"}
for line in page.split("## Keys")[1].split("\n\n")[1].splitlines()[2:]:
    keys, types = [cell.strip() for cell in line.split("|")[1:3]]
    for key in re.findall(r"`([^`]+)`", keys):
        for kind in ["oci", "local"] if types == "all" else types.split(", "):
            said = subprocess.run([sys.argv[3], "build", "-o", f"type={kind}{dest.get(kind, '')},{key}=?"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stderr
            if "unknown key" in said or "goes with" in said:
                print(kind, key, said)
for key in re.findall(r'^\t\{ "([a-z.-]+)", OF_', source, re.M):
    if f"`{key}`" not in page:
        print(key, "is not in the page")
PY
is "docs/outputs.md has every key" "$OUT" ""

is "nothing is left in the store" "$(leftovers)" ""
done_testing
