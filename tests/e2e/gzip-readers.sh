#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A layer that is pushed is gzip of many members.  Others' readers get all of it: the bytes, by their digest the diff ID.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3

# Larger than one block, half of it incompressible, so that members are of all sizes.
python3 - <<'P'
import random
r = random.Random(7)
with open("big", "wb") as f:
    for i in range(12):
        f.write(r.randbytes(700_000) if i % 2 else b"a line of text %d\n" % i * 40_000)
P
decant import - layers:1 < <(tar -c --sort=name --mtime=@1 --owner=0 --group=0 big) >/dev/null
run decant build -q -t x -o type=oci,dest=layout,tar=false,compression=gzip - <<<$'FROM layers:1\nLABEL a=b'
status "an image with a large layer" 0
read -r want gz < <(python3 - <<'P'
import json
at = lambda d: "layout/blobs/sha256/" + d["digest"][7:]
m = json.load(open(at(json.load(open("layout/index.json"))["manifests"][0])))
print(json.load(open(at(m["config"])))["rootfs"]["diff_ids"][0][7:], at(m["layers"][0]))
P
)
cp "$gz" layer.tar.gz
# A member after another begins where zlib's inflate says that one has ended.
members=$(python3 - <<'P'
import zlib
data, n = open("layer.tar.gz", "rb").read(), 0
while data:
    d = zlib.decompressobj(31)
    d.decompress(data)
    data, n = d.unused_data, n + 1
print(n)
P
)
ok "it has several members ($members)" [ "$members" -gt 2 ]

sum() { sha256sum | cut -c1-64; }
is "GNU gzip" "$(gzip -dc layer.tar.gz | sum)" "$want"
is "zcat of a pipe" "$(zcat <layer.tar.gz | sum)" "$want"
is "Python's gzip" "$(python3 -c 'import gzip, sys, shutil; shutil.copyfileobj(gzip.open("layer.tar.gz"), sys.stdout.buffer)' | sum)" "$want"
is "Python's tarfile" "$(python3 -c 'import tarfile, sys, shutil; shutil.copyfileobj(tarfile.open("layer.tar.gz").extractfile("big"), sys.stdout.buffer)' | sum)" "$(sum <big)"
is "Python's tarfile from a pipe, behind gzip" "$(python3 -c '
import gzip, tarfile, sys, shutil
t = tarfile.open(fileobj=gzip.GzipFile(fileobj=sys.stdin.buffer), mode="r|")
for m in t:
    shutil.copyfileobj(t.extractfile(m), sys.stdout.buffer)' <layer.tar.gz | sum)" "$(sum <big)"
is "zlib's gzread" "$(python3 - <<'P' | sum
import ctypes, ctypes.util, sys
z = ctypes.CDLL(ctypes.util.find_library("z"))
z.gzopen.restype = ctypes.c_void_p
z.gzread.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint
f, buf = z.gzopen(b"layer.tar.gz", b"rb"), ctypes.create_string_buffer(65536)
while (n := z.gzread(f, buf, len(buf))) > 0:
    sys.stdout.buffer.write(buf.raw[:n])
P
)" "$want"

reader() { # NAME PROGRAM COMMAND...: of what may not be installed
	if command -v "$2" >/dev/null; then
		is "$1" "$("${@:3}" <layer.tar.gz | sum)" "$want"
	else
		skip "$1" "'$2' is not installed"
	fi
}
reader "busybox gzip" busybox busybox gzip -dc
reader "pigz" pigz unpigz -c
reader "7-Zip" 7zz 7zz x -so -tgzip -si
if command -v bsdtar >/dev/null; then
	is "libarchive" "$(bsdtar -xOf layer.tar.gz big | sum)" "$(sum <big)"
	is "libarchive from a pipe" "$(bsdtar -xOf - big <layer.tar.gz | sum)" "$(sum <big)"
else
	skip "libarchive" "'bsdtar' is not installed"
fi
if command -v go >/dev/null; then
	cat >read.go <<-'G'
	package main

	import (
		"compress/gzip"
		"io"
		"os"
	)

	func main() {
		r, err := gzip.NewReader(os.Stdin)
		if err == nil {
			_, err = io.Copy(os.Stdout, r)
		}
		if err != nil {
			panic(err)
		}
	}
	G
	is "Go's compress/gzip" "$(GOCACHE=$T/go-cache GOFLAGS=-mod=mod GO111MODULE=off GOTOOLCHAIN=local go run read.go <layer.tar.gz | sum)" "$want"
else
	skip "Go's compress/gzip" "'go' is not installed"
fi
done_testing
