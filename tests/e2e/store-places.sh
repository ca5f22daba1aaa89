#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever is in the place of a file or directory of the store that is locked or written to: nobody waits for it or follows it,
# the error says what to do, fsck finds it, and a repair makes the store whole; a name's file in another's place is never used.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base base:1
S=$DECANT_ROOT
within() { timeout 60 "$DECANT" "$@"; } # a hang is a failure with status 124

# --- names
printf 'FROM base:1\nLABEL which=other\n' >Dockerfile
run decant build -q -t other:1 .
status "another image" 0
base_id=$(decant inspect --format '{{.Id}}' base:1) other_id=$(decant inspect --format '{{.Id}}' other:1)
exchange() {
	local a b
	a=$(grep -l '^name docker.io/library/base:1$' "$S"/refs/*) b=$(grep -l '^name docker.io/library/other:1$' "$S"/refs/*)
	mv "$a" "$T/swap" && mv "$b" "$a" && mv "$T/swap" "$b"
}
exchange
for command in "inspect base:1" "images" "tag base:1 base:2" "save -o $T/x.tar other:1" "history other:1"; do
	# shellcheck disable=SC2086 # words
	run within $command
	ok "names exchanged: $command is refused" [ "$STATUS" -ne 0 ]
	like "names exchanged: $command says why" "$ERR" "the name file '.*' is that of 'docker.io/library/(base|other):1'"
	like "names exchanged: $command says what to do" "$ERR" "decant fsck --repair"
done
run decant fsck
status "names exchanged: fsck finds it" 5
exchange
is "put back, they are what they were" "$(decant inspect --format '{{.Id}}' base:1 other:1 | tr '\n' ' ')" "$base_id $other_id "
exchange
run decant fsck --repair
status "names exchanged: a repair" 0
run decant images -q
is "takes both names away" "$STATUS $OUT" "0 "
decant rmi -f base:1 other:1 >/dev/null 2>&1
base base:1
run decant build -q -t other:1 .
status "made again" 0

# --- locks/ and tmp/
place() { # what is put at a path of the store
	rm -rf "${S:?}/$2"
	case $1 in
	file) echo foreign >"$S/$2" ;;
	fifo) mkfifo "$S/$2" ;;
	dir) mkdir "$S/$2" ;;
	symlink) mkdir -p "$T/elsewhere" && ln -s "$T/elsewhere" "$S/$2" ;;
	dangling) ln -s "$T/nowhere" "$S/$2" ;;
	esac
}
for trial in "file locks" "dangling locks/gc" "symlink locks/gc" "fifo locks/gc" "dir locks/gc" "file tmp" "symlink tmp" "fifo tmp"; do
	# shellcheck disable=SC2086 # words
	place $trial
	run within build -q --no-cache -t other:1 .
	status "a $trial: no build" 1
	like "a $trial: says what to do" "$ERR" "decant fsck --repair"
	run within fsck
	like "a $trial: found" "$STATUS $OUT" "^5 .*${trial#* }: is no (file|directory)"
	run within fsck --repair
	status "a $trial: repaired" 0
	like "a $trial: told" "$OUT" "repaired: moved to 'lost\+found/"
	run within build -q --no-cache -t other:1 .
	status "a $trial: then a build" 0
	run within fsck
	status "a $trial: whole" 0
done
is "nothing is written through a link" "$(ls -A "$T/elsewhere") $(find "$T" -maxdepth 1 -name nowhere)" " "
rm -r "$S/locks"
run within build -q -t other:1 .
status "locks that are gone are made again" 0

# --- locks of cache mounts and containers
mount=$S/mounts/$(printf 'info' | sha256sum | cut -d' ' -f1)
mkdir -p "$mount/0"
printf info >"$mount/info"
mkfifo "$mount/0.lock" "$mount/lock"
for command in "ps -a" "system df" "system df -v" "du" "builder du" "fsck --quick"; do
	# shellcheck disable=SC2086 # words
	run within $command
	ok "a fifo as lock of a cache mount: $command ends" [ "$STATUS" -lt 124 ]
done
rm -r "$mount"
run decant run --network=none --name kept base:1 true
status "a container" 0
lock=$(echo "$S"/containers/*/lock)
rm "$lock"
mkfifo "$lock"
for command in "ps -a" "system df" "du" "logs kept" "wait kept" "stop kept" "container prune -f" "rm -f kept"; do
	# shellcheck disable=SC2086 # words
	run within $command
	ok "a fifo as lock of a container: $command ends" [ "$STATUS" -lt 124 ]
done
is "nothing is left" "$(leftovers)" ""
done_testing
