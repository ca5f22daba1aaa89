#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docker, podman and buildah, those that run here, pull from our registry and push to it, with and without a login.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs_root
needs_run
needs python3
printf 'me sha256:%s * all\n' "$(printf s3cret | sha256sum | cut -d' ' -f1)" >users
chmod 600 users
serve_start --auth users
SERVE_CURL=(-u me:s3cret)
export DECANT_ROOT=$SERVE_ROOT
base base:1
run decant build -q -t "$SERVE/shop/web:1" - <<'D'
FROM base:1
RUN echo made > /made
D
status "an image in the store that is served" 0
ID=$OUT
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >policy.json

pushed() { # NAME WHO: what came back has the same layers
	api GET "/$1/manifests/1" -H 'Accept: */*'
	is "$2: it is there" "$CODE" 200
	run env DECANT_ROOT="$T/back-$2" DOCKER_CONFIG="$T/login" "$DECANT" pull -q "$SERVE/$1:1"
	status "$2: decant pulls it" 0
	is "$2: with the same layers" "$(DECANT_ROOT=$T/back-$2 decant image inspect --format '{{json .RootFS.Layers}}' "$SERVE/$1:1")" \
		"$(decant image inspect --format '{{json .RootFS.Layers}}' "$ID")"
}
mkdir login
printf s3cret >password
run env DOCKER_CONFIG="$T/login" "$DECANT" login -u me --password-stdin "$SERVE" <password
status "decant logs in" 0

buildah() { command buildah --root "$T/containers" --runroot "$T/run" --storage-driver vfs "$@"; }
if command -v buildah >/dev/null && buildah images >/dev/null 2>&1; then
	run buildah pull -q --signature-policy "$T/policy.json" --tls-verify=false "docker://$SERVE/shop/web:1"
	ok "buildah without a login" [ "$STATUS" -ne 0 ]
	run buildah pull -q --signature-policy "$T/policy.json" --tls-verify=false --creds me:s3cret "docker://$SERVE/shop/web:1"
	is "buildah pulls the same image" "sha256:$OUT" "$ID"
	run buildah push -q --signature-policy "$T/policy.json" --tls-verify=false --creds me:s3cret "${ID#sha256:}" "docker://$SERVE/shop/buildah:1"
	status "buildah pushes" 0
	pushed shop/buildah buildah
	buildah rmi -a -f >/dev/null 2>&1
else
	skip "buildah" "it does not run here"
fi

for engine in docker podman; do
	if ! real_engine $engine; then
		skip "$engine" "it does not run here"
		continue
	fi
	insecure=()
	[ $engine = docker ] || insecure=(--tls-verify=false)
	run $engine login "${insecure[@]}" -u me --password-stdin "$SERVE" <password
	status "$engine logs in" 0
	run $engine pull -q "${insecure[@]}" "$SERVE/shop/web:1"
	status "$engine pulls" 0
	is "$engine: the same image" "sha256:$($engine image inspect --format '{{.Id}}' "$SERVE/shop/web:1" | sed s/sha256://)" "$ID"
	$engine tag "$SERVE/shop/web:1" "$SERVE/shop/$engine:1"
	run $engine push "${insecure[@]}" "$SERVE/shop/$engine:1"
	status "$engine pushes" 0
	pushed "shop/$engine" $engine
	$engine rmi "$SERVE/shop/web:1" "$SERVE/shop/$engine:1" >/dev/null 2>&1
	$engine logout "$SERVE" >/dev/null 2>&1
done
is "no request made it fail" "$(grep -E '" 500 |^error' serve.log)" ""
done_testing
