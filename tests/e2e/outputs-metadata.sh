#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --metadata-file has buildx's keys, --iidfile the image ID: whole or not at all, and never an old one's.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3

mkdir ctx
echo hi >ctx/f
printf 'FROM scratch AS one\nCOPY f /f\nFROM scratch AS two\nCOPY f /g\nMAINTAINER me\n' >ctx/Dockerfile
builds() { # name, arguments of decant build
	local name=$1
	shift
	run decant build -q "$@" ctx
	status "$name" 0
}
m() { python3 -c 'import json, sys; d = json.load(open("m.json")); print(eval(sys.argv[1]))' "$1"; }

builds "the store alone" -t app:1 --metadata-file m.json --iidfile id
is "--iidfile: the image ID, without a line end" "$(od -c <id | tail -2 | head -1 | grep -c '\\n')$(cat id)" "0$OUT"
id=$OUT
is "keys of docker's own store" "$(m 'sorted(k for k in d if not k.startswith("buildx."))')" "['containerimage.config.digest', 'containerimage.digest', 'image.name']"
is "the ID" "$(m 'd["containerimage.config.digest"] + d["containerimage.digest"]')" "$id$id"
is "the build's ID in the journal" "$(m 'd["buildx.build.ref"].rsplit("/", 1)[0]')" decant/local
run decant why "$(m 'd["buildx.build.ref"].rsplit("/", 1)[1]')"
status "by which it is asked for" 0
is "the name in full" "$(m 'd["image.name"]')" docker.io/library/app:1
builds "an archive" -t app:1 -t b:2 -o type=oci,dest=x.tar --metadata-file m.json --annotation manifest-descriptor:k=v
is "keys of an image with a manifest" "$(m 'sorted(k for k in d if not k.startswith("buildx."))')" \
	"['containerimage.config.digest', 'containerimage.descriptor', 'containerimage.digest', 'image.name']"
is "the descriptor" "$(m 'sorted(d["containerimage.descriptor"])')" "['annotations', 'digest', 'mediaType', 'platform', 'size']"
is "its annotations" "$(m 'sorted(d["containerimage.descriptor"]["annotations"])')" "['k', 'org.opencontainers.image.created']"
is "its digest" "$(m 'd["containerimage.descriptor"]["digest"] == d["containerimage.digest"] and d["containerimage.digest"] != d["containerimage.config.digest"]')" True
is "all names" "$(m 'd["image.name"]')" docker.io/library/app:1,docker.io/library/b:2
tar xOf x.tar "blobs/sha256/$(m 'd["containerimage.digest"][7:]')" >manifest.json
is "the manifest is in the archive, of that size" "$(stat -c %s manifest.json)" "$(m 'd["containerimage.descriptor"]["size"]')"
builds "files alone" -t app:1 -o out --metadata-file m.json --iidfile id
is "have no image to tell of, as in buildx" "$(m 'sorted(k for k in d if not k.startswith("buildx."))')" "[]"
is "there is an ID all the same" "$(cat id)" "$id"
builds "several platforms" --platform linux/amd64,linux/arm64 -o type=oci,dest=x.tar --metadata-file m.json --iidfile id
is "the index" "$(m 'd["containerimage.descriptor"]["mediaType"]')" application/vnd.oci.image.index.v1+json
is "no config of its own" "$(m '"containerimage.config.digest" in d')" False
is "IDs: one a line" "$(cat id)" "$OUT"
is "two" "$(grep -c ^sha256: id)" 2
builds "several targets" --target one,two -t 'app:{target}' --metadata-file m.json
is "an object each, as bake's" "$(m 'sorted(d), d["one"]["image.name"], d["two"]["image.name"]')" "(['one', 'two'], 'docker.io/library/app:one', 'docker.io/library/app:two')"
is "--iidfile-raw" "$(decant build -q --iidfile-raw raw ctx >/dev/null && echo "sha256:$(cat raw)")" "$id"

# --- warnings -----------------------------------------------------------------------------------

builds "a file with a warning" --metadata-file m.json
is "is silent about it" "$(m '"buildx.build.warnings" in d')" False
BUILDX_METADATA_WARNINGS=1 builds "BUILDX_METADATA_WARNINGS" --metadata-file m.json
is "tells it as buildx does" "$(m '[__import__("base64").b64decode(w["short"]).decode().split(":")[0] for w in d["buildx.build.warnings"]], d["buildx.build.warnings"][0]["range"]')" \
	"(['MaintainerDeprecated'], [{'start': {'line': 5}, 'end': {'line': 5}}])"

# --- whole or not at all ------------------------------------------------------------------------

printf 'FROM scratch\nCOPY nothing /\n' >bad
run decant build --iidfile id --metadata-file m.json -f bad ctx
ok "a build that fails" test "$STATUS" -ne 0
ok "leaves no ID of another" test ! -e id -a ! -e m.json
run decant build --iidfile nowhere/id ctx
ok "a folder that is not there" test "$STATUS" -ne 0
like "is told" "$ERR" "cannot open the directory of 'nowhere/id'"
builds "a device" --iidfile /dev/null
ok "stays one" test -c /dev/null
done_testing
