#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever is damaged of an image, fsck names it and the image, and a pull (of one that was pulled) or a build (of one that was
# built) makes the store whole again, with the same image; nobody uses the damaged bytes meanwhile, and who runs over them goes on.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs_run
inside() { if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare --map-auto --map-root-user "$@"; fi; }
serve_start
base alpine:edge
decant tag alpine:edge "$SERVE/base:1"
run decant push -q "$SERVE/base:1"
status "a push" 0
mkdir ctx && cd ctx || exit 1
export SOURCE_DATE_EPOCH=1700000000 # what is run again gives the same bytes
printf 'copied\n' >a
printf 'FROM %s/base:1\nRUN echo whole >/file\nCOPY a /a\n' "$SERVE" >Dockerfile
printf 'FROM %s/base:1\nCOPY a /a\nRUN cat /a >/file\n' "$SERVE" >below.Dockerfile
decant rmi -f alpine:edge "$SERVE/base:1" >/dev/null
decant prune -af >/dev/null 2>&1
run decant pull -q "$SERVE/base:1"
status "a pull" 0
run decant build -q --network=none -t app .
status "a build" 0
decant build -q --network=none -f below.Dockerfile -t below . >/dev/null

id_of() { decant inspect --format '{{.Id}}' "$1"; }
layer_of() { decant inspect --format "{{index .RootFS.Layers $2}}" "$1" | cut -d: -f2; } # image, number of the layer
hex_of() { decant manifest inspect "$SERVE/base:1" | jq -r "$1" | cut -d: -f2; }
flip() { # a byte in the middle of a file
	inside python3 - "$1" <<'P'
import os, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(os.fstat(f.fileno()).st_size // 2)
    byte = f.read(1)
    f.seek(-1, 1)
    f.write(bytes([byte[0] ^ 4]))
P
}
damaged() { # what, image
	run decant fsck
	status "$1: fsck finds it" 5
	like "$1: and names the image" "$OUT" "images: .*$2"
	like "$1: and says what to do" "$OUT" "what to do: .*$2"
}
whole() { # what, image, its ID
	run decant fsck
	status "$1: the store is whole" 0
	is "$1: the same image" "$(id_of "$2")" "$3"
}

run decant fsck
status "all is whole at first" 0
L=$DECANT_ROOT/layers B=$DECANT_ROOT/blobs/sha256
base_id=$(id_of "$SERVE/base:1") base_layer=$(layer_of "$SERVE/base:1" 0)
blob=$(hex_of '.layers[0].digest') config=${base_id#sha256:}
manifest=$(grep -h '^manifest' "$DECANT_ROOT"/refs/*base* | cut -d: -f2 | head -n 1)
heal_pull() { # what, WITHOUT fsck before: "blind"
	[ "${2:-}" = blind ] || damaged "$1" "$SERVE/base:1"
	run decant pull -q "$SERVE/base:1"
	status "$1: a pull" 0
	whole "$1" "$SERVE/base:1" "$base_id"
	is "$1: and runs" "$(decant run --rm --network=none "$SERVE/base:1" echo well)" well
}
file=$(inside find "$L/$base_layer/bin" -type f -size +0 | LC_ALL=C sort | head -n 1)
flip "$file"
heal_pull "a flipped byte in a pulled layer"
inside rm "$file"
heal_pull "a file of a pulled layer that is gone"
inside chmod 0111 "$file"
heal_pull "another mode in a pulled layer"
inside touch "$L/$base_layer/foreign"
heal_pull "a foreign file in a pulled layer"
flip "$L/$base_layer.list"
heal_pull "a flipped byte in a list"
for name in .list .meta; do
	rm "$L/$base_layer$name"
	mkdir "$L/$base_layer$name"
	run decant fsck
	status "a directory as $name: found" 5
	heal_pull "a directory as $name" blind
done
flip "$B/$blob"
heal_pull "a flipped blob"
rm "$B/$blob"
heal_pull "a blob that is gone"
rm "$B/$blob"
heal_pull "a blob that is gone, without fsck" blind
inside rm -r "${L:?}/$base_layer"
rm "$B/$blob"
heal_pull "a layer that has lost all" blind
inside rm -r "${L:?}/$base_layer"
flip "$B/$blob"
heal_pull "a layer without files whose blob is flipped"
flip "$B/$config"
heal_pull "a flipped config"
flip "$B/$config"
heal_pull "a flipped config, without fsck" blind
flip "$B/$manifest"
heal_pull "a flipped manifest"
rm "$B/$manifest"
heal_pull "a manifest that is gone"

# --- of a build
app_id=$(id_of app) below_id=$(id_of below)
heal_build() { # what
	damaged "$1" app:latest
	run decant build -q --network=none -t app .
	status "$1: a build" 0
	whole "$1" app "$app_id"
	is "$1: and runs" "$(decant run --rm --network=none app cat /file /a | tr '\n' ' ')" "whole copied "
}
run_layer=$(layer_of app 1) copy_layer=$(layer_of app 2)
flip "$L/$run_layer/file"
heal_build "a flipped byte in a built layer"
inside rm "$L/$run_layer/file"
heal_build "a file of a built layer that is gone"
inside chmod 0600 "$L/$run_layer/file"
heal_build "another mode in a built layer"
inside rm -r "${L:?}/$run_layer"
heal_build "a built layer that is gone"
inside rm -rf "${L:?}/$copy_layer"
[ -e "$B/$copy_layer" ] || decant build -q --no-cache --network=none -t app . >/dev/null
if [ -e "$B/$copy_layer" ]; then
	flip "$B/$copy_layer"
	heal_build "a flipped tar of a built layer"
	inside rm -rf "${L:?}/$copy_layer" "$B/$copy_layer"
	heal_build "a tar of a built layer that is gone"
fi
flip "$B/${app_id#sha256:}"
heal_build "a flipped config of a build"
rm "$B/${app_id#sha256:}"
heal_build "a config of a build that is gone"

# --- a step that gives other bytes each time: another image, and nothing is left of the damaged one
unset SOURCE_DATE_EPOCH
printf 'FROM %s/base:1\nRUN cat /proc/sys/kernel/random/uuid >/random\n' "$SERVE" >random.Dockerfile
decant build -q --network=none -f random.Dockerfile -t random . >/dev/null
random_id=$(id_of random)
flip "$L/$(layer_of random 1)/random"
damaged "random bytes" random:latest
run decant build -q --network=none -f random.Dockerfile -t random .
status "random bytes: a build" 0
ok "random bytes: another image" [ "$(id_of random)" != "$random_id" ]
whole "random bytes" random "$(id_of random)"
decant rmi random >/dev/null
export SOURCE_DATE_EPOCH=1700000000

# --- what is marked is used by nobody
flip "$L/$run_layer/file"
run decant run --rm --network=none app cat /file
status "unmarked, the files of a layer are believed" 0
damaged "a layer" app:latest
for command in "run --rm --network=none app cat /file" "save -o $T/x.tar app" "publish app"; do
	# shellcheck disable=SC2086 # words
	run decant $command
	ok "${command%% *}: a marked layer is refused" [ "$STATUS" -ne 0 ]
	like "${command%% *}: says so" "$ERR" "the layer 'sha256:$run_layer' is damaged: .*/file' has other content"
done
like "its name stays" "$(decant images)" '^app '
# --- and who runs over it goes on
inside chmod 0600 "$L/$run_layer/file"
rm "$DECANT_ROOT/damaged/$run_layer.layer"
decant run -d --network=none --name over app sh -c 'while ! [ -e /go ]; do sleep 0.1; done; cat /a /file | tail -n 1 | wc -c; exit 7' >/dev/null
run decant fsck
status "with a container over it" 5
decant build -q --network=none -t app . >/dev/null
whole "with a container over it" app "$app_id"
is "what was replaced is kept" "$(find "$DECANT_ROOT/damaged" -maxdepth 1 -name "$run_layer.old-*" | wc -l)" 1
run decant exec over cat /file
is "the container has its files" "$STATUS ${#OUT}" "0 5"
decant builder prune -f >/dev/null
is "and has them after a prune" "$(decant exec over cat /file | wc -c)" 6
decant rm -f over >/dev/null
decant rmi below >/dev/null
is "without it they go" "$(find "$DECANT_ROOT/damaged" -name '*.old-*' | wc -l)" 0
: "$below_id"

# --- a repair leaves nothing of what it replaced, unless a container runs
replaced() { find "$DECANT_ROOT/damaged" -maxdepth 1 -name '*.old-*' | wc -l; }
decant run -d --network=none --name beside "$SERVE/base:1" sh -c 'while ! [ -e /go ]; do sleep 0.1; done' >/dev/null
flip "$file"
run decant fsck --repair
is "beside a container: a repair keeps what it replaced" "$STATUS $(replaced)" "0 1"
like "and du says what it is" "$(decant du)" "damaged files, replaced, of the layer ${base_layer:0:12}"
decant rm -f beside >/dev/null
run decant fsck --repair
is "the next one frees it" "$STATUS $(replaced)" "0 0"
flip "$file"
run decant fsck --repair
is "without a container it goes at once" "$STATUS $(replaced)" "0 0"

# --- a repair says what is to be done next
decant rmi -f app >/dev/null
flip "$B/$blob"
flip "$file"
run decant fsck --repair
like "a repair that drops an image says how it comes back" "$OUT" "what to do: 'decant pull $SERVE/base:1'"
run decant pull -q "$SERVE/base:1"
status "and so it does" 0
whole "pulled after a repair" "$SERVE/base:1" "$base_id"
serve_stop
is "nothing is left" "$(leftovers)" ""
done_testing
