#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install` puts one program where it was told to, and that runs from there.
. "$(dirname "$0")/../lib/e2e.sh"

[ -w "$(dirname "$DECANT")" ] || skip_all "the build folder belongs to somebody else"

run make -s -C "$E2E_ROOT" install BUILD="$(dirname "$DECANT")" DESTDIR="$T/dest" PREFIX=/opt/decant
status "make install" 0
is "one file, no more" "$(cd "$T/dest" && find . -type f)" ./opt/decant/bin/decant
run "$T/dest/opt/decant/bin/decant" --version
status "runs from there" 0
like "tells its version" "$OUT" '^decant version [0-9]+\.[0-9]+'
done_testing
