# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Registries that want logins, TLS and proxies (tests/lib/auth-registry.py) for end-to-end tests; sourced after e2e.sh.
#
#   auth_start NAME=MODE...     starts them; sets NAME_PORT for each
#   auth_log                    what was asked since the last auth_forget
#   auth_forget
#   auth_authority NAME         NAME.key and NAME.pem, an authority of our own
#   auth_certificate CA NAME SUBJECTALTNAME [OPENSSL OPTIONS...]   NAME.key and NAME.pem, which it vouches for

auth_start() {
	needs python3
	rm -f "$T/auth.info"
	python3 "$E2E_ROOT/tests/lib/auth-registry.py" --info "$T/auth.info" --log "$T/auth.log" "$@" 2>"$T/auth.err" &
	E2E_PIDS+=("$!")
	wait_until 120 [ -f "$T/auth.info" ]
	# shellcheck disable=SC1091
	. "$T/auth.info" || { diag "the registries do not start" "$(cat "$T/auth.err")"; exit 1; }
	AUTH_SEEN=0
}

auth_log() { tail -n +"$((AUTH_SEEN + 1))" "$T/auth.log"; }

auth_forget() { AUTH_SEEN=$(wc -l <"$T/auth.log"); }

auth_authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.pem" -days 2 \
		-subj "/CN=authority $1" 2>/dev/null || { diag "openssl failed"; exit 1; }
}

auth_certificate() {
	local ca=$1 name=$2
	printf 'subjectAltName=%s\n' "$3" >"$name.ext"
	shift 3
	if ! openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" 2>/dev/null ||
		! openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial -out "$name.pem" -days 2 -extfile "$name.ext" "$@" 2>/dev/null; then
		diag "openssl failed"
		exit 1
	fi
}
