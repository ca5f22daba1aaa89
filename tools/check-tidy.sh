#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every source file save tests, side by side; files that were clean and have not changed since
# are not looked at again (BUILD_DIR/tidy holds what was seen).  Under CI=true all are.
# usage: tools/check-tidy.sh BUILD_DIR [FILE...]
set -euo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/.."
shift
seen=$build/tidy
mkdir -p "$seen"
[ "${CI:-}" = "" ] || rm -f "$seen"/*
[ $# -gt 0 ] || mapfile -t set_files < <(find src -name '*.c' -not -path '*/test/*' | sort)
[ $# -gt 0 ] || set -- "${set_files[@]}"
version=$(clang-tidy --version | tr -dc '0-9.')
shared=$(sha256sum <.clang-tidy | cut -c1-16)

# What a verdict depends on: the file and every file of ours that it includes.
content() { # file
	cc -std=gnu17 -D_GNU_SOURCE -Isrc -MM "$1" | sed 's,\\$,,' | tr ' ' '\n' | grep '^src/' | sort -u | xargs cat
}

check() { # file mark
	local output
	if output=$(clang-tidy --quiet -p "$build" "$1" 2>/dev/null); then
		: >"$2"
	else
		printf '%s\n' "$output" | grep -E -A3 'error:|warning:' || printf '%s\n' "$1: clang-tidy failed"
		return 1
	fi
}
export -f check
export build

todo=()
for file; do
	mark=$seen/$({ echo "$version $shared $file" && content "$file"; } | sha256sum | cut -c1-32)
	[ -f "$mark" ] || todo+=("$file" "$mark")
done
[ ${#todo[@]} -eq 0 ] || printf '%s\0' "${todo[@]}" | xargs -0 -n 2 -P "$(nproc)" bash -c 'check "$1" "$2" || exit 1' bash
