#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What runs again and what does not.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain --network=none -t img "$@" .; }
cached() { grep -c CACHED <<<"$ERR"; }
id() { decant image inspect --format '{{.Id}}' img; }

cat >Dockerfile <<'D'
FROM alpine:edge AS builder
WORKDIR /src
COPY go.mod ./
RUN cat go.mod > /deps
COPY . .
RUN cat server.go > /server && date +%N > /when
FROM alpine:edge
COPY --from=builder /server /app/server
CMD ["/app/server"]
D
printf 'Dockerfile\nnotes\n' >.dockerignore
echo mod >go.mod
echo code >server.go

build
status "a first build" 0
first=$(id)
is "nothing is cached" "$(cached)" 0

build
status "an unchanged build" 0
is "runs nothing" "$(cached)" 6
is "gives the same image" "$(id)" "$first"

touch server.go go.mod
build
is "a touched file is a hit" "$(cached) $(id)" "6 $first"

echo note >notes
build
is "an ignored file is a hit" "$(cached) $(id)" "6 $first"

echo more >>server.go
build
status "an edited file" 0
is "re-runs what depends on it alone" "$(cached)" 3
like "not the step before it" "$ERR" 'builder 4/6. RUN cat go.mod'
[ "$(id)" != "$first" ]
ok "gives another image" [ $? -eq 0 ]

echo code >server.go
build
is "back again: all is cached" "$(cached) $(id)" "6 $first"

chmod 600 go.mod
build
# the WORKDIR, and the COPY --from of /server, whose content has come out the same
is "a mode counts" "$(cached)" 2
chmod 644 go.mod

mv server.go main.go
build
ok "a missing file fails the step" [ "$STATUS" -ne 0 ]
mv main.go server.go

build --no-cache
status "--no-cache" 0
is "runs all" "$(cached)" 0

# Early cut-off: a stage runs again, what it gives is the same, and what takes from it stays cached.
cat >Dockerfile <<'D'
FROM alpine:edge AS count
COPY a /a
RUN wc -c < /a > /size
FROM alpine:edge
COPY --from=count /size /size
RUN date +%N > /when
D
echo one >a
build
when=$(id)
echo two >a
build
status "an input that changes nothing behind it" 0
is "two steps run, the rest are hits" "$(cached)" 2
is "its result stays" "$(id)" "$when"

# --build-arg
cat >Dockerfile <<'D'
FROM alpine:edge
ARG V=1
RUN date +%N > /when
ARG W=1
RUN echo "$V$W" > /v
D
build
build --build-arg W=2
is "a changed ARG re-runs what comes after it" "$(cached)" 1
build --build-arg V=2
is "all of it" "$(cached)" 0
build --build-arg http_proxy=http://proxy.invalid
is "a proxy does not count" "$(cached)" 2
like "an ARG that nobody takes is told" "$(decant build --progress=plain --build-arg NOPE=1 . 2>&1)" 'NOPE'

# COPY --from: only the used paths count
cat >Dockerfile <<'D'
FROM alpine:edge AS one
COPY a /out/a
COPY b /out/b
FROM alpine:edge
COPY --from=one /out/a /a
RUN date +%N > /when
D
echo a >a
echo b >b
build
echo c >b
build
is "a change beside the used path is a hit" "$(grep -c 'stage-1.*\(COPY\|RUN\)' <<<"$ERR") $(cached)" "2 3"

# times are part of what a RUN gives (DESIGN 5), if they are not "now"
cat >Dockerfile <<'D'
FROM alpine:edge
COPY stamp /stamp
RUN touch -d "$(cat /stamp)" /f && rm /stamp
RUN date +%N > /when
D
echo '2020-01-01 00:00:00' >stamp
build
when=$(id)
echo '2021-01-01 00:00:00' >stamp
build
ok "another mtime is another result" [ "$(id)" != "$when" ]

# the same build by four processes at once: each step runs once, and all get the same image
cat >Dockerfile <<'D'
FROM alpine:edge
LABEL a=b
RUN sleep 0.2; date +%N > /when
CMD ["x"]
D
for i in 1 2 3 4; do
	decant build -q --network=none . >"$T/id$i" 2>&1 &
	pids[i]=$!
done
wait "${pids[@]}"
is "builds at once give one image" "$(cat "$T"/id[1-4] | sort -u | wc -l)" 1
is "and so does the next" "$(decant build -q --network=none .)" "$(cat "$T/id1")"

# history: the base's entries first, one entry that is not empty for each layer
history() { decant history --no-trunc --format '{{.CreatedBy}}|{{.Size}}' img; }
printf 'FROM scratch\nCOPY a /a\nENV X=1\n' >base.Dockerfile
decant build -q -f base.Dockerfile -t mybase . >/dev/null
printf 'FROM mybase\nCOPY b /b\nCMD ["x"]\n' >Dockerfile
build
is "history" "$(history)" 'CMD ["x"]|0B
COPY b /b # buildkit|2B
ENV X=1|0B
COPY a /a # buildkit|2B'

is "nothing is left" "$(leftovers)" ""
done_testing
