#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mirrors of any registry, who gets which login (R07), proxies and names of hosts (R20), names that are none (R15).
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/auth.sh
. "$E2E_ROOT/tests/lib/auth.sh"
needs openssl
auth_authority ca
auth_certificate ca hub "DNS:registry-1.docker.io,DNS:auth.docker.io,DNS:auth.example,DNS:registry.example,DNS:mirror.example"
auth_certificate ca any "IP:0.0.0.0"
auth_start HUB=open,cert=hub.pem,key=hub.key PROXY=proxy,to=HUB A=basic B=basic M=open NONE=empty PLAINREALM=realm,realm=http://0.0.0.0:1/token \
	FILEREALM=realm,realm=file:///etc/passwd EVIL=realm,realm=http://evil.example/token AUTH=token,cert=any.pem,key=any.key \
	TLSPLAIN=realm,realm=http://0.0.0.0:9/token,cert=any.pem,key=any.key
auth_start_more() { # the second half, which needs ports of the first
	python3 "$E2E_ROOT/tests/lib/auth-registry.py" --info "$T/more.info" --log "$T/auth.log" "$@" 2>>"$T/auth.err" &
	E2E_PIDS+=("$!")
	local _
	for _ in $(seq 300); do [ -f "$T/more.info" ] && break; sleep 0.1; done
	# shellcheck disable=SC1091
	. "$T/more.info"
}
auth_start_more "REALM=realm,realm=https://0.0.0.0:$AUTH_PORT/token,cert=any.pem,key=any.key" \
	OPENTLS=open,cert=any.pem,key=any.key "DOWN=realm,realm=http://127.0.0.1:$A_PORT/token,cert=any.pem,key=any.key" "LEAP=realm,realm=http://localhost:$A_PORT/token"
A=127.0.0.1:$A_PORT B=127.0.0.1:$B_PORT
mkdir -p "$HOME/.docker" "$HOME/.config/decant"
logins() { # host...
	python3 -c 'import json, sys; print(json.dumps({"auths": {h: {"auth": "dXNlcjpwYXNz"} for h in sys.argv[1:]}}))' "$@" >"$HOME/.docker/config.json"
}
settings() { echo "$1" >"$HOME/.config/decant/config.json"; }

# --- mirrors
logins "$A" "q.example"
settings "{\"mirrors\":{\"q.example\":[\"http://127.0.0.1:$NONE_PORT\",\"http://$A\"]}}"
auth_forget
run decant pull -q q.example/team/app:1
status "a mirror of another registry, the second one" 0
is "the name stays" "$OUT" q.example/team/app:1
like "the first was asked" "$(auth_log)" '^NONE GET /v2/team/app/manifests/1 auth=-'
like "the second with its own login" "$(auth_log)" '^A GET /v2/team/app/manifests/1 auth=user:pass'
logins q.example
rm -rf "$DECANT_ROOT"
auth_forget
run decant pull -q q.example/team/app:1
ok "R07 a mirror gets no login of the registry: fails" [ "$STATUS" -ne 0 ]
unlike "R07 none was sent" "$(auth_log)" 'auth=user'
like "says which were tried" "$ERR" "the mirror $A was tried first"
settings "{\"mirrors\":{\"q.example\":[\"http://127.0.0.1:$NONE_PORT\"]},\"skip-default-registry-fallback\":true}"
run decant pull -q q.example/team/app:1
like "no registry after the mirrors" "$ERR" 'the registry itself is not asked'
settings '{}'
logins
run decant pull -q --registry-map "q.example=127.0.0.1:$M_PORT/cache" q.example/team/app:1
status "--registry-map, with a path that repositories lie in" 0
like "which they do" "$(auth_log)" '^M GET /v2/cache/team/app/manifests/1'
rm -rf "$DECANT_ROOT"
run decant pull -q --registry-map "x.example=127.0.0.1:1;q.example=127.0.0.1:$M_PORT" q.example/team/app:1
status "two in one, as kaniko has it" 0
run decant pull -q --registry-map q.example q.example/app
status "no map" 2
rm -rf "$DECANT_ROOT"
run decant pull -q --registry-mirror "127.0.0.1:$M_PORT" alpine
status "--registry-mirror without a scheme" 0
like "docker.io's library" "$(auth_log)" '^M GET /v2/library/alpine/manifests/latest'
mkdir ctx && echo 'FROM alpine' >ctx/Dockerfile
rm -rf "$DECANT_ROOT"
run decant build -t x --registry-mirror "http://127.0.0.1:$M_PORT" --skip-default-registry-fallback ctx
status "kaniko's options in a build" 0
for bad in unix:///run/registry.sock /run/registry.sock; do
	run decant pull -q --registry-mirror "$bad" alpine
	ok "R20 a socket file is refused: $bad" [ "$STATUS" -ne 0 ]
	like "R20 $bad: says so" "$ERR" 'reached over the network, not by a socket file'
done

# --- R07: where a login may go
ask() { # what, host:port, options: pulls with a login for it
	local host=$1
	shift
	logins "$host"
	rm -rf "$DECANT_ROOT"
	auth_forget
	run decant pull -q "$@" "$host/app"
}
ask "0.0.0.0:$REALM_PORT" --ca ca.pem
like "R07 https sends to https: the login goes there, as Docker Hub's does" "$(auth_log)" '^AUTH GET /token.* auth=user:pass'
for case in "DOWN https to http on another host" "TLSPLAIN https to http on the same host"; do
	name=${case%% *}_PORT
	ask "0.0.0.0:${!name}" --ca ca.pem
	ok "R07 ${case#* }: fails" [ "$STATUS" -ne 0 ]
	like "R07 ${case#* }: says so" "$ERR" 'which is refused'
	unlike "R07 ${case#* }: nothing was told" "$(auth_log)" 'auth=user'
done
for case in "LEAP http to another host" "EVIL http to a foreign host" "PLAINREALM http to another address" "FILEREALM a file"; do
	name=${case%% *}_PORT
	ask "127.0.0.1:${!name}"
	ok "R07 ${case#* }: fails" [ "$STATUS" -ne 0 ]
	like "R07 ${case#* }: says so" "$ERR" 'which is refused|only http and https'
	unlike "R07 ${case#* }: nothing was told" "$(auth_log)" 'auth=user'
done
ask "127.0.0.1:$REALM_PORT"
ok "R07 a registry that may be insecure sends to another host: that must prove itself" [ "$STATUS" -ne 0 ]
unlike "R07 it did not: nothing was told" "$(auth_log)" 'auth=user'
logins "$A"
rm -rf "$DECANT_ROOT"
auth_forget
run decant pull -q "$B/app"
unlike "R07 another port is another registry" "$(auth_log)" 'auth=user'

# --- a redirect: the other host has to prove itself, whatever the registry may do
rm -f more.info
auth_start_more "GO=redirect,at=https://0.0.0.0:$OPENTLS_PORT"
logins
ask "127.0.0.1:$GO_PORT"
ok "R14 a loopback registry redirects to a host that nobody vouches for: fails" [ "$STATUS" -ne 0 ]
like "R14 says so" "$ERR" '[Cc]ertificate'
unlike "R14 it was asked for nothing" "$(auth_log)" '^OPENTLS GET'
ask "127.0.0.1:$GO_PORT" --ca ca.pem
status "R14 an authority vouches for it" 0
ask "127.0.0.1:$GO_PORT" --insecure-registry "0.0.0.0:$OPENTLS_PORT"
status "R14 it may be insecure itself" 0
like "R14 it was asked" "$(auth_log)" '^OPENTLS GET /v2/.*/blobs/'

# --- R20: proxies
logins
proxied() { # what, image, wanted in the proxy's log, variables...
	local what=$1 image=$2 wanted=$3
	shift 3
	rm -rf "$DECANT_ROOT"
	auth_forget
	run env "$@" "$DECANT" pull -q --ca ca.pem "$image"
	if [ "$wanted" = - ]; then
		unlike "R20 $what" "$(auth_log)" '^PROXY '
	else
		status "R20 $what" 0
		like "R20 $what: by the proxy" "$(auth_log)" "^PROXY $wanted"
	fi
}
P=http://127.0.0.1:$PROXY_PORT
proxied "https_proxy" alpine 'CONNECT registry-1\.docker\.io:443' https_proxy="$P"
like "R20 docker.io's library" "$(auth_log)" '^HUB GET /v2/library/alpine/manifests/latest'
proxied "HTTPS_PROXY" docker.io/alpine 'CONNECT registry-1\.docker\.io:443' HTTPS_PROXY="$P"
proxied "all_proxy" index.docker.io/library/alpine 'CONNECT registry-1\.docker\.io:443' all_proxy="$P"
proxied "a proxy's own login" registry.example/app 'CONNECT registry\.example:443 .*proxy-auth=Basic dTpw' https_proxy="http://u:p@127.0.0.1:$PROXY_PORT"
unlike "R20 which the registry does not get" "$(auth_log)" '^HUB .*auth=u:p'
proxied "no_proxy names it" registry.example/app - https_proxy="$P" no_proxy=registry.example
proxied "no_proxy names its domain" registry.example/app - https_proxy="$P" no_proxy=.example
proxied "no_proxy names its port" registry.example/app - https_proxy="$P" no_proxy=registry.example:443
proxied "no_proxy names another port" registry.example/app 'CONNECT registry\.example:443' https_proxy="$P" no_proxy=registry.example:444
proxied "a proxy of a scheme that there is not" registry.example/app - https_proxy=wrong://u:secret@127.0.0.1:1
run env https_proxy=wrong://u:secret@127.0.0.1:1 "$DECANT" pull -q --ca ca.pem registry.example/app
is "R20 it is named, at once and without its login" "$STATUS $(head -n 1 <<<"$ERR" | grep -c 'environment: https_proxy: no proxy speaks its scheme') $(grep -c secret <<<"$ERR")" "3 1 0"
proxied "NO_PROXY is all" registry.example/app - https_proxy="$P" NO_PROXY='*'
proxied "no_proxy names another" registry.example/app 'CONNECT registry\.example:443' https_proxy="$P" no_proxy=other.example
proxied "loopback goes by no proxy" "127.0.0.1:$M_PORT/app" - http_proxy="$P" https_proxy="$P" all_proxy="$P"
proxied "http_proxy is not for https" registry.example/app - http_proxy="$P"
proxied "a proxy that is not there" registry.example/app - https_proxy=http://127.0.0.1:1
ok "R20 a proxy that is not there: fails" [ "$STATUS" -ne 0 ]
if python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null; then
	rm more.info
	auth_start_more "SIX=open,host=::1"
	run decant pull -q "[::1]:$SIX_PORT/app"
	status "R20 an IPv6 literal" 0
	is "R20 keeps its brackets" "$OUT" "[::1]:$SIX_PORT/app:latest"
else
	skip "R20 an IPv6 literal" "no IPv6 here"
fi

# --- R15: what is no name, asks nobody
auth_forget
for name in $'a\r\nX: y' 'a/../b' '../../etc/passwd' 'a/%2e%2e/b' 'a//b' '/a' 'a/' 'a:' 'a:../x' 'a:b/c' 'a@sha256:abc' 'a b' 'A' 'a?b' 'a#b' 'a&b' \
	"127.0.0.1:$M_PORT/a"$'\n' "user:pw@127.0.0.1:$M_PORT/a" "127.0.0.1:$M_PORT:1/a" "http://127.0.0.1:$M_PORT/a" "127.0.0.1:99999/a" '[::1/a' \
	'-a' '.a' 'a..b' 'a___b' "a:$(printf 'x%.0s' {1..129})" "$(printf 'x%.0s' {1..300})" "127.0.0.1:$M_PORT/a:"$'t\tb' 'ä'; do
	run decant pull -q -- "$name"
	status "R15 $(printf %q "${name:0:40}")" 2
done
is "R15 nobody was asked" "$(auth_log)" ""
is "nothing left over" "$(leftovers)" ""
done_testing
