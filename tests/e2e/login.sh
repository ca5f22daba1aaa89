#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# login and logout: docker's words, docker's and podman's files, helpers, and what a bad file or a bad helper does (R18).
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/auth.sh
. "$E2E_ROOT/tests/lib/auth.sh"
auth_start B=basic K=token I=identity O=open
B=127.0.0.1:$B_PORT K=127.0.0.1:$K_PORT I=127.0.0.1:$I_PORT O=127.0.0.1:$O_PORT
export DOCKER_CONFIG=$HOME/dot/docker
config=$DOCKER_CONFIG/config.json

# --- docker's words
run decant login -u user -p pass "$B"
status "login" 0
is "says so" "$OUT" "Login Succeeded"
is "warns as docker does" "$ERR" "WARNING! Using --password via the CLI is insecure. Use --password-stdin.

WARNING! Your credentials are stored unencrypted in '$config'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/"
is "the file is docker's to the byte" "$(cat "$config")" "{
	\"auths\": {
		\"$B\": {
			\"auth\": \"dXNlcjpwYXNz\"
		}
	}
}"
is "and nobody else's" "$(stat -c '%a %a' "$config" && stat -c %a "$DOCKER_CONFIG")" "600 600
700"
run decant login -u user -p pass "$B"
is "the same again: stored already" "$OUT$ERR" "Login SucceededWARNING! Using --password via the CLI is insecure. Use --password-stdin."
run decant login "$B" </dev/null
is "what is there is tried first" "$OUT" "Login Succeeded"
like "and said" "$ERR" '^Authenticating with existing credentials\.\.\. \[Username: user\]'
run decant login -u user -p wrong "$B"
status "a wrong password" 4
like "in docker's words" "$ERR" "login attempt to http://$B/v2/ failed with status: 401 Unauthorized"
like "the old one stays" "$(cat "$config")" dXNlcjpwYXNz
run decant login -u user --password-stdin "$K" <<<pass
is "a password by a pipe, tokens" "$OUT" "Login Succeeded"
run decant login -u user --password-stdin "$K" <<<nothing
status "a wrong one" 4
printf 'pass\r\n' >crlf
run decant login -u user --password-stdin "https://$K/v2/" <crlf
status "a scheme, a path, a line end of Windows" 0
run decant login "$O" </dev/null
status "no name, no terminal" 3
like "says so" "$ERR" '^error: cannot perform an interactive login from a non-TTY device$'
run decant login --password-stdin "$O" <crlf
status "no name" 2
like "docker's words" "$ERR" 'the --password-stdin option requires --username to be set'
run decant login -u a -p b --password-stdin "$O" <crlf
like "both ways" "$ERR" 'conflicting options: cannot specify both --password and --password-stdin'
run decant login -u a -p b ../x
status "no registry" 2
run decant login -u a -p b 'h:1@evil'
status "nor this" 2

# --- a token that is kept instead of the password
run decant login -u user -p pass "$I"
is "an identity token" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["auths"][sys.argv[2]])' "$config" "$I")" \
	"{'auth': 'dXNlcjo=', 'identitytoken': 'refresh-1'}"
auth_forget
run decant pull -q "$I/app"
status "is used" 0
like "by the body of a POST" "$(auth_log)" 'POST /token auth=- body=.*refresh_token=refresh-1'
run decant login "$I" </dev/null
is "and good for a login" "$OUT" "Login Succeeded"

# --- logout
run decant logout "$B"
is "logout" "$OUT$ERR" "Removing login credentials for $B"
unlike "removes it" "$(cat "$config")" "$B"
like "alone" "$(cat "$config")" "$K"
run decant logout "https://$B/v1/"
status "twice is no failure" 0
run decant logout
like "docker.io by its name" "$OUT" '^Removing login credentials for https://index.docker.io/v1/$'

# --- a file that has more in it, behind a link
cat >real.json <<J
{"HttpHeaders":{"b":"1","a":"2"},"auths":{"https://$B/v1/":{"auth":"b2xkOm9sZA=="},"x.example":{"auth":"eDp5","email":"e@f"}},"credHelpers":{"h.example":"none"},"psFormat":"a\tb","big":12345678901234567,"half":0.5}
J
chmod 644 real.json
ln -sf "$T/real.json" "$config"
run decant login -u user -p pass "$B"
status "a file with more in it" 0
ok "the link stays" [ -L "$config" ]
is "the file is nobody else's now" "$(stat -c %a real.json)" 600
is "what is not ours stays, in its order" "$(python3 -c 'import json; d = json.load(open("real.json")); print(list(d), list(d["HttpHeaders"]), d["psFormat"], d["big"], d["half"], d["auths"]["x.example"])')" \
	"['HttpHeaders', 'auths', 'credHelpers', 'psFormat', 'big', 'half'] ['b', 'a'] a	b 12345678901234567 0.5 {'auth': 'eDp5', 'email': 'e@f'}"
is "one login a host" "$(python3 -c 'import json; print(sorted(json.load(open("real.json"))["auths"]))')" "['$B', 'x.example']"
rm "$config"

# --- two at one time lose nothing
pids=()
for port in 1 2 3 4 5 6 7 8; do
	decant login -u user -p pass "localhost:$O_PORT/team$port" --authfile many.json >/dev/null 2>&1 &
	pids+=("$!")
done
wait "${pids[@]}"
is "eight logins at one time" "$(python3 -c 'import json; print(len(json.load(open("many.json"))["auths"]))')" 8

# --- podman's file
run decant login -u user -p pass --authfile sub/auth.json -v "$B"
like "--authfile makes it" "$OUT" 'Used:  sub/auth.json'
run decant login --authfile sub/auth.json --get-login "$B"
is "--get-login" "$OUT" user
run decant login --authfile sub/auth.json --get-login "$K"
status "not there" 1
REGISTRY_AUTH_FILE=$T/env.json run decant login -u user -p pass "$B/team"
like "a part of a registry" "$(cat env.json)" "\"$B/team\""
REGISTRY_AUTH_FILE=$T/env.json run decant pull -q "$B/team/app"
status "is used for it" 0
REGISTRY_AUTH_FILE=$T/env.json run decant pull -q "$B/other/app"
ok "and not beside it" [ "$STATUS" -ne 0 ]
run decant logout --all --authfile env.json
is "logout --all" "$(tr -d '[:space:]' <env.json)" '{"auths":{}}'
export XDG_RUNTIME_DIR=$T/run
mkdir -p run/containers && cp sub/auth.json run/containers/auth.json
rm -f "$config"
run decant pull -q "$B/app"
status "podman's own place is read" 0
unset XDG_RUNTIME_DIR

# --- --creds
run decant pull -q --creds user:pass "$B/app"
status "--creds" 0
run decant pull -q --creds user:wrong "$B/app"
status "wrong ones" 4
like "are named as such" "$ERR" "used the credentials of user from --creds"
run decant push -q --creds user:pass --registry-mirror "$K" "$B/app"
ok "a push with them is let in" [ "$(grep -c 'denied' <<<"$ERR")" -eq 0 ]
auth_forget
run decant pull -q --creds user:pass --registry-map "q.example=http://$B" --skip-default-registry-fallback q.example/app
unlike "they go to no mirror" "$(auth_log)" 'auth=user'
run decant pull -q --creds user "$B/app" </dev/null
status "no password, no terminal" 2

# --- helpers
mkdir bin && export PATH=$T/bin:$PATH KEPT=$T/kept
cat >bin/docker-credential-keep <<'S'
#!/bin/sh
tr '\0' ' ' </proc/$$/cmdline >>"$KEPT.argv"
case $1 in
store) cat >"$KEPT" ;;
get) read -r server; [ -f "$KEPT" ] && grep -qF "\"$server\"" "$KEPT" && cat "$KEPT" || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) read -r server; [ -f "$KEPT" ] || { echo "credentials not found in native keychain"; exit 1; }; rm "$KEPT" ;;
esac
S
chmod +x bin/docker-credential-keep
mkdir -p "$DOCKER_CONFIG"
echo '{"credsStore":"keep"}' >"$config"
run decant login -u user -p pass "$B"
is "a helper keeps it" "$OUT" "Login Succeeded"
unlike "no warning then" "$ERR" unencrypted
is "as docker gives it" "$(cat kept)" "{\"ServerURL\":\"$B\",\"Username\":\"user\",\"Secret\":\"pass\"}"
is "the file has no secret" "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1])))' "$config")" "{'credsStore': 'keep', 'auths': {'$B': {}}}"
run decant pull -q "$B/app"
status "and is asked" 0
unlike "no password on its command line" "$(cat kept.argv)" pass
run decant logout "$B"
ok "logout tells it" [ ! -e kept ]
run decant logout "$B"
status "twice" 0
echo "{\"credHelpers\":{\"$B\":\"keep\"},\"credsStore\":\"absent\"}" >"$config"
run decant login -u user -p pass "$B"
status "a helper for one registry" 0
like "keeps it" "$(cat kept)" "$B"
run decant pull -q "$B/app"
status "and is asked before the one for all" 0
run decant pull -q "$O/app"
ok "the one for all is missing" [ "$STATUS" -eq 0 ] # nobody was asked who we are
rm -f kept

# --- R18: bad files and helpers; only "not found" means nobody
refused() { # what, config.json, what the error says
	printf '%s' "$2" >"$config"
	auth_forget
	run decant pull -q "$K/app"
	ok "R18 $1: fails" [ "$STATUS" -ne 0 ]
	like "R18 $1: says so" "$ERR" "$3"
	like "R18 $1: names the file" "$ERR" "$config"
	unlike "R18 $1: asks nobody as anybody" "$(auth_log)" /token
}
for helper in 'junk:echo "<html>"' 'locked:echo "the keychain is locked"; exit 1' 'killed:kill -9 $$' 'partial:printf "{\"Username\":\"u"' \
	'numbers:echo "{\"Username\":1,\"Secret\":2}"' 'list:echo "[]"' 'none:echo "credentials not found in native keychain"; exit 1'; do
	printf '#!/bin/sh\n%s\n' "${helper#*:}" >"bin/docker-credential-${helper%%:*}"
	chmod +x "bin/docker-credential-${helper%%:*}"
done
refused "a file of 0 bytes" '' 'config.json'
refused "no JSON" '{"auths":' 'config.json'
refused "an array" '[]' 'expected a JSON object'
refused "another type" '{"auths":[]}' 'auths: expected an object'
refused "a helper that is not there" '{"credsStore":"absent"}' "cannot run 'docker-credential-absent'"
refused "a helper with a slash" '{"credsStore":"../../bin/sh"}' "not a name of a credential helper: '../../bin/sh'"
refused "a helper that answers nonsense" '{"credsStore":"junk"}' 'docker-credential-junk'
refused "half an answer" '{"credsStore":"partial"}' 'docker-credential-partial'
refused "numbers" '{"credsStore":"numbers"}' 'Username: expected a string'
refused "a list" '{"credsStore":"list"}' 'expected an object'
refused "a helper that fails" '{"credsStore":"locked"}' "'docker-credential-locked' failed: the keychain is locked"
refused "a helper that is killed" '{"credsStore":"killed"}' "'docker-credential-killed' failed"
echo '{"credsStore":"none"}' >"$config"
auth_forget
run decant pull -q "$K/app"
status "R18 not found: anonymous, which is refused here" 4
like "R18 not found: was asked" "$(auth_log)" '/token.* auth=-$'
rm "$config"
run decant pull -q "$K/app"
like "R18 no file: says how to log in" "$ERR" "decant login $K"
echo '{' >"$config"
run decant login -u user -p pass "$B"
status "R18 login into a damaged file" 3
is "which stays as it was" "$(cat "$config")" '{'
ok "R18 nothing beside it" [ "$(find "$DOCKER_CONFIG" -mindepth 1 | wc -l)" -eq 1 ]
rm "$config"

# --- a helper that hangs is ended by ^C
printf '#!/bin/sh\necho $$ >"%s"\nexec sleep 300\n' "$T/hanging" >bin/docker-credential-hang
chmod +x bin/docker-credential-hang
echo '{"credsStore":"hang"}' >"$config"
"$DECANT" pull -q "$K/app" >out 2>err &
pid=$!
for _ in $(seq 300); do [ -s hanging ] && break; sleep 0.1; done
kill -TERM "$pid"
wait "$pid"
is "R18 a helper that hangs: ^C ends it" "$?" 143
ok "and the helper with it" [ ! -d "/proc/$(cat hanging)" ]
run env DECANT_HELPER_TIMEOUT=200ms "$DECANT" pull -q "$K/app"
status "R18 a helper that hangs: its time ends" 4
like "R18 says so" "$ERR" "'docker-credential-hang' did not answer within 200 ms"
ok "R18 and the helper has ended" [ ! -d "/proc/$(cat hanging)" ]
run env DECANT_HELPER_TIMEOUT=never "$DECANT" pull -q "$K/app"
like "R18 a time that is none" "$ERR" "DECANT_HELPER_TIMEOUT is 'never': expected a time"
rm "$config"

# --- on a terminal
pty() { # script, command...
	local script=$1
	shift
	printf '%s\n' "$script" | "$E2E_ROOT/tests/lib/with-pty" "$@" >pty.out 2>&1
}
pty 'expect Username: 
send user\n
expect Password: 
send pass\n
expect Login Succeeded
cooked' "$DECANT" login "$B"
is "name and password on a terminal" "$?" 0
unlike "no echo of it" "$(cat pty.out)" pass$'\r'
pty 'expect existing credentials
expect Login Succeeded' "$DECANT" login "$B"
is "then they are there" "$?" 0
decant logout "$B" >/dev/null
pty 'expect Password: 
send pa\x03' "$DECANT" login -u user "$B"
is "^C at the password" "$?" 130
unlike "nothing was kept" "$(cat "$config" 2>/dev/null)" "$B"
pty 'expect Password: 
send \n
expect a password is required' "$DECANT" login -u user "$B"
ok "an empty password" [ $? -ne 99 ]
is "nothing left over" "$(leftovers)" ""
done_testing
