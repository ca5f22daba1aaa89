#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, so that no file depends on the order of its includes.
set -eu
cd "$(dirname "$0")/.."
find src -name '*.h' | sort | xargs -P "$(nproc)" -I{} sh -c \
	'${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Isrc -fsyntax-only -x c -include "$1" /dev/null || { echo "$1: does not compile alone"; exit 1; }' sh {}
