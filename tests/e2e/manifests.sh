#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# manifest inspect and imagetools inspect: what a name means in its registry.
. "$(dirname "$0")/../lib/e2e.sh"
needs docker-registry python3
# shellcheck disable=SC2119 # no login
registry_start

printf 'FROM scratch\nCOPY f /\n' >Dockerfile
echo x >f
decant build -q -t "$REGISTRY/one:1" . >/dev/null && decant push -q "$REGISTRY/one:1" >/dev/null
decant build -q -t "$REGISTRY/two:1" --platform linux/amd64,linux/arm64 . >/dev/null && decant push -q "$REGISTRY/two:1" >/dev/null
value() { printf '%s' "$OUT" | python3 -c "import json, sys; print($1)"; }

run decant imagetools inspect --raw "$REGISTRY/one:1"
status "raw: one image" 0
raw=$OUT digest=sha256:$(printf '%s' "$OUT" | sha256sum | cut -d' ' -f1)
is "raw: is what the registry has" "$digest" "$(decant inspect -f '{{.Descriptor.Digest}}' "$REGISTRY/one:1")"
run decant manifest inspect "$REGISTRY/one:1"
is "manifest inspect: the document" "$(value 'json.load(sys.stdin)')" "$(OUT=$raw value 'json.load(sys.stdin)')"
run decant manifest inspect -v "$REGISTRY/one:1"
is "-v: has its digest" "$(value 'json.load(sys.stdin)["Descriptor"]["digest"]')" "$digest"
run decant manifest inspect -v "$REGISTRY/two:1"
is "-v: each of an index, with its platform" "$(value '[d["Descriptor"]["platform"]["architecture"] for d in json.load(sys.stdin)][:2]')" "['amd64', 'arm64']"
run decant buildx imagetools inspect "$REGISTRY/two:1"
like "a summary: name" "$OUT" "^Name:      $REGISTRY/two:1$"
like "a summary: type" "$OUT" '^MediaType: application/vnd.oci.image.index.v1\+json$'
like "a summary: platforms" "$OUT" '^  Platform:    linux/arm64$'
run decant imagetools inspect --format '{{.Manifest.Digest}} {{len .Manifest.Manifests}} {{json .Name}}' "$REGISTRY/two:1"
like "a template" "$OUT" "^sha256:[0-9a-f]{64} [0-9] \"$REGISTRY/two:1\"$"
run decant imagetools inspect "$REGISTRY/one@$digest"
like "by digest" "$OUT" "^Digest:    $digest$"
run decant manifest inspect "$REGISTRY/one:none"
like "a name that is not there" "$ERR" "no such manifest: $REGISTRY/one:none"
ok "... is an error" [ "$STATUS" -ne 0 ]
run decant search --list-tags "$REGISTRY/none"
status "tags of what is not there: the status of pull" 4
run decant pull -q "$REGISTRY/none"
status "... which is the same" 4
run decant imagetools inspect "$REGISTRY/none"
status "... as that of inspect" 4
run decant imagetools inspect --raw --format json "$REGISTRY/one:1"
status "--raw and --format" 2
done_testing
