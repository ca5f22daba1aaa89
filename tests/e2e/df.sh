#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# system df, builder du, du --why: to the block what du counts, and who holds it.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run

# du of the store, by who may read it all
blocks() {
	if [ "$(id -u)" -eq 0 ]; then du -s --block-size=1 "$DECANT_ROOT" | cut -f1
	else unshare --map-auto --map-root-user du -s --block-size=1 "$DECANT_ROOT" | cut -f1; fi
}
sum() { awk '{ s += $1 } END { printf "%d\n", s }'; }
df_bytes() { decant system df --format '{{.Bytes}}' | sum; }
row() { decant system df --format '{{.Type}} {{.Bytes}} {{.ReclaimableBytes}}' | sed -n "s/^$1 //p"; }

run decant system df
status "there need be no store" 0
is "docker's columns" "$(printf '%s\n' "$OUT" | head -n 1)" "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE"
ok "looking makes no store" [ ! -e "$DECANT_ROOT/refs" ]

base base:1
mkdir ctx
head -c 300000 /dev/zero >ctx/data
cat >ctx/Dockerfile <<'D'
FROM base:1 AS tool
RUN --mount=type=cache,target=/c head -c 100000 /dev/zero >/c/kept; head -c 50000 /dev/zero >/tool; ln /tool /twin
FROM base:1
COPY data /data
COPY --from=tool /tool /twin /bin/
RUN echo done >/done
D
run decant build -q -t app ctx
status "an image to look at" 0
decant tag app other
is "the rows are all that du counts" "$(df_bytes)" "$(blocks)"
run decant system df
like "the images" "$OUT" '^Images +2 +0 '
like "the cache" "$OUT" '^Build Cache +[1-9]'
like "what is neither" "$OUT" '^Other '
is "docker's rows, and one more" "$(decant system df --format '{{.Type}}' | paste -sd, -)" "Images,Containers,Local Volumes,Build Cache,Other"

run decant system df -v
status "in detail" 0
like "images with what they share" "$OUT" '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$'
like "entries of the cache" "$OUT" '^CACHE ID +CACHE TYPE +SIZE +CREATED +LAST USED +USAGE +SHARED$'
like "a cache mount" "$OUT" 'exec\.cachemount'
ok "JSON of all" python3 -c 'import json,sys; d=json.loads(sys.argv[1]); assert len(d["Images"]) == 3 and d["BuildCache"] and d["Volumes"] == [], d' "$(decant system df -v --format json)"
ok "two names of one image share nothing with others but the base" python3 -c '
import json, sys
images = {i["Repository"]: i for i in json.loads(sys.argv[1])["Images"]}
assert images["app"]["UniqueBytes"] == images["other"]["UniqueBytes"], images
assert int(images["app"]["UniqueBytes"]) >= 300000, images
assert images["app"]["SharedBytes"] == images["base"]["SharedBytes"], images' "$(decant system df -v --format json)"

run decant buildx du
like "the heads of buildx du" "$OUT" '^ID +RECLAIMABLE +SIZE +LAST ACCESSED$'
like "its sums" "$OUT" '^Total:'
run decant builder du --filter type=exec.cachemount --format '{{.Description}}'
is "one entry of a type" "$OUT" "RUN --mount=type=cache /c"
like "a step in words" "$(decant builder du --format '{{.Description}}')" '^COPY data /data$'
run decant builder du --filter colour=blue
status "an unknown filter" 2
private=$(decant builder du --filter private=true --format '{{.Bytes}}' | sum)
ok "the entries without what images share are less than the row, which has the records of these too" [ "$private" -le "$(row 'Build Cache' | cut -d' ' -f1)" ]

run decant du --why app
status "who holds an image" 0
like "by name" "$OUT" 'held by image app'
like "by another name" "$OUT" 'held by image other'
like "by a step of the cache, with its line" "$OUT" 'held by build cache: .*Dockerfile:4 COPY data /data'
like "by a build, which is named" "$OUT" 'held by build cache: the result of build [0-9a-f]{12} \((app|other)'
layer=$(decant builder du --format '{{.ID}} {{.Description}}' | awk '/COPY data/ { print $1 }')
like "by digits of an ID" "$(decant du "$layer")" "layer $layer"
path=$(find "$DECANT_ROOT/layers" -maxdepth 1 -name "$layer*.list")
like "by path" "$(decant du "$path")" "layer $layer"
run decant du nothing-of-this-name
status "nothing is called so" 1
like "which is said" "$ERR" "nothing in the store is 'nothing-of-this-name'"
like "all of the store" "$(decant du)" 'Build Cache'

# What df says can be reclaimed is what prune gives.
before=$(blocks) said=$(decant system df --format '{{.ReclaimableBytes}}' | sum)
run decant system prune --all --dry-run
like "the dry run says the same" "$OUT" "\($said bytes\), nothing was removed"
is "and changes nothing" "$(blocks)" "$before"
run decant system prune --all --force
status "prune" 0
is "prune frees what df said, to the byte" $((before - $(blocks))) "$said"
is "the rows are still all that du counts" "$(df_bytes)" "$(blocks)"
is "nothing is left to reclaim" "$(decant system df --format '{{.ReclaimableBytes}}' | sum)" 0

# Each kind of prune, also the first one in a store: what it makes for itself is not taken from what it frees.
export DECANT_ROOT=$T/first
base base:1
mkdir "$T/first.ctx"
for number in 1 2; do
	printf 'FROM base:1\nRUN --mount=type=cache,target=/c echo %s >/text; echo x >/c/x\n' $number >"$T/first.ctx/Dockerfile"
	decant build -q -t app "$T/first.ctx" >/dev/null
done
decant run --network=none app true
for what in "image prune" "container prune" "builder prune" "image prune --all" "builder prune --all"; do
	# shellcheck disable=SC2086
	said=$(decant $what --force --dry-run | sed -n 's/.*(\([0-9]*\) bytes).*/\1/p')
	before=$(blocks)
	# shellcheck disable=SC2086
	decant $what --force >/dev/null
	is "$what frees what its dry run said" "$((before - $(blocks)))" "$said"
	ok "... which is something" [ "$said" -gt 0 ]
done
is "nothing is left behind" "$(leftovers)" ""
done_testing
