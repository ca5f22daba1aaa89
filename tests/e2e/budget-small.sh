#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# store.min-free on a small file system: builds that would fill it together go on one after the other, since each makes
# room at its end; what cannot make room is tried again when the store has grown, not at each command.
if [ -z "${E2E_SMALL:-}" ]; then
	map=()
	[ "$(id -u)" -eq 0 ] || map=(--map-auto --map-root-user)
	if unshare --mount "${map[@]}" mount -t tmpfs none /mnt 2>/dev/null; then
		E2E_SMALL=1 exec unshare --mount "${map[@]}" bash "$0" "$@"
	fi
fi
. "$(dirname "$0")/../lib/e2e.sh"
[ -n "${E2E_SMALL:-}" ] || skip_all "nothing can be mounted in a namespace of one's own here"
needs_run
needs flock
mkdir "$T/small" "$T/ctx"
mount -t tmpfs -o size=64m,mode=755 none "$T/small" || skip_all "no tmpfs here"
trap 'cd /; umount -l "$T/small"; e2e_end' EXIT
export DECANT_ROOT=$T/small/store
mkdir -p "$HOME/.config/decant"
settings() { echo "{\"store.max\": \"none\", \"store.min-free\": \"$1\"}" >"$HOME/.config/decant/config.json"; }
idle() { flock "$DECANT_ROOT/locks/gc" true; } # what runs after a command holds it
free_mib() { df --output=avail -B 1M "$T/small" | tail -n 1 | tr -d ' '; }
counted() { sed -n 's/^counted //p' "$DECANT_ROOT/locks/usage"; }
mib() { # NUMBER MARK [OPTION...]: a build that adds so many MiB
	printf 'FROM base:1\nRUN echo %s; head -c %s /dev/zero >/big\n' "$2" "$(($1 * 1048576))" >"$T/ctx/Dockerfile"
	run decant build -q --network=none "${@:3}" "$T/ctx"
	idle
}
base base:1
settings none

# Without it the file system is full after some.
for n in 1 2 3 4; do
	mib 18 "full $n"
	[ "$STATUS" -eq 0 ] || break
done
ok "four of 18 MiB do not fit into 64" [ "$STATUS" -ne 0 ]
like "it is said what is full" "$ERR" 'full|No space left'
like "and what to do" "$ERR" "decant system prune"
ok "what was begun is free again" [ "$(free_mib)" -ge 5 ]

# With it the build that failed has made room when it ends: the next try goes on, and each makes room for the next.
settings 22m
mib 18 "full $n"
ok "one more try" [ "$STATUS" -ne 0 ]
ok "has made room" [ "$(free_mib)" -ge 22 ]
mib 18 "full $n"
is "and the next goes on" "$STATUS $ERR" "0 "
for n in 1 2 3 4 5; do
	mib 18 "room $n"
	is "build $n of 18 MiB" "$STATUS $ERR" "0 "
	ok "leaves what is to be free" [ "$(free_mib)" -ge 22 ]
done
is "names are never room" "$(decant images --format '{{.Repository}}' | grep -v none)" base

# Names alone are too many: no room can be made, and that is not found out at each command.
decant image prune -f >/dev/null && decant builder prune -af >/dev/null
mib 40 named -t named
status "an image with a name" 0
ok "more than there is to be" [ "$(free_mib)" -lt 22 ]
is "it stays" "$(decant run --rm --network=none named stat -c %s /big)" $((40 * 1048576))
before=$(counted)
mib 0 little -t little
is "a little more does not count again" "$STATUS $(counted)" "0 $before"
mib 2 more -t more
status "two MiB more" 0
ok "do" [ "$(counted)" != "$before" ]
decant rmi named >/dev/null
mib 2 after -t after
ok "and with the name gone, that makes room" [ "$(free_mib)" -ge 22 ]
run decant fsck
status "the store is whole" 0
is "nothing is left behind" "$(leftovers | grep -v " $T/small ")" ""
done_testing
