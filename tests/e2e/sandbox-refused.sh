#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A machine that gives no user namespace: `info` has tried it, and a build says why, once.
. "$(dirname "$0")/../lib/e2e.sh"
needs unshare setpriv
unshare -Ur setpriv --bounding-set -sys_admin true 2>"$T/log" || skip_all "no user namespace here to begin with"
base alpine:edge
printf 'FROM alpine:edge\nRUN true\n' >Dockerfile

# In a user namespace whose own limit is 0, without CAP_SYS_ADMIN: root of a container.
refused() {
	# shellcheck disable=SC2016
	unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -sys_admin "$@"' sh "$@"
}

run refused "$DECANT" info
status "info" 0
like "info: it has tried" "$OUT" '^namespaces: cannot make a user namespace: '
like "info: what to set" "$OUT" 'note: .*sysctl -w user.max_user_namespaces='
run refused "$DECANT" build --no-cache .
status "build" 1
is "build: the cause is said once" "$(grep -c 'a user namespace' <<<"$ERR")" 1
like "build: what to set" "$ERR" 'note: .*sysctl -w user.max_user_namespaces='
run decant info
like "info where it is allowed" "$OUT" '^namespaces: can be made'
is "nothing is left behind" "$(leftovers)" ""
done_testing
