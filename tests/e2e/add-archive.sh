#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ADD of local archives: told by content, laid out inside the root, whole.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 xz bzip2 zstd
mkdir ctx pack && cd ctx || exit 1

dockerfile() { printf '%s\n' 'FROM scratch' "$@" >Dockerfile; }
build() { run decant build --progress=plain -t img "$@" .; }
# The image's files: mode owner path, and what is in them or where they point.
tree() {
	decant build -q -o type=tar,dest="$T/out.tar" . >/dev/null && python3 - "$T/out.tar" <<-'P'
	import sys, tarfile
	t = tarfile.open(sys.argv[1])
	for m in sorted(t, key=lambda m: m.name):
	    what = m.linkname if not m.isreg() else t.extractfile(m).read(40).decode(errors="replace").strip("\n\0")
	    print(f"{m.mode:o} {m.uid}:{m.gid} /{m.name}", what if not m.islnk() else f"= {what}")
	P
}
archive() { # name entry...: "path[:type[:text or link[:mode[:uid]]]]"
	python3 - "$@" <<-'P'
	import io, sys, tarfile
	kinds = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "p": tarfile.FIFOTYPE, "c": tarfile.CHRTYPE}
	with tarfile.open(sys.argv[1], "w") as t:
	    for word in sys.argv[2:]:
	        path, kind, text, mode, uid = (word.split(":") + ["f", "", "644", "0"][len(word.split(":")) - 1:])[:5]
	        m = tarfile.TarInfo(path)
	        m.type, m.mode, m.uid, m.gid, m.mtime = kinds[kind], int(mode, 8), int(uid), int(uid), 1000000000
	        if kind in "lh":
	            m.linkname = text
	            t.addfile(m)
	        else:
	            data = text.encode()
	            m.size = len(data) if kind == "f" else 0
	            t.addfile(m, io.BytesIO(data))
	P
}

# --- told by content
archive plain.txt inner:f:hello:640:5
gzip -c plain.txt >gz
bzip2 -c plain.txt >bz
xz -c plain.txt >./xz
zstd -qc plain.txt >zst
dockerfile "ADD plain.txt /plain" "ADD gz /gz" "ADD bz /bz/" "ADD xz /xz" "ADD zst /zst"
is "plain, gzip, bzip2, xz, zstd, whatever they are called" "$(tree | grep inner)" "640 5:5 /bz/inner hello
640 5:5 /gz/inner hello
640 5:5 /plain/inner hello
640 5:5 /xz/inner hello
640 5:5 /zst/inner hello"
: >x.tar.gz
echo text >y.tar
gzip -c y.tar >z.tar.gz
head -c 600 plain.txt | gzip -c >cut.tgz
dockerfile "ADD x.tar.gz y.tar z.tar.gz /d/" "ADD --unpack=false plain.txt /kept"
is "what is none is copied: empty, text, gzip of text; and what is to be kept" "$(tree | awk '{print $3}' | tr '\n' ' ')" \
	"/d /d/x.tar.gz /d/y.tar /d/z.tar.gz /kept "
dockerfile "COPY plain.txt /p"
is "COPY unpacks nothing" "$(tree | awk '{print $3}')" "/p"
archive a.tar one:f:1
archive b.tar two:f:2
dockerfile "ADD *.tar /dest" "ADD a.tar b.tar plain.txt /many"
is "each match of a wildcard, and each of several" "$(tree | awk '{print $3}' | tr '\n' ' ')" "/dest /dest/one /dest/two /dest/y.tar /many /many/inner /many/one /many/two "

# --- layout
archive orphan.tar deep/er/file:f:x:600:7
dockerfile "ADD orphan.tar /dest/"
is "T-131 entries whose directories are not in the archive" "$(tree)" "755 0:0 /dest 
755 0:0 /dest/deep 
755 0:0 /dest/deep/er 
600 7:7 /dest/deep/er/file x"
archive links.tar "lib/x:f:through" "usr/local/y:f:other"
dockerfile "ADD base.tar /" "ADD links.tar /"
archive base.tar usr/lib:d::755 lib:l:/usr/lib opt:d::755 usr/local:l:/../../../opt
is "T-132 absolute links that the image has are followed, inside the root" "$(tree | grep -E 'x|y')" "644 0:0 /opt/y other
644 0:0 /usr/lib/x through"
archive owned.tar d:d::750:9 d/f:f:x:640:9 l:l:d:777:9
dockerfile "ADD --chown=3:4 owned.tar /made/here"
is "T-133 --chown is for all entries and the directory that is made" "$(tree)" "755 3:4 /made 
755 3:4 /made/here 
750 3:4 /made/here/d 
640 3:4 /made/here/d/f x
777 3:4 /made/here/l d"
archive hard.tar b:f:body:600 a:h:b:600 c/d:h:b:600
dockerfile "ADD hard.tar /h/"
is "hard links stay one file" "$(tree)" "755 0:0 /h 
600 0:0 /h/a body
600 0:0 /h/b = h/a
755 0:0 /h/c 
600 0:0 /h/c/d = h/a"
archive other.tar b:f:body:600:3 a:h:b:4755:4
dockerfile "ADD other.tar /h/"
is "whatever mode and owner the entry of the link has" "$(tree | grep -v '/h $')" "600 3:3 /h/a body
600 3:3 /h/b = h/a"
archive twice.tar f:f:one f:f:two d:f:file d:d::755 d/x:f:in
dockerfile "ADD twice.tar /t"
is "of two entries of one name the last stays" "$(tree | awk '{print $3, $4}' | tr '\n' ' ')" "/t  /t/d  /t/d/x in /t/f two "

# --- links of the archive itself
archive own.tar lib:l:usr/lib:777 lib/x:f:1 abs:l:/opt/a:777 abs/y:f:2 two:l:lib/deep:777 two/z:f:3 same:h:lib/x
dockerfile "ADD own.tar /d/"
is "entries named through links of the archive, absolute ones from its root, chains of them" "$(tree)" "755 0:0 /d 
777 0:0 /d/abs /opt/a
777 0:0 /d/lib usr/lib
755 0:0 /d/opt 
755 0:0 /d/opt/a 
644 0:0 /d/opt/a/y 2
644 0:0 /d/same 1
777 0:0 /d/two lib/deep
755 0:0 /d/usr 
755 0:0 /d/usr/lib 
755 0:0 /d/usr/lib/deep 
644 0:0 /d/usr/lib/deep/z 3
644 0:0 /d/usr/lib/x = d/same"
archive later.tar lib/x:f:lost lib:l:usr/lib lib/y:f:1 dir:l:usr dir:d::755 dir/z:f:2
dockerfile "ADD later.tar /d/"
is "a link replaces what was there, a directory replaces a link" "$(tree | awk '{print $3, $4}' | tr '\n' ' ')" \
	"/d  /d/dir  /d/dir/z 2 /d/lib usr/lib /d/usr  /d/usr/lib  /d/usr/lib/y 1 "
for bad in "l:l:../../etc l/x:f:lead.out" "a:l:b b:l:a a/x:f:round.in.a.circle" "l:l:/../x l/x:f:lead.out"; do
	# shellcheck disable=SC2086  # words
	archive bad.tar $bad
	dockerfile "ADD bad.tar /d/"
	build
	status "links that ${bad##*:}" 3
	like "are told by the entry" "$ERR" "^Dockerfile:2:5: error: './x' is named through links of the archive that .*${bad##*:}"
done
archive context.tar $'Dockerfile:f:FROM scratch\nCOPY usr /' lib:l:/usr/lib lib/x:f:1
run decant build -q -o "$T/context" - <context.tar
status "a context with entries through its own links" 0
is "has them where the links lead" "$(cd "$T/context" && find . -type f)" "./lib/x"

# --- what the image has in their place
archive has.tar bin/keep:f:k empty:d::755 file:f:f usr/lib/u:f:u lib:l:usr/lib:777
archive over.tar bin:l:usr/bin:777 empty:f:now file:d::700 lib:d::750 lib/x:f:x
dockerfile "ADD has.tar /" "ADD over.tar /"
build
like "the link takes a directory's place, and what that held is told" "$ERR" "'/bin' takes the place of a directory of the image, and what is in that is gone \\('keep'"
unlike "an empty one's silently" "$ERR" "'/empty'"
is "as with docker; a directory goes where a link of the image leads" "$(tree)" "777 0:0 /bin usr/bin
644 0:0 /empty now
700 0:0 /file 
777 0:0 /lib usr/lib
755 0:0 /usr 
750 0:0 /usr/lib 
644 0:0 /usr/lib/u u
644 0:0 /usr/lib/x x"
two_steps=$(tree)
dockerfile "ADD has.tar over.tar /"
is "two archives of one ADD give what two ADDs give" "$(tree)" "$two_steps"
build --no-cache
like "and what is lost is told as well" "$ERR" "'/bin' takes the place of a directory of an archive before it"
archive self.tar up:l:/:777 up/d:l:elsewhere:777
dockerfile "ADD has.tar self.tar /d/"
is "an absolute link of an archive leads to its own root, not to the destination" \
	"$(tree | awk '{print $3, $4}' | grep -e '/d/d' -e '/d/up' -e keep | tr '\n' ' ')" "/d/bin/keep k /d/d elsewhere /d/up / "
dockerfile "ADD has.tar /" "COPY file.d /"
mkdir file.d && : >file.d/bin
build
like "a COPY replaces no directory" "$ERR" "cannot replace the directory '/bin' with a file"

# --- holes
truncate -s 3M ../pack/sparse && echo end >>../pack/sparse
for format in "posix --sparse-version=0.0" "posix --sparse-version=0.1" "posix --sparse-version=1.0"; do
	# shellcheck disable=SC2086  # two words
	tar -C ../pack -cSf holes --format=$format sparse
	dockerfile "ADD holes /s"
	build -o "$T/files"
	ok "sparse, $format" cmp ../pack/sparse "$T/files/s/sparse"
	rm -rf "$T/files"
done
tar -C ../pack -cSf holes --format=gnu sparse
build
status "old GNU sparse is refused, as by docker" 3
like "with what to do" "$ERR" "make the archive with tar --format=posix"

# --- damage
dockerfile "ADD cut.tgz /d"
build
status "an archive that is cut short" 3
like "is told at its place" "$ERR" "^Dockerfile:2:5: error: the archive is cut short"
archive wh.tar ok:f:1 .wh.gone:f:
dockerfile "ADD wh.tar /d"
build
like "what would delete files of the image is refused" "$ERR" "'.wh.gone' would be a whiteout"
like "with what to do" "$ERR" "rename it or leave it out"
for bad in .wh.foo a/.wh.x .wh.d/x a/.wh..wh..opq .wh..wh.plnk null:c; do
	archive context.tar $'Dockerfile:f:FROM scratch\nCOPY a /a' a/y:f:1 "$bad"
	run decant build - <context.tar
	status "${bad%:c} in a context" 3
	like "does not vanish" "$ERR" "'${bad%:c}' (would be|is the character device 0:0, which would be) a whiteout in the image"
done
archive null.tar null:c
dockerfile "ADD null.tar /d"
build
like "nor does a device 0:0 of an ADD" "$ERR" "^Dockerfile:2:5: error: 'null' is the character device 0:0"
archive file.tar x/y:f:1
dockerfile "COPY y.tar /x" "ADD file.tar /"
build
like "a directory where the image has a file" "$ERR" "^Dockerfile:3:5: error: "
for i in $(seq 300); do cp a.tar "many-$i.tgz"; done
dockerfile "ADD many-*.tgz /m"
(ulimit -n 200 && build && exit "$STATUS")
is "many archives need no more descriptors than few" "$?" 0

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
