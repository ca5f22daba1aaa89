#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two that make the same new store: the second finds what the first has put into it meanwhile.
. "$(dirname "$0")/../lib/e2e.sh"
needs flock

base_tar=$(base_tar)
decant import "$base_tar" made >/dev/null
decant save -o "$T/made.tar" made
decant load -qi "$T/made.tar" >/dev/null
first=$T/first
cp -a "$DECANT_ROOT" "$first"
ok "the first one's image is in index.json" grep -q made "$first/index.json"

# Whoever makes a store locks its directory; here that is us.
store=$T/second
mkdir "$store"
exec 9<"$store"
flock 9
decant --root "$store" load -qi "$T/made.tar" >load.out 2>&1 9<&- &
pid=$!
inode=$(stat -c %i "$store")
wait_until 120 eval 'grep -q -- "-> FLOCK.*:$inode " /proc/locks || ! kill -0 "$pid" 2>/dev/null'
ok "a second one waits for the first" grep -q -- "-> FLOCK.*:$inode " /proc/locks
cp -a "$first/." "$store"
before=$(cat "$store/index.json")
flock -u 9
wait "$pid"
is "and then loads into what is there" "$(cat load.out) $?" "Loaded image: made:latest 0"
is "whose index.json is as it was" "$(cat "$store/index.json")" "$before"
is "and whose image is there" "$(decant --root "$store" images -q | wc -l)" 1

for n in 1 2 3 4 5 6; do
	decant --root "$T/many" import "$base_tar" "many$n" >/dev/null 2>>many.err &
done
wait
is "six at once: no error" "$(cat many.err)" ""
is "and six images" "$(decant --root "$T/many" images --format '{{.Repository}}' | sort | xargs)" "many1 many2 many3 many4 many5 many6"
ok "and a sound store" decant --root "$T/many" fsck

done_testing
