#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A registry behind https with a certificate of our own: trusted only if we say so.
. "$(dirname "$0")/../lib/e2e.sh"
needs_root
needs_run
needs docker-registry openssl curl

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out ca.pem -days 2 -subj /CN=registry \
	-addext subjectAltName=IP:0.0.0.0 2>/dev/null || { diag "openssl failed"; exit 1; }
registry_start_tls "$T/ca.pem" "$T/key.pem"
port=$REGISTRY_PORT
base "$REGISTRY/base:1"

run decant push "$REGISTRY/base:1"
ok "a certificate that nobody knows" [ "$STATUS" -ne 0 ]
like "is not trusted" "$ERR" '[Cc]ertificate|SSL'
like "says how to trust it" "$ERR" 'update-ca-certificates'
like "or not to care" "$ERR" "\"$REGISTRY\" in \"insecure-registries\""
export SSL_CERT_FILE=$T/ca.pem
run decant push -q "$REGISTRY/base:1"
status "with its CA" 0
rm -rf "$DECANT_ROOT"
run decant pull -q "$REGISTRY/base:1"
status "pull with its CA" 0
run decant pull "localhost:$port/base:1"
status "loopback is not asked for its name" 0
unset SSL_CERT_FILE
run decant pull --tls-verify=true "localhost:$port/base:1"
ok "loopback, with --tls-verify=true: a certificate that nobody knows" [ "$STATUS" -ne 0 ]
like "... is not trusted" "$ERR" '[Cc]ertificate|SSL'
run decant pull --tls-verify "127.0.0.1:$port/base:1"
ok "--tls-verify alone: the same" [ "$STATUS" -ne 0 ]
run decant pull -q --tls-verify=true --insecure-registry "localhost:$port" "localhost:$port/base:1"
status "... what is listed may be insecure" 0
run decant pull -q --tls-verify=false "localhost:$port/base:1"
status "--tls-verify=false" 0
rm -rf "$DECANT_ROOT"
mkdir -p "$HOME/.config/decant"
echo "{\"insecure-registries\":[\"$REGISTRY\"]}" >"$HOME/.config/decant/config.json"
run decant pull -q "$REGISTRY/base:1"
status "listed as insecure" 0
is "nothing left over" "$(leftovers)" ""
done_testing
