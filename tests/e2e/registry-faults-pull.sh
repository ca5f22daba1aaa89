#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wrong bytes and wrong documents from a registry: nothing of them becomes visible.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
fault_start
QUICK=(--retry 1 --retry-delay 1ms)

# R01 transfers that break
taken resume "R01 one that breaks again and again is taken up where it broke"
like "R01: by Range" "$(fault_log)" "blobs/$LAYER range=bytes=[1-9]"
taken norange "R01 and from the beginning where there are no ranges"
is "R01: one that breaks half-way is asked for twice" "$(fault_log | grep -c "blobs/$LAYER ")" 2
export DECANT_CONNECTIONS=4
taken throttle-100000 "R01 a large blob over several connections"
ok "R01: in pieces" [ "$(fault_log | grep -c "blobs/$LAYER range=bytes=[0-9]*-[0-9]")" -ge 4 ]
taken norange "R01 several connections where there are no ranges" "${QUICK[@]}"
refused flip-layer 'does not match' "R02 several connections, a flipped bit" "${QUICK[@]}"
refused badrange 'another range than asked for' "R03 several connections, another range" "${QUICK[@]}"
refused cut-70000 'closed|early' "R01 several connections, all of them cut" "${QUICK[@]}"
unset DECANT_CONNECTIONS

# R03 something else than the blob
refused html 'sends a web page, not a manifest' "R03 a web page" "${QUICK[@]}"
refused html-blob 'does not match' "R03 a web page instead of a blob" "${QUICK[@]}"
refused badrange 'another range than asked for' "R03 another range" "${QUICK[@]}"
refused encoded 'Content-Encoding' "R03 encoded on the way" "${QUICK[@]}"

# R04 what the server calls a manifest is not what it is
taken lie "R04 a lie about the digest: the bytes count"
fault_store
run decant pull "$FAULT/other/img@$INDEX"
is "R04 by digest, another document: fails" "$STATUS" 4
like "R04: says what it is" "$ERR" "asked for manifest $INDEX, got $MANIFEST"
fault_store
run decant pull -q "$FAULT/good/img:other@$INDEX"
status "R04 NAME:TAG@DIGEST: the digest counts, the tag is not asked for" 0
unlike "R04: not at all" "$(fault_log)" 'manifests/other'

# R05 ambiguous documents
refused typelie "the server says 'application/vnd.oci.image.index" "R05 a manifest called an index" "${QUICK[@]}"
refused both 'both "manifests" and "layers"' "R05 both at once" "${QUICK[@]}"
refused schema1 'docker schema 1' "R05 schema 1" "${QUICK[@]}"
taken notype "R05 no Content-Type, and a document that says itself what it is"

# R06 a blob on another host
mkdir -p "$HOME/.docker"
echo "{\"auths\":{\"$FAULT\":{\"auth\":\"$(printf user:pass | base64)\"}}}" >"$HOME/.docker/config.json"
taken redirect "R06 a blob on another host"
like "R06: it was asked" "$(fault_log)" "^other GET /blob/$LAYER"
unlike "R06: without our credentials" "$(fault_log)" '^other.*auth=[A-Za-z]'

# R08 a layer with addresses of its own
refused foreign 'foreign' "R08 urls in a descriptor" "${QUICK[@]}"
unlike "R08: nobody was asked there" "$(fault_log)" '^other'

# R19 which image of an index
is_variant() { # platform, which one
	fault_store
	run decant pull -q --platform "$1" "$FAULT/variants/img"
	status "R19 $1" 0
	like "R19 $1 is $2" "$(decant inspect "$FAULT/variants/img")" "IS=linux/$2\""
}
is_variant linux/arm/v7 arm/v7
is_variant linux/arm/v6 arm/v6
is_variant linux/arm/v5 arm/v5
is_variant linux/arm arm/v7
is_variant linux/arm/v8 arm/v7
is_variant linux/arm64 arm64/v8
is_variant linux/arm64/v8 arm64/v8
is_variant linux/amd64 amd64/
is_variant linux/amd64/v2 amd64/v2
is_variant linux/amd64/v4 amd64/v3
is_variant linux/s390x s390x/
fault_store
run decant pull -q --platform linux/riscv64 "$FAULT/variants/img"
is "R19 no match: fails" "$STATUS" 4
like "R19: lists what there is" "$ERR" 'it offers: .*linux/arm/v5.*linux/amd64.*linux/s390x.*windows/amd64'
fault_store
run decant pull -q --platform linux/amd64 "$FAULT/attested/img"
status "R19 attestations and entries without platform are passed over; of two that fit, the first" 0
like "R19: so it is" "$(decant inspect "$FAULT/attested/img")" 'IS=linux/amd64/'
done_testing
