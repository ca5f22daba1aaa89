#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `system reset`: the whole store goes, also one with the owners of a rootless one; nothing else does.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
run decant system reset -f
is "without a store" "$STATUS $OUT" "0 there is no store"
base alpine:edge
printf 'FROM alpine:edge\nRUN --mount=type=cache,target=/c mkdir -m 700 /d && echo x >/d/f && chown -R 7:7 /d && touch /c/x && chown 9 /c/x\n' >Dockerfile
run decant build -q --network=none -t app .
status "a build" 0
mkdir -p "$HOME/.docker" outside && echo '{}' >"$HOME/.docker/config.json" && echo keep >outside/file

run decant system reset </dev/null
like "where nobody answers it wants -f" "$STATUS $ERR" "^[1-9] error: nobody is there to ask"
ok "and leaves all" [ -d "$DECANT_ROOT/refs" ]
answer() { "$E2E_ROOT/tests/lib/with-pty" "$DECANT" system reset <<<"expect y/N"$'\n'"send $1\\n"; }
run answer n
like "on one it asks" "$OUT" "WARNING! This will remove all images"
ok "a no is a no" [ -d "$DECANT_ROOT/refs" ]
said() { printf '%s\n' "$1" | "$DECANT" system reset; }
for answer in n "" yellow; do
	run said "$answer"
	ok "'$answer' from a pipe is a no" [ "$STATUS" -eq 0 -a -d "$DECANT_ROOT/refs" ]
done

cp "$DECANT_ROOT/version" "$T/version"
echo 99 >"$DECANT_ROOT/version"
run decant system reset -f
like "a store of a newer decant" "$STATUS $ERR" "^[1-9] error: the store '.*' has version 99"
ok "stays" [ -d "$DECANT_ROOT/refs" ]
cp "$T/version" "$DECANT_ROOT/version"

echo mine >"$DECANT_ROOT/notes"
run decant system reset -f
like "a foreign file is in it" "$STATUS $ERR" "^[1-9] error: '.*' is not a store: there is 'notes' in it"
ok "nothing went" [ -d "$DECANT_ROOT/refs" ]
rm "$DECANT_ROOT/notes"
mkdir project && echo 2 >project/version && mkdir project/refs project/logs
run decant --root "$T/project" system reset -f
like "a directory that is no store" "$STATUS $ERR" "^[1-9] error: '.*' is not a store"
ok "stays" [ -d project/logs ]

exec {gc}>"$DECANT_ROOT/locks/gc"
flock -s "$gc"
run decant system reset -f
like "while a build runs" "$STATUS $ERR" "^[1-9] error: the store '.*' is in use"
exec {gc}>&-
ok "nothing went either" [ -d "$DECANT_ROOT/refs" ]

run decant run -d --network=none --name busy app sleep 8765499
status "a container" 0
like "runs" "$(decant ps)" ' busy$'
run answer y
like "while a container runs" "$OUT$ERR" "the container 'busy' is running"
ok "still there" [ -d "$DECANT_ROOT/refs" ]
ln -s "$T/outside" "$DECANT_ROOT/cache/link"
run decant system reset -f
is "-f removes it" "$STATUS $OUT" "0 removed '$DECANT_ROOT'"
ok "its directory too" [ ! -e "$DECANT_ROOT" ]
is "no link is followed" "$(cat outside/file)" keep
ok "logins stay" [ -f "$HOME/.docker/config.json" ]
is "nothing is left" "$(leftovers)" ""
base alpine:edge
rm -r "$DECANT_ROOT/refs" "$DECANT_ROOT/blobs" # as one that was killed leaves it
run decant system reset -f
is "half a store goes too" "$STATUS $OUT" "0 removed '$DECANT_ROOT'"
mkdir project/refs/x && rm -r project/refs && mkdir project/cache
run decant --root "$T/project" system reset -f
ok "a number alone makes no store" [ "$STATUS" -ne 0 -a -d project/cache ]
base alpine:edge
run said y
like "y from a pipe is a yes" "$STATUS $OUT" "removed '$DECANT_ROOT'$"
ok "and it goes" [ ! -e "$DECANT_ROOT" ]

# --- a store behind a link
mkdir "$T/disk" && ln -s "$T/disk" "$DECANT_ROOT"
base alpine:edge
run decant build -q --network=none -t app .
status "a build in a store behind a link" 0
like "fsck there" "$(decant fsck)" "the store is whole"
run decant system reset -f
is "the link stays, and what it leads to, which is said" "$STATUS $OUT" "0 emptied '$DECANT_ROOT', a link or a mount point, which stays"
is "all in it goes" "$(ls -A "$T/disk") $(readlink "$DECANT_ROOT")" " $T/disk"
base alpine:edge
is "a new one begins" "$(decant images -q | wc -l)" 1
done_testing
