#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Why a step was not in the cache: each kind of cause, in words.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base base:1

mkdir -p ctx/src && cd ctx || exit 1
# Owners and times are no part of it; modes are, whatever the umask.
umask 022

build() { decant build -q -t x "$@" . >/dev/null 2>"$T/.build" || diag "$(cat "$T/.build")"; }
# What Python says of the last build, which is b.
answer() { decant why --format json | python3 -c "import json, sys
b = json.load(sys.stdin)
$1"; }
# Its causes, a line each: "STEP CODE TEXT".
causes() {
	answer 'for s in b["steps"]: [print(s["step"], c["code"], c["text"]) for c in s["causes"]]'
}
# One change, one build, and what is said of step 2, the first behind FROM.
says() { # name expected-line
	is "$1" "$(causes | sed -n 's/^2 //p')" "$2"
}

# --- files -------------------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM base:1
COPY . /w/
RUN cat /w/src/a.c
D
echo '*.log' >.dockerignore
echo one >src/a.c
echo two >src/b.c
ln -s a.c src/link
build
is "a build of nothing known" "$(causes)" "2 never-built never built: no earlier build of this is known
3 never-built never built: no earlier build of this is known"
build
is "nothing changed: no causes" "$(causes)" ""
like "all HIT" "$(decant why)" '^  3  HIT     \[2?.*RUN cat'

echo three >src/a.c
build
is "content, and the step that stands on it" "$(causes)" "2 file-content src/a.c: content changed
3 parent [2/3] COPY . /w/ re-ran: src/a.c: content changed"
chmod 600 src/a.c
build
says "mode" "file-mode src/a.c: mode 0644 → 0600"
chmod 644 src/a.c
build
echo new >src/c.c
build
says "new file" "file-new src/c.c: new file"
mv src/c.c src/d.c
build
says "renamed file" "file-renamed src/c.c: renamed to src/d.c"
rm src/d.c
build
build # the state before src/c.c is known: all HIT
echo again >src/e.c
build
rm src/e.c
echo other >>src/b.c
build
says "removed file, and another" "file-content src/b.c: content changed
file-removed src/e.c: removed"
ln -sf b.c src/link
build
says "symbolic link" "file-link src/link: link to a.c → b.c"
rm src/link && mkdir src/link
build
says "link to directory" "file-type src/link: symbolic link → directory"
rmdir src/link && echo file >src/link
build
says "directory to file" "file-type src/link: directory → file"
rm src/link
build
cp -l src/a.c src/z.c
build
rm src/z.c
cp src/a.c src/z.c
build
says "hard link to file" "file-type src/z.c: hard link → file"
echo x >debug.log
build
is "what is ignored makes no difference" "$(causes)" ""
echo '!debug.log' >>.dockerignore
build
says "ignore file lets one in" "file-content .dockerignore: content changed
file-new debug.log: new file"
if [ "$(id -u)" -eq 0 ] && command -v setcap >/dev/null; then
	printf '#!' >src/tool && chmod 755 src/tool
	build
	setcap cap_net_raw+ep src/tool
	build
	says "extended attribute" "file-xattr src/tool: extended attribute security.capability added"
else
	skip "extended attribute" "needs root and setcap"
fi
for i in $(seq 30); do echo "$i" >"src/n$i.h"; done
build
is "many causes are counted" "$(causes | grep -c '^2 ')" 21
is "and the rest is said" "$(causes | sed -n 's/^2 more //p')" "and 10 more"
rm src/n*.h

# --- the Dockerfile ----------------------------------------------------------------------------
write() { cat >Dockerfile; }
write <<'D'
FROM base:1
ENV VERSION=1.2
ARG MODE=fast
ARG UNUSED
RUN echo $VERSION $MODE
D
build
sed -i s/1.2/1.3/ Dockerfile
build
says "ENV" "env ENV VERSION: 1.2 → 1.3"
build --build-arg MODE=slow
says "ARG" "arg ARG MODE: fast → slow"
build
sed -i '/VERSION=/a ENV NEW=1' Dockerfile
build
says "a variable is new" "env ENV NEW is new: 1"
sed -i '/NEW=/d' Dockerfile
build --no-cache
says "--no-cache" "no-cache --no-cache"
like "and its result is what it was" "$(decant why)" 'same result as before: what follows is a HIT'
build --no-cache-filter stage-0
says "--no-cache-filter" "no-cache-filter --no-cache-filter stage-0"
build --build-arg SECRET_TOKEN=abc
is "an argument that nothing uses" "$(causes)" ""
sed -i 's/ARG UNUSED/ARG API_TOKEN/' Dockerfile
build --build-arg API_TOKEN=hush-one
build --build-arg API_TOKEN=hush-two
says "a secret's value is not shown" "arg ARG API_TOKEN: changed (a secret's value is not shown)"
sed -i 's/^RUN .*/RUN echo $MODE; false/' Dockerfile
run decant build -q --build-arg API_TOKEN=hush-three -t x .
run decant build -q --build-arg API_TOKEN=hush-three -t x .
is "nor does it count as another" "$(causes)" "2 failed-before it failed the last time"
sed -i 's/^ENV /WORKDIR /; s/^RUN .*/RUN echo $API_TOKEN/' Dockerfile
build --build-arg API_TOKEN=hush-three
unlike "it is in no record" "$(cat "$DECANT_ROOT"/builds/*)" 'hush-'

write <<'D'
FROM base:1
RUN echo make
D
build
sed -i 's/make/make all/' Dockerfile
build
says "the line changed" "line the line changed: RUN echo make → RUN echo make all"
sed -i '/^RUN/i USER 1000' Dockerfile
build
says "USER" "user USER: none → 1000"
sed -i '/^USER/d' Dockerfile
build
build --network none
says "--network" "network --network: default → none"
build
build --add-host h:1.2.3.4
says "--add-host" "host --add-host h is new"
build
sed -i '/^RUN/i SHELL ["/bin/sh", "-ec"]' Dockerfile
build
says "SHELL" "shell SHELL: /bin/sh -c → /bin/sh -ec"
sed -i '/^SHELL/d' Dockerfile
build
SOURCE_DATE_EPOCH=1000 build
says "SOURCE_DATE_EPOCH" "epoch SOURCE_DATE_EPOCH: none → 1000"
write <<'D'
FROM base:1
RUN <<EOF
echo one
EOF
D
build
sed -i 's/echo one/echo two/' Dockerfile
build
like "heredoc" "$(causes)" '^2 (command|heredoc|line) '
write <<'D'
FROM base:1
RUN --mount=type=bind,source=src,target=/m cat /m/a.c
D
build
echo bound >src/a.c
build
says "files of a mount" "file-content src/a.c (for --mount /m): content changed"
sed -i 's,target=/m cat /m,target=/n cat /n,' Dockerfile
build
like "mount" "$(causes)" '^2 line the line changed: '

# --- steps that stand on others ----------------------------------------------------------------
write <<'D'
FROM base:1 AS builder
RUN echo one >/one
COPY src/a.c /src/
RUN cat /src/a.c >/out
FROM base:1
COPY --from=builder /out /out
RUN cat /out
D
build
build
echo four >src/a.c
build
is "back to the file, through all that stands on it" "$(causes)" "3 file-content src/a.c: content changed
4 parent [builder 3/4] COPY src/a.c /src/ re-ran: src/a.c: content changed
6 file-content out (from builder): content changed
6 from [builder 3/4] COPY src/a.c /src/ re-ran: src/a.c: content changed
7 parent [builder 3/4] COPY src/a.c /src/ re-ran: src/a.c: content changed"
sed -i '/echo one/a RUN echo new >/new' Dockerfile
build
like "a line that is new" "$(causes)" '^3 never-built never built: the line is new$'
like "and what stands on it" "$(causes)" '^4 new-step \[builder 3/5\] RUN echo new >/new is new$'
sed -i '/echo one/d' Dockerfile
build
like "a line that is gone" "$(causes)" '^2 removed-step \[builder 2/5\] RUN echo one >/one is gone$'

write <<'D'
FROM base:1
RUN echo base
D
build
old=$(decant images -q --no-trunc base:1)
decant tag base:1 base:old
printf 'FROM base:old\nCOPY .dockerignore /moved\n' | decant build -q -t base:1 -f - . >/dev/null 2>&1
new=$(decant images -q --no-trunc base:1)
build
is "base image moved" "$(causes)" "2 base-image base image base:1: ${old:0:19} → ${new:0:19}"
sed -i 's/base:1/base:old/' Dockerfile
build
is "another base image, built on before" "$(causes)" ""
printf 'FROM base:1\nRUN echo other\n' >Dockerfile
build
printf 'FROM base:old\nRUN echo other\n' >Dockerfile
build
says "another base image" "base-image base image base:1 → base:old"

# --- what was there, and is not ----------------------------------------------------------------
key=$(answer 'print(b["steps"][1]["key"][7:])')
rm "$DECANT_ROOT/cache/$key"
build
says "record gone" "evicted built before with these very inputs, but its cache record is gone"
sed -i 's/echo other/false/' Dockerfile
run decant build -t x .
status "a build that fails" 1
is "is kept too" "$(answer 'print(b["state"], b["steps"][1]["status"])')" "failed failed"
run decant build -t x .
says "failed before" "failed-before it failed the last time"
sed -i 's/false/true/' Dockerfile
build
says "compared with what failed" "line the line changed: RUN false → RUN true"
sed -i '1s/.*/FROM base:old AS renamed/' Dockerfile
build
is "a stage under another name is the same" "$(causes)" ""
printf 'FROM renamed AS more\nRUN echo more\n' >>Dockerfile
build
like "a new stage" "$(causes)" "^3 never-built never built: stage 'more' is not in the build before$"

# --- --explain and --fail-on-miss ---------------------------------------------------------------
echo five >src/a.c
write <<'D'
FROM base:1 AS builder
COPY src/a.c /src/
RUN cat /src/a.c
FROM base:1
RUN touch /never
D
build --target builder
echo six >src/a.c
run decant build --progress plain --explain --target builder -t x .
like "--explain says it under the step" "$ERR" '^#[0-9]+ why: src/a.c: content changed$'
before=$(printf '%s\n' "$ERR" | grep -n ' why: \[builder 2/3\]' | cut -d: -f1)
after=$(printf '%s\n' "$ERR" | grep -n ' six$' | cut -d: -f1)
ok "before the command runs" [ "${before:-9999}" -lt "${after:-0}" ]
echo seven >src/a.c
run decant build --progress json --explain --target builder -t x .
like "in JSON" "$ERR" '"event":"why",.*"text":"src/a.c: content changed"'
echo eight >src/a.c
run decant build --fail-on-miss builder --target builder -t x .
status "--fail-on-miss: its own status" 6
like "names the step" "$ERR" 'not in the cache: \[builder 2/3\] COPY src/a.c /src/'
like "with its place" "$ERR" 'Dockerfile:2:1: error'
like "and the cause" "$ERR" 'src/a.c: content changed'
unlike "nothing ran" "$ERR" 'eight'
run decant build --fail-on-miss 0 --target builder -t x .
status "a stage by its number" 6
run decant build --fail-on-miss '*' --target builder -t x .
status "any stage" 6
build --target builder
run decant build -q --fail-on-miss builder --target builder -t x .
status "all in the cache" 0
run decant build --fail-on-miss nobody -t x .
status "no such stage" 3
like "is said" "$ERR" "no stage is called 'nobody'"

# --- the command ---------------------------------------------------------------------------------
is "the command line is kept" "$(answer 'print(*b["command"])')" "build --fail-on-miss nobody -t x ."
run decant why nothing
status "no such build" 1
like "says where to look" "$ERR" "decant builds"
run decant why x 99
like "no such step" "$ERR" "no such step in the build"
build --target builder
like "a step in full" "$(decant why x builder/3)" 'instruction  RUN cat /src/a.c'
unlike "no colours in a pipe" "$(decant why)" $'\033'
id=$(decant builds -q | head -n 1)
is "by its ID's beginning" "$(decant why "${id:0:8}" | head -n 1 | cut -d' ' -f2)" "$id"
run decant build -q --build-arg PASSWORD=hush-three --build-context y=https://user:hush-four@127.0.0.1:1/y.git --target builder .
unlike "without secrets" "$(cat "$DECANT_ROOT"/builds/*)" 'hush-'
like "but for their names" "$(cat "$DECANT_ROOT"/builds/*)" 'PASSWORD=\*\*\*'

# --- what did not come to an end is no past -----------------------------------------------------
echo nine >src/a.c
run decant build --fail-on-miss builder --target builder -t x .
is "a step that was not to run" "$(answer 'print([s["status"] for s in b["steps"][1:3]])')" "['refused', 'waiting']"
like "is shown as such" "$(decant why)" '^  2  NOT RUN \[builder 2/3\] COPY src/a.c /src/$'
run decant build --fail-on-miss builder --target builder -t x .
says "the next build has the same cause" "file-content src/a.c: content changed"
build --target builder
is "also when it runs" "$(causes)" "2 file-content src/a.c: content changed
3 parent [builder 2/3] COPY src/a.c /src/ re-ran: src/a.c: content changed"
mkdir ../only && printf 'FROM base:1\nCOPY f /f\n' >../only/Dockerfile && echo f >../only/f
for i in 1 2; do run decant build -q --fail-on-miss '*' ../only; done
says "none has a result of it" "not-finished never built: --fail-on-miss of an earlier build did not let it run"
cut_short() { # ends the build once its command runs
	rm -f "$T/cut" # of the last one: it would be taken for this one's
	"$DECANT" build --progress plain -t x . >"$T/cut" 2>&1 &
	local pid=$!
	wait_until 120 eval 'grep -q "^#.* here$" "$T/cut" 2>/dev/null'
	kill -TERM "$pid"
	wait "$pid"
}
printf 'FROM base:1\nCOPY src/a.c /\nRUN echo here; [ ! -s /a.c ] || sleep 600\n' >Dockerfile
: >src/a.c
build
echo ten >src/a.c
cut_short
is "a build that was stopped" "$(answer 'print(b["state"], b["steps"][2]["status"])')" "cancelled cancelled"
cut_short
is "the next one is compared with what was before" "$(causes)" "3 parent [2/3] COPY src/a.c / is another: src/a.c: content changed"
sed -i 's/echo here/echo first; echo here/' Dockerfile
cut_short
like "another line too" "$(causes)" '^3 line the line changed: RUN echo '

# --- one cause on two ways --------------------------------------------------------------------
write <<'D'
FROM base:1 AS a
RUN cat /proc/sys/kernel/random/uuid >/a
FROM a AS b
RUN cp /a /b
FROM b
COPY --from=b /b /c
D
build
build --no-cache-filter a
is "one cause on two ways is told once" "$(causes | cut -d' ' -f1,3- | sort | uniq -d)" ""
like "but it is" "$(causes)" '^4 .*re-ran: --no-cache-filter a$'

# --- long values ------------------------------------------------------------------------------
printf 'FROM base:1\nENV L=%0900db\nRUN true\n' 0 >Dockerfile
build
sed -i 's/0b$/0c/' Dockerfile
build
says "a long value is cut around what differs" "env ENV L: ...00000000000000000000b → ...00000000000000000000c"

# --- contexts of many files ------------------------------------------------------------------------
mkdir many
for i in $(seq 2500); do echo "$i" >"many/f$i"; done
write <<'D'
FROM base:1
COPY many /many
D
build
build
is "thousands of files" "$(causes)" ""
echo changed >many/f1234
rm many/f77
build
says "the one that changed" "file-content many/f1234: content changed
file-removed many/f77: removed"
rm "$DECANT_ROOT"/lists/*
echo changed >many/f1
build
says "lists may go" "files files changed (which ones is no longer known)"
done_testing
