#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mode=min (the default) and inline hold the layers of the result alone, and the records of all steps: a stage that nobody
# looks into need not be run to know that what was copied from it is unchanged.
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
echo a >context/a
echo b >context/b
cat >context/Dockerfile <<'D'
FROM base:1 AS common
RUN echo common >/common
FROM common AS a
COPY a /a
RUN cat /a /common >/out-a; echo noise >/noise
FROM base:1 AS b
COPY b /b
RUN cat /b >/out-b
FROM base:1
COPY --from=a /out-a /o/
COPY --from=b /out-b /o/
RUN cat /o/* >/result
D
ran() { # the RUNs that were run, by what they write
	awk '/^#[0-9]+ \[.*\] RUN / { name[$1] = $NF; sub(/.*>\//, "", name[$1]) }
		$2 == "DONE" && name[$1] { print name[$1] }' <<<"$ERR" | sort | tr '\n' ' '
}
build() { run decant build --progress plain -t app "$@" context; }
id() { decant images -q --no-trunc app; }
records() { jq -c '[(.layers, .records, .steps) | length]' "cache/blobs/sha256/$(jq -r .config.digest "cache/blobs/sha256/$(jq -r '.manifests[0].digest | ltrimstr("sha256:")' cache/index.json)" | cut -d: -f2)"; }

for kind in min inline; do
	rm -rf cache
	echo a >context/a
	store "$kind-first"
	if [ $kind = min ]; then
		to=(--cache-to "type=local,dest=cache")
	else
		to=(--cache-to type=inline -o "type=oci,dest=image.tar")
	fi
	build "${to[@]}"
	status "$kind: exports" 0
	ID=$(id)
	if [ $kind = min ]; then
		is "min: three layers, and the records of five steps without" "$(records)" "[3,3,5]"
	else
		mkdir -p cache && tar -C cache -xf image.tar
	fi
	from=(--cache-from "type=local,src=cache")
	[ $kind = min ] || from+=(--cache-to type=inline)
	TAG=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"] // empty' cache/index.json)
	[ $kind = min ] || from[1]+=${TAG:+,tag=$TAG}

	store "$kind-second"
	build "${from[@]}"
	is "$kind: another store runs nothing" "$STATUS [$(ran)]" "0 []"
	is "$kind: ... and has the same image" "$(id)" "$ID"
	is "$kind: ... whose files are here" "$(decant run --rm --network=none app cat /result | tr '\n' ' ')" "a common b "
	build "${from[@]}"
	is "$kind: again: nothing is run" "$STATUS [$(ran)] $(id)" "0 [] $ID"
	run decant build --progress plain "${from[@]}" --target a -t stage context
	is "$kind: a stage itself is made" "$STATUS [$(ran)]" "0 [common noise ]"
	is "$kind: ... with its files" "$(decant run --rm --network=none stage cat /out-a /noise | tr '\n' ' ')" "a common noise "

	store "$kind-third"
	echo c >context/a
	build "${from[@]}"
	is "$kind: a changed file: what depends on it, and what it looks into" "$STATUS [$(ran)]" "0 [common noise out-b result ]"
	is "$kind: ... with the new contents" "$(decant run --rm --network=none app cat /result | tr '\n' ' ')" "c common b "
	echo a >context/a
	store "$kind-fourth"
	echo d >context/b
	build "${from[@]}"
	is "$kind: another: the stage that it does not touch is not run" "$STATUS [$(ran)]" "0 [out-b result ]"
	is "$kind: ... with the new contents" "$(decant run --rm --network=none app cat /result | tr '\n' ' ')" "a common d "
	echo b >context/b
	run decant why app
	status "$kind: why has no trouble with layers that are not here" 0
done

# --- what a build has by a cache's word it gives on
rm -rf cache
store last-first
build --cache-to type=local,dest=cache
ID=$(id)
store last-second
build --cache-from type=local,src=cache --cache-to type=local,dest=cache,mode=max,tag=on --provenance=mode=max
is "max of what was not fetched: nothing is run" "$STATUS [$(ran)]" "0 []"
store last-third
build --cache-from type=local,src=cache,tag=on
is "... and its records are whole" "$STATUS [$(ran)] $(id)" "0 [] $ID"
is "nothing left over" "$(leftovers)" ""
done_testing
