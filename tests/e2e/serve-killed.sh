#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our registry is killed while clients send; many clients and a gc work at once.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3
serve_start -q
head -c 6000000 /dev/urandom >blob
BLOB=$(sha256 blob)
OCTETS=(-H 'Content-Type: application/octet-stream')

# --- X04 killed in the middle of a piece: the session goes on where it was
api POST /x/blobs/uploads/ -d ''
UPLOAD=$(header Location | sed s,^/v2,,)
head -c 2000000 blob >first
api PATCH "$UPLOAD" "${OCTETS[@]}" --data-binary @first
is "X04 a first piece" "$CODE $(header Range)" "202 0-1999999"
serve_kill
serve_start -q
api GET "$UPLOAD"
is "X04 is there after kill -9" "$CODE $(header Range)" "204 0-1999999"
# A client that sends half of its piece and then waits: the server is killed when it has written that.
cat >half.py <<'P'
import socket, sys
host, port = sys.argv[1].split(":")
data = open("blob", "rb").read()[2000000:]
s = socket.create_connection((host, int(port)))
s.sendall(f"PATCH /v2{sys.argv[2]} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data[:1500000])
print("sent", flush=True)
sys.stdin.read()
P
mkfifo hold
python3 half.py "$SERVE" "$UPLOAD" >sent <hold &
HALF=$!
exec 9>hold
size_of() { stat -c %s "$SERVE_ROOT/uploads/${UPLOAD##*/}"; }
for _ in $(seq 300); do
	[ "$(size_of)" -lt 3500000 ] || break
	sleep 0.1
done
is "X04 half of the second is written" "$(size_of)" 3500000
serve_kill
exec 9>&-
wait "$HALF"
serve_start -q
api GET "$UPLOAD"
is "X04 what was written counts" "$CODE $(header Range)" "204 0-3499999"
tail -c +3500001 blob >rest
api PUT "$UPLOAD?digest=$BLOB" "${OCTETS[@]}" -H 'Content-Range: 3500000-5999999' --data-binary @rest
is "X04 and it is finished" "$CODE" 201
curl -s "http://$SERVE/v2/x/blobs/$BLOB" | cmp - blob
is "X04 byte for byte" $? 0
is "X04 nothing is left of the upload" "$(ls "$SERVE_ROOT/uploads")" ""
# A state that tells of other bytes costs time, not the upload.
api POST /x/blobs/uploads/ -d ''
UPLOAD=$(header Location | sed s,^/v2,,)
api PATCH "$UPLOAD" "${OCTETS[@]}" --data-binary @first
printf 'XXXX' | dd of="$SERVE_ROOT/uploads/${UPLOAD##*/}" conv=notrunc status=none
dd if=first of="$SERVE_ROOT/uploads/${UPLOAD##*/}" bs=1 count=4 conv=notrunc status=none
sed -i -e 's/^sha256 0/sha256 1/;t' -e 's/^sha256 ./sha256 0/' "$SERVE_ROOT/uploads/${UPLOAD##*/}.state"
api GET "$UPLOAD"
is "X04 a damaged state is no state" "$CODE" 404

# --- X04 killed at each step of an upload and of a manifest
if command -v strace >/dev/null && [ "$(id -u)" -eq 0 ]; then
	head -c 300000 /dev/urandom >small
	SMALL=$(sha256 small)
	attempt() { # SYSCALL N: killed at the N-th; *KILLED says whether it came to that
		serve_kill
		: >"$T/serve.out" # here, not in the child below: the loop must not read what the last one wrote
		DECANT_ROOT=$SERVE_ROOT strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" \
			"$DECANT" serve -q --addr "$SERVE" >"$T/serve.out" 2>>"$T/serve.log" &
		SERVE_PID=$!
		E2E_PIDS+=("$SERVE_PID")
		for _ in $(seq 300); do
			grep -q listening "$T/serve.out" && break
			kill -0 "$SERVE_PID" 2>/dev/null || break
			sleep 0.1
		done
		put_image crash/x "$1-$2" small 2>/dev/null
		KILLED=yes
		for _ in $(seq 300); do
			kill -0 "$SERVE_PID" 2>/dev/null || break
			[ "$CODE" != 201 ] || { KILLED=no; pkill -TERM -P "$SERVE_PID"; } # strace's child, which we started
			sleep 0.1
		done
		kill -0 "$SERVE_PID" 2>/dev/null && { diag "neither done nor killed at $1 $2: $CODE $(cat "$T/.curl")"; pkill -KILL -P "$SERVE_PID"; }
		wait "$SERVE_PID" 2>/dev/null
		serve_start -q
	}
	whole() { # TAG: absent, or all of it
		api GET "/crash/x/manifests/$1"
		[ "$CODE" != 404 ] || return 0
		[ "$CODE" = 200 ] || return 1
		api GET "/crash/x/blobs/$SMALL"
		[ "$CODE" = 200 ] && cmp -s "$T/.body" small
	}
	for call in pwrite64 renameat fdatasync fsync; do
		for n in 1 2 4 7; do
			rm -rf "$SERVE_ROOT/repos" "$SERVE_ROOT/blobs/sha256/${SMALL#sha256:}"
			attempt "$call" "$n"
			ok "X04 killed at $call $n ($KILLED): the tag is whole or absent" whole "$call-$n"
			put_image crash/x "$call-$n" small
			is "X04 killed at $call $n: pushed again" "$CODE" 201
			[ "$KILLED" = yes ] || break
		done
	done
else
	skip "X04 killed at each step" "needs strace, and root"
fi
run env DECANT_ROOT="$SERVE_ROOT" "$DECANT" fsck
status "the store is whole" 0

# --- X05 many at once
cat >many.py <<'P'
# Tags move, manifests are deleted, blobs are read, while a gc runs again and again: what a tag names is there.
import hashlib, http.client, json, os, subprocess, sys, threading
host, decant, root = sys.argv[1:4]
wrong, lock = [], threading.Lock()
def bad(text):
    with lock:
        wrong.append(text)
def ask(c, method, path, body=None, **headers):
    c.request(method, "/v2" + path, body=body, headers=headers)
    r = c.getresponse()
    return r.status, r.read(), r.headers
def push_blob(c, data):
    d = "sha256:" + hashlib.sha256(data).hexdigest()
    s, b, _ = ask(c, "HEAD", f"/many/x/blobs/{d}")
    if s != 200:
        s, b, _ = ask(c, "POST", f"/many/x/blobs/uploads/?digest={d}", data)
        if s != 201:
            bad(f"push {s} {b}")
    return d
TYPE = "application/vnd.oci.image.manifest.v1+json"
def push(c, n, tag):
    config, layer = b"{}", b"layer %d" % n
    m = json.dumps({"schemaVersion": 2, "mediaType": TYPE, "config": {"mediaType": "a/b", "digest": push_blob(c, config), "size": 2},
                    "layers": [{"mediaType": "a/b", "digest": push_blob(c, layer), "size": len(layer)}]}).encode()
    s, b, _ = ask(c, "PUT", f"/many/x/manifests/{tag}", m, **{"Content-Type": TYPE})
    if s != 201:
        bad(f"manifest {s} {b}")
    return "sha256:" + hashlib.sha256(m).hexdigest()
def writer(n):
    c = http.client.HTTPConnection(host, timeout=300)
    for i in range(8):
        push(c, n * 100 + i, "moving")
        if i % 3 == 2:
            own = push(c, n * 100 + 50 + i, f"own{n}")
            s, b, _ = ask(c, "DELETE", f"/many/x/manifests/{own}")
            if s != 202:
                bad(f"delete {s} {b}")
            s, b, _ = ask(c, "GET", f"/many/x/manifests/own{n}")
            if s != 404:
                bad(f"a tag outlives its manifest: {s}")
stop = threading.Event()
def reader():
    c = http.client.HTTPConnection(host, timeout=300)
    while not stop.is_set():
        s, b, _ = ask(c, "GET", "/many/x/manifests/moving")
        if s != 200:
            bad(f"tag {s} {b}")
            continue
        for d in json.loads(b)["layers"]:
            s, b, _ = ask(c, "GET", "/many/x/blobs/" + d["digest"])
            if s != 200 or "sha256:" + hashlib.sha256(b).hexdigest() != d["digest"]:
                bad(f"blob {s}")
def collector():
    while not stop.is_set():
        p = subprocess.run([decant, "--root", root, "system", "prune", "-af"], capture_output=True)
        if p.returncode:
            bad(f"prune: {p.stderr}")
push(http.client.HTTPConnection(host, timeout=300), 0, "moving")
others = [threading.Thread(target=reader) for _ in range(3)] + [threading.Thread(target=collector)]
writers = [threading.Thread(target=writer, args=(n,)) for n in range(1, 17)]
for t in others + writers:
    t.start()
for t in writers:
    t.join()
stop.set()
for t in others:
    t.join()
print(*wrong[:10], sep="\n")
P
run python3 many.py "$SERVE" "$DECANT" "$SERVE_ROOT"
is "X05 16 that push, 3 that pull, a gc: nothing is missing" "$OUT$ERR" ""
cat >same.py <<'P'
# 64 clients put the same tag at once: each is told yes, and the tag is one of theirs.
import hashlib, http.client, json, sys, threading
host, got, made = sys.argv[1], [], []
TYPE = "application/vnd.oci.image.index.v1+json"
def put(n):
    body = json.dumps({"schemaVersion": 2, "mediaType": TYPE, "manifests": [], "annotations": {"n": str(n)}}).encode()
    c = http.client.HTTPConnection(host, timeout=300)
    c.request("PUT", "/v2/same/x/manifests/tag", body=body, headers={"Content-Type": TYPE})
    got.append(c.getresponse().status)
    made.append("sha256:" + hashlib.sha256(body).hexdigest())
threads = [threading.Thread(target=put, args=(n,)) for n in range(64)]
[t.start() for t in threads]
[t.join() for t in threads]
c = http.client.HTTPConnection(host, timeout=300)
c.request("HEAD", "/v2/same/x/manifests/tag")
print(set(got), c.getresponse().headers["Docker-Content-Digest"] in made)
P
run python3 same.py "$SERVE"
is "X05 64 that put one tag" "$OUT$ERR" "{201} True"

# --- what nobody needs goes, after a day
old=$(date -d '2 days ago' +%Y%m%d%H%M)
printf 'orphan' >orphan
put_blob old/x orphan
put_blob old/y orphan
api POST /old/x/blobs/uploads/ -d ''
UPLOAD=$(header Location | sed s,^/v2,,)
DECANT_ROOT=$SERVE_ROOT decant system prune -af >/dev/null
api HEAD "/old/x/blobs/$(sha256 orphan)"
is "a blob that is new stays" "$CODE" 200
touch -t "$old" "$SERVE_ROOT"/repos/old+[xy]/blobs/* "$SERVE_ROOT/uploads/${UPLOAD##*/}"
api HEAD "/old/y/blobs/$(sha256 orphan)" # asked for: counts as new
DECANT_ROOT=$SERVE_ROOT decant system prune -af >/dev/null
api HEAD "/old/x/blobs/$(sha256 orphan)"
is "an old one goes" "$CODE" 404
api HEAD "/old/y/blobs/$(sha256 orphan)"
is "one that was asked for stays" "$CODE" 200
api GET "$UPLOAD"
is "an old upload goes" "$CODE" 404
put_image keep/x 1 orphan
touch -t "$old" "$SERVE_ROOT"/repos/keep+x/blobs/*
DECANT_ROOT=$SERVE_ROOT decant system prune -af >/dev/null
api GET "/keep/x/blobs/$(sha256 orphan)"
is "one that a manifest names stays" "$CODE" 200
is "no request made it fail" "$(grep -E '" 500 |^error' serve.log)" ""
run env DECANT_ROOT="$SERVE_ROOT" "$DECANT" fsck
status "the store is whole at the end" 0
done_testing
