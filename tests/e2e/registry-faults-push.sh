#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Uploads that break, are too large, are mounted or lied about.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
fault_start
base base:1

push() { # fault [option...]
	local fault=$1
	shift
	decant tag base:1 "$FAULT/$fault/img:1"
	fault_forget
	run decant push --retry-delay 1ms "$@" "$FAULT/$fault/img:1"
	decant rmi "$FAULT/$fault/img:1" >/dev/null
}
asked() { fault_log | grep -cE "$1"; }

# R11 what a Location says in its query
push up-state
status "R11 the Location's state comes back byte for byte" 0
like "R11: so it was asked" "$(fault_log)" 'PUT /v2/up-state/img/blobs/uploads/[0-9]+\?_state=a%2Fb%3D%3D~[0-9]+&x=1&digest=sha256%3A'

# R16 uploads that break
push up-resume
status "R16 an upload that is cut is taken up where it broke" 0
is "R16: in one session" "$(asked 'POST .*/blobs/uploads/')" 2
is "R16: by asking what is there" "$(asked 'GET .*/blobs/uploads/')" 1
is "R16: and a part" "$(asked 'PATCH ')" 1
push up-half
status "R16 parts of which less is kept than was sent (202 with a shorter Range)" 0
ok "R16: what is missing goes again" [ "$(asked 'PATCH ')" -gt 5 ]
push up-416
status "R16 a part in the wrong place (416)" 0
is "R16: the right place is asked for" "$(asked 'GET .*/blobs/uploads/')" 2
push up-one
status "R16 an upload of which one byte came: 0-0 may be one byte or none" 0
is "R16: so that session is left, and another begun" "$(asked 'POST .*/blobs/uploads/')" 3
push up-none
is "R16 parts that are accepted and not kept: fails" "$STATUS" 4
like "R16: says so" "$ERR" 'accepts parts and keeps none'
push up-more
ok "R16 a Range of more than was sent: fails" [ "$STATUS" -ne 0 ]
like "R16: says so" "$ERR" 'says that it has [0-9]+ bytes of the [0-9]+ that were sent'
push up-lie
ok "R16 another digest than ours: fails" [ "$STATUS" -ne 0 ]
like "R16: says so" "$ERR" 'damaged on the way'
unlike "R16: no manifest" "$(fault_log)" 'manifests'
push up-quiet
status "R16 201 without Location and digest" 0
push up-nowhere
ok "R16 202 without Location: fails" [ "$STATUS" -ne 0 ]
like "R16: says so" "$ERR" 'without saying where'
push up-full
is "R16 a registry whose disk is full" "$STATUS" 4
like "R16: is told" "$ERR" 'unexpected status 500'
unlike "R16: and gets no manifest" "$(fault_log)" 'manifests'

# R16 requests that are too large, and parts by wish
push up-max-300000
status "R16 a proxy that takes no more than 300,000 bytes (413)" 0
ok "R16: parts" [ "$(asked 'PATCH ')" -ge 4 ]
push up-max-300000-200000
status "R16 the same, with a least size of parts" 0
push up-max-300000-400000
ok "R16 parts that would be too large and too small at once: fails" [ "$STATUS" -ne 0 ]
like "R16: says so" "$ERR" 'status 413'
DECANT_CHUNK_SIZE=bad push up-state
like "R16 a bad DECANT_CHUNK_SIZE is named" "$ERR" "DECANT_CHUNK_SIZE is 'bad': expected a size"

# R16 mounts
decant tag base:1 "$FAULT/up-state/from:1"
decant push -q "$FAULT/up-state/from:1" >/dev/null
push up-mount-ok
status "R16 a blob that another repository has is mounted" 0
like "R16: and said to be" "$OUT" ': Mounted from up-state/from$'
is "R16: the layer was not sent" "$(asked 'PUT .*/blobs/uploads/')" 1
push up-mount
status "R16 a mount that is refused with a session (202): the session is used" 0
is "R16: no second one" "$(asked 'POST .*mount=')" 1
is "R16: for two blobs two sessions" "$(asked 'POST .*/blobs/uploads/')" 2
push up-refuse
status "R16 a mount that is refused with an error" 0

# R10 a token that runs out while we push
mkdir -p "$HOME/.docker"
echo "{\"auths\":{\"$FAULT\":{\"auth\":\"$(printf user:pass | base64)\"}}}" >"$HOME/.docker/config.json"
DECANT_CHUNK_SIZE=100k push up-token
status "R10 tokens that run out between the parts of an upload" 0
ok "R10: are renewed" [ "$(asked '/up-token/token')" -ge 4 ]
# (the token may run out at the question for a session too, which is then asked again)
is "R10: the uploads go on in their sessions" "$(fault_log | grep -oE '/blobs/uploads/[0-9]+' | sort -u | wc -l)" 2
for n in 1 2 3; do echo "$n" >"f$n"; done
printf 'FROM base:1\nCOPY f1 /1\nCOPY f2 /2\nCOPY f3 /3\n' | decant build -q -t layers:1 -f - . >/dev/null
for n in 1 2 3; do
	decant tag layers:1 "$FAULT/token/r$n:1"
	run decant push --retry-delay 1ms "$FAULT/token/r$n:1"
	status "R10 tokens for three requests, spent by layers that go side by side ($n)" 0
done
rm "$HOME/.docker/config.json"

# R17 two at once, one of which is cut
for name in one two; do
	decant tag base:1 "$FAULT/up-cut/img:$name"
	decant push --retry-delay 1ms "$FAULT/up-cut/img:$name" >/dev/null 2>"$T/$name.err" &
	pids+=("$!")
done
for pid in "${pids[@]}"; do
	wait "$pid"
	ok "R17 two pushes of one blob at once, one cut: succeeds" [ $? -eq 0 ]
done

# a registry that mixes up manifests which are put at once (docker-registry 2.8)
push up-mixed-3
status "400 DIGEST_INVALID for right bytes, three times: put again" 0
is "so often" "$(asked 'PUT .*/manifests/')" 4
push up-mixed-4
is "four times: fails" "$STATUS" 4
like "and says what the registry says" "$ERR" 'DIGEST_INVALID'

# all names of a repository
decant tag base:1 "$FAULT/up-state/many:1"
decant tag base:1 "$FAULT/up-state/many:2"
run decant push -a "$FAULT/up-state/many"
status "push --all-tags" 0
like "the first" "$OUT" '^1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
like "the second" "$OUT" '^2: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
is "one repository, said once" "$(printf '%s\n' "$OUT" | grep -c '^The push refers to repository')" 1
run decant push -a "$FAULT/up-state/many:1"
like "a tag and --all-tags" "$ERR" "tag can't be used with --all-tags"
run decant push -a "$FAULT/up-state/none"
like "no name of the repository" "$ERR" 'An image does not exist locally with the tag'
run decant push nosuch
like "no image of that name" "$ERR" 'An image does not exist locally with the tag: nosuch$'
is "nothing left over" "$(leftovers)" ""
done_testing
