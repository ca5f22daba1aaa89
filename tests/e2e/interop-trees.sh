#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An image with odd files goes out in every form and comes back from every tool with the same ID, and unpacked by others it has
# the same files: links, xattrs, capabilities, whiteouts, opaque folders, devices, long names and such that are no UTF-8,
# setuid, owners, times, empty files.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 skopeo zstd
tree() { python3 "$E2E_ROOT/tests/lib/tree.py" "$@"; }
load() { # INPUT [IMAGE]: into a fresh store; prints the ID
	rm -rf fresh 2>/dev/null
	DECANT_ROOT=$T/fresh decant load -i "$1" >loaded || return
	DECANT_ROOT=$T/fresh decant image inspect --format '{{.Id}}' "${2:-$(sed 's/.*: //' loaded)}"
}

# The files, as two layers; devices are entries of a tar, so nobody needs to be root for them.
python3 - <<'P'
import io, tarfile

def layer(name, *entries):
    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as t:
        for path, kind, more in entries:
            m = tarfile.TarInfo(path)
            m.type, m.mtime, m.mode = kind, 1_600_000_000, 0o755 if kind == tarfile.DIRTYPE else 0o644
            data = more.pop("data", b"")
            for k, v in more.items():
                setattr(m, k, v)
            m.size = len(data)
            t.addfile(m, io.BytesIO(data))

D, F, L, H = tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
cap = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
layer("one.tar", ("etc", D, {}), ("etc/empty", F, {}), ("gone", F, {"data": b"x"}), ("opaque", D, {}),
      ("opaque/old", F, {"data": b"old"}), ("opaque/deep", D, {}), ("opaque/deep/old", F, {}), ("became", D, {}), ("became/x", F, {}))
layer("two.tar", ("bin", D, {"mode": 0o1777}), ("bin/suid", F, {"mode": 0o6755, "uid": 7, "gid": 700, "data": b"s" * 5000}),
      ("bin/capable", F, {"mode": 0o755, "data": b"c", "pax_headers": {"SCHILY.xattr.security.capability": cap.decode()}}),
      ("bin/linked", F, {"data": b"l", "uid": 3}), ("bin/again", H, {"linkname": "bin/linked"}), ("top", H, {"linkname": "bin/linked"}),
      ("sym", L, {"linkname": "../../nowhere/" + "t" * 120}), ("l" * 200, F, {"data": b"long"}),
      *(("/".join(["deep" * 20] * n), D, {}) for n in (1, 2, 3, 4)), ("/".join(["deep" * 20] * 5), F, {"data": b"deep"}), ("latin-\udce9", F, {"data": b"e"}), ("\u00fcml\u00e4ut \u65e5\u672c\n", F, {}),
      ("null", tarfile.CHRTYPE, {"devmajor": 1, "devminor": 3, "mode": 0o666}), ("disk", tarfile.BLKTYPE, {"devmajor": 8, "devminor": 1}),
      ("pipe", tarfile.FIFOTYPE, {}), ("zeros", F, {"data": bytes(3 << 20)}), ("old-time", F, {"mtime": 1}),
      (".wh.gone", F, {}), ("opaque", D, {"mode": 0o700}), ("opaque/.wh..wh..opq", F, {}), ("opaque/new", F, {"data": b"new"}), ("became", F, {"data": b"file"}))
P
python3 - <<'P'
import hashlib, json, os
os.makedirs("made/blobs/sha256")
def put(data):
    h = hashlib.sha256(data).hexdigest()
    open("made/blobs/sha256/" + h, "wb").write(data)
    return {"digest": "sha256:" + h, "size": len(data)}
layers = [put(open(n, "rb").read()) for n in ("one.tar", "two.tar")]
config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["A=\u00fc"], "Labels": {"x": "<&>"}, "Cmd": ["/x"]},
    "rootfs": {"type": "layers", "diff_ids": [l["digest"] for l in layers]}, "history": [{"created_by": "one"}, {"created_by": "two"}]}).encode())
manifest = put(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **l} for l in layers]}).encode())
open("made/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
json.dump({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
    "annotations": {"org.opencontainers.image.ref.name": "odd:1"}}]}, open("made/index.json", "w"))
P
run decant load -i made
status "a layout in a folder is loaded" 0
is "by its name" "$OUT" "Loaded image: odd:1"
run decant image inspect --format '{{.Id}}' odd:1
id=$OUT
tree --image made >wanted
ok "the test's own tree has what it should" grep -q '^b.opaque/new' wanted
ok "without what was removed" test "$(grep -c 'old.* file\|gone\|became/' wanted)" -eq 1
# The same with layers that decant has made itself: the lists are the source of their tars.
run decant build -q -t odd/built:1 - <<'D'
FROM odd:1
COPY --from=odd:1 /bin/suid /srv/a
LABEL built=yes
D
status "built on it" 0
built=$OUT

# Out in every form, read by skopeo, and back.
for format in docker oci; do
	decant save --format $format -o out.tar odd:1 odd/built:1
	is "save --format $format comes back" "$(load out.tar odd:1) $(load out.tar odd/built:1)" "$id $built"
	mkdir "unpacked-$format"
	tar -xf out.tar -C "unpacked-$format"
	is "unpacked as well" "$(load "unpacked-$format" odd/built:1)" "$built"
done
for compression in gzip zstd uncompressed; do
	rm -rf layout
	run decant build -q -t odd/built:1 -o "type=oci,dest=layout,tar=false,compression=$compression,force-compression=true" - <<'D'
FROM odd:1
COPY --from=odd:1 /bin/suid /srv/a
LABEL built=yes
D
	is "$compression: the same image" "$OUT" "$built"
	[ -e wanted-built ] || tree --image layout >wanted-built
	is "$compression: the same files" "$(tree --image layout | diff - wanted-built)" ""
	is "$compression: a folder comes back" "$(load layout odd/built:1)" "$built"
	for to in "dir:$T/copy" "oci:$T/copy:odd/built:1" "oci-archive:$T/copy:odd/built:1" "docker-archive:$T/copy:odd/built:1"; do
		rm -rf copy
		[ "$compression ${to%%:*}" != "zstd docker-archive" ] || continue # it has no name for zstd
		run skopeo copy -q --insecure-policy oci:layout "$to"
		status "$compression: skopeo copies it to ${to%%:*}" 0
		got=$(load copy)
		if [ "${to%%:*}" != docker-archive ]; then
			is "$compression: and it comes back from ${to%%:*}" "$got" "$built"
		else # skopeo writes another config there
			DECANT_ROOT=$T/fresh decant build -q -o "type=oci,dest=again,tar=false" - <<<'FROM odd/built:1' >/dev/null
			is "$compression: its files come back from docker-archive" "$(tree --image again | diff - wanted-built)" ""
			rm -rf again
		fi
	done
done
ok "built on top: the file is there" grep -q "^b.srv/a. file 6755 7:700" wanted-built

# Unpacked by others.
if [ "$(id -u)" -eq 0 ] && mknod probe c 1 3 2>/dev/null; then
	if command -v umoci >/dev/null; then
		skopeo copy -q --insecure-policy "oci:layout" oci:umoci:1
		run umoci unpack --image umoci:1 bundle
		status "umoci unpacks it" 0
		is "umoci's tree" "$(tree bundle/rootfs | diff - wanted-built)" ""
		echo more >bundle/rootfs/etc/more
		run umoci repack --image umoci:2 bundle
		status "umoci repacks it" 0
		ok "and its image is loaded" load umoci 2
	fi
	mkdir local
	run decant build -q -o type=tar,dest=root.tar - <<<'FROM odd/built:1'
	tar -xpf root.tar -C local --xattrs --xattrs-include='*' --numeric-owner --same-owner
	is "decant's own root file system" "$(tree local | diff - wanted-built)" ""
else
	skip "umoci unpacks it" "not root, or no devices here"
fi
done_testing
