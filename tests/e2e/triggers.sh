#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Images that change, configurations without a build, and pushes into a repository of this machine start builds.
. "$(dirname "$0")/../lib/e2e.sh"
SERVE_ROOT=$DECANT_ROOT
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3 git jq curl
[ -x "$(git --exec-path)/git-http-backend" ] || skip_all "this git has no http-backend"
mkdir repos
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/repos" "$T/web.log")
E2E_PIDS+=("$!")
read -r port <&3
URL=http://127.0.0.1:$port/cgi/app.git

export GIT_CONFIG_GLOBAL=$T/gitconfig
git config --global user.name tester
git config --global user.email tester@example.org
git config --global init.defaultBranch main
git init -q src
git init -q --bare repos/app.git
git -C src remote add origin "$T/repos/app.git"
last() { decant get bc app -o json | jq .status.lastVersion; }
field() { decant get build "$1" -o json | jq -r "$2"; }
build_over() { # NAME: its phase, once it is there and over
	local phase
	for _ in $(seq 900); do
		phase=$(decant get build "$1" -o json 2>/dev/null | jq -r .status.phase)
		case $phase in Complete | Failed | Error | Cancelled) break ;; esac
		sleep 0.1
	done
	echo "$phase"
}
image() { # NAME TEXT: an image of the store, with a manifest
	printf 'FROM scratch\nLABEL text=%s\n' "$2" | decant build -q --annotation "text=$2" -t "$1" - >/dev/null
}
image one:1 a
image two:1 a
printf 'FROM two:1 AS other\nFROM scratch AS middle\nCOPY program /x\nFROM one:1\nCOPY program /program\n' >src/Dockerfile
echo 1 >src/program
git -C src add -A
git -C src commit -qm one
git -C src push -q origin HEAD:main
decant new-build "$URL" >/dev/null 2>&1
is "the first build" "$(build_over app-1)" Complete

# --- images of streams
run decant import-image one:1
is "the same image starts nothing" "$(last)" 1
image one:1 b
run decant import-image one:1
like "a new image of the last FROM starts a build" "$OUT" "^build.build.openshift.io/app-2 started: Image change$"
is "... which says so" "$(build_over app-2) $(field app-2 '.spec.triggeredBy[0] | .message + " " + .imageChangeBuild.fromRef.name')" "Complete Image change one:1"
is "... and which image" "$(field app-2 '.spec.triggeredBy[0].imageChangeBuild.imageID')" \
	"$(decant get bc app -o json | jq -r '.spec.triggers[] | select(.type == "ImageChange" and .imageChange.from == null) | .imageChange.lastTriggeredImageID')"
is "... it is of that image" "$(decant inspect --format '{{.Config.Labels.text}}' localhost:5000/default/app)" b
image two:1 b
run decant import-image two:1
like "one of an earlier FROM does too" "$OUT" "^build.build.openshift.io/app-3 started: Image change$"
is "... with its tag" "$(build_over app-3) $(field app-3 '.spec.triggeredBy[0].imageChangeBuild.fromRef.name')" "Complete two:1"
run decant import-image two:1
is "nothing is started twice" "$(last)" 3
image one:1 c
decant set triggers bc/app --manual >/dev/null
run decant import-image one:1
is "--manual keeps it back" "$(last)" 3
run decant set triggers bc/app --auto
like "... until --auto" "$OUT" "^build.build.openshift.io/app-4 started: Image change$"
is "... it completes" "$(build_over app-4)" Complete
FIRST=$(decant get is one -o json | jq -r '.status.tags[0].items[-1].image')
run decant stream-tag "one@$FIRST" one:1
like "a tag that is set back is a change" "$OUT" "^build.build.openshift.io/app-5 started: Image change$"
is "... it completes" "$(build_over app-5)" Complete
run decant start-build app -w
is "a build by hand has seen what is newest" "$STATUS $(last)" "0 6"
run decant set triggers bc/app --from-config
is "... and a configuration with builds needs no first one" "$(last)" 6

# --- git's own hook
run decant hook install repos/app.git app
status "hook install" 0
git -C src commit -qm two --allow-empty
SHA=$(git -C src rev-parse HEAD)
OUT=$(git -C src push origin HEAD:main 2>&1)
like "a push starts a build" "$OUT" "^remote: build.build.openshift.io/app-7 started: refs/heads/main at ${SHA:0:7}"
is "... of its commit" "$(build_over app-7) $(field app-7 '.spec.revision.git.commit + " " + .spec.triggeredBy[0].message')" "Complete $SHA Git push"
OUT=$(git -C src push origin HEAD:other 2>&1)
like "another branch does not" "$OUT" "^remote: app: no build: it is of refs/heads/main, which was not pushed"
OUT=$(git -C src push origin :other 2>&1)
is "nor one that is deleted" "$(last)" 7
run decant hook app < <(printf '%040d %040d refs/heads/main\n' 1 0)
is "the branch itself, deleted, starts nothing" "$STATUS $OUT" "0 app: no build of refs/heads/main, which was deleted"
run decant hook app < <(printf '%040d --upload-pack=x refs/heads/main\n' 1)
is "a line that git does not write is refused" "$STATUS $(last)" "3 7"
run decant hook install repos/app.git -F app
status "an own hook is replaced" 0
git -C src commit -qm three --allow-empty
OUT=$(git -C src push origin HEAD:main 2>&1)
like "-F shows the log" "$OUT" "^remote: Push successful"
echo foreign >repos/app.git/hooks/post-receive
run decant hook install repos/app.git app
is "a foreign one is not" "$STATUS $(cat repos/app.git/hooks/post-receive)" "3 foreign"
run decant hook install src nothing
is "a configuration that is none" "$STATUS $([ -e src/.git/hooks/post-receive ] && echo written)" "1 "
run decant hook install repos app
like "a directory that is no repository" "$ERR" "'repos' is no git repository"

# --- with a server: pushes to the registry, scheduled imports, a first build
serve_start --import-interval 1s
echo layer >layer
put_image default/app pushed layer
is "a push to the registry is of the stream" "$CODE $(decant get istag app:pushed -o json | jq -r .image.metadata.name)" "201 $(sha256 .manifest)"
decant set triggers bc/app --from-image app:pushed >/dev/null
decant start-build app -w >/dev/null
put_image default/app pushed layer
is "the same image again starts nothing" "$CODE $(last)" "201 10"
echo other >layer
put_image default/app pushed layer
is "... another a build" "$CODE $(build_over app-11) $(field app-11 '.spec.triggeredBy[0].imageChangeBuild.fromRef.name')" "201 Complete app:pushed"
run decant import-image two:1 --from two:1 --scheduled --confirm
image two:1 d
is "a scheduled import starts a build" "$(build_over app-12) $(field app-12 '.spec.triggeredBy[0].imageChangeBuild.fromRef.name')" "Complete two:1"
like "... which the log tells" "$(cat serve.log)" "^triggers: build default/app-12 started: Image change$"
serve_stop
python3 - "$DECANT_ROOT/proj/default/bc/app.json" <<'PY'
import json, sys
bc = json.load(open(sys.argv[1]))
bc["metadata"]["name"] = "fresh"
bc["status"]["lastVersion"] = 0
json.dump(bc, open(sys.argv[1].replace("app.json", "fresh.json"), "w"))
PY
serve_start
is "a configuration without a build gets its first" "$(build_over fresh-1) $(field fresh-1 '.spec.triggeredBy[0].message')" "Complete Build configuration change"
serve_stop
done_testing
