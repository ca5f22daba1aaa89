#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A cache in a registry: two stores that share nothing else build the same image, and run nothing twice.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs jq
# shellcheck disable=SC2119 # its argument is optional
registry_start
base base:1
decant tag base:1 "$REGISTRY/base:1" && decant push -q "$REGISTRY/base:1" >/dev/null || exit 1
CACHE=$REGISTRY/app:cache

mkdir context
echo one >context/a
echo two >context/b
cat >context/Dockerfile <<D
FROM $REGISTRY/base:1 AS builder
WORKDIR /src
COPY a .
RUN echo built > /out && head -c 3000000 /dev/urandom > /big && date +%N > /when
RUN chmod 700 /src && cp /out /out2
FROM $REGISTRY/base:1
COPY --from=builder /out2 /bin/out
COPY b /b
RUN cat /bin/out /b > /both && date +%N > /when
CMD ["sh"]
D

ran() { awk '/^#[0-9]+ \[.*\] RUN / { run[$1] = 1 } $2 == "DONE" && run[$1] { n++ } END { print n + 0 }' <<<"$ERR"; }
from() { grep -c "^#[0-9]* from registry $CACHE\$" <<<"$ERR"; }
build() { run decant build --progress plain -t app "$@" context; }
image() { decant images -q --no-trunc app; }
manifest() { curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/app/manifests/$1"; }
blobs() { find "$T/registry" -name data -size +0 -path '*/blobs/*' -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }

# --- out
build --cache-to "type=registry,ref=$CACHE,mode=max"
status "builds and exports" 0
is "its three RUNs ran" "$(ran)" 3
ID=$(image)
like "says what it sent" "$ERR" '^#[0-9]+ 7 layers, 7 blobs \([0-9]+ bytes\) sent$'
is "an image manifest, with a config of its own type" "$(manifest cache | jq -r '.config.mediaType + " " + (.layers | length | tostring)')" \
	"application/vnd.decant.cache.records.v1+json 7"
BEFORE=$(blobs)
build --cache-to "type=registry,ref=$CACHE,mode=max"
like "again: nothing is sent" "$ERR" 'it is there already: 7 layers'
is "again: not a byte" "$(blobs)" "$BEFORE"

# --- in: another store
export DECANT_ROOT=$T/second
build --cache-from "$CACHE" --cache-to "type=registry,ref=$CACHE,mode=max"
status "the second store builds" 0
is "no RUN ran" "$(ran)" 0
is "every step says where it came from" "$(from)" 7
is "the same image" "$(image)" "$ID"
is "only what the image holds was fetched" "$(find "$DECANT_ROOT/layers" -name '*.list' | wc -l)" 4
like "its export: nothing is sent" "$ERR" 'it is there already: 7 layers'
is "the image runs" "$(decant run --rm app cat /both)" "$(printf 'built\ntwo')"
build --cache-from "$CACHE"
is "again: the same image" "$(image)" "$ID"
unlike "again: no layer is fetched" "$ERR" 'fetch [0-9]+ layer'
is "nothing left over" "$(leftovers)" ""

# --- what a cache said is believed by those who name it
build
status "without --cache-from" 0
is "every RUN runs: what came from the cache is another build's word" "$(ran)" 3

# --- one file changed
export DECANT_ROOT=$T/third
echo three >context/b
BEFORE=$(blobs)
build --cache-from "$CACHE" --cache-to "type=registry,ref=$CACHE,mode=max"
status "one file changed" 0
is "one RUN ran" "$(ran)" 1
is "its result is right" "$(decant run --rm app cat /both)" "$(printf 'built\nthree')"
is "the builder stage was not fetched" "$(find "$DECANT_ROOT/layers" -name '*.list' | wc -l)" 4
like "two layers are new" "$ERR" ' 7 layers, 2 blobs \([0-9]{3} bytes\) sent'
ok "and no others moved" [ $(($(blobs) - BEFORE)) -lt 8000 ]

# --- a stage that changed is built on layers that are fetched
export DECANT_ROOT=$T/fourth
sed -i 's/cp .out .out2/cp \/out \/out2 \&\& ls -ld \/src >> \/out2/' context/Dockerfile
build --cache-from "$CACHE"
status "a RUN on fetched layers" 0
is "two RUNs ran" "$(ran)" 2
like "it sees directories as they were" "$(decant run --rm app cat /bin/out)" 'drwx------ .* /src'
sed -i 's/ && ls -ld .src >> .out2//' context/Dockerfile

# --- a changed builder with the same result: what follows is found by content
export DECANT_ROOT=$T/fifth
echo two >context/b
build --cache-to "type=registry,ref=$CACHE,mode=max"
status "a new cache" 0
ID=$(image)
export DECANT_ROOT=$T/sixth
echo changed >context/a
build --cache-from "$CACHE"
status "another source, the same output" 0
is "the builder's RUNs ran" "$(ran)" 2
is "the result is the cache's" "$(image)" "$ID"
like "by content" "$(grep -A2 'COPY --from=builder' <<<"$ERR")" "from registry $CACHE"
echo one >context/a

# --- mode=min
export DECANT_ROOT=$T/fifth
build --cache-to "$REGISTRY/app:min"
is "mode=min: the result's own layers" "$(manifest min | jq '.layers | length')" 3
export DECANT_ROOT=$T/seventh
build --cache-from "$REGISTRY/app:min" --cache-from "$CACHE"
is "two caches: both are used" "$(ran) $(image)" "0 $ID"

# --- compression
export DECANT_ROOT=$T/fifth
run decant build -q --cache-to "type=registry,ref=$REGISTRY/app:gz,compression=gzip,force-compression=true" context
is "compression=gzip, forced" "$(manifest gz | jq -r '.layers[].mediaType' | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip
export DECANT_ROOT=$T/pushed
run decant build -q --cache-to "type=registry,ref=$REGISTRY/other:gz" -t "$REGISTRY/app:pushed" --push context
is "as pushed with the image" "$(curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/other/manifests/gz" |
	jq -r '.layers[].mediaType' | sort -u)" application/vnd.oci.image.layer.v1.tar+gzip

# --- inline
export DECANT_ROOT=$T/fifth
run decant build -q -t "$REGISTRY/app:inline" --push --cache-to type=inline context
status "inline" 0
INLINE=$OUT
export DECANT_ROOT=$T/eighth
build --cache-from "$REGISTRY/app:inline" --cache-from "$CACHE" --cache-to type=inline
is "inline: the image is its own cache" "$(ran) $(image)" "0 $INLINE"
run decant build -q --build-arg BUILDKIT_INLINE_CACHE=1 --cache-from "$REGISTRY/app:inline" --cache-from "$CACHE" context
is "BUILDKIT_INLINE_CACHE=1 says the same" "$OUT" "$INLINE"
export DECANT_ROOT=$T/empty
build --cache-from "$REGISTRY/app:pushed"
like "an image without a cache is a warning" "$ERR" 'WARN: the cache of registry .*app:pushed is not used: the image has no cache in it'
status "... and no more" 0

# --- --no-cache, --cache-ttl
export DECANT_ROOT=$T/ninth
build --no-cache --cache-from "$CACHE"
unlike "--no-cache: nobody is asked" "$ERR" 'importing'
export DECANT_ROOT=$T/tenth
build --cache-ttl 1ms --cache-from "$CACHE"
is "--cache-ttl: all is too old" "$(ran)" 3
export DECANT_ROOT=$T/eleventh
build --cache-ttl 240h --cache-from "$CACHE"
is "--cache-ttl: nothing is" "$(ran)" 0
# --- root's cache, another user elsewhere: keys hold content alone
if [ "$(id -u)" -eq 0 ]; then
	cp -r context "$T/else where" && touch -d 2001-02-03 "$T/else where"/*
	run as_user sh -c 'umask 077 && DECANT_ROOT=$HOME/store && export DECANT_ROOT &&
		"$DECANT" build --progress plain -q --cache-from "$1" "$2" && "$DECANT" build --progress plain --cache-from "$1" "$2"' sh "$CACHE" "$T/else where"
	is "as a user, of another directory: no RUN ran" "$(ran)" 0
	is "... and it is root's image" "$OUT" "$ID"
else
	skip "root's cache for a user" "needs root"
fi
done_testing
