#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# rmi in docker's words: names, IDs, containers that use the image, digests.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base base:1
build() { printf 'FROM base:1\nENV N=%s\nCMD ["sh", "-c", "exec sleep 300"]\n' "$1" | decant build -q -t "$2" -; }

# --- several names
id=$(build 1 one:1) short=${id#sha256:} short=${short:0:12}
decant tag one:1 two:1
run decant rmi "$short"
is "an ID with two names" "$STATUS $ERR" "1 error: conflict: unable to delete $short (must be forced) - image is referenced in multiple repositories"
run decant rmi -f "$short"
is "forced: the names, then the image" "$STATUS $OUT" $'0 Untagged: one:1\nUntagged: two:1\nDeleted: '"$id"

# --- containers
id=$(build 2 one:1) short=${id#sha256:} short=${short:0:12}
stopped=$(decant create one:1) stopped=${stopped:0:12}
run decant rmi one:1
is "a name of a stopped container's image" "$STATUS $ERR" \
	"1 error: conflict: unable to remove repository reference \"one:1\" (must force) - container $stopped is using its referenced image $short"
run decant rmi "$id"
is "its ID" "$STATUS $ERR" "1 error: conflict: unable to delete $short (must be forced) - image is being used by stopped container $stopped"
decant tag one:1 more:1
run decant rmi more:1
is "one of two names goes" "$STATUS $OUT" "0 Untagged: more:1"
running=$(decant run -d one:1) running=${running:0:12}
run decant rmi "$short"
is "a running one is what counts" "$STATUS $ERR" "1 error: conflict: unable to delete $short (cannot be forced) - image is being used by running container $running"
run decant rmi -f "$short"
is "nor can that be forced" "$STATUS $ERR" "1 error: conflict: unable to delete $short (cannot be forced) - image is being used by running container $running"
decant tag one:1 more:1
run decant rmi "$short"
is "with two names too" "$STATUS $ERR" "1 error: conflict: unable to delete $short (cannot be forced) - image is being used by running container $running"
decant rmi more:1 >/dev/null
run decant rmi -f --platform "$(decant inspect -f '{{.Os}}/{{.Architecture}}' one:1)" one:1
like "nor its platform" "$ERR" "unable to delete $short \(cannot be forced\) - image is being used by running container $running"
run decant rmi -f one:1
is "by name it loses that" "$STATUS $OUT" "0 Untagged: one:1"
is "and is there without one" "$(decant images -q --filter dangling=true)" "$short"
decant rm -f "$running" >/dev/null
run decant rmi -f "$short"
is "a stopped one is no obstacle then" "$STATUS $OUT" "0 Deleted: $id"
decant rm -f "$stopped" >/dev/null

# --- names with digests
if command -v docker-registry >/dev/null; then
	# shellcheck disable=SC2119 # no login
	registry_start
	build 3 "$REGISTRY/app:1" >/dev/null && decant push -q "$REGISTRY/app:1" >/dev/null
	id=$(decant images -q --no-trunc "$REGISTRY/app:1") digest=$(decant inspect -f '{{index .RepoDigests 0}}' "$REGISTRY/app:1")
	decant tag "$REGISTRY/app:1" "$REGISTRY/app:2"
	run decant rmi "$REGISTRY/app:1"
	is "a tag of two: the digest stays" "$STATUS $OUT" "0 Untagged: $REGISTRY/app:1"
	run decant rmi "$REGISTRY/app:2"
	is "the last one: it goes" "$STATUS $OUT" "0 Untagged: $REGISTRY/app:2"$'\n'"Untagged: $digest"$'\n'"Deleted: $id"
else
	skip "names with digests" "'docker-registry' is not installed"
fi

# --- what is not there
build 4 last:1 >/dev/null
run decant rmi none:1 last:1
is "the others go all the same" "$STATUS $(head -n 1 <<<"$OUT")" "1 Untagged: last:1"
is "what is missing is told" "$ERR" "error: No such image: none:1"
run decant rmi -f none:1
is "forced it is no error" "$STATUS $ERR" "0 error: No such image: none:1"
is "no mounts, no processes" "$(leftovers)" ""
done_testing
