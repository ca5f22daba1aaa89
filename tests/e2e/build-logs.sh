#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The journal: what commands of a build wrote, in full; which builds there were; what is left of them.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base base:1
mkdir -p ctx && cd ctx || exit 1

cat >Dockerfile <<'D'
FROM base:1 AS builder
RUN echo hello; echo world >&2
RUN i=0; while [ $i -lt 20000 ]; do echo "line $i of a log that is longer than any tail"; i=$((i+1)); done
RUN true
D
ok "builds" decant build -q -t x .
is "the log of a step" "$(decant logs x 2)" "hello
world"
is "by its place" "$(decant logs x builder/2)" "hello
world"
is "a long one is whole" "$(decant logs x 3 | sha256sum)" "$(i=0; while [ $i -lt 20000 ]; do echo "line $i of a log that is longer than any tail"; i=$((i+1)); done | sha256sum)"
is "of all steps, each below its title" "$(decant logs x | grep -c '^==> ')" 2
is "one that wrote nothing" "$(decant logs x 4)" ""
id=$(decant builds -q)
is "logs are nobody else's" "$(stat -c %a "$DECANT_ROOT/logs/$id" "$DECANT_ROOT/logs/$id/1" | tr '\n' ' ')" "700 600 "
is "records too" "$(stat -c %a "$DECANT_ROOT/builds" "$DECANT_ROOT"/builds/* | tr '\n' ' ')" "700 600 "
run decant logs x 1
status "a step that is no RUN" 1
like "says so" "$ERR" 'step 1 is no RUN'
decant build -q -t x . >/dev/null 2>&1
run decant logs x 2
like "of a HIT there is none" "$ERR" 'was in the cache: nothing ran'
is "history logs is another name" "$(decant history logs ^1 2)" "hello
world"
run decant logs nobody
like "neither container nor build" "$ERR" 'No such container: nobody'

# --- builds ------------------------------------------------------------------------------------
is "two builds" "$(decant builds -q | wc -l)" 2
like "a listing" "$(decant builds)" "^$id   x:latest   done      .* 0 of 3$"
like "what was cached" "$(decant builds | sed -n 2p)" '3 of 3$'
is "with a template" "$(decant builds --format '{{.Name}} {{.Status}}' | sort -u)" "x:latest done"
is "history ls is another name" "$(decant history ls -q)" "$(decant builds -q)"
printf 'FROM nowhere.invalid/x:1\nBAD\n' | decant build -q - >/dev/null 2>&1
is "a file that cannot be read is a build too" "$(decant why --format json | grep -Eo '"state":"[a-z]*"|"steps":.*')" '"state":"failed"
"steps":[]}'
printf 'FROM base:1\nRUN echo before; exit 3\n' >bad
run decant build -q -f bad .
is "a failed step's log" "$(decant logs latest 2)" "before"
like "what failed" "$(decant why)" '^  2  FAILED  '

# --- one that runs -------------------------------------------------------------------------------
cat >slow <<'D'
FROM base:1
RUN echo first; while [ ! -e /c/go ]; do sleep 0.05; done; echo last
D
mkdir c
sed -i 's,^RUN ,RUN --mount=type=cache\,id=gate\,target=/c ,' slow
decant build -q -t slow -f slow . >/dev/null 2>&1 &
pid=$!
E2E_PIDS+=("$pid")
wait_until 120 eval '[ "$(decant logs slow 2 2>/dev/null)" = first ]'
is "can be read while it runs" "$(decant logs slow 2)" "first"
like "is running" "$(decant builds | sed -n 2p)" 'slow:latest   running'
decant logs -f slow 2 >"$T/followed" &
follower=$!
E2E_PIDS+=("$follower")
printf 'FROM base:1\nRUN --mount=type=cache,id=gate,target=/c touch /c/go\n' | decant build -q - >/dev/null 2>&1
wait $pid
wait $follower
is "and followed to its end" "$(cat "$T/followed")" "first
last"

# --- killed ------------------------------------------------------------------------------------
printf 'FROM base:1\nRUN echo alive; sleep 600\n' >slow
"$DECANT" build -q -t killed -f slow . >/dev/null 2>&1 &
pid=$!
E2E_PIDS+=("$pid")
wait_until 120 eval '[ "$(decant logs killed 2 2>/dev/null)" = alive ]'
kill -9 $pid
wait $pid 2>/dev/null
like "a killed build is lost" "$(decant builds | sed -n 2p)" 'killed:latest   lost'
is "its log is there" "$(decant logs killed 2)" "alive"

# --- an output that fails ------------------------------------------------------------------------
printf 'FROM base:1\nRUN sleep 0.1; echo %s\n' "$RANDOM" >pushed
run decant build -q -f pushed -t 127.0.0.1:1/x:1 --push .
status "what was built cannot be pushed" 4
like "the build has failed" "$(decant builds | sed -n 2p)" '127.0.0.1:1/x:1 +failed'
like "why, is told" "$(decant why)" 'error: failed to connect to 127.0.0.1 port 1'
is "there is one record of it" "$(decant builds -q | sort | uniq -d)" ""
is "its log stays" "$(decant logs latest 2 | wc -l)" 1
decant build -q -f pushed -t fine . >/dev/null 2>&1
like "the next one is done" "$(decant builds | sed -n 2p)" 'fine:latest +done'

# --- pruned ------------------------------------------------------------------------------------
printf 'FROM base:1\n' >none
for _ in $(seq 205); do decant build -q -f none . >/dev/null; done
printf 'FROM base:1\nRUN : something that runs\n' | decant build -q - >/dev/null 2>&1
is "200 are kept" "$(decant builds -q | wc -l)" 200
is "and no log without a record" "$(find "$DECANT_ROOT/logs" -mindepth 1 | wc -l)" 0
decant system prune -f >/dev/null 2>&1
ok "without a journal builds go on" bash -c "rm -rf '$DECANT_ROOT/builds' '$DECANT_ROOT/logs' '$DECANT_ROOT/lists' && '$DECANT' build -q -f none ."
done_testing
