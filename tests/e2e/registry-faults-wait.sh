#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Registries that are slow, busy, send us round in circles or to death: we wait, but not for ever.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
fault_start
QUICK=(--retry 1 --retry-delay 1ms)

# R09 Retry-After
for what in zero past garbage none; do
	taken "after-$what" "R09 503 with Retry-After: $what" --retry-delay 1ms
	is "R09: the manifest was asked for once more ($what)" "$(fault_log | grep -c "manifests/latest")" 2
done
for what in one date; do
	began=$(date +%s%N)
	taken "after-$what" "R09 503 with Retry-After: $what" --retry-delay 1ms
	ok "R09: we wait for so long ($what)" [ $(($(date +%s%N) - began)) -gt 900000000 ]
done
SECONDS=0
refused gone 'too many requests' "R09 429 with Retry-After: 1000000000"
like "R09: says what it wants" "$ERR" 'asks to wait 1000000000 seconds, decant waits at most 60'
is "R09: nothing was asked twice" "$(fault_log | grep -c 'manifests/latest')" 1
refused after-late 'unexpected status 503' "R09 503 with Retry-After: 3600"
like "R09: 503 says what it wants as well" "$ERR" 'asks to wait 3600 seconds, decant waits at most 60'
ok "R09: we do not" [ "$SECONDS" -lt 55 ]
refused storm 'unexpected status 500' "R09 a broken server" --retry 2 --retry-delay 1ms
is "R09: --retry 2 is three tries of the manifest" "$(fault_log | grep -c 'manifests/latest')" 3
refused storm 'unexpected status 500' "R09 a broken server, --retry 0" --retry 0
is "R09: one try" "$(fault_log | grep -c 'manifests/latest')" 1
refused reset 'reply|reset|recv' "R09 connections that are closed" "${QUICK[@]}"
taken break "R09 a connection that is reset half-way"
like "R09: goes on from there" "$(fault_log)" "blobs/$LAYER range=bytes=[1-9]"
for way in stall trickle; do
	SECONDS=0
	refused "$way" 'stalled' "R09 $way" --retry 0 --stall-timeout 500ms
	ok "R09: given up in time ($way)" [ "$SECONDS" -lt 55 ]
	like "R09: says after what time ($way)" "$ERR" 'stalled: .* (for|in) ([0-9]{3,4} ms|1 second|[2-9] seconds|[1-9][0-9]+ seconds)( |$)'
done
SECONDS=0
refused drip 'stalled' "R09 a manifest byte by byte" --retry 0 --stall-timeout 500ms
ok "R09: given up in time (drip)" [ "$SECONDS" -lt 55 ]
refused flood 'not found' "R09 a failure that never ends telling of itself" --retry 0
for bad in "--retry x" "--retry 1000" "--retry-delay soon" "--stall-timeout 0" "--retry-delay -1s"; do
	# shellcheck disable=SC2086 # two words
	run decant pull $bad "$FAULT/good/img"
	status "R09 $bad: refused" 2
	like "R09 $bad: says what is expected" "$ERR" "invalid value '.*' for ${bad% *}: expected a (number|time)"
done

# R09 ^C while nothing comes
fault_store
env --default-signal=INT,HUP "$DECANT" pull "$FAULT/stall/img" >/dev/null 2>&1 &
pid=$!
wait_until 60 eval 'fault_log | grep -q "stall/img/blobs/$LAYER"'
limit=$(prompt_ms)
began=$(date +%s%N)
kill -INT "$pid"
wait "$pid"
is "R09 ^C: exit status" "$?" 130
took=$((($(date +%s%N) - began) / 1000000))
ok "R09 ^C: at once (${took} ms)" [ "$took" -lt "$limit" ]
is "R09 ^C: nothing in the store" "$(fault_rest)" ""

# A mirror whose bytes are wrong: the layer comes again, from the registry
taken good "a mirror with a flipped bit" --registry-map "$FAULT=$FAULT/flip-layer-63"
is "it was asked for the layer" "$(fault_log | grep -c "flip-layer-63/good/img/blobs/$LAYER")" 1
is "and then the registry" "$(fault_log | grep -c "/v2/good/img/blobs/$LAYER")" 1
is "nothing left over of the first" "$(leftovers)" ""
refused good 'digest does not match' "mirrors with a flipped bit alone" --registry-map "$FAULT=$FAULT/flip-layer-63;$FAULT=$FAULT/flip-layer-3" --skip-default-registry-fallback
is "each was asked once" "$(fault_log | grep -c "/flip-layer-[0-9]*/good/img/blobs/$LAYER")" 2
like "and is named" "$ERR" "the mirror $FAULT was tried first: .*digest does not match"

# R10 tokens that run out on the way
mkdir -p "$HOME/.docker"
echo "{\"auths\":{\"$FAULT\":{\"auth\":\"$(printf user:pass | base64)\"}}}" >"$HOME/.docker/config.json"
taken token "R10 tokens that run out between blobs"
ok "R10: were renewed" [ "$(fault_log | grep -c '/token/token')" -ge 2 ]
refused token-never 'pull access denied' "R10 tokens that are never taken" "${QUICK[@]}"
ok "R10: asked for once more at most" [ "$(fault_log | grep -c '/token-never/token')" -le 2 ]
rm "$HOME/.docker/config.json"
refused token-evil 'blank or control byte in the token' "R10 a token with a line end" "${QUICK[@]}"

# R11 redirects
taken redirect-rel "R11 a relative Location"
taken redirect-10 "R11 ten redirects"
refused redirect-11 'more than 10 redirects' "R11 eleven" "${QUICK[@]}"
refused redirect-1000 'more than 10 redirects' "R11 a thousand" "${QUICK[@]}"
ok "R11: eleven were asked" [ "$(fault_log | grep -c "blobs/$LAYER")" -le 11 ]
refused redirect-loop 'more than 10 redirects' "R11 a circle" "${QUICK[@]}"
refused redirect-file 'only http and https' "R11 to a file" "${QUICK[@]}"

# R12 pages of tags
fault_store
run decant pull -q -a "$FAULT/tags-pages/img"
status "R12 three pages of tags" 0
is "R12: all were pulled" "$(decant images --format '{{.Tag}}' "$FAULT/tags-pages/img" | sort | tr '\n' ' ')" "latest t2 t3 "
run decant pull -a "$FAULT/tags-pages/img"
like "R12: their Status is one" "$OUT" "^Status: Image is up to date for $FAULT/tags-pages/img$"
is "R12: each has its digest" "$(printf '%s\n' "$OUT" | grep -c "^Digest: $INDEX$")" 3
for way in loop:'lead in a circle' endless:'over 1000 pages' bad:'expected a JSON object'; do
	fault_store
	run decant pull -a "${QUICK[@]}" "$FAULT/tags-${way%%:*}/img"
	is "R12 ${way%%:*}: fails" "$STATUS" 4
	like "R12 ${way%%:*}: says so" "$ERR" "${way#*:}"
done
run decant pull -a "$FAULT/good/img:latest"
like "a tag and --all-tags" "$ERR" "tag can't be used with --all-tags"

# R13 too much of everything
refused huge 'larger than [0-9]+ bytes' "R13 a manifest of 5 GiB" "${QUICK[@]}"
refused layers-1000000 'larger than [0-9]+ bytes' "R13 a million layers" "${QUICK[@]}"
refused layers-2000 'layers' "R13 two thousand layers" "${QUICK[@]}"
refused nested 'img' "R13 a manifest that is nested too deep" "${QUICK[@]}"
refused bigconfig 'at most [0-9]+ are allowed' "R13 a config of 65 MiB" "${QUICK[@]}"
ok "R13: it was not asked for" [ "$(fault_log | grep -c '/blobs/')" -eq 0 ]

# R15 names that would be something else in a request
fault_store
for name in $'a\r\nX: y' a:$'b\r\nX' a/../../v2 a:../x a/%2e%2e/b 'a:b c' 'a?x=y' 'a#b'; do
	run decant pull "$FAULT/$name"
	ok "R15 $(printf %q "$name"): refused" [ "$STATUS" -ne 0 ]
	like "R15 $(printf %q "$name"): by the grammar" "$ERR" 'invalid reference format'
done
is "R15: nobody was asked" "$(fault_log)" ""
done_testing
