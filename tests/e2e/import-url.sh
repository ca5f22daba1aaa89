#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# import of what a web server has, by the client that ADD uses.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3

mkdir www files
echo hello >files/a
tar -C files -cf www/root.tar a
gzip -k www/root.tar
echo '<html>' >www/page
python3 -c '
import functools, http.server
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="www")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
' >port 2>/dev/null &
E2E_PIDS+=("$!")
wait_until 60 [ -s port ]
url=http://127.0.0.1:$(cat port)

run decant import "$url/root.tar" web:1
status "an archive behind a URL" 0
like "prints the image's ID" "$OUT" '^sha256:[0-9a-f]{64}$'
run decant import "$url/root.tar.gz" web:2
status "a compressed one" 0
is "is the same layer" "$(decant inspect -f '{{.RootFS.Layers}}' web:2)" "$(decant inspect -f '{{.RootFS.Layers}}' web:1)"
run decant import "$url/none" web:3
status "one that is not there" 4
like "says where" "$ERR" "downloading $url/none"
run decant import "$url/page" web:3
status "what is no archive" 3
run decant import ftp://127.0.0.1/x
status "another scheme" 2
is "nothing stays in the store" "$(find "$DECANT_ROOT/tmp" -type f ! -name '*.lock' ! -name lock | wc -l)" 0
done_testing
