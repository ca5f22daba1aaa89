#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# C02: what of a build context counts and what does not; and that the stat cache never answers wrongly.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
mkdir ctx && cd ctx || exit 1

# shellcheck disable=SC2119,SC2120 # build without arguments is meant
build() { run decant build --progress=plain -t img "$@" .; }
hit() { grep -qE '^#[0-9]+ CACHED' <<<"$ERR" && echo hit || echo miss; }
image() { rm -rf "$T/out" && decant build -q -o "$T/out" . >/dev/null && cat "$T/out/d$number"/[fgh]; }
number=0
fresh() { # a context that is long past the stat cache's racy moment
	number=$((number + 1)) # each row copies to a place of its own: none is a hit by another's record
	rm -rf ./* .dockerignore
	mkdir -p d/empty
	echo one >d/f && echo two >d/g && ln -s f d/l && ln d/g d/h
	printf '#!/bin/sh\n' >d/run && chmod 755 d/run
	printf 'FROM scratch\nCOPY d /d%s\n' "$number" >Dockerfile
	find . -exec touch -h -d '2020-01-01 00:00:00' {} +
	sleep 0.03
	build
	[ "$STATUS" -eq 0 ] || status "a fresh context" 0
	build
	[ "$(hit)" = hit ] || is "a fresh context again" "$(hit)" hit
}
# row WANTED NAME CHANGE
row() {
	fresh
	eval "$3"
	build
	[ "$STATUS" -eq 0 ] || status "C02 $2" 0
	is "C02 $2" "$(hit)" "$1"
}

row miss "content" 'echo other >d/f'
row miss "content of the same size and time" 'echo ONE >d/f; touch -d "2020-01-01 00:00:00" d/f'
row miss "content by a file that is moved over it, same size and time" 'echo ONE >x; touch -r d/f x; mv x d/f'
row miss "content written in place through a second name" 'echo TWO >d/h; touch -d "2020-01-01 00:00:00" d/h'
row miss "mode" 'chmod 600 d/f'
row miss "the executable bit" 'chmod +x d/f'
row miss "the setuid bit" 'chmod u+s d/f'
row miss "mode of a directory" 'chmod 700 d/empty'
row miss "mode of the directory itself" 'chmod 700 d'
row miss "a link's target" 'ln -sfn g d/l'
row miss "a link that becomes a file" 'rm d/l; cp -p d/f d/l'
row miss "a file that becomes a link" 'rm d/f; ln -s g d/f'
row miss "a name" 'mv d/f d/x'
row miss "capitals of a name" 'mv d/f d/F'
row miss "names swapped, sizes and times equal" 'mv d/f x; mv d/g d/f; mv x d/g'
row miss "a new file" 'touch d/new'
row miss "a new empty directory" 'mkdir d/new'
row miss "an empty directory removed" 'rmdir d/empty'
row miss "a file removed" 'rm d/f'
row miss "a directory that becomes a file" 'rmdir d/empty; touch d/empty'
row miss "a FIFO beside" 'rm d/f; mkfifo d/f'
row hit "mtime" 'touch d/f d/g d/l d'
row hit "mtime of a link and a directory" 'touch -h d/l; touch d/empty'
row hit "a time in the future" 'touch -d "2099-01-01 00:00:00" d/f'
row hit "a time before 1970" 'touch -d "1960-01-01 00:00:00" d/f'
row hit "ctime alone" 'chmod 600 d/f; chmod 644 d/f'
row hit "the same file again" 'cp d/f x; mv x d/f'
row hit "all files again" 'cp -a d e; rm -r d; mv e d'
row hit "access" 'cat d/f >/dev/null; ls d >/dev/null'
row hit "a file beside what is copied" 'echo x >beside'
row hit "what .dockerignore leaves out" 'printf "d/skip\n" >.dockerignore; echo 1 >d/skip'
row miss "what it leaves out from now on" 'printf "d/f\n" >.dockerignore'
row miss "a hard link or a copy" 'cp -p d/g x; mv x d/h'
xattr() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))' "$@"; }
touch x
if xattr x user.x 31 2>/dev/null; then
	row miss "an xattr" 'xattr d/f user.x 31'
	row miss "an xattr of a program" 'xattr d/run user.x 31'
	fresh && xattr d/f user.x 31 && build && xattr d/f user.x 32 && build
	is "C02 an xattr's value" "$(hit)" miss
	decant build -q -o type=tar,dest="$T/out.tar" . >/dev/null
	is "the image has it" "$(python3 -c 'import sys, tarfile
print([m.pax_headers["SCHILY.xattr.user.x"] for m in tarfile.open(sys.argv[1]) if m.name.endswith("/f")])' "$T/out.tar")" "['2']"
else
	skip "C02 xattrs" "no xattrs here"
fi
if [ "$(id -u)" -eq 0 ]; then
	row hit "owner" 'chown 1234:4321 d/f d d/empty; chown -h 1 d/l'
	row miss "capabilities" 'xattr d/run security.capability 0100000200040000000000000000000000000000'
else
	skip "C02 owner" "only root gives files away"
	skip "C02 capabilities" "only root sets them"
fi

# --- the stat cache ---

# Writes within one tick of the clock, after the build has hashed the file: git's racy problem.
fresh
wrong=
for i in $(seq 15); do
	echo "a$i" >d/f
	decant build -q . >/dev/null
	echo "b$i" >d/f # the same size, at once
	image | grep -qx "b$i" || wrong="$wrong $i"
done
is "C02 a write right after a build" "$wrong" ""

# Somebody's hands in it: whatever its bytes are, no wrong answer.
fresh
cache=$(find "$DECANT_ROOT/ctx" -type f | head -n 1)
ok "there is a stat cache" [ -s "$cache" ]
cp "$cache" "$T/whole"
size=$(stat -c %s "$cache")
wrong=
for at in 0 10 16 20 24 31 40 $((size / 2)) $((size - 1)); do
	python3 - "$T/whole" "$cache" "$at" <<-'P'
	import sys
	b = bytearray(open(sys.argv[1], "rb").read())
	b[int(sys.argv[3])] ^= 0xff
	open(sys.argv[2], "wb").write(b)
	P
	[ "$(image)" = "$(cat d/f d/g d/h)" ] || wrong="$wrong $at"
done
is "C02 a stat cache with one byte flipped" "$wrong" ""
wrong=
for size in 0 1 15 16 50 $((size - 1)); do
	head -c "$size" "$T/whole" >"$cache"
	[ "$(image)" = "$(cat d/f d/g d/h)" ] || wrong="$wrong $size"
done
is "C02 one that is cut" "$wrong" ""
rm "$cache" && mkdir "$cache" && touch "$cache/x"
is "C02 a directory in its place" "$(image)" "$(cat d/f d/g d/h)"
rm -r "$cache" && ln -s /etc/passwd "$cache"
is "C02 a link in its place" "$(image)" "$(cat d/f d/g d/h)"
ok "which is not followed" grep -q root /etc/passwd
rm -f "$cache" && mkfifo "$cache"
is "C02 a FIFO in its place" "$(image)" "$(cat d/f d/g d/h)"
rm -f "$cache"

# Another machine's: the same path, other inodes with other content.
fresh
cp "$cache" "$T/whole"
rm -r d && mkdir -p d/empty && echo uno >d/f && echo dos >d/g && ln -s f d/l && ln d/g d/h
cp "$T/whole" "$cache"
is "C02 a stat cache of other files" "$(image)" "$(cat d/f d/g d/h)"

# Inodes that are used again, with the size and time of before.
fresh
wrong=
for i in $(seq 8); do
	rm d/f
	printf 'r%02d\n' "$i" >d/f
	touch -d '2020-01-01 00:00:00' d/f
	image | grep -qx "r$(printf %02d "$i")" || wrong="$wrong $i"
done
is "C02 inodes used again" "$wrong" ""

# Builds side by side of one context share its stat cache; a writer never gives another a half of it.
fresh
pids=()
for i in 1 2 3 4 5 6; do
	(for k in 1 2 3 4; do
		touch "d/f$i"
		decant build -q . >/dev/null || echo "$i $k"
	done) >"$T/side$i" 2>&1 &
	pids+=($!)
done
wait "${pids[@]}"
is "C02 builds side by side" "$(cat "$T"/side?)" ""
rm -f d/f?
is "C02 and nothing wrong after them" "$(image)" "$(cat d/f d/g d/h)"

# The clock set back: what was hashed "in the future" is racy, and is read again.
if command -v faketime >/dev/null; then
	fresh
	faketime -f -1y "$DECANT" build -q . >/dev/null
	echo ONE >d/f && touch -d '2020-01-01 00:00:00' d/f
	is "C02 the clock set back" "$(image)" "$(cat d/f d/g d/h)"
else
	skip "C02 the clock set back" "no faketime"
fi

# On other file systems: their clocks and inode numbers are their own.
other_file_system() { # NAME
	mkdir -p "$T/mnt/ctx" && cd "$T/mnt/ctx" || return
	fresh
	echo ONE >d/f && touch -d '2020-01-01 00:00:00' d/f
	build
	is "C02 on $1: content of the same size and time" "$(hit) $(image | head -n 1)" "miss ONE"
	touch d/f
	build
	is "C02 on $1: a touched file" "$(hit)" hit
	for i in 1 2 3 4 5; do
		echo "a$i" >d/f
		decant build -q . >/dev/null
		echo "b$i" >d/f
		image | grep -qx "b$i" || echo "# wrong after a write: $i"
	done >"$T/wrong"
	is "C02 on $1: a write right after a build" "$(cat "$T/wrong")" ""
	cd "$T/ctx" || exit 1
}
mkdir -p "$T/mnt"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs none "$T/mnt" 2>/dev/null; then
	other_file_system tmpfs
	mkdir -p "$T/mnt/lower/ctx/d" "$T/mnt/upper" "$T/mnt/work" "$T/over"
	echo below >"$T/mnt/lower/ctx/d/below"
	if mount -t overlay -o "lowerdir=$T/mnt/lower,upperdir=$T/mnt/upper,workdir=$T/mnt/work" none "$T/over" 2>/dev/null; then
		cd "$T/over/ctx" || exit 1
		fresh
		echo ONE >d/f && touch -d '2020-01-01 00:00:00' d/f
		build
		is "C02 on overlayfs: content of the same size and time" "$(hit)" miss
		touch d/f
		build
		is "C02 on overlayfs: a touched file" "$(hit)" hit
		cd "$T/ctx" || exit 1
		umount "$T/over"
	else
		skip "C02 on overlayfs" "no overlay on tmpfs here"
	fi
	umount "$T/mnt"
else
	skip "C02 on tmpfs and overlayfs" "only root mounts"
fi
if [ "$(id -u)" -eq 0 ] && command -v mkfs.ext4 >/dev/null && truncate -s 16M "$T/ext4" && mkfs.ext4 -q "$T/ext4" && mount -o loop "$T/ext4" "$T/mnt" 2>/dev/null; then
	other_file_system ext4
	umount "$T/mnt"
else
	skip "C02 on ext4" "only root mounts, with loop devices"
fi

is "nothing is left" "$(leftovers)" ""
done_testing
