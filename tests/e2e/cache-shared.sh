#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several processes and one store: equal steps run once, whoever is killed is replaced, and nothing that a name
# leads to is ever missing (C06).  And what no cache is: images that came from elsewhere (C01).
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1

# --- equal steps of builds at the same time run once ---
cat >Dockerfile <<'D'
FROM alpine:edge AS a
RUN --mount=type=cache,id=runs,target=/runs echo one >>/runs/log; sleep 0.4; date +%N >/one
FROM alpine:edge AS b
RUN --mount=type=cache,id=runs,target=/runs echo two >>/runs/log; sleep 0.2; date +%N >/two
FROM alpine:edge
COPY --from=a /one /
COPY --from=b /two /
RUN --mount=type=cache,id=runs,target=/runs echo three >>/runs/log; cat /one /two >/three
D
runs() { # what the RUNs have noted
	printf 'FROM alpine:edge\nRUN --mount=type=cache,id=runs,target=/runs sort /runs/log >/log; : >/runs/log\nRUN : %s\n' "$RANDOM$RANDOM" >Dockerfile.runs
	decant build -q --no-cache --network=none -f Dockerfile.runs -o "$T/runs" . >/dev/null && tr '\n' ' ' <"$T/runs/log"
}
for i in 1 2 3 4; do
	decant build -q --network=none . >"$T/id$i" 2>&1 &
	pids[i]=$!
done
wait "${pids[@]}"
is "four processes build the same: each RUN runs once" "$(runs)" "one three two "
is "all have the same image" "$(sort -u "$T"/id[1-4] | grep -c sha256)" 1

# --- a builder that is killed: one that waits takes over ---
cat >Dockerfile <<'D'
FROM alpine:edge
RUN --mount=type=cache,id=runs,target=/runs echo "begun $(wc -l </runs/log)"; echo x >>/runs/log; until [ -e /runs/go ]; do sleep 0.05; done; rm /runs/go; date +%N >/when
D
begin=$(now_ms)
"$DECANT" build --progress=plain --network=none . >"$T/leader" 2>&1 &
leader=$!
E2E_PIDS+=("$leader")
wait_until 120 grep -q ' begun 0' "$T/leader"
started=$(($(now_ms) - begin))
for i in 1 2; do
	"$DECANT" build --progress=plain --network=none . >"$T/follower$i" 2>&1 &
	pids[i]=$!
done
wait_until 120 eval 'grep -q RUN "$T/follower1" && grep -q RUN "$T/follower2"'
is "those who come later wait" "$(grep -c ' begun' "$T"/follower[12] | tr '\n' ' ')" "$T/follower1:0 $T/follower2:0 "
kill -9 "$leader"
killed=$(now_ms)
wait_until 120 grep -q ' begun 1' "$T"/follower[12]
took=$(($(now_ms) - killed))
ok "one takes over within a second and what a build takes to begin ($took ms, $started ms)" [ "$took" -lt $(($(prompt_ms) + started)) ]
printf 'FROM alpine:edge\nRUN --mount=type=cache,id=runs,target=/runs touch /runs/go\n' >Dockerfile.go
decant build -q --network=none -f Dockerfile.go . >/dev/null
{ wait "$leader"; } 2>/dev/null
wait "${pids[1]}" && wait "${pids[2]}"
is "and builds it for both" "$? $(runs)" "0 x x "
is "in one of them it is a hit" "$(cat "$T"/follower[12] | grep -c '^#[0-9]* CACHED')" 1

# --- C06: builds, --no-cache, rmi and gc at once ---
cat >Dockerfile <<'D'
FROM alpine:edge AS made
COPY a /a
RUN cat /a >/b
FROM alpine:edge
COPY --from=made /b /b
RUN date +%N >/when
D
echo a >a
end=$(($(date +%s) + 4))
worker() { # NUMBER FLAGS...
	local n=$1 i=0
	shift
	while [ "$(date +%s)" -lt "$end" ]; do
		i=$((i + 1))
		if ! decant build -q --network=none -t "c06-$n:v$i" "$@" . >/dev/null 2>"$T/c06.$n"; then
			echo "build $n: $(cat "$T/c06.$n")"
		elif ! decant save "c06-$n:v$i" 2>"$T/c06.$n" | tar -t >/dev/null 2>&1; then
			echo "save $n: $(cat "$T/c06.$n")"
		fi
		[ $((i % 2)) -eq 0 ] || decant rmi "c06-$n:v$i" >/dev/null || echo "rmi $n"
	done
}
collector() {
	while [ "$(date +%s)" -lt "$end" ]; do
		decant tag alpine:edge c06-gc:x && decant rmi c06-gc:x >/dev/null || echo "gc: $?" # rmi collects what nothing needs
		sleep 0.05
	done
}
pids=()
worker 1 >"$T/w1" 2>&1 & pids+=($!)
worker 2 --no-cache >"$T/w2" 2>&1 & pids+=($!)
worker 3 --no-cache-filter made >"$T/w3" 2>&1 & pids+=($!)
collector >"$T/w4" 2>&1 & pids+=($!)
wait "${pids[@]}"
is "C06 builds, rmi and gc at once" "$(cat "$T"/w[1-4])" ""
dangling=
for image in $(decant images --format '{{.Repository}}:{{.Tag}}' | grep c06); do
	decant save "$image" 2>/dev/null | tar -t >/dev/null 2>&1 || dangling="$dangling $image"
	[ "$(decant run --rm --network=none "$image" cat /b 2>&1)" = a ] || dangling="$dangling $image"
done
is "C06 every name that is left leads to a whole image" "$dangling" ""

# --- C01: an image with the same history is no cache ---
printf 'FROM alpine:edge\nRUN head -c 9 /dev/urandom | base64 >/when\nCMD ["x"]\n' >Dockerfile
DECANT_ROOT=$T/other decant import "$(base_tar)" alpine:edge >/dev/null
is "C01 the base is the same" "$(DECANT_ROOT=$T/other decant image inspect --format '{{json .RootFS.Layers}}' alpine:edge)" "$(decant image inspect --format '{{json .RootFS.Layers}}' alpine:edge)"
DECANT_ROOT=$T/other decant build -q --network=none -t poison . >/dev/null
DECANT_ROOT=$T/other decant save -o "$T/poison.tar" poison
decant load -q -i "$T/poison.tar" >/dev/null
run decant build --progress=plain --network=none -t img .
is "C01 its layers are no result of ours" "$STATUS $(grep -c CACHED <<<"$ERR")" "0 0"
is "C01 although the histories are equal" "$(decant history --no-trunc --format '{{.CreatedBy}}' img)" "$(decant history --no-trunc --format '{{.CreatedBy}}' poison)"
[ "$(decant run --rm --network=none img cat /when)" != "$(decant run --rm --network=none poison cat /when)" ]
ok "C01 the image is our own" [ $? -eq 0 ]
inside() { if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare --map-auto --map-root-user "$@"; fi; }
inside rm -rf "$T/other"

is "nothing is left" "$(leftovers)" ""
done_testing
