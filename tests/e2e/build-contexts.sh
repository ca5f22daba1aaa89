#!/bin/bash
# --build-context: directories, images and URLs stand for stages and images (T-047, T-048).
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir -p main other/sub root/bin
echo main >main/f
echo other >other/f
echo sub >other/sub/g
echo secret >other/secret
printf 'secret\n' >other/.dockerignore
run decant build -q -t marked - <<'D'
FROM alpine:edge
RUN echo marked > /mark
ENV MARK=1
D

# --- directories -----------------------------------------------------------------------------------
cat >main/Dockerfile <<'D'
FROM alpine:edge
COPY f /main
COPY --from=src f sub/g /src/
RUN cat /main /src/f /src/g > /all && [ ! -e /src/secret ]
D
run decant build -q -t x --build-context src=other main
status "COPY --from takes files of a directory" 0
run decant run --rm x cat /all
is "each file is that of its own context" "$OUT" $'main\nother\nsub'
run decant build --progress=plain -t x --build-context src=other main
is "an unchanged build finds all" "$(grep -c CACHED <<<"$ERR")" 3
echo changed >other/f
run decant build --progress=plain -t x --build-context src=other main
is "a change in a directory is seen, and only there" "$(grep -c CACHED <<<"$ERR")" 1
run decant run --rm x cat /all
is "the new file is there" "$OUT" $'main\nchanged\nsub'

run decant build --progress=plain --build-context src=other - <<'D'
FROM scratch
COPY --from=src secret /
D
status "a directory has an ignore file of its own" 3
like "the error names line and context" "$ERR" "other/.dockerignore:1 excludes it: 'secret'"
like "and which context" "$ERR" "while looking into the build context 'src'"

run decant build --progress=plain -t mounted --build-context src=other - <<'D'
FROM alpine:edge
RUN --mount=from=src,target=/m cat /m/f /m/sub/g > /all && [ ! -e /m/secret ]
D
status "a mount takes files of a directory" 0
is "of that one" "$(decant run --rm mounted cat /all)" $'changed\nsub'
echo more >>other/sub/g
run decant build --progress=plain -t mounted --build-context src=other - <<'D'
FROM alpine:edge
RUN --mount=from=src,target=/m cat /m/f /m/sub/g > /all && [ ! -e /m/secret ]
D
is "and sees a change in it" "$(decant run --rm mounted cat /all)" $'changed\nsub\nmore'

cp "$(command -v busybox)" root/bin/busybox
ln -s busybox root/bin/sh
run decant build -q -t rootdir --build-context src=root - <<'D'
FROM src
RUN /bin/busybox id -u > /id
D
status "FROM a directory runs" 0
is "its files are root's" "$(decant run --rm rootdir /bin/busybox cat /id)" 0
is "each layer has its line of history" "$(decant history -q rootdir | wc -l)" 2
is "and each of its layers" "$(decant inspect --format '{{len .RootFS.Layers}}' rootdir)" 2

# --- images ----------------------------------------------------------------------------------------
cat >main/Dockerfile <<'D'
FROM busybox
RUN [ "$MARK" = 1 ] && [ "$(cat /mark)" = marked ]
COPY --from=busybox:latest /mark /again
D
for scheme in docker-image container-image docker; do
	run decant build -q --build-context busybox=$scheme://marked main
	status "T-047 $scheme:// stands for an image that is not there" 0
done
cat >main/Dockerfile <<'D'
FROM nosuch.invalid/x AS base
RUN exit 1
FROM base AS mid
FROM alpine:edge
COPY --from=mid /mark /
COPY --from=base /mark /mark2
D
run decant build -q --build-context base=docker-image://marked main
status "T-047 a whole stage is replaced" 0
run decant build -q --build-context img=docker-image://marked - <<'D'
FROM alpine:edge
RUN --mount=from=img,target=/m [ "$(cat /m/mark)" = marked ]
D
status "a mount takes files of an image" 0
run decant build -q -t only --target base --build-context base=docker-image://marked main
status "the target too" 0
is "it is the image then" "$(decant run --rm only cat /mark)" marked
run decant build -q -t empty --build-context busybox=docker-image://scratch - <<'D'
FROM busybox
COPY <<EOF /f
EOF
D
status "T-048 scratch builds" 0
is "T-048 nothing is in it but what was put there" "$(decant inspect --format '{{len .RootFS.Layers}}' empty)" 1
run decant build --progress=plain --build-context scratch=docker-image://marked - <<'D'
FROM scratch
COPY <<EOF /f
EOF
D
status "scratch cannot be replaced" 0
like "which is said" "$ERR" "warning: the build context 'scratch' is not used"

# --- OCI image layouts -----------------------------------------------------------------------------
run decant build -q -o type=oci,dest=layout.tar -t laid:v1 - <<'D'
FROM alpine:edge
RUN echo laid > /laid
ENV LAID=1
ONBUILD RUN echo triggered > /triggered
D
mkdir layout && tar -xf layout.tar -C layout
digest=$(python3 -c 'import json; print(json.load(open("layout/index.json"))["manifests"][0]["digest"])')
decant rmi -f laid:v1 >/dev/null
DECANT_ROOT=$T/other-store
cat >main/Dockerfile <<'D'
FROM anything:1 AS a
RUN [ "$LAID" = 1 ] && [ "$(cat /laid /triggered)" = "$(printf 'laid\ntriggered')" ]
FROM scratch
COPY --from=anything:1 /laid /
D
cat >main/two <<'D'
FROM anything:1
RUN cat /laid
D
for ref in layout layout:v1 "layout@$digest" "layout:v1@$digest" "$PWD/layout"; do
	run decant build -q --no-cache -f main/two --build-context "anything:1=oci-layout://$ref" main
	status "oci-layout://${ref/$PWD/DIR} is an image" 0
done
run decant build --progress=plain -t fromlayout -f main/two --build-context "anything:1=oci-layout://layout" main
like "its layers came from there" "$ERR" 'CACHED|pull layout'
run decant run --rm fromlayout cat /triggered
is "with its triggers" "$OUT" triggered
run decant build -q --build-context "anything:1=oci-layout://layout" main
status "--from takes files of it" 0
run decant build -q --build-context "anything:1=oci-layout://layout:v2" main
like "a tag that is not there" "$ERR" "the layout 'layout' has no image 'v2'"
like "and those that are" "$ERR" "note: it has '.*v1'"
run decant build -q --build-context "anything:1=oci-layout://www-none" main
like "a directory that is not there" "$ERR" "main/Dockerfile:.*: error: cannot open the OCI image layout 'www-none': No such file"
run decant build -q --build-context "anything:1=oci-layout://main" main
like "a directory that is no layout" "$ERR" "'main' is no OCI image layout"
DECANT_ROOT=$T/third-store
blob=$(find layout/blobs -size +100k | head -n 1)
cp "$blob" saved && damage "$blob" 70000
run decant build -q -f main/two --build-context "anything:1=oci-layout://layout" main
ok "a layer that is damaged is refused" [ "$STATUS" -ne 0 ]
rm "$blob"
run decant build -q -f main/two --build-context "anything:1=oci-layout://layout" main
like "one that is missing too" "$ERR" "the layout 'layout' has no 'blobs/sha256/"
ln -s "$PWD/saved" "$blob"
run decant build -q -f main/two --build-context "anything:1=oci-layout://layout" main
ok "a link leads nowhere outside" [ "$STATUS" -ne 0 ]
DECANT_ROOT=$T/store

# --- URLs ------------------------------------------------------------------------------------------
mkdir www && echo page >www/page
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/www" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
run decant build -q -t web --build-context page="http://127.0.0.1:$port/page" - <<'D'
FROM alpine:edge
COPY --from=page context /got
D
status "a URL is a context with one file" 0
is "which is called context" "$(decant run --rm web cat /got)" page
run decant build -q -t webroot --build-context page="http://127.0.0.1:$port/page" - <<'D'
FROM page
D
status "FROM a URL" 0

# --- mistakes --------------------------------------------------------------------------------------
bad() { # value, name of the test, pattern
	run decant build --build-context "$1" - <<<'FROM scratch'
	like "$2" "$ERR" "$3"
}
bad src "no value" 'invalid context value: src, expected key=value'
status "is a usage error" 2
bad src=nosuchdir "no such directory" "path \"nosuchdir\" not found"
bad src=main/f "no directory" '"main/f" is not a directory'
bad src=ftp://x/y "unknown kind" 'unsupported context source ftp for src'
bad SRC=main "bad name" "while reading the context name 'SRC'"
bad src=docker-image://A:b:c "bad image" "while reading the build context 'src'"
bad src= "empty" "an empty value is no build context"
run decant build -q --build-context '' - <<<'FROM scratch'
status "a variable of a script that is empty does no harm" 0

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
