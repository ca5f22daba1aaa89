#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback, in memory, with the referrers API of OCI's distribution-spec 1.1 (standard library alone).

usage: referrers-registry.py INFO      INFO gets one line when it listens: HOST:PORT
"""
import hashlib
import http.server
import json
import re
import socketserver
import sys
import urllib.parse

OCI = "application/vnd.oci.image."
BLOBS, MANIFESTS = {}, {}  # digest → bytes; (repository, tag or digest) → (type, bytes)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def referrers(repository, subject):
    found = {}
    for (where, _), (kind, data) in MANIFESTS.items():
        document = json.loads(data)
        if where == repository and document.get("subject", {}).get("digest") == subject:
            found[sha256(data)] = {"mediaType": kind, "digest": sha256(data), "size": len(data),
                                   "artifactType": document.get("artifactType", document["config"]["mediaType"]),
                                   "annotations": document.get("annotations", {})}
    return {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [found[d] for d in sorted(found)]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def split(self):
        path = urllib.parse.urlsplit(self.path)
        match = re.fullmatch(r"/v2/(.+?)/(manifests|blobs/uploads|blobs|referrers)/(.*)", path.path)
        return (*match.groups(), urllib.parse.parse_qs(path.query)) if match else (None, None, None, None)

    def do_GET(self):
        repository, kind, name, _ = self.split()
        if kind == "blobs" and name in BLOBS:
            return self.answer(200, BLOBS[name], Content_Type="application/octet-stream")
        if kind == "manifests" and (repository, name) in MANIFESTS:
            media, data = MANIFESTS[repository, name]
            return self.answer(200, data, Content_Type=media, Docker_Content_Digest=sha256(data))
        if kind == "referrers":
            return self.answer(200, json.dumps(referrers(repository, name)).encode(), Content_Type=OCI + "index.v1+json")
        return self.answer(200 if self.path == "/v2/" else 404)

    do_HEAD = do_GET

    def do_POST(self):
        self.body()
        return self.answer(202, Location=self.path.split("?")[0] + "1")

    def do_PUT(self):
        repository, kind, name, query = self.split()
        data = self.body()
        if kind == "blobs/uploads":
            if query["digest"][0] != sha256(data):
                return self.answer(400)
            BLOBS[sha256(data)] = data
            return self.answer(201)
        document = json.loads(data)
        named = [document["config"], *document["layers"]] if "config" in document else []
        if any(d["digest"] not in BLOBS for d in named):
            return self.answer(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}')
        for key in {name, sha256(data)}:
            MANIFESTS[repository, key] = (self.headers["Content-Type"], data)
        subject = document.get("subject", {}).get("digest")
        return self.answer(201, **({"OCI_Subject": subject} if subject else {}))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w", encoding="ascii") as info:
    info.write(f"127.0.0.1:{server.server_address[1]}\n")
server.serve_forever()
