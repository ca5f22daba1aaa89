#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# history of an image from elsewhere: tabs, line ends, no times; and what load says of a name that is taken.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
archive() { # FILE AUTHOR: one image h:1 without layers
	python3 - "$@" <<'P'
import io, json, sys, tarfile
config = {"architecture": "amd64", "os": "linux", "author": sys.argv[2], "config": {}, "rootfs": {"type": "layers", "diff_ids": []}, "history": [
    {"created_by": "first", "empty_layer": True},
    {"created": "2023-11-14T22:13:20.5Z", "created_by": "RUN\ta\nb <c> " + "x" * 60, "comment": "no tab", "empty_layer": True}]}
with tarfile.open(sys.argv[1], "w") as t:
    for name, data in (("c.json", json.dumps(config)), ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["h:1"], "Layers": []}]))):
        info = tarfile.TarInfo(name)
        info.size = len(data.encode())
        t.addfile(info, io.BytesIO(data.encode()))
P
}
archive one.tar me
archive two.tar you
run decant load -q -i one.tar
is "load" "$STATUS $OUT" "0 Loaded image: h:1"
id=$(decant images -q --no-trunc h:1)
long=$(printf 'x%.0s' $(seq 60))

run decant history h:1
is "one line a step" "$(wc -l <<<"$OUT")" 3
like "cut to 45 characters" "$OUT" "^${id:7:12} +[0-9]+ years ago +RUN a b <c> x{32}… +0B +no tab$"
like "a step without a time" "$OUT" "^<missing> +N/A +first +0B *$"
run decant history --no-trunc h:1
like "--no-trunc: all of it" "$OUT" "^$id +[0-9]+ years ago +RUN a b <c> $long +0B"
run decant history --no-trunc --format '{{.CreatedBy}}|' h:1
is "a template has the line ends, as docker" "$OUT" "RUN a"$'\n'"b <c> $long|"$'\n'"first|"
run decant history -H=false --format '{{.CreatedAt}} {{.CreatedSince}} {{.Size}}' h:1
is "times for programs" "$OUT" $'2023-11-14T22:13:20Z 2023-11-14T22:13:20Z 0\n1970-01-01T00:00:00Z 1970-01-01T00:00:00Z 0'
run decant history -q h:1
is "-q" "$OUT" "${id:7:12}"$'\n'"<missing>"
run decant history -q --no-trunc h:1
is "-q --no-trunc" "$OUT" "$id"$'\n'"<missing>"
run decant history -q --format '{{.Size}}' h:1
is "-q leaves a template as it is" "$OUT" $'0B\n0B'
run decant history nope
is "no such image: with the tag that was looked for" "$ERR" "error: No such image: nope:latest"

# --- load
run decant load -q -i one.tar
is "the same again: nothing is renamed" "$STATUS $OUT" "0 Loaded image: h:1"
run decant load -q -i two.tar
is "another: the old one loses its name" "$STATUS $OUT" \
	"0 The image h:1 already exists, renaming the old one with ID $id to empty string"$'\n'"Loaded image: h:1"
is "and is there without one" "$(decant images -q --no-trunc --filter dangling=true)" "$id"
done_testing
