#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The base images of all stages are asked for at the same time: four cost what one costs.  Nothing is asked
# when all are here, nothing for stages that the target does not need, and errors come in the file's order.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
fault_start

milliseconds() { # command...: $MS
	local begin end
	begin=$(date +%s%N)
	run "$@"
	end=$(date +%s%N)
	MS=$(((end - begin) / 1000000))
}

file() { # prefix of the repository, number of stages
	local i
	for i in $(seq "$2"); do
		echo "FROM $FAULT/$1/img$i:latest AS s$i"
	done
	echo "FROM scratch"
	for i in $(seq "$2"); do
		echo "COPY --from=s$i /bin/busybox /b$i"
	done
}

asked() { fault_log | grep -cE "GET /v2/[^ ]*/manifests/"; }

for kind in slow-200 token-slow; do
	mkdir -p "$kind"
	file "$kind" 1 >"$kind/one"
	file "$kind" 4 >"$kind/four"
	rm -rf "$DECANT_ROOT"
	milliseconds decant build --check -f "$kind/one" "$kind"
	one=$MS
	status "$kind: one base image" 0
	# An answer after another, four would take four times as long: 3 questions of 0.2 s, a token of 0.3 s.  A machine that
	# was busy with something else by then is asked again: the servers' delays never get shorter.
	for _ in 1 2 3 4 5 6 7 8; do
		milliseconds decant build --check -f "$kind/four" "$kind"
		if [ "$STATUS" -ne 0 ] || [ "$MS" -lt $((one + 300)) ]; then break; fi
	done
	status "$kind: four base images" 0
	ok "$kind: four base images in the time of one ($MS ms, one: $one ms)" [ "$MS" -lt $((one + 300)) ]
done

rm -rf "$DECANT_ROOT"
run decant build -t x -f slow-200/four slow-200
status "a build over four base images" 0
is "each was asked for" "$(decant images -q x | wc -l)" 1
fault_forget
run decant build -t x -f slow-200/four slow-200
status "the same build once more" 0
is "nothing is asked when all are here" "$(asked)" 0
run decant build --pull -t x -f slow-200/four slow-200
status "with --pull" 0
is "with --pull each is asked for, once by its tag and once by its digest" "$(asked)" 8
like "all hits" "$ERR" "CACHED"

fault_forget
cat >some <<D
FROM $FAULT/slow-50/needed AS needed
FROM $FAULT/slow-50/other AS other
FROM $FAULT/slow-50/more AS more
FROM scratch
COPY --from=needed /bin/busybox /
COPY --from=$FAULT/slow-50/from /bin/busybox /other
D
run decant build -f some slow-200
status "stages that the target does not need" 0
is "their images are not asked for" "$(fault_log | grep -oE '/(needed|other|more|from)/manifests/latest' | sort | xargs)" \
	"/from/manifests/latest /needed/manifests/latest"

cat >broken <<D
FROM $FAULT/slow-50/good AS good
FROM $FAULT/slow-300/img:absent AS first
FROM $FAULT/slow-50/img:nothing AS second
FROM scratch
COPY --from=good /bin/busybox /
COPY --from=second /bin/busybox /
COPY --from=first /bin/busybox /
D
run decant build -f broken slow-200
status "two images that are not there" 3
like "the first in the file is the one that is told" "$ERR" "broken:2:6: error: .*absent"
unlike "and it alone" "$ERR" "broken:3"
is "nothing left over" "$(leftovers)" ""
done_testing
