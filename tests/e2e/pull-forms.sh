#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A layer that is here in another form than the manifest names: pull and FROM fetch the blob too, so that fsck finds the
# store whole and save and push give the manifest that was pulled.  A blob that is lost costs no layer.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs jq skopeo
# shellcheck disable=SC2119 # no login is wanted
registry_start
base base:1
export SOURCE_DATE_EPOCH=1700000000
app=$REGISTRY/one/app
root=$DECANT_ROOT

mkdir context
cat >context/Dockerfile <<'D'
FROM base:1
COPY Dockerfile /there
D
decant build -q -t "$app:gz" context >/dev/null
decant push -q "$app:gz" >/dev/null
decant tag "$app:gz" "$app:zst"
decant push -q --compression zstd "$app:zst" >/dev/null
gz=$(skopeo inspect --tls-verify=false "docker://$app:gz" | jq -r .Digest)
zst=$(skopeo inspect --tls-verify=false "docker://$app:zst" | jq -r .Digest)
unlike "two manifests" "$gz" "^$zst\$"

blobs() { skopeo inspect --raw --tls-verify=false "docker://$app:$1" | jq -r '.layers[].digest | sub("sha256:"; "blobs/sha256/")'; }

# TAG: pulled over layers that are here otherwise; its bytes go out as they came in
whole() {
	run decant fsck
	is "$1: the store is whole" "$STATUS" 0
	run decant push "$app:$1"
	like "$1: pushed as it was pulled" "$OUT" "^$1: digest: ${!1} "
	decant save --format oci -o "$T/$1.tar" "$app:$1"
	is "$1: saved as it was pulled" "$(tar -xOf "$T/$1.tar" index.json | jq -r '.manifests[0].digest')" "${!1}"
}

# --- the base is imported, the image pulled; then its other form
export DECANT_ROOT=$T/imported
base base:1
run decant pull "$app:gz"
is "over an import: the pull" "$STATUS" 0
is "both blobs are fetched" "$(grep -c ': Pull complete$' <<<"$OUT")" 2
whole gz
run decant pull "$app:gz"
is "again: nothing is" "$(grep -c ': Already exists$' <<<"$OUT")" 2
like "again: up to date" "$OUT" '^Status: Image is up to date'
run decant pull "$app:zst"
is "after gzip, zstd: the pull" "$STATUS" 0
whole zst
whole gz

# --- built here before
export DECANT_ROOT=$T/built
base base:1
decant build -q -t mine context >/dev/null
run decant pull "$app:zst"
is "over a build: the pull" "$STATUS" 0
whole zst

# --- FROM keeps the image too
export DECANT_ROOT=$T/from
base base:1
decant build -q -t mine context >/dev/null
printf 'FROM %s\nLABEL a=b\nRUN true\n' "$app:gz" >Again
run decant build -q --network=none -t next -f Again context
is "FROM: the build" "$STATUS" 0
run decant fsck
is "FROM: the store is whole" "$STATUS" 0

# --- what is no form of the layer is never known as one
cat >"$T/lie.py" <<'P'
import gzip, hashlib, json, os, sys
layout = sys.argv[1]
def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{layout}/blobs/sha256/{digest}", "wb").write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}
def read(d):
    return open(f"{layout}/blobs/sha256/" + d["digest"][7:], "rb").read()
index = json.load(open(layout + "/index.json"))
m = json.loads(read(index["manifests"][0]))
m["layers"][1].update(blob(gzip.compress(b"\0" * 1024, mtime=0)))
index["manifests"][0].update(blob(json.dumps(m).encode()))
json.dump(index, open(layout + "/index.json", "w"))
P
skopeo copy -q --src-tls-verify=false "docker://$app:gz" oci:lie:x
python3 "$T/lie.py" lie
skopeo copy -q --dest-tls-verify=false oci:lie:x "docker://$app:lie"
run decant pull "$app:lie"
ok "a lie: refused" [ "$STATUS" -ne 0 ]
like "a lie: says what is wrong" "$ERR" 'its content is sha256:[0-9a-f]{64}, the image config says sha256:'
run decant fsck
is "a lie: nothing of it stays" "$STATUS" 0

# --- the blob of a layer that others packed is lost: the layer is whole, and stays
export DECANT_ROOT=$T/lost
decant pull -q "$app:gz" >/dev/null
first=$(blobs gz | head -n 1)
for command in "save -o $T/lost.tar $app:gz" "push $app:gz" "fsck --repair"; do
	decant pull -q "$app:gz" >/dev/null
	is "${command%% *}: fsck before" "$(decant fsck >/dev/null 2>&1; echo $?)" 0
	rm "$DECANT_ROOT/$first"
	# shellcheck disable=SC2086
	run decant $command
	unlike "${command%% *}: no layer goes" "$OUT$ERR" 'the layer is dropped'
	run decant run --rm --network=none "$app:gz" cat /there
	is "${command%% *}: the image runs" "$STATUS $OUT" "0 $(cat context/Dockerfile)"
done
run decant save -o "$T/lost.tar" "$app:gz"
ok "save after the repair: fails" [ "$STATUS" -ne 0 ]
like "says why" "$ERR" 'is gone, and cannot be made again'
like "says what to do" "$ERR" 'pull or load it again'
run decant pull "$app:gz"
is "a pull heals" "$STATUS" 0
whole gz

# --- all of them
rm -rf "$DECANT_ROOT/blobs"
decant fsck --repair >/dev/null 2>&1
run decant pull -q "$app:gz"
is "all blobs lost: the pull" "$STATUS" 0
whole gz
run decant run --rm --network=none "$app:gz" true
is "and runs" "$STATUS" 0

export DECANT_ROOT=$root
# --- one image alone, for another platform
export DECANT_ROOT=$T/other
printf 'FROM scratch\nCOPY Dockerfile /\n' | decant build -q --platform linux/s390x -t "$REGISTRY/one/other:1" -f - context >/dev/null
decant push -q "$REGISTRY/one/other:1" >/dev/null
export DECANT_ROOT=$T/warned
run decant pull -q "$REGISTRY/one/other:1"
status "for another platform: pulled" 0
like "with a warning" "$ERR" "^warning: the requested image's platform \(linux/s390x\) does not match the detected host platform \(linux/[a-z0-9]*\) and no specific platform was requested$"
is "the name alone on standard output" "$OUT" "$REGISTRY/one/other:1"
run decant pull -q --platform linux/arm64 "$REGISTRY/one/other:1"
like "and what was asked for is named" "$ERR" "\(linux/s390x\) does not match the specified platform \(linux/arm64\)$"
run decant pull -q --platform linux/s390x "$REGISTRY/one/other:1"
is "none for that platform" "$STATUS $ERR" "0 "
run decant pull -q "$app:gz"
is "none for ours" "$STATUS $ERR" "0 "
for command in "pull --platform a/b/c/d x" "pull --platform garbage/ x" "import --platform garbage/ - x" "run --platform garbage/ x"; do
	# shellcheck disable=SC2086 # words
	run decant $command </dev/null
	is "$command: a mistake on the command line" "$STATUS" "$([ "${command%% *}" = run ] && echo 125 || echo 2)"
	like "... that names the flag" "$ERR" "while reading --platform"
done
done_testing
