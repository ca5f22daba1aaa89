#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ADD of URLs: what it gives, when it asks, and what a hostile server gets.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
mkdir web ctx && cd ctx || exit 1
printf hello >../web/file.txt
touch -d @1000000000 ../web/file.txt
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/web" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
URL=http://127.0.0.1:$port
OTHER=http://localhost:$port

dockerfile() { printf '%s\n' 'FROM scratch' "$@" >Dockerfile; }
build() { : >"$T/web.log"; run decant build --progress=plain -t img "$@" .; }
asked() { cat "$T/web.log"; }
id() { decant image inspect --format '{{.Id}}' img; }
# Files of the image: mode owner size mtime path.
tree() {
	decant build -q -o type=tar,dest="$T/out.tar" . >/dev/null && python3 - "$T/out.tar" <<-'P'
	import sys, tarfile
	for m in tarfile.open(sys.argv[1]):
	    if not m.isdir():
	        print(f"{m.mode:o} {m.uid}:{m.gid} {m.size} {int(m.mtime)} /{m.name}")
	P
}

# --- what it gives
dockerfile "ADD $URL/file.txt /a/" "ADD $URL/file.txt /b" "WORKDIR /w" "ADD $URL/file.txt ." \
	"ADD --chown=7:8 --chmod=755 $URL/file.txt /c/d"
is "a file of the server's name, 0600, root's, with its time; a name without '/' is the file's" "$(tree)" \
	"600 0:0 5 1000000000 /a/file.txt
600 0:0 5 1000000000 /b
600 0:0 5 1000000000 /w/file.txt
755 7:8 5 1000000000 /c/d"
is "one URL is fetched once" "$(asked)" "GET /file.txt 200"

printf index >../web/index
dockerfile "ADD $URL/ /x/" "ADD $URL?none /y/"
is "T-134 without a last component it is __unnamed__; without Last-Modified it is of 1970" "$(tree | awk '{print $5}' | sort | tr '\n' ' ')$(tree | grep -c ' 0 /y/')" \
	"/x/__unnamed__ /y/__unnamed__ 1"
dockerfile "ADD $URL/file.txt?none /x" "ADD $URL/file.txt?old /y"
is "the time of the server, else 1970" "$(tree)" "600 0:0 5 0 /x
600 0:0 5 784111777 /y"
dockerfile "ADD $URL/file.txt?name=../../evil /x/"
is "D37 the name is the URL's, never the server's" "$(tree)" "600 0:0 5 1000000000 /x/file.txt"

# --- archives
mkdir ../pack && echo in >../pack/inner && tar -C ../pack -czf ../web/a.tar.gz inner
dockerfile "ADD $URL/a.tar.gz /kept/" "ADD --unpack=true $URL/a.tar.gz /open" "ADD --unpack=true $URL/file.txt /plain"
is "an archive stays as it is unless --unpack=true" "$(tree | awk '{print $5}' | tr '\n' ' ')" \
	"/kept/a.tar.gz /open/inner /plain "

# --- asking again
dockerfile "ADD $URL/file.txt?etag=1 /a"
build
first=$(id)
build
is "an unchanged build costs one conditional request" "$(asked)" "GET /file.txt?etag=1 304 conditional"
is "and gives the same image" "$(id)" "$first"
like "and shows it as cached" "$(grep -A1 'internal. fetch' <<<"$ERR")" "CACHED"
dockerfile "ADD $URL/file.txt?deaf /a"
build
build
is "a server that gives the tag but does not understand it is not downloaded from" "$(asked)" "GET /file.txt?deaf 200 conditional"
like "it is a hit" "$ERR" "CACHED"
dockerfile "ADD $URL/file.txt /a"
build
build
is "Last-Modified does as well" "$(asked)" "GET /file.txt 304 conditional"
before=$(id)
touch -d @1100000000 ../web/file.txt
build
is "a new time is asked for and fetched" "$(asked)" "GET /file.txt 200 conditional
GET /file.txt 200"
is "the same content is the same layer all the same" "$(id)" "$before"
printf other >../web/file.txt
build
status "other content" 0
ok "gives another image" [ "$(id)" != "$before" ]
dockerfile "ADD $URL/file.txt?none /a"
build
build
is "without either the file is fetched, and found unchanged" "$(asked) $(grep -c CACHED <<<"$ERR")" "GET /file.txt?none 200 1"
build --no-cache
is "--no-cache fetches" "$(asked)" "GET /file.txt?none 200"

# --- what is packed for the way alone
printf 'text %.0s' $(seq 1000) >../web/long.txt
sum=$(sha256sum <../web/long.txt | cut -d' ' -f1)
gzip -nc ../web/long.txt >../web/long.gz
dockerfile "ADD --checksum=sha256:$sum $URL/long.txt?gzip /a" "ADD $URL/long.gz?packed=GZIP /b" "ADD $URL/long.gz /c" "ADD $URL/long.gz?packed=aws-chunked /d"
is "Content-Encoding: gzip is undone, as by BuildKit; other archives and encodings stay" "$(tree | awk '{print $3, $5}' | tr '\n' ' ')" \
	"5000 /a 5000 /b $(stat -c %s ../web/long.gz) /c $(stat -c %s ../web/long.gz) /d "
dockerfile "ADD $URL/a.tar.gz?packed=gzip /kept" "ADD --unpack=true $URL/a.tar.gz?packed=gzip /open"
is "of an archive that is called packed the tar is left" "$(tree | awk '{print $3, $5}' | tr '\n' ' ')" "$(gzip -dc ../web/a.tar.gz | wc -c) /kept 3 /open/inner "
head -c 40 ../web/long.gz >../web/cut.gz
dockerfile "ADD $URL/cut.gz?packed=gzip /a"
build
ok "what is cut there is an error" [ "$STATUS" -ne 0 ]
like "which says so" "$ERR" "while undoing the server's Content-Encoding: gzip"
dockerfile "ADD $URL/file.txt?packed=gzip /a"
build
ok "and what is no gzip" [ "$STATUS" -ne 0 ]

# --- checksums
sum=$(sha256sum <../web/file.txt | cut -d' ' -f1)
dockerfile "ADD --checksum=sha256:$sum $URL/file.txt?c=1 /a"
build
status "a checksum that holds" 0
build
is "with a checksum nothing is asked once it is here" "$(asked)" ""
dockerfile "ADD --checksum=sha256:$sum $OTHER/dir/../file.txt /a"
build
is "wherever it came from" "$(asked)" ""
bad=${sum//[0-9]/0}
dockerfile "ADD --checksum=sha256:$bad $URL/file.txt /z"
build
status "D38 a checksum that does not hold" 3
like "is told at its place" "$ERR" "^Dockerfile:2:16: error: digest mismatch for $URL/file.txt: sha256:$sum \(expected: sha256:$bad\)"
build
status "and is not believed later" 3
dockerfile "ARG sum" "ADD --checksum=sha256:\${sum} $URL/file.txt /z"
build --build-arg sum="$sum"
status "a checksum by a variable" 0

# --- D37: what servers may not
dockerfile "ADD $URL/x?to=file:///etc/passwd /a"
build
like "D37 a redirect to a file is refused" "$ERR" "only http and https"
dockerfile "ADD $URL/x?to=gopher://127.0.0.1/ /a"
build
like "D37 and to gopher" "$ERR" "only http and https"
dockerfile "ADD $URL/x?loop /a"
build
like "D37 redirects end" "$ERR" "more than 10 redirects"
is "after 11 requests" "$(asked | wc -l)" 11
dockerfile "ADD $URL/file.txt?length=50 /a"
build
ok "D37 a length that promises more than comes is an error" [ "$STATUS" -ne 0 ]
dockerfile "ADD $URL/file.txt?length=99999999999999 /a"
build
like "D37 a length beyond the limit is refused at once" "$ERR" "larger than 256 GiB"
dockerfile "ADD $URL/file.txt?cut=2 /a"
build
status "D38 a file that is cut short" 4
dockerfile "ADD $URL/gone /a"
build
status "a file that is not there" 4
like "is told at its place" "$ERR" "^Dockerfile:2:5: error: invalid response status 404"
like "with its URL" "$ERR" "while fetching '$URL/gone'"
dockerfile "ADD http://127.0.0.1:1/x /a"
build
status "a server that is not there" 4

# --- credentials
dockerfile "ADD http://me:s3cret@127.0.0.1:$port/file.txt?user=me:s3cret /a"
build
status "user and password of the URL" 0
is "are sent" "$(asked)" "GET /file.txt?user=me:s3cret 200 authorized"
dockerfile "ARG who" "ADD http://\${who}@127.0.0.1:$port/gone /a"
build --build-arg who=me:s3cret
unlike "S04 the password is in no message" "$ERR" s3cret
dockerfile "ARG who" "ADD http://\${who}@127.0.0.1:$port/file.txt /a"
build --build-arg who=me:s3cret
unlike "S04 nor in what is shown" "$ERR" s3cret
unlike "S04 nor in the image" "$(decant history --no-trunc img | grep ADD)" s3cret
dockerfile "ADD http://me:s3cret@127.0.0.1:$port/gone http://me2@127.0.0.1/ /a"
build
unlike "S04 nor in the line that an error shows" "$ERR" s3cret
like "which is as long as it was" "$ERR" "ADD http://me:xxxxxx@127.0.0.1:$port/gone http://me2@127.0.0.1/ /a"
dockerfile "ADD http://me:s3cret@127.0.0.1:$port/file.txt?to=$OTHER/index /a"
build
is "R06 to another host they do not go" "$(asked | tail -n 1)" "GET /index 200"

dockerfile "ADD $URL/file.txt?token=t0k3n /a"
build
status "a file behind a token, without it" 4
echo t0k3n >"$T/token"
build --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src="$T/token"
status "the secret HTTP_AUTH_TOKEN_host" 0
dockerfile "ADD $URL/file.txt?user=me:s3cret /a"
HEADER="Basic $(printf me:s3cret | base64)" build --secret id=HTTP_AUTH_HEADER_127.0.0.1,env=HEADER
status "the secret HTTP_AUTH_HEADER_host" 0
is "S01 neither is anywhere" "$(grep -raF -e t0k3n -e "$(printf me:s3cret | base64)" "$DECANT_ROOT" | grep -v 'token=t0k3n')" ""

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
