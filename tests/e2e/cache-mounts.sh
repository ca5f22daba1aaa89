#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What RUN --mount=type=cache keeps: listed, sized, removed, carried to another store.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base base:1

run decant cache ls
is "none" "$OUT" "KEY       ID        SIZE      LAST USED   IN USE"
mkdir c && cat >c/Dockerfile <<'D'
FROM base:1
RUN --mount=type=cache,target=/var/cache/a echo hello >/var/cache/a/f && ln /var/cache/a/f /var/cache/a/g && \
	ln -s f /var/cache/a/l && mkdir -m 2750 /var/cache/a/d && chown -R 1000:50 /var/cache/a/d && \
	echo x >/var/cache/a/d/x && chmod 4755 /var/cache/a/d/x && touch -d 2020-02-02 /var/cache/a/f
RUN --mount=type=cache,id=named,target=/b,uid=1000,gid=50,mode=0700 head -c 100000 /dev/zero >/b/zero
D
run decant build c
status "a build with two caches" 0
run decant cache ls --format '{{.ID}} {{.Bytes}} {{.Owner}} {{.InUse}} {{.Directories}}'
is "the one used last comes first" "$OUT" "named 100000 1000:50 false 1
/var/cache/a 8  false 1"
OLD=$DECANT_ROOT
keys=$(decant cache ls -q)
is "a key each" "$(grep -cE '^[0-9a-f]{12}$' <<<"$keys")" 2

run decant cache export -o all.tar.zst
status "export" 0
run decant cache export nothing
ok "an unknown one" [ "$STATUS" -ne 0 ]
like "says how they are called" "$ERR" "decant cache ls"
run decant cache export -o one.tar --compression none named
is "one by its id" "$(tar -tf one.tar | grep -c '/files/zero$')" 1
is "and no other" "$(tar -tf one.tar | grep -c '/files/f$')" 0
run decant cache export -o again.tar.zst
ok "same caches, same bytes" cmp all.tar.zst again.tar.zst

export DECANT_ROOT=$T/store2
base base:1
run decant cache import all.tar.zst
status "import into another store" 0
is "says which" "$(awk '{print $1, $3}' <<<"$OUT" | sort)" "imported /var/cache/a
imported named"
cat >c/look <<'D'
FROM base:1
RUN --mount=type=cache,target=/var/cache/a cd /var/cache/a && cat f && stat -c '%a %u %g %h %n' f d d/x && readlink l && \
	[ f -ef g ] && date -r f +%Y
RUN --mount=type=cache,id=named,target=/b,uid=1000,gid=50,mode=0700 wc -c </b/zero && stat -c '%a %u %g' /b
D
run decant build --progress plain -f c/look c
is "files, modes, owners, links, times" "$(sed -n 's/^#[0-9]* [0-9.]* //p' <<<"$ERR")" "hello
644 0 0 2 f
2750 1000 50 2 d
4755 0 50 1 d/x
f
2020
100000
700 1000 50"
run decant cache import - <all.tar.zst
is "what is there is kept" "$(awk '{print $1}' <<<"$OUT" | sort -u)" kept
run decant cache import --replace all.tar.zst
is "--replace" "$(awk '{print $1}' <<<"$OUT" | sort -u)" imported

# --- through a registry -------------------------------------------------------------------------
if command -v docker-registry >/dev/null; then
	# shellcheck disable=SC2119 # no login is wanted
	registry_start
	run decant cache push "$REGISTRY/caches:main"
	is "push" "$(awk '{print $1, $3}' <<<"$OUT" | sort)" "pushed /var/cache/a
pushed named"
	printf 'FROM base:1\nRUN --mount=type=cache,id=named,target=/b,uid=1000,gid=50,mode=0700 echo more >/b/more\n' >c/more
	decant build -q -f c/more c >/dev/null
	run decant cache push "$REGISTRY/caches:main"
	is "push of one that has changed" "$(awk '{print $1, $3}' <<<"$OUT" | sort)" "pushed named
unchanged /var/cache/a"
	run decant cache pull "$REGISTRY/caches:main"
	is "pull of what is there" "$(awk '{print $1}' <<<"$OUT" | sort -u)" kept
	run env DECANT_ROOT="$T/store3" "$DECANT" cache pull "$REGISTRY/caches:main"
	is "pull into another store" "$(awk '{print $1, $3}' <<<"$OUT" | sort)" "pulled /var/cache/a
pulled named"
	is "has what changed" "$(DECANT_ROOT=$T/store3 decant cache ls --format '{{.Bytes}}' named)" 100005
	run decant cache push "$REGISTRY/caches:one" named
	run env DECANT_ROOT="$T/store4" "$DECANT" cache pull "$REGISTRY/caches:one"
	is "one alone" "$(awk '{print $1, $3}' <<<"$OUT")" "pulled named"
	decant tag base:1 "$REGISTRY/base:1" && decant push -q "$REGISTRY/base:1" >/dev/null
	run decant cache pull "$REGISTRY/base:1"
	like "an image is no cache" "$ERR" 'holds no caches of RUN'
	run decant cache pull "$REGISTRY/caches:nope"
	ok "a tag that is not there" [ "$STATUS" -ne 0 ]
	while read -r blob; do
		[ "$(od -An -tx1 -N4 "$blob")" != " 28 b5 2f fd" ] || # zstd
			printf 'XXXX' | dd of="$blob" bs=1 seek=20 conv=notrunc 2>/dev/null
	done < <(find "$T/registry" -name data -path '*blobs*')
	run env DECANT_ROOT="$T/store5" "$DECANT" cache pull "$REGISTRY/caches:main"
	ok "damaged blobs" [ "$STATUS" -ne 0 ]
	registry_stop
else
	skip "caches through a registry" "'docker-registry' is not installed"
fi
printf 'FROM base:1\nRUN --mount=type=cache,id=named,target=/b,uid=1000,gid=50,mode=0700 rm /b/more\n' >c/less
decant build -q -f c/less c >/dev/null

# --- hostile and damaged archives ---------------------------------------------------------------
head -c 300 all.tar.zst >cut.zst
run decant cache import cut.zst
ok "a cut archive" [ "$STATUS" -ne 0 ]
mkdir -p bad/0000 && tar -C bad -cf bad.tar 0000
run decant cache import bad.tar
like "what is no cache" "$ERR" "'0000' in the archive is no cache"
key=$(printf 'cache 1\nid x\n' | sha256sum | cut -d' ' -f1)
mkdir -p "lie/$key/files" && printf 'cache 1\nid y\n' >"lie/$key/info" && tar -C lie -cf lie.tar "$key"
run decant cache import lie.tar
like "info of another" "$ERR" 'that of another cache'
mkdir -p "out/$key" && printf 'cache 1\nid x\n' >"out/$key/info" && ln -s "$T" "out/$key/files" && tar -C out -cf out.tar "$key"
run decant cache import out.tar
like "files is a link" "$ERR" 'is no directory'
run decant cache import /dev/null
like "empty" "$ERR" 'archive is empty'
is "nothing of them is there" "$(decant cache ls --format '{{.ID}}' | sort | tr '\n' ' ')" "/var/cache/a named "

# --- removing -----------------------------------------------------------------------------------
run decant cache prune --filter until=1h -f
is "nothing is so old" "$OUT" "Total reclaimed space: 0B"
run decant cache prune --filter until=x -f
status "a bad duration" 2
run decant cache prune </dev/null
is "asks" "$(decant cache ls -q | wc -l)" 2
printf 'FROM base:1\nRUN --mount=type=cache,target=/var/cache/a true\n' >c/use
decant build -q -f c/use c >/dev/null
run decant cache prune -f --keep-storage 50k
is "what is used last is kept if it is small enough" "$(decant cache ls --format '{{.ID}}')" "/var/cache/a"
run decant cache rm /var/cache/a
is "rm by id" "$(decant cache ls -q | wc -l)" 0
DECANT_ROOT=$OLD
run decant cache prune -f --filter id=named
like "prune by id" "$OUT" 'Total reclaimed space: 100kB'
is "the other stays" "$(decant cache ls --format '{{.ID}}')" /var/cache/a
printf 'FROM base:1\nRUN --mount=type=cache,target=/var/cache/a touch /var/cache/a/busy; sleep 600\n' >c/busy
"$DECANT" build -f c/busy c >busy.log 2>&1 &
pid=$!
E2E_PIDS+=("$pid")
wait_until 60 eval '[ "$(decant cache ls --format "{{.InUse}}")" = true ]'
is "in use" "$(decant cache ls --format '{{.InUse}}')" true
run decant cache rm /var/cache/a
ok "is not removed" [ "$STATUS" -eq 1 ]
like "says why" "$ERR" 'is in use'
run decant cache prune -f
is "nor pruned" "$(decant cache ls -q | wc -l)" 1
kill -TERM $pid 2>/dev/null
wait $pid
is "nothing left over" "$(leftovers)" ""
done_testing
