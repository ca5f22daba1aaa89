#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a registry may do wrong while we push.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_root
needs_run
fault_start
base base:1

push() { # fault
	decant tag base:1 "$FAULT/$1/img:1"
	fault_forget
	run decant push "$FAULT/$1/img:1"
}

push up-state
status "R11 the Location's state comes back byte for byte" 0
like "R11: so it was asked" "$(fault_log)" 'PUT /v2/up-state/img/blobs/uploads/[0-9]+\?_state=a%2Fb%3D%3D~[0-9]+&x=1&digest=sha256%3A'
like "the manifest goes last" "$(fault_log | tail -n 1)" 'PUT /v2/up-state/img/manifests/1 '
push up-cut
status "R17 an upload that is cut is sent again" 0
is "R17: in a session of its own" "$(fault_log | grep -c 'POST /v2/up-cut/img/blobs/uploads/[ ?]')" 3
push up-lie
ok "R16 another digest than ours" [ "$STATUS" -ne 0 ]
like "R16: says so" "$ERR" 'damaged on the way'
unlike "R16: no manifest" "$(fault_log)" 'manifests'
push up-nowhere
ok "R16 an upload to nowhere" [ "$STATUS" -ne 0 ]
like "R16: says so" "$ERR" 'without saying where'
push up-full
ok "a registry whose disk is full" [ "$STATUS" -ne 0 ]
like "is told, with how often it was tried" "$ERR" 'unexpected status 500'
ok "and not tried for ever" [ "$(fault_log | grep -c 'PUT .*/blobs/uploads/')" -le 8 ]
unlike "and gets no manifest" "$(fault_log)" 'manifests'
push gone
ok "a registry that wants us to wait for years" [ "$STATUS" -ne 0 ]
like "is told what it said" "$ERR" 'asks to wait 1000000000 seconds'
push basic
like "no credentials" "$ERR" "push to $FAULT/basic/img denied"
is "nothing left over" "$(leftovers)" ""
done_testing
