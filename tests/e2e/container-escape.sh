#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# E01: the host's program is not to be had by /proc/self/exe or /proc/PID/exe of a container (CVE-2019-5736), of run, exec and RUN.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs ldd
base alpine:edge
sum=$(sha256sum <"$DECANT")

# An image in which the host's decant would run, if its file could be executed there: its loader and libraries are in it.
mkdir ctx && (cd ctx && ldd "$(realpath "$DECANT")" | grep -o '/[^ ]*' | xargs -n 1 realpath -s | xargs cp -L --parents -t .)
cat >ctx/Dockerfile <<'D'
FROM alpine:edge
COPY . /
RUN ln -s /proc/self/exe /self; ln -s /proc/1/exe /first; { echo '#!/proc/self/exe version'; } >/script; chmod +x /script
D
run decant build -q --network=none -t loaded ctx
status "an image with the libraries" 0
cp "$(realpath "$DECANT")" ctx/decant
printf 'FROM loaded\nCOPY decant /\n' >ctx/Dockerfile
decant build -q --network=none -t control ctx >/dev/null
like "in which decant would run" "$(decant run --rm --network none control /decant version)" '^decant version'

refused() { # what it is, how; none of them may be decant, and none goes on for ever
	local what=$1
	shift
	run timeout 60 "$@"
	is "$what" "$STATUS $(grep -c 'decant version' <<<"$OUT$ERR")" "126 0"
}
refused "run of /proc/self/exe" "$DECANT" run --rm --network none loaded /proc/self/exe version
refused "of a link to it" "$DECANT" run --rm --network none loaded /self version
refused "of a script with it" "$DECANT" run --rm --network none loaded /script
refused "of PID 1's" "$DECANT" run --rm --network none loaded /first version
decant run -d --name box --network none loaded sh -c 'while :; do for p in /proc/[0-9]*; do
	(: 3<>$p/exe) 2>/dev/null && echo "opened $p" >>/opened; readlink $p/exe; done >>/seen 2>/dev/null; done' >/dev/null
refused "exec of /proc/self/exe" "$DECANT" exec box /proc/self/exe version
refused "exec of a link to it" "$DECANT" exec box /self version
refused "exec of a script with it" "$DECANT" exec box /script

# A process of the container looks at all others while commands come into being beside it.
for _ in 1 2 3 4 5 6 7 8 9 10; do decant exec box true; done
ok "it has looked" timeout 120 bash -c 'until "$DECANT" exec box grep -q busybox /seen 2>/dev/null; do sleep 0.1; done'
is "no program could be opened to be written to" "$(decant exec box cat /opened 2>/dev/null)" ""
unlike "nor was the host's seen" "$(decant exec box sort -u /seen)" "$(realpath "$DECANT")\$"
decant rm -f box >/dev/null

cat >ctx/Dockerfile <<'D'
FROM loaded
RUN ["/self", "version"]
D
run decant build --network=none --progress=plain ctx
like "RUN of it" "$STATUS $ERR" '126'
unlike "is not decant" "$OUT$ERR" 'decant version'
is "the host's program is as it was" "$(sha256sum <"$DECANT")" "$sum"

# What cannot be started says why, through what stands between.
printf '#!/nope\n' >y && printf garbage >z && chmod +x y z
decant create --name other --network none alpine:edge y >/dev/null
decant cp y other:/bin/y && decant cp z other:/bin/z
run decant start -a other
is "a script whose interpreter is missing" "$STATUS $(grep -c "cannot run 'y': its interpreter is missing" <<<"$ERR")" "127 1"
decant rm other >/dev/null
decant run -d --name box --network none alpine:edge sleep 1000 >/dev/null
decant cp y box:/bin/y && decant cp z box:/bin/z
run decant exec box y
is "of exec" "$STATUS $(grep -c "cannot run 'y': its interpreter is missing" <<<"$ERR")" "127 1"
run decant exec box z
is "what is no program" "$STATUS $(grep -c "cannot run 'z': exec format error" <<<"$ERR")" "126 1"
run decant exec -u 7 box z
is "as another user" "$STATUS $(grep -c "cannot run 'z': exec format error" <<<"$ERR")" "126 1"
decant rm -f box >/dev/null
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""
done_testing
