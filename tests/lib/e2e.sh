# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What end-to-end tests share.  A test is tests/e2e/NAME.sh:
#
#   #!/bin/bash
#   . "$(dirname "$0")/../lib/e2e.sh"
#   base alpine:edge
#   run decant build -t x - <<'D'
#   FROM alpine:edge
#   RUN true
#   D
#   ok "builds" [ "$STATUS" -eq 0 ]
#   done_testing
#
# The environment is clean: a store (DECANT_ROOT), HOME and TMPDIR below $T, which goes at the end, as
# do the processes started here (by their pid).  `decant` is the program under test.
#
#   run COMMAND...          run it; $OUT, $ERR and $STATUS hold what came
#   ok NAME COMMAND...      passes if the command succeeds
#   is NAME GOT WANTED      equal texts
#   like NAME GOT REGEX     an extended regular expression matches a part
#   unlike NAME GOT REGEX   ... does not
#   status NAME WANTED      $STATUS of the last run, shows $ERR if it differs
#   skip NAME REASON        counted, with its reason
#   skip_all REASON         end here; nothing of this file can run
#   needs_root, needs_run, needs COMMAND...    skip_all unless so
#   real_engine docker|podman   is one here that runs, and no decant under its name?
#   base NAME               a tiny busybox image under this name
#   base_tar                path of its root file system
#   registry_start [USER:PASSWORD]    Debian's docker-registry on loopback; $REGISTRY is HOST:PORT
#   registry_start_tls CERTIFICATE KEY   the same behind https, as 0.0.0.0:$REGISTRY_PORT
#   registry_stop
#   free_port               a TCP port that nobody listens on
#   wait_until SECONDS COMMAND...   until the command succeeds; fails when the time is over
#   damage FILE OFFSET      the byte there becomes another one
#   now_ms                  milliseconds of a clock, to take differences of
#   prompt_ms               how long what takes less than a second may take here: a machine under load, or a program with sanitizers, gets more
#   as_user COMMAND...      as an ordinary user with subordinate ids (tools/as-user); needs root
#   leftovers               mounts and processes that speak of $T (must be empty after each command)
#   tap_of FILE COUNT [WHOSE]   FILE holds TAP of a program with COUNT tests: they become ours
#   done_testing            the plan; says how many there were
set -u

E2E_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${DECANT:=$E2E_ROOT/build/decant}"
DECANT=$(realpath -s -- "$DECANT") || { echo "Bail out! no '$DECANT': run make first"; exit 1; }
E2E_COUNT=0 E2E_FAILED=0 E2E_PIDS=() E2E_TMP=${TMPDIR:-/tmp}
T=$(mktemp -d "$E2E_TMP/decant-e2e.XXXXXX") && chmod 755 "$T" || exit 1
export DECANT DECANT_ROOT=$T/store HOME=$T/home TMPDIR=$T/tmp LC_ALL=C.UTF-8 TZ=UTC
mkdir "$HOME" "$TMPDIR"
unset SOURCE_DATE_EPOCH XDG_DATA_HOME XDG_CONFIG_HOME DOCKER_CONFIG http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY
cd "$T" || exit 1

decant() { "$DECANT" "$@"; }

e2e_stop() { # pid
	kill "$1" 2>/dev/null || return 0
	local i
	for i in $(seq 300); do
		kill -0 "$1" 2>/dev/null || break
		[ "$i" -lt 300 ] || kill -9 "$1" 2>/dev/null
		sleep 0.1
	done
	wait "$1" 2>/dev/null
}

e2e_end() {
	local status=$? pid
	trap - EXIT
	for pid in "${E2E_PIDS[@]}"; do
		e2e_stop "$pid"
	done
	cd /
	# What a rootless store holds belongs to subordinate ids: only inside the same mapping can it go.
	rm -rf "$T" 2>/dev/null || unshare --map-auto --map-root-user rm -rf "$T" 2>/dev/null
	if [ -z "${E2E_DONE:-}" ]; then
		echo "# the script ended before done_testing"
		echo "not ok $((E2E_COUNT + 1)) - runs to its end"
		status=1
	fi
	exit "$status"
}
trap e2e_end EXIT
trap 'exit 143' TERM INT

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

e2e_result() { # passed? name
	E2E_COUNT=$((E2E_COUNT + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $E2E_COUNT - $2"
	else
		E2E_FAILED=$((E2E_FAILED + 1))
		echo "not ok $E2E_COUNT - $2"
		diag "at ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}"
	fi
	return "$1"
}

run() {
	OUT=$("$@" 2>"$T/.stderr")
	STATUS=$?
	ERR=$(cat "$T/.stderr")
}

ok() {
	local name=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	e2e_result $((status != 0)) "$name" || diag "$* → status $status" "$output"
}

is() {
	local same=1
	[ "$2" != "$3" ] || same=0
	e2e_result $same "$1" || { diag "got:    $2"; diag "wanted: $3"; }
}

like() {
	local same=1
	printf '%s\n' "$2" | grep -Eq -- "$3" && same=0
	e2e_result $same "$1" || { diag "got:"; diag "$2"; diag "wanted a match of: $3"; }
}

unlike() {
	local same=0
	printf '%s\n' "$2" | grep -Eq -- "$3" && same=1
	e2e_result $same "$1" || { diag "got:"; diag "$2"; diag "wanted no match of: $3"; }
}

status() {
	local same=1
	[ "$STATUS" -eq "$2" ] && same=0
	e2e_result $same "$1" || { diag "exit status $STATUS, wanted $2"; diag "$OUT"; diag "$ERR"; }
}

skip() {
	E2E_COUNT=$((E2E_COUNT + 1))
	echo "ok $E2E_COUNT - $1 # SKIP $2"
}

skip_all() {
	echo "1..0 # SKIP $1"
	E2E_DONE=1
	exit 0
}

# Bounds are for what never comes, so they cost nothing: a slow machine under load gets minutes.
wait_until() {
	local end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.05
	done
}

damage() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1") && [ -n "$byte" ] &&
		printf '%b' "\\0$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

prompt_ms() {
	local begin
	begin=$(now_ms)
	"$DECANT" --version >/dev/null
	echo $((1000 + 20 * ($(now_ms) - begin)))
}

needs_root() { [ "$(id -u)" -eq 0 ] || skip_all "needs root"; }

needs() {
	local command
	for command; do
		command -v "$command" >/dev/null || skip_all "'$command' is not installed"
	done
}

# docker or podman: is it here, not decant under its name, and does it answer?
real_engine() {
	local at
	at=$(command -v "$1") && [ "$(realpath "$at")" != "$(realpath "$DECANT")" ] && [ "$(basename "$(realpath "$at")")" != decant ] &&
		"$1" info >/dev/null 2>&1
}

# Namespaces may be forbidden altogether (a container without privileges): then no RUN works here.
needs_run() {
	local map=()
	[ "$(id -u)" -eq 0 ] || map=(--map-auto --map-root-user)
	unshare --mount --pid --fork "${map[@]}" true 2>/dev/null || skip_all "no namespaces here"
}

base_tar() {
	[ -f "$T/.base.tar" ] || "$E2E_ROOT/tests/lib/make-base" >"$T/.base.tar" || return 1
	echo "$T/.base.tar"
}

base() {
	command -v busybox >/dev/null || skip_all "'busybox' is not installed"
	local tar
	if ! tar=$(base_tar) || ! decant import "$tar" "$1" >/dev/null; then
		diag "decant import failed"
		exit 1
	fi
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# NAME [CERTIFICATE KEY]: a docker-registry over $T/NAME at a port that it could have; sets $REGISTRY_PID, $REGISTRY_PORT
e2e_registry() {
	needs docker-registry curl
	local name=$1 auth='' tls='' scheme=http _
	[ ! -f "$T/$name.htpasswd" ] || auth="auth: {htpasswd: {realm: test, path: $T/$name.htpasswd}}"
	[ $# -eq 1 ] || tls=", tls: {certificate: $2, key: $3}" scheme=https
	mkdir -p "$T/$name"
	for _ in 1 2 3 4 5; do # the port may be another's by the time it is asked for
		REGISTRY_PORT=$(free_port)
		cat >"$T/$name.yml" <<-YML
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $T/$name}, delete: {enabled: true}}
		http: {addr: "127.0.0.1:$REGISTRY_PORT"$tls}
		$auth
		YML
		OTEL_TRACES_EXPORTER=none docker-registry serve "$T/$name.yml" >"$T/$name.log" 2>&1 &
		REGISTRY_PID=$!
		wait_until 120 e2e_registry_state "$scheme://127.0.0.1:$REGISTRY_PORT/v2/"
		if kill -0 "$REGISTRY_PID" 2>/dev/null; then
			E2E_PIDS+=("$REGISTRY_PID")
			return 0
		fi
	done
	diag "docker-registry does not start" "$(tail -n 5 "$T/$name.log")"
	exit 1
}

e2e_registry_state() { # URL: it answers, or has ended
	! kill -0 "$REGISTRY_PID" 2>/dev/null || [ "$(curl -sk -o /dev/null -w '%{http_code}' "$1")" != 000 ]
}

registry_start() {
	# htpasswd's bcrypt line, without needing apache2-utils
	[ $# -eq 0 ] || python3 -W ignore -c 'import crypt, sys; u, p = sys.argv[1].split(":", 1)
print(u + ":" + crypt.crypt(p, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' "$1" >"$T/registry.htpasswd" || return 1
	e2e_registry registry
	REGISTRY=127.0.0.1:$REGISTRY_PORT
}

# CERTIFICATE KEY: one behind https, with any name that is not a loopback one: the rules for real hosts hold.
registry_start_tls() {
	e2e_registry registry-tls "$1" "$2"
	# shellcheck disable=SC2034 # for tests
	REGISTRY=0.0.0.0:$REGISTRY_PORT
}

registry_stop() { e2e_stop "$REGISTRY_PID"; }

as_user() {
	needs_root
	chmod -R a+rX "$T" 2>/dev/null
	"$E2E_ROOT/tools/as-user" "$@"
}

leftovers() {
	grep -F "$T" /proc/mounts | grep -vF "$T/.keep"
	local pid
	for pid in /proc/[0-9]*; do
		[ "${pid#/proc/}" != "$$" ] || continue
		if [ "$(readlink "$pid/exe" 2>/dev/null)" = "$(realpath "$DECANT")" ] &&
			tr '\0' '\n' <"$pid/environ" 2>/dev/null | grep -qxF "DECANT_ROOT=$DECANT_ROOT"; then
			echo "process ${pid#/proc/}: $(tr '\0' ' ' <"$pid/cmdline")"
		fi
	done
	find "$DECANT_ROOT/tmp" -mindepth 1 -maxdepth 1 -printf 'tmp/%f\n' 2>/dev/null
}

tap_of() {
	local line whose=${3:-}
	while IFS= read -r line; do
		case $line in
		"ok "*) e2e_result 0 "${line#* - }$whose" ;;
		"not ok "*) e2e_result 1 "${line#* - }$whose" ;;
		1..*) ;;
		"#"*) echo "$line" ;;
		esac
	done <"$1"
	grep -qx "1\.\.$2" "$1" || { e2e_result 1 "the driver runs to its end$whose"; diag "$(tail -n 20 "$1")"; }
}

done_testing() {
	E2E_DONE=1
	echo "1..$E2E_COUNT"
	exit $((E2E_FAILED != 0))
}
