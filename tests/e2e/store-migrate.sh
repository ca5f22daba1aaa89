#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# K19: a store of the version before ours is converted when it is opened, whole or not at all; one of a newer
# version, and one whose version cannot be told, is refused.  tests/data/store-1.tar.gz was made by decant of then.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
seed() { rm -rf "$DECANT_ROOT" && tar -C "$T" -xzf "$E2E_ROOT/tests/data/store-1.tar.gz"; }
# What has to be there whatever happened: names, digests, the container's end.
state() {
	decant images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort
	decant ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}'
	decant save seed:1 seed:untouched | tar -xO manifest.json
	decant inspect --format '{{json .RootFS.Layers}}' seed:1 seed:untouched
}
version() { cat "$DECANT_ROOT/version"; }
forms() { head -qn 1 "$DECANT_ROOT"/layers/*.meta | sort -u; }

seed
is "the seed is of version 1" "$(version) $(forms)" "1 decant-layer 1"
run state
status "an older store is opened" 0
want=$OUT
like "with its images" "$want" 'seed:1 sha256:b42c874b'
like "and its container" "$want" '0123456789ab.* seeded seed:1'
is "and is of version 2 then" "$(version) $(forms)" "2 decant-layer 2"
run decant fsck
is "and whole" "$STATUS $ERR" "0 "
before=$(cd "$DECANT_ROOT" && find . -name '*.meta' -printf '%p %i\n' | sort)
run decant images
is "it is done once" "$(cd "$DECANT_ROOT" && find . -name '*.meta' -printf '%p %i\n' | sort)" "$before"
printf 'FROM seed:untouched\nLABEL a=b\n' >Dockerfile
run decant build -q -t more .
status "a build on it" 0

echo 3 >"$DECANT_ROOT/version"
for command in images "build -q ." fsck "rmi seed:1"; do
	# shellcheck disable=SC2086
	run decant $command
	like "$command: a newer one is refused" "$STATUS $ERR" "has version 3, this decant reads 2"
	like "$command: and what to do" "$ERR" "use the decant that made it, or another store"
done
run decant fsck --repair
like "a repair refuses it too, though all layers are ours" "$STATUS $ERR" "^[1-9].* has version 3, this decant reads 2"
like "... and says how a damaged number is told from it" "$ERR" "if no newer decant has ever used it, remove its file 'version'"
is "... and leaves it as it is" "$(version)" 3
rm "$DECANT_ROOT/version"
run decant fsck --repair
is "a number that was damaged is told from the layers then" "$STATUS $(version)" "0 2"
sed -i 's/^decant-layer 2/decant-layer 9/' "$DECANT_ROOT"/layers/*.meta
python3 - "$DECANT_ROOT" <<'P'
import glob, hashlib, re, sys
for path in glob.glob(sys.argv[1] + "/layers/*.meta"):
    body = re.sub(rb"(?m)^end .*\n", b"", open(path, "rb").read())
    open(path, "wb").write(body + b"end " + hashlib.sha256(body).hexdigest().encode() + b"\n")
P
rm "$DECANT_ROOT/version"
run decant fsck --repair
like "layers of a version that is not known stay as they are" "$STATUS $ERR" "has version 9, this decant reads 2"
is "no file is taken away" "$(forms)" "decant-layer 9"

# --- the version cannot be told ---
seed
for how in 'rm FILE' ': >FILE' 'echo x >FILE'; do
	decant images >/dev/null
	eval "${how//FILE/\"\$DECANT_ROOT/version\"}"
	run decant images
	like "$how: refused" "$STATUS $ERR" "version' is (gone|damaged)"
	like "$how: and what to do" "$ERR" "fsck --repair"
	run decant fsck
	is "$how: fsck finds it" "$STATUS" 5
	run decant fsck --repair
	status "$how: and mends it" 0
	is "$how: nothing is lost" "$(state)" "$want"
done

# --- killed at any of its writes: the next one does it again ---
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	bad='' n=0
	while n=$((n + 1)) && [ "$n" -lt 1000 ]; do
		seed
		# who is traced cannot look for leaks
		(ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o /dev/null -e trace=openat,mkdirat,rename,renameat,renameat2,syncfs,fsync -e inject=openat,mkdirat,rename,renameat,renameat2,syncfs,fsync:signal=KILL:when="$n" \
			"$DECANT" images; exit $?) >/dev/null 2>&1 && break
		run decant ps -a --format '{{.Names}}'
		[ "$OUT" = seeded ] && { [ $((n % 10)) -ne 0 ] || [ "$(state 2>&1)" = "$want" ]; } || bad+="call $n"$'\n'
		[ "$(version) $(forms)" = "2 decant-layer 2" ] || bad+="version after call $n"$'\n'
	done
	ok "there is something to kill, and an end" [ "$n" -gt 20 -a "$n" -lt 1000 ]
	is "killed at any call" "$bad" ""
else
	skip "killed at any call" "strace is not installed or may not trace"
fi

# --- several at once ---
seed
for n in 1 2 3 4; do decant images --no-trunc >"$T/out.$n" 2>&1 & done
wait
is "four at once see the same" "$(sort -u "$T"/out.? | grep -c .)" 3
is "and leave it whole" "$(state)" "$want"

# --- beside an older decant that builds: not under its feet ---
seed
exec {gc}>"$DECANT_ROOT/locks/gc"
flock -s "$gc"
run timeout 60 "$DECANT" images
like "in use: refused, not waited for" "$STATUS $ERR" "of an older format, and in use"
is "it stays what it was" "$(version) $(forms)" "1 decant-layer 1"
exec {gc}>&-
is "then it is converted" "$(state)" "$want"

is "nothing is left" "$(leftovers)" ""
done_testing
