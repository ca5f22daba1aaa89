#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# R14: certificates that are not good enough, TLS that is too old, http where https is meant: refused, with the reason and what to
# do.  Then what makes them good: folders of certificates, options, certificates of our own.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/auth.sh
. "$E2E_ROOT/tests/lib/auth.sh"
needs openssl
# 0.0.0.0 reaches this machine and is no loopback name: the rules for real hosts hold.
auth_authority ca
auth_authority other
auth_certificate ca good "IP:0.0.0.0"
auth_certificate ca elsewhere "DNS:registry.example"
auth_certificate ca client "DNS:client"
auth_certificate other stranger "DNS:stranger"
auth_certificate ca late "IP:0.0.0.0" -days -1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout self.key -out self.pem -days 2 -subj /CN=self \
	-addext subjectAltName=IP:0.0.0.0 2>/dev/null
openssl ec -in client.key -aes128 -passout pass:secret -out encrypted.key 2>/dev/null
auth_start GOOD=open,cert=good.pem,key=good.key ELSEWHERE=open,cert=elsewhere.pem,key=elsewhere.key LATE=open,cert=late.pem,key=late.key \
	SELF=open,cert=self.pem,key=self.key OLD=open,cert=good.pem,key=good.key,tls=1.0 OLDER=open,cert=good.pem,key=good.key,tls=1.1 \
	PLAIN=open CLIENT=open,cert=good.pem,key=good.key,client-ca=ca.pem \
	LOGIN=token,cert=good.pem,key=good.key

refused() { # what, port, reason, advice, options
	local what=$1 port=$2 reason=$3 advice=$4
	shift 4
	auth_forget
	run decant pull -q "$@" "0.0.0.0:$port/app"
	status "R14 $what: fails" 4
	like "R14 $what: the reason" "$ERR" "$reason"
	like "R14 $what: what to do" "$ERR" "$advice"
	unlike "R14 $what: nothing was asked" "$(auth_log)" ' GET '
}
refused "expired" "$LATE_PORT" 'expired|verification failed' 'whoever runs it has to renew it|certs\.d' --ca ca.pem
refused "another name" "$ELSEWHERE_PORT" 'name' 'use a name that is in it|certs\.d' --ca ca.pem
refused "self-signed" "$SELF_PORT" 'self.signed|verification failed' "/etc/docker/certs.d/0.0.0.0:$SELF_PORT/ca.crt"
refused "an unknown authority" "$GOOD_PORT" 'certificate' '--ca FILE'
refused "an authority that is another's" "$GOOD_PORT" 'certificate' '--ca FILE' --ca other.pem
refused "TLS 1.0" "$OLD_PORT" 'protocol|version|handshake' 'speaks no TLS newer than 1\.1' --ca ca.pem
refused "TLS 1.1" "$OLDER_PORT" 'protocol|version|handshake' 'speaks no TLS newer than 1\.1' --ca ca.pem
refused "plain http where https is meant" "$PLAIN_PORT" 'SSL|TLS|wrong version' 'if it speaks plain http, list "0\.0\.0\.0:'
refused "no certificate of ours" "$CLIENT_PORT" '.' "wants a certificate of its clients, and takes nobody without.* NAME.cert" --ca ca.pem
run decant pull -q --registry-mirror "http://0.0.0.0:$GOOD_PORT" --skip-default-registry-fallback app
ok "R14 https where http is written: fails" [ "$STATUS" -ne 0 ]
like "R14 https where http is written: says so" "$ERR" 'asked by plain http, as it is written: is it an https server\?'
run decant pull -q --insecure-registry "0.0.0.0:$GOOD_PORT" "0.0.0.0:$SELF_PORT/app"
status "R14 insecure is for the one that is named" 4
run decant pull -q --insecure-registry "0.0.0.0:$SELF_PORT" "0.0.0.0:$SELF_PORT/app"
status "R14 named: taken" 0
run decant pull -q --insecure-registry "0.0.0.0:$PLAIN_PORT" "0.0.0.0:$PLAIN_PORT/app"
status "R14 named: plain http as well" 0
run decant pull -q --skip-tls-verify "0.0.0.0:$LATE_PORT/app"
status "R14 --skip-tls-verify" 0

# --- folders of certificates
certs=$HOME/.config/containers/certs.d
mkdir -p "$certs/0.0.0.0:$GOOD_PORT" && cp ca.pem "$certs/0.0.0.0:$GOOD_PORT/ours.crt"
run decant pull -q "0.0.0.0:$GOOD_PORT/app"
status "certs.d of the user" 0
run decant pull -q "0.0.0.0:$LOGIN_PORT/app"
status "is for that registry alone" 4
echo junk >"$certs/0.0.0.0:$GOOD_PORT/junk.crt"
run decant pull -q "0.0.0.0:$GOOD_PORT/app"
like "a file that is no certificate is named" "$ERR" "'$certs/0.0.0.0:$GOOD_PORT/junk.crt' holds no certificate"
rm -r "$certs"
mkdir cd && cp ca.pem cd/ca.crt
run decant pull -q --cert-dir cd "0.0.0.0:$GOOD_PORT/app"
status "--cert-dir" 0
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
status "which lacks a certificate of ours" 4
cp client.pem cd/me.cert
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
like "a certificate without its key" "$ERR" "missing key 'me.key' for client certificate 'me.cert'"
cp encrypted.key cd/me.key
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
status "an encrypted key" 3
like "says so, asks nothing" "$ERR" "the key 'cd/me.key' is encrypted"
echo text >cd/me.key
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
like "a key that is none" "$ERR" "'cd/me.key' holds no key"
cp client.key cd/me.key
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
status "with its key" 0
mv cd/me.cert cd/other.cert
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
like "a key without its certificate" "$ERR" "missing client certificate 'me.cert' for key 'me.key'"
rm cd/other.cert && cp stranger.pem cd/me.cert && cp stranger.key cd/me.key
run decant pull -q --cert-dir cd "0.0.0.0:$CLIENT_PORT/app"
status "a certificate that the registry does not take" 4
like "says so" "$ERR" 'takes another than ours'
run decant pull -q --cert-dir nowhere "0.0.0.0:$GOOD_PORT/app"
status "no such folder" 2

# --- kaniko's spellings, in a build
mkdir ctx && printf 'FROM 0.0.0.0:%s/app\nLABEL a=1\n' "$CLIENT_PORT" >ctx/Dockerfile
run decant build -t x --registry-certificate "0.0.0.0:$CLIENT_PORT=ca.pem" --registry-client-cert "0.0.0.0:$CLIENT_PORT=client.pem,client.key" ctx
status "--registry-certificate, --registry-client-cert" 0
run decant build --registry-client-cert "0.0.0.0:$CLIENT_PORT=client.pem" ctx
status "without a key" 2

# --- a login over TLS
run decant login -u user --password-stdin "0.0.0.0:$LOGIN_PORT" <<<pass
status "login at an unknown authority" 4
unlike "tells nothing" "$(auth_log)" user
run decant login -u user --password-stdin --cert-dir cd "0.0.0.0:$LOGIN_PORT" <<<pass
like "a folder with a stranger's pair: not asked for" "$OUT" 'Login Succeeded'
run decant login -u user --password-stdin --ca ca.pem "0.0.0.0:$LOGIN_PORT" <<<pass
status "with --ca" 0
is "nothing left over" "$(leftovers)" ""
done_testing
