#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A cache in a directory: an OCI layout with a manifest a tag, which does not grow and may have two writers at once.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs jq
base base:1
decant save -o base.tar base:1
store() { # a new one, with the same base image
	export DECANT_ROOT=$T/$1
	decant load -q -i base.tar >/dev/null
}

mkdir context
cat >context/Dockerfile <<'D'
FROM base:1
ARG WHAT=one
RUN echo $WHAT > /what && head -c 50000 /dev/urandom > /noise
RUN cp /what /copy
D
ran() { awk '/^#[0-9]+ \[.*\] RUN / { run[$1] = 1 } $2 == "DONE" && run[$1] { n++ } END { print n + 0 }' <<<"$ERR"; }
build() { run decant build --progress plain -t app "$@" context; }
blobs() { find cache/blobs -type f | wc -l; }
tags() { jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' cache/index.json | sort | tr '\n' ' '; }
# Every blob is what its name says.
whole() { (cd cache/blobs/sha256 && for f in *; do echo "$f  $f"; done | sha256sum -c --quiet); }

build --cache-to type=local,dest=cache,mode=max
status "exports" 0
ID=$(decant images -q --no-trunc app)
is "a layout" "$(jq -r .imageLayoutVersion cache/oci-layout)" 1.0.0
is "under the tag latest" "$(tags)" "latest "
is "two layers, records, manifest" "$(blobs)" 4
ok "whole" whole
touch -d 2001-01-01 cache/index.json
build --cache-to type=local,dest=cache,mode=max
like "again: it is there" "$ERR" 'it is there already: 2 layers'
is "again: nothing is written" "$(date -r cache/index.json +%Y)" 2001

store second
build --cache-from type=local,src=cache --cache-to type=local,dest=cache,mode=max
is "another store: the same image" "$(ran) $(decant images -q --no-trunc app)" "0 $ID"
like "... and nothing to write" "$ERR" 'it is there already'

# --- it does not grow
for n in 1 2 3 4 5; do
	build --build-arg WHAT=$n --cache-to type=local,dest=cache,mode=max
done
is "five builds later: the blobs of the last" "$(blobs)" 4
ok "five builds later: whole" whole
build --cache-to type=local,dest=cache,mode=max,tag=other
is "another tag beside it" "$(tags)" "latest other "
is "with blobs of its own" "$(blobs)" 8
store third
build --cache-from type=local,src=cache,tag=other
is "by its tag" "$(ran)" 0
DIGEST=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "latest") | .digest' cache/index.json)
build --build-arg WHAT=5 --cache-from "type=local,src=cache,digest=$DIGEST"
is "by its digest" "$(ran)" 0
build --cache-from type=local,src=cache,tag=none
like "a tag that is not there" "$ERR" "WARN: the cache of local cache:none is not used: .*has no image 'none'"

# --- a level that is forced
build --build-arg WHAT=5 --cache-to type=local,dest=levels,mode=max,compression-level=15
manifest() { jq -r '.manifests[0].digest' levels/index.json; }
FIFTEEN=$(manifest)
OLD=$(cat "levels/blobs/sha256/${FIFTEEN#*:}")
build --build-arg WHAT=5 --cache-to type=local,dest=levels,mode=max,compression-level=16
is "another level alone: what is there is good" "$(manifest)" "$FIFTEEN"
build --build-arg WHAT=5 --cache-to type=local,dest=levels,mode=max,compression-level=1,force-compression=true
LAYERS=$(jq -c .layers "levels/blobs/sha256/$(manifest | cut -d: -f2)")
build --build-arg WHAT=5 --cache-to type=local,dest=fresh,mode=max,compression-level=1,force-compression=true
is "another level, forced: blobs of that level" "$LAYERS" "$(jq -c .layers "fresh/blobs/sha256/$(jq -r '.manifests[0].digest' fresh/index.json | cut -d: -f2)")"
[ "$LAYERS" != "$(jq -c .layers <<<"$OLD")" ]
ok "... which are others than before" [ $? -eq 0 ]
build --build-arg WHAT=5 --cache-to type=local,dest=levels,mode=max,compression-level=1,force-compression=true
like "... and the next time they are there" "$ERR" 'it is there already: 2 layers'

# --- damaged: written anew
find cache/blobs -size +40k -delete
build --build-arg WHAT=5 --cache-to type=local,dest=cache,mode=max
status "blobs were lost" 0
build --cache-to type=local,dest=cache,mode=max,tag=other
ok "blobs were lost: whole again" whole
is "... all of them" "$(blobs)" 8
echo junk >cache/index.json
build --build-arg WHAT=5 --cache-to type=local,dest=cache,mode=max
status "an index of junk" 0
is "an index of junk: begun anew" "$(tags) $(blobs)" "latest  4"

# --- two writers at once
"$DECANT" build -q --build-arg WHAT=a --cache-to type=local,dest=cache,mode=max,tag=a context >/dev/null 2>&1 &
A=$!
"$DECANT" build -q --build-arg WHAT=b --cache-to type=local,dest=cache,mode=max,tag=b context >/dev/null 2>&1 &
B=$!
wait $A && A=ended
wait $B && B=ended
is "two writers: both succeed" "$A $B" "ended ended"
is "two writers: both tags" "$(tags)" "a b latest "
ok "two writers: whole" whole
is "two writers: no blob is missing" "$(blobs)" 12

# --- what others see
if command -v skopeo >/dev/null; then
	is "skopeo reads it" "$(skopeo inspect --raw oci:cache:a | jq -r .config.mediaType)" application/vnd.decant.cache.records.v1+json
else
	skip "skopeo reads it" "'skopeo' is not installed"
fi
is "nothing left over" "$(leftovers)" ""
done_testing
