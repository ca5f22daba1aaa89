#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# COPY --from of a directory that one layer alone has brought stacks that layer instead of making it anew.
# Each case is built twice: as it is, and with an --exclude that matches nothing, which is always copied file
# by file.  Both must give the same layers; whether one was stacked is told by its diff ID.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

mkdir -p ctx/sub/deep
echo one >ctx/one
echo two >ctx/sub/two
ln -s two ctx/sub/link
ln ctx/one ctx/sub/hard
chmod 0600 ctx/sub/two
touch -d 2001-02-03 ctx/sub/two

layers() { decant inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | grep .; }

# twin NAME WANTED: stdin is a Dockerfile in which %COPY% stands for the COPY --from in question; its source is the
# last layer but one of stage "a", with --target a to be built.  WANTED: stacked, copied or any.
twin() {
	local name=$1 wanted=$2 text got
	text=$(cat)
	printf "%s\n" "${text//%COPY%/COPY}" >Dockerfile
	printf "%s\n" "${text//%COPY%/COPY --exclude=matches-nothing}" >Dockerfile.twin
	decant rmi -f stacked copied origin >/dev/null 2>&1
	run decant build -q -t stacked -f Dockerfile ctx
	status "$name: builds" 0
	run decant build -q -t copied -f Dockerfile.twin ctx
	status "$name: the twin builds" 0
	is "$name: the same layers" "$(layers stacked)" "$(layers copied)"
	run decant build -q -t origin --target a -f Dockerfile ctx
	got=copied
	grep -qxF "$(layers stacked | tail -1)" <(layers origin) && got=stacked
	# A layer that is stacked is the one that it was copied from; a copied one may well be the same.
	[ "$wanted" = any ] || is "$name: is $wanted" "$got" "$wanted"
}

twin "a directory of its own" stacked <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN true
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "into scratch" stacked <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM scratch
%COPY% --from=a /src /src/
D
twin "--link" stacked <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
%COPY% --link --from=a /src /src
D
twin "what a RUN made, with hard links" stacked <<'D'
FROM alpine:edge AS a
RUN mkdir /made && echo 1 >/made/a && ln /made/a /made/b && mkdir -m 0700 /made/d && touch /made/d/e
FROM alpine:edge
%COPY% --from=a /made /made
D
twin "a WORKDIR on both sides" stacked <<'D'
FROM alpine:edge AS a
WORKDIR /work/dir
COPY . .
FROM alpine:edge
WORKDIR /work/dir
%COPY% --from=a /work/dir .
D
twin "by way of links on both sides" stacked <<'D'
FROM alpine:edge AS a
RUN ln -s /src /from
COPY . /src/
FROM alpine:edge
RUN ln -s src /to
%COPY% --from=a /from /to
D
twin "something else in the same layer" copied <<'D'
FROM alpine:edge AS a
RUN mkdir /made && touch /made/a /other
FROM alpine:edge
%COPY% --from=a /made /made
D
twin "a part of the layer's directory" copied <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
%COPY% --from=a /src/sub /src/sub
D
twin "another destination" copied <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
%COPY% --from=a /src /elsewhere
D
twin "two layers" copied <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN echo more >/src/more
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "a file that was removed" copied <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN rm /src/one
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "a directory made anew" any <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN rm -rf /src && mkdir /src && echo new >/src/new
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "a directory below made anew" copied <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN rm -rf /src/sub && mkdir /src/sub && echo new >/src/sub/new
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "the directory's own mode and owner" copied <<'D'
FROM alpine:edge AS a
RUN mkdir -m 0700 /made && chown 7:8 /made && touch /made/a
FROM alpine:edge
%COPY% --from=a /made /made
D
twin "the mode was changed in a layer above" any <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN chmod 0711 /src
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "a parent's mode" copied <<'D'
FROM alpine:edge AS a
RUN mkdir -m 0711 /parent && mkdir /parent/made && touch /parent/made/a
FROM alpine:edge
%COPY% --from=a /parent/made /parent/made
D
twin "a parent that the destination has" copied <<'D'
FROM alpine:edge AS a
RUN mkdir -p /parent/made && touch /parent/made/a
FROM alpine:edge
RUN mkdir -m 0711 /parent
%COPY% --from=a /parent/made /parent/made
D
twin "a destination with something in it" any <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
RUN mkdir /src && echo there >/src/there
%COPY% --from=a /src /src
D
twin "a destination whose content was removed" any <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
RUN mkdir /src && echo there >/src/there
RUN rm /src/there
%COPY% --from=a /src /src
D
twin "a destination of its own mode" copied <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
RUN mkdir -m 0700 /src
%COPY% --from=a /src /src
D
twin "the origin's directory is behind a link by now" any <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN mv /src /moved && ln -s moved /src
FROM alpine:edge
%COPY% --from=a /src /src
D
twin "a file, not a directory" any <<'D'
FROM alpine:edge AS a
COPY one /one
FROM alpine:edge
%COPY% --from=a /one /one
D
twin "a base image's directory" copied <<'D'
FROM alpine:edge AS a
FROM scratch
%COPY% --from=a /bin /bin
D

# Other builders' layers hide what is not there.
if command -v python3 >/dev/null; then
	python3 - foreign.tar <<'P'
import hashlib, io, json, sys, tarfile
def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.type, info.mode = (tarfile.DIRTYPE, 0o755) if data is None else (tarfile.REGTYPE, 0o644)
            info.size = len(data or b"")
            tar.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()
layer = tar_of([("src", None), ("src/.wh.gone", b""), ("src/sub", None), ("src/sub/.wh..wh..opq", b""), ("src/sub/file", b"x")])
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
manifest = json.dumps([{"Config": "config.json", "RepoTags": ["foreign:1"], "Layers": ["layer.tar"]}]).encode()
with open(sys.argv[1], "wb") as f:
    f.write(tar_of([("manifest.json", manifest), ("config.json", config), ("layer.tar", layer)]))
P
	decant load -q -i foreign.tar >/dev/null
	twin "a layer that hides what is not there" copied <<'D'
FROM foreign:1 AS a
FROM scratch
%COPY% --from=a /src /src
D
else
	skip "a layer that hides what is not there" "no python3"
fi

export SOURCE_DATE_EPOCH=1000000000
twin "with SOURCE_DATE_EPOCH" any <<'D'
FROM alpine:edge AS a
ARG SOURCE_DATE_EPOCH
COPY . /src/
FROM alpine:edge
%COPY% --from=a /src /src
D
unset SOURCE_DATE_EPOCH

cat >Dockerfile <<'D'
FROM alpine:edge AS a
COPY . /src/
FROM alpine:edge
RUN echo file >/src
COPY --from=a /src /src
D
run decant build -f Dockerfile ctx
ok "over a file" [ "$STATUS" -ne 0 ]
like "over a file: the error says so" "$ERR" "Dockerfile:5:.*cannot copy to non-directory: '/src'"

# What is stacked is there, and later steps hit as if it had been copied.
cat >Dockerfile <<'D'
FROM alpine:edge AS a
COPY . /src/
RUN echo ROUND >/round
FROM alpine:edge
COPY --from=a /src /src
RUN find /src | sort && cat /src/sub/two && stat -c '%a %Y' /src/sub/two
D
run decant build --progress=plain -t x -f Dockerfile ctx
like "its files are there" "$ERR" "600 981158400"
id=$(decant images -q --no-trunc x)
sed -i 's/ROUND/again/' Dockerfile
run decant build --progress=plain -t x -f Dockerfile ctx
is "the origin changed elsewhere: the same image" "$(decant images -q --no-trunc x)" "$id"
is "and hits from there on" "$(grep -c CACHED <<<"$ERR")" 3
echo changed >ctx/one
run decant build --progress=plain -t x -f Dockerfile ctx
like "a changed file: the next step runs" "$ERR" "/src/sub/two"
run decant save -o x.tar x
status "it can be saved" 0
run decant build -q --no-cache -t y -f Dockerfile ctx
status "--no-cache" 0
done_testing
