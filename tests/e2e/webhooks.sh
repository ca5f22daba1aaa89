#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Webhooks of git servers start builds of what was pushed, and of nothing else.
. "$(dirname "$0")/../lib/e2e.sh"
SERVE_ROOT=$DECANT_ROOT
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3 git openssl
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
commit() { # subject [branch]: $SHA
	echo "$1" >src/program
	git -C src add -A && git -C src commit -qm "$1" && git -C src push -qf "$T/repos/app.git" "HEAD:${2:-main}"
	SHA=$(git -C src rev-parse HEAD)
}
printf 'FROM scratch\nCOPY program /program\n' >src/Dockerfile
commit one
decant new-build "$URL" >/dev/null 2>&1
build_over() { # NAME: its phase, once it is over
	local phase
	for _ in $(seq 600); do
		phase=$(decant get build "$1" -o json 2>/dev/null | jq -r .status.phase)
		[ -n "$phase" ] || break
		case $phase in Complete | Failed | Error | Cancelled) break ;; esac
		sleep 0.1
	done
	echo "$phase"
}
field() { decant get build "$1" -o json | jq -r "$2"; } # of a build
builds() { decant get bc app -o json | jq .status.lastVersion; }
is "the first build is that of the configuration" "$(build_over app-1)" Complete
decant set triggers bc/app --from-gitlab >/dev/null
decant set triggers bc/app --from-bitbucket >/dev/null
SECRET=$(cat "$DECANT_ROOT"/proj/default/secrets/app-webhook)
serve_start
HOOKS=http://$SERVE/apis/build.openshift.io/v1/namespaces/default/buildconfigs/app/webhooks
sign() { openssl dgst -sha256 -hmac "$SECRET" -r "$1" | cut -d' ' -f1; }
send() { # PATH-BELOW-HOOKS BODY-FILE [CURL OPTIONS...]: $CODE, $BODY
	local at=$1 file=$2 type=(-H 'Content-Type: application/json')
	shift 2
	[[ "$*" != *Content-Type* ]] || type=()
	CODE=$(curl -sS -m 120 -o "$T/.body" -D "$T/.head" -w '%{http_code}' -X POST --data-binary "@$file" "${type[@]}" "$@" "$HOOKS/$at" 2>"$T/.curl")
	BODY=$(tr -d '\0' <"$T/.body" | head -c 100000)
}
NUMBER=1
starts() { # NAME: the last request queued the next build, which completes and is of $SHA
	NUMBER=$((NUMBER + 1))
	is "$1" "$CODE $(jq -r .metadata.name <<<"$BODY")" "200 app-$NUMBER"
	is "... and is built" "$(build_over "app-$NUMBER") $(field "app-$NUMBER" .spec.revision.git.commit)" "Complete $SHA"
}
starts_none() { # NAME CODE PATTERN
	is "$1" "$CODE" "$2"
	like "... which is said" "$(jq -r '.kind + " " + .status + " " + .message' <<<"$BODY")" "$3"
	is "... and starts nothing" "$(builds)" "$NUMBER"
}
push() { # REF AFTER: as GitHub and Gitea send it
	printf '{"ref":"%s","before":"%040d","after":"%s","deleted":false,"repository":{"default_branch":"main"},"head_commit":{"id":"%s","message":"a subject\\n\\nmore","author":{"name":"A\\u001b[31m","email":"a@example.org"}}}' "$1" 1 "$2" "$2" >body.json
}

# --- GitHub
commit two
push refs/heads/main "$SHA"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push' -H 'X-GitHub-Delivery: d-1' -H "X-Hub-Signature-256: sha256=$(sign body.json)"
starts "GitHub's push, signed"
is "the cause is in the build" "$(field app-2 '.spec.triggeredBy[0] | .message + " " + .githubWebHook.secret + " " + .githubWebHook.revision.git.commit + " " + .githubWebHook.revision.git.message')" \
	"GitHub WebHook <secret> $SHA a subject"
unlike "... no text of it moves a terminal" "$(decant get build app-2 -o json)" '\\u001b'
like "... describe" "$(decant describe build/app-2)" "^Build trigger cause: +GitHub WebHook$"
unlike "the secret is in no object" "$(for kind in bc builds is; do decant get $kind -o json; done)" "$SECRET"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push' -H 'X-GitHub-Delivery: d-1' -H "X-Hub-Signature-256: sha256=$(sign body.json)"
starts_none "the same delivery again" 409 "^Status Failure this delivery was taken before"
send "-/github" body.json -H 'X-GitHub-Event: push' -H 'X-GitHub-Delivery: d-other' -H "X-Hub-Signature-256: sha256=$(sign body.json)"
starts_none "the same signed body under another number" 409 "taken before"
serve_stop
serve_start
HOOKS=http://$SERVE/apis/build.openshift.io/v1/namespaces/default/buildconfigs/app/webhooks
send "-/github" body.json -H 'X-GitHub-Event: push' -H "X-Hub-Signature-256: sha256=$(sign body.json)"
starts_none "... also after a restart" 409 "taken before"
commit three
push refs/heads/main "$SHA"
send "-/github" body.json -H 'X-GitHub-Event: push' -H "X-Hub-Signature-256: sha256=$(sign body.json)"
starts "without the secret in the address, if it is signed"
commit form
push refs/heads/main "$SHA"
jq -r '"payload=" + (tojson | @uri)' body.json | tr -d '\n' >form
send "$SECRET/github" form -H 'Content-Type: application/x-www-form-urlencoded' -H 'X-GitHub-Event: push'
starts "a form with payload="
commit oapi
push refs/heads/main "$SHA"
NEW=$HOOKS HOOKS=http://$SERVE/oapi/v1/namespaces/default/buildconfigs/app/webhooks
send "$SECRET/github" body.json -H 'X-GitHub-Event: push'
HOOKS=$NEW
starts "the older form of the address"

# --- what is refused, and what is nothing to build
push refs/heads/main "$SHA"
send "$SECRET/github" body.json -H 'X-GitHub-Event: ping'
starts_none "a ping" 200 "^Status Success"
send "$SECRET/github" body.json -H 'X-GitHub-Event: issues'
starts_none "another event" 400 "'issues' starts no builds"
send "$SECRET/github" body.json
starts_none "no event" 400 "X-GitHub-Event is missing"
send "wrong/github" body.json -H 'X-GitHub-Event: push'
starts_none "a wrong secret" 401 "did not accept your secret"
is "... and a configuration that is none gets the same answer" \
	"$(curl -sS -X POST -o - -w '%{http_code}' "${HOOKS/app/nothing}/wrong/github" | sed s/nothing/app/)" "$BODY$CODE"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push' -H "X-Hub-Signature-256: sha256=$(printf '0%.0s' $(seq 64))"
starts_none "a wrong signature" 401 "did not accept"
send "-/github" body.json -H 'X-GitHub-Event: push'
starts_none "neither a secret nor a signature" 401 "did not accept"
send "$SECRET/nothing" body.json
starts_none "a kind that is none" 404 "gitea"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push' -H 'Content-Type: text/plain'
starts_none "a type that is none" 400 "Content-Type 'text/plain'"
echo '{"ref":' >broken.json
send "$SECRET/github" broken.json -H 'X-GitHub-Event: push'
starts_none "a body that is no JSON" 400 "the body"
push refs/heads/other "$SHA"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push'
starts_none "another branch" 200 "skipping build: .*refs/heads/other"
push refs/tags/main "$SHA"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push'
starts_none "a tag with the branch's name" 200 "skipping build"
push refs/heads/main "$(printf '0%.0s' $(seq 40))"
send "$SECRET/github" body.json -H 'X-GitHub-Event: push'
starts_none "a branch that was deleted" 200 "deleted"
for bad in "--upload-pack=touch $T/pwned" 'HEAD' '../../x' "$SHA;id" "${SHA:0:39}" "main:x" "${SHA}0"; do
	push refs/heads/main "$bad"
	send "$SECRET/github" body.json -H 'X-GitHub-Event: push'
	starts_none "the commit '$bad'" 400 "is no commit"
done
ok "nothing of them was run" [ ! -e "$T/pwned" ]
head -c $((9 << 20)) /dev/zero | tr '\0' ' ' >large
send "$SECRET/github" large -H 'X-GitHub-Event: push' -H 'Expect:'
starts_none "a body that is too large" 413 "more than 8388608 bytes"
send "$SECRET/github" large -H 'X-GitHub-Event: push' -H 'Transfer-Encoding: chunked' -H 'Expect:'
starts_none "... and in chunks" 413 "more than 8388608 bytes"
is "GET is refused" "$(curl -sS -o .body -w '%{http_code}' "$HOOKS/$SECRET/github")" 405
unlike "the log has no secret" "$(cat serve.log)" "$SECRET"
like "... but that a webhook came" "$(cat serve.log)" '"POST /apis/build.openshift.io/v1/namespaces/default/buildconfigs/app/webhooks/\*\*\*/github" 200'

# --- the others
commit gitea
push refs/heads/main "$SHA"
send "-/gitea" body.json -H 'X-Gitea-Event: push' -H 'X-Gitea-Delivery: g-1' -H "X-Gitea-Signature: $(sign body.json)"
starts "Gitea's push"
commit forgejo
push refs/heads/main "$SHA"
send "-/forgejo" body.json -H 'X-Forgejo-Event: push' -H "X-Forgejo-Signature: $(sign body.json)"
starts "Forgejo's push"
commit gitlab
printf '{"object_kind":"push","ref":"refs/heads/main","after":"%s","project":{"default_branch":"main"},"commits":[{"id":"%s","message":"from gitlab","author":{"name":"B"}}]}' "$SHA" "$SHA" >body.json
send "-/gitlab" body.json -H 'X-Gitlab-Event: Push Hook' -H "X-Gitlab-Token: wrong"
starts_none "GitLab's wrong token" 401 "did not accept"
send "-/gitlab" body.json -H 'X-Gitlab-Event: Push Hook' -H "X-Gitlab-Token: $SECRET" -H 'Idempotency-Key: l-1'
starts "GitLab's push"
is "... its cause" "$(field "app-$NUMBER" '.spec.triggeredBy[0].gitlabWebHook.revision.git.message')" "from gitlab"
send "-/gitlab" body.json -H 'X-Gitlab-Event: Push Hook' -H "X-Gitlab-Token: $SECRET" -H 'Idempotency-Key: l-1'
starts_none "... again" 409 "taken before"
commit bitbucket
printf '{"push":{"changes":[{"new":null},{"new":{"type":"branch","name":"x","target":{"hash":"%s"}}},{"new":{"type":"branch","name":"main","target":{"hash":"%s","message":"m","author":{"raw":"C <c@x>"}}}}]}}' "$(printf '1%.0s' $(seq 40))" "$SHA" >body.json
send "-/bitbucket" body.json -H 'X-Event-Key: repo:push' -H "X-Hub-Signature: sha256=$(sign body.json)"
starts "Bitbucket's push"
commit server
printf '{"changes":[{"ref":{"id":"refs/heads/main"},"type":"UPDATE","toHash":"%s"}]}' "$SHA" >body.json
send "$SECRET/bitbucket" body.json -H 'X-Event-Key: repo:refs_changed'
starts "... and that of one's own server"

# --- generic
commit generic
: >empty
send "$SECRET/generic" empty
starts "a generic webhook without a body"
printf 'git:\n  ref: refs/heads/main\n  commit: %s\nenv:\n- name: WHO\n  value: hook\n' "$SHA" >body.yaml
send "$SECRET/generic" body.yaml -H 'Content-Type: application/yaml'
like "env is not taken without allowEnv" "$(cat .head)" "^Warning: 299"
starts "a generic webhook in YAML"
is "... env is not of the build" "$(field "app-$NUMBER" .spec.strategy.dockerStrategy.env)" null
decant set triggers bc/app --from-webhook-allow-env >/dev/null
send "$SECRET/generic" body.yaml -H 'Content-Type: application/yaml'
starts "... with allowEnv"
is "... env is of the build" "$(field "app-$NUMBER" '.spec.strategy.dockerStrategy.env[0] | .name + "=" + .value')" "WHO=hook"
printf '{"env":[{"name":"A B","value":"x"}]}' >body.json
send "$SECRET/generic" body.json
starts_none "a name that no variable has" 400 "'A B' is no name of a variable"
printf '{"git":{"refs":[{"ref":"refs/heads/a"},{"ref":"refs/heads/b"}]}}' >body.json
send "$SECRET/generic" body.json
starts_none "other refs" 200 "skipping build"

# --- many at once, and none is lost
decant delete builds --all >/dev/null 2>&1
commit many
push refs/heads/main "$SHA"
for i in 1 2 3 4 5 6; do
	curl -sS -m 120 -o "many.$i" -w '%{http_code}\n' -X POST --data-binary @body.json -H 'Content-Type: application/json' \
		-H 'X-GitHub-Event: push' -H "X-Hub-Signature-256: sha256=$(sign body.json)" "$HOOKS/$SECRET/github" >"code.$i" &
	PIDS[i]=$!
done
wait "${PIDS[@]}"
is "of six deliveries of one push at once one is taken" "$(sort code.* | uniq -c | tr -s ' \n' ' ')" " 1 200 5 409 "
NUMBER=$((NUMBER + 1))
is "... and built" "$(build_over "app-$NUMBER")" Complete
serve_kill
python3 - "$DECANT_ROOT/proj/default/builds/app-$NUMBER.json" "$NUMBER" <<'PY'
import json, sys
b = json.load(open(sys.argv[1]))
n = int(sys.argv[2]) + 1
b["metadata"]["name"] = f"app-{n}"
b["metadata"]["annotations"].update({"decant/queued": "true", "openshift.io/build.number": str(n)})
b["status"] = {"phase": "New", "config": b["status"]["config"]}
json.dump(b, open(sys.argv[1].replace(f"-{n - 1}.json", f"-{n}.json"), "w"))
PY
is "a queued build waits for a server" "$(decant get builds | grep -c "app-$((NUMBER + 1)) .*New")" 1
serve_start
is "... which goes on with it" "$(build_over "app-$((NUMBER + 1))")" Complete
serve_stop
serve_start --read-only
is "--read-only takes none" "$(curl -sS -o .body -w '%{http_code}' -X POST "http://$SERVE/apis/build.openshift.io/v1/namespaces/default/buildconfigs/app/webhooks/$SECRET/generic")" 405
serve_stop
done_testing
