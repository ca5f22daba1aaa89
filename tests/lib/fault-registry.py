#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback that does the wrong thing when asked to (standard library alone).

usage: fault-registry.py --tar ROOT.tar --info FILE [--log FILE]
       fault-registry.py --layout DIR --info FILE [--log FILE]

One image, made from ROOT.tar: two layers (gzip and plain), OCI manifest, index; or the first manifest of an OCI layout, whose
largest layer is the one that things happen to.  It lies in every repository; the first
component of the repository's name says what goes wrong there: 127.0.0.1:PORT/cut-1000/img:latest.
FAULTS below has them all.  A second server, on another port, stands for "another host".

INFO gets shell lines when everything listens: PORT, OTHER, CONFIG (image ID), INDEX, MANIFEST, LAYER (digest of the
gzip layer), LAYER_BYTES.  LOG gets one line a request: "main GET /v2/... range=... auth=..." ("other ..." for the second server).
"""
import argparse
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import socket
import socketserver
import struct
import sys
import tarfile
import threading
import time
import urllib.parse
from email.utils import formatdate

OCI = "application/vnd.oci.image."
USER_PASSWORD = "Basic dXNlcjpwYXNz"  # user:pass

FAULTS = """
good            nothing
cut-N           each blob answer ends after N bytes; no ranges
resume          each blob answer ends after a third of what is left; ranges work
norange         the first answer for a blob is cut, later ones ignore Range
badrange        the first answer is cut, later ones are 206 of another range
cutlen-N        the same, and Content-Length says N
short           Content-Length and body are one byte shorter than the descriptor says
long            ... one byte longer
flip-layer      one bit of the layer is flipped, in the middle; flip-layer-K: at K 64ths
flip-config     ... of the config (and -K)
flip-manifest   ... of the manifest that the index names (and -K)
other           any manifest asked for by digest is the image's own
html            every answer is 200 text/html
html-blob       blobs are 200 text/html
encoded         blobs come with Content-Encoding: gzip
lie             Docker-Content-Digest is of something else
typelie         the manifest is called an index by its Content-Type
notype          no Content-Type
schema1         a docker schema 1 manifest
both            a document with "layers" and "manifests"
deep            an index in an index in an index ...
noplatform      an index for s390x and an attestation
huge            a manifest that never ends
drip            a manifest at 5 bytes a second
flood           404 for manifests, with a body that never ends
layers-N        a manifest of N layers
nested          a manifest nested 100,000 deep
bigconfig       the manifest says that the config has 65 MiB
variants        an index for many platforms; each image's Env says which
attested        an index: an attestation (unknown/unknown), no platform, the image, the image again with another digest
tags-pages      three pages of tags; tags-loop: the second leads to itself; tags-endless: always one more; tags-bad: no list
mediatype       the gzip layer is called plain
diffid          the config names another diff ID
diffids         the config has one diff ID too few
nolayer         the layer is not there
foreign         the layer has "urls" to the other server, the registry does not have it
redirect        blobs are redirected to the other server (with basic auth here)
redirect-rel    ... by a relative Location, here
redirect-N      ... N times, here
redirect-loop   blobs are redirected in a circle
redirect-file   blobs are redirected to file:///etc/passwd
basic           wants user:pass
token           wants a bearer token from here, for user:pass; each is good for three requests
token-anon      wants a bearer token, given to everybody
token-slow      the same, after 0.3 s
token-never     gives tokens and takes none
token-evil      gives one that would be another line of the request's head
realm-other     wants a bearer token from the other server
realm-file      ... from file:///etc/passwd
busy            every second request is answered by 503, Retry-After: 0
storm           always 500
gone            429 with Retry-After: 1000000000
after-WHAT      the first request for the manifest is answered by 503 with Retry-After: WHAT is zero, one, date, past, garbage, late, none
trickle         the second half of a blob comes at one byte a second
break           the first answer for a blob is reset half-way; ranges work
throttle-N      a connection gives N KiB a second; ranges work
stall           blobs stop half-way, the connection stays
reset           connections are closed without an answer
slow-N          each answer comes after N ms
up-cut          (push) the first upload is cut
up-lie          (push) says that it took another digest
up-nowhere      (push) 202 without Location
up-state        (push) the Location has state that must come back exactly; takes everything
up-mount        (push) refuses mounts with a session
up-slow         (push) reads uploads at a trickle
up-full         (push) 500 for each upload
up-resume       (push) the first PUT is cut; what came is kept, GET tells, PATCH goes on
up-half         (push) the same, and PATCHes keep half of what they bring (202 with a shorter Range)
up-one          (push) the first PUT is cut, and one byte of it is kept: "0-0", which is also said of none
up-416          (push) the same, and the first PATCH is answered by 416
up-none         (push) PATCHes are accepted and nothing of them is kept
up-more         (push) PATCHes say that more is there than was sent
up-max-N        (push) a request of more than N bytes gets 413
up-max-N-M      (push) the same, with OCI-Chunk-Min-Length: M, and 400 for smaller parts that are not the last
up-refuse       (push) 400 for a POST with mount=
up-mount-ok     (push) mounts
up-quiet        (push) 201 without Location and digest
up-token        (push) wants tokens that are good for six requests each
up-mixed-N      (push) 400 DIGEST_INVALID for the first N manifests
"""


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def flip(data, place="32"):
    at = min(len(data) * int(place or 32) // 64, len(data) - 1)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def dump(document):
    return json.dumps(document, separators=(",", ":")).encode()


def descriptor(kind, data, **more):
    return dict(mediaType=OCI + kind, digest=sha256(data), size=len(data), **more)


class Image:
    def __init__(self, root_tar):
        self.blobs = {}
        second = io.BytesIO()
        with tarfile.open(fileobj=second, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            info = tarfile.TarInfo("second.txt")
            info.size = 6
            tar.addfile(info, io.BytesIO(b"second"))
        self.tars = [root_tar, second.getvalue()]
        self.layer = self.put(gzip.compress(root_tar, 6, mtime=0))
        self.plain = self.put(self.tars[1])
        self.config = self.put(self.make_config([sha256(t) for t in self.tars]))
        self.manifest = self.put(self.make_manifest(self.config))
        self.index = self.put(self.make_index([self.entry(self.manifest)]))

    def put(self, data):
        self.blobs[sha256(data)] = data
        return data

    @staticmethod
    def make_config(diff_ids):
        return dump({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]},
                     "rootfs": {"type": "layers", "diff_ids": diff_ids}})

    def make_manifest(self, config, layer_type="layer.v1.tar+gzip", layer=None):
        layer = layer or descriptor(layer_type, self.layer)
        return dump({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": descriptor("config.v1+json", config),
                     "layers": [layer, descriptor("layer.v1.tar", self.plain)]})

    @staticmethod
    def entry(manifest, arch="amd64", os="linux", kind="manifest.v1+json"):
        return descriptor(kind, manifest, platform={"architecture": arch, "os": os})

    def of_platform(self, arch, variant, os="linux"):
        """An image whose Env says which one it is, and its entry of an index."""
        config = json.loads(self.config)
        config.update(architecture=arch, os=os, config={"Env": [f"IS={os}/{arch}/{variant}"]})
        manifest = self.put(self.make_manifest(self.put(dump(config))))
        entry = self.entry(manifest, arch, os)
        if variant:
            entry["platform"]["variant"] = variant
        return manifest, entry

    def variants(self):
        all_of = [("arm", "v5"), ("arm", "v6"), ("arm", "v7"), ("arm64", "v8"), ("amd64", "v3"), ("amd64", ""), ("amd64", "v2"), ("s390x", "")]
        made = [self.of_platform(*one) for one in all_of] + [self.of_platform("amd64", "", "windows")]
        return self.make_index([entry for _, entry in made]), {sha256(manifest): manifest for manifest, _ in made}

    def attested(self):
        manifest, entry = self.of_platform("amd64", "")
        attestation = dict(self.entry(b"{}", "unknown", "unknown"), annotations={"vnd.docker.reference.type": "attestation-manifest"})
        nameless = descriptor("manifest.v1+json", b"nothing")
        again = self.entry(b"another", "amd64")
        return self.make_index([attestation, nameless, entry, again]), {sha256(manifest): manifest}

    @staticmethod
    def make_index(entries):
        return dump({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": entries})


class LayoutImage(Image):
    def __init__(self, folder):  # pylint: disable=super-init-not-called
        self.blobs = {}
        for path in pathlib.Path(folder, "blobs", "sha256").iterdir():
            self.put(path.read_bytes())
        index = json.loads(pathlib.Path(folder, "index.json").read_bytes())
        self.manifest = self.blobs[index["manifests"][0]["digest"]]
        document = json.loads(self.manifest)
        self.config = self.blobs[document["config"]["digest"]]
        layers = [self.blobs[d["digest"]] for d in document["layers"]]
        self.layer = max(layers, key=len)
        self.index = self.manifest  # what the tag names


class State:
    """What is remembered between requests."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {}
        self.tokens = {}
        self.sessions = {}

    def count(self, *key):
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def note(self):
        with self.server.state.lock:
            print(self.server.name, self.command, self.path, "range=" + self.headers.get("Range", ""),
                  "auth=" + self.headers.get("Authorization", "").split(" ")[0], file=self.server.log, flush=True)

    def reply(self, status, body=b"", headers=(), length=None, cut=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None and cut < len(body):
            self.close_connection = True

    def error(self, status, code, headers=()):
        self.reply(status, dump({"errors": [{"code": code, "message": code.lower()}]}), [("Content-Type", "application/json"), *headers])

    # --- who may come in ---------------------------------------------------------------------------

    def challenge(self, text):
        self.read_body()
        self.error(401, "UNAUTHORIZED", [("WWW-Authenticate", text)])

    def admitted(self, fault, repository):
        """True, or the answer was given."""
        authorization = self.headers.get("Authorization", "")
        here, other = f"http://127.0.0.1:{self.server.port}", f"http://127.0.0.1:{self.server.other_port}"
        scope = f',service="test",scope="repository:{repository}:pull"'
        if fault in ("basic", "redirect") and authorization != USER_PASSWORD:
            self.challenge('Basic realm="test"')
        elif fault == "realm-other":
            self.challenge(f'Bearer realm="http://localhost:{self.server.other_port}/token"' + scope)
        elif fault == "realm-file":
            self.challenge('Bearer realm="file:///etc/passwd"' + scope)
        elif fault.startswith("token") or fault == "up-token":
            kind, _, token = authorization.partition(" ")
            with self.server.state.lock:
                left = self.server.state.tokens.get(token, 0) if kind == "Bearer" else 0
                self.server.state.tokens[token] = left - 1
            if left > 0 and fault != "token-never":
                return True
            self.challenge(f'Bearer realm="{here}/{fault}/token"' + scope)
        else:
            return True
        return False

    def give_token(self, fault):
        if fault in ("token", "up-token") and self.headers.get("Authorization") != USER_PASSWORD:
            return self.error(401, "UNAUTHORIZED")
        if fault == "token-slow":
            time.sleep(0.3)
        if fault == "token-evil":
            return self.reply(200, dump({"token": "t\r\nX-Evil: 1"}), [("Content-Type", "application/json")])
        token = f"t{self.server.state.count('tokens')}"
        self.server.state.tokens[token] = {"token-anon": 1000, "token-slow": 1000, "up-token": 6}.get(fault, 3)
        return self.reply(200, dump({"token": token, "expires_in": 300}), [("Content-Type", "application/json")])

    # --- documents -----------------------------------------------------------------------------------

    def manifest_for(self, fault, name):
        """(bytes, content type) or None"""
        image = self.server.image
        index_type, manifest_type = OCI + "index.v1+json", OCI + "manifest.v1+json"
        by_digest = {sha256(image.manifest): image.manifest}
        top = (image.index, manifest_type if image.index is image.manifest else index_type)
        if fault.startswith("flip-manifest") and name in by_digest:
            return flip(image.manifest, fault[14:]), manifest_type
        if fault == "other" and name.startswith("sha256:"):
            return image.manifest, manifest_type
        if fault in ("variants", "attested"):
            return self.manifest_in(image.variants() if fault == "variants" else image.attested(), name)
        made = None
        if fault == "mediatype":
            made = image.make_manifest(image.config, "layer.v1.tar")
        elif fault == "foreign":
            made = image.make_manifest(image.config, layer=descriptor("layer.nondistributable.v1.tar+gzip", image.layer, urls=[
                f"http://127.0.0.1:{self.server.other_port}/foreign"]))
        elif fault == "diffid":
            made = image.make_manifest(image.put(image.make_config([sha256(b"x"), sha256(image.tars[1])])))
        elif fault == "diffids":
            made = image.make_manifest(image.put(image.make_config([sha256(image.tars[0])])))
        elif fault.startswith("layers-"):
            document = json.loads(image.manifest)
            document["layers"] = document["layers"][1:] * int(fault[7:])
            made = dump(document)
        elif fault == "nested":
            made = image.manifest[:-1] + b',"annotations":' + b"[" * 100000 + b"]" * 100000 + b"}"
        elif fault == "bigconfig":
            document = json.loads(image.manifest)
            document["config"]["size"] = 65 << 20
            made = dump(document)
        elif fault == "both":
            document = json.loads(image.manifest)
            document["manifests"] = []
            made = dump(document)
        elif fault == "schema1":
            made = dump({"schemaVersion": 1, "name": "x", "tag": "latest", "fsLayers": [{"blobSum": sha256(image.layer)}], "history": []})
            return made, "application/vnd.docker.distribution.manifest.v1+prettyjws"
        elif fault in ("typelie", "lie"):
            made = image.manifest
        elif fault == "noplatform":
            return image.make_index([image.entry(image.manifest, "s390x"), image.entry(image.manifest, "unknown", "unknown")]), index_type
        elif fault == "deep":
            document = image.index
            for _ in range(20):
                document = image.put(image.make_index([image.entry(document, kind="index.v1+json")]))
            return image.blobs.get(name, document), index_type
        if made is not None:
            return made, index_type if fault == "typelie" else manifest_type
        if name in by_digest:
            return image.manifest, manifest_type
        return top if name in ("latest", sha256(image.index)) else None

    @staticmethod
    def manifest_in(index, name):
        top, others = index
        kind = OCI + ("index.v1+json" if name not in others else "manifest.v1+json")
        return others.get(name, top), kind

    def send_tags(self, fault, repository, query):
        page = int(query.get("page", ["1"])[0])
        tags = dump({"name": repository, "tags": ["latest"] if page == 1 else [f"t{page}"]})
        if fault == "tags-bad":
            return self.reply(200, b"[]", [("Content-Type", "application/json")])
        more = {"tags-pages": page < 3, "tags-loop": True, "tags-endless": True}.get(fault, False)
        following = 2 if fault == "tags-loop" else page + 1
        link = [("Link", f'</v2/{repository}/tags/list?n=1&page={following}>; rel="next"')] if more else []
        return self.reply(200, tags, [("Content-Type", "application/json"), *link])

    def pour(self, status, kind, count, pause):
        """COUNT blanks, and again, until nobody takes them."""
        self.reply(status, b"", [("Content-Type", kind)], length=3 << 20 if pause else 1 << 50)
        while True:
            self.wfile.write(b" " * count)
            self.wfile.flush()
            time.sleep(pause)

    def send_manifest(self, fault, name):
        if fault.startswith("tags-") and re.fullmatch("t[0-9]+", name):
            name = "latest"
        if fault.startswith("after-") and self.server.state.count(fault, name) == 1:
            date = {"date": 2, "past": -3600}.get(fault[6:], 0)
            value = {"zero": "0", "one": "1", "late": "3600", "garbage": "soon, perhaps"}.get(fault[6:], formatdate(time.time() + date, usegmt=True))
            return self.error(503, "UNAVAILABLE", [] if fault == "after-none" else [("Retry-After", value)])
        found = self.manifest_for(fault, name)
        if found is None:
            return self.error(404, "MANIFEST_UNKNOWN")
        body, kind = found
        if fault == "huge":
            return self.reply(200, b" " * (8 << 20), [("Content-Type", kind)], length=5 << 30, cut=8 << 20)
        if fault in ("drip", "flood"):
            return self.pour(200 if fault == "drip" else 404, kind, 1 if fault == "drip" else 1 << 16, 0.2 if fault == "drip" else 0)
        digest = sha256(b"a lie") if fault == "lie" else sha256(body)
        headers = [("Docker-Content-Digest", digest)]
        if fault != "notype":
            headers.append(("Content-Type", kind))
        return self.reply(200, body, headers)

    # --- blobs -------------------------------------------------------------------------------------------

    def send_blob(self, fault, digest):
        image, state = self.server.image, self.server.state
        body = image.blobs.get(digest)
        if body is None or (fault in ("foreign", "nolayer") and body is image.layer):
            return self.error(404, "BLOB_UNKNOWN")
        large = body is image.layer
        there = [("Content-Type", "application/octet-stream")]
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        if (fault.startswith("flip-layer") and large) or (fault.startswith("flip-config") and body is image.config):
            return self.reply(200, flip(body, fault[len("flip-layer-" if large else "flip-config-"):]), there)
        if fault == "html-blob":
            return self.reply(200, b"<html>sign in</html>", [("Content-Type", "text/html")])
        if not large:
            return self.reply(200, body, there)
        hops = re.fullmatch(r"redirect-(\d+)", fault)
        if hops or fault == "redirect-rel":
            at = int((re.search(r"hop=(\d+)", self.path) or ["", 0])[1])
            if at < int(hops[1] if hops else 1):
                return self.reply(307, b"", [("Location", f"./{digest}?hop={at + 1}" if fault == "redirect-rel" else f"{self.path.split('?')[0]}?hop={at + 1}")])
            return self.reply(200, body, there)
        if fault.startswith("redirect"):
            place = {"redirect": f"http://127.0.0.1:{self.server.other_port}/blob/{digest}", "redirect-loop": self.path + "?x",
                     "redirect-file": "file:///etc/passwd"}[fault]
            return self.reply(307, b"", [("Location", place)])
        if fault == "encoded":
            return self.reply(200, gzip.compress(body), [*there, ("Content-Encoding", "gzip")])
        if fault == "short":
            return self.reply(200, body[:-1], there)
        if fault == "long":
            return self.reply(200, body + b"x", there)
        if fault.startswith("cut-"):
            return self.reply(200, body, there, cut=min(int(fault[4:]), len(body) - 1))
        if fault.startswith("cutlen-"):
            return self.reply(200, body[:min(int(fault[7:]), len(body) - 1)], there)
        if fault == "trickle":
            self.reply(200, body, there, cut=len(body) // 2)
            for at in range(len(body) // 2, len(body)):
                self.wfile.write(body[at:at + 1])
                self.wfile.flush()
                time.sleep(1)
            return None
        if fault.startswith("throttle-"):
            return self.send_throttled(body, int(fault[9:]) << 10)
        if fault == "stall":
            self.reply(200, body, there, cut=len(body) // 2)
            self.wfile.flush()
            time.sleep(600)
            return None
        first = state.count(fault, digest) == 1
        if fault == "break" and first:
            self.reply(200, body, there, cut=len(body) // 2)
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.connection.close()
        if fault in ("resume", "break"):
            rest = body[start:]
            partial = [*there, ("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")] if start else there
            return self.reply(206 if start else 200, rest, partial, cut=len(rest) if len(rest) < 2000 or fault == "break" else len(rest) // 3)
        if fault == "norange":
            return self.reply(200, body, there, cut=len(body) // 2 if first else None)
        if fault == "badrange" and not first:
            return self.reply(206, body[start + 1:], [*there, ("Content-Range", f"bytes {start + 1}-{len(body) - 1}/{len(body)}")])
        if fault == "badrange":
            return self.reply(200, body, there, cut=len(body) // 2)
        return self.reply(200, body, there)

    def send_throttled(self, body, rate):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(wanted[1]), int(wanted[2] or len(body) - 1)) if wanted else (0, len(body) - 1)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(body)}")
        self.send_header("Content-Length", str(end + 1 - start))
        self.end_headers()
        step = max(rate // 20, 1)
        for at in range(start, end + 1, step):
            self.wfile.write(body[at:min(at + step, end + 1)])
            self.wfile.flush()
            time.sleep(step / rate)

    # --- uploads --------------------------------------------------------------------------------------------

    def read_body(self, limit=None):
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        left = int(self.headers.get("Content-Length") or 0)
        left = left if limit is None else min(left, limit)
        body = b""
        while left > 0:
            some = self.rfile.read(min(left, 1 << 16))
            if not some:
                break
            body += some
            left -= len(some)
        return body

    def session(self, fault, repository, rest):
        """Uploads that the server remembers (up-resume and its like): what came is in state.sessions."""
        state = self.server.state
        number = int(re.match(r"\d+", rest)[0])
        held = state.sessions.setdefault(number, bytearray())
        where = [("Location", f"/v2/{repository}/blobs/uploads/{number}?_state=a%2Fb%3D%3D~{number}&x=1")]

        def told(status):
            return self.reply(status, b"", where + [("Range", f"0-{max(len(held) - 1, 0)}")])
        if self.command == "GET":
            return told(204)
        limit = re.fullmatch(r"up-max-(\d+)(?:-(\d+))?", fault)
        length = int(self.headers.get("Content-Length") or 0)
        if limit and length > int(limit[1]):
            self.read_body()
            return self.error(413, "TOOLARGE")
        if self.command == "PUT" and length > 10000 and state.count(fault, repository) == 1 and not limit:
            held += self.read_body(1 if fault == "up-one" else length // 2)
            self.close_connection = True
            return self.connection.close()
        body = self.read_body()
        if self.command == "PATCH":
            expected = f"{len(held)}-{len(held) + len(body) - 1}"
            if self.headers.get("Content-Range") != expected or (fault == "up-416" and len(body) > 10000 and state.count("416", repository) == 1):
                return told(416)
            if limit and limit[2] and len(body) < int(limit[2]):
                state.counts[("small", number)] = state.counts.get(("small", number), 0) + 1
            elif state.counts.get(("small", number)):
                return self.error(400, "SIZE_INVALID")
            if fault == "up-more":
                return self.reply(202, b"", where + [("Range", f"0-{len(held) + len(body) + 5}")])
            held += b"" if fault == "up-none" else body[:(len(body) + 1) // 2] if fault == "up-half" and len(body) > 100 else body
            return told(202)
        held += body
        digest = re.search(r"digest=(sha256%3A[0-9a-f]{64})", rest)[1].replace("%3A", ":")
        if sha256(bytes(held)) != digest:
            return self.error(400, "DIGEST_INVALID")
        state.counts[("has", repository, digest)] = 1
        return self.reply(201, b"", [] if fault == "up-quiet" else [("Docker-Content-Digest", digest), ("Location", "/x")])

    def upload(self, fault, repository, rest):
        state = self.server.state
        if self.command == "POST":
            self.read_body()
            if fault == "up-refuse" and "mount=" in rest:
                return self.error(400, "UNSUPPORTED")
            if fault == "up-mount-ok" and "mount=" in rest:
                digest = re.search(r"mount=(sha256:[0-9a-f]{64})", rest)[1]
                state.counts[("has", repository, digest)] = 1
                return self.reply(201, b"", [("Docker-Content-Digest", digest), ("Location", "/x")])
            if fault == "up-nowhere":
                return self.reply(202)
            number = state.count("uploads")
            least = re.fullmatch(r"up-max-\d+-(\d+)", fault)
            return self.reply(202, b"", ([("OCI-Chunk-Min-Length", least[1])] if least else []) + [
                ("Location", f"/v2/{repository}/blobs/uploads/{number}?_state=a%2Fb%3D%3D~{number}&x=1")])
        if re.match("up-(resume|one|half|416|none|more|quiet|token|max-)", fault):
            return self.session(fault, repository, rest)
        match = re.fullmatch(r"(\d+)\?_state=a%2Fb%3D%3D~(\d+)&x=1&digest=(sha256%3A[0-9a-f]{64})", rest)
        if not match or match[1] != match[2]:
            self.read_body()
            return self.error(404, "BLOB_UPLOAD_UNKNOWN")
        digest = match[3].replace("%3A", ":")
        if fault == "up-cut" and state.count(fault, repository) == 1:
            self.read_body(1000)
            self.close_connection = True
            self.connection.close()
            return None
        if fault == "up-slow":
            time.sleep(600)
        body = self.read_body()
        if fault == "up-full":
            return self.error(500, "UNKNOWN")
        if sha256(body) != digest:
            return self.error(400, "DIGEST_INVALID")
        state.counts[("has", repository, digest)] = 1
        said = sha256(b"else") if fault == "up-lie" else digest
        return self.reply(201, b"", [("Docker-Content-Digest", said), ("Location", "/x")])

    # --- requests --------------------------------------------------------------------------------------------

    def do_GET(self):
        self.note()
        token = re.fullmatch(r"/([^/]+)/token(\?.*)?", self.path)
        if token:
            return self.give_token(token[1])
        tags = re.fullmatch(r"/v2/(([^/]+)/.+?)/tags/list(\?.*)?", self.path)
        if tags:
            return self.send_tags(tags[2], tags[1], urllib.parse.parse_qs((tags[3] or "?")[1:]))
        match = re.fullmatch(r"/v2/((?:([^/]+)/.+?)/(manifests|blobs|blobs/uploads)/([^/]*))?", self.path.replace("/./", "/"))
        if not match:
            return self.error(404, "NAME_UNKNOWN")
        if not match[1]:
            return self.reply(200, b"{}")
        fault, kind, rest = match[2], match[3], match[4]
        repository = match[1][:-len(f"/{kind}/{rest}")]
        state = self.server.state
        if fault == "reset":
            self.close_connection = True
            return self.connection.close()
        if fault == "storm" or (fault == "busy" and state.count("busy") % 2):
            self.read_body()
            return self.error(500 if fault == "storm" else 503, "UNAVAILABLE", [("Retry-After", "0")])
        if fault == "gone":
            return self.error(429, "TOOMANYREQUESTS", [("Retry-After", "1000000000")])
        if fault.startswith("slow-"):
            time.sleep(int(fault[5:]) / 1000)
        if not self.admitted(fault, repository):
            return None
        if fault == "html":
            return self.reply(200, b"<html>sign in</html>", [("Content-Type", "text/html")])
        if kind == "blobs/uploads":
            return self.upload(fault, repository, rest)
        if self.command == "PUT":
            body = self.read_body()
            mixed = re.fullmatch(r"up-mixed-(\d+)", fault)
            if mixed and state.count("mixed", repository) <= int(mixed[1]):
                return self.error(400, "DIGEST_INVALID")
            return self.reply(201, b"", [("Docker-Content-Digest", sha256(body))])
        if fault.startswith("up-"):
            there = ("has", repository, rest) in state.counts
            return self.reply(200 if there else 404)
        return self.send_manifest(fault, rest) if kind == "manifests" else self.send_blob(fault, rest.split("?")[0])

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET


class Other(Handler):
    """The other host: gives blobs to anybody who was sent here, and remembers what he brought along."""

    def do_GET(self):
        self.note()
        body = self.server.image.blobs.get(self.path.rsplit("/", 1)[1], b"")
        self.reply(200 if body else 404, body)

    do_HEAD = do_POST = do_PUT = do_GET


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are what this is for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tar")
    parser.add_argument("--layout")
    parser.add_argument("--info", required=True)
    parser.add_argument("--log", default="/dev/null")
    args = parser.parse_args()
    image = LayoutImage(args.layout) if args.layout else Image(pathlib.Path(args.tar).read_bytes())
    servers = [Server(("127.0.0.1", 0), handler) for handler in (Handler, Other)]
    state, log = State(), open(args.log, "w")
    for server, name in zip(servers, ("main", "other")):
        server.name, server.image, server.state, server.log = name, image, state, log
        server.port, server.other_port = servers[0].server_port, servers[1].server_port
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    with open(args.info + ".new", "w") as f:
        f.write(f"PORT={servers[0].server_port} OTHER={servers[1].server_port} CONFIG={sha256(image.config)}\n"
                f"INDEX={sha256(image.index)} MANIFEST={sha256(image.manifest)} LAYER={sha256(image.layer)} LAYER_BYTES={len(image.layer)}\n")
    os.rename(args.info + ".new", args.info)
    servers[0].serve_forever()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
