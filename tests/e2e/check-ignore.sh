#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check-ignore where lines of text do not do: NUL between names, names with newlines, other folders, git's own answers.
. "$(dirname "$0")/../lib/e2e.sh"

mkdir -p ctx/sub
printf '*.o\n!keep.o\ntmp\n' >ctx/.dockerignore
cd ctx || exit 1

printf 'a.o\0keep.o\0b\nc.o\0tmp/x\0' >../names
run bash -c '"$DECANT" check-ignore -z --stdin <../names | tr "\0" "|"'
is "-z: as they came" "$OUT" $'a.o|b\nc.o|tmp/x|'
run bash -c '"$DECANT" check-ignore -z -v --stdin <../names | tr "\0" "|"'
is "-z -v: four fields" "$OUT" $'.dockerignore|1|*.o|a.o|.dockerignore|2|!keep.o|keep.o|.dockerignore|1|*.o|b\nc.o|.dockerignore|3|tmp|tmp/x|'
run bash -c 'printf "x\0" | "$DECANT" check-ignore -z -v -n --stdin | tr "\0" "|"; exit ${PIPESTATUS[1]}'
is "-z -v -n: empty fields for what no line matches" "$OUT" '|||x|'
status "none is ignored" 1
run decant check-ignore $'new\nline.o'
is "a newline in a name is quoted" "$OUT" '"new\nline.o"'
run bash -c '"$DECANT" check-ignore "$(printf "new\nline.o")" | "$DECANT" check-ignore --stdin'
is "... and read back" "$OUT" '"new\nline.o"'

run decant check-ignore "$PWD/sub/../a.o"
is "an absolute name inside the context" "$OUT" "$PWD/sub/../a.o"
run decant check-ignore "$PWD-other/a.o"
status "a neighbour whose name begins alike is outside" 128
cd sub || exit 1
run decant check-ignore -v -C .. a.o
is "-C: the file is named as the user would" "$OUT" $'../.dockerignore:1:*.o\ta.o'
cd .. || exit 1
run decant check-ignore -v -C "$PWD" a.o
is "-C with an absolute name" "$OUT" "$PWD/.dockerignore:1:*.o"$'\ta.o'

run decant check-ignore "$(printf 'x%.0s' $(seq 5000))"
status "a name longer than any" 128
like "... says so" "$ERR" 'a path has at most 4095 bytes'
run bash -c '"$DECANT" check-ignore a.o >/dev/full'
status "a full output is no answer" 1
mkfifo pipe
run timeout 60 bash -c 'ln -sf pipe Dockerfile; "$DECANT" check-ignore a.o'
status "nothing is opened for its name alone" 0
run timeout 60 bash -c 'echo FROM scratch | "$DECANT" build -q -f - .'
status "a Dockerfile from standard input beside it" 0
run timeout 60 "$DECANT" build -q .
status "a Dockerfile that is a pipe: refused, not waited for" 3
like "... by name" "$ERR" "'Dockerfile' is no regular file"
rm Dockerfile
mv .dockerignore kept
ln -s pipe .dockerignore
run timeout 60 "$DECANT" check-ignore a.o
status "an ignore file that is a pipe" 128
like "... by name" "$ERR" "'.dockerignore' is no regular file"
rm .dockerignore pipe
printf '\377\376*\0\n\0' >.dockerignore
run decant check-ignore a.o
status "an ignore file in UTF-16" 128
like "... by name and place" "$ERR" ".dockerignore:1:4: error: '.dockerignore' is no text"
mkdir Dockerfile
mv kept .dockerignore
run decant build -q .
like "a directory" "$ERR" "'Dockerfile' is a directory"
rmdir Dockerfile
run timeout 60 bash -c '"$DECANT" build -q -f <(echo FROM scratch) .'
status "-f takes a pipe" 0

if command -v git >/dev/null; then
	# The common ground: patterns from the root on, where both mean the same.
	git -c init.defaultBranch=x init -q .
	printf '/build\n!/build/keep\n/*.log\n/a?c\n/[x-z]1\n' | tee .gitignore >.dockerignore
	printf '%s\n' build build/x y.log abc abbc x1 w1 deep/y.log | tee ../paths >/dev/null
	git check-ignore --stdin <../paths >../want
	run bash -c '"$DECANT" check-ignore --stdin <../paths'
	is "as git answers" "$OUT" "$(cat ../want)"
else
	skip "as git answers" "no git"
fi
done_testing
