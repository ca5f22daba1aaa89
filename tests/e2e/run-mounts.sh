#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RUN --mount of files, caches and memory: what the command sees, what the key holds, what stays.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain --network=none "$@" .; }
builds() { # name [options]
	local name=$1
	shift
	build "$@"
	status "$name" 0
}
# step N CACHED|DONE: how the last build's Nth RUN ended
step() {
	local line
	line=$(printf '%s\n' "$ERR" | grep -E '^#[0-9]+ \[.*\] RUN ' | sed -n "$1p")
	like "$2" "$ERR" "^${line%% *} $3"
}

# --- bind from the context ---

echo contents0 >testfile
mkdir sub && echo deep >sub/f && ln -s sub link && ln -s /etc/passwd out && chmod 600 sub/f
printf 'secret.txt\n' >.dockerignore && echo hidden >secret.txt
cat >Dockerfile <<'D'
FROM alpine:edge
# T-080
RUN --mount=target=/context [ "$(cat /context/testfile)" == "contents0" ]
RUN --mount=target=/context ! touch /context/x 2>/dev/null && [ ! -e /context/secret.txt ]
RUN --mount=target=/c [ "$(stat -c '%u:%g %a' /c/sub/f)" = "0:0 600" ] && [ "$(stat -c %u:%g /c)" = 0:0 ]
WORKDIR /w
RUN --mount=source=sub,target=rel,rw touch rel/new
RUN --mount=source=sub,target=/again [ ! -e /again/new ]
RUN --mount=source=testfile,target=/etc/asfile grep -q contents0 /etc/asfile && ! sh -c 'echo x > /etc/asfile' 2>/dev/null
RUN --mount=source=testfile,target=/asfile,rw echo other > /asfile && grep -q other /asfile
RUN --mount=source=link/f,target=/l grep -q deep /l
RUN --mount=source=link,target=/l grep -q deep /l/f
D
builds "binds of the context"
step 5 "all of it runs once" DONE
builds "binds of the context, again"
step 1 "a bind is cached" CACHED
echo more >sub/other
build
step 1 "a changed file is seen" DONE
step 6 "a file beside is not" CACHED
step 5 "a new file in the folder is" DONE
touch -d '2001-01-01' testfile
build
step 6 "a time is not" CACHED

printf 'FROM alpine:edge\nRUN --mount=source=out,target=/o cat /o\n' >Dockerfile
build
ok "a link cannot lead out of the context" [ "$STATUS" -ne 0 ]
like "and says so" "$ERR" "^Dockerfile:2:13: error: no such file in the build context: 'out'"
printf 'FROM alpine:edge\nRUN --mount=source=secret.txt,target=/o cat /o\n' >Dockerfile
build
like "an ignored file is none" "$ERR" "no such file in the build context: 'secret.txt'"
like "the line that ignores it" "$ERR" '\.dockerignore:1 excludes it'
echo '[x]' >'a[b]*'
printf 'FROM alpine:edge\nRUN --mount=source="a[b]*",target=/o grep -q x /o\n' >Dockerfile
builds "no wildcards in a source"

# T-088
cat >Dockerfile <<'D'
FROM alpine:edge
RUN --mount=source=.,target=/tmp/test --mount=source=testfile,target=/tmp/b.txt cat /tmp/test/testfile /tmp/b.txt > /both
D
for text in one two; do
	echo $text >testfile
	builds "T-088 two mounts of one context: $text" --output "$T/out-$text"
	is "T-088 both are up to date: $text" "$(cat "$T/out-$text/both")" "$text
$text"
done

run decant build --progress=plain --network=none - <<'D'
FROM alpine:edge
RUN --mount=target=/c [ -z "$(ls -A /c)" ]
D
status "a build without a context has an empty one" 0

# --- bind from a stage ---

mkdir -p tree/used && echo 1 >tree/used/a && echo 1 >tree/other
cat >Dockerfile <<'D'
FROM alpine:edge AS tree
COPY tree /tree
RUN ln -s used /tree/alias && ln -s /bin/busybox /tree/abs && date +%N > /tree/noise
FROM alpine:edge AS never
RUN false
FROM alpine:edge
RUN --mount=from=tree,source=/tree/used,target=/u cat /u/a > /got
RUN --mount=from=tree,source=tree/alias,target=/u,rw echo x > /u/b && [ "$(ls /u | wc -l)" = 2 ]
RUN --mount=from=TREE,target=/t [ -e /t/tree/noise ] && ! touch /t/tree/other 2>/dev/null
RUN --mount=from=0,source=tree/abs,target=/sh /sh -c true
RUN --mount=from=alpine:edge,target=/img [ -x /img/bin/sh ]
RUN --mount=from=scratch,target=/none,rw touch /none/x
D
builds "binds of a stage"
unlike "stages that nothing mounts do not run" "$ERR" 'never'
echo 2 >tree/other
builds "T-081 a file beside changed" # T-081
step 1 "T-081 its stage runs again" DONE
step 2 "T-081 what uses another path does not" CACHED
step 3 "T-081 nor through a link" CACHED
step 4 "what mounts all of it does" DONE
echo 2 >tree/used/a
build
step 2 "T-081 what uses the path runs" DONE
printf 'FROM alpine:edge AS a\nFROM alpine:edge\nRUN --mount=from=a,source=/nope,target=/x true\n' >Dockerfile
build
like "a source that is missing" "$ERR" "^Dockerfile:3:13: error: no such file in 'a': '"

# --- tmpfs ---

cat >Dockerfile <<'D'
FROM alpine:edge AS mem
RUN echo given >/given
FROM alpine:edge
# T-082
RUN --mount=target=/mytmp,type=tmpfs touch /mytmp/foo
RUN [ ! -e /mytmp ]
RUN mkdir -m 2770 /own && chown 5:6 /own
RUN --mount=type=tmpfs,target=/own --mount=type=tmpfs,target=/new/d [ "$(stat -c %a:%u:%g /own /new/d | tr "\\n" " ")" = "2770:0:0 1777:0:0 " ]
RUN --mount=type=tmpfs,target=/t,size=1m ! dd if=/dev/zero of=/t/f bs=1M count=2 2>/dev/null
RUN --mount=type=tmpfs,target=/t mknod /t/zero c 1 5 2>/dev/null; ! head -c 1 /t/zero 2>/dev/null
RUN --mount=from=mem,source=/given,target=/etc/hosts --mount=from=mem,source=/given,target=/etc/resolv.conf --mount=from=mem,source=/given,target=/etc/hostname [ "$(cat /etc/hosts /etc/resolv.conf /etc/hostname | grep -c given)" = 3 ]
RUN --mount=type=tmpfs,target=/t,ro ! touch /t/x 2>/dev/null
RUN --mount=type=tmpfs,target=/dev/shm,size=128m [ "$(grep -c /dev/shm /proc/mounts)" = 1 ] && grep '/dev/shm.*size=131072k' /proc/mounts
D
builds "T-082 memory"

# --- cache ---

cat >Dockerfile <<'D'
FROM alpine:edge
# T-083, T-084
RUN --mount=type=cache,target=/mycache touch /mycache/foo
RUN --mount=type=cache,target=/mycache2 [ ! -e /mycache2/foo ] && touch /mycache2/bar
RUN --mount=type=cache,target=/mycache [ -f /mycache/foo ] && [ ! -e /mycache/bar ]
ENV P=/mycache T=cache
RUN --mount=type=$T,target=${P}2 [ -f /mycache2/bar ]
RUN --mount=type=cache,id=/mycache,target=/elsewhere [ -f /elsewhere/foo ]
RUN --mount=type=cache,target=/mycache,ro ! touch /mycache/x 2>/dev/null
# T-085
RUN --mount=type=cache,target=/c,uid=1001,gid=1002,mode=0751 [ "$(stat -c '%u %g %f' /c)" = "1001 1002 41e9" ]
RUN --mount=type=cache,target=/c [ "$(stat -c '%u %g %a' /c)" = "0 0 755" ]
RUN --mount=type=cache,target=/c,uid=1001,gid=1002,mode=0751 --mount=type=cache,target=/d,id=/c,gid=1002,uid=1001,mode=0751 touch /c/x && [ -e /d/x ]
RUN [ ! -e /mycache ] && [ ! -e /c ]
D
builds "T-083 T-084 T-085 caches"
sed -i 's/RUN --mount=type=cache,target=.mycache touch.*/RUN --mount=type=cache,target=\/mycache [ -f \/mycache\/foo ]/' Dockerfile
builds "another build has the same" --no-cache
build --no-cache --build-arg BUILDKIT_CACHE_MOUNT_NS=other
ok "another namespace has not" [ "$STATUS" -ne 0 ]
like "caches say what they are for" "$(cat "$DECANT_ROOT"/mounts/*/info)" '^id //mycache$'

# T-086
cat >Dockerfile <<'D'
FROM alpine:edge
RUN --mount=type=cache,id=esc,target=/cache mkdir -p /cache/sel /cache/real && echo in > /cache/real/f
RUN --mount=type=cache,id=esc,source=real,target=/r grep in /r/f
RUN --mount=type=cache,id=esc,target=/cache rm -rf /cache/sel && ln -s /etc /cache/sel
RUN --mount=type=cache,id=esc,source=sel,target=/victim cat /victim/hostname
D
build
ok "T-086 a link in a cache leads nowhere outside" [ "$STATUS" -ne 0 ]
like "T-086 and it is that step that fails" "$ERR" "^Dockerfile:5:13: error: cannot open 'sel' in the cache"

cat >Dockerfile <<'D'
FROM alpine:edge AS seed
RUN mkdir -p /s/d && echo seeded > /s/d/f && chown 7:8 /s/d/f && ln /s/d/f /s/d/g
FROM alpine:edge
RUN --mount=type=cache,target=/c,from=seed,source=/s grep seeded /c/d/f && [ "$(stat -c %u:%g:%h /c/d/f)" = 7:8:2 ] && echo mine > /c/own
RUN --mount=type=cache,target=/c,from=seed,source=/s grep mine /c/own
RUN --mount=type=cache,target=/c [ ! -e /c/own ]
D
builds "a cache begins with files of a stage"
is "and is there once" "$(grep -l '^source s$' "$DECANT_ROOT"/mounts/*/info | wc -l)" 1
cat >Dockerfile <<'D'
FROM alpine:edge AS seed
RUN mkdir -p /s/d && echo seeded > /s/d/f && chown 7:8 /s/d/f && ln /s/d/f /s/d/g
FROM alpine:edge
RUN --mount=type=cache,target=/c,from=seed,source=/s,uid=5 grep seeded /c/d/f && [ "$(stat -c %u /c /c/d/f | tr '\n' ' ')" = "5 7 " ] && [ ! -e /c/own ]
D
builds "with an owner it is another, which has the files as well"

# T-087
{
	for i in 1 2 3 4 5 6; do
		printf 'FROM alpine:edge AS b%d\nRUN --mount=type=cache,target=/foo/bar --mount=type=cache,target=/foo/bar/baz echo %d > /foo/bar/baz/%d && echo %d > /r\n' $i $i $i $i
	done
	echo 'FROM alpine:edge'
	for i in 1 2 3 4 5 6; do echo "COPY --from=b$i /r /r$i"; done
	echo 'RUN --mount=type=cache,id=/foo/bar/baz,target=/x [ "$(ls /x | wc -l)" = 6 ]'
} >Dockerfile
builds "T-087 caches in one another, side by side"

# --- sharing, between processes ---

mkdir "$T/a" "$T/b"
pids=()
for sharing in locked private shared; do
	cat >Dockerfile <<D
FROM alpine:edge
ARG WHO
RUN --mount=type=cache,id=$sharing,target=/c,sharing=$sharing --mount=type=cache,id=go,target=/go echo \$WHO >> /c/in; echo begun; \
    until [ -e /go/$sharing ]; do sleep 0.05; done; cat /c/in > /saw; echo out >> /c/in
D
	printf 'FROM alpine:edge\nRUN --mount=type=cache,id=go,target=/go touch /go/%s\n' "$sharing" >Dockerfile.go
	for who in a b; do
		: >"$T/$who.log" # what the one before wrote is no sign
		decant build --progress=plain --network=none --no-cache --build-arg WHO=$who --output "$T/$who/$sharing" . >"$T/$who.log" 2>&1 &
		pids+=($!)
		wait_until 120 grep -qE "^#[0-9]+ [0-9.]+ begun$|waiting for the cache" "$T/$who.log"
	done
	decant build -q --network=none -f Dockerfile.go . >/dev/null
	wait "${pids[@]}"
	pids=()
	saw=$(cat "$T/a/$sharing/saw" "$T/b/$sharing/saw" | tr '\n' ' ')
	case $sharing in
	locked)
		is "locked: one after the other" "$saw" "a a out b "
		like "the second says what it waits for" "$(cat "$T/b.log")" "waiting for the cache '/?locked', which another RUN has locked"
		;;
	private) is "private: each its own" "$saw" "a b " ;;
	shared) like "shared: together" "$saw" "^a b (out )?a b " ;;
	esac
done
is "private made two" "$(for d in "$DECANT_ROOT"/mounts/*/; do
	grep -q '^id /private$' "$d/info" && find "$d" -maxdepth 1 -name '[0-9]' | wc -l
done)" 2

# --- nothing stays ---

cat >Dockerfile <<'D'
FROM alpine:edge
RUN mkdir /opt && chmod 711 /opt && touch -d '2001-02-03' /opt
RUN --mount=target=/opt/deep/er --mount=type=cache,target=/opt/c --mount=type=tmpfs,target=/new/t \
    --mount=source=testfile,target=/root/f --mount=target=/etc true
RUN --mount=target=/new/dir echo kept > /new/file
D
builds "mounts in many places" --output "type=tar,dest=$T/stays.tar"
is "nothing of a mount is in the image" "$(tar -tf "$T/stays.tar" | grep -E '^(opt/.+|root/.+|new/(t|dir))')" ""
is "what the command wrote beside is" "$(tar -xOf "$T/stays.tar" new/file)" kept
is "a directory above keeps mode and time" \
	"$(TZ=UTC tar -tvf "$T/stays.tar" opt/ | sed -E 's/ +/ /g' | cut -d' ' -f1,4)" "drwx--x--x 2001-02-03"
is "the layer of the first is empty" "$(decant history --format '{{.Size}}' --no-trunc \
	"$(decant build -q --network=none .)" | sed -n 2p)" 0B

is "nothing is left over" "$(leftovers)" ""
done_testing
