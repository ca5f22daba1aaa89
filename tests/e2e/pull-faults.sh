#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a registry may do wrong while we pull: a clear error, and nothing of it in the store.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_root
needs_run
fault_start
export DECANT_RETRY_DELAY=20ms



# --- bytes that are not what was promised (each leaves the store as it was)
refused cut-0 'transfer closed|ended early' "R01 nothing comes"
refused cut-1000 'transfer closed|ended early' "R01 a blob cut at 1000 bytes"
refused "cut-$((LAYER_BYTES - 1))" 'transfer closed|ended early' "R01 a blob without its last byte"
refused short 'fewer bytes than the manifest says' "R01 a blob that ends one byte early"
refused long 'more bytes than the manifest says' "R01 a blob with a byte too many"
refused flip-layer 'digest does not match' "R02 a flipped bit in a layer"
refused flip-config 'config of .*|digest does not match' "R02 a flipped bit in the config"
refused flip-manifest 'asked for manifest sha256:[0-9a-f]{64}, got sha256:' "R02 a flipped bit in the manifest"
refused html 'sends a web page, not a manifest' "R03 a web page"
refused html-blob 'does not match' "R03 a web page instead of a blob"
refused badrange 'another range than asked for' "R03 another range"
refused encoded 'Content-Encoding' "R03 a blob encoded on the way"
refused typelie "the server says 'application/vnd.oci.image.index" "R05 a manifest called an index"
refused both 'both "manifests" and "layers"' "R05 a document that is both"
refused schema1 'docker schema 1' "R05 schema 1"
refused mediatype "media type says .* content is gzip" "a layer of another compression"
refused diffid 'the image config says sha256:' "O05 another diff ID"
refused diffids 'the manifest has 2 layers, the config 1' "O06 too few diff IDs"
refused deep 'indexes inside each other' "O13 indexes without end"
refused huge 'larger than [0-9]+ bytes' "R13 a manifest without end"
refused noplatform 'no matching manifest for linux/' "R19 no image for this machine"
like "R19: says what there is" "$ERR" 'it offers: linux/s390x$'

# --- the same in a build: the registry is wrong (4), not our store (5)
mkdir ctx
for fault in flip-layer flip-config flip-manifest html-blob typelie mediatype diffid diffids long; do
	fault_forget
	rm -rf "$DECANT_ROOT"
	printf 'FROM %s/%s/img\nRUN true\n' "$FAULT" "$fault" >ctx/Dockerfile
	run decant build ctx
	status "FROM of a registry with fault $fault: exit status" 4
	run decant pull "$FAULT/$fault/img"
	status "pull of a registry with fault $fault: exit status" 4
done

# --- where it may not go
refused redirect-loop 'more than 10 redirects' "R11 a circle of redirects"
refused redirect-file "only http and https" "R11 a redirect to a file"
refused realm-file "only http and https" "R07 a token from a file"
refused foreign 'foreign' "R08 a foreign layer"
unlike "R08: nobody else was asked" "$(fault_log)" '^other'
refused storm 'unexpected status 500' "R09 a broken server"
ok "R09: asked a few times only" [ "$(fault_log | wc -l)" -le 5 ]
SECONDS=0
refused gone 'too many requests' "R09 a server that wants us to wait for years"
ok "R09: we do not" [ "$SECONDS" -lt 300 ]
refused reset 'reply|reset|recv' "R09 connections that are closed"

# --- what heals
taken good "a plain pull"
taken resume "R01 transfers that break are taken up again"
like "R01: where they broke" "$(fault_log)" "blobs/$LAYER range=bytes=[1-9]"
taken norange "R01 a server that knows no ranges"
taken lie "R04 the digest of the bytes counts, not what the server says"
taken notype "R05 no Content-Type"
taken busy "R09 a busy server"

# --- credentials
mkdir "$HOME/.docker"
echo "{\"auths\":{\"$FAULT\":{\"auth\":\"$(printf user:pass | base64)\"}}}" >"$HOME/.docker/config.json"
taken redirect "R06 a blob on another host"
like "R06: it was asked" "$(fault_log)" "^other GET /blob/$LAYER"
unlike "R06: and got no credentials" "$(fault_log)" '^other.*auth=[A-Za-z]'
refused realm-other 'which is refused' "R07 a token from another host"
unlike "R07: it was not asked" "$(fault_log)" '^other'
taken basic "basic authentication"
taken token "R10 tokens that run out on the way"
ok "R10: were renewed" [ "$(fault_log | grep -c '/token/token')" -ge 2 ]
refused token-never 'pull access denied' "R10 tokens that are never taken"
ok "R10: asked for once more at most" [ "$(fault_log | grep -c '/token-never/token')" -le 2 ]
like "R10: says whose credentials" "$ERR" "credentials of user from $HOME/.docker/config.json"
rm "$HOME/.docker/config.json"
refused basic 'pull access denied' "no credentials"
like "no credentials: says where it looked" "$ERR" "no credentials for $FAULT in $HOME/.docker/config.json"
like "no credentials: says what to do" "$ERR" "decant login $FAULT"
taken token-anon "tokens for everybody"
for bad in '' '{' '{"credsStore":"../evil"}' '{"credsStore":"is-not-installed"}'; do
	printf '%s' "$bad" >"$HOME/.docker/config.json"
	run decant pull "$FAULT/basic/img"
	ok "R18 a bad auth file '$bad': fails" [ "$STATUS" -ne 0 ]
	like "R18 a bad auth file '$bad': is named" "$ERR" "$HOME/.docker/config.json"
done
rm "$HOME/.docker/config.json"

# --- ^C while nothing comes
rm -rf "$DECANT_ROOT"
# (a shell starts what runs in the background with SIGINT ignored)
env --default-signal=INT,HUP "$DECANT" pull "$FAULT/stall/img" >/dev/null 2>"$T/stall.err" &
pid=$!
wait_until 60 eval 'fault_log | grep -q "stall/img/blobs/$LAYER"'
limit=$(prompt_ms)
before=$(date +%s%N)
kill -INT "$pid"
wait "$pid"
STATUS=$?
took=$((($(date +%s%N) - before) / 1000000))
is "^C: exit status" "$STATUS" 130
ok "^C: within a second (${took} ms)" [ "$took" -lt "$limit" ]
unlike "^C: no name" "$(store_names)" '%3A'
is "^C: nothing left over" "$(leftovers)" ""
done_testing
