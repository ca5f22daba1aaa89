#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What runs in many threads at once, all in one script, so that `make tsan` can look at it: sixteen stages side by side, the files of
# a context (no RUN: see tools/run-threads), layers pulled, compressed, pushed and unpacked.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
# shellcheck disable=SC2119 # its argument is optional
registry_start
base base
mkdir ctx
for i in $(seq 400); do echo "$i" >"ctx/$i"; done
{
	echo "FROM base AS b"
	for i in $(seq 16); do
		printf 'FROM b AS s%s\nCOPY . /x%s\nCOPY %s /\n' "$i" "$i" "$i"
	done
	echo "FROM scratch"
	for i in $(seq 16); do
		echo "COPY --from=s$i /$i /"
	done
} >Dockerfile
nothing_told() { # NAME: nothing but what is wanted, and no report of a sanitizer
	status "$1" 0
	unlike "$1: no report" "$ERR" "Sanitizer"
}
run decant build --network=none -f Dockerfile -t "$REGISTRY/many" -t many ctx
nothing_told "sixteen stages at once"
run decant build --network=none -f Dockerfile ctx
nothing_told "the same, of the cache"
run decant push "$REGISTRY/many"
nothing_told "push"
run decant save -o many.tar many
nothing_told "save"
export DECANT_ROOT=$T/other
run decant pull "$REGISTRY/many"
nothing_told "pull into another store"
run decant load -i many.tar
nothing_told "load"
run decant build -q -o out - <<<"FROM $REGISTRY/many"
nothing_told "written as a folder"
is "with all of its files" "$(cat out/16) $(find out -type f | wc -l)" "16 16"
done_testing
