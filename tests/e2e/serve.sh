#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# decant serve: skopeo and decant push and pull; images of the store are in it without being pushed; zero copy.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs_root
needs_run
needs skopeo
export SOURCE_DATE_EPOCH=1700000000
serve_start

api GET /
is "it speaks the protocol" "$CODE $BODY" "200 {}"
like "keeps connections" "$(curl -sv "http://$SERVE/v2/" "http://$SERVE/v2/" -o /dev/null -o /dev/null 2>&1)" 'Re-using existing connection'
curl -s -o /dev/null -w "%{http_code}" "http://$SERVE/other" >other
is "nothing else is there" "$(cat other)" 404

# --- decant pushes from a store of its own, and pulls into another
base base:1
run decant build -q -t "$SERVE/shop/web:1" - <<'D'
FROM base:1
RUN echo made > /made && chmod 4755 /made
LABEL a=b
D
status "builds" 0
ID=$OUT
run decant push "$SERVE/shop/web:1"
status "decant pushes" 0
is "two layers" "$(grep -c ': Pushed$' <<<"$OUT")" 2
DIGEST=$(sed -n 's/^1: digest: \(sha256:[0-9a-f]*\) .*/\1/p' <<<"$OUT")
run decant push "$SERVE/shop/web:1"
is "again: nothing is sent" "$(grep -c ': Layer already exists$' <<<"$OUT")" 2
decant tag "$SERVE/shop/web:1" "$SERVE/other/copy:1"
: >serve.log
run decant push "$SERVE/other/copy:1"
status "to another project" 0
wait_until 60 grep -qE '"(PATCH|PUT) [^ ]*blobs/uploads' serve.log # it is written when the answer has gone
is "no byte of a layer is sent: they are mounted" "$(grep -c ': Mounted from shop/web$' <<<"$OUT") $(grep -cE '"(PATCH|PUT) [^ ]*blobs/uploads' serve.log)" "2 1" # the config
run env DECANT_ROOT="$T/second" "$DECANT" pull -q "$SERVE/shop/web:1"
status "decant pulls" 0
is "the same image" "$(DECANT_ROOT=$T/second decant images -q --no-trunc "$SERVE/shop/web:1")" "$ID"
run env DECANT_ROOT="$T/second" "$DECANT" run --rm "$SERVE/shop/web:1" stat -c %a /made
is "and it runs" "$OUT" 4755

# --- skopeo
run skopeo inspect --tls-verify=false "docker://$SERVE/shop/web:1"
is "skopeo sees that digest" "$(jq -r .Digest <<<"$OUT")" "$DIGEST"
ok "skopeo copies from it" skopeo copy -q --src-tls-verify=false "docker://$SERVE/shop/web:1" oci:layout:x
ok "skopeo copies to it, docker's types" skopeo copy -q --dest-tls-verify=false -f v2s2 oci:layout:x "docker://$SERVE/shop/docker:1"
ok "skopeo copies to it, OCI's types" skopeo copy -q --dest-tls-verify=false oci:layout:x "docker://$SERVE/shop/oci:1"
is "OCI: the same manifest, byte for byte" "$(skopeo inspect --raw --tls-verify=false "docker://$SERVE/shop/oci:1" | sha256sum | cut -d' ' -f1)" \
	"$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)"
run env DECANT_ROOT="$T/third" "$DECANT" pull -q "$SERVE/shop/docker:1"
status "decant pulls what skopeo pushed" 0
is "the same image again" "$(DECANT_ROOT=$T/third decant images -q --no-trunc)" "$ID"
run skopeo list-tags --tls-verify=false "docker://$SERVE/shop/web"
is "skopeo lists tags" "$(jq -c .Tags <<<"$OUT")" '["1"]'
ok "skopeo deletes" skopeo delete --tls-verify=false "docker://$SERVE/shop/docker:1"
api GET /shop/docker/manifests/1
is "it is gone" "$CODE" 404
api GET /_catalog
is "the catalogue" "$(jq -c .repositories <<<"$BODY")" '["other/copy","shop/docker","shop/oci","shop/web"]'

# --- images of the served store need no push
export DECANT_ROOT=$SERVE_ROOT
base base:1
run decant build -q -t "$SERVE/local/app:1" -t "localhost:$SERVE_PORT/local/app:2" - <<'D'
FROM base:1
RUN echo local > /local
D
status "builds in the store that is served" 0
LOCAL=$OUT
api GET /local/app/tags/list
is "its tags are there" "$(jq -c .tags <<<"$BODY")" '["1","2"]'
packed() { find "$SERVE_ROOT/map" -type f -exec cat {} + | grep -c ' gzip '; }
is "nothing is compressed for that" "$(packed)" 0
api HEAD /local/app/manifests/1
is "the first question" "$CODE $(packed)" "200 2"
: >serve.log
run decant push "$SERVE/local/app:1"
status "pushing it" 0
is "sends nothing" "$(grep -cE '"(PATCH|PUT|POST) [^ ]*blobs/uploads' serve.log)" 0
is "skopeo sees the image" "sha256:$(skopeo inspect --raw --config --tls-verify=false "docker://$SERVE/local/app:2" | sha256sum | cut -d' ' -f1)" "$LOCAL"
run env DECANT_ROOT="$T/fourth" "$DECANT" pull -q "$SERVE/local/app:1"
status "another store pulls it" 0
is "as the same image" "$(DECANT_ROOT=$T/fourth decant images -q --no-trunc)" "$LOCAL"
run decant build -q -t "$SERVE/local/app:1" - <<'D'
FROM base:1
RUN echo newer > /local
D
is "the tag follows the name" "sha256:$(skopeo inspect --raw --config --tls-verify=false "docker://$SERVE/local/app:1" | sha256sum | cut -d' ' -f1)" "$OUT"
skopeo copy -q --dest-tls-verify=false oci:layout:x "docker://$SERVE/local/app:1"
is "a push wins over the name" "sha256:$(skopeo inspect --raw --config --tls-verify=false "docker://$SERVE/local/app:1" | sha256sum | cut -d' ' -f1)" "$ID"
# --- what new-build makes is in it, wherever it listens; older results by their digest alone
serve_build() { # TEXT: builds it, and prints the digest of the stream's newest image
	printf 'FROM base:1\nRUN echo %s > /text\n' "$1" >source/Dockerfile
	git -C source add -A && git -C source -c user.name=x -c user.email=x@x commit -qm "$1" && git -C source push -q "$T/repos/team.git" HEAD:master || return 1
	if [ "$1" = one ]; then decant new-build "$WEB/cgi/team.git" --name app; else decant start-build app; fi >/dev/null 2>&1 || return 1
	decant logs -f bc/app >/dev/null 2>&1
	decant get istag app:latest -o json | jq -r .image.metadata.name
}
if [ -x "$(git --exec-path 2>/dev/null)/git-http-backend" ]; then
	mkdir repos
	exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/repos" "$T/web.log")
	E2E_PIDS+=("$!")
	read -r port <&3
	WEB=http://127.0.0.1:$port
	git init -q --bare -b master repos/team.git && git init -q -b master source
	OLD=$(serve_build one) NEW=$(serve_build two)
	like "new-build makes two images" "$OLD $NEW" '^sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$'
	unlike "not the same" "$OLD" "$NEW"
	api HEAD "/default/app/manifests/$OLD"
	is "the older is there, by its digest" "$CODE $(header Docker-Content-Digest)" "200 $OLD"
	api HEAD /default/app/manifests/latest
	is "the newer, by its tag" "$CODE $(header Docker-Content-Digest)" "200 $NEW"
	api GET /default/app/tags/list
	is "which alone is a tag" "$(jq -c .tags <<<"$BODY")" '["latest"]'
	run env DECANT_ROOT="$T/sixth" "$DECANT" run --rm "$SERVE/default/app@$OLD" cat /text
	is "and another store runs the older" "$OUT" one
else
	skip "what new-build makes" "this git has no http-backend"
fi

api DELETE /local/app/manifests/2
is "deleting the tag" "$CODE" 202
api GET /local/app/manifests/2
is "takes the name too" "$CODE $(decant images -q "localhost:$SERVE_PORT/local/app:2")" "404 "

# --- what is served stays, and is seen
decant rmi -f "$SERVE/local/app:1" >/dev/null
decant system prune -af >/dev/null
run env DECANT_ROOT="$T/fifth" "$DECANT" pull -q "$SERVE/shop/oci:1"
status "prune leaves what repositories have" 0
like "du names the repository" "$(decant du --why "${DIGEST#sha256:}" 2>&1)" 'repository (shop|other)/'
run decant fsck
status "the store is whole" 0
rm "$SERVE_ROOT/blobs/sha256/$(skopeo inspect --raw --tls-verify=false "docker://$SERVE/shop/oci:1" | jq -r '.layers[0].digest' | cut -d: -f2)"
run decant fsck
status "a blob that is gone" 5
like "is found by its link" "$OUT" 'repos/shop\+oci/blobs/sha256:[0-9a-f]+: leads to a blob that is gone'
run decant fsck --repair
like "and taken out" "$OUT" 'repos/shop\+oci/blobs/'
serve_stop
wait "$SERVE_PID" 2>/dev/null
is "it ends well" $? 0
is "nothing left over" "$(leftovers)" ""
done_testing
