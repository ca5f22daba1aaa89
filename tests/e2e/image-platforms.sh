#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --platform of rmi, save and load: some of a name's images.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3

printf 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY f /\n' >Dockerfile
echo x >f
build_many() { decant build -q -t many:1 --platform linux/amd64,linux/arm64,linux/s390x . >/dev/null; }
has() { # NAME: the platforms that it has
	local p
	for p in amd64 arm64 s390x; do
		decant inspect --platform "linux/$p" -f "{{.Architecture}}" "$1" 2>/dev/null | grep -x "$p"
	done | tr '\n' ' '
}
ids() { decant inspect --platform "linux/$1" -f '{{.Id}}' many:1; }
archived() { # FILE: the platforms of the images in it
	python3 - "$1" <<'P'
import json, sys, tarfile
t = tarfile.open(sys.argv[1])
def blob(d): return json.load(t.extractfile("blobs/sha256/" + d["digest"][7:]))
def walk(d):
    m = blob(d)
    if "manifests" in m:
        for e in m["manifests"]: yield from walk(e)
    else: yield blob(m["config"])["architecture"]
print(*[a for d in json.load(t.extractfile("index.json"))["manifests"] for a in walk(d)])
P
}
ok "three platforms" build_many
amd64=$(ids amd64) arm64=$(ids arm64)

# --- save
run decant save -o all.tar many:1
is "save: all" "$STATUS $(archived all.tar)" "0 amd64 arm64 s390x"
run decant save --platform linux/arm64 -o one.tar many:1
is "save: one" "$STATUS $(archived one.tar)" "0 arm64"
run decant save --platform linux/s390x,linux/amd64 -o two.tar many:1
is "save: two, as one list" "$STATUS $(archived two.tar)" "0 s390x amd64"
run decant save --platform linux/s390x --platform linux/amd64 --platform amd64 -o two.tar many:1
is "save: two, each by itself" "$STATUS $(archived two.tar)" "0 s390x amd64"
run decant save --platform linux/riscv64 -o none.tar many:1
like "save: one that is not there" "$ERR" "the image 'many:1' is not for linux/riscv64"
like "save: ... with those that are" "$ERR" "linux/amd64, linux/arm64, linux/s390x"
ok "save: ... and no file" [ ! -e none.tar ]
run decant save --platform / -o none.tar many:1
status "save: no platform" 2

# --- rmi
decant tag many:1 other:1
run decant rmi --platform linux/arm64 many:1
status "rmi: without --force" 2
like "rmi: ... says why" "$ERR" "removed from all images referencing this variant.*--force"
is "rmi: ... nothing happens" "$(has many:1)" "amd64 arm64 s390x "
run decant rmi -f --platform linux/arm64 many:1
is "rmi: one platform goes" "$STATUS $OUT" "0 Deleted: $arm64"
is "rmi: the others stay" "$(has many:1)" "amd64 s390x "
is "rmi: of every name" "$(has other:1)" "amd64 s390x "
is "rmi: no nameless image is left" "$(decant images -aq --filter dangling=true)" ""
like "rmi: nor is it found by its ID" "$(decant image inspect "$arm64" 2>&1)" "No such image"
run decant rmi -f --platform linux/arm64 many:1
is "rmi: again" "$STATUS" 0 # as docker's -f: what is missing is no error
like "rmi: ... it is told" "$ERR" "the image 'many:1' is not for linux/arm64"
run decant rmi -f --platform linux/amd64,linux/s390x many:1
like "rmi: with the last one the names go" "$OUT" '^Untagged: many:1$'
like "rmi: ... all of them" "$OUT" '^Untagged: other:1$'
is "rmi: ... and both images" "$(grep -c '^Deleted: ' <<<"$OUT")" 2
is "rmi: nothing is left" "$(decant images -aq)" ""

# --- load
run decant load -q --platform linux/arm64,linux/s390x -i all.tar
is "load: two of three" "$STATUS $OUT $(has many:1)" "0 Loaded image: many:1 arm64 s390x "
decant rmi -f many:1 >/dev/null
run decant load --platform linux/amd64 -i all.tar
is "load: one" "$STATUS $(decant inspect -f '{{.Id}}' many:1)" "0 $amd64"
like "load: the others are no images" "$(decant image inspect "$arm64" 2>&1)" "No such image"
run decant load --platform linux/riscv64 -i all.tar
ok "load: one that is not there" [ "$STATUS" -ne 0 ]
like "load: ... is named" "$ERR" "no image is for linux/riscv64"
like "load: ... with those that are" "$ERR" "linux/amd64, linux/arm64, linux/s390x"
decant rmi -f many:1 >/dev/null
run decant load --platform linux/arm64,linux/riscv64 -i all.tar
is "load: nothing of an archive that lacks one" "$([ "$STATUS" -ne 0 ] && decant images -aq)" ""
printf 'FROM scratch\nENV A=b\n' | decant build -q -t alone:1 --platform linux/amd64 - >/dev/null
build_many
decant save -o mixed.tar alone:1 many:1
decant rmi -f alone:1 many:1 >/dev/null
run decant load --platform linux/arm64 -i mixed.tar
like "load: each name must have one" "$ERR" "the image 'alone:1' is not for linux/arm64"
run decant load -q --platform linux/amd64 -i mixed.tar
is "load: both have it" "$STATUS $(sort <<<"$OUT" | tr '\n' ' ')" "0 Loaded image: alone:1 Loaded image: many:1 "
is "fsck" "$(decant fsck >/dev/null 2>&1; echo $?)" 0
done_testing
