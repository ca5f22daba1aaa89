#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a step gives has an identity: a step that runs again and gives the same keeps its layer and is a hit for
# all that follows; whatever can be told from another result is another one.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain --network=none -t img "$@" .; }
# what became of the step whose title matches: CACHED or DONE
fate() {
	local n
	n=$(grep -m 1 -oE "^#[0-9]+ \[[^]]*\] $1" <<<"$ERR" | cut -d' ' -f1)
	grep -oE "^${n:-none} (CACHED|DONE)" <<<"$ERR" | head -n 1 | cut -d' ' -f2
}
layer() { decant image inspect --format '{{json .RootFS.Layers}}' img | tr -d '[]"' | cut -d, -f"$1"; } # 1 is the base

# A program that sets an xattr: busybox has none.
cat >"$T/xattr.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
int main(int argc, char **argv)
{
	return argc == 4 && lsetxattr(argv[1], argv[2], argv[3], strlen(argv[3]), 0) == 0 ? 0 : (perror("xattr"), 1);
}
C
have_xattr=yes
cc -static -o xattr "$T/xattr.c" 2>"$T/cc.log" || { have_xattr=; : >xattr; }

# The step's definition stays, the script that it mounts changes: that is all it depends on.
cat >Dockerfile <<'D'
FROM alpine:edge
COPY --chmod=755 xattr /bin/xattr
RUN mkdir -p /d/sub /empty && echo a >/d/a && echo b >/d/b && echo c >/d/sub/c && echo one >/one && ln /one /two && \
	touch -d @978307200 /d/a /d/b /d/sub/c /d/sub /d /one /empty && tar -cf /old.tar d
RUN --mount=type=bind,source=script,target=/script sh -e /script
RUN date +%N >/after ; : 0
D
number=0
# row WANTED NAME FIRST SECOND: what follows is a hit or a miss when FIRST has become SECOND
row() {
	local first fate
	number=$((number + 1))
	sed -i "s/; : .*/; : $number/" Dockerfile # what follows was never made of another row's result
	printf '# %s\n%s\n' "$number first" "$3" >script
	build
	[ "$STATUS" -eq 0 ] || { status "$2: the first" 0; return; }
	first=$(layer 4)
	printf '# %s\n%s\n' "$number second" "$4" >script
	build
	[ "$STATUS" -eq 0 ] || { status "$2: the second" 0; return; }
	fate=$(fate 'RUN --mount'),$(fate 'RUN date')
	if [ "$1" = hit ]; then
		[ "$(layer 4)" = "$first" ] && fate=$fate,kept
		is "same: $2" "$fate" DONE,CACHED,kept
	else
		is "other: $2" "$fate" DONE,DONE
	fi
}

# --- whatever can be told ---
row miss "content" 'echo 1 >/f; touch -d @1577836800 /f' 'echo 2 >/f; touch -d @1577836800 /f'
row miss "an mtime that was set" 'touch -d @1577836800 /f' 'touch -d @1609459200 /f'
row miss "that of a directory" 'mkdir /x; touch -d @1577836800 /x' 'mkdir /x; touch -d @1609459200 /x'
row miss "that of a directory from below" 'touch -d @1577836800 /d' 'touch -d @1609459200 /d'
row miss "that of a link" 'ln -s a /l; touch -h -d @1577836800 /l' 'ln -s a /l; touch -h -d @1609459200 /l'
row miss "an mtime set, and now" 'touch -d @1577836800 /f' 'touch /f'
row miss "an mtime that was kept, and now" 'cp -p /one /f' 'cp /one /f'
row miss "mode" 'touch /f; chmod 600 /f' 'touch /f; chmod 640 /f'
row miss "the setuid bit" 'touch /f; chmod 755 /f' 'touch /f; chmod 4755 /f'
row miss "mode of a directory" 'mkdir -m 755 /x' 'mkdir -m 1777 /x'
row miss "mode of a directory from below" 'chmod 700 /d' 'chmod 750 /d'
row miss "owner" 'touch /f; chown 1 /f' 'touch /f; chown 2 /f'
row miss "group" 'touch /f; chown 1:1 /f' 'touch /f; chown 1:2 /f'
row miss "owner of a link" 'ln -s a /l; chown -h 1 /l' 'ln -s a /l; chown -h 2 /l'
row miss "an empty directory" ':' 'mkdir /x'
row miss "a name" 'touch /f' 'touch /g'
row miss "capitals in a name" 'touch /f' 'touch /F'
row miss "an empty file or directory" 'mkdir /x' 'touch /x'
row miss "a link's target" 'ln -s a /l' 'ln -s b /l'
row miss "a file or a link to it" 'cp -p /one /f' 'ln -s one /f'
row miss "a link or a copy" 'echo 1 >/f; ln /f /g' 'echo 1 >/f; cp /f /g'
row miss "a link or a copy, with equal times" 'cp -p /one /f; ln /f /g' 'cp -p /one /f; cp -p /one /g'
row miss "who is linked with whom" 'cp -p /one /f; ln /f /g; cp -p /f /h' 'cp -p /one /f; cp -p /f /g; ln /g /h'
row miss "a FIFO or a file" 'mkfifo /f' 'touch /f; chmod 644 /f'
row miss "which file is gone" 'rm /d/a' 'rm /d/b'
row miss "a file gone or not" 'chmod 700 /d' 'chmod 700 /d; rm /d/a'
row miss "a directory gone" 'rm -r /d/sub' 'rm /d/sub/c'
row miss "a directory gone or emptied" 'rm -r /d' 'rm -r /d; mkdir /d'
row miss "a directory made anew or changed" 'rm -r /d; mkdir /d; echo 1 >/d/a' 'echo 1 >/d/a; chmod 755 /d'
row miss "a file instead of a directory" 'rm -r /d; touch /d' 'rm -r /d; mkdir /d'
if [ "$(id -u)" -eq 0 ]; then
	row miss "device numbers" 'mknod /f c 1 3' 'mknod /f c 1 5'
	row miss "kind of device" 'mknod /f c 7 1' 'mknod /f b 7 1'
else
	skip "other: device numbers" "an ordinary user makes no devices"
	skip "other: kind of device" "an ordinary user makes no devices"
fi
if [ "$have_xattr" ] && build && touch "$T/x" && run python3 -c 'import os,sys; os.setxattr(sys.argv[1], "user.a", b"1")' "$T/x" && [ "$STATUS" -eq 0 ]; then
	row miss "an xattr's value" 'touch /f; xattr /f user.a 1' 'touch /f; xattr /f user.a 2'
	row miss "an xattr's name" 'touch /f; xattr /f user.a 1' 'touch /f; xattr /f user.b 1'
	row miss "an xattr or none" 'touch /f' 'touch /f; xattr /f user.a 1'
	row miss "an xattr of a directory" 'mkdir /x; xattr /x user.a 1' 'mkdir /x; xattr /x user.a 2'
	row hit "the order of xattrs" 'touch /f; xattr /f user.a 1; xattr /f user.b 1' 'touch /f; xattr /f user.b 1; xattr /f user.a 1'
else
	skip "other: xattrs" "no xattrs here, or no static C library"
fi

# --- and what is the same ---
row hit "written at another time" 'echo 1 >/f; mkdir /x; ln -s a /l; mkfifo /p; ln /f /g' 'mkfifo /p; ln -s a /l; sleep 0.05; mkdir /x; echo 1 >/f; ln /f /g'
row hit "touched" 'touch /d/a' 'sleep 0.03; touch /d/a'
row hit "nothing" ':' 'touch /f; rm /f'
row hit "gone" 'rm -r /d/sub' 'rm /d/sub/c; rmdir /d/sub'
row hit "an mtime that was set to the same" 'touch -d @1577836800 /f' 'touch /f; touch -d @1577836800 /f'
row hit "copied up by a mode" 'chmod 700 /d/a' 'chmod 755 /d/a; chmod 700 /d/a'
row hit "moved with its time" 'mv /d/a /f' 'mv /d/a /g; mv /g /f'
row hit "copied with its time" 'cp -p /one /f' 'cp -p /two /f'
row hit "from an archive" 'cd /empty; tar -xf /old.tar' 'cd /empty; tar -xf /old.tar; sleep 0.02; touch .'
row hit "from an archive of now, whose seconds are whole" 'cd /empty; echo 1 >f; tar -cf t f; rm f; tar -xf t; rm t' \
	'cd /empty; sleep 1.1; echo 1 >f; tar -cf t f; rm f; tar -xf t; rm t'
row hit "owner set to what it is" 'touch /f' 'touch /f; chown 1 /f; chown 0 /f'

# --- a file of now that a later step only moves or changes the mode of is still of now ---
cat >Dockerfile <<'D'
FROM alpine:edge AS made
RUN --mount=type=bind,source=script,target=/script sh -e /script
RUN mv /out /moved && chmod 700 /mode && cp -p /kept /copy
FROM alpine:edge
COPY --from=made /moved /mode /copy /
RUN date +%N >/after
D
echo 'echo 1 >/out; echo 1 >/mode; echo 1 >/kept; sleep 1.1' >script
build
copied=$(layer 2)
echo 'echo 1 >/out; echo 1 >/mode; echo 1 >/kept; echo new >/beside; sleep 1.1' >script
build
is "files of now, moved: a hit for COPY --from" "$(fate 'RUN mv'),$(fate 'COPY --from'),$(fate 'RUN date')" "DONE,CACHED,CACHED"
echo 'echo 1 >/out; echo 1 >/mode; touch -d @1577836800 /kept; echo new >/beside' >script
build
is "a time that was set: a miss" "$(fate 'RUN mv'),$(fate 'COPY --from')" "DONE,DONE"
[ "$copied" != "$(layer 2)" ]
ok "and the image has it" [ $? -eq 0 ]
echo 'echo 1 >/out; echo 1 >/mode; touch -d @1609459200 /kept; echo new >/beside' >script
build
is "another one: a miss for COPY --from, too" "$(fate 'RUN mv'),$(fate 'COPY --from')" "DONE,DONE"

# --- through a chain of stages, and by a bind mount ---
cat >Dockerfile <<'D'
FROM alpine:edge AS one
RUN --mount=type=bind,source=script,target=/script sh -e /script
FROM alpine:edge AS two
COPY --from=one /a/f /b/f
FROM alpine:edge AS three
COPY --from=two /b/f /c/f
RUN --mount=type=bind,from=one,source=/a,target=/mnt stat -c %Y /mnt/f >/time
D
echo 'mkdir /a; echo 1 >/a/f' >script
build
echo 'mkdir /a; echo 1 >/a/f; echo 1 >/beside' >script
build
is "of now, through a chain: hits" "$(fate 'COPY --from=one'),$(fate 'COPY --from=two'),$(fate 'RUN --mount=type=bind,from')" "CACHED,CACHED,CACHED"
for year in 2020 2021; do
	echo "mkdir /a; echo 1 >/a/f; touch -d '$year-01-01 00:00:00' /a/f" >script
	build --output "$T/out"
	is "of $year: misses" "$(fate 'COPY --from=one'),$(fate 'COPY --from=two'),$(fate 'RUN --mount=type=bind,from')" "DONE,DONE,DONE"
	is "and the image is of $year" "$(TZ=UTC stat -c %y "$T/out/c/f" | cut -c-4) $(date -u -d "@$(cat "$T/out/time")" +%Y)" "$year $year"
done

is "nothing is left" "$(leftovers)" ""
done_testing
