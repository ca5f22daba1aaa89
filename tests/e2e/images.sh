#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `decant images`: its catalog says what the files say, whatever happens to it; filters, tree, counts.
. "$(dirname "$0")/../lib/e2e.sh"

# build_many COUNT: names many1:1 ... in the store, each an image of its own
build_many() {
	local i
	for i in $(seq "$1"); do
		printf 'FROM scratch\nLABEL number=%s\n' "$i" | SOURCE_DATE_EPOCH=$((1700000000 + i)) decant build -q -t "many$i:1" - >/dev/null || return 1
	done
}
# truth: the same list without the catalog
truth() {
	local kept=$T/kept
	[ ! -e "$DECANT_ROOT/catalog" ] || mv "$DECANT_ROOT/catalog" "$kept"
	decant images -a --no-trunc --format '{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedAt}} {{.Size}}'
	rm -f "$DECANT_ROOT/catalog"
	[ ! -e "$kept" ] || mv "$kept" "$DECANT_ROOT/catalog"
}
listed() { decant images -a --no-trunc --format '{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedAt}} {{.Size}}'; }
same_as_truth() { # name
	local before
	before=$(listed)
	is "$1" "$before" "$(truth)"
}

base base:1
run decant images
like "few images: a table" "$OUT" '^base +1 '
ok "few images need no catalog" [ ! -e "$DECANT_ROOT/catalog" ]
ok "many images" build_many 40
run decant images -q
is "each is listed once" "$(printf '%s\n' "$OUT" | sort -u | wc -l)" 41
ok "now there is a catalog" [ -s "$DECANT_ROOT/catalog" ]
same_as_truth "the catalog says what the files say"
sleep 2.1 # younger times are not believed: a change might not show
decant images -q >/dev/null
same_as_truth "... when the times of directories are old enough to be believed"
if command -v strace >/dev/null; then
	strace -f -o "$T/calls" "$DECANT" images -q >/dev/null 2>&1
	is "... and no name is then read by itself" "$(grep -c 'refs/docker.io' "$T/calls")" 0
else
	skip "no name is then read by itself" "'strace' is not installed"
fi
decant tag many1:1 other:2
same_as_truth "a new name shows"
decant tag many2:1 other:2
same_as_truth "a moved name shows"
decant rmi many3:1 >/dev/null
same_as_truth "a removed one does not"
printf 'FROM scratch\nLABEL new=1\n' | decant build -q -t many4:1 - >/dev/null
same_as_truth "a name built again has the new image, the old one is <none>"

cp "$DECANT_ROOT/catalog" "$T/good"
size=$(stat -c %s "$T/good")
for damage in empty cut flipped text; do
	case $damage in
	empty) : >"$DECANT_ROOT/catalog" ;;
	cut) head -c $((size / 2)) "$T/good" >"$DECANT_ROOT/catalog" ;;
	flipped) python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 3] ^= 4; open(sys.argv[2], "wb").write(b)' "$T/good" "$DECANT_ROOT/catalog" ;;
	text) echo hello >"$DECANT_ROOT/catalog" ;;
	esac
	same_as_truth "a catalog that is $damage is made anew"
done
rm "$DECANT_ROOT/catalog"
decant images -q >/dev/null
id=$(decant images -q --no-trunc many5)
mv "$DECANT_ROOT/blobs/sha256/${id#sha256:}" "$T/config"
run decant images -q
like "an image whose config is gone is told" "$ERR" "many5:1"
is "... and the others are listed" "$(printf '%s\n' "$OUT" | wc -l)" 40
mv "$T/config" "$DECANT_ROOT/blobs/sha256/${id#sha256:}"
rm -f "$DECANT_ROOT/catalog"
mkdir "$DECANT_ROOT/catalog"
run decant images -q
is "a foreign thing in its place does no harm" "$(printf '%s\n' "$OUT" | wc -l)" 41
rmdir "$DECANT_ROOT/catalog"

run decant images --filter until=2023-11-14T22:13:25Z --format '{{.Repository}}'
is "until, a time" "$OUT" $'many2\nother\nmany1'
run decant images --filter until=1700000003 --format '{{.Repository}}:{{.Tag}}'
is "until, seconds" "$OUT" $'many2:1\nother:2\nmany1:1'
run decant images --filter until=24h -q
is "until, a duration" "$(printf '%s\n' "$OUT" | wc -l)" 39
run decant images --filter until=tomorrow
status "until, nonsense" 2
like "... says what it takes" "$ERR" "24h"
run decant images --filter reference='many1*' --filter reference=base --format '{{.Repository}}'
is "references are alternatives" "$(printf '%s\n' "$OUT" | wc -l)" 12
run decant images --filter since=many30:1 --filter before=many33:1 --format '{{.Repository}}'
is "since and before" "$OUT" $'many32\nmany31'
run decant images -q "${id#sha256:}"
is "an ID as argument" "$OUT" "$(printf %.12s "${id#sha256:}")"
run decant images -q --no-trunc "$id"
is "... in full" "$OUT" "$id"
run decant images ls
status "a word that is a command" 0
like "... has a hint" "$ERR" 'No images found matching "ls": did you mean "decant image ls"\?'

printf 'FROM base:1\nCOPY a /a\n' >Dockerfile
head -c 1000 /dev/zero >a
decant build -q -t child:1 . >/dev/null
run decant images --format '{{.SharedSize}} {{.UniqueSize}} {{.Size}} {{.Containers}}' child
like "sizes and containers when asked for" "$OUT" '^[0-9.]+[kM]B 1kB [0-9.]+[kM]B 0$'
mkdir -p "$HOME/.docker"
printf '{"imagesFormat": "{{.Repository}}=={{.Tag}}"}' >"$HOME/.docker/config.json"
run decant images child
is "docker's imagesFormat" "$OUT" "child==1"
run decant images --format '{{.Tag}}' child
is "... unless --format says something else" "$OUT" "1"
run decant images -q child
like "... or -q" "$OUT" '^[0-9a-f]{12}$'
rm -r "$HOME/.docker"
printf 'FROM scratch\nCOPY a /\n' | decant build -q -f - -t two:1 --platform linux/amd64,linux/arm64 . >/dev/null
run decant images --tree two
like "tree: the name" "$OUT" '^two:1 +[0-9a-f]{12} +2kB'
like "tree: its platforms" "$OUT" '^├─ linux/amd64 +[0-9a-f]{12} +1kB'
like "tree: the last one" "$OUT" '^└─ linux/arm64 +[0-9a-f]{12} +1kB'
run decant images --tree -q
status "tree and -q" 2
# --- an array, whatever the number of images; one digest a repository; whole seconds
cat >two.Dockerfile <<'D'
FROM scratch
COPY two.Dockerfile /
D
decant build -q -t twice:a -f two.Dockerfile . >/dev/null
decant tag twice:a twice:b
decant publish twice:a >/dev/null && decant publish twice:b >/dev/null
run decant inspect -f json twice:a twice:b
is "inspect -f json is one array" "$(python3 -c 'import json, sys; print([len(x["RepoTags"]) for x in json.load(sys.stdin)])' <<<"$OUT")" "[2, 2]"
is "two tags of a repository are one digest" "$(decant inspect -f '{{len .RepoDigests}}' twice:a)" 1
run decant history --human=false twice:a
like "times for programs are told as such" "$OUT" '^IMAGE +CREATED AT '
like "and are whole seconds" "$OUT" 'T[0-9:]{8}Z '
run timeout -k 20 1 "$DECANT" load -i /dev/zero
status "an archive of zeros for ever ends with the signal" 124
run timeout -k 20 1 "$DECANT" import /dev/zero
status "so does a root" 124
done_testing
