#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""As much of a docker or podman as `decant send` speaks to, on a unix socket.

usage: fake-engine.py SOCKET classic|containerd|podman LOG [old|lie|refuse|error|none]

It behaves as the real ones were seen to (docker 28.5 with either store, podman 5.8): classic wants the file of each layer
whose chain it does not know; containerd takes any archive and says only later, in a text of a 200 answer, that a blob
is missing; podman refuses an archive that lacks a layer which it has not got.  LOG gets one JSON line a load: the blobs
that came, and the image or the error.  Faults: `old` speaks API 1.20; `lie` has forgotten its layers when the archive
comes; `refuse` answers 500; `error` ends a 200 with an error; `none` is no engine at all.
"""
import hashlib
import http.server
import io
import json
import socketserver
import sys
import tarfile

SOCKET, STORE, LOG = sys.argv[1:4]
FAULT = sys.argv[4] if len(sys.argv) > 4 else ""
IMAGES = {}  # id → {"names", "diff_ids", "manifest"}
BLOBS = set()


def chains(diff_ids):
    chain, out = None, []
    for one in diff_ids:
        chain = one if chain is None else "sha256:" + hashlib.sha256(f"{chain} {one}".encode()).hexdigest()
        out.append(chain)
    return out


class Bad(Exception):
    pass


def load(data):
    """The archive's bytes → names; raises Bad as the store would."""
    tar = tarfile.open(fileobj=io.BytesIO(data))
    files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
    for name, content in files.items():
        if name.startswith("blobs/sha256/") and hashlib.sha256(content).hexdigest() != name[13:]:
            raise Bad(f"{name}: wrong content")
    names = []
    for one in json.loads(files["manifest.json"]):
        config = files[one["Config"]]
        diff_ids = json.loads(config)["rootfs"]["diff_ids"]
        entry = next(e for e in json.loads(files["index.json"])["manifests"]
                     if json.loads(files["blobs/sha256/" + e["digest"][7:]])["config"]["digest"][7:] == one["Config"][13:])
        known = set() if FAULT == "lie" else {c for i in IMAGES.values() for c in chains(i["diff_ids"])}
        layers = set() if FAULT == "lie" else {d for i in IMAGES.values() for d in i["diff_ids"]}
        for path, chain, diff_id in zip(one["Layers"], chains(diff_ids), diff_ids):
            digest = "sha256:" + path[13:]
            there = {"classic": chain in known, "containerd": digest in BLOBS and FAULT != "lie",
                     "podman": digest in layers}[STORE]
            if path not in files and not there:
                raise Bad(f"open /tmp/import/{path}: no such file or directory")
        image_id = "sha256:" + one["Config"][13:]
        IMAGES[image_id] = {"names": one["RepoTags"] or [], "diff_ids": diff_ids, "manifest": entry["digest"]}
        names += one["RepoTags"] or [image_id]
    BLOBS.update("sha256:" + n[13:] for n in files if n.startswith("blobs/"))
    return names


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass

    def answer(self, body, status=200):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        path = self.path.split("/v1.")[-1].split("/", 1)[-1] if "/v1." in self.path else self.path.lstrip("/")
        if FAULT == "none":
            self.answer({"message": "page not found"}, 404)
        elif path == "version":
            part = "Podman Engine" if STORE == "podman" else "Engine"
            self.answer({"ApiVersion": "1.20" if FAULT == "old" else "1.51", "MinAPIVersion": "1.12",
                         "Components": [{"Name": part}]})
        elif path == "info":
            kind = [["driver-type", "io.containerd.snapshotter.v1"]] if STORE == "containerd" else [["Using metacopy", "false"]]
            self.answer({"DriverStatus": kind})
        elif path.split("?")[0] == "images/json":
            self.answer([{"Id": i if STORE != "containerd" else v["manifest"],
                          "Manifests": [{"ID": v["manifest"], "Available": True}]} for i, v in IMAGES.items()])
        elif path.startswith("images/") and path[7:-5] in IMAGES:
            one = IMAGES[path[7:-5]]
            self.answer({"RootFS": {"Layers": one["diff_ids"]}, "RepoDigests": ["x@" + one["manifest"]]})
        else:
            self.answer({"message": "no such image"}, 404)

    def body(self):
        out = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            out += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return out

    def do_POST(self):
        data = self.body()
        if FAULT == "refuse":
            self.answer({"message": "disk is full"}, 500)
            return
        said = {"blobs": sorted(n[13:] for n in tarfile.open(fileobj=io.BytesIO(data)).getnames() if len(n) > 13)}
        try:
            if FAULT == "error":
                raise Bad("it broke")
            said["names"] = load(data)
            lines = [{"status": "Loading layer", "progressDetail": {"current": 1, "total": 2}, "id": "x"}]
            lines += [{"stream": f"Loaded image: {n}\n"} for n in said["names"]]
        except Bad as e:
            said["error"] = str(e)
            lines = [{"stream": f"Loaded image: x\nError unpacking image x: {e}"}] if STORE == "containerd" else [
                {"errorDetail": {"message": str(e)}, "error": str(e)}]
        with open(LOG, "a") as log:
            log.write(json.dumps(said) + "\n")
        self.answer("\r\n".join(map(json.dumps, lines)).encode())


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


Server(SOCKET, Handler).serve_forever()
