#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The project compiles by a plain `cc` over all files, without configuration or generated sources;
# and each file is named in its module's meson.build.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0
for file in $(find src -name '*.c' -not -path '*/test/*' | sort); do
	grep -qF "'${file##*/}'" "${file%/*}/meson.build" || { echo "$file: not in ${file%/*}/meson.build"; status=1; }
done
libs="$(pkg-config --libs libcrypto libdeflate libisal zlib libzstd jansson libseccomp) -lpthread -ldl"
cflags=$(pkg-config --cflags libcurl libarchive)
# shellcheck disable=SC2086 # a list of words
find src -name '*.c' -not -path '*/test/*' -print0 | xargs -0 -P "$(nproc)" -I{} sh -c \
	'out=$1 file=$2; shift 2; ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Isrc "$@" -c "$file" -o "$out/$(echo "$file" | tr / _).o"' \
	sh "$out" {} $cflags || exit 1
# shellcheck disable=SC2086 # a list of words
${CC:-cc} "$out"/*.o $libs -o "$out/decant"
"$out/decant" --version >/dev/null
exit $status
