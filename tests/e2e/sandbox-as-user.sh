#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The sandbox's unit tests once more, as an ordinary user with subordinate ids.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
programs=$(dirname "$(realpath -s "$DECANT")")/src/sandbox/test
[ -x "$programs/test_sandbox" ] || { echo "1..0 # SKIP no $programs/test_sandbox"; exit 0; }
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP needs root, to make a user"; exit 0; }
count=0 worst=0
for program in test_sandbox test_root test_given; do
	# their plans and numbers become one; a program that dies has no plan
	out=$("$root/tools/as-user" env CMOCKA_MESSAGE_OUTPUT=TAP "$programs/$program")
	status=$?
	[ "$status" -le "$worst" ] || worst=$status
	[[ $out == *1..* ]] || out+=$'\n'"not ok 0 - $program ended with status $status"
	while IFS= read -r line; do
		case $line in
		1..*) ;;
		"ok "* | "not ok "*) count=$((count + 1)); echo "$line" | sed -E "s/^((not )?ok) [0-9]+/\1 $count/" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <<<"$out"
done
echo "1..$count"
exit "$worst"
