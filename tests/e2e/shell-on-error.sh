#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build --shell-on-error: the failed step's root as it stands; retry, fresh, edit, leave.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir "$T/c"
pty() { "$E2E_ROOT/tests/lib/with-pty" "$@"; }
dockerfile() { cat >"$T/c/Dockerfile"; }
dockerfile <<'D'
FROM alpine:edge
ENV GREETING=hi
WORKDIR /srv
RUN echo before >/before
RUN --mount=type=secret,id=s --mount=type=cache,target=/cache echo made >/half; test -f /missing && echo good >/good
RUN test -f /good
D
echo hush >"$T/secret"

run decant build --shell-on-error "$T/c" </dev/null
status "without a terminal" 2
like "says what it needs" "$ERR" "--shell-on-error needs a terminal"

run pty "$DECANT" build -t left --shell-on-error --secret "id=s,src=$T/secret" "$T/c" <<'P'
expect did not complete successfully: exit code: 1
expect \$ |# 
send cat /before /half; echo $GREETING $PWD; cat /run/secrets/s; ls -d /cache; tty\n
expect before\s+made\s+hi /srv\s+hush\s+/cache\s+/dev/pts/0
expect # 
send exit 5\n
expect leave\? \(\? explains\) 
cooked
send ?\n
expect retry  the command again
expect explains\) 
send leave\n
P
status "leave: the build fails" 1
like "the error is the end" "$OUT" "Dockerfile:5:1"
run decant images -q left
is "no image" "$OUT" ""
is "the first step is cached, the failed one is not" "$(decant build --progress plain --secret "id=s,src=$T/secret" "$T/c" 2>&1 | grep -c CACHED)" 2

# --- retry: in place, never trusted -----------------------------------------------------------------
run pty "$DECANT" build -t hand --shell-on-error --secret "id=s,src=$T/secret" "$T/c" <<'P'
expect # 
send touch /missing; exit\n
expect explains\) 
send retry\n
expect was mended by hand
P
status "retry: what comes of it is no success" 1
like "the image is there" "$OUT" "has no name: sha256:[0-9a-f]{64}"
id=$(grep -o 'no name: sha256:[0-9a-f]*' <<<"$OUT" | head -n 1 | cut -d' ' -f3)
run decant images -q hand
is "but has no name" "$OUT" ""
run bash -c 'echo "ls /missing /good /half" | "$DECANT" shell "$1"' - "$id"
is "with what was made by hand" "$OUT" "/good
/half
/missing"
run decant build -t hand --secret "id=s,src=$T/secret" "$T/c"
status "no other build takes it from the cache" 1

# --- fresh: nothing of the shell stays --------------------------------------------------------------
dockerfile <<'D'
FROM alpine:edge
RUN --mount=type=cache,target=/cache test -e /by-hand && exit 3; echo x >>/tries; test -f /cache/flag
D
run pty "$DECANT" build -t fresh --shell-on-error "$T/c" <<'P'
expect # 
send touch /by-hand /cache/flag; exit\n
expect explains\) 
send f\n
P
status "fresh: the step as it is written" 0
run bash -c 'echo "cat /tries; ls /by-hand" | "$DECANT" shell fresh'
is "one try, and nothing by hand" "$OUT" x
run decant build --progress plain -t fresh "$T/c"
like "and is cached" "$ERR" CACHED

# --- edit: the Dockerfile as it is then ---------------------------------------------------------------
cat >"$T/editor" <<'S'
#!/bin/sh
echo "$@" >"$0.args"
for file; do :; done
sed -i 's/false/echo mended/' "$file"
S
chmod +x "$T/editor"
dockerfile <<'D'
FROM alpine:edge AS other
RUN sleep 1; echo other >/other
FROM alpine:edge
RUN echo first >/first
RUN false
COPY --from=other /other /
D
EDITOR="$T/editor" run pty "$DECANT" build -t edited --shell-on-error "$T/c" <<'P'
expect # 
send exit\n
expect explains\) 
send edit\n
expect FINISHED
P
status "edit: the build goes on with the new line" 0
is "the editor got the file" "$(cat "$T/editor.args")" "$T/c/Dockerfile"
like "what was done is not done again" "$OUT" "CACHED .*echo first"
like "nor what ran meanwhile" "$OUT" "CACHED .*sleep 1"
run bash -c 'echo "ls /first /other" | "$DECANT" shell edited'
is "whole" "$OUT" "/first
/other"
printf 'FROM alpine:edge\nRUN false\n' | dockerfile
EDITOR=false run pty "$DECANT" build --shell-on-error "$T/c" <<'P'
expect # 
send exit\n
expect explains\) 
send edit\n
expect ended badly: nothing is built
expect explains\) 
send \x04
P
status "an editor that fails asks again, ^D leaves" 1

# --- beside it ----------------------------------------------------------------------------------------
dockerfile <<'D'
FROM alpine:edge AS noisy
RUN i=0; while [ $i -lt 30 ]; do echo noise $i; i=$((i+1)); sleep 0.1; done
FROM alpine:edge
COPY --from=noisy /etc/passwd /p
RUN false
FROM alpine:edge AS last
RUN false
COPY --from=noisy /etc/passwd /p
D
for style in plain tty; do
	run pty "$DECANT" build --no-cache --progress "$style" --shell-on-error "$T/c" <<'P'
expect # 
send sleep 1; echo mark$((1))\n
expect sleep 1; echo mark\$\(\(1\)\)\r\nmark1\r\n
expect # 
send exit\n
expect explains\) 
send leave\n
P
	status "$style: other steps write nothing into the shell" 1
done
run pty "$DECANT" build --no-cache --shell-on-error "$T/c" <<'P'
expect # 
send exit\n
expect explains\) 
send \x03
P
status "^C at the question" 130
run pty "$DECANT" build --no-cache --shell-on-error "$T/c" <<'P'
expect # 
signal TERM
P
status "a signal ends shell and build, and the terminal is restored" 143
is "nothing is left behind" "$(leftovers)" ""
done_testing
