#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may do what in our registry: passwords, tokens, projects, TLS; and what it refuses to do without them.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
# shellcheck source=tests/lib/auth.sh
. "$E2E_ROOT/tests/lib/auth.sh"
needs python3 openssl
code() { jq -r '.errors[0].code' <<<"$BODY"; }
hash() { python3 -W ignore -c 'import crypt, sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' "$1"; }

# --- the file
umask 077
printf '# who may what\nalice %s * all\nbob %s shop pull\n* - public pull\n' "$(hash 'a:lice')" "$(hash b0bsleigh)" >users
token() { decant serve --auth users --new-token "$1"; }
run token ci:shop:pull,push
status "a new token" 0
CI=$OUT
like "it is long" "$CI" '^decant_[0-9a-f]{64}$'
is "the file has its hash alone" "$(grep -c "$CI" users) $(grep -c "^ci sha256:$(printf %s "$CI" | sha256sum | cut -d' ' -f1) shop pull,push$" users)" "0 1"
run token 'ci:../x:pull'
ok "a place that is none" [ "$STATUS" -ne 0 ]
run token ci:shop:write
like "a right that is none" "$ERR" "'write' is no right"
run token ci:shop
status "no rights" 2
for line in 'x plain * all' 'x sha256:12 * all' 'x - * all more' 'x - *' 'x - a:b all' 'x - * none'; do
	printf '%s\n' "$line" >wrong
	run decant serve --addr 127.0.0.1:0 --auth wrong
	ok "refused: $line" [ "$STATUS" -ne 0 ]
	like "names the line: $line" "$ERR" 'wrong:1'
done
cp users open && chmod 644 open
run decant serve --addr 127.0.0.1:0 --auth open
like "a file that others read" "$ERR" "chmod 600 'open'"
run decant serve --addr 127.0.0.1:0 --auth missing
like "a file that is not there" "$ERR" "cannot read 'missing'"

# --- what is open to other machines
run decant serve --addr 0.0.0.0:0
like "other machines without --auth" "$ERR" "'0.0.0.0:0' is open to other machines, without --auth"
run decant serve --addr :0 --auth users
like "other machines without TLS" "$ERR" "without TLS"
run decant serve --addr nothing
like "no address" "$ERR" "'nothing' is no address"
run decant serve --tls-cert x
like "half a TLS" "$ERR" "go together"

# --- who may what
serve_start --auth users
head -c 1000 /dev/urandom >blob
as() { # USER:PASSWORD or token
	case $1 in
	'') SERVE_CURL=() ;;
	*:*) SERVE_CURL=(-u "$1") ;;
	*) SERVE_CURL=(-H "Authorization: Bearer $1") ;;
	esac
}
may() { # WHO METHOD PATH CODE...: NAME of the test is what it says
	as "$1"
	api "$2" "$3" ${5:+--data-binary "$5"}
	local who=${1%%:*}
	[[ $who != decant_* ]] || who="a token"
	is "$who $2 ${3:0:40}: $4" "$CODE" "$4"
}
may '' GET / 401
is "it says how" "$(header WWW-Authenticate)" 'Basic realm="decant"'
may alice:a:lice GET / 200
may alice:wrong GET / 401
may nobody:x GET / 401
may bob:b0bsleigh GET / 200
as alice:a:lice
put_image shop/web 1 blob
is "alice pushes" "$CODE" 201
put_image public/web 1 blob
put_image secret/web 1 blob
DIGEST=$(header Docker-Content-Digest)
BLOB=$(sha256 blob)
may bob:b0bsleigh GET /shop/web/manifests/1 200
may bob:b0bsleigh POST /shop/web/blobs/uploads/ 403 ''
is "and says what he may not" "$(jq -r '.errors[0].message' <<<"$BODY")" "bob may not push to 'shop/web'"
may bob:b0bsleigh GET /secret/web/manifests/1 403
may bob:b0bsleigh GET /secret/none/manifests/1 403
may bob:b0bsleigh GET /shopping/web/manifests/1 403
may '' GET /public/web/manifests/1 200
may '' GET /secret/web/manifests/1 401
may '' GET /public/web/manifests/none 404
may '' DELETE "/public/web/manifests/$DIGEST" 401
may "$CI" GET /shop/web/manifests/1 200
may "any:$CI" GET /shop/web/manifests/1 200
may "${CI}0" GET /shop/web/manifests/1 401
may "$CI" GET /secret/web/manifests/1 403
may "$CI" DELETE "/shop/web/manifests/$DIGEST" 403
is "X10 a token that may push deletes no manifest" "$CODE $(code)" "403 DENIED"
may "$CI" DELETE "/shop/web/blobs/$BLOB" 403
may "$CI" DELETE /shop/web/manifests/1 403
is "X10 nor a tag" "$CODE $(code)" "403 DENIED"
as "$CI"
head -c 1000 /dev/urandom >own
put_image shop/web 2 own
is "but it pushes" "$CODE" 201
as bob:b0bsleigh
api GET /_catalog
is "the catalogue shows what he may see" "$(jq -c .repositories <<<"$BODY")" '["public/web","shop/web"]'

# --- X08 a blob of somebody else is not mounted, and nobody learns that it is there
as alice:a:lice
head -c 500 /dev/urandom >hidden
put_blob secret/web hidden
HIDDEN=$(sha256 hidden)
for blob in "$HIDDEN" "sha256:$(printf %064d 1)"; do
	may "$CI" POST "/shop/web/blobs/uploads/?mount=$blob&from=secret/web" 202 ''
	may "$CI" POST "/shop/web/blobs/uploads/?mount=$blob" 202 ''
	may "$CI" HEAD "/shop/web/blobs/$blob" 404
done
is "X08 neither way" "$CODE" 404
as alice:a:lice
api POST "/shop/web/blobs/uploads/?mount=$HIDDEN&from=secret/web" -d ''
is "X08 who may read it mounts it" "$CODE" 201
api POST "/public/web/blobs/uploads/?mount=$HIDDEN" -d ''
is "X08 also without saying from where" "$CODE" 201

# --- the file changes
sed -i '/^bob/d' users
may bob:b0bsleigh GET /shop/web/manifests/1 401
echo 'nonsense' >>users
may alice:a:lice GET / 200
like "a file that is wrong is told" "$(cat serve.log)" 'error: the credentials were not read again: expected NAME SECRET WHERE RIGHTS'
sed -i '/nonsense/d' users
unlike "S05 no secret is in the log" "$(cat serve.log)" "a:lice|b0bsleigh|$CI|$(printf alice:a:lice | base64)"
like "who it was is in the log" "$(cat serve.log)" '^127.0.0.1 alice "GET /v2/" 200 '

# --- clients log in
mkdir -p "$HOME/.docker"
printf '%s' a:lice >password
run decant login -u alice --password-stdin "$SERVE" <password
status "decant logs in" 0
if [ "$(id -u)" -eq 0 ]; then
	base "$SERVE/shop/base:1"
	run decant push -q "$SERVE/shop/base:1"
	status "and pushes" 0
fi
if command -v skopeo >/dev/null; then
	run skopeo inspect --raw --tls-verify=false --creds "x:$CI" "docker://$SERVE/shop/web:2"
	status "skopeo with a token" 0
	run skopeo inspect --raw --tls-verify=false --no-creds "docker://$SERVE/public/web:1"
	status "skopeo without anything" 0
fi
serve_stop

# --- TLS
auth_authority ca
auth_certificate ca server IP:127.0.0.1,DNS:localhost
SERVE_SCHEME=https
serve_start --auth users --tls-cert server.pem --tls-key server.key
SERVE_CURL=(--cacert ca.pem -u alice:a:lice)
api GET /
is "https" "$CODE" 200
api GET "/shop/web/blobs/$BLOB"
cmp -s .body blob
is "https: a blob" "$CODE $?" "200 0"
head -c 5000000 /dev/urandom >large
put_blob shop/web large
is "https: 5 MB come" "$CODE" 201
api GET "/shop/web/blobs/$(sha256 large)" -H 'Range: bytes=1000000-'
tail -c +1000001 large | cmp -s - .body
is "https: and go" "$CODE $?" "206 0"
ok "TLS 1.1 is not spoken" sh -c "! openssl s_client -connect $SERVE -tls1_1 -cipher 'ALL:@SECLEVEL=0' </dev/null 2>&1 | grep -q 'Cipher is [A-Z]'"
run env SSL_CERT_FILE="$T/ca.pem" "$DECANT" login -u alice --password-stdin "$SERVE" <password
status "decant logs in by https" 0
serve_stop
openssl ecparam -name prime256v1 -genkey -noout -out other.key 2>/dev/null
run decant serve --addr 127.0.0.1:0 --tls-cert server.pem --tls-key other.key
like "another key" "$ERR" 'certificate and key'
done_testing
