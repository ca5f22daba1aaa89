#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every source file save tests, side by side; files that were clean and have not changed since
# are not looked at again (BUILD_DIR/tidy holds what was seen).  Under CI=true all are.
# The analyzer looks along fewer paths than it could (mode=shallow): a fifth of the time, which is what
# a check that runs before each commit may take.  DEEP=1 tools/check-tidy.sh BUILD_DIR is for releases.
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
options=(--quiet -p "$build")
[ "${DEEP:-}" ] || options+=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow)
shared=$(echo "${options[*]}" | cat - .clang-tidy | sha256sum | cut -c1-16)

# What a verdict depends on: the file and every file of ours that it includes.
content() { # file
	cc -std=gnu17 -D_GNU_SOURCE -Isrc -MM "$1" | sed 's,\\$,,' | tr ' ' '\n' | grep '^src/' | sort -u | xargs cat
}

check() { # file mark option...
	local file=$1 mark=$2 output
	shift 2
	if output=$(clang-tidy "$@" "$file" 2>/dev/null); then
		: >"$mark"
	else
		printf '%s\n' "$output" | grep -E -A3 'error:|warning:' || printf '%s\n' "$file: clang-tidy failed"
		return 1
	fi
}
export -f check

todo=()
for file; do
	mark=$seen/$({ echo "$version $shared $file" && content "$file"; } | sha256sum | cut -c1-32)
	[ -f "$mark" ] || todo+=("$file" "$mark")
done
[ ${#todo[@]} -eq 0 ] || printf '%s\0' "${todo[@]}" | xargs -0 -n 2 -P "$(nproc)" bash -c 'check "${@: -2}" "${@:1:$#-2}" || exit 1' bash "${options[@]}"
