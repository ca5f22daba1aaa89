#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# C04, C05: whatever is missing, cut or flipped in the store, a build gives the right image or an error; never
# another image, never a crash.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3
base alpine:edge
mkdir ctx && cd ctx || exit 1
echo one >a && echo two >b && mkdir d && echo three >d/c
cat >Dockerfile <<'D'
FROM alpine:edge AS made
COPY a d /in/
RUN cat /in/a /in/c >/made
FROM alpine:edge
COPY b /b
RUN cat /b >/copied
COPY --from=made /made /made
D
cp Dockerfile Dockerfile.more
echo 'RUN cat /b /copied /made >/all' >>Dockerfile.more
decant image inspect --format '{{.Id}} {{json .RootFS.Layers}}' alpine:edge | tr -d '[]"' >"$T/base"
run decant build -q --network=none -t img .
status "a build" 0
want=$(printf 'one\nthree\ntwo\ntwo\n' | sort)

# as the owner of what subordinate ids hold
inside() { if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare --map-auto --map-root-user "$@"; fi; }
restore() { inside rm -rf "$DECANT_ROOT" && inside cp -a "$T/kept" "$DECANT_ROOT"; }
inside cp -a "$DECANT_ROOT" "$T/kept"

cat >"$T/damage" <<'P'
import os, shutil, sys
how, path = sys.argv[1:]
if how == "delete":
    os.unlink(path)
elif how == "half":
    os.truncate(path, os.path.getsize(path) // 2)
elif how == "flip":
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 0x10]))
P

# The files that a build reads (one that has no version is no store at all), but for what lies in layers' folders: those are looked at below.
files() { inside find "$T/kept" -type f -size +0 ! -path "$T/kept/locks/*" ! -path "$T/kept/tmp/*" ! -name version ! -path "$T/kept/init/*" ! -path "$T/kept/builds/*" -regextype egrep ! -regex '.*/layers/[0-9a-f]{64}/.*' -printf '%P\n' | sort; }
is_of_base() { # Without it nothing can be built: an error is right.
	local id
	[ "${1#refs/}" = "$1" ] || return 0
	for id in $(tr -s ', ' '\n' <"$T/base"); do
		[[ $1 != *${id#sha256:}* ]] || return 0
	done
	return 1
}
wrong='' failed=''
trial() { # HOW FILE
	restore
	inside python3 "$T/damage" "$1" "$DECANT_ROOT/$2" 2>/dev/null || return
	run decant build -q --network=none -f Dockerfile.more -o type=tar,dest="$T/out.tar" .
	if [ "$STATUS" -gt 125 ] || grep -qiE 'sanitizer|assert|internal error' <<<"$ERR"; then
		wrong+="$1 $2: status $STATUS"$'\n'
	elif [ "$STATUS" -eq 0 ]; then
		[ "$(tar -xOf "$T/out.tar" all | sort)" = "$want" ] || wrong+="$1 $2: another image"$'\n'
	elif ! is_of_base "$2"; then
		# What only reading it shows is an error, once: it is gone for the next build.
		run decant build -q --network=none -f Dockerfile.more -o type=tar,dest="$T/out.tar" .
		[ "$STATUS" -eq 0 ] && [ "$(tar -xOf "$T/out.tar" all | sort)" = "$want" ] || failed+="$1 $2: $ERR"$'\n'
	fi
}
count=0
for file in $(files); do
	case $file in
	cache/*) hows=flip ;; # without one it is a plain miss, and a cut one is read no further
	layers/* | refs/*) hows='delete half flip' ;;
	blobs/*) hows='delete flip' ;;
	*) hows=half ;;
	esac
	# one way each, in turn: a store has many files of a kind
	read -ra how <<<"$hows"
	trial "${how[count % ${#how[@]}]}" "$file"
	count=$((count + 1))
done
ok "C04 there is something to damage" [ "$count" -gt 20 ]
is "C04 no damage gives another image or a crash" "$wrong" ""
is "C04 what can be made again is made again" "$failed" ""

# --- C04: a record under another one's name ---
restore
longs=() short=
for file in $(inside grep -la '^decant-key ' "$DECANT_ROOT"/cache/*); do longs+=("$file"); done
short=$(inside grep -La '^decant-key ' "$DECANT_ROOT"/cache/* | head -n 1)
ok "C04 there are records of both kinds" [ "${#longs[@]}" -gt 2 -a -n "$short" ]
for from in "${longs[0]}" "${longs[1]}" "$short"; do
	restore
	for file in "${longs[@]}"; do
		[ "$file" = "$from" ] || inside cp "$from" "$file"
	done
	run decant fsck
	like "C04 fsck tells of each that is of another key" "$STATUS $(grep -c 'cache/.*is of another key' <<<"$OUT")" "^5 $((${#longs[@]} - $([[ $from = "$short" ]] && echo 0 || echo 1)))$"
	run decant build -q --network=none -f Dockerfile.more -o type=tar,dest="$T/out.tar" .
	is "C04 a build passes them over" "$STATUS $(tar -xOf "$T/out.tar" all | sort)" "0 $want"
done

# --- C05: what another version wrote ---
cat >"$T/version" <<'P'
import glob, hashlib, re, sys
root, what = sys.argv[1:]
for path in glob.glob(root + ("/cache/*" if what == "record" else "/layers/*." + what)):
    text = open(path, "rb").read()
    body, count = re.match(rb"(?s)(.*)end (?:(\d+) )?[0-9a-f]{64}\n$", text).groups()
    if what == "record":
        body = re.sub(rb"(?m)^layer ", b"layer2 ", body)
    else:
        body = re.sub(rb"^(decant-\w+) \d+", rb"\1 99", body)
    end = b"end " + (count + b" " if count else b"") + hashlib.sha256(body).hexdigest().encode() + b"\n"
    open(path, "wb").write(body + end)
P
restore
inside python3 "$T/version" "$DECANT_ROOT" record
run decant build --progress=plain --network=none -t img .
is "C05 records in another form are no records" "$STATUS $(grep -c CACHED <<<"$ERR")" "0 0"
for what in list meta; do
	restore
	inside python3 "$T/version" "$DECANT_ROOT" "$what"
	run decant build -q --network=none -f Dockerfile.more -o type=tar,dest="$T/out.tar" .
	if [ "$STATUS" -eq 0 ]; then
		is "C05 layers in another form ($what): the right image" "$(tar -xOf "$T/out.tar" all | sort)" "$want"
	else
		like "C05 layers in another form ($what): an error" "$ERR" "error: "
	fi
done
restore
printf 'FROM scratch\nCOPY a /a\n' >Dockerfile.arch
decant build -q -f Dockerfile.arch --platform linux/amd64 . >/dev/null
run decant build --progress=plain -f Dockerfile.arch --platform linux/arm64 .
is "C05 what was made for another platform is no hit" "$STATUS $(grep -c CACHED <<<"$ERR")" "0 0"

is "nothing is left" "$(leftovers)" ""
done_testing
