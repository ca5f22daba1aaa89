#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What clients may send to our registry: names, digests, pieces, heads and bodies that are wrong.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3
serve_start
OCTETS=(-H 'Content-Type: application/octet-stream')
head -c 3000 /dev/urandom >blob
BLOB=$(sha256 blob)
code() { jq -r '.errors[0].code' <<<"$BODY"; }
nothing_kept() { find "$SERVE_ROOT/repos" "$SERVE_ROOT/uploads" "$SERVE_ROOT/blobs" -type f 2>/dev/null | wc -l; }

# --- X01 names
long=$(printf 'a%.0s' $(seq 256))
for name in ../../etc _uploads a//b %2f.. a%2fb a%2e%2e "$long" A a_ -a 'a%00b' a___b 'a%0ab' a..b .. %2e%2e/x; do
	api GET "/$name/manifests/1" --path-as-is
	is "X01 '${name:0:20}' is no name" "$CODE" 400
	api POST "/$name/blobs/uploads/" --path-as-is -d ''
	is "X01 '${name:0:20}': no upload" "$CODE" 400
done
api GET "/${long:0:255}/tags/list"
is "X01 255 letters are one" "$CODE $(code)" "404 NAME_UNKNOWN"
is "X01 nothing is on the disk" "$(nothing_kept)" 0

# --- X02 digests
for digest in "sha256:${BLOB:8}" "sha256:../../../x" "sha512:${BLOB:7}" "md5:d41d8cd98f00b204e9800998ecf8427e" "sha256:$(tr a-f A-F <<<"${BLOB:7}")" "" "sha256:"; do
	api POST /x/blobs/uploads/ -d ''
	api PUT "${HEADERS:+$(header Location | sed s,^/v2,,)}?digest=$digest" "${OCTETS[@]}" --data-binary @blob
	is "X02 '${digest:0:12}' is no digest" "$CODE $(code)" "400 DIGEST_INVALID"
done
api POST /x/blobs/uploads/ -d ''
api PUT "$(header Location | sed s,^/v2,,)" "${OCTETS[@]}" --data-binary @blob
is "X02 no digest at all" "$CODE $(code)" "400 DIGEST_INVALID"
api POST /x/blobs/uploads/ -d ''
UPLOAD=$(header Location | sed s,^/v2,,)
api PUT "$UPLOAD?digest=sha256:${BLOB:7:63}$([ "${BLOB: -1}" = 0 ] && echo 1 || echo 0)" "${OCTETS[@]}" --data-binary @blob
is "X02 other bytes" "$CODE $(code)" "400 DIGEST_INVALID"
api GET "$UPLOAD"
is "X02 the upload is gone" "$CODE $(code)" "404 BLOB_UPLOAD_UNKNOWN"
is "X02 nothing is kept" "$(nothing_kept)" 0

# --- X03 pieces
api POST /x/blobs/uploads/ -d ''
UPLOAD=$(header Location | sed s,^/v2,,)
head -c 1000 blob >first
patch() { api PATCH "$UPLOAD" "${OCTETS[@]}" -H "Content-Range: $1" --data-binary "@$2"; }
patch 0-999 first
is "X03 the first piece" "$CODE $(header Range)" "202 0-999"
for range in 2000-2999 999-1998 0-999 500-1499 1000-1998 1000-2000 1000-999 -5-10 1000-18446744073709551615 1000-9223372036854775808 x-y 1000 ''; do
	[ -n "$range" ] || continue
	patch "$range" first
	is "X03 $range is no next piece" "$CODE $(header Range)" "416 0-999"
done
api PATCH "$UPLOAD" "${OCTETS[@]}" -H 'Content-Range: 1000-1499' -H 'Transfer-Encoding: chunked' --data-binary @first
is "X03 more bytes than it says, in chunks" "$CODE $(header Range)" "416 0-999"
api PATCH "$UPLOAD" "${OCTETS[@]}" -H 'Content-Range: 1000-5000' -H 'Transfer-Encoding: chunked' --data-binary @first
is "X03 fewer bytes than it says, in chunks" "$CODE $(header Range)" "416 0-999"
tail -c +1001 blob >rest
api GET "${UPLOAD/\/x\//\/y\/}"
is "X03 it is no upload of another repository" "$CODE" 404
api PUT "$UPLOAD?digest=$BLOB" "${OCTETS[@]}" -H 'Content-Range: 1000-2999' --data-binary @rest
is "X03 and the state was kept" "$CODE $(header Docker-Content-Digest)" "201 $BLOB"
curl -s "http://$SERVE$(header Location)" | cmp - blob
is "X03 byte for byte" $? 0

# --- X06 heads, bodies, connections
cat >raw.py <<'P'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
data = b""
try:
    s.sendall(sys.stdin.read().encode().decode("unicode_escape").encode("latin-1"))
    while True:
        piece = s.recv(65536)
        if not piece:
            break
        data += piece
except OSError:
    pass
print(*[line.decode("latin-1") for line in data.split(b"\r\n") if b"HTTP/1.1 " in line], sep="\n")
P
raw() { printf '%s' "$1" | python3 raw.py "$SERVE_PORT"; } # TEXT: the first lines of the replies
post='POST /v2/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n'
like "X06 a length and chunks" "$(raw "${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")" '^HTTP/1.1 400'
is "X06 and what is behind it is no request" "$(raw "${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n" | grep -c HTTP/)" 1
like "X06 two lengths" "$(raw "${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")" '^HTTP/1.1 400'
like "X06 a length that is none" "$(raw "${post}Content-Length: -1\r\n\r\n")" '^HTTP/1.1 400'
like "X06 a length of 2^64" "$(raw "${post}Content-Length: 18446744073709551616\r\n\r\n")" '^HTTP/1.1 4'
like "X06 a chunk of no size" "$(raw "${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")" '^HTTP/1.1 400'
like "X06 an encoding that nobody knows" "$(raw "${post}Transfer-Encoding: gzip\r\n\r\n")" '^HTTP/1.1 400'
like "X06 a head of a megabyte" "$(raw "GET /v2/ HTTP/1.1\r\nHost: x\r\nX: $(head -c 100000 /dev/zero | tr '\0' a)\r\nY: $(head -c 100000 /dev/zero | tr '\0' a)\r\n\r\n")" '^HTTP/1.1 (400|413|431)'
is "X06 pipelined" "$(raw 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | grep -c ' 200 ')" 2
is "X06 HEAD with a body" "$(raw 'HEAD /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello' | grep -c ' 200 ')" 1
like "X06 a client that waits for 100" "$(curl -sv "http://$SERVE/v2/x/blobs/uploads/?digest=$BLOB" -H 'Expect: 100-continue' --expect100-timeout 60 --data-binary @blob 2>&1 | tr '\n' ' ')" '100 Continue.* 201 Created'
run curl -sv "http://$SERVE/v2/x/blobs/uploads/?digest=none" -H 'Expect: 100-continue' --expect100-timeout 60 --data-binary @blob
like "X06 and is refused" "$ERR" 'HTTP/1.1 400 Bad Request'
unlike "X06 before he sends" "$ERR" '100 Continue'
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$SERVE_PID/status"; }
before=$(rss)
python3 - "$SERVE_PORT" >idle <<'P'
import resource, socket, sys, urllib.request
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
held = []
for _ in range(900):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    s.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ")
    held.append(s)
print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/v2/", timeout=60).status)
P
is "X06 beside 900 connections that wait another is served" "$(cat idle)" 200
after=$(rss)
ok "X06 and memory is bounded ($before kB before, $after kB after)" [ "$after" -lt $((before + 150000)) ]

# --- X07 manifests
put_manifest() { api PUT "/x/manifests/$1" -H "Content-Type: ${TYPE:-application/vnd.oci.image.manifest.v1+json}" --data-binary "@$2"; }
INDEX=application/vnd.oci.image.index.v1+json
printf '{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":3000},"layers":[{"mediaType":"a/b","digest":"sha256:%064d","size":1}]}' "$BLOB" 0 >missing
put_manifest 1 missing
is "X07 a layer that is not there" "$CODE $(code)" "404 MANIFEST_BLOB_UNKNOWN"
printf '{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":2999},"layers":[]}' "$BLOB" >size
put_manifest 1 size
is "X07 another size" "$CODE $(code)" "400 MANIFEST_INVALID"
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{"mediaType":"a/b","digest":"sha256:%064d","size":1}]}' "$INDEX" 0 >sparse
TYPE=$INDEX put_manifest sparse sparse
is "X07 an index may name what comes later" "$CODE" 201
printf '{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":3000},"layers":[]%*s}' "$BLOB" 5242880 '' >large
put_manifest 1 large
is "X07 5 MiB" "$CODE $(code)" "413 MANIFEST_INVALID"
printf '{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}' >both
put_manifest 1 both
is "X07 image and index at once" "$CODE $(code)" "400 MANIFEST_INVALID"
printf '{"schemaVersion":1,"name":"x"}' >schema1
TYPE=application/vnd.docker.distribution.manifest.v1+prettyjws put_manifest 1 schema1
is "X07 schema 1" "$CODE $(code)" "400 MANIFEST_INVALID"
printf '{"schemaVersion":2,"schemaVersion":2,"config":{"digest":"%s"},"layers":[]}' "$BLOB" >twice
put_manifest 1 twice
is "X07 a member that comes twice" "$CODE $(code)" "400 MANIFEST_INVALID"
head -c 100000 /dev/zero | tr '\0' '[' >deep
put_manifest 1 deep
is "X07 a hundred thousand brackets" "$CODE $(code)" "400 MANIFEST_INVALID"
TYPE=$INDEX put_manifest 1 missing
is "X07 an image that calls itself an index" "$CODE $(code)" "400 MANIFEST_INVALID"
api GET /x/tags/list
is "X07 none of them has a tag" "$(jq -c .tags <<<"$BODY")" '["sparse"]'
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[],"subject":{"mediaType":"a/b","digest":"sha256:%064d","size":1},"artifactType":"a/c","annotations":{"k":"v"}}' "$INDEX" 7 >referrer
TYPE=$INDEX put_manifest "$(sha256 referrer)" referrer
is "X07 a subject that is not there" "$CODE $(header OCI-Subject)" "201 sha256:$(printf %064d 7)"
api GET "/x/referrers/sha256:$(printf %064d 7)?artifactType=a/c"
is "X07 is in its list" "$(jq -c '.manifests[] | [.digest, .artifactType, .annotations]' <<<"$BODY") $(header OCI-Filters-Applied)" "[\"$(sha256 referrer)\",\"a/c\",{\"k\":\"v\"}] artifactType"
api GET "/x/referrers/sha256:$(printf %064d 7)?artifactType=a/d"
is "X07 and in no other" "$(jq -c .manifests <<<"$BODY")" '[]'

# --- X09 the disk is full, nothing may change, a project has a limit
serve_stop
serve_start --read-only
for request in "POST /x/blobs/uploads/" "PUT /x/manifests/1" "DELETE /x/manifests/sparse" "DELETE /x/blobs/$BLOB" "POST /x/blobs/uploads/?mount=$BLOB&from=x"; do
	# shellcheck disable=SC2086 # method and path
	api $request -d '{}'
	is "X09 read-only: ${request:0:28}" "$CODE $(code)" "405 UNSUPPORTED"
done
api GET "/x/blobs/$BLOB"
is "X09 read-only: what is there is given" "$CODE" 200
serve_stop
serve_start --no-delete
api DELETE /x/manifests/sparse
is "X10 nothing is deleted" "$CODE $(code)" "405 UNSUPPORTED"
serve_stop
serve_start --quota 20k
head -c 15000 /dev/urandom >big1
head -c 15000 /dev/urandom >big2
put_blob quota/a big1
is "X09 quota: the first fits" "$CODE" 201
put_blob quota/b big1
is "X09 quota: the same again takes nothing" "$CODE" 403 # it cannot be known before it is here
api POST "/quota/b/blobs/uploads/?mount=$(sha256 big1)&from=quota/a" -d ''
is "X09 quota: but mounted it does" "$CODE" 201
put_blob quota/b big2
is "X09 quota: the second does not" "$CODE $(code)" "403 DENIED"
like "X09 quota: says whose" "$BODY" "the project 'quota' may have 20480 bytes"
api POST /quota/a/blobs/uploads/ -d ''
UPLOAD=$(header Location | sed s,^/v2,,)
api PATCH "$UPLOAD" "${OCTETS[@]}" -H 'Transfer-Encoding: chunked' --data-binary @big2
is "X09 quota: nor in chunks" "$CODE $(code)" "403 DENIED"
api GET "$UPLOAD"
is "X09 quota: nothing of it is kept" "$CODE $(header Range)" "204 0-0"
put_blob free/a big2
is "X09 quota: another project has its own" "$CODE" 201
serve_stop
if [ "$(id -u)" -eq 0 ] && mkdir small && mount -t tmpfs -o size=4m tmpfs small 2>/dev/null; then
	SERVE_ROOT=$T/small/store
	serve_start
	head -c 8000000 /dev/urandom >huge
	put_blob x huge
	is "X09 a full disk" "$CODE $(code)" "507 DENIED"
	api POST /x/blobs/uploads/ -d ''
	UPLOAD=$(header Location | sed s,^/v2,,)
	api PATCH "$UPLOAD" "${OCTETS[@]}" --data-binary @huge
	is "X09 a full disk, in a piece" "$CODE $(code)" "507 DENIED"
	api GET "$UPLOAD"
	is "X09 nothing of it is kept" "$CODE $(header Range)" "204 0-0"
	put_blob x blob
	is "X09 and what fits is taken" "$CODE" 201
	serve_stop
	umount small
else
	skip "X09 a full disk" "needs root, and a tmpfs"
fi
is "no request made it fail" "$(grep -E '" 500 ' serve.log)" ""
done_testing
