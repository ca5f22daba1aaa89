# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Our own registry (decant serve) for end-to-end tests; sourced after e2e.sh.
#
#   serve_start [OPTIONS...]   starts it over $SERVE_ROOT (default $T/served), at a port that stays the same; sets $SERVE (HOST:PORT), $SERVE_PID
#   serve_stop                 SIGTERM, and waits
#   serve_kill                 SIGKILL, and waits
#   api METHOD PATH [CURL OPTIONS...]   a request to /v2PATH: $CODE, $BODY, $HEADERS
#   header NAME                of the last reply
#   sha256 FILE                "sha256:..."
#   put_blob REPO FILE         at once
#   put_image REPO TAG FILE    a manifest whose only layer is FILE
: "${SERVE_ROOT:=$T/served}"
SERVE_PORT=0 SERVE_SCHEME=http SERVE_CURL=()

# shellcheck disable=SC2120 # options are optional
serve_start() {
	needs curl jq
	ldconfig -p | grep -q 'libmicrohttpd\.so\.12' || skip_all "libmicrohttpd is not installed"
	: >"$T/serve.out"
	DECANT_ROOT=$SERVE_ROOT "$DECANT" serve --addr "127.0.0.1:$SERVE_PORT" "$@" >"$T/serve.out" 2>>"$T/serve.log" &
	SERVE_PID=$!
	E2E_PIDS+=("$SERVE_PID")
	local _
	for _ in $(seq 300); do
		SERVE=$(sed -n 's,^listening on https*://,,p' "$T/serve.out")
		[ -z "$SERVE" ] || break
		kill -0 "$SERVE_PID" 2>/dev/null || break
		sleep 0.1
	done
	[ -n "$SERVE" ] || { diag "decant serve does not start" "$(tail -n 5 "$T/serve.log")"; exit 1; }
	SERVE_PORT=${SERVE##*:}
}

serve_stop() { e2e_stop "$SERVE_PID"; }

serve_kill() {
	kill -9 "$SERVE_PID"
	wait "$SERVE_PID" 2>/dev/null
}

api() {
	local method=$1 path=$2 head=()
	shift 2
	[ "$method" != HEAD ] || head=(--head)
	# shellcheck disable=SC2034 # for tests
	CODE=$(curl -sS -m 120 "${SERVE_CURL[@]}" "${head[@]}" -X "$method" -D "$T/.headers" -o "$T/.body" -w '%{http_code}' "$@" "$SERVE_SCHEME://$SERVE/v2$path" 2>"$T/.curl")
	HEADERS=$(tr -d '\r' <"$T/.headers")
	# shellcheck disable=SC2034 # for tests
	BODY=$(tr -d '\0' <"$T/.body" 2>/dev/null | head -c 100000)
}

header() { sed -n "s/^$1: //Ip" <<<"$HEADERS" | tail -n 1; }

sha256() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }

put_blob() { api POST "/$1/blobs/uploads/?digest=$(sha256 "$2")" -H 'Content-Type: application/octet-stream' --data-binary "@$2"; }

put_image() {
	printf '{}' >"$T/.config"
	put_blob "$1" "$T/.config"
	put_blob "$1" "$3"
	cat >"$T/.manifest" <<-JSON
	{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
	"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$(sha256 "$T/.config")","size":2},
	"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"$(sha256 "$3")","size":$(stat -c %s "$3")}]}
	JSON
	api PUT "/$1/manifests/$2" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$T/.manifest"
}
