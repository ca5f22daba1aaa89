#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is every document of an OCI layout what the image specification asks?  usage: oci-documents.py LAYOUT... (folders or tars)

Read from the specification's words (image-layout.md, image-index.md, manifest.md, config.md, descriptor.md), strictly: unknown members
of its structures are errors too, as are blobs that nothing names.  One line a fault; exit status 1 if there is any.
"""
import datetime
import hashlib
import json
import os
import re
import sys
import tarfile

TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFESTS = {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
INDEXES = {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
CONFIGS = {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
faults = []


class Layout:
    def __init__(self, path):
        self.path = path
        self.used = set()
        if os.path.isdir(path):
            self.names = [os.path.relpath(os.path.join(d, f), path) for d, _, fs in os.walk(path) for f in fs]
            self.read = lambda n: open(os.path.join(path, n), "rb").read()
        else:
            tar = tarfile.open(path)
            self.names = [m.name for m in tar if m.isfile()]
            self.read = lambda n: tar.extractfile(n).read()

    def fault(self, where, text):
        faults.append(f"{self.path}: {where}: {text}")

    def members(self, where, x, needed, allowed):
        if not isinstance(x, dict):
            self.fault(where, "is no object")
            return False
        for key, kind in needed.items():
            if not isinstance(x.get(key), kind) or isinstance(x.get(key), bool) and kind is int:
                self.fault(f"{where}.{key}", f"must be there, a {kind.__name__}")
                return False
        for key, value in x.items():
            kind = {**needed, **allowed}.get(key)
            if kind is None:
                self.fault(f"{where}.{key}", "is not of the specification")
            elif not isinstance(value, kind):
                self.fault(f"{where}.{key}", f"must be a {kind.__name__}")
        return True

    def texts(self, where, x):
        if any(not isinstance(v, str) for v in (x.values() if isinstance(x, dict) else x)):
            self.fault(where, "must have texts")

    def descriptor(self, where, d):
        """Its blob, or None."""
        if not self.members(where, d, {"mediaType": str, "digest": str, "size": int},
                            {"urls": list, "annotations": dict, "data": str, "artifactType": str, "platform": dict}):
            return None
        if not TYPE.fullmatch(d["mediaType"]) or not DIGEST.fullmatch(d["digest"]) or not TYPE.fullmatch(d.get("artifactType", "a/b")):
            self.fault(where, "bad mediaType, artifactType or digest")
            return None
        self.texts(where, d.get("annotations", {}))
        if "platform" in d:
            self.members(where + ".platform", d["platform"], {"architecture": str, "os": str},
                         {"variant": str, "os.version": str, "os.features": list})
        name = "blobs/sha256/" + d["digest"][7:]
        self.used.add(name)
        if name not in self.names:
            self.fault(where, "its blob is not there")
            return None
        blob = self.read(name)
        if len(blob) != d["size"] or hashlib.sha256(blob).hexdigest() != d["digest"][7:]:
            self.fault(where, "its blob is another")
        return blob

    def config(self, where, c, layers):
        self.members(where, c, {"architecture": str, "os": str, "rootfs": dict},
                     {"created": str, "author": str, "variant": str, "os.version": str, "os.features": list, "config": dict, "history": list,
                      "decant.cache.v1": object})
        self.members(where + ".rootfs", c["rootfs"], {"type": str, "diff_ids": list}, {})
        if len(c["rootfs"]["diff_ids"]) != layers or not all(DIGEST.fullmatch(d) for d in c["rootfs"]["diff_ids"]):
            self.fault(where + ".rootfs", "diff_ids that are not those of the layers")
        self.members(where + ".config", c.get("config", {}), {}, {
            "User": str, "ExposedPorts": dict, "Env": list, "Entrypoint": list, "Cmd": list, "Volumes": dict, "WorkingDir": str, "Labels": dict,
            "StopSignal": str, "ArgsEscaped": bool, "Memory": int, "MemorySwap": int, "CpuShares": int, "Healthcheck": dict, "OnBuild": list,
            "Shell": list})
        for key in ("Env", "Entrypoint", "Cmd", "Labels", "OnBuild", "Shell"):
            self.texts(f"{where}.config.{key}", c.get("config", {}).get(key, []))
        for h in c.get("history", []):
            self.members(where + ".history", h, {}, {"created": str, "created_by": str, "author": str, "comment": str, "empty_layer": bool})
        if c.get("history") and sum(not h.get("empty_layer") for h in c["history"]) != layers:
            self.fault(where + ".history", "does not fit the layers")
        for t in [c.get("created")] + [h.get("created") for h in c.get("history", [])]:
            if t is not None:
                datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", t).replace("Z", "+00:00"))

    def manifest(self, where, m):
        self.members(where, m, {"schemaVersion": int, "config": dict, "layers": list},
                     {"mediaType": str, "annotations": dict, "artifactType": str, "subject": dict})
        config = self.descriptor(where + ".config", m["config"])
        for i, d in enumerate(m["layers"]):
            self.descriptor(f"{where}.layers[{i}]", d)
        self.texts(where, m.get("annotations", {}))
        if config and m["config"]["mediaType"] in CONFIGS:
            self.config(where + ".config", json.loads(config), len(m["layers"]))
        elif m["config"]["mediaType"] == "application/vnd.oci.empty.v1+json" and "artifactType" not in m:
            self.fault(where, "an empty config needs an artifactType")
        if "subject" in m:
            self.descriptor(where + ".subject", m["subject"])

    def document(self, where, d):
        blob = self.descriptor(where, d)
        if blob is None:
            return
        doc = json.loads(blob)
        if doc.get("schemaVersion") != 2 or doc.get("mediaType", d["mediaType"]) != d["mediaType"]:
            self.fault(where, "schemaVersion or mediaType")
        if d["mediaType"] in INDEXES:
            self.index(where, doc)
        elif d["mediaType"] in MANIFESTS:
            self.manifest(where, doc)

    def index(self, where, x):
        self.members(where, x, {"schemaVersion": int, "manifests": list},
                     {"mediaType": str, "annotations": dict, "artifactType": str, "subject": dict})
        for i, d in enumerate(x["manifests"]):
            self.document(f"{where}.manifests[{i}]", d)

    def check(self):
        version = json.loads(self.read("oci-layout"))
        if version != {"imageLayoutVersion": "1.0.0"}:
            self.fault("oci-layout", version)
        self.index("index.json", json.loads(self.read("index.json")))
        for name in self.names:
            if name.startswith("blobs/") and name not in self.used:
                self.fault(name, "nothing names it")


for path in sys.argv[1:]:
    Layout(path).check()
print("\n".join(faults))
sys.exit(bool(faults))
