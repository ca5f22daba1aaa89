#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Output that nobody reads ends a run in the foreground; a log has a bound, and is read across its two files.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge

gone() { # ARGUMENT...: decant run, whose reader goes after the first line
	decant run "$@" | head -1
	echo "${PIPESTATUS[0]}"
}
is "nobody reads: it ends as a client that gets SIGPIPE" "$(timeout 60 bash -c "$(declare -f gone decant); gone --name loud alpine:edge yes" | xargs)" "y 141"
like "the container has ended" "$(decant ps -a --filter name=loud)" 'Exited'
ok "by itself: its output is closed" test "$(decant inspect -f '{{.State.ExitCode}}' loud)" -ne 137
decant rm loud >/dev/null
is "one that listens has the usual signal" "$(gone --name polite alpine:edge sh -c 'trap "exit 9" TERM; while :; do echo y; sleep 0.05; done 2>/dev/null' | xargs)" "y 141"
is "and ends as it wants" "$(decant inspect -f '{{.State.ExitCode}}' polite)" 9
is "--rm removes it" "$(gone --rm --name away alpine:edge yes | xargs) $(decant ps -aq --filter name=away)" "y 141 "
is "one that does not listen is killed" "$(gone --name deaf --stop-timeout 1 alpine:edge sh -c 'trap "" TERM; while :; do echo y; done 2>/dev/null' | xargs)" "y 141"
is "by SIGKILL" "$(decant inspect -f '{{.State.ExitCode}}' deaf)" 137
decant rm deaf polite >/dev/null
is "left behind it goes on" "$(decant run -d --name quiet alpine:edge sh -c 'echo a; sleep 0.2; echo b' | head -c 0; decant wait quiet; decant logs quiet | xargs)" "0
a b"

# --- the bound --------------------------------------------------------------------------------------
# 1.2 million lines, of 141 bytes each in the log: more than two files hold.
decant run -d --name long -e "TEXT=$(printf '0123456789%.0s' 1 2 3 4 5 6 7 8 9 10)" alpine:edge sh -c 'yes $TEXT | head -n 1200000; echo end' >/dev/null
decant logs -f long >followed 2>&1 &
follower=$!
is "a long output" "$(decant wait long)" 0
wait "$follower"
files=$(find "$DECANT_ROOT/containers" -name 'log.lines*' -size +60M -exec stat -c %s {} +)
ok "its log is in two files at most" test "$(find "$DECANT_ROOT/containers" -name 'log.lines*' -size +1M | wc -l)" -le 2
ok "of 64 MiB each, and a block" awk '$1 > 65 * 1048576 { exit 1 }' <<<"$files"
lines=$(decant logs long | wc -l)
ok "the oldest lines are gone" test "$lines" -lt 1200001 -a "$lines" -gt 450000
is "the newest are there" "$(decant logs --tail 2 long | cut -c 1-10 | xargs)" "0123456789 end"
is "--tail reaches into the older file" "$(decant logs --tail 500000 long 2>/dev/null | wc -l)" "$([ "$lines" -gt 500000 ] && echo 500000 || echo "$lines")"
is "no line but the oldest is cut" "$(decant logs long | tail -n +2 | awk '{ print length }' | sort -u | xargs)" "100 3"
is "who follows sees the end" "$(tail -1 followed)" end
is "and whole lines" "$(tail -n +2 followed | awk '{ print length }' | sort -u | xargs)" "100 3"
done_testing
