#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# type=local and type=tar: what is left alone, what mode=delete takes away, what a hostile image cannot
# do, times under SOURCE_DATE_EPOCH.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3

mkdir -p ctx/d/closed
echo one >ctx/d/one
echo two >ctx/d/two
ln -s one ctx/d/link
echo in >ctx/d/closed/in
chmod 500 ctx/d/closed
touch -d 2020-01-02 ctx/d/one
printf 'FROM scratch\nCOPY d /\n' >ctx/Dockerfile
builds() { # name, arguments of decant build
	local name=$1
	shift
	run decant build -q "$@" ctx
	status "$name" 0
}
inodes() { (cd out && stat -c '%i %Y %n' one two closed/in link); }

# --- unchanged files stay -----------------------------------------------------------------------

builds "a first time" -o out
is "a closed folder is closed" "$(stat -c %a out/closed)" 500
before=$(inodes)
touch -d 2019-03-04 out/stranger
builds "a second time, into closed folders" -o out
is "unchanged files are the same files" "$(inodes)" "$before"
ok "strangers stay" test -e out/stranger
printf 'TWO\n' >out/two
touch -r ctx/d/two out/two
builds "a file that has other bytes, and the same size and time" -o out
is "is written" "$(cat out/two)" two
chmod 600 out/one
builds "another mode" -o out
is "is mended" "$(stat -c %a out/one)" "$(stat -c %a ctx/d/one)"

# --- mode=delete --------------------------------------------------------------------------------

mkdir -p out/old/deep elsewhere
echo keep >elsewhere/keep
chmod 000 out/old/deep
ln -s ../elsewhere out/away
ln -s ../elsewhere/keep out/old-link
rm -f out/one
mkdir out/one
echo x >out/one/x
rm -f out/link
echo file >out/link
run decant build -q -o type=local,dest=out ctx
status "a folder in the way of a file" 3
like "is not removed by mode=copy" "$ERR" "'one' is in the way: it is a directory"
like "advice" "$ERR" "mode=delete"
builds "mode=delete, below the working directory" -o type=local,dest=out,mode=delete
is "has the result and nothing else" "$(cd out && find . -mindepth 1 | sort | tr '\n' ' ')" "./closed ./closed/in ./link ./one ./two "
is "a file again" "$(cat out/one)" one
is "a link again" "$(readlink out/link)" one
is "links out of it are not followed" "$(cat elsewhere/keep)" keep
is "folders have their times" "$(stat -c %Y out/closed)" "$(stat -c %Y ctx/d/closed)"

mkdir other work
echo precious >other/precious
ln -s ../other work/out
for dest in ../other . out ./new/../../other; do
	run bash -c 'cd work && "$DECANT" build -q -o type=local,dest='"$dest"',mode=delete ../ctx'
	status "mode=delete in '$dest' outside" 2
	like "asks for leave" "$ERR" "--allow buildx.local.delete"
done
is "nothing is gone" "$(cat other/precious)" precious
run bash -c 'cd work && "$DECANT" build -q -o type=local,dest=../other,mode=delete --allow buildx.local.delete ../ctx'
status "with leave" 0
ok "it is done" test ! -e other/precious -a -e other/one
run decant build -q -o type=local,dest=never,mode=delete --build-arg X=1 -f /dev/null ctx
ok "a build that fails removes nothing" test -e out/one

# --- hostile images -----------------------------------------------------------------------------

# A layer with a link, and one above it with files through it: overlay and docker make it a folder.
python3 - <<'PY'
import io, tarfile
def tar(name, *entries):
    with tarfile.open(name, "w") as t:
        for path, kind, value in entries:
            i = tarfile.TarInfo(path)
            i.type, i.mode = kind, 0o755
            if kind == tarfile.SYMTYPE:
                i.linkname = value
                t.addfile(i)
            elif kind == tarfile.DIRTYPE:
                t.addfile(i)
            else:
                i.size = len(value)
                t.addfile(i, io.BytesIO(value))
tar("ctx/first.tar", ("evil", tarfile.SYMTYPE, "../elsewhere"), ("abs", tarfile.SYMTYPE, "/"))
tar("ctx/second.tar", ("x", tarfile.REGTYPE, b"pwned"))
PY
printf 'FROM scratch\nADD first.tar /\nADD second.tar /fresh/\n' >ctx/Dockerfile
builds "an image of links" -o bad
is "which lead nowhere" "$(readlink bad/evil) $(readlink bad/abs)" "../elsewhere /"
# The next image has a folder where the last one left a link.
printf 'FROM scratch\nADD second.tar /evil/\n' >ctx/Dockerfile
run decant build -q -o bad ctx
status "a folder where a link was exported" 3
like "is told" "$ERR" "'evil' is in the way"
is "and nothing is written through it" "$(ls elsewhere)" keep
builds "mode=delete" -o type=local,dest=bad,mode=delete
is "replaces the link" "$(find bad -type f)" bad/evil/x
is "not what it led to" "$(ls elsewhere)" keep

# --- times --------------------------------------------------------------------------------------

printf 'FROM scratch\nCOPY d /\n' >ctx/Dockerfile
touch -d 2010-01-01 ctx/d/two # in a layer older files keep their time
builds "SOURCE_DATE_EPOCH" --build-arg SOURCE_DATE_EPOCH=1500000000 -o type=local,dest=epoch -o type=tar,dest=e.tar
is "is the time of all files, as in buildx" "$(find epoch -mindepth 1 -printf '%T@\n' | cut -d. -f1 | sort -u)" 1500000000
is "in the archive too" "$(tar --utc -tvf e.tar | awk '{print $4, $5}' | sort -u)" "2017-07-14 02:40"
cp e.tar first.tar
touch ctx/d/two
builds "another day" --source-date-epoch 1500000000 --no-cache -o type=tar,dest=e.tar
ok "the same bytes" cmp e.tar first.tar
run decant build -q --build-arg SOURCE_DATE_EPOCH=1 -o type=oci,dest=r.tar,rewrite-timestamp=false ctx
status "times cannot be kept under it" 2
like "it says how" "$ERR" "leave it away"
chmod -R u+rwx ctx out other epoch 2>/dev/null
# --- an image whose archive leaves out folders ---------------------------------------------------

python3 - <<'P'
import io, tarfile
with tarfile.open("bare.tar", "w") as t:
    for name in "a/b/file", "c/link":
        i = tarfile.TarInfo(name)
        if name == "c/link":
            i.type, i.linkname = tarfile.SYMTYPE, "/a"
            t.addfile(i)
        else:
            i.size = 3
            t.addfile(i, io.BytesIO(b"hi\n"))
P
decant import bare.tar bare >/dev/null
echo 'FROM bare' >bare.df
run decant build -q -o bare -f bare.df .
status "folders that an image's archive leaves out are made" 0
is "with what is in them" "$(cat bare/a/b/file) $(readlink bare/c/link) $(stat -c %a bare/a bare/a/b bare/c | xargs)" "hi /a 755 755 755"
run decant build -q -o type=tar,dest=bare-out.tar -f bare.df .
is "in a tar as well" "$(tar tf bare-out.tar | sort | xargs)" "a/ a/b/ a/b/file c/ c/link"

done_testing
