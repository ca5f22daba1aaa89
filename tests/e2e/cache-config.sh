#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# C03: which instruction, changed, is a hit or a miss for the RUN and the COPY behind it (as BuildKit has them).
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1
echo a >a

build() { run decant build --progress=plain --network=none -t img "$@" .; }
# what became of the step whose title matches: hit or miss
fate() {
	local n
	n=$(grep -m 1 -oE "^#[0-9]+ \[[^]]*\] $1" <<<"$ERR" | cut -d' ' -f1)
	grep -oE "^${n:-none} (CACHED|DONE)" <<<"$ERR" | head -n 1 | sed 's/.* //; s/CACHED/hit/; s/DONE/miss/'
}
number=0
# row WANTED FIRST SECOND [FLAGS-OF-FIRST FLAGS-OF-SECOND]: what RUN and COPY are when line FIRST has become SECOND
row() {
	local got one two
	read -ra one <<<"${4:-}"
	read -ra two <<<"${5:-}"
	number=$((number + 1))
	printf 'FROM alpine:edge\nRUN echo %s >/number\n%b\nRUN date +%%N >/tmp/when\n' "$number" "$2" >Dockerfile
	# The COPY has the same parent in both: that of the lines alone.
	printf 'FROM alpine:edge\nRUN echo %s >/number\n%b\nCOPY a /a\n' "$number" "$2" >Dockerfile.copy
	build "${one[@]}"
	[ "$STATUS" -eq 0 ] || status "C03 '$2'" 0
	build -f Dockerfile.copy "${one[@]}"
	printf 'FROM alpine:edge\nRUN echo %s >/number\n%b\nRUN date +%%N >/tmp/when\n' "$number" "$3" >Dockerfile
	printf 'FROM alpine:edge\nRUN echo %s >/number\n%b\nCOPY a /a\n' "$number" "$3" >Dockerfile.copy
	build "${two[@]}"
	[ "$STATUS" -eq 0 ] || status "C03 '$3'" 0
	got=$(fate 'RUN date')
	build -f Dockerfile.copy "${two[@]}"
	is "C03 '$2' → '$3'${5:+ $5}: RUN, COPY" "$got,$(fate 'COPY a')" "$1"
}

# what only the config of the image knows
row hit,hit 'HEALTHCHECK CMD true' 'HEALTHCHECK --interval=5s CMD false'
row hit,hit 'HEALTHCHECK NONE' ''
row hit,hit 'ONBUILD RUN echo 1' 'ONBUILD RUN echo 2'
row hit,hit 'LABEL a=1' 'LABEL a=2 b=3'
row hit,hit 'MAINTAINER a' 'MAINTAINER b'
row hit,hit 'STOPSIGNAL 9' 'STOPSIGNAL SIGTERM'
row hit,hit 'EXPOSE 80' 'EXPOSE 81/udp'
row hit,hit 'VOLUME /v' 'VOLUME /w'
row hit,hit 'CMD a' 'CMD ["b"]'
row hit,hit 'ENTRYPOINT a' 'ENTRYPOINT ["b"]'
row hit,hit 'LABEL a=1' 'LABEL a=1' '--label x=1' '--label x=2'
row hit,hit '# a comment' '# another'
row hit,hit 'LABEL a=1' '\n\nLABEL   a="1"'

# what a RUN sees
row miss,hit 'ENV A=1' 'ENV A=2'
row miss,hit 'ENV A=1' 'ENV B=1'
row miss,hit 'ENV A=1' ''
row hit,hit 'ENV A=1 B=2' 'ENV A=1\nENV B=2'
row hit,hit 'ENV A=1' 'ENV A 1'
row hit,hit 'ENV A=0\nENV A=1' 'ENV A=1'
row miss,hit 'SHELL ["/bin/sh", "-c"]' 'SHELL ["/bin/sh", "-ec"]'
row hit,hit 'SHELL ["/bin/sh", "-c"]' ''
row miss,hit 'USER root' 'USER app'
row miss,hit 'USER app' 'USER 1000'
row miss,hit 'WORKDIR /tmp' 'WORKDIR /home'
row miss,miss 'WORKDIR /made1' 'WORKDIR /made2'
row hit,hit 'WORKDIR /tmp' 'WORKDIR /usr/../tmp/'
row hit,hit 'WORKDIR /usr\nWORKDIR bin' 'WORKDIR /usr/bin'

# arguments
row miss,hit 'ARG A=1' 'ARG A=2'
row miss,hit 'ARG A' 'ARG A' '--build-arg A=1' '--build-arg A=2'
row miss,hit 'ARG A\nRUN echo "$A" >/dev/null' 'ARG A\nRUN echo "$A" >/dev/null' '--build-arg A=1' '--build-arg A=2'
row hit,hit 'ARG A' '' # without a value nobody sees it
row hit,hit 'ARG A=1\nENV A=3' 'ARG A=2\nENV A=3' # hidden by a variable
row hit,hit 'LABEL a=1' 'LABEL a=1' '--build-arg NOBODY=1' '--build-arg NOBODY=2'
row hit,hit 'ARG A\nLABEL x=$A\nARG A=' 'ARG A\nLABEL x=$A\nARG A=' '' ''
row hit,hit 'LABEL a=1' 'LABEL a=1' '--build-arg http_proxy=http://one.invalid' '--build-arg http_proxy=http://two.invalid'
row hit,hit 'LABEL a=1' 'LABEL a=1' '--build-arg NO_PROXY=a --build-arg HTTPS_PROXY=b' '--build-arg ALL_PROXY=c'
row miss,hit 'ARG HTTP_PROXY' 'ARG HTTP_PROXY' '--build-arg HTTP_PROXY=http://one.invalid' '--build-arg HTTP_PROXY=http://two.invalid'

# what is around a RUN
row hit,hit '' '' '--add-host a:1.2.3.4' '--add-host a:4.3.2.1'
row miss,hit '' '' '--add-host a:1.2.3.4' '--add-host b:1.2.3.4'
row miss,hit '' '' '--shm-size 1m' '--shm-size 2m'
row hit,hit '' '' '--shm-size 1m' '--shm-size 1024k'
row miss,hit '' '' '--ulimit nofile=100' '--ulimit nofile=200'
row miss,hit '' '' '' '--ulimit nofile=100'
row hit,hit '' '' '--ulimit nofile=100 --ulimit core=0' '--ulimit core=0 --ulimit nofile=100:100'
row hit,hit '' '' '-t one' '-t two'

printf 'FROM alpine:edge\nRUN [ $(ulimit -n) -ge 2000 ] && echo big >/r || echo small >/r\n' >Dockerfile
build --ulimit nofile=1000:1000
build --ulimit nofile=4000:4000
run decant run --rm img cat /r
is "C03 a RUN that looks at its limits" "$OUT" big
is "C03 and the reason" "$(decant why | grep -o -e '--ulimit.*')" "--ulimit: nofile=1000:1000 → nofile=4000:4000"

# ARGs before FROM, used and not
printf 'ARG V=1\nARG W=edge\nFROM alpine:$W\nRUN date +%%N >/when\n' >Dockerfile
build
build --build-arg V=2
is "C03 an ARG before FROM that no stage takes" "$(fate 'RUN date')" hit
printf 'ARG V=1\nFROM alpine:edge\nARG V\nRUN date +%%N >/when\n' >Dockerfile
build
build --build-arg V=2
is "C03 one that the stage takes" "$(fate 'RUN date')" miss

# The words that are used count, not the variable.
printf 'FROM alpine:edge\nARG A=a\nARG B=1\nCOPY $A /a\nCOPY a /$A\n' >Dockerfile
build
build --build-arg B=2
is "C03 an ARG that the COPY does not use" "$(grep -c CACHED <<<"$ERR")" 2
cp a b
build --build-arg A=b
is "C03 one that it uses" "$(grep -c CACHED <<<"$ERR")" 0

is "nothing is left" "$(leftovers)" ""
done_testing
