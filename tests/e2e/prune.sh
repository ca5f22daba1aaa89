#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# prune: docker's questions, texts and filters; what is in use stays (K12, K14).
. "$(dirname "$0")/../lib/e2e.sh"
needs_run

ask() { # ANSWER COMMAND...
	local answer=$1
	shift
	OUT=$(printf '%s' "$answer" | decant "$@" 2>"$T/.stderr")
	STATUS=$? ERR=$(cat "$T/.stderr")
}
names() { decant images --format '{{.Repository}}' | sort | paste -sd, -; }

ask "" image prune
status "without an answer nothing is done" 0
is "docker's question" "$OUT" "WARNING! This will remove all dangling images.
Are you sure you want to continue? [y/N] "
ask "y
" image prune
like "no store is an empty one" "$OUT" 'Total reclaimed space: 0B$'
ask "n
" builder prune --all
is "that of the builder" "$OUT" "WARNING! This will remove all build cache. Are you sure you want to continue? [y/N] "
ask "" system prune --all --volumes --filter until=24h
is "that of the system" "$OUT" "WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all anonymous volumes not used by at least one container
  - all images without at least one container associated to them
  - all build cache

  Items to be pruned will be filtered with:
  - until=24h

Are you sure you want to continue? [y/N] "
ask "y
" volume prune
like "volumes" "$OUT" 'anonymous local volumes not used.*$'
like "there are none" "$OUT" 'Total reclaimed space: 0B$'
run decant network prune -f
is "networks" "$OUT$ERR" ""
run decant image prune -f --filter colour=blue
status "an unknown filter" 2

base base:1
mkdir ctx
image() { # NAME TEXT LABEL
	printf 'FROM base:1\nLABEL kind=%s\nRUN echo %s >/text\n' "$3" "$2" >ctx/Dockerfile
	decant build -q -t "$1" ctx >/dev/null
}
image app one old
first=$(decant images -q --no-trunc app)
image app two new
image keep three old
run decant image prune -f
is "an image without a name goes" "$OUT" "Deleted Images:
deleted: $first

Total reclaimed space: $(printf '%s\n' "$OUT" | sed -n 's/^Total reclaimed space: //p')"
is "those with names stay" "$(names)" "app,base,keep"
run decant image prune -af --filter label=kind=old
like "by label" "$OUT" '^untagged: keep:latest$'
is "and no other" "$(names)" "app,base"
run decant image prune -af --filter 'label!=kind=new' --filter until=1h
is "too young" "$(names)" "app,base"
run decant image prune -af --filter 'label!=kind=new'
is "by a label that it has not" "$(names)" "app"

run decant image prune -af --dry-run
like "a name that was built costs nothing" "$OUT" '^The next builds would lose nothing by it\.$'
base base:3
run decant image prune -af --dry-run
like "what no build here made" "$OUT" '^1 image would have to be pulled, loaded or imported again\.$'
printf 'FROM base:3\nRUN --mount=type=cache,target=/c echo x >/c/x\n' >ctx/Dockerfile
decant build -q -t mounted ctx >/dev/null
run decant builder prune -f --dry-run
like "a cache mount" "$OUT" '^1 cache mount of RUN would begin empty\.$'
decant rmi mounted base:3 >/dev/null
run decant builder prune -af --dry-run
like "what the next build would cost" "$OUT" '^The next builds would run up to [1-9][0-9]* steps? again, which took [0-9]+\.[0-9] s\.$'
like "nothing was removed" "$OUT" 'nothing was removed$'
entries=$(decant builder du --format '{{.ID}}' | wc -l)
run decant builder prune -f
ok "without --all what images share stays" [ "$(decant builder du --format '{{.ID}}' | wc -l)" -lt "$entries" ]
is "all of it" "$(decant builder du --format '{{.Shared}}' | sort -u)" "true"
run decant buildx prune -af --filter until=24h
ok "what was of use just now stays" [ "$(decant builder du --format '{{.ID}}' | wc -l)" -gt 0 ]
run decant builder prune -af
is "with --all nothing stays" "$(decant builder du --format '{{.ID}}')" ""
is "but the image" "$(decant run --rm app cat /text)" two

# Images of containers stay; containers that have ended go.
run decant run --name ended app true
run decant image prune -af
is "a container holds its image" "$(names)" "app"
# One whose end is written down, but whose process has not quite gone: it is waited for.
flock "$DECANT_ROOT/containers/$(decant ps -aq --no-trunc)/lock" sh -c ': >held; sleep 1' &
wait_until 60 [ -e held ]
run decant container prune -f
ok "one that ends just now does not stop it" [ "$STATUS" -eq 0 ]
like "containers" "$OUT" '^Deleted Containers:$'
wait $!
is "none is left" "$(decant ps -aq)" ""
run decant image prune -af
is "then the image goes" "$(names)" ""

# Two RUNs that share a directory of the cache: what one of them uses is not taken from it.
base base:1
for n in 1 2 3 4; do image "many$n" "$n" many; done
decant builder prune -f --reserved-space 1g >/dev/null
ok "less than is reserved: nothing goes" [ "$(decant builder du --format '{{.ID}}' | wc -l)" -ge 4 ]

# K14: a clock that was in the future: no times below zero, and nothing seems old.
find "$DECANT_ROOT/cache" -type f -exec touch -d '2039-01-01' {} +
before=$(decant builder du --format '{{.ID}}' | wc -l)
decant builder prune -af --filter until=24h >/dev/null
is "records of the future are not old" "$(decant builder du --format '{{.ID}}' | wc -l)" "$before"
unlike "nor younger than now" "$(decant builder du)" '-[0-9]'

# K12: build, prune --all, tag and save at the same time: what was saved can be loaded.
builder() {
	local i
	for i in 1 2 3 4 5 6; do
		printf 'FROM base:2\nRUN echo %s >/text\n' "$i" >"ctx/D$1"
		decant import "$(base_tar)" base:2 >/dev/null 2>&1
		decant build -q -t "race$1" -f "ctx/D$1" ctx >"$T/log$1" 2>&1 || continue
		decant tag "race$1" "copy$1" >/dev/null 2>&1
		decant save -o "$T/saved$1.$i.tar" "copy$1" >/dev/null 2>&1 || rm -f "$T/saved$1.$i.tar"
	done
}
pruner() {
	local i
	for i in 1 2 3 4 5 6 7 8; do decant system prune -af >/dev/null 2>&1 || echo "prune failed" >>"$T/prune.log"; done
}
builder 1 & b1=$!
builder 2 & b2=$!
pruner & p=$!
E2E_PIDS+=("$b1" "$b2" "$p")
wait "$b1" "$b2" "$p"
ok "no prune failed" [ ! -e "$T/prune.log" ]
bad=
for tar in "$T"/saved*.tar; do
	[ -e "$tar" ] || continue
	DECANT_ROOT=$T/store2 decant load -q -i "$tar" >/dev/null 2>"$T/.load" || bad="$bad ${tar##*/}: $(cat "$T/.load")"
done
is "whatever was saved can be loaded" "$bad" ""
for name in $(decant images --format '{{.Repository}}:{{.Tag}}'); do
	decant run --rm "$name" true >/dev/null 2>"$T/.run" || bad="$bad $name: $(cat "$T/.run")"
done
is "whatever has a name runs" "$bad" ""
is "nothing is left behind" "$(leftovers)" ""
done_testing
