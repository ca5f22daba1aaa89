#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One line a file of a root file system, sorted, so that two trees can be compared by diff.

usage: tree.py DIR              a folder (as root: all is seen)
       tree.py --image LAYOUT   the layers of an OCI layout (tags: the first manifest), laid over each other
       tree.py --dir DIR        the same of skopeo's dir:
Of each: path, type, mode, owner, seconds of the time (not of folders: unpacking touches them), size and digest, target,
device, extended attributes, and which names are links of each other.  Names are printed with escapes.
"""
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFCHR: "char", stat.S_IFBLK: "block",
         stat.S_IFIFO: "fifo"}


def line(path, kind, mode, uid, gid, mtime, content, extra, xattrs, first):
    text = [repr(path), kind, f"{mode:o}" if kind != "link" else "-", f"{uid}:{gid}", str(int(mtime)) if kind == "file" else "-"]
    if kind == "file":
        text += [str(len(content)), hashlib.sha256(content).hexdigest()[:16]]
    text += [extra] + [f"{k}={v.hex()}" for k, v in sorted(xattrs.items()) if not k.startswith("security.selinux")]
    if first is not None:
        text.append(f"same as {first!r}")
    return " ".join(t for t in text if t)


def folder(root):
    out, seen = [], {}
    root = os.fsencode(root)
    for base, dirs, files in os.walk(root):
        for name in sorted(dirs) + sorted(files):
            full = os.path.join(base, name)
            path = full[len(root) + 1:]
            st = os.lstat(full)
            kind = KINDS[stat.S_IFMT(st.st_mode)]
            content = open(full, "rb").read() if kind == "file" else b""
            extra = repr(os.readlink(full)) if kind == "link" else f"{os.major(st.st_rdev)},{os.minor(st.st_rdev)}" if kind in (
                "char", "block") else ""
            try:
                xattrs = {os.fsdecode(k): os.getxattr(full, k, follow_symlinks=False) for k in os.listxattr(full, follow_symlinks=False)}
            except OSError:
                xattrs = {}
            entry = (path, kind, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_mtime, content, extra, xattrs)
            seen.setdefault((st.st_dev, st.st_ino), []).append(path)
            out.append((entry, (st.st_dev, st.st_ino)))
    return [(path, line(*entry, min(seen[ino]) if len(seen[ino]) > 1 and entry[1] != "dir" else None))
            for entry, ino in out for path in [entry[0]]]


def decompress(data):
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    if data[:2] == b"\x1f\x8b":
        import gzip
        return gzip.decompress(data)
    return data


def apply(tree, data):
    """One layer over TREE: path → [entry, number of its inode]."""
    raw = lambda name: os.fsencode(name.strip("/"))
    below = lambda path, dir: path.startswith(dir + b"/") if dir else bool(path)
    added = set()
    for m in tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape"):
        path = os.path.normpath(raw(m.name))
        if path == b".":
            continue
        base, name = os.path.split(path)
        if name == b".wh..wh..opq":
            for p in [p for p in tree if below(p, base) and p not in added]:
                del tree[p]
        elif name.startswith(b".wh."):
            gone = os.path.join(base, name[4:])
            for p in [p for p in tree if p == gone or below(p, gone)]:
                del tree[p]
        else:
            kind = {b"0": "file", b"\0": "file", b"5": "dir", b"2": "link", b"3": "char", b"4": "block", b"6": "fifo", b"1": "hard"}[m.type]
            if kind == "hard":
                tree[path] = tree[raw(m.linkname)]
            else:
                if kind != "dir":
                    for p in [p for p in tree if below(p, path)]:
                        del tree[p]
                content = tar_content(data, m) if kind == "file" else b""
                xattrs = {k[len("SCHILY.xattr."):]: v.encode("utf-8", "surrogateescape") for k, v in m.pax_headers.items()
                          if k.startswith("SCHILY.xattr.")}
                extra = repr(os.fsencode(m.linkname)) if kind == "link" else f"{m.devmajor},{m.devminor}" if kind in ("char", "block") else ""
                tree[path] = [(kind, m.mode, m.uid, m.gid, float(m.pax_headers.get("mtime", m.mtime)), content, extra, xattrs), object()]
            added.add(path)


def tar_content(data, member):
    return data[member.offset_data:member.offset_data + member.size]


def image(read, manifest):
    while "manifests" in manifest:
        manifest = json.loads(read(manifest["manifests"][0]["digest"], True))
    tree = {}
    for layer in manifest["layers"]:
        apply(tree, decompress(read(layer["digest"], False)))
    names = {}
    for path, (_, inode) in tree.items():
        names.setdefault(id(inode), []).append(path)
    return [(path, line(path, *entry, min(names[id(inode)]) if len(names[id(inode)]) > 1 else None))
            for path, (entry, inode) in tree.items()]


def main():
    if sys.argv[1] == "--image":
        at = sys.argv[2]
        lines = image(lambda d, _: open(f"{at}/blobs/sha256/{d[7:]}", "rb").read(), json.load(open(f"{at}/index.json")))
    elif sys.argv[1] == "--dir":
        at = sys.argv[2]
        lines = image(lambda d, doc: open(f"{at}/{d[7:]}" + (".manifest.json" if doc else ""), "rb").read(), json.load(open(f"{at}/manifest.json")))
    else:
        lines = folder(sys.argv[1])
    for _, text in sorted(lines):
        print(text)


main()
