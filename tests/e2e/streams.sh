#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Image streams: histories, rollback, import, registries; and what is set and deleted of objects.
. "$(dirname "$0")/../lib/e2e.sh"
base localbase:1

items() { # of a tag of a stream, newest first
	decant get is "$1" -o json | python3 -c '
import json, sys
for t in json.load(sys.stdin)["status"]["tags"]:
    if t["tag"] == sys.argv[1]:
        print(*[i["image"] for i in t["items"]])' "$2"
}
build() { # name, text: waits, prints its digest
	printf '%s\n' "$2" >"$T/Dockerfile.$1"
	decant start-build "$1" --from-file "$T/Dockerfile.$1" -w >/dev/null 2>&1 &&
		items "$1" latest | cut -d' ' -f1
}

# --- history and rollback
decant new-build --binary --name app >/dev/null
A=$(build app 'FROM localbase:1
LABEL a=1')
B=$(build app 'FROM localbase:1
LABEL a=2')
like "a file alone is built" "$A $B" "^sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$"
is "newest first" "$(items app latest)" "$B $A"
run decant stream-tag "app@$A" app:latest
is "rollback" "$STATUS $OUT" "0 Tag app:latest set to app@$A."
is "... is the newest again" "$(items app latest)" "$A $B $A"
label() { decant inspect --format '{{.Config.Labels.a}}' "$1"; }
is "... in the store too" "$(label localhost:5000/default/app:latest)" 1
ln -s "$DECANT" oc
run ./oc tag app:latest prod:v1 prod:v2
is "another stream, under the name oc" "$STATUS $OUT" "0 Tag prod:v1 set to app@$A.
Tag prod:v2 set to app@$A."
is "... has names of its own" "$(label localhost:5000/default/prod:v1)$(label "localhost:5000/default/prod@$A")" 11
run decant stream-tag "app@sha256:$(printf '0%.0s' {1..64})" app:latest
like "an image that is in no history" "$STATUS $ERR" "^1 error: imagestreamimages.image.openshift.io .* not found"
run decant stream-tag -d prod:v2
is "a tag goes" "$STATUS $OUT $(decant get istag -o name | grep -c prod)" "0 Deleted tag default/prod:v2. 1"
is "... the image that another tag has stays" "$(label "localhost:5000/default/prod@$A")" 1
decant stream-tag -d prod:v1 >/dev/null
run label "localhost:5000/default/prod@$A"
status "... with the last tag it goes" 1
like "describe is" "$(decant describe is/app)" "^  \* localhost:5000/default/app@$A$"

# --- prune
run decant adm prune images --keep-tag-revisions=1 --keep-younger-than=0s
is "adm prune images says what would go" "$STATUS $(tail -1 <<<"$OUT" | tr -s ' ') $ERR" "0 default app 2 Dry run enabled - no modifications will be made. Add --confirm to remove images"
is "... and does nothing" "$(items app latest | wc -w)" 3
run decant adm prune images --keep-tag-revisions=1 --confirm
is "what is young stays" "$(items app latest | wc -w)" 3
run decant adm prune images --keep-tag-revisions=1 --keep-younger-than=0s --confirm
is "--confirm does it" "$STATUS $(items app latest)" "0 $A"
run label "localhost:5000/default/app@$B"
status "... and its names are gone" 1
run decant adm prune builds --keep-younger-than=0s --keep-complete=1 --confirm
is "adm prune builds" "$STATUS $(tail -1 <<<"$OUT" | tr -s ' ') $(decant get builds -o name)" "0 default app-1 build.build.openshift.io/app-2"

# --- names that are looked up
run decant inspect --format x app
status "a stream's name alone is no image" 1
decant set image-lookup app >/dev/null
is "set image-lookup --list" "$(decant set image-lookup --list | grep ^app | tr -s ' ')" "app true"
run decant create --name looked app true
status "... makes it one for run and create" 0
decant rm looked >/dev/null
decant set image-lookup app --enabled=false >/dev/null
run decant create --pull never app true
status "... until it is taken back" 1

# --- triggers
run decant set triggers bc/app --from-gitlab --from-image localbase:1
is "set triggers" "$STATUS $OUT" "0 buildconfig.build.openshift.io/app triggers updated"
is "... lists them" "$(decant set triggers bc/app | tr -s ' ')" "NAME TYPE VALUE AUTO
buildconfigs/app github secret/app-webhook
buildconfigs/app webhook secret/app-webhook
buildconfigs/app image localbase:1 true
buildconfigs/app gitlab secret/app-webhook"
decant set triggers bc/app --manual >/dev/null
like "... --manual" "$(decant describe bc/app)" "^Triggered by: +ImageChange \(localbase:1\) paused$"
decant set triggers bc/app --remove --from-gitlab --from-github >/dev/null
is "... --remove" "$(decant set triggers bc/app | wc -l)" 3

# --- registries
if command -v docker-registry >/dev/null; then
	# shellcheck disable=SC2119
	registry_start
	decant tag localbase:1 "$REGISTRY/base:1"
	decant push -q "$REGISTRY/base:1" >/dev/null
	run decant import-image base --from "$REGISTRY/base:1"
	is "a stream that is not there needs --confirm" "$STATUS $(head -1 <<<"$ERR")" "1 error: no image stream named \"base\" exists"
	run decant import-image base --from "$REGISTRY/base:1" --confirm --scheduled
	status "import-image" 0
	is "... says what it did" "$(head -1 <<<"$OUT")" "imagestream.image.openshift.io/base imported"
	ONE=$(items base latest)
	run decant import-image base
	is "nothing new is no new item" "$STATUS $(items base latest)" "0 $ONE"
	decant tag localhost:5000/default/app:latest "$REGISTRY/base:1"
	decant push -q "$REGISTRY/base:1" >/dev/null
	run decant import-image --scheduled
	is "--scheduled finds what changed" "$STATUS $OUT" "0 imagestream.image.openshift.io/base imported"
	is "... as a new item" "$(items base latest)" "$A $ONE"
	run decant import-image --scheduled
	is "... once" "$STATUS $OUT" "0 "
	run decant new-build -D "FROM $REGISTRY/base:1" --name far --registry "$REGISTRY/team"
	status "--registry" 0
	run decant logs -f bc/far
	like "... the result goes there" "$OUT" "^Successfully pushed $REGISTRY/team/default/far@sha256"
	FAR=$(items far latest)
	is "... and its registry has it" "$(curl -sI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/team/default/far/manifests/latest" | tr -d '\r' | sed -n 's/^Docker-Content-Digest: //Ip')" "$FAR"
	like "every base image has a trigger" "$(decant set triggers bc/far | tr -s ' ')" "^buildconfigs/far image base:1 true$"
	decant new-build --no-output -D 'FROM scratch
LABEL x=y' --name quiet >/dev/null
	run decant logs -f bc/quiet
	unlike "--no-output pushes nothing" "$OUT" "Pushing"
	decant new-build -D 'FROM scratch
LABEL x=y' --to "$REGISTRY/elsewhere/x:v3" --to-docker --name else >/dev/null
	run decant logs -f bc/else
	like "--to-docker" "$OUT" "^Successfully pushed $REGISTRY/elsewhere/x@sha256"
	run decant get is else
	status "... has no stream" 1
	registry_stop
else
	skip "registries" "'docker-registry' is not installed"
fi

# --- delete
run decant delete istag app:latest
is "delete istag" "$STATUS $OUT" "0 imagestreamtag.image.openshift.io \"app:latest\" deleted"
run decant delete bc/app is/app bc/nowhere
is "delete" "$STATUS $OUT $ERR" "1 buildconfig.build.openshift.io \"app\" deleted
imagestream.image.openshift.io \"app\" deleted error: buildconfigs.build.openshift.io \"nowhere\" not found"
is "... builds go with their configuration" "$(decant get builds -o name | grep -c app-)" 0
is "... and names with their stream" "$(decant images --format '{{.Repository}}' | grep -c default/app$)" 0
decant new-project second >/dev/null
decant new-build --binary --name other >/dev/null
run decant delete project second
is "delete project" "$STATUS $(tail -1 <<<"$OUT") $(decant projects | grep -c second)" "0 project.project.openshift.io \"second\" deleted 1"
run decant fsck
is "fsck knows all of it" "$STATUS $ERR" "0 "
done_testing
