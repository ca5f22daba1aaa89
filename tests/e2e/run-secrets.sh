#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Secrets and SSH agents of RUN: who sees them, and where nothing of them may be found.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain --network=none "$@" .; }
file_marker=FILE-MARKER-$RANDOM-$RANDOM env_marker=ENV-MARKER-$RANDOM-$RANDOM
printf '%s\n' "$file_marker" >"$T/secret"
export TOKEN_VALUE=$env_marker
# nowhere NAME: neither marker in the store, the scratch space, the image, or what was shown
nowhere() {
	is "$1: not in the store" "$(grep -rasFl -e "$file_marker" -e "$env_marker" "$DECANT_ROOT" "$TMPDIR" "$HOME")" ""
	unlike "$1: not shown" "$OUT$ERR" "$file_marker|$env_marker"
}

cat >Dockerfile <<'D'
FROM alpine:edge
# S06, T-089
RUN --mount=type=secret,id=f [ "$(stat -c '%u %g %a' /run/secrets/f)" = "0 0 400" ] && sha256sum < /run/secrets/f > /sum
RUN --mount=type=secret,id=f,mode=741,uid=100,gid=102,target=/mysecret [ "$(stat -c '%u %g %a' /mysecret)" = "100 102 741" ]
RUN [ ! -e /mysecret ] && [ ! -e /run/secrets ]
RUN --mount=type=secret,id=f ! sh -c 'echo x >> /run/secrets/f' 2>/dev/null
# S02, T-090
RUN --mount=type=secret,id=e,env=TOKEN printf %s "$TOKEN" | sha256sum > /esum && [ ! -e /run/secrets ]
RUN [ -z "$TOKEN" ]
ENV TOKEN=image
RUN --mount=type=secret,id=e,env=TOKEN,target=/both [ "$TOKEN" = "$(cat /both)" ] && [ "$TOKEN" != image ]
RUN --mount=type=secret,id=absent,env=NONE,target=/none [ -z "$NONE" ] && [ ! -e /none ]
USER app
RUN --mount=type=secret,id=f,uid=1000 [ -r /run/secrets/f ]
RUN --mount=type=secret,id=f [ ! -r /run/secrets/f ]
D
build -t img --secret id=f,src="$T/secret" --secret id=e,env=TOKEN_VALUE --output "$T/out"
status "secrets as files and variables" 0
is "S06 the whole file comes" "$(cat "$T/out/sum")" "$(sha256sum <"$T/secret")"
is "S02 the value comes" "$(cut -c-64 "$T/out/esum")" "$(printf %s "$env_marker" | sha256sum | cut -c-64)"
like "T-090 a title names the variable alone" "$ERR" 'printf %s "\*\*\*\*"'
nowhere "S01 S02 a build that works"
config=$(decant inspect img && decant history --no-trunc img)
unlike "S02 not in config and history" "$config" "$file_marker|$env_marker"
is "S01 no stub in the image" "$(find "$T/out" -path '*secret*' -o -name both)" ""

echo other >"$T/secret"
TOKEN_VALUE=changed build --secret id=f,src="$T/secret" --secret id=e,env=TOKEN_VALUE
is "S07 another value runs nothing again" "$(printf '%s\n' "$ERR" | grep -cE '^#[0-9]+ DONE')" 2
printf '%s\n' "$file_marker" >"$T/secret"

printf 'FROM alpine:edge\nRUN --mount=type=secret,id=f --mount=type=secret,id=e,env=TOKEN cat /run/secrets/f >/leak; exit 7\n' >Dockerfile
build --secret id=f,src="$T/secret" --secret id=e,env=TOKEN_VALUE
ok "a RUN with a secret fails" [ "$STATUS" -ne 0 ]
nowhere "S01 a build that fails"

printf 'FROM alpine:edge\nRUN --mount=type=secret,id=f --mount=type=secret,id=e,env=TOKEN exec sleep 6143.%s\n' $$ >Dockerfile
"$DECANT" build --progress=plain --network=none --secret id=f,src="$T/secret" --secret id=e,env=TOKEN_VALUE . >/dev/null 2>&1 &
victim=$!
E2E_PIDS+=("$victim")
ok "the command runs" wait_until 120 pgrep -f "^sleep 6143\.$$\$"
unlike "S02 not on a command line" "$(ps -e -o args)" "$file_marker|$env_marker"
kill -9 "$victim"
{ wait "$victim"; } 2>/dev/null
OUT='' ERR=''
nowhere "S01 a build that was killed"

# --- what is missing or wrong is said at once ---

printf 'FROM alpine:edge\nRUN touch /first\nRUN --mount=type=secret,required,id=mysecret true\n' >Dockerfile
build
like "a secret that is required" "$ERR" '^Dockerfile:3:13: error: secret mysecret: not found'
unlike "D31 nothing runs before that" "$ERR" 'RUN touch'
build --secret id=mysecret,src="$T/none"
like "a file that is not there" "$ERR" "cannot open the secret file '.*none'"
status "is a mistake of the command line" 2
head -c 500001 /dev/zero >"$T/big"
build --secret id=mysecret,src="$T/big"
like "a file that is too large" "$ERR" 'secret mysecret too big. max size 500KB'
build --secret src="$T/secret"
like "no id" "$ERR" 'secret missing ID'
build --secret id=x,typ=env
like "an unknown key" "$ERR" "unexpected key 'typ' in 'typ=env'"
mysecret=from-env
export mysecret
printf 'FROM alpine:edge\nRUN --mount=type=secret,required,id=mysecret grep -q from-env /run/secrets/mysecret\n' >Dockerfile
build --secret id=mysecret
status "an id alone is a variable of that name" 0
(cd "$T" && echo from-file >plain)
printf 'FROM alpine:edge\nRUN --mount=type=secret,target=/x/plain grep -q from-file /x/plain\n' >Dockerfile
(cd "$T" && decant build -q --network=none --secret id=plain ctx >/dev/null 2>"$T/err")
is "or else a file" "$?$(cat "$T/err")" 0
printf 'FROM alpine:edge\nRUN --mount=type=secret,id=s,env=S true\n' >Dockerfile
printf 'a\0b' >"$T/nul"
build --secret id=s,src="$T/nul"
like "a NUL byte fits no variable" "$ERR" "the secret 's' holds a NUL byte"

# --- a pipe: it can be read once, and its writer may be late ---

cat >Dockerfile <<'D'
FROM alpine:edge
RUN --mount=type=secret,id=s,required cat /run/secrets/s | sha256sum > /one
RUN --mount=type=secret,id=s,env=S printf '%s' "$S" | sha256sum > /two
D
build --secret id=s,src=<(sleep 0.7; printf %s "$file_marker"; sleep 0.3; printf %s -end) --output "$T/piped"
status "S01 a secret from a pipe that comes late, in pieces" 0
is "all of it comes, to both RUNs" "$(cat "$T"/piped/{one,two})" "$(for _ in 1 2; do printf %s "$file_marker-end" | sha256sum; done)"
nowhere "S01 a secret from a pipe"
build --no-cache --secret id=s,src=<(true) --output "$T/piped"
is "an empty one is empty" "$STATUS$(cat "$T"/piped/one)" "0$(printf '' | sha256sum)"
build --no-cache --secret id=s,src=<(head -c 500001 /dev/zero)
like "one that is too large" "$ERR" 'secret s too big. max size 500KB'
mkfifo "$T/fifo"
(sleep 0.5; printf %s "$file_marker-end" >"$T/fifo") &
build --no-cache --secret id=s,src="$T/fifo" --output "$T/piped"
is "a FIFO whose writer is late" "$STATUS$(cat "$T"/piped/two)" "0$(printf %s "$file_marker-end" | sha256sum)"
env --default-signal=INT,HUP "$DECANT" build --progress=plain --no-cache --network=none --secret id=s,src="$T/fifo" . >"$T/waiting" 2>&1 &
victim=$!
E2E_PIDS+=("$victim")
wait_until 120 grep -q 'RUN --mount.*/one' "$T/waiting"
limit=$(prompt_ms)
ok "while nobody writes it waits" kill -0 "$victim"
begun=$(date +%s%N)
kill -INT "$victim"
wait "$victim"
is "^C ends the waiting" $? 130
ok "within a second" [ $((($(date +%s%N) - begun) / 1000000)) -lt "$limit" ]

# --- an argument is no secret, and is said to be none ---

printf 'FROM alpine:edge\nARG TOKEN\nRUN true\n' >Dockerfile
build -t argued --build-arg TOKEN="$env_marker"
status "S03 a token as --build-arg" 0
like "S03 it is told" "$ERR" 'SecretsUsedInArgOrEnv'
unlike "S03 not in the image's variables" "$(decant inspect --format '{{json .Config}}' argued)" "$env_marker"
like "S03 in the history, as docker has it" "$(decant history --no-trunc argued)" "[|]1 TOKEN=$env_marker"

is "S08 the store is the owner's alone" "$(stat -c %a "$DECANT_ROOT")" 700

# --- secrets of ADD ---

mkdir "$T/web" && echo page >"$T/web/file"
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/web" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
printf 'FROM scratch\nADD http://127.0.0.1:%s/file?token=%s /file\n' "$port" "$env_marker" >Dockerfile
build --secret id=HTTP_AUTH_TOKEN_127.0.0.1,env=TOKEN_VALUE
status "a token for a host of ADD" 0
build
ok "without it the server refuses" [ "$STATUS" -ne 0 ]

# --- agents ---

if ! command -v ssh-agent >/dev/null || ! command -v ssh-keygen >/dev/null; then
	skip "agents" "no ssh-agent (package openssh-client)"
else
	agents() { # those of this test; of which that cannot be told, all
		local pid
		for pid in $(pgrep -u "$(id -u)" -f 'ssh-agent -D -a agent-'); do
			case $(readlink "/proc/$pid/cwd") in "$T"* | '') echo "$pid" ;; esac
		done
	}
	ssh-keygen -q -t ed25519 -N '' -f "$T/key" -C key-one
	ssh-keygen -q -t ed25519 -N pass -f "$T/locked" -C key-two
	chmod 644 "$T/key" # a mode that ssh-add refuses: the key comes by its standard input
	cat >Dockerfile <<'D'
FROM alpine:edge
RUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ] && [ "$SSH_AUTH_SOCK" = /run/buildkit/ssh_agent.0 ]
RUN --mount=type=ssh,id=two,uid=1000,gid=50,mode=0640,target=/s [ "$(stat -c '%u %g %a' /s)" = "1000 50 640" ]
RUN [ ! -e /run/buildkit ] && [ ! -e /s ]
RUN --mount=type=ssh,id=absent [ ! -e /run/buildkit ]
WORKDIR /w
RUN --mount=type=ssh,target=rel/s [ "$SSH_AUTH_SOCK" = /w/rel/s ] && [ -S /w/rel/s ]
D
	build --ssh default="$T/key" --ssh two="$T/key"
	status "agents of keys" 0
	is "our agents are gone" "$(agents)" ""
	printf 'FROM alpine:edge\nRUN --mount=type=ssh exec sleep 6144.%s\n' $$ >Dockerfile.long
	"$DECANT" build --network=none --ssh default="$T/key" -f Dockerfile.long . >/dev/null 2>&1 &
	victim=$!
	wait_until 120 pgrep -f "^sleep 6144\.$$\$" >/dev/null
	like "an agent of keys runs" "$(agents)" '[0-9]'
	kill -9 "$victim"
	{ wait "$victim"; } 2>/dev/null
	wait_until 60 eval '[ -z "$(agents)" ]'
	is "it goes when the build is killed" "$(agents)" ""
	build --no-cache --ssh default="$T/key,$T/locked"
	like "a key with a passphrase" "$ERR" "cannot use the key '.*locked'"
	build --ssh default="$T/none"
	like "a key that is not there" "$ERR" "cannot open '.*none'"
	SSH_AUTH_SOCK='' build --ssh default
	like "no agent" "$ERR" 'SSH_AUTH_SOCK is not set'
	printf 'FROM alpine:edge\nRUN --mount=type=ssh,required true\n' >Dockerfile
	build
	like "D31 an agent that is required" "$ERR" '^Dockerfile:2:13: error: no SSH key "default" forwarded'
	eval "$(ssh-agent -a "$T/agent.sock")" >/dev/null
	chmod 600 "$T/key"
	ssh-add -q "$T/key"
	relay=$(dirname "$DECANT")/src/exec/test/ask_agent
	if [ -x "$relay" ]; then
		cp "$relay" ask_agent
		cat >Dockerfile <<'D'
FROM alpine:edge
COPY ask_agent /
USER app
# 11 lists keys; 17 adds, 18 and 19 remove, 22 locks, 27 is an extension
RUN --mount=type=ssh,uid=1000 /ask_agent 11 17 18 19 22 27 11 > /tmp/answers
RUN --mount=type=ssh ! /ask_agent 11
D
		build --ssh default --output "$T/asked"
		status "a user of the image asks the user's agent" 0
		is "it lists and signs, and changes nothing" "$(tr '\n' ' ' <"$T/asked/tmp/answers")" \
			"12 key-one 5 5 5 5 5 12 key-one "
		like "the user's agent has its key" "$(ssh-add -l)" key-one
		build --no-cache --ssh default="$T/agent.sock"
		status "named by its socket" 0
	else
		skip "what an agent may be asked" "no $relay"
	fi
	ssh-agent -k >/dev/null
	mkdir "$T/bin" && ln -s "$(command -v newuidmap)" "$(command -v newgidmap)" "$T/bin/" 2>/dev/null
	printf 'FROM alpine:edge\nRUN --mount=type=ssh,id=k true\n' >Dockerfile
	run env PATH="$T/bin" "$DECANT" build --network=none --ssh k="$T/key" .
	like "no OpenSSH" "$ERR" "cannot run 'ssh-agent'"
	like "says what to install" "$ERR" 'openssh-client'
fi

is "nothing is left over" "$(leftovers)" ""
done_testing
