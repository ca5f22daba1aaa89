#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The official conformance suite of the distribution specification, built by Go, against decant serve: versions 1.0, 1.1 and 1.1+dev, with and without logins.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
SUITE=github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111
: "${CONFORMANCE:=}" # the program, if it is there already
if [ -z "$CONFORMANCE" ]; then
	needs go
	like_version=$(GOTOOLCHAIN=local go version 2>/dev/null | sed -n 's/.* go1\.\([0-9]*\).*/\1/p')
	[ "${like_version:-0}" -ge 24 ] || skip_all "the suite needs Go 1.24"
	# Its sources come from the Go module proxy: where there is none, nothing of this can run.
	GOTOOLCHAIN=local GOFLAGS=-modcacherw GOPATH=$T/go GOCACHE=$T/gocache GOBIN=$T timeout 300 go install "$SUITE" >"$T/go.log" 2>&1 ||
		skip_all "the suite cannot be built here: $(tail -n 1 "$T/go.log")"
	CONFORMANCE=$T/conformance
fi

suite() { # NAME VARIABLES...
	local name=$1
	shift
	run env OCI_REGISTRY="$SERVE" OCI_TLS=disabled OCI_RESULTS_DIR="$T/results" "$@" timeout 300 "$CONFORMANCE"
	status "$name" 0
	like "$name: nothing fails" "$OUT$ERR" '^ *FAIL\.+: +0$'
	like "$name: nothing is skipped" "$OUT$ERR" '^ *Skip\.+: +0$'
	[ "$STATUS" -eq 0 ] || diag "$(grep -E 'FAIL|Error' <<<"$OUT$ERR" | head -n 30)"
}

serve_start
suite "1.1"
suite "1.0" OCI_VERSION=1.0
suite "1.1+dev" OCI_VERSION=dev
suite "1.1, again over what is left" OCI_REPO1=conformance/repo3
serve_stop
hash=$(python3 -W ignore -c 'import crypt; print(crypt.crypt("s3cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))')
printf 'tester %s conformance all\n' "$hash" >users
chmod 600 users
serve_start --auth users
suite "1.1 with a password" OCI_USERNAME=tester OCI_PASSWORD=s3cret
serve_stop
is "the registry has not failed once" "$(grep -E '" 500 |^error' serve.log)" ""
run env DECANT_ROOT="$SERVE_ROOT" "$DECANT" fsck
status "the store is whole" 0
done_testing
