#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The log of a container: streams apart, times, --since, --until, --tail, -f; what older versions wrote.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

logs() { decant logs "$@" 2>&1; }

decant run -d --name both --network none alpine:edge sh -c 'echo one; echo two >&2; printf part; printf "ial\n"; echo three >&2' >/dev/null
is "it ends" "$(decant wait both)" 0
run decant logs both
is "standard output" "$OUT" "one
partial"
is "standard error" "$ERR" "two
three"
is "all lines of both" "$(logs -n 4 both | sort | tr '\n' ' ')" "one partial three two "
is "the last ones" "$(logs -n 2 both | wc -l)" 2
stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z'
is "each line has its time, once" "$(logs -t both | grep -cE "^$stamp (one|two|partial|three)\$")" 4
is "and there are no others" "$(logs -t both | wc -l)" 4
run decant run --name here --network none alpine:edge sh -c 'echo out; echo err >&2'
is "in the foreground both go where they belong" "$OUT/$ERR" out/err
run decant logs here
is "and into the log" "$OUT/$ERR" out/err

# Bytes are kept as they are, long lines and those without an end too.
decant run --name bytes --network none alpine:edge sh -c 'head -c 300000 /dev/zero | tr "\0" x; echo; printf "a\000b\377\r\n\n"; printf end' >direct
ok "byte for byte" cmp -s direct <(decant logs bytes)
is "the end of a line is no line of its own" "$(decant logs -n 2 bytes)" "
end"
is "one time for a long line" "$(decant logs -t bytes | grep -aoE "$stamp " | wc -l)" 4

# --- between two times ------------------------------------------------------------------------------
decant run -d --name times --network none alpine:edge sh -c 'trap "echo second; exit" USR1; echo first; while :; do sleep 0.05; done' >/dev/null
timeout 120 bash -c 'until "$DECANT" logs times | grep -q first; do :; done'
middle=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
decant logs -f -t times >followed &
following=$!
decant kill -s USR1 times >/dev/null
decant wait times >/dev/null
wait $following
is "-f ends with it" $? 0
is "-f and -t" "$(grep -cE "^$stamp (first|second)\$" followed)" 2
is "--since" "$(decant logs --since "$middle" times)" second
is "--until" "$(decant logs --until "$middle" times)" first
is "seconds" "$(decant logs --since "$(date -d "$middle" +%s.%N)" times)" second
is "so long ago" "$(decant logs --since 1h times | tr '\n' ' ')" "first second "
is "long before" "$(decant logs --until 1h times)" ""
is "--tail of all, then --until" "$(decant logs -n 1 --until "$middle" times)" ""
is "-f to a time that is past" "$(decant logs -f --until "$middle" times)" first
run decant logs --since nonsense times
status "no time" 2
like "says what is one" "$ERR" "how long ago"

# --- of an older version ----------------------------------------------------------------------------
decant create --name old --network none alpine:edge sh -c 'echo new; echo err >&2' >/dev/null
folder=$DECANT_ROOT/containers/$(decant inspect old --format '{{.Id}}')
printf 'raw 1\nraw 2\n' >"$folder/log"
is "bytes without times" "$(decant logs -t old)" "raw 1
raw 2"
decant start old >/dev/null
decant wait old >/dev/null
run decant logs old
is "and what came after" "$OUT/$ERR" "raw 1
raw 2
new/err"
is "--tail over both" "$(logs -n 3 old | sort | tr '\n' ' ')" "err new raw 2 "

# --- damaged, hostile -------------------------------------------------------------------------------
printf 'no format\n\n2026 stdout F x\n9999-99-99T99:99:99.999999999Z stderr F odd time\n' >"$folder/log.lines"
head -c 3000000 /dev/zero | tr '\0' y >>"$folder/log.lines"
run decant logs -t --since 1h old
status "what is no line of the format" 0
like "is shown as it is" "$OUT" '^2026 stdout F x$'
is "however long" "$(decant logs old 2>/dev/null | tail -c 3000000 | tr -d y | wc -c)" 0
rm -f "$folder/log.lines" && ln -s /etc/passwd "$folder/log.lines"
run decant logs old
status "a link is not followed" 1
rm -f "$folder/log.lines"
decant rm both here bytes times old >/dev/null
is "nothing stays" "$(decant ps -aq)$(leftovers)" ""
done_testing
