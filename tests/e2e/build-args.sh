#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Build arguments in a build: what RUN sees, what is in the key, where values come from (T-020 to T-027), SOURCE_DATE_EPOCH by name, and stages that are run again.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain --network=none -t img "$@" .; }
cached() { grep -c CACHED <<<"$ERR"; }
seen() { decant run --rm img cat /seen; }

# --- what RUN sees ---------------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM alpine:edge
ARG FOO
ARG BAR=
RUN env > /seen
D
build
is "T-020 an empty ARG is there, one without a value is not" "$(seen | grep -E '^(FOO|BAR)')" BAR=
FOO="env" build --build-arg FOO
is "a name alone takes the environment's value" "$(seen | grep ^FOO)" FOO=env
build --build-arg NOT_THERE --build-arg FOO=1 --build-arg FOO=2
is "of two values the last counts" "$(seen | grep ^FOO)" FOO=2
unlike "a name that is not in the environment is not given" "$ERR" 'NOT_THERE'

cat >Dockerfile <<'D'
ARG a1="foo bar" a2=edge
ARG a3="$a2-foo"
FROM alpine:$a2
ARG a3 a4="123 456" a1
RUN echo -n "$a1:$a3:$a4" > /seen
D
build
is "T-024 several in a line, global ones declared again" "$(seen)" "foo bar:edge-foo:123 456"

cat >Dockerfile <<'D'
FROM alpine:edge
ENV X=env
ARG X=arg
RUN echo $X > /seen
ENV X=again
RUN echo $X >> /seen
D
build --build-arg X=given
is "the later of ARG and ENV wins" "$(seen)" $'given\nagain'
is "the image has that of ENV" "$(decant inspect --format '{{json .Config.Env}}' img | grep -o 'X=[a-z]*')" X=again

cat >Dockerfile <<'D'
FROM alpine:edge AS foo
RUN echo "[$TARGETSTAGE]" > /seen
ARG TARGETSTAGE
RUN echo "[$TARGETSTAGE]" >> /seen
FROM scratch
D
build --target Foo
is "T-027 TARGETSTAGE before and after its ARG" "$(seen)" $'[]\n[Foo]'

# --- T-025 proxies ---------------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM alpine:edge
RUN env | grep -i _proxy | sort > /seen
D
build --build-arg http_proxy=http://a --build-arg NO_PROXY=x
is "T-025 both cases are set" "$(seen)" $'HTTP_PROXY=http://a\nNO_PROXY=x\nhttp_proxy=http://a\nno_proxy=x'
build --build-arg http_proxy=http://b --build-arg NO_PROXY=x
is "T-025 another proxy is a hit" "$(cached)" 1
printf 'FROM alpine:edge\nENV http_proxy=file\nRUN echo "$http_proxy $HTTP_PROXY" >/seen\nFROM scratch\nCOPY --from=0 /seen /\n' >Proxy
decant build -q -f Proxy --build-arg http_proxy=given -o out . >/dev/null
is "a proxy that is given wins over the file's" "$(cat out/seen)" "given given"
unlike "and is in no history" "$(decant history --no-trunc img)" 'http://a'
sed -i '1a ARG http_proxy' Dockerfile
build --build-arg http_proxy=http://a
build --build-arg http_proxy=http://b
is "unless it was declared" "$(cached)" 0
like "then it is in the history" "$(decant history --no-trunc img)" 'http_proxy=http://b'

# --- files of arguments ----------------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM alpine:edge
ARG A
ARG B
ARG C
RUN echo "$A|$B|$C" > /seen
D
printf '# a comment\n\nA=from file\n  B=2=3\nC\n' >args.conf
C="env" build --build-arg-file args.conf
is "--build-arg-file" "$(seen)" "from file|2=3|env"
echo A=second >args2.conf
build --build-arg A=line --build-arg-file args.conf --build-arg-file args2.conf
is "the command line goes first" "$(seen)" "line|2=3|"
echo '=x' >>args.conf
build --build-arg-file args.conf
like "a line without a name is shown" "$ERR" '^args.conf:6:1: error: no build argument'
build --build-arg-file nosuch
like "a file that is not there" "$ERR" "cannot open the file of build arguments 'nosuch': No such file"

# --- stages that are run again ---------------------------------------------------------------------
cat >Dockerfile <<'D'
FROM alpine:edge AS one
RUN cat /proc/sys/kernel/random/uuid > /one
FROM alpine:edge AS two
RUN cat /proc/sys/kernel/random/uuid > /two
FROM alpine:edge
COPY --from=one /one /
COPY --from=two /two /
RUN cat /one /two > /seen
D
build
first=$(seen)
build
is "all of it is cached" "$(cached) $(seen)" "5 $first"
build --no-cache-filter Two
is "one stage runs again, the other does not" "$(seen | head -n 1)" "$(head -n 1 <<<"$first")"
ok "and has a new result" [ "$(seen | tail -n 1)" != "$(tail -n 1 <<<"$first")" ]
build --no-cache-filter one,two
ok "both" [ "$(seen | head -n 1)" != "$(head -n 1 <<<"$first")" ]
build --no-cache-filter stage-2
is "a stage without a name" "$(cached)" 2
build --no-cache-filter nosuch
status "a stage that is not there does no harm" 0
like "but is told" "$ERR" "no stage is called 'nosuch'"
build --no-cache-filter tow
like "with the stage that is nearest" "$ERR" "no stage is called 'tow'; did you mean 'two'"
build --no-cache --no-cache-filter one
status "both flags exclude each other" 2

# --- SOURCE_DATE_EPOCH by name ---------------------------------------------------------------------
created() { decant inspect --format '{{.Created}}' img; }
mkdir "$T/www" && cd "$T/www" || exit 1
echo page >page && touch -d @1000000000 page
echo old >f && touch -d @1100000000 f && echo new >g && touch -d @1200000000 g
tar -czf files.tar.gz f g
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/www" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
WEB=http://127.0.0.1:$port
cd "$T/ctx" || exit 1
cat >Dockerfile <<D
FROM scratch AS src
ADD $WEB/page /
FROM alpine:edge
ARG SOURCE_DATE_EPOCH
RUN echo "[\$SOURCE_DATE_EPOCH]" > /seen
D
build --build-arg SOURCE_DATE_EPOCH=src
is "the Last-Modified of a stage's ADD" "$(created) $(seen)" "2001-09-09T01:46:40Z [1000000000]"
build --build-arg SOURCE_DATE_EPOCH=src
is "unchanged it is a hit" "$(cached)" 1
build --build-arg SOURCE_DATE_EPOCH=web --build-context "web=$WEB/files.tar.gz?none"
is "the newest file of an archive, if the server says no time" "$(seen)" "[1200000000]"
build --build-arg SOURCE_DATE_EPOCH=web --build-context "web=$WEB/page?none"
is "a file that nobody knows the time of" "$(seen)" "[]"
build --build-arg SOURCE_DATE_EPOCH=dir --build-context dir=.
is "a directory has none" "$(seen)" "[]"
build --build-arg SOURCE_DATE_EPOCH=context
is "nor has the context" "$(seen)" "[]"
SOURCE_DATE_EPOCH=5 build
is "the environment's counts" "$(seen)" "[5]"
build --build-arg SOURCE_DATE_EPOCH=web --build-context "web=$WEB/nosuch"
ok "what cannot be fetched is an error" [ "$STATUS" -ne 0 ]
like "that says why it was asked for" "$ERR" "while finding SOURCE_DATE_EPOCH of '$WEB/nosuch'"
if command -v git >/dev/null && [ -x "$(git --exec-path)/git-http-backend" ]; then
	export GIT_CONFIG_GLOBAL=$T/gitconfig
	printf '[user]\nname = t\nemail = t@example.org\n[init]\ndefaultBranch = main\n' >"$GIT_CONFIG_GLOBAL"
	git init -q "$T/src" && cp Dockerfile "$T/src/a" && git -C "$T/src" add a
	GIT_AUTHOR_DATE='@1000000000 +0000' GIT_COMMITTER_DATE='@1300000000 +0000' git -C "$T/src" commit -qm c
	git clone -q --bare "$T/src" "$T/www/r.git" && git -C "$T/www/r.git" update-server-info
	build --build-arg SOURCE_DATE_EPOCH=repo --build-context "repo=$WEB/cgi/r.git"
	is "the time of a commit" "$(seen)" "[1300000000]"
else
	skip "the time of a commit" "no git http-backend"
fi

{ echo "FROM scratch"; seq 1001 | sed 's/.*/LABEL a=$nope/'; } >Many
like "what is left out is told" "$(decant build --progress=plain -f Many . 2>&1)" "more than 1000 uses of variables that are not set"

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
