#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a COPY depends on: the files that it takes, their names and modes, its flags; with --link nothing below it.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain -t img "$@" .; }
# yes or no, for each COPY in order
hits() {
	local step _
	while read -r step _; do
		grep -q "^$step CACHED" <<<"$ERR" && printf 'yes ' || printf 'no '
	done < <(grep -o '^#[0-9]* \[[^]]*[0-9]/[0-9]\] COPY' <<<"$ERR")
}
last_layer() { decant image inspect --format '{{json .RootFS.Layers}}' img | tr ',' '\n' | tail -n 1; }

echo foo1 >foo1
echo foo2 >foo2
echo bar >bar
mkdir -p tree/deep tree/md
echo a >tree/a
echo b >tree/deep/b.txt
echo c >tree/md/c.md
cat >Dockerfile <<'D'
FROM scratch
COPY foo* files/
D
printf 'Dockerfile\n.dockerignore\n' >.dockerignore

# T-108
build
status "T-108 a wildcard" 0
echo changed >bar
build
is "T-108 a change of what does not match is a hit" "$(hits)" "yes "
echo changed >foo2
build
is "T-108 of what does it is none" "$(hits)" "no "
# T-109
mv foo2 foo3
build
is "T-109 nor is another name of the same content" "$(hits)" "no "
mv foo3 foo2
build
is "the old name is known still" "$(hits)" "yes "

cat >Dockerfile <<'D'
FROM scratch
COPY --exclude=**/*.md tree /tree
COPY --parents tree/**/*.txt /
COPY --parents tree/./md /
D
build
status "filters" 0
echo changed >tree/md/c.md
build
is "what --exclude leaves out, and what no pattern of --parents takes, does not count" "$(hits)" "yes yes no "
echo new >tree/md/new.txt
build
is "a new match does" "$(hits)" "no no no "
mkdir tree/empty
build
is "an empty directory is content" "$(hits)" "no no no "
sed -i 's/exclude=\*\*/exclude=*/' Dockerfile
build
is "another pattern is another step; what comes of it is the same here" "$(hits)" "no yes yes "
sed -i 's/--parents tree\/\*\*/--parents --chmod=u=rX tree\/**/' Dockerfile
build
is "another mode" "$(hits)" "yes no no "

# Each COPY has the one before it as its parent: its own content is all that changes with --link.
cat >Dockerfile <<'D'
FROM scratch AS one
COPY foo1 /x
FROM scratch AS two
COPY bar /y
FROM scratch AS three
COPY tree /z
FROM one AS a
COPY --link --chown=1:2 tree/deep /z/
FROM two AS b
COPY --link --chown=1:2 tree/deep /z/
FROM three AS c
COPY --link --chown=1:2 tree/deep /z/
FROM three AS d
COPY --link --chmod=0750 tree/deep /z/
FROM one AS e
COPY --link --chmod=0750 tree/deep /z/
D
build --target a
status "--link" 0
linked=$(last_layer)
for target in b c; do
	build --target $target
	is "--link on another base is a hit" "$(hits)" "no yes "
	is "and the same layer" "$(last_layer)" "$linked"
done
echo changed >foo1
build --target a
is "a changed base does not touch it" "$(hits)" "no yes "
is "the layer is that of before" "$(last_layer)" "$linked"
build --target e
other=$(last_layer)
build --target d
is "--chmod switches --link off: the base counts" "$(hits)" "yes no "
ok "and gives its directory" [ "$(last_layer)" != "$other" ]

# Of another stage only the files that are taken count, with --parents and --exclude as well.
cat >Dockerfile <<'D'
FROM scratch AS from
COPY tree /tree
FROM scratch
COPY --from=from --parents /tree/./deep /
COPY --from=from --exclude=md /tree /all
D
build
status "from a stage" 0
echo again >tree/md/c.md
build
is "a change beside what is taken is a hit" "$(hits)" "no yes yes "
echo again >tree/deep/b.txt
build
is "in it none" "$(hits)" "no no no "
done_testing
