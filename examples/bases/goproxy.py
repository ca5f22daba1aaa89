#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Go modules out of Debian source packages, as a folder that Go takes for a module proxy.

usage: goproxy.py GO_SUM OUT MODULE=VERSION=ORIG_TARBALL...

OUT gets what `GOPROXY=file://OUT` needs (go.dev/ref/mod, "GOPROXY protocol"): a module's list, .info,
.mod and .zip.  The tarballs are those apt has verified.  Before anything is trusted, each module's
hash (the h1: of go.sum, computed as golang.org/x/mod/sumdb/dirhash does) is compared with GO_SUM,
which holds the sums of the public module index: source from Debian, proved equal to what everybody
else downloads.  A module without a sum, or with another one, ends this program.
"""
import base64
import hashlib
import json
import pathlib
import sys
import tarfile
import time
import zipfile


def dirhash(files):
    """"h1:" of {name: content}: SHA-256 over the sorted `SHA-256  name` lines."""
    lines = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def read_module(tarball):
    """Regular files below the one folder of the tarball; vendored and nested modules are not the module's."""
    files, newest = {}, 0
    with tarfile.open(tarball) as archive:
        for member in archive:
            name = member.name.split("/", 1)[1] if "/" in member.name else ""
            if member.isfile() and name:
                files[name] = archive.extractfile(member).read()
                newest = max(newest, int(member.mtime))
    nested = [name[:-len("go.mod")] for name in files if name.endswith("/go.mod")]
    kept = {name: data for name, data in files.items()
            if not name.startswith("vendor/") and "/vendor/" not in name and not any(name.startswith(n) for n in nested)}
    return kept, newest


def read_sums(path):
    """go.sum as {"MODULE VERSION": "h1:..."}."""
    return {" ".join(line.split()[:2]): line.split()[2] for line in path.read_text().splitlines() if line.strip()}


def check(sums, what, got):
    wanted = sums.get(what)
    if wanted != got:
        sys.exit(f"goproxy.py: {what}: Debian's source has {got}, go.sum says {wanted or 'nothing'}")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__.split("\n\n")[1])
    sums, out = read_sums(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2])
    for argument in sys.argv[3:]:
        module, version, tarball = argument.split("=", 2)
        files, newest = read_module(tarball)
        go_mod = files.get("go.mod", f"module {module}\n".encode())
        check(sums, f"{module} {version}", dirhash({f"{module}@{version}/{name}": data for name, data in files.items()}))
        check(sums, f"{module} {version}/go.mod", dirhash({"go.mod": go_mod}))
        folder = out / module / "@v"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "list").write_text(f"{version}\n")
        (folder / f"{version}.mod").write_bytes(go_mod)
        (folder / f"{version}.info").write_text(json.dumps(
            {"Version": version, "Time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(newest))}) + "\n")
        with zipfile.ZipFile(folder / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):  # ZipInfo's own time is 1980-01-01: same source, same bytes
                archive.writestr(zipfile.ZipInfo(f"{module}@{version}/{name}"), files[name])
        # Older versions that go.sum knows by their go.mod alone: the module graph asks for these.
        for what, wanted in sums.items():
            name, other = what.split()
            if name == module and other.endswith("/go.mod") and other != f"{version}/go.mod" and dirhash({"go.mod": go_mod}) == wanted:
                (folder / f"{other.removesuffix('/go.mod')}.mod").write_bytes(go_mod)
        print(f"{module} {version}: agrees with go.sum")


if __name__ == "__main__":
    main()
