#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# store.max: what is worth least by the byte goes, in the background, and names never.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs flock

idle() { flock "$DECANT_ROOT/locks/gc" true; } # what runs after a command holds it
steps() { decant builder du --format '{{.Description}}'; }
account() { sed -n 's/^bytes //p' "$DECANT_ROOT/locks/usage"; }

base base:1
mkdir ctx
cat >ctx/Dockerfile <<'D'
FROM base:1 AS cheap
RUN head -c 8000000 /dev/zero >/cheap
FROM base:1 AS dear
RUN sleep 2; head -c 8000000 /dev/zero >/dear
FROM base:1
COPY --from=cheap /cheap /1
COPY --from=dear /dear /2
D
export DECANT_STORE_MAX=none
run decant build -q -t app ctx
status "an image" 0
idle
exact=$(decant system df --format '{{.Bytes}}' | awk '{ s += $1 } END { printf "%d", s }')
ok "the account is near what is there" [ $(($(account) - exact)) -lt 2000000 ] && ok "from below too" [ $((exact - $(account))) -lt 2000000 ]

# The image has a name: its layers stay whatever the limit is.
printf 'FROM base:1\nRUN echo %s >/small\n' one >ctx/D1
DECANT_STORE_MAX=1m run decant build -q -t small -f ctx/D1 ctx
status "a build over the limit is a build" 0
idle
is "names stay" "$(decant images --format '{{.Repository}}' | sort | paste -sd, -)" "app,base,small"
ok "and run" decant run --rm app test -s /1 -a -s /2
unlike "the cache has gone" "$(steps)" 'sleep'

# Without its name the cheap one goes first; both are of one size.
decant build -q --no-cache -t app ctx >/dev/null
decant rmi app >/dev/null
printf 'FROM base:1\nRUN echo %s >/small\n' two >ctx/D1
now=$(decant system df --format '{{.Bytes}}' | awk '{ s += $1 } END { printf "%d", s }')
# Four layers of 8 MB, of which three are cheap: 20 MB are to go, down to 90% of the limit.
DECANT_STORE_MAX=$(((now - 20000000) * 10 / 9)) run decant build -q -t small -f ctx/D1 ctx
idle
like "the dear step is kept" "$(steps)" 'sleep 2'
unlike "the cheap one went" "$(steps)" 'RUN head -c 8000000'
ok "and the account knows" [ "$(account)" -lt "$now" ]
run decant build -t app ctx
like "the dear step does not run again" "$(grep -A1 '\[dear 2/2\] RUN' <<<"$ERR")" CACHED
like "why says evicted" "$(decant why app --format json 2>/dev/null || decant why app)" 'evicted|cache record is gone'

# What was in the cache costs nothing: no process is started, and no file is written.
stamp=$(stat -c %Y.%y "$DECANT_ROOT/locks/usage")
DECANT_STORE_MAX=1m run decant build -q -t app ctx
is "a build from the cache does not look" "$(stat -c %Y.%y "$DECANT_ROOT/locks/usage")" "$stamp"

# Configuration.
unset DECANT_STORE_MAX
mkdir -p "$HOME/.config/decant"
build_small() {
	printf 'FROM base:1\nRUN echo %s >/small\n' "$1" >ctx/D1
	run decant build -q -t small -f ctx/D1 ctx
	idle
}
echo '{"store.max": "1m", "unrelated": true}' >"$HOME/.config/decant/config.json"
build_small three
unlike "from the file of settings" "$(steps)" 'sleep'
echo '{"store.maxx": "1m"}' >"$HOME/.config/decant/config.json"
build_small four
status "a key with a slip is no build" 3
is "and no ID" "$OUT" ""
like "a key with a slip" "$ERR" "unknown key 'store.maxx'"
like "is told which was meant" "$ERR" "did you mean 'store.max'"
echo '{"store.max": "plenty"}' >"$HOME/.config/decant/config.json"
build_small five
like "a value that is none" "$ERR" "store.max: 'plenty' is no size"
status "and it is told before the work" 3
is "which is not done" "$OUT" ""
rm "$HOME/.config/decant/config.json"
DECANT_STORE_MAX=101% run decant build -q --no-cache -t small -f ctx/D1 ctx
is "more than all: no build" "$STATUS $OUT" "3 "
like "more than all" "$ERR" "DECANT_STORE_MAX: '101%' is no size"

# An account that is lost is counted anew.
echo rubbish >"$DECANT_ROOT/locks/usage"
build_small six
exact=$(decant system df --format '{{.Bytes}}' | awk '{ s += $1 } END { printf "%d", s }')
ok "a damaged account is counted anew" [ $((exact - $(account))) -lt 100000 ]
is "nothing is left behind" "$(leftovers)" ""
# What a command has printed is there when it has ended, without a name too; what was used longest ago goes.
export DECANT_ROOT=$T/round-store
base base:1
mkdir round
for i in 1 2 3 4 5; do
	printf 'FROM base:1\nRUN head -c 2000000 /dev/urandom >/r%s\n' "$i" >"round/D$i"
	id=$(DECANT_STORE_MAX=1m decant build -q --no-cache -f "round/D$i" round)
	idle
	ok "image $i without a name is there when its build has ended" decant run --rm "$id" test -s "/r$i"
done
is "those before it are not" "$(decant images -aq --filter dangling=true | wc -l)" 1
done_testing
