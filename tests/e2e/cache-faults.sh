#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a cache elsewhere may be: damaged, missing, foreign, newer, a liar.  A warning, and the right image.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
needs python3 jq
base base:1
BASE=$T/base.oci
run decant save --format oci-archive -o "$BASE" base:1
[ "$STATUS" -eq 0 ] || decant save -o "$BASE" base:1

mkdir context
cat >context/Dockerfile <<'D'
FROM base:1 AS builder
RUN head -c 100000 /dev/urandom > /big && echo right > /word && date +%N > /when
FROM base:1
COPY --from=builder /big /word /
RUN cat /word > /again && head -c 300000 /dev/urandom > /bigger && date +%N > /when
D

STORES=0
store() { # a new one, with the base image
	STORES=$((STORES + 1))
	export DECANT_ROOT=$T/store-$STORES
	decant load -q -i "$BASE" >/dev/null
}
ran() { awk '/^#[0-9]+ \[.*\] RUN / { run[$1] = 1 } $2 == "DONE" && run[$1] { n++ } END { print n + 0 }' <<<"$ERR"; }
build() { run decant build --progress plain -t app "$@" context; }
right() { decant run --rm app sh -c 'cat /word /again; wc -c < /big' | tr '\n' ' '; }
# The cache in $1 changed: its records (c) and manifest (m) by python, digests made right again.
edit() { # directory statements
	python3 - "$@" <<'P'
import hashlib, json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
blobs = folder / "blobs/sha256"
index = json.loads((folder / "index.json").read_bytes())
read = lambda d: json.loads((blobs / d["digest"][7:]).read_bytes())
def put(document):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"digest": "sha256:" + digest, "size": len(data)}
m = read(index["manifests"][0])
c = read(m["config"])
scope = {"c": c, "m": m, "raw": None}
exec(sys.argv[2], scope)
m["config"].update(put(scope["raw"] if scope["raw"] is not None else scope["c"]))
index["manifests"][0].update(put(m))
(folder / "index.json").write_text(json.dumps(index))
P
}

store
build --cache-to type=local,dest=cache,mode=max
status "a cache to damage" 0
ID=$(decant images -q --no-trunc app)
store
build --cache-from type=local,src=cache
is "whole, it serves" "$(ran) $(decant images -q --no-trunc app)" "0 $ID"
PLAIN=$(right)
is "the image is right" "$PLAIN" "right right 100000 "

# --- what is in it
liar() { # name, statements, expected warning, RUNs
	rm -rf bad && cp -r cache bad && edit bad "$2"
	store
	build --cache-from type=local,src=bad
	status "$1: builds" 0
	like "$1: a warning" "$ERR" "WARN: $3"
	is "$1: RUNs" "$(ran)" "$4"
	is "$1: the image is right" "$(right)" "$PLAIN"
}
NOT='the cache of local bad is not used: '
liar "a newer version" 'c["version"] = 2' "${NOT}local bad was written by a newer decant: its format is 2, this one reads 1; update decant" 2
liar "BuildKit's" 'm["config"]["mediaType"] = "application/vnd.buildkit.cacheconfig.v0"' "${NOT}it is a cache of BuildKit" 2
liar "no JSON" 'raw = b"\x00\xff" * 40' "${NOT}" 2
liar "a layer that is not there" 'c["records"][0]["layer"] = 99' "${NOT}local bad.records\[0\].layer: there is no such layer" 2
liar "fewer layers than the manifest" 'c["layers"].pop(); c["records"] = c["records"][:1]' "${NOT}the manifest has 3 layers, the records 2" 2
liar "marks of another layer" 'for l in c["layers"]: l["untimed"] = "AAAAAAAAAAAAAAAA"' 'the cache of local bad: the layer sha256:[0-9a-f]+ cannot be had: the marks are for another content list' 2
liar "depth" 'raw = b"[" * 100000' "${NOT}" 2
liar "the builder's layer swapped for another" 'c["layers"][0]["id"], c["layers"][1]["id"] = c["layers"][1]["id"], c["layers"][0]["id"]
for r in c["records"]: r["layer"] = {0: 1, 1: 0}.get(r["layer"], r["layer"])' 'the cache of local bad: the layer sha256:[0-9a-f]+ cannot be had: its content is ' 2
liar "another identity" 'for r in c["records"]: r["identity"] = "0" * 64' 'the cache of local bad has another layer than it says' 2
liar "a layer that is called empty" 'for r in c["records"]: r["empty"] = True' 'the cache of local bad has another layer than it says' 2
liar "a layer of another record" 'c["records"][-1]["layer"] = 0' 'the cache of local bad has another layer than it says' 1
liar "a media type that is none of a layer" 'm["layers"][-1]["mediaType"] = "text/plain"' 'the cache of local bad: the layer sha256:[0-9a-f]+ cannot be had' 1
is "nothing of a liar stays in the store" "$(leftovers)" ""

rm -rf bad && cp -r cache bad && find bad/blobs -size +50k -delete
store
build --cache-from type=local,src=bad
like "blobs that are gone: a warning" "$ERR" "WARN: the cache of local bad: the layer sha256:[0-9a-f]+ cannot be had: .*has no 'blobs/sha256/"
is "blobs that are gone: the image is right" "$(right)" "$PLAIN"
rm -rf bad && cp -r cache bad && find bad/blobs -size +50k | while read -r blob; do damage "$blob" 1000; done
store
build --cache-from type=local,src=bad
like "a flipped byte: a warning" "$ERR" 'WARN: the cache of local bad: the layer sha256:[0-9a-f]+ cannot be had'
is "a flipped byte: the image is right" "$(right)" "$PLAIN"
store
build --cache-from type=local,src=nowhere
like "no directory: a warning" "$ERR" "WARN: the cache of local nowhere is not used: cannot open the cache directory 'nowhere': No such file"
status "no directory: builds" 0
store
build --cache-from 127.0.0.1:1/x:cache
like "nobody listens: a warning" "$ERR" 'WARN: the cache of registry 127.0.0.1:1/x:cache is not used: '
status "nobody listens: builds" 0

# --- how it comes
FAULT_LAYOUT=$T/cache fault_start
fault() { # fault, expected warning, RUNs
	store
	local begun=$SECONDS
	build --cache-from "$FAULT/$1/x:latest"
	status "$1: builds" 0
	[ -z "$2" ] || like "$1: a warning" "$ERR" "WARN: the cache of registry $FAULT/$1/x:latest$2"
	is "$1: RUNs" "$(ran)" "$3"
	is "$1: the image is right" "$(right)" "$PLAIN"
	ok "$1: within reason" [ $((SECONDS - begun)) -lt 240 ]
}
LAYERS=': the layer sha256:[0-9a-f]+ cannot be had: '
fault good "" 0
fault busy "" 0
fault cut-1000 "$LAYERS" 1
fault flip-layer "$LAYERS.*digest does not match" 1
fault nolayer "$LAYERS.*not found" 1
fault html-blob ' is not used: ' 2
fault flip-config ' is not used: .*does not match' 2
fault huge ' is not used: ' 2
fault deep ' is not used: ' 2
fault storm ' is not used: ' 2
fault gone ' is not used: ' 2
fault basic ' is not used: .*denied' 2

# --- ^C while a layer does not come
store
"$DECANT" build --progress plain --cache-from "$FAULT/stall/x:latest" context 2>stalled &
PID=$!
wait_until 60 grep -q 'fetch [0-9]* layer' stalled
wait_until 60 eval 'fault_log | grep -q "GET .*stall/x/blobs/$LAYER"'
BEGUN=$SECONDS
kill -TERM $PID # a shell gives its background no SIGINT
wait $PID
ok "a stalled layer: ^C is heard at once" [ $((SECONDS - BEGUN)) -lt 20 ] # the server stalls for a minute
is "a stalled layer: nothing left over" "$(leftovers)" ""

# --- an export that fails
store
build --cache-to "type=registry,ref=$FAULT/up-full/x:latest"
ok "an export that fails is an error" [ "$STATUS" -ne 0 ]
like "it says which" "$ERR" "exporting the cache to registry $FAULT/up-full/x:latest"
build --cache-to "type=registry,ref=$FAULT/up-full/x:latest,ignore-error=true"
status "ignore-error=true" 0
like "ignore-error=true: a warning" "$ERR" 'WARN: the cache was not exported: '
build --cache-to type=local,dest=/proc/nowhere
ok "a directory that cannot be" [ "$STATUS" -ne 0 ]
mkdir full && touch full/precious
build --cache-to type=local,dest=full
like "a directory of something else is left alone" "$ERR" "'full' holds something else than a cache"
is "... all of it" "$(ls -A full)" precious

# --- texts
refuse() { # text, expected
	build --cache-to "$1"
	is "--cache-to $1: refused" "$STATUS" 2
	like "--cache-to $1: says why" "$ERR" "$2"
}
refuse type=gha "caches of type 'gha' are not supported"
like "gha: says what instead" "$ERR" 'in GitHub Actions use type=registry,ref=ghcr.io/OWNER/REPO:cache, or type=local in a directory that actions/cache keeps'
refuse type=s3,bucket=x "caches of type 's3' are not supported"
refuse type=azblob "caches of type 'azblob' are not supported"
refuse type=registry "'ref' is missing"
refuse type=local "'dest' is missing"
refuse type=local,src=x "'src' is not for --cache-to"
refuse type=registry,ref=x,mode=med "unknown mode 'med'"
refuse type=registry,ref=x,colour=y "unknown key 'colour'"
refuse type=inline,mode=max "'mode=max' does not go with type=inline"
refuse type=registry,ref=x,image-manifest=false "'image-manifest=false' is not supported"
refuse type=registry,ref=x,compression=lz4 "lz4"
refuse X "must be lowercase"
build --cache-from type=inline
like "--cache-from type=inline" "$ERR" "'inline' is not for --cache-from"
build --cache-from type=registry,ref=x,mode=max
like "--cache-from mode" "$ERR" "'mode' is not for --cache-from"
build --cache-dir x
like "--cache-dir" "$ERR" 'type=local,dest=DIR'
build --cache-ttl soon
like "--cache-ttl soon" "$ERR" "'soon' is no length of time"
done_testing
