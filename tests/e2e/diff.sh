#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# diff: two images, an image and its base, a container; by the content lists alone.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
export SOURCE_DATE_EPOCH=1600000000
mkdir "$T/c"
echo one >"$T/c/one"
decant build -q -t before -f - "$T/c" >/dev/null <<'D'
FROM alpine:edge
ENV VERSION=1 GONE=x
LABEL a=1
RUN mkdir -p /app/sub && echo 12345 >/app/content && echo same >/app/same && echo m >/app/mode && echo o >/app/owner \
 && ln -s a /app/link && echo t >/app/type && echo gone >/app/sub/gone && echo h >/app/h1 && ln /app/h1 /app/h2 && touch -d @1500000000 /app/time \
 && echo 1 >/app/kind
D
decant build -q -t after -f - "$T/c" >/dev/null <<'D'
FROM before
ENV VERSION=2 NEW=y
LABEL a=2
CMD ["/bin/true"]
RUN echo 1234567 >/app/content && chmod 755 /app/mode && chown 5:6 /app/owner && ln -sfn b /app/link && rm /app/type && mkdir /app/type \
 && rm -r /app/sub && echo new >"/app/a new" && touch -d @1400000000 /app/time && rm /app/kind && echo 2 >/app/kind
D
run decant diff before after
status "two images" 0
is "every kind of difference, and no other" "$OUT" 'config Env.VERSION: 1 -> 2
config Labels.a: 1 -> 2
config Env.NEW: (none) -> y
config Cmd: (none) -> "[\"/bin/true\"]"
A /app/a new  file, 4B
M /app/content  content, size 6B -> 8B
M /app/kind  content
M /app/link  target a -> b
M /app/mode  mode 0644 -> 0755
M /app/owner  owner 0:0 -> 5:6
D /app/sub  directory
D /app/sub/gone  file, 5B
M /app/type  file -> directory'
is "times are counted" "$ERR" "1 file differs in the time alone (--times shows it)"
run decant diff --times before after
like "a time" "$OUT" '^M /app/time  time 2017-07-14T02:40:00Z -> 2014-05-13T16:53:20Z$'
run decant diff after before
like "the other way round: added" "$OUT" '^A /app/sub/gone  file, 5B$'
like "removed" "$OUT" '^D /app/a new  file'
like "a variable that went" "$OUT" '^config Env.NEW: y -> \(none\)$'
run decant diff --stat before after
is "numbers" "$OUT" "1 added, 2 removed, 6 changed; -1B in files; 4 differences of the config"
run decant diff --exit-code before after
status "as git does" 1
run decant diff --exit-code after after
status "nothing differs" 0
is "and nothing is said" "$OUT$ERR" ""
run decant diff --format json before after
ok "JSON" python3 - "$OUT" <<'P'
import json, sys
d = json.loads(sys.argv[1])
files = {f["path"]: f for f in d["files"]}
assert files["/app/mode"]["what"] == ["mode"] and files["/app/mode"]["after"]["mode"] == "0755", files
assert files["/app/sub/gone"]["change"] == "removed" and files["/app/sub/gone"]["after"] is None
assert files["/app/content"]["before"]["size"] == 6
assert {c["name"] for c in d["config"]} == {"Env.VERSION", "Env.NEW", "Labels.a", "Cmd"}
assert d["stat"] == {"added": 1, "removed": 2, "changed": 6, "times_alone": 1, "bytes_before": 19, "bytes_after": 18}, d["stat"]
P
run decant diff after
status "an image and its base" 0
is "which one" "${ERR%%$'\n'*}" "compared with docker.io/library/before:latest"
like "the same lines" "$OUT" '^M /app/mode  mode 0644 -> 0755$'
run decant diff alpine:edge
status "an image without a base" 2
like "what to do" "$ERR" "decant diff BEFORE AFTER"
run decant diff before nope
status "an image that is not there" 1
like "is named" "$ERR" "No such image: nope"
run decant diff --format yaml before after
status "a format that is none" 2

# A directory removed and made again hides what was in it, an xattr counts, a hard link is one.
decant build -q -t deep -f - "$T/c" >/dev/null <<'D'
FROM before
RUN rm -r /app && mkdir /app && echo 12345 >/app/content && echo h >/app/h1
D
run decant diff before deep
like "hidden by the new directory" "$OUT" '^D /app/same  file, 5B$'
unlike "made again as it was" "$OUT" ' /app/content'
like "the second name" "$OUT" '^D /app/h2  hard link to app/h1$'

pair() { printf 'FROM alpine:edge\nRUN mkdir /d && %s\n' "$2" | decant build -q -t "$1" -f - "$T/c" >/dev/null; }
pair d1 'echo a >/d/a && ln /d/a /d/b'
pair d2 'echo a >/d/a && echo b >/d/b'
pair d3 'echo a >/d/a && echo a >/d/b'
pair d4 'echo c >/d/a && ln /d/a /d/b'
run decant diff d1 d2
is "another content where a hard link was" "$OUT" "M /d/b  no longer a hard link to d/a, content"
run decant diff d1 d3
is "the same content" "$OUT" "M /d/b  no longer a hard link to d/a"
run decant diff d3 d1
is "the other way round" "$OUT" "M /d/b  now a hard link to d/a"
run decant diff d1 d4
is "another content under both names" "$OUT" "M /d/a  content
M /d/b  content"
run decant diff --format json d1 d4
is "JSON says size and digest" "$(python3 -c 'import json, sys
for f in json.load(sys.stdin)["files"]: print(f["what"], f["after"]["type"], f["after"]["size"], f["before"]["digest"] != f["after"]["digest"])' <<<"$OUT")" "['content'] file 2 True
['content'] hard link 2 True"

# --- steps of builds -------------------------------------------------------------------------------
decant build -q -t steps -f - "$T/c" >/dev/null <<'D'
FROM alpine:edge
RUN echo 1 >/1
RUN echo 2 >/2 && rm /1
D
run decant diff latest:2 latest:3
status "two steps" 0
is "what the second did" "$OUT" "D /1  file, 2B
A /2  file, 2B"
run decant diff alpine:edge latest:2
is "an image and a step: files alone" "$OUT" "A /1  file, 2B"
run decant diff latest:3 steps
is "the last step is the image" "$OUT" ""
decant build -q -f - "$T/c" >/dev/null <<'D'
FROM alpine:edge
RUN echo 3 >/3
D
run decant diff ^1:2 latest:2
status "a step of the build before" 0
is "as shell --step names it" "$OUT" "D /1  file, 2B
A /3  file, 2B"
run decant diff ^99:2 latest:2
status "a build that is not there" 1
like "is said to be none" "$ERR" "there are records of [0-9]+ builds"
run decant diff latest:9 steps
status "no such step" 1
run decant diff nope:3 steps
like "no such build, so no such image" "$ERR" "No such image: nope:3"

# --- a container ----------------------------------------------------------------------------------
run decant run --name box before sh -c 'echo >/app/same; rm /app/mode; mkdir /new; echo >/new/file; rm -r /app/sub; mkdir /app/sub; touch /app/sub/other'
status "a container" 0
run decant diff box
status "of a container" 0
is "as docker says it" "$OUT" "C /app
D /app/mode
C /app/same
C /app/sub
D /app/sub/gone
A /app/sub/other
A /new
A /new/file"
run decant diff --stat box
status "numbers are for images" 2
is "nothing is left behind" "$(leftovers)" ""
done_testing
