#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many images: what one name costs does not grow with how many there are, and index.json and gc say the same with what is remembered of them as without.
. "$(dirname "$0")/../lib/e2e.sh"

needs python3
many=120
python3 "$E2E_ROOT/bench/many-images" --own-layers $many "$(base_tar)" >"$T/many.tar" || exit 1

# calls PATTERN COMMAND...: how many system calls of it are like PATTERN; its output in $T/out
calls() {
	local pattern=$1
	shift
	# LeakSanitizer traces too, and there is only one who may
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o "$T/calls" "$@" >"$T/out" 2>&1 || { cat "$T/out"; return; }
	grep -cE "$pattern" "$T/calls"
}
at_most() { # name, number, limit
	ok "$1 ($2, at most $3)" [ "$2" -le "$3" ]
}
# index.json as it is without anything remembered; what is there is left as it is
truth() {
	rm -rf "$T/copy"
	cp -a "$DECANT_ROOT" "$T/copy"
	rm -f "$T/copy/catalog" "$T/copy/documents"
	DECANT_ROOT=$T/copy decant tag image1:1 image1:1
	cat "$T/copy/index.json"
}
listed() { cat "$DECANT_ROOT/index.json"; }

if ! command -v strace >/dev/null; then
	decant load -q -i "$T/many.tar" >/dev/null
	skip "how much is read and written" "'strace' is not installed"
else
	base base:1
	at_most "load writes index.json once" "$(calls 'rename.*"index.json"' "$DECANT" load -q -i "$T/many.tar")" 1
	is "... and names them all" "$(grep -c '^Loaded image: image' "$T/out")" $many
	at_most "... with a sync for all, not for each" "$(grep -cE '(fsync|syncfs|fdatasync)\(' "$T/calls")" 20
	run decant load -q -i "$T/many.tar"
	sleep 2.1 # younger times are not believed: a change might not show
	decant tag image1:1 settle:1
	at_most "a tag reads no manifest but its own" "$(calls 'open.*blobs/sha256/' "$DECANT" tag image2:1 other:2)" 10
	at_most "... and no other name" "$(grep -cE 'open.*refs/docker' "$T/calls")" 10
	decant rmi settle:1 >/dev/null
	decant rmi other:2 >/dev/null
	decant rmi base:1 >/dev/null
	if [ "$(id -u)" -eq 0 ]; then # a removal enters the user namespace, which nobody may who is traced
		at_most "a removal reads no document that was read before" "$(calls 'open.*blobs/sha256/' "$DECANT" rmi image3:1)" 10
	else
		decant rmi image3:1 >/dev/null
	fi
	decant tag image4:1 image3:1
fi
is "index.json lists them" "$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)["manifests"]))' <"$DECANT_ROOT/index.json")" $many
is "... as it does without what is remembered" "$(listed)" "$(truth)"
ok "what manifests need is remembered" [ -s "$DECANT_ROOT/documents" ]

if command -v skopeo >/dev/null; then
	run skopeo inspect "oci:$DECANT_ROOT:image$many:1"
	like "skopeo finds none that is not there" "$ERR" "image$many"
	run skopeo inspect --config "oci:$DECANT_ROOT:image7:1"
	status "skopeo reads one of many" 0
else
	skip "skopeo reads one of many" "'skopeo' is not installed"
fi

# what an image alone needed goes with it, what others need stays
layer_of() { decant inspect --format '{{index .RootFS.Layers 1}}' "$1"; }
own=$(layer_of image5:1) kept=$(layer_of image6:1)
run decant rmi image5:1
status "rmi" 0
ok "its own layer goes" [ ! -e "$DECANT_ROOT/layers/${own#sha256:}.meta" ]
ok "another's stays" [ -e "$DECANT_ROOT/layers/${kept#sha256:}.meta" ]
run decant fsck
status "all others are whole" 0
is "index.json without it" "$(listed)" "$(truth)"

# a layer that is gone: its image is in index.json no more, whatever is remembered of it
decant tag image8:1 before:1
rm "$DECANT_ROOT/blobs/sha256/${kept#sha256:}"
decant tag image8:1 after:1
unlike "an image that lost a layer is not listed" "$(listed)" '"image6:1"'
is "... as without what is remembered" "$(listed)" "$(truth)"

cp "$DECANT_ROOT/documents" "$T/good"
size=$(stat -c %s "$T/good") number=10
for damage in empty cut flipped foreign gone; do
	case $damage in
	empty) : >"$DECANT_ROOT/documents" ;;
	cut) head -c $((size / 2)) "$T/good" >"$DECANT_ROOT/documents" ;;
	flipped) python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 3] ^= 4; open(sys.argv[2], "wb").write(b)' "$T/good" "$DECANT_ROOT/documents" ;;
	foreign) echo hello >"$DECANT_ROOT/documents" ;;
	gone) rm "$DECANT_ROOT/documents" ;;
	esac
	if [ $damage != gone ]; then
		run decant fsck
		like "documents that are $damage are told" "$OUT" "documents: is damaged"
	fi
	decant tag image9:1 "$damage:1"
	is "documents that are $damage are read anew" "$(listed)" "$(truth)"
	number=$((number + 1))
	run decant rmi "image$number:1"
	status "... and a removal works with them" 0
done
run decant fsck --quick
unlike "nothing of the others has gone" "$OUT" "image(5|6)[0-9]:1"
done_testing
