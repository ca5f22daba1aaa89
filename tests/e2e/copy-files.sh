#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a COPY makes of odd files: sockets, pipes, hard links, links in bad order, times, capabilities; archives of ADD.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3
mkdir ctx && cd ctx || exit 1

# The image's tree, as `tar tv` shows it, from --output type=tar.
tree() { # target
	run decant build --progress=plain --target "$1" -o "type=tar,dest=$T/out.tar" .
	[ "$STATUS" -eq 0 ] || { diag "$ERR"; return 1; }
	TZ=UTC tar --numeric-owner --full-time -tvf "$T/out.tar" | sed 's/  */ /g; s/ \.\// /'
}

mkdir -p odd/d
python3 - <<'P'
import socket
s = socket.socket(socket.AF_UNIX)
s.bind("odd/socket")
P
chmod 640 odd/socket
mkfifo -m 620 odd/pipe
echo data >odd/d/one
ln odd/d/one odd/d/two
ln odd/d/one odd/three
echo other >odd/b-first
ln odd/b-first odd/d/x
ln odd/b-first odd/d/y
ln -s nowhere odd/dangling
ln -s /etc/passwd odd/absolute
touch -d '2001-02-03 04:05:06.789 UTC' odd/d/one odd/d
touch -h -d '2002-02-03 04:05:06 UTC' odd/dangling
cat >Dockerfile <<'D'
FROM scratch AS odd
COPY odd /odd
FROM scratch AS socket
COPY odd/socket /T-106/
FROM scratch AS some
COPY --exclude=d/one odd /some
FROM scratch AS again
COPY --from=odd --exclude=d/one /odd /again
FROM scratch AS part
COPY --from=odd --parents /odd/d/two /odd/thr* /
FROM scratch AS outside
COPY odd/d/one /keep/one
COPY --from=odd /odd/d /d
FROM odd AS gone
COPY odd/d/x /odd/b-first
FROM scratch AS hidden
COPY --from=gone --exclude=x /odd/d /d
FROM scratch AS single
COPY odd/d/one odd/d/two /single/
D
out=$(tree odd)
like "T-106 a socket comes as an empty file" "$out" '^-rw-r----- 0/0 0 .* odd/socket$'
like "a pipe as a pipe" "$out" '^prw--w---- 0/0 0 .* odd/pipe$'
like "a file has its time" "$out" '^-rw-r--r-- 0/0 5 2001-02-03 04:05:06.* odd/d/one$'
like "its directory too" "$out" '^drwxr-xr-x 0/0 0 2001-02-03 04:05:06.* odd/d/$'
like "a link too, wherever it leads" "$out" '^lrwxrwxrwx 0/0 0 2002-02-03 04:05:06 odd/dangling -> nowhere$'
like "an absolute one as it is" "$out" 'odd/absolute -> /etc/passwd$'
is "three names of one file are one file" "$(grep -c '^h.* link to odd/d/one$' <<<"$out")" 2
like "T-106 a socket that is named" "$(tree socket)" '^-rw-r----- 0/0 0 .* T-106/socket$'

out=$(tree some)
like "without its first name the second is the file" "$out" '^-rw-r--r-- 0/0 5 .* some/d/two$'
like "and the third a link to that" "$out" '^h.* some/three link to some/d/two$'
is "from a stage it is the same" "$(tree again | sed 's/again/some/g')" "$out"
out=$(tree part)
like "with --parents: the file" "$out" '^-rw-r--r-- 0/0 5 .* odd/d/two$'
like "another source is another copy" "$out" '^-rw-r--r-- 0/0 5 .* odd/three$'
out=$(tree outside)
like "two names below the source stay one file" "$out" '^h.* d/two link to d/one$'
like "also if the first name is not below it" "$out" '^h.* d/y link to d/x$'
like "or was replaced since, and the next is left out" "$(tree hidden)" '^-.* 6 .* d/y$'
unlike "two sources are two files" "$(tree single)" '^h'

# --- xattrs ----------------------------------------------------------------------------------------
python3 - <<'P'
import io, tarfile
with tarfile.open("xattrs.tar", "w", format=tarfile.PAX_FORMAT) as t:
    i = tarfile.TarInfo("f")
    i.size, i.mode = 1, 0o755
    i.pax_headers = {"SCHILY.xattr.user.note": "kept", "SCHILY.xattr.security.capability": "\x01\0\0\x02\0\x20" + "\0" * 14}
    t.addfile(i, io.BytesIO(b"x"))
P
run decant import xattrs.tar xattrs:1
status "a file with xattrs" 0
printf 'FROM xattrs:1 AS from\nFROM scratch AS plain\nCOPY --from=from --chown=1:2 --chmod=700 /f /f\n' >Dockerfile
tree plain >/dev/null
is "COPY --from keeps its xattrs, with --chown and --chmod too" "$(python3 - "$T/out.tar" <<'P'
import sys, tarfile
for m in tarfile.open(sys.argv[1]):
    print(m.name, oct(m.mode), m.uid, sorted(k for k in m.pax_headers if "xattr" in k))
P
)" "f 0o700 1 ['SCHILY.xattr.security.capability', 'SCHILY.xattr.user.note']"

# --- ADD of archives -------------------------------------------------------------------------------
mkdir a && (cd a && mkdir -p x/y && echo in >x/y/f && echo top >top && ln top x/hard && ln -s y x/link && chmod 750 x && chmod 4711 top)
tar -C a --owner=12 --group=34 -cf plain.tar x/y/f top x/hard x/link
for c in gzip bzip2 xz zstd; do
	command -v $c >/dev/null && $c -c <plain.tar >plain.$c
done
tar -C a --owner=2097152 --group=2097153 -cf far.tar top
: >empty.tar.gz
printf 'no archive' >text.tar
mkdir -p through && printf x >through/placed
tar -C through -cf /dev/stdout placed | cat >placed.tar
python3 - <<'P'
import io, tarfile
with tarfile.open("through.tar", "w") as t:
    for name in ("abs/usr/bin/tool", "up/f"):
        i = tarfile.TarInfo(name)
        i.size, i.mode = 1, 0o755
        t.addfile(i, io.BytesIO(b"x"))
P
mkdir links && ln -s /real links/abs && ln -s ../../../other links/up
cat >Dockerfile <<'D'
FROM scratch AS plain
ADD plain.tar /out
ADD --unpack=false plain.tar /kept/
ADD empty.tar.gz text.tar /copied/
FROM scratch AS compressed
ADD plain.[gbxz]* /out/
FROM scratch AS owned
ADD --chown=1:2 --chmod=777 plain.tar /new/out
FROM scratch AS through
COPY links /
ADD through.tar /
FROM scratch AS into
COPY through/placed /file
ADD placed.tar /file
FROM scratch AS exclude
ADD --exclude=top plain.tar /out/
FROM scratch AS far
ADD far.tar /
D
out=$(tree plain)
like "T-131 parents that an archive leaves out are made" "$out" '^drwxr-xr-x 0/0 0 .* out/x/$'
like "T-131 what it holds has its owner and mode" "$out" '^-rws--x--x 12/34 4 .* out/top$'
like "T-131 hard links stay" "$out" '^h.* out/x/hard link to out/top$'
like "links too" "$out" 'out/x/link -> y$'
like "--unpack=false copies it" "$out" '^-.* kept/plain.tar$'
like "an empty file is no archive" "$out" '^-rw-r--r-- 0/0 0 .* copied/empty.tar.gz$'
like "nor is what has only the name" "$out" '^-rw-r--r-- 0/0 10 .* copied/text.tar$'
is "compressed archives, told by content: the same tree" "$(tree compressed | grep ' out/')" "$(grep ' out/' <<<"$out")"
out=$(tree owned)
like "T-133 --chown is for all of it" "$out" '^-rws--x--x 1/2 4 .* new/out/top$'
like "T-133 and for what is made for it" "$out" '^drwxr-xr-x 1/2 0 .* new/$'
like "T-133 links as well" "$out" '^lrwxrwxrwx 1/2 0 .* new/out/x/link -> y$'
like "T-133 not for parents that the archive leaves out" "$out" '^drwxr-xr-x 0/0 0 .* new/out/x/$'
is "--chmod is for nothing of it" "$(grep -c '^.rwxrwxrwx' <<<"$out")" "$(grep -c '^lrwxrwxrwx' <<<"$out")"
out=$(tree through)
like "T-132 an archive goes through the image's links, inside the root" "$out" '^-rwxr-xr-x 0/0 1 .* real/usr/bin/tool$'
like "T-132 those that lead up as well" "$out" '^-rwxr-xr-x 0/0 1 .* other/f$'
like "T-132 and they stay" "$out" ' abs -> /real$'
tree into >/dev/null
status "onto a file it cannot go" 3
like "--exclude is not for archives" "$(tree exclude)" ' out/top$'
like "an owner that an ordinary user has no id for" "$(tree far)" '^-rws--x--x 2097152/2097153 4 .* top$'
# --- links to nothing ---
rm -rf "$T/links" && mkdir -p "$T/links/l" && cd "$T/links" || exit 1
ln -s nowhere l/dangling && echo f >l/file
printf 'FROM scratch\nCOPY l/* /x/\n' >Dockerfile
run decant build .
like "a link to nothing that a wildcard matches" "$ERR" "^Dockerfile:2:6: error: the link 'l/dangling' in the build context leads to nothing"
printf 'FROM scratch AS s\nCOPY l /l\nFROM scratch\nCOPY --from=s /l/d* /x/\n' >Dockerfile
run decant build .
like "in another stage" "$ERR" "^Dockerfile:4:15: error: the link 'l/dangling' leads to nothing"
printf 'FROM scratch\nCOPY l /l\n' >Dockerfile
run decant build .
status "in a folder it is copied as it is" 0
echo l/dangling >.dockerignore
printf 'FROM scratch\nCOPY l/* /x/\n' >Dockerfile
run decant build .
status "one that is left out matches nothing" 0
done_testing
