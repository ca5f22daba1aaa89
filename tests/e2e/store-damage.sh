#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A layer of an earlier boot that lost bytes: found before it is used, dropped with the names that need it,
# said in one line, and made again by the next build.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1
cat >Dockerfile <<'D'
FROM alpine:edge
RUN echo whole > /file
D
run decant build -q --network=none -t app .
status "a build" 0
first=$OUT

# every layer says that it was written under another boot; the files named FILE hold other bytes
cat >"$T/damage" <<'P'
import glob, hashlib, os, re, sys
root, damage = sys.argv[1], sys.argv[2] == "damage"
for meta in glob.glob(root + "/layers/*.meta"):
    text = re.sub(rb"(?m)^end .*\n", b"", open(meta, "rb").read())
    text = re.sub(rb"(?m)^boot .*$", b"boot 00000000-0000-0000-0000-000000000000", text)
    open(meta, "wb").write(text + b"end " + hashlib.sha256(text).hexdigest().encode() + b"\n")
    try:
        os.unlink(meta[:-5] + ".ok")
    except FileNotFoundError:
        pass
    file = meta[:-5] + "/file"
    if damage and os.path.exists(file):
        with open(file, "r+b") as f:
            f.write(b"XX")
P
python3 "$T/damage" "$DECANT_ROOT" intact
run decant build -q --network=none -t app .
is "whole layers of an earlier boot are used" "$STATUS $OUT" "0 $first"
run decant run --rm --network=none app cat /file
is "and run" "$STATUS $OUT" "0 whole"

for command in "run --rm --network=none app cat /file" "save -o $T/x.tar app" "publish app"; do
	decant build -q --network=none -t app . >/dev/null
	python3 "$T/damage" "$DECANT_ROOT" damage
	# shellcheck disable=SC2086
	run decant $command
	ok "${command%% *}: a damaged layer is refused" [ "$STATUS" -ne 0 ]
	like "${command%% *}: says which file" "$ERR" "'file' has other content"
	like "${command%% *}: names what goes with it" "$ERR" "'app:latest'"
	unlike "${command%% *}: the name is gone" "$(decant images)" '^app '
	ok "${command%% *}: no file is written" [ ! -e "$T/x.tar" ]
done

decant build -q --network=none -t app . >/dev/null
python3 "$T/damage" "$DECANT_ROOT" damage
run decant build --progress=plain --network=none -t app .
status "a build over a damaged layer" 0
like "says so" "$ERR" "'file' has other content"
unlike "runs the step again" "$ERR" 'RUN echo whole.*CACHED'
is "and is whole" "$(decant run --rm --network=none app cat /file)" whole

# --- the folder of names: made again, empty, it would say that there are no images, and prune would take them all
layers=$(find "$DECANT_ROOT/layers" -name '*.meta' | wc -l)
mv "$DECANT_ROOT/refs" "$T/refs"
for command in images "tag app app:2" "build -q ." "image prune -af" "builder prune -af" "system prune -af" "system df"; do
	# shellcheck disable=SC2086 # words
	run decant $command
	ok "$command: names that are gone are no empty store" [ "$STATUS" -ne 0 ]
	like "$command: says it" "$ERR" "store/refs' is gone"
done
ok "nothing makes the folder" [ ! -e "$DECANT_ROOT/refs" ]
is "and no layer goes" "$(find "$DECANT_ROOT/layers" -name '*.meta' | wc -l)" "$layers"
run decant fsck
like "fsck finds it" "$STATUS $ERR$OUT" '^5 .*refs: is gone'
mv "$T/refs" "$DECANT_ROOT/refs"
is "put back, all is there" "$(decant run --rm --network=none app cat /file)" whole
is "nothing is left" "$(leftovers)" ""
done_testing
