#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a user sees when something is wrong: the place, the cause, what to do; and nothing half done.
. "$(dirname "$0")/../lib/e2e.sh"
base alpine:edge
mkdir ctx && cd ctx || exit 1

build() { run decant build --progress=plain --network=none -t img "$@" .; }
images() { decant images -a -q --no-trunc | sort; }
before=$(images)
fails() { # name regex
	ok "$1: fails" [ "$STATUS" -ne 0 ]
	like "$1: says so" "$ERR" "$2"
	is "$1: no image" "$(images)" "$before"
}

printf 'FROM alpine:edge\nFNTRYPOINT x\n' >Dockerfile
build
fails "unknown instruction" '^Dockerfile:2:1: error: unknown instruction'
like "did you mean" "$ERR" "did you mean .?ENTRYPOINT"
like "the caret" "$ERR" '\^~~~~~~~~~'
ok "status of a wrong file" [ "$STATUS" -eq 3 ]

printf 'FROM alpine:edge AS build\nFROM scratch\nCOPY --from=bulid /x /\n' >Dockerfile
build --target bulid
fails "unknown target" "bulid"
like "did you mean the stage" "$ERR" "did you mean the stage 'build'"
build
fails "a --from with a slip" '^Dockerfile:3:13: error: '
like "did you mean the stage of --from" "$ERR" "did you mean the stage 'build'"

printf 'FROM scratch\nCOPY bin/app /app\n' >Dockerfile
build
fails "missing source" "^Dockerfile:2:6: error: no such file in the build context: 'bin/app'"
mkdir bin && echo x >bin/app
printf '# all binaries\nbin/\n' >.dockerignore
build
fails "excluded source" "no such file in the build context: 'bin/app'"
like "names the ignore line" "$ERR" '\.dockerignore:2 excludes it: .bin/.$'
like "names the image" "$ERR" "^ +while building 'img:latest'$"
rm .dockerignore

printf 'FROM scratch\nCOPY --chmod=9z bin/app /app\n' >Dockerfile
build
fails "bad chmod" '^Dockerfile:2:'

printf 'FROM scratch\nRUN --mount=typ=cache,target=/c true\n' >Dockerfile
build
fails "a key of a mount with a slip" "^Dockerfile:2:13: error: unexpected key 'typ'"
like "did you mean the key" "$ERR" 'did you mean type'

build --policy filename=x
fails "what is not done is refused by name" '--policy is not supported'
like "with what to do instead" "$ERR" 'note: name images by digest in FROM'

printf 'FROM alpine:edge\nENV U=nobody9\nUSER $U\nRUN true\n' >Dockerfile
build
fails "a user that is not there" '^Dockerfile:3:'
like "where its name comes from" "$ERR" 'note: U comes from Dockerfile:2 \(ENV\)'

printf 'FROM nowhere.invalid/x\n' >Dockerfile
build --platform windows/amd64
fails "another system" "only linux images can be built, not windows/amd64"
build --platform linux/amd64,windows/arm64
fails "another system beside one of ours" "only linux images can be built, not windows/arm64"
printf 'FROM --platform=darwin/arm64 nowhere.invalid/x\n' >Dockerfile
build
fails "FROM for another system" "^Dockerfile:1:17: error: only linux images can be built, not darwin/arm64"

build --frobnicate
ok "an unknown flag" [ "$STATUS" -eq 2 ]
like "unknown flag is named" "$ERR" "unknown flag: --frobnicate"

run decant build -f nothing .
ok "no Dockerfile" [ "$STATUS" -ne 0 ]
like "no Dockerfile is named" "$ERR" "nothing"
run decant build nowhere
like "no context is named" "$ERR" "nowhere"

printf 'FROM 127.0.0.1:1/x/y:z\n' >Dockerfile
build
fails "unreachable registry" '127\.0\.0\.1:1'
ok "status of the network" [ "$STATUS" -eq 4 ]

if unshare --mount --pid --fork true 2>/dev/null || [ "$(id -u)" -ne 0 ]; then
	printf 'FROM alpine:edge\nRUN echo first line; echo oops >&2; exit 7\n' >Dockerfile
	build
	fails "a failing RUN" '^Dockerfile:2:1: error: process .*exit code: 7'
	like "the tail of its log" "$ERR" 'oops'
	build
	fails "and again: a failure is never cached" 'exit code: 7'
	if [ "$(id -u)" -eq 0 ]; then
		printf 'FROM alpine:edge\nRUN head -c 30000000 /dev/zero > /big\n' >Dockerfile
		cat >"$T/full" <<-'S'
		mount -t tmpfs -o size=8m none "$1" && export DECANT_ROOT="$1/store"
		"$DECANT" import "$2" alpine:edge >/dev/null && "$DECANT" build -q --network=none .
		S
		mkdir "$T/small"
		run unshare --mount bash "$T/full" "$T/small" "$(base_tar)"
		ok "a RUN that fills the disk: fails" [ "$STATUS" -ne 0 ]
		like "a RUN that fills the disk: says so" "$ERR" 'file system of the store .* is full'
	fi
	printf 'FROM alpine:edge\nUSER nobody-here\nRUN true\n' >Dockerfile
	build
	fails "unknown user" "unable to find user 'nobody-here'"
	printf 'FROM alpine:edge\nRUN ["/no/such/program"]\n' >Dockerfile
	build
	fails "no such program" 'exit code: 127'
	printf 'FROM alpine:edge\nUSER 4294967295\nRUN id\n' >Dockerfile
	build
	fails "an id that wraps" '4294967295'
fi

printf 'FROM scratch\nADD bad.tar.gz /x/\n' >Dockerfile
(cd "$T" && mkdir d && head -c 100000 /dev/urandom >d/f && tar czf bad.tar.gz d) && head -c 50000 "$T/bad.tar.gz" >bad.tar.gz
build
fails "a cut archive" 'bad.tar.gz'

printf 'FROM scratch\n' >Dockerfile
run decant build -t UPPER/Case .
ok "a bad reference" [ "$STATUS" -eq 2 ]
like "a bad reference is explained" "$ERR" 'lowercase'
run decant tag nothing other
like "no such image" "$ERR" 'No such image: nothing'

is "nothing is left" "$(leftovers)" ""
done_testing
