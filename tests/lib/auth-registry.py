#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registries on loopback that want to know who asks, and how they are connected to (standard library alone).

usage: auth-registry.py --info FILE --log FILE NAME=MODE[,WORD=VALUE...]...

Each NAME is a server with a port of its own; every repository there has one image under every tag.  MODE:
    open            everybody may read and write
    basic           user:pass
    token           bearer tokens of /token, for user:pass
    anonymous       bearer tokens of /token, for everybody
    identity        as token; a login gets the refresh token "refresh-1", which is good for tokens (POST) too
    realm           bearer tokens of another place: realm=URL
    redirect        open; blobs are at another place: at=URL, the same path there
    empty           404 for everything but /v2/
    search          open, with a catalogue and /v1/search
    pages           open; catalogue and tags come two a page, with Link
    loop, endless   open; the next page is the same one, is always another
    proxy           an HTTP proxy: every CONNECT ends at the server to=NAME
WORDs:
    cert=FILE key=FILE     speaks TLS
    client-ca=FILE         and wants a certificate of this authority
    tls=1.0, tls=1.1       and nothing newer
    host=ADDRESS           listens there instead of 127.0.0.1

INFO gets NAME_PORT=N for each, when all listen.  LOG gets one line a request: "NAME GET /v2/... auth=user:pass".
"""
import argparse
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import select
import socket
import socketserver
import ssl
import tarfile
import threading
import urllib.parse

OCI = "application/vnd.oci.image."
NAMES = ["apps/one", "apps/two", "base", "tools/three", "tools/four"]


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dump(document):
    return json.dumps(document, separators=(",", ":")).encode()


def descriptor(kind, data):
    return dict(mediaType=OCI + kind, digest=sha256(data), size=len(data))


def make_image():
    """(blobs by digest, manifest)"""
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("file.txt")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"file"))
    layer = gzip.compress(tar_bytes.getvalue(), mtime=0)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = dump({"architecture": machine, "os": "linux", "config": {},
                   "rootfs": {"type": "layers", "diff_ids": [sha256(tar_bytes.getvalue())]}})
    manifest = dump({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": descriptor("config.v1+json", config),
                     "layers": [descriptor("layer.v1.tar+gzip", layer)]})
    return {sha256(x): x for x in (layer, config, manifest)}, manifest


BLOBS, MANIFEST = make_image()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: Nagle would wait 40 ms for the second

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def note(self, text=""):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            value = base64.b64decode(value).decode()
        self.server.log(f"{self.command} {self.path} auth={value or '-'}{text}")

    def reply(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reply_json(self, document, headers=()):
        self.reply(200, dump(document), [("Content-Type", "application/json"), *headers])

    def here(self):
        return f"{'https' if self.server.word('cert') else 'http'}://{self.headers['Host']}"

    # --- who asks

    def user(self):
        return self.headers.get("Authorization") == "Basic " + base64.b64encode(b"user:pass").decode()

    def may_come_in(self):
        mode, value = self.server.mode, self.headers.get("Authorization", "")
        realm = self.server.word("realm") or self.here() + "/token"
        bearer = f'Bearer realm="{realm}",service="{self.server.name}"'
        if mode == "basic":
            good, challenge = self.user(), 'Basic realm="test"'
        elif mode in ("token", "identity", "anonymous", "realm"):
            good, challenge = value == "Bearer good", bearer
        else:
            good, challenge = True, ""
        if not good:
            self.reply(401, dump({"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]}), [("WWW-Authenticate", challenge)])
        return good

    def give_token(self, query):
        if not self.user() and self.server.mode != "anonymous":
            return self.reply(401, b"{}")
        answer = {"token": "good", "expires_in": 300}
        if self.server.mode == "identity" and "offline_token=true" in query:
            answer["refresh_token"] = "refresh-1"
        return self.reply_json(answer)

    # --- what there is

    def page(self, key, names, query):
        """A page of a list, and where the next one is."""
        wanted = urllib.parse.parse_qs(query)
        last, mode = wanted.get("last", [""])[0], self.server.mode
        path = self.path.partition("?")[0]
        if mode == "loop":
            return self.reply_json({key: names[:1]}, [("Link", f'<{path}?last=same>; rel="next"')])
        if mode == "endless":
            at = int(last or 0) + 1
            return self.reply_json({key: [f"n{at}"]}, [("Link", f'<{path}?last={at}>; rel="next"')])
        if mode == "pages":
            at = names.index(last) + 1 if last in names else 0
            more = [("Link", f'<{path}?n=2&last={names[at + 1]}>; rel="next"')] if at + 2 < len(names) else []
            return self.reply_json({key: names[at:at + 2]}, more)
        return self.reply_json({key: names})

    def search(self, query):
        term = urllib.parse.parse_qs(query).get("q", [""])[0]
        found = [{"name": "library/" + term if term == "alpine" else "someone/" + term, "description": "A\x1b[31m small one\nof two lines " + "x" * 60,
                  "star_count": 1234, "is_official": term == "alpine", "is_automated": False, "pull_count": 0},
                 {"name": "other/" + term, "description": "", "star_count": 2, "is_official": False, "is_automated": True}]
        return self.reply_json({"num_pages": 1, "num_results": 2, "page_size": 25, "page": 1, "query": term, "results": found})

    def do_GET(self):  # pylint: disable=invalid-name
        path, _, query = self.path.partition("?")
        self.note()
        if path == "/token":
            return self.give_token(query)
        if not self.may_come_in():
            return None
        parts = path.split("/")
        if path == "/v2/":
            return self.reply_json({})
        if self.server.mode == "search" and path == "/v1/search":
            return self.search(query)
        if self.server.mode in ("search", "pages", "loop", "endless"):
            if path == "/v2/_catalog":
                return self.page("repositories", NAMES, query)
            if path.endswith("/tags/list"):
                return self.page("tags", ["1.0", "1.1", "2.0", "latest"], query)
        if self.server.mode == "empty" or len(parts) < 5 or parts[1] != "v2":
            return self.reply(404, b"{}")
        blob = MANIFEST if parts[-2] == "manifests" and ":" not in parts[-1] else BLOBS.get(parts[-1])
        if blob is None:
            return self.reply(404, dump({"errors": [{"code": "BLOB_UNKNOWN"}]}))
        if self.server.mode == "redirect" and parts[-2] == "blobs":
            return self.reply(307, b"", [("Location", self.server.word("at") + path)])
        kind = OCI + "manifest.v1+json" if blob is MANIFEST else "application/octet-stream"
        return self.reply(200, blob, [("Content-Type", kind), ("Docker-Content-Digest", sha256(blob))])

    do_HEAD = do_GET

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.note(" body=" + body)
        form = urllib.parse.parse_qs(body)
        if self.path == "/token" and form.get("refresh_token") == ["refresh-1"]:
            return self.reply_json({"access_token": "good", "expires_in": 300})
        return self.reply(401, b"{}")

    # --- a proxy

    def do_CONNECT(self):  # pylint: disable=invalid-name
        self.note(" proxy-auth=" + self.headers.get("Proxy-Authorization", "-"))
        target = self.server.others.get(self.server.word("to"))
        if self.server.mode != "proxy" or target is None:
            return self.reply(405)
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        with socket.create_connection(("127.0.0.1", target.server_address[1])) as there:
            ends = {self.connection: there, there: self.connection}
            while True:
                for ready in select.select(list(ends), [], [])[0]:
                    block = ready.recv(65536)
                    if not block:
                        return None
                    ends[ready].sendall(block)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, text, others, log_file):
        self.name, _, rest = text.partition("=")
        self.mode, *words = rest.split(",")
        self.words = dict(w.split("=", 1) for w in words)
        self.others, self.log_file = others, log_file
        others[self.name] = self
        host = self.words.get("host", "127.0.0.1")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), Handler)
        self.context = self.make_context() if self.word("cert") else None

    def word(self, name):
        return self.words.get(name)

    def make_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.word("cert"), self.word("key"))
        if self.word("client-ca"):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.word("client-ca"))
        if self.word("tls"):
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1}[self.word("tls")]
        return context

    def finish_request(self, request, client_address):
        if self.context:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError as problem:
                self.log(f"handshake failed: {problem}")
                return
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass

    def log(self, text):
        os.write(self.log_file, f"{self.name} {text}\n".encode())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--info", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("servers", nargs="+")
    args = parser.parse_args()
    log_file = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    others = {}
    servers = [Server(text, others, log_file) for text in args.servers]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    lines = [f"{s.name}_PORT={s.server_address[1]}\n" for s in servers]
    pathlib.Path(args.info + ".new").write_text("".join(lines), encoding="utf-8")
    os.rename(args.info + ".new", args.info)
    threading.Event().wait()


if __name__ == "__main__":
    main()
