#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Build contexts that are no directories: repositories, URLs, archives on standard input.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 git xz bzip2 zstd
[ -x "$(git --exec-path)/git-http-backend" ] || skip_all "this git has no http-backend"
mkdir repos ctx empty
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/repos" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
WEB=http://127.0.0.1:$port

build() { : >"$T/web.log"; run decant build --progress=plain -t img "$@"; }
asked() { grep -c . "$T/web.log"; }
paths() { # of the image's files, with owner
	local status=$STATUS
	rm -rf "$T/out.tar"
	decant save -o "$T/saved" img 2>/dev/null && python3 - "$T/saved" <<-'P'
	import io, json, sys, tarfile
	t = tarfile.open(sys.argv[1])
	manifest = json.load(t.extractfile("manifest.json"))
	for layer in manifest[0]["Layers"]:
	    for m in tarfile.open(fileobj=io.BytesIO(t.extractfile(layer).read())):
	        if not m.isdir():
	            print(f"{m.uid}:/{m.name}", end=" ")
	P
	STATUS=$status
}

# --- a Dockerfile elsewhere
mkdir own && echo mine >own/own
printf 'FROM scratch\nCOPY own /far/\n' >repos/far
build -f "$WEB/far" own
is "-f with a URL: its Dockerfile, the context of here" "$STATUS $(paths)" "0 0:/far/own "
printf 'FROM scratch\nNOSUCH own\n' >repos/bad
build -f "http://me:s3cret@${WEB#http://}/bad" own
like "what is wrong is told at its place" "$ERR" "^http://xxxxx:xxxxx@${WEB#http://}/bad:2:1: error: "
build -f "$WEB/gone" own
is "one that is not there" "$STATUS $(grep -c "error: invalid response status 404" <<<"$ERR") $(grep -c "while fetching '$WEB/gone'" <<<"$ERR")" "4 1 1"
tar -C own --owner=0 --group=0 -c own >own.tar
build -f "$WEB/far" - <own.tar
is "with an archive as the context" "$STATUS $(paths)" "0 0:/far/own "

# --- repositories
cat >"$T/gitconfig" <<-C
[user]
	name = tester
	email = tester@example.org
[init]
	defaultBranch = main
C
export GIT_CONFIG_GLOBAL=$T/gitconfig
git init -q src
printf 'FROM scratch\nCOPY . /all/\n' >src/Dockerfile
printf 'FROM scratch\nCOPY sub /named/\n' >src/Other
echo ignored >src/.dockerignore
echo ignored >src/ignored
mkdir src/sub src/sub/deep
printf 'FROM scratch\nCOPY file /sub/\nCOPY nosuch* /sub/\n' >src/sub/Dockerfile
echo f >src/sub/file
git -C src add -A
GIT_COMMITTER_DATE=@1100000000 git -C src commit -qm c
git clone -q --bare src repos/r.git
unset GIT_CONFIG_GLOBAL

# G06: what the build reads of a repository is in it
echo "FROM scratch # outside-$$" >"$T/outside"
for name in Dockerfile .dockerignore; do
	rm -rf linked && git init -q linked
	printf 'FROM scratch\nCOPY f /f\n' >linked/Dockerfile
	echo f >linked/f
	ln -sf "$T/outside" "linked/$name"
	git -C linked add -A
	git -C linked -c user.name=t -c user.email=t@example.org commit -qm c
	rm -rf repos/linked.git && git clone -q --bare linked repos/linked.git
	build "$WEB/cgi/linked.git"
	unlike "G06 '$name' that leads out of the repository is not followed" "$ERR" "outside-$$"
	[ "$name" = .dockerignore ] || ok "G06 it is an error" [ "$STATUS" -ne 0 ]
done

build "$WEB/cgi/r.git"
status "a repository" 0
is "all of it, root's, without .git; .dockerignore is for directories" "$(paths)" \
	"0:/all/.dockerignore 0:/all/Dockerfile 0:/all/Other 0:/all/ignored 0:/all/sub/Dockerfile 0:/all/sub/file "
build "$WEB/cgi/r.git"
is "unchanged, it is asked for once and nothing runs" "$(asked) $(grep -c CACHED <<<"$ERR")" "2 2"
build "$WEB/cgi/r.git#main:sub"
is "a subdirectory of it" "$(paths)" "0:/sub/file "
build -f Other "$WEB/cgi/r.git?branch=main"
is "-f names a file in it" "$(paths)" "0:/named/Dockerfile 0:/named/file "
build -f - "$WEB/cgi/r.git" < <(printf 'FROM scratch\nCOPY Other /x\n')
is "-f - with it" "$(paths)" "0:/x "
build -f nope "$WEB/cgi/r.git"
status "a Dockerfile that is not there" 3
like "is told in docker's words" "$ERR" "^error: failed to read dockerfile: open nope: no such file or directory"
build "$WEB/cgi/r.git#nope"
like "a branch that is not there" "$ERR" "^error: repository does not contain ref nope"
build "$WEB/cgi/r.git?depth=1"
like "a setting that is none" "$ERR" 'unexpected query "depth"'
build "$WEB/cgi/r.git#main:../../etc"
like "G03 what climbs" "$ERR" "invalid subdir etc"
build --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$WEB/cgi/r.git"
like "BUILDKIT_CONTEXT_KEEP_GIT_DIR" "$(paths)" "/all/.git/HEAD"
SOURCE_DATE_EPOCH=1500000000 build "$WEB/cgi/r.git"
decant save -o "$T/saved" img
is "with SOURCE_DATE_EPOCH files have the time of the commit" "$(
	python3 - "$T/saved" <<-'P'
	import io, json, sys, tarfile
	t = tarfile.open(sys.argv[1])
	layers = json.load(t.extractfile("manifest.json"))[0]["Layers"]
	print({int(m.mtime) for layer in layers for m in tarfile.open(fileobj=io.BytesIO(t.extractfile(layer).read())) if m.isreg()})
	P
)" "{1100000000}"
build --build-arg SOURCE_DATE_EPOCH=context "$WEB/cgi/r.git"
is "SOURCE_DATE_EPOCH=context is that time" "$(decant image inspect --format '{{.Created}}' img)" "2004-11-09T11:33:20Z"
run decant build --check "$WEB/cgi/r.git"
status "--check of it" 0
mkdir -p github.com/o/r
printf 'FROM scratch\nCOPY here /here\n' >github.com/o/r/Dockerfile
touch github.com/o/r/here
build github.com/o/r
is "a directory of such a name is a directory" "$(paths)" "0:/here "
build nosuch
like "what is neither" "$ERR" 'path "nosuch" not found'

if decant info >/dev/null && [ -x /bin/busybox ]; then
	base alpine:edge
	build -f - "$WEB/cgi/r.git" < <(printf 'FROM alpine:edge\nRUN --network=none --mount=type=bind,target=/ctx cat /ctx/sub/file > /got\n')
	status "RUN --mount sees it" 0
fi

# --- archives
cd ctx || exit 1
printf 'FROM scratch\nCOPY --chown=0 a /\nCOPY b /\nADD in.tar /in\n' >Dockerfile
echo a >a
echo b >b
echo i >i
tar -cf in.tar --owner=0 i
rm i
tar --owner=7 --group=7 -cf ../ctx.tar .
cd ..
for by in cat gzip bzip2 xz "zstd -q"; do
	$by <ctx.tar >ctx.packed
	build - <ctx.packed
	is "a tar on standard input, by $by: owners stay, archives in it are unpacked" "$(paths)" "0:/a 7:/b 0:/in/i "
done
build - <ctx.packed
is "unchanged, nothing runs" "$(grep -c CACHED <<<"$ERR")" "3"
build -f a - <ctx.tar
like "-f names a file in it" "$ERR" "^a:1:1: error: unknown instruction"
build - < <(printf 'FROM scratch\nCOPY x /\n')
like "a text on standard input is a Dockerfile without a context" "$ERR" "^Dockerfile:2:6: error: .*no such file in the build context: 'x'"
build -f Dockerfile - < <(printf 'FROM scratch\n')
like "which leaves nothing for -f" "$ERR" "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles"
build - < <(head -c 2000 ctx.tar)
like "an archive that is cut short" "$ERR" "cut short"
tar -C empty -cf empty.tar .
build - <empty.tar
like "an archive without a Dockerfile" "$ERR" "failed to read dockerfile: open Dockerfile: no such file or directory"
ln -s /etc/passwd empty/Dockerfile
tar -C empty -cf empty.tar .
build - <empty.tar
like "D13 a Dockerfile that leads out of it" "$ERR" "failed to read dockerfile: open Dockerfile: no such file or directory"
build - < <(sleep 0.3; cat ctx.tar)
status "a slow pipe" 0

# --- URLs
cp ctx.packed repos/ctx.tar.zst
build "$WEB/ctx.tar.zst"
is "a URL that gives an archive" "$(paths)" "0:/a 7:/b 0:/in/i "
build "$WEB/ctx.tar.zst"
is "is asked for once" "$(cat "$T/web.log") $(grep -c CACHED <<<"$ERR")" "GET /ctx.tar.zst 304 conditional 4"
printf 'FROM scratch\nCOPY <<E /hi\nhi\nE\n' >repos/file
build "$WEB/file"
is "a URL that gives a text: it is the Dockerfile" "$(paths)" "0:/hi "
build "$WEB/gone"
like "a URL that gives nothing" "$ERR" "error: invalid response status 404"
like "is named" "$ERR" "while loading the build context $WEB/gone"

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
