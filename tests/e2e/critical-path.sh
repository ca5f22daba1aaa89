#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which of the steps that could start goes first: the one with the longest way to the result, in time that
# was learnt from the builds before; among equal ones the first in the file.  And --jobs.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

mkdir ctx
cat >ctx/Dockerfile <<'D'
FROM alpine:edge AS one
ARG ROUND
RUN echo one >/one
FROM alpine:edge AS two
ARG ROUND
RUN echo two >/two
FROM alpine:edge AS long
ARG ROUND
RUN echo long-begins >/long
RUN sleep 0.4
RUN sleep 0.4; echo long-ends
FROM alpine:edge
COPY --from=one /one /
COPY --from=two /two /
COPY --from=long /long /
D

# The stages in the order in which their first RUN began.
order() { sed -nE 's/^#[0-9]+ \[(one|two|long) 2\/[0-9]\] RUN echo .*/\1/p' <<<"$ERR" | awk '!seen[$0]++' | xargs; }

begin=$(now_ms)
run decant build --progress=plain --jobs 1 --no-cache -t x ctx
long=$((($(now_ms) - begin) / 1000 + 1)) # seconds: what its five RUNs took, and more
status "the first build" 0
is "nothing is known: the way with the most RUNs goes first" "$(order)" "long one two"

# What took long in the last build, not what has many steps.
cat >ctx/Dockerfile <<D
FROM alpine:edge AS many
RUN echo many-1 >/many
RUN echo many-2
RUN echo many-3
FROM alpine:edge AS slow
RUN echo slow >/slow; sleep $long
FROM alpine:edge
COPY --from=many /many /
COPY --from=slow /slow /
D
first_runs() { sed -nE 's/^#[0-9]+ \[(many|slow) 2\/[0-9]\] RUN echo .*/\1/p' <<<"$ERR" | awk '!seen[$0]++' | xargs; }
run decant build --progress=plain --jobs 1 --no-cache -t x ctx
status "many short steps and a slow one" 0
is "nothing is known: many steps go first" "$(first_runs)" "many slow"
run decant build --progress=plain --jobs 1 --no-cache -t x ctx
status "the same once more" 0
is "it was learnt which one is slow" "$(first_runs)" "slow many"
decant build -q -t alpine:edge - >/dev/null <<'D'
FROM alpine:edge
RUN echo changed >/etc/changed
D
run decant build --progress=plain --jobs 1 -t x ctx
status "over another base" 0
is "what was learnt counts for a step's text, whatever is below it" "$(first_runs)" "slow many"

# One step at a time is one step at a time.
cat >ctx/Dockerfile <<'D'
FROM alpine:edge AS a
RUN --mount=type=cache,id=at-once,target=/c mkdir /c/here && sleep 0.2 && rmdir /c/here
FROM alpine:edge AS b
RUN --mount=type=cache,id=at-once,target=/c mkdir /c/here && sleep 0.2 && rmdir /c/here && true
FROM alpine:edge
COPY --from=a /etc/passwd /
COPY --from=b /etc/passwd /
D
run decant build --no-cache --jobs 1 ctx
status "--jobs 1 runs one step at a time" 0

for bad in 0 -1 257 99999999999 many; do
	run decant build --jobs "$bad" ctx
	status "--jobs $bad is refused" 2
	like "--jobs $bad: the error says what is good" "$ERR" "invalid value '$bad' for --jobs: .*1 to 256"
done
done_testing
