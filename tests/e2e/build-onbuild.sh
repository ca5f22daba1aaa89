#!/bin/bash
# ONBUILD triggers run in what is FROM an image or a stage (T-170, T-171, T-172, T-011, D33).
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx parent
echo app >ctx/app

run decant build -q -t parent - <<'D'
FROM alpine:edge
ONBUILD COPY app /app
ONBUILD RUN <<EOF
cat /app > /copied
echo more >> /copied
EOF
ONBUILD COPY --from=tools /tool /
D
status "an image with triggers builds" 0

cat >ctx/Dockerfile <<'D'
FROM alpine:edge AS tools
RUN echo tool > /tool
FROM parent
RUN cat /copied /tool > /all
D
run decant build --progress=plain -t child ctx
status "T-170 what is FROM it builds" 0
like "T-170 its steps are told apart" "$ERR" '\[stage-1 3/5\] ONBUILD RUN <<EOF \(cat /app > /copied\.\.\.\)'
like "T-172 a stage that only a trigger names is built" "$ERR" '\[tools 2/2\] RUN echo tool'
run decant run --rm child cat /all
is "T-011 files, the heredoc and --from of the triggers came" "$OUT" $'app\nmore\ntool'
is "the triggers are not handed on" "$(decant inspect --format '{{json .Config.OnBuild}}' child)" null
is "they stay in the parent" "$(decant inspect --format '{{len .Config.OnBuild}}' parent)" 3

run decant build --progress=plain -t child ctx
is "an unchanged build finds all five steps" "$(grep -c CACHED <<<"$ERR")" 5
echo new >ctx/app
run decant build -q -t child ctx
run decant run --rm child cat /all
is "a file that a trigger copies is looked at" "$OUT" $'new\nmore\ntool'

run decant build -q -t grandchild - <<'D'
FROM child
RUN echo x > /copied
D
status "T-171 a grandchild runs no triggers: it has no context" 0

run decant build --progress=plain - <<'D'
FROM alpine:edge AS base
ONBUILD RUN echo $((N + 1)) > /n
ONBUILD ENV N=5
FROM base AS one
FROM one
RUN [ "$(cat /n)" = 1 ] && [ "$N" = 5 ]
D
status "T-170 T-171 triggers of a stage run once" 0

run decant build -q -t mounting - <<'D'
FROM alpine:edge
ONBUILD RUN --mount=from=tools,target=/t --mount=type=cache,target=/c --mount=target=/ctx cat /t/tool /ctx/app > /got
D
cat >ctx/Dockerfile <<'D'
FROM alpine:edge AS unneeded
RUN exit 1
FROM alpine:edge AS tools
RUN echo tool > /tool
FROM mounting
D
run decant build -q -t mounted ctx
status "T-172 a stage that only a trigger mounts is built" 0
is "its files were there, and those of the context" "$(decant run --rm mounted cat /got)" $'tool\nnew'
cat >ctx/Dockerfile <<'D'
FROM alpine:edge
# comment
FROM parent AS app
D
run decant build --progress=plain ctx
ok "a trigger that needs what is not there fails" [ "$STATUS" -ne 0 ]
like "its error shows the trigger" "$ERR" "trigger 3 of image 'parent':1:13: error:"
like "and which FROM runs it" "$ERR" 'note: an ONBUILD trigger, run by FROM parent in ctx/Dockerfile:3'

run decant build -q -t failing - <<'D'
FROM alpine:edge
ONBUILD RUN exit 7
D
run decant build --progress=plain - <<'D'
FROM failing
D
status "a trigger that fails fails the build" 1
like "a trigger that fails is shown" "$ERR" "trigger 1 of image 'failing':1:1: error:"

# An image that no builder made: its config says what it likes (D33).
for text in 'FROM alpine:edge' 'ONBUILD RUN true' 'MAINTAINER me' 'RNU x'; do
	decant save -o evil.tar failing >/dev/null 2>&1
	python3 - "$text" <<'P'
import hashlib, io, json, sys, tarfile
old = tarfile.open("evil.tar")
files = {m.name: old.extractfile(m).read() for m in old if m.isfile()}
manifest = json.loads(files["manifest.json"])
config = json.loads(files[manifest[0]["Config"]])
config["config"]["OnBuild"] = [sys.argv[1]]
text = json.dumps(config).encode()
manifest[0]["Config"] = hashlib.sha256(text).hexdigest() + ".json"
manifest[0]["RepoTags"] = ["evil:latest"]
out = tarfile.open("evil2.tar", "w")
keep = {n: files[n] for n in manifest[0]["Layers"]}
keep[manifest[0]["Config"]] = text
keep["manifest.json"] = json.dumps(manifest).encode()
for name, data in keep.items():
    info = tarfile.TarInfo(name)
    info.size = len(data)
    out.addfile(info, io.BytesIO(data))
out.close()
P
	ok "an image with the trigger '$text' loads" decant load -i evil2.tar
	run decant build -q - <<<'FROM evil'
	status "D33 the trigger '$text' is refused" 3
	like "D33 and shown: '$text'" "$ERR" "trigger 1 of image 'evil':1:1: error:"
done

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
