#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What decant pushes with each compression, skopeo pulls and umoci unpacks: the same files every time.  One layer has several
# gzip members and zstd frames, one is empty.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 skopeo zstd
# shellcheck disable=SC2119 # no login
registry_start
tree() { python3 "$E2E_ROOT/tests/lib/tree.py" "$@"; }

mkdir ctx
python3 - <<'P'
import random
some = random.Random(4)
words = [bytes(some.randrange(97, 123) for _ in range(8)) for _ in range(500)]
with open("ctx/big", "wb") as file:
    file.write(b" ".join(some.choice(words) for _ in range(1_100_000)))
P
echo hello >ctx/hello
mkdir ctx/d
ln -s ../hello ctx/d/link
cat >ctx/Dockerfile <<'D'
FROM scratch
COPY --chown=7:70 --chmod=6755 hello /bin/suid
COPY big d /srv/
WORKDIR /
COPY --chmod=600 hello /srv/secret
D
run decant build -q -t "$REGISTRY/interop/files:1" ctx
status "build" 0
id=$OUT
run decant build -q -o type=oci,dest=plain,tar=false,compression=uncompressed,force-compression=true ctx
status "the files by decant itself" 0
tree --image plain >wanted
ok "they are those of the Dockerfile" [ "$(grep -cE "^b.(bin/suid. file 6755 7:70|srv/big. file|srv/link. link|srv/secret. file 600) " wanted)" -eq 4 ]

unpack_by_umoci() { # COMPRESSION
	local about="$1: umoci unpacks it"
	command -v umoci >/dev/null || { skip "$about" "'umoci' is not installed"; return; }
	[ "$(id -u)" -eq 0 ] || { skip "$about" "not root"; return; }
	[ "$1" != zstd ] || { skip "$about" "Debian 12's umoci reads no zstd"; return; }
	run umoci unpack --image theirs:1 "bundle-$1"
	status "$about" 0
	is "$1: the same files" "$(tree "bundle-$1/rootfs" | diff - wanted)" ""
}

for compression in gzip:4 gzip:1 zstd:3 uncompressed; do
	rm -rf theirs
	name=${compression%:*} level=${compression/:/-}
	media=.tar+$name
	[ "$name" != uncompressed ] || media=.tar
	run decant push -q --compression "$compression" "$REGISTRY/interop/files:1"
	status "$compression: push" 0
	run skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/interop/files:1" oci:theirs:1
	status "$compression: skopeo pulls it" 0
	is "$compression: the layers are compressed so" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/interop/files:1" | grep -o '"application/vnd.oci.image.layer[^"]*"' | sort -u)" "\"application/vnd.oci.image.layer.v1$media\""
	is "$compression: it has the same files" "$(tree --image theirs | diff - wanted)" ""
	unpack_by_umoci "$name"
	run env DECANT_ROOT="$T/back-$level" "$DECANT" pull -q "$REGISTRY/interop/files:1"
	status "$compression: decant pulls it" 0
	is "$compression: the same image" "$(DECANT_ROOT=$T/back-$level decant image inspect --format '{{.Id}}' "$REGISTRY/interop/files:1")" "$id"
	rm -rf "bundle-$name"
done
is "nothing left over" "$(leftovers)" ""
done_testing
