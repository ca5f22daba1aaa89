#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Equal input gives an equal image under SOURCE_DATE_EPOCH, whatever the umask, locale, time zone, order of
# names on disk, number of jobs or folder; and the two forms of a layer have one digest.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
export SOURCE_DATE_EPOCH=1600000000
base alpine:edge

# The same files, made in another order, in another place.
context() { # folder name...
	local folder=$1 name
	mkdir -p "$folder/tree/deep/er"
	shift
	for name; do
		echo "content of $name" >"$folder/tree/$name"
		touch -d @1500000000 "$folder/tree/$name"
	done
	ln -s a "$folder/tree/link"
	ln "$folder/tree/a" "$folder/tree/deep/hard"
	touch -d @1400000000 "$folder/tree/deep/er" "$folder/tree/deep" "$folder/tree"
	chmod 750 "$folder/tree/deep"
	cat >"$folder/Dockerfile" <<-'D'
	FROM alpine:edge AS one
	COPY tree /tree
	RUN echo hello >/made && mkdir -p /dir/below && chmod 700 /dir && ln -s /made /dir/below/l && rm /etc/group
	FROM alpine:edge AS two
	WORKDIR /work
	RUN echo two >two
	FROM alpine:edge
	COPY --from=one /made /dir/ /x/
	COPY --from=two --chown=1000:1000 /work /work
	COPY --chmod=600 tree/ /last/
	LABEL b=2 a=1
	ENV Z=1 A=2
	CMD ["/bin/sh"]
	D
}
context "$T/one" a b c deep/z
context "$T/two/longer/place" deep/z c b a

export SOURCE_DATE_EPOCH=1600000000
run decant build -q "$T/one"
status "first build" 0
first=$OUT
like "prints an image ID" "$first" '^sha256:[0-9a-f]{64}$'

run env DECANT_ROOT="$T/other" "$DECANT" import "$(base_tar)" alpine:edge
run env DECANT_ROOT="$T/other" LC_ALL=C TZ=Asia/Kolkata bash -c 'umask 077; exec "$0" build -q --jobs 1 "$1"' "$DECANT" "$T/two/longer/place"
status "second build, another store and surroundings" 0
is "the same image" "$OUT" "$first"

run decant build -q --no-cache --jobs 8 "$T/one"
status "built again without cache" 0
is "the same image without cache" "$OUT" "$first"

# A later RUN asks for the directory form of what was a tar before.
cat >"$T/one/Dockerfile.dir" <<'D'
FROM alpine:edge
COPY --chmod=600 tree/ /last/
RUN test -f /last/deep/z
D
cat >"$T/one/Dockerfile.tar" <<'D'
FROM alpine:edge
COPY --chmod=600 tree/ /last/
D
run env DECANT_ROOT="$T/third" "$DECANT" import "$(base_tar)" alpine:edge
run env DECANT_ROOT="$T/third" "$DECANT" build -q -f "$T/one/Dockerfile.dir" "$T/one"
as_directory=$(env DECANT_ROOT="$T/third" "$DECANT" image inspect --format '{{json .RootFS}}' "$OUT" | grep -o 'sha256:[0-9a-f]*' | sed -n 2p)
run decant build -q -f "$T/one/Dockerfile.tar" "$T/one"
as_tar=$(decant image inspect --format '{{json .RootFS}}' "$OUT" | grep -o 'sha256:[0-9a-f]*' | sed -n 2p)
like "a diff ID" "$as_tar" '^sha256:[0-9a-f]{64}$'
is "directory and tar form of one COPY have the same diff ID" "$as_directory" "$as_tar"

# What a RUN leaves as it was makes the empty layer, whichever store: also a time that is clamped to what it was.
cat >"$T/one/Dockerfile.same" <<'D'
FROM alpine:edge
COPY --chown=5:5 --chmod=640 tree/ /same/
RUN echo made >/same/made && chown 5:5 /same/made
RUN chown -R 5:5 /same && chmod 640 /same/a && touch /same/made
RUN test "$(stat -c '%a %u' /same/a /same/made)" = "$(printf '640 5\n644 5')"
D
diff_ids() { grep -o 'sha256:[0-9a-f]*' <<<"$OUT" | tail -n +3; } # without the base's and the COPY's
run decant build -q -t same -f "$T/one/Dockerfile.same" "$T/one"
status "what is as it was" 0
run decant image inspect --format '{{json .RootFS}}' same
here=$(diff_ids)
is "two steps that change nothing have one layer" "$(tail -n +2 <<<"$here" | sort -u | wc -l)" 1
run env DECANT_ROOT="$T/third" "$DECANT" build -q --no-cache -t same -f "$T/one/Dockerfile.same" "$T/one"
run env DECANT_ROOT="$T/third" "$DECANT" image inspect --format '{{json .RootFS}}' same
is "the same layers in another store" "$(diff_ids)" "$here"
is "nothing is left behind" "$(leftovers)" ""
done_testing
