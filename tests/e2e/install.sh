#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install` puts the program, its manual pages and its completion where it was told to; it runs from there.
. "$(dirname "$0")/../lib/e2e.sh"

[ -w "$(dirname "$DECANT")" ] || skip_all "the build folder belongs to somebody else"

run make -s -C "$E2E_ROOT" install BUILD="$(dirname "$DECANT")" DESTDIR="$T/dest" PREFIX=/opt/decant
status "make install" 0
is "nothing beside PREFIX" "$(cd "$T/dest" && find . -type f -not -path './opt/decant/*')" ""
is "one program" "$(cd "$T/dest" && find . -type f -perm /111)" ./opt/decant/bin/decant
ok "a manual page" test -s "$T/dest/opt/decant/share/man/man1/decant-build.1"
ok "bash takes the completion" bash -n "$T/dest/opt/decant/share/bash-completion/completions/decant"
ok "zsh's completion" grep -q '^#compdef decant' "$T/dest/opt/decant/share/zsh/site-functions/_decant"
ok "fish's completion" grep -q '^complete -c decant' "$T/dest/opt/decant/share/fish/vendor_completions.d/decant.fish"
run "$T/dest/opt/decant/bin/decant" --version
status "runs from there" 0
like "tells its version" "$OUT" '^decant version [0-9]+\.[0-9]+'
done_testing
