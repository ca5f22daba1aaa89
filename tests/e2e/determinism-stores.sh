#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One build under SOURCE_DATE_EPOCH is one image ID: with the store on ext4, xfs and tmpfs, as root and as an ordinary
# user, whatever the umask, the locale, the time zone, the number of jobs and processors, the folder, the order and times of the files in it, the moment;
# and one manifest digest, wherever it is pushed from.
. "$(dirname "$0")/../lib/e2e.sh"
needs_root
needs_run
base alpine:edge
base_image=$T/base.oci
decant save -o "$base_image" alpine:edge >/dev/null # with its history: it is part of what is built on it
chmod 644 "$base_image"
export SOURCE_DATE_EPOCH=1600000000
long=$(printf 'n%.0s' $(seq 200))

# The same content, written in the order of ARGS, with times that begin at TIME; nothing later than the epoch counts.
context() { # folder time name...
	local folder=$1 time=$2 name
	mkdir -p "$folder/tree/deep/$long/$long"
	shift 2
	for name; do
		mkdir -p "$folder/tree/$(dirname "$name")"
		echo "content of $name" >"$folder/tree/$name"
	done
	echo end >"$folder/tree/deep/$long/$long/$long"
	ln "$folder/tree/a" "$folder/tree/deep/hard"
	ln -s ../a "$folder/tree/deep/link"
	ln -s nowhere "$folder/tree/dangling"
	mkfifo "$folder/tree/fifo"
	cp "$folder/tree/b" "$folder/tree/setuid"
	chmod 4755 "$folder/tree/setuid"
	chmod 1777 "$folder/tree/deep"
	python3 - "$folder/tree/c" <<-'P'
	import os, sys
	os.setxattr(sys.argv[1], "user.note", b"\x00binary\xff")
	P
	mkdir "$folder/packed"
	echo inside >"$folder/packed/$long-in-an-archive"
	ln "$folder/packed/$long-in-an-archive" "$folder/packed/again"
	tar -C "$folder/packed" --sort=name --mtime=@1500000000 --owner=5 --group=6 --numeric-owner -cf "$folder/add.tar" .
	rm -r "$folder/packed"
	cat >"$folder/Dockerfile" <<-'D'
	FROM alpine:edge AS builder
	WORKDIR /src
	COPY tree /src
	ADD add.tar /unpacked/
	RUN --mount=type=cache,target=/cache --mount=type=bind,source=tree,target=/context \
	    for i in $(seq 200); do echo "$i" >file$i; done && mkdir -p /out/sub && cp -a /src/. /out/ && chmod 2750 /out/sub \
	 && echo tool >/out/tool && chmod 4711 /out/tool && chown 1000:50 /out/tool && ln /out/tool /out/tool2 && ln -s tool /out/l \
	 && mkfifo /out/pipe && touch -d @1234567890 /out/old && rm -r /etc/group /home && mkdir /home && ls /context >/out/names
	FROM alpine:edge AS other
	RUN echo other >/other && rm /etc/passwd
	FROM alpine:edge
	ARG LATE=1
	ENV B=2 A=1
	LABEL z=1 a=2
	COPY --from=builder /out /out
	COPY --from=builder --chown=7:8 /unpacked/ /un/
	COPY --from=other --chmod=640 /other /
	COPY --exclude=*.c tree/deep/ /deep/
	RUN mv /out/tool /out/moved && rm /out/names && chmod 700 /deep
	USER 1000
	CMD ["/out/moved"]
	D
	find "$folder/tree" -depth -exec touch -h -d "@$time" {} +
}
# Context files are as old as they are wherever they come from: their times are their own, so they are the same here unless
# they are later than the epoch.
context "$T/one" 1700000000 a b c deep/d x/y/z
context "$T/another/much/longer/place" 1750000000 x/y/z deep/d c b a
chmod -R a+rX "$T/one" "$T/another"
cat >"$T/build" <<'S'
set -e
"$DECANT" load -q -i "$1" >/dev/null
shift
exec "$DECANT" build -q --network=none -t img "$@"
S

run bash "$T/build" "$base_image" "$T/one"
status "as it comes" 0
first=$OUT
like "an image ID" "$first" '^sha256:[0-9a-f]{64}$'
# Everything else gives that.
same() { # name, how it is called...
	local name=$1
	shift
	run "$@"
	status "$name: builds" 0
	is "$name: the same image" "$OUT" "$first"
}

# --- surroundings -----------------------------------------------------------------------------------
other="$T/another/much/longer/place"
same "another folder, other times, another order" env DECANT_ROOT="$T/s1" bash "$T/build" "$base_image" "$other"
same "umask 000, a locale, a time zone, 16 jobs" env DECANT_ROOT="$T/s2" LC_ALL=C TZ=Asia/Kolkata bash -c 'umask 000; exec bash "$@"' - "$T/build" "$base_image" --jobs 16 "$T/one"
same "umask 077, other ones, one job on one processor" env DECANT_ROOT="$T/s3" LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 TZ=America/St_Johns \
	taskset -c "$(taskset -cp $$ | sed 's/.*[: ]\([0-9]*\)[-,0-9]*$/\1/')" bash -c 'umask 077; exec bash "$@"' - "$T/build" "$base_image" --jobs 1 "$other"
same "again, without the cache" decant build -q --network=none --no-cache "$T/one"

# --- file systems -----------------------------------------------------------------------------------
mounted=()
unmount() {
	local dir
	for dir in "${mounted[@]}"; do
		umount "$dir"
	done
	mounted=()
}
trap 'unmount; e2e_end' EXIT
on() { # name, option of mount, mkfs...
	local name=$1 dir=$T/fs-$1 why=
	shift
	mkdir -p "$dir"
	if [ "$name" = tmpfs ]; then
		mount -t tmpfs -o size=256m,mode=755 store "$dir" 2>/dev/null || why="tmpfs cannot be mounted here"
	elif ! command -v "$1" >/dev/null; then
		why="'$1' is not installed"
	else
		truncate -s 400M "$T/$name.img"
		"$@" "$T/$name.img" >/dev/null 2>&1 || why="$1 failed"
		[ -n "$why" ] || mount -o loop "$T/$name.img" "$dir" 2>/dev/null || why="no loop devices, or no $name, here"
	fi
	if [ -n "$why" ]; then
		skip "store on $name: builds" "$why"
		skip "store on $name: the same image" "$why"
		return
	fi
	mounted+=("$dir")
	same "store on $name" env DECANT_ROOT="$dir/store" bash "$T/build" "$base_image" "$other"
}
on tmpfs
on ext4 mkfs.ext4 -q -F
# other hashes of names: another order in which directories are read
on ext4-linear mkfs.ext4 -q -F -O ^dir_index -b 1024
on xfs mkfs.xfs -q -f
unmount
trap e2e_end EXIT

# --- who ----------------------------------------------------------------------------------------------
if command -v newuidmap >/dev/null; then
	same "an ordinary user" as_user env SOURCE_DATE_EPOCH=1600000000 bash "$T/build" "$base_image" "$T/one"
else
	skip "an ordinary user: builds" "'newuidmap' is not installed"
	skip "an ordinary user: the same image" "'newuidmap' is not installed"
fi

# --- pushed -------------------------------------------------------------------------------------------
if command -v docker-registry >/dev/null && command -v curl >/dev/null; then
	# shellcheck disable=SC2119
	registry_start
	digest_of() { curl -fsI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$1/manifests/1" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'; }
	decant tag img "$REGISTRY/here:1"
	run decant push "$REGISTRY/here:1"
	status "pushed" 0
	env DECANT_ROOT="$T/s3" "$DECANT" tag img "$REGISTRY/there:1"
	run env DECANT_ROOT="$T/s3" taskset -c "$(taskset -cp $$ | sed 's/.*[: ]\([0-9]*\)[-,0-9]*$/\1/')" "$DECANT" push "$REGISTRY/there:1"
	status "pushed from another store, on one processor" 0
	like "a manifest" "$(digest_of here)" '^sha256:[0-9a-f]{64}$'
	is "the same manifest" "$(digest_of there)" "$(digest_of here)"
else
	skip "the same manifest" "docker-registry or curl is not installed"
fi
is "nothing is left behind" "$(leftovers)" ""
done_testing
