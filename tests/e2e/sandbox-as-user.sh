#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The sandbox's unit tests once more, as an ordinary user with subordinate ids.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
test_sandbox=$(dirname "$(realpath -s "$DECANT")")/src/sandbox/test/test_sandbox
[ -x "$test_sandbox" ] || { echo "1..0 # SKIP no $test_sandbox"; exit 0; }
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP needs root, to make a user"; exit 0; }
exec "$root/tools/as-user" env CMOCKA_MESSAGE_OUTPUT=TAP "$test_sandbox"
