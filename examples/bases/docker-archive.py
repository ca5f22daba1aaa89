#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A root file system as a docker-archive (what `docker save` writes) with one layer.

usage: docker-archive.py ROOT NAME CONFIG_JSON > archive.tar

ROOT is read twice instead of being copied: once for the digest and the size that must stand before
the layer, once for the layer itself.  CONFIG_JSON is the `config` object of the image.
"""
import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile

# As it lies on disk, sorted, numbers for owners; devices are the sandbox's affair.
TAR = ["tar", "--create", "--numeric-owner", "--sort=name", "--format=posix", "--xattrs", "--xattrs-include=security.capability",
       "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", "--exclude=./dev/*", "--directory"]


class Counted:
    """A pipe that knows how much went through it, and its SHA-256."""

    def __init__(self, pipe):
        self.pipe, self.size, self.sha256 = pipe, 0, hashlib.sha256()

    def read(self, count=1 << 20):
        data = self.pipe.read(count)
        self.size += len(data)
        self.sha256.update(data)
        return data


def stream(root, consume):
    with subprocess.Popen([*TAR, root, "."], stdout=subprocess.PIPE) as tar:
        counted = Counted(tar.stdout)
        consume(counted)
    if tar.returncode != 0:
        sys.exit(f"docker-archive.py: tar failed with status {tar.returncode}")
    return counted


def drain(pipe):
    while pipe.read():
        pass


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n\n")[1])
    root, name, config = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    layer = stream(root, drain)
    created = config.pop("created")
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    text = json.dumps({"architecture": architecture, "os": "linux", "created": created, "config": config,
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer.sha256.hexdigest()]},
                       "history": [{"created": created, "created_by": f"decant examples/bases: stand-in for {name}"}]}).encode()
    config_name = hashlib.sha256(text).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()

    with tarfile.open(mode="w|", fileobj=sys.stdout.buffer) as out:
        for path, data in (("manifest.json", manifest), (config_name, text)):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))
        entry = tarfile.TarInfo("layer.tar")
        entry.size = layer.size
        again = stream(root, lambda pipe: (out.addfile(entry, pipe), drain(pipe)))
    if again.sha256.digest() != layer.sha256.digest():
        sys.exit(f"docker-archive.py: '{root}' changed while it was read")


if __name__ == "__main__":
    main()
