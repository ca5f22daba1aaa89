#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# K08, K10: whatever is done to any file of a store, fsck finds it, nothing crashes or gives wrong bytes, a repair and the
# next build make it whole.  A sample here, all of it with FAULTS=all (make torture); FAULTS_STATE is then a folder in which
# the store and the trials that are done are kept: stopped and started again, the test goes on.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3
inside() { if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare --map-auto --map-root-user "$@"; fi; }
base alpine:edge
is "a store is whole from its first image on" "$(decant fsck | sed 's/:.*//')" "the store is whole"
decant save -o "$T/base.tar" alpine:edge
mkdir ctx && cd ctx || exit 1
echo one >a
cat >Dockerfile <<'D'
FROM alpine:edge AS made
COPY a /in/
RUN --mount=type=cache,target=/c echo two >/c/two; { tr '\n' ' ' </in/a; cat /c/two; } >/made; ln /made /other; ln -s made /link; mkfifo /pipe; echo said
FROM alpine:edge
COPY --from=made /made /made
RUN rm /bin/true && echo x >/x
COPY a /b
D
run decant build -q --network=none --attest type=sbom -t app .
status "a build" 0
decant publish app >/dev/null
run decant run --network=none --name kept app cat /made
status "a container" 0
run decant fsck
is "a new store is whole" "$STATUS $(grep -c '^the store is whole' <<<"$OUT")" "0 1"
like "fsck --format json" "$(decant fsck --format json)" '^\{"Whole":true,"Names":[0-9]+'
run decant fsck app nothing
like "an image that is not there" "$STATUS $ERR" "1 error: no image named 'docker.io/library/nothing:latest'"

# --- what is told ---
cp -a "$DECANT_ROOT/refs" "$T/refs"
file=$(find "$DECANT_ROOT/layers" -path '*/x' -type f)
echo y >"$file"
run decant fsck
status "a file of a layer" 5
like "tells which" "$OUT" '^layers/[0-9a-f]{64}/x: has other content than it was made with'
like "and of which image" "$OUT" 'images: docker.io/library/app:latest'
like "and what to do" "$OUT" 'what to do: build or pull again'
run decant fsck --quick
is "--quick reads no files" "$STATUS" 0
run decant fsck alpine:edge
is "another image is whole" "$STATUS" 0
run decant fsck app
is "this one is not" "$STATUS" 5
run decant fsck --repair
status "a repair" 0
like "tells what it did" "$OUT" 'repaired: the layer (is dropped, and with it the name|is made again)'
like "and that all is well" "$OUT" 'the store is whole again: [0-9]+ repaired'
decant build -q --network=none -t app . >/dev/null
is "the next build makes it again" "$(decant run --rm --network=none app cat /x)" x
echo mine >"$DECANT_ROOT/notes"
ln -s /etc "$DECANT_ROOT/cache/link"
run decant fsck
like "foreign files" "$OUT" '^notes: is nothing of a store'
run decant fsck --repair
status "are moved" 0
is "to lost+found" "$(cat "$DECANT_ROOT/lost+found/notes") $(readlink "$DECANT_ROOT/lost+found/cache.link")" "mine /etc"

# --- whose it is ---
record=$(cd "$DECANT_ROOT" && echo containers/*/container.json)
inside chown 7 "$DECANT_ROOT/$record"
run decant fsck
like "a record of a container that somebody else may write" "$STATUS $OUT" "^5 $record: has another owner than the store"
run decant fsck --repair
status "is given back" 0
like "and is not moved away" "$(decant ps -a --format '{{.Names}}')" '^kept$'
chmod 0666 "$DECANT_ROOT/$record"
run decant fsck
like "one that all may write" "$STATUS $OUT" "^5 $record: may be written by others"
chmod 0 "$DECANT_ROOT/$record"
run decant fsck --repair
is "one that nobody may read" "$STATUS $(stat -c %a "$DECANT_ROOT/$record") $(find "$DECANT_ROOT/containers" -mindepth 1 -maxdepth 1 | wc -l)" "0 600 1"
inside chown 7 "$DECANT_ROOT/init/etc"
run decant fsck
like "a mount point of somebody else, which a RUN would see" "$STATUS $OUT" '^5 init: has other files than mount points'
run decant fsck --repair
status "is moved away" 0
run decant run --rm --network=none app cat /made
is "and made again by the next that runs" "$STATUS $(find "$DECANT_ROOT/init" -mindepth 1 | wc -l)" "0 7"

# --- K10: what a killed process left ---
mkdir -p "$DECANT_ROOT/tmp/1.1/upper/work" "$DECANT_ROOT/layers/$(printf '%064d' 7)/etc"
: >"$DECANT_ROOT/layers/$(printf '%064d' 8).list"
: >"$DECANT_ROOT/tmp/1.1/small-1"
chmod 000 "$DECANT_ROOT/tmp/1.1/upper/work"
run decant fsck --repair
is "leftovers are taken away" "$STATUS $(ls "$DECANT_ROOT/tmp") $(find "$DECANT_ROOT/layers" -name '0000*')" "0  "

# --- K08 ---
inside cp -a "$DECANT_ROOT" "$T/kept"
mkdir "$T/scratch"
all=() from=$T
[ "${FAULTS:-}" != all ] || all=(--all --only "${FAULTS_ONLY:-}")
if [ -n "${FAULTS_STATE:-}" ]; then
	from=$FAULTS_STATE
	if [ ! -e "$from/ready" ]; then
		inside rm -rf "$from"
		mkdir -p "$from"
		inside cp -a "$T/kept" "$T/base.tar" "$T/ctx" "$from"
		: >"$from/ready"
	fi
	all+=(--done "$from/done")
fi
python() { if [ "$(id -u)" -eq 0 ]; then python3 "$@"; else unshare --map-auto --map-root-user python3 "$@"; fi; }
run python "$E2E_ROOT/tests/lib/damage-store.py" "$from/kept" "$T/scratch" "$from/base.tar" "$from/ctx" "${all[@]}"
is "K08 $(tail -n 1 <<<"$OUT")" "$STATUS $(sed '$d' <<<"$OUT")" "0 "
is "nothing is left" "$(leftovers)" ""
[ -z "${FAULTS_STATE:-}" ] || [ "$E2E_FAILED" -gt 0 ] || inside rm -rf "$FAULTS_STATE"
done_testing
