#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# new-build: a repository's address becomes a build configuration, builds, and a stream of digests.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 git
[ -x "$(git --exec-path)/git-http-backend" ] || skip_all "this git has no http-backend"
mkdir repos
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/repos" "$T/web.log")
WEB_PID=$!
E2E_PIDS+=("$WEB_PID")
read -r port <&3
WEB=http://127.0.0.1:$port
URL=$WEB/cgi/multi-stage-build.git

export GIT_CONFIG_GLOBAL=$T/gitconfig
git config --global user.name tester
git config --global user.email tester@example.org
git config --global init.defaultBranch main
git init -q src
commit() { # subject
	git -C src add -A && git -C src commit -qm "$1" && git -C src push -q "$T/repos/multi-stage-build.git" HEAD:main
}
git init -q --bare repos/multi-stage-build.git
base localbase:1
printf 'FROM localbase:1 AS build\nCOPY program /built\nFROM scratch\nCOPY --from=build /built /program\n' >src/Dockerfile
echo one >src/program
commit "the first one"
printf '#!/bin/sh\n' >repos/empty

digest() { decant get istag "$1" -o json | python3 -c 'import json,sys; print(json.load(sys.stdin)["image"]["metadata"]["name"])'; }
item() { # member of the n-th newest item of latest
	decant get is multi-stage-build -o json | python3 -c '
import json, sys
items = json.load(sys.stdin)["status"]["tags"][0]["items"]
print(items[int(sys.argv[1])]["image"] if sys.argv[1] != "count" else len(items))' "$1"
}
field() { # of a build's JSON: python expression on b
	decant get build "$1" -o json | python3 -c 'import json,sys; b=json.load(sys.stdin); print('"$2"')'
}

# --- what it would do
run decant new-build "$URL" --dry-run
status "--dry-run" 0
run decant get bc,x
ok "a type that is none is a mistake of the command line" [ "$STATUS" -eq 2 ]
run decant get bc
is "... creates nothing" "$STATUS $OUT $ERR" "0  No resources found in default namespace."
run decant new-build "$URL" -o name
is "-o name" "$OUT" "imagestream.image.openshift.io/localbase
imagestream.image.openshift.io/multi-stage-build
buildconfig.build.openshift.io/multi-stage-build"
run decant new-build "$URL" -o json
is "-o json is a v1 List of documents that have no status of ours" "$(python3 -c '
import json, sys
d = json.loads(sys.argv[1])
print(d["kind"], d["apiVersion"])
for i in d["items"]:
    print(i["apiVersion"], i["kind"], i["metadata"]["name"], "namespace" in i["metadata"], i["metadata"]["creationTimestamp"])
bc = d["items"][-1]["spec"]
print(bc["source"], bc["strategy"], bc["output"], bc["runPolicy"])
print(sorted(t["type"] for t in bc["triggers"]))
print("secret" in json.dumps(bc["triggers"]).replace("secretReference", ""))' "$OUT")" \
	"List v1
image.openshift.io/v1 ImageStream localbase False None
image.openshift.io/v1 ImageStream multi-stage-build False None
v1 Secret multi-stage-build-webhook False None
build.openshift.io/v1 BuildConfig multi-stage-build False None
{'type': 'Git', 'git': {'uri': '$URL'}} {'type': 'Docker', 'dockerStrategy': {}} {'to': {'kind': 'ImageStreamTag', 'name': 'multi-stage-build:latest'}} Serial
['ConfigChange', 'Generic', 'GitHub', 'ImageChange']
False"
decant new-build "$URL" -o yaml >list.yaml
like "-o yaml" "$(cat list.yaml)" "^  kind: BuildConfig$"

# --- the first build
run decant get ,
status "no type at all is a mistake of the command line" 2
decant_said() { printf '%s\n' "$OUT" | sed 's/image [0-9a-f]* (.* old)/image ID (AGE old)/'; }
ln -s "$DECANT" oc
run ./oc new-build "$URL"
status "the document's line, under its name" 0
is "it says what oc says" "$(decant_said)" "--> Found container image ID (AGE old) from the store for \"localbase:1\"

    * An image stream tag will be created as \"localbase:1\" that will track the source image
    * A Docker build using source code from $URL will be created
      * The resulting image will be pushed to image stream tag \"multi-stage-build:latest\"
      * Every time \"localbase:1\" changes a new build will be triggered

--> Creating resources with label build=multi-stage-build ...
    imagestream.image.openshift.io \"localbase\" created
    imagestream.image.openshift.io \"multi-stage-build\" created
    buildconfig.build.openshift.io \"multi-stage-build\" created
--> Success
    Build configuration \"multi-stage-build\" created and build triggered.
    Run 'oc logs -f buildconfig/multi-stage-build' to stream the build progress."
run ./oc logs -f buildconfig/multi-stage-build
status "logs -f ends with the build" 0
SHA=$(git -C src rev-parse HEAD)
like "the log begins with the commit" "$OUT" "^Cloning \"$URL\" ...$"
like "... its subject" "$OUT" "Commit:	$SHA \(the first one\)$"
like "... its author" "$OUT" "Author:	tester <tester@example.org>$"
FIRST=$(digest multi-stage-build:latest)
like "... and ends with the digest" "$OUT" "^Successfully pushed localhost:5000/default/multi-stage-build@$FIRST$"
run decant get builds
like "get builds" "$(tail -1 <<<"$OUT")" "^multi-stage-build-1   Docker   Git@${SHA:0:7}   Complete   .* ago   [0-9]+s$"
is "... heads" "$(head -1 <<<"$OUT" | tr -s ' ')" "NAME TYPE FROM STATUS STARTED DURATION"
is "get bc" "$(decant get bc | tr -s ' ')" "NAME TYPE FROM LATEST
multi-stage-build Docker Git 1"
like "get is" "$(decant get is multi-stage-build)" "^multi-stage-build   localhost:5000/default/multi-stage-build   latest   .* ago$"
like "get istag" "$(decant get istag multi-stage-build)" "^multi-stage-build:latest   localhost:5000/default/multi-stage-build@$FIRST   .* ago$"
is "types with commas between" "$(decant get bc,istag -o name)" "$(decant get bc -o name; decant get istag -o name)"
is "the Build has its stages" "$(field multi-stage-build-1 '[s["name"] for s in b["status"]["stages"]]')" "['FetchInputs', 'Build', 'PushImage']"
is "... revision, cause and digest" "$(field multi-stage-build-1 'b["spec"]["revision"]["git"]["commit"], b["spec"]["triggeredBy"][0]["message"], b["status"]["output"]["to"]["imageDigest"]')" \
	"$SHA Build configuration change $FIRST"
run decant inspect --format '{{.RepoDigests}}' localhost:5000/default/multi-stage-build
like "the image is in the store under the stream's name" "$OUT" "@$FIRST"
run decant new-build "$URL"
is "a second time is refused" "$STATUS $(grep -c '^--> Failed' <<<"$OUT") $ERR" "1 1     error: buildconfigs.build.openshift.io \"multi-stage-build\" already exists"

# --- more builds
run decant start-build multi-stage-build -w
is "start-build -w" "$STATUS $OUT" "0 build.build.openshift.io/multi-stage-build-2 started"
is "the same commit gives the same digest, which is no new item" "$(item 0) $(item count)" "$FIRST 1"
echo two >src/program
commit "the second one"
run decant start-build multi-stage-build -F
status "start-build -F" 0
like "... shows the log" "$OUT" "Commit:	.* \(the second one\)$"
SECOND=$(digest multi-stage-build:latest)
is "another commit is a new item, newest first" "$(item 0) $(item 1) $(item count)" "$SECOND $FIRST 2"
run decant start-build multi-stage-build -w --commit "$SHA" -o name
is "--commit builds an earlier one" "$STATUS $OUT $(digest multi-stage-build:latest)" "0 build.build.openshift.io/multi-stage-build-4 $FIRST"
run decant image prune -a -f
run decant system prune -a -f
base localbase:1
run decant inspect --format '{{.Id}}' "localhost:5000/default/multi-stage-build@$SECOND"
status "prune leaves the history" 0
run decant start-build multi-stage-build -w -e GREETING="hello \$x \"y\"" --build-arg UNUSED=1
run decant inspect --format '{{json .Config.Env}}' localhost:5000/default/multi-stage-build
like "-e is an ENV of the image" "$OUT" '"GREETING=hello \$x \\"y\\""'
echo 'FROM nowhere.invalid/x' >src/Dockerfile
commit "a broken one"
run decant start-build multi-stage-build -w
is "a build that fails is a status" "$STATUS $ERR" "1 error: the build default/multi-stage-build-6 status is \"Failed\""
like "... a reason" "$(decant get builds multi-stage-build-6)" " Failed \(DockerBuildFailed\) "
like "... and the last lines of its log" "$(field multi-stage-build-6 'b["status"]["logSnippet"]')" "nowhere.invalid"
is "the tag stays where it was" "$(item count)" 4

# --- builds that wait, are cancelled, whose process is gone; a server that does not answer
kill -STOP "$WEB_PID"
decant start-build multi-stage-build >/dev/null
decant start-build multi-stage-build >/dev/null
phase() { field "multi-stage-build-$1" 'b["status"]["phase"]'; }
wait_until 120 eval '[ "$(phase 7)" = Running ]'
is "one runs, the next waits for it" "$(phase 7) $(phase 8)" "Running New"
run decant cancel-build multi-stage-build-8
is "cancel-build of one that waits" "$STATUS $OUT $(phase 8)" "0 build.build.openshift.io/multi-stage-build-8 marked for cancellation, waiting to be cancelled
build.build.openshift.io/multi-stage-build-8 cancelled Cancelled"
run decant cancel-build bc/multi-stage-build
is "... of all that run" "$STATUS $(phase 7)" "0 Cancelled"
run decant cancel-build multi-stage-build-7
is "... of one that is over" "$STATUS $ERR" "1 error: build default/multi-stage-build-7 is already Cancelled"
decant start-build multi-stage-build >/dev/null
wait_until 120 eval '[ "$(phase 9)" = Running ]'
kill -9 "$(pgrep -f "^decant run-build --root $DECANT_ROOT ")"
wait_until 120 eval '[ "$(phase 9)" != Running ]'
is "one whose process was killed is an Error" "$(phase 9) $(field multi-stage-build-9 'b["status"]["message"]')" "Error The process that ran the build is gone."
kill -CONT "$WEB_PID"
wait_until 60 eval '! pgrep -f "run-build --root $DECANT_ROOT " >/dev/null'
is "nothing is left running" "$(pgrep -f "run-build --root $DECANT_ROOT ")" ""

# --- what comes from here
mkdir here && printf 'FROM scratch\nCOPY program /from-here\n' >here/Dockerfile && echo here >here/program
run decant new-build --binary --name bin
like "a binary build waits for its files" "$OUT" "A binary build was created, use 'decant start-build --from-dir' to trigger a new build"
run decant start-build bin
is "... and needs them" "$STATUS $(head -1 <<<"$ERR")" "3 error: the build configuration 'bin' needs binary input"
run decant start-build bin --from-dir here -F
status "--from-dir" 0
tar -C here -cf here.tar .
run decant start-build bin --from-archive here.tar -w
status "--from-archive" 0
run decant start-build bin --from-dir here --from-archive here.tar
is "one of them alone" "$STATUS $(head -1 <<<"$ERR")" "2 error: only one of --from-file, --from-archive or --from-dir may be specified"
run decant new-build -D 'FROM scratch
LABEL a=b' --name text
status "a Dockerfile's text" 0
run decant logs -f bc/text
like "... is built" "$OUT" "Push successful"

# --- G06, and repositories that are none
echo "FROM scratch # outside-$$" >outside
git init -q linked && ln -s "$T/outside" linked/Dockerfile && git -C linked add -A && git -C linked commit -qm c
git clone -q --bare linked repos/linked.git
run decant new-build "$WEB/cgi/linked.git"
is "a Dockerfile that leads out of the repository is none (G06)" "$STATUS $(grep -c "outside-$$" <<<"$OUT$ERR")" "1 0"
git init -q node && echo '{}' >node/package.json && git -C node add -A && git -C node commit -qm c
git clone -q --bare node repos/node.git
run decant new-build "$WEB/cgi/node.git"
is "one without a Dockerfile" "$STATUS $ERR" "1 error: no Dockerfile was found for repository at \"$WEB/cgi/node.git\"
        note: looked for: Dockerfile, Containerfile
        note: 'package.json' looks like nodejs: builds from source without a Dockerfile (S2I) are not done here
        note: give the folder with --context-dir, or a Dockerfile with -D"
run decant new-build "$WEB/cgi/nothing.git"
status "one that is not there" 4
run decant new-build "http://me:s3cret@${WEB#http://}/cgi/node.git"
is "a password is not kept" "$STATUS $(grep -c s3cret <<<"$OUT$ERR")" "2 0"
ok "no secret is in an object" sh -c "! grep -rq \"\$(cat '$DECANT_ROOT/proj/default/secrets/multi-stage-build-webhook')\" '$DECANT_ROOT/proj/default/bc' '$DECANT_ROOT/proj/default/builds' '$DECANT_ROOT/proj/default/logs'"

# --- servers of other kinds
git -C repos/multi-stage-build.git update-server-info
decant new-build "$WEB/multi-stage-build.git#$SHA" --name dumb >/dev/null
run decant logs -f bc/dumb
like "a server that speaks only dumb http" "$OUT" "^Push successful$"
is "... gives the same image" "$(digest dumb:latest | cut -c1-7) $(decant inspect --format '{{.Id}}' localhost:5000/default/dumb)" \
	"sha256: $(decant inspect --format '{{.Id}}' "localhost:5000/default/multi-stage-build@$FIRST")"
mkdir repos/token && git clone -q --bare src repos/token/mine.git
run decant new-build "$WEB/cgi/token/mine.git" --name mine
status "a private repository without a token" 4
export GIT_AUTH_TOKEN=s3cret
decant new-build "$WEB/cgi/token/mine.git#$SHA" --name mine >/dev/null
run decant logs -f bc/mine
like "... with it" "$OUT" "^Push successful$"
unset GIT_AUTH_TOKEN
ok "... which is kept nowhere" sh -c "! grep -rqE 's3cret|eC1hY2Nlc3MtdG9rZW46' '$DECANT_ROOT/proj'"

# --- limits: five of each kind are kept
git -C src revert -n HEAD && commit "mended"
for _ in 1 2 3; do decant start-build multi-stage-build -w >/dev/null; done
is "old builds go, with their logs" "$(decant get builds --no-headers | grep -c '^multi.*Complete') $(find "$DECANT_ROOT/proj/default/logs" -name 'multi*' | wc -l)" "5 9"

# --- projects
run decant project nowhere
is "a project that is not there" "$STATUS $(head -1 <<<"$ERR")" "1 error: A project named \"nowhere\" does not exist in the store \"$DECANT_ROOT\"."
decant new-project other >/dev/null
is "a new one is empty" "$(decant get bc 2>&1) $(decant projects | grep -c '^  \* other')" "No resources found in other namespace. 1"
is "-n looks into another" "$(decant get bc -n default --no-headers | wc -l)" 5
done_testing
