#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --ca and proxies: they reach the registry client, downloads, git and RUN, and no layer, config, history or key.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs openssl curl python3 git
base base:1

# --- a company's authority, and a server that it vouches for ------------------------------------
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=Company 2>/dev/null || exit 1
openssl req -newkey rsa:2048 -nodes -keyout srv.key -out srv.csr -subj /CN=srv 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1,IP:0.0.0.0\n' >ext
openssl x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out srv.pem -days 2 -extfile ext 2>/dev/null
mkdir www && echo payload >www/file.txt
git init -q www/repo && git -C www/repo -c user.name=t -c user.email=t@t commit -q --allow-empty -m one &&
	echo from-git >www/repo/g.txt && git -C www/repo add g.txt &&
	git -C www/repo -c user.name=t -c user.email=t@t commit -q -m two
git clone -q --bare www/repo www/r.git && git -C www/r.git update-server-info
cat >server.py <<'P'
import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="www")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("srv.pem", "srv.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
P
python3 server.py >port 2>server.log &
E2E_PIDS+=("$!")
wait_until 60 [ -s port ]
port=$(cat port)

mkdir c && cat >c/Dockerfile <<D
FROM base:1
ADD https://127.0.0.1:$port/file.txt /file.txt
D
run decant build c -t add
ok "an authority that nobody knows" [ "$STATUS" -ne 0 ]
run decant build --ca ca.pem c -t add
status "ADD with --ca" 0
run decant build --ca ca.pem -f - "https://127.0.0.1:$port/r.git" -t fromgit <<<$'FROM base:1\nCOPY g.txt /\n'
status "a context of git with --ca" 0

run decant build --ca missing.pem c
status "no such file" 2
echo "no certificate" >not.pem
run decant build --ca not.pem c
status "a file without certificates" 2
like "says so" "$ERR" "holds no certificate"
sed '5d' ca.pem >cut.pem
run decant build --ca ca.pem --ca cut.pem c
status "a damaged one" 2
like "names it" "$ERR" "'cut.pem': certificate 1 is damaged"

# --- RUN ----------------------------------------------------------------------------------------
marker=$(sed -n 5p ca.pem) other=$(sed -n 6p ca.pem) # the second is in no command
cat >c/roots <<D
FROM base:1
RUN mkdir -p /etc/ssl/certs /etc/pki/tls/certs && echo PUBLIC >/etc/ssl/certs/ca-certificates.crt && \
	ln -s certs/ca-certificates.crt /etc/ssl/cert.pem && chmod 640 /etc/ssl/certs/ca-certificates.crt && \
	echo PUBLIC2 >/etc/pki/tls/certs/ca-bundle.crt && touch -d 2020-01-01 /etc/ssl/certs/* /etc/ssl/certs
D
decant build -q -t roots -f c/roots c >/dev/null || diag "roots failed"
in_run() { # what, commands: RUN over "roots" with --ca
	printf 'FROM roots\nRUN %s\n' "$2" | decant build --no-cache --ca ca.pem -t out -f - c >log 2>&1 && STATUS=0 || STATUS=$?
	ok "$1" [ "$STATUS" -eq 0 ] || diag "$(tail -n 5 log)"
	rm -rf store-files && mkdir store-files
	decant save out -o out.tar && tar -xf out.tar -C store-files
	for blob in store-files/blobs/sha256/*; do gzip -dc "$blob" 2>/dev/null || cat "$blob"; done >out.all
	ok "$1: not in the image" [ "$(grep -caF "$other" out.all)" -eq 0 ]
}
in_run "files of Debian and Fedora have it" "grep -qF '$marker' /etc/ssl/certs/ca-certificates.crt && grep -qF '$marker' /etc/pki/tls/certs/ca-bundle.crt && grep -q PUBLIC /etc/ssl/cert.pem && grep -qF '$marker' /etc/ssl/cert.pem"
is "such a RUN leaves an empty layer" "$(decant history out --format '{{.Size}}' | head -n 1)" 0B
in_run "its mode is kept" "test \$(stat -c %a /etc/ssl/certs/ca-certificates.crt) = 640"
in_run "chmod of the file" "chmod 600 /etc/ssl/certs/ca-certificates.crt"
is "the file is as it was, with its new mode" "$(decant run --rm out sh -c 'cat /etc/ssl/certs/ca-certificates.crt; stat -c %a /etc/ssl/certs/ca-certificates.crt')" "PUBLIC
600"
in_run "appending to the file" "echo MORE >>/etc/ssl/certs/ca-certificates.crt"
is "what was appended stays" "$(decant run --rm out cat /etc/ssl/certs/ca-certificates.crt)" "PUBLIC
MORE"
in_run "replacing it, as update-ca-certificates does" "echo NEW >/etc/ssl/certs/x && mv /etc/ssl/certs/x /etc/ssl/certs/ca-certificates.crt"
is "is replaced" "$(decant run --rm out cat /etc/ssl/certs/ca-certificates.crt)" NEW
in_run "removing its directory" "rm -r /etc/ssl/certs"
is "is removed" "$(decant run --rm out sh -c 'ls /etc/ssl')" cert.pem
in_run "a variable for Node" "test -f \$NODE_EXTRA_CA_CERTS && grep -qF '$marker' \$NODE_EXTRA_CA_CERTS"
printf 'FROM base:1\nRUN grep -qF "%s" $SSL_CERT_FILE && test ! -e /etc/ssl/certs\n' "$marker" >c/none
run decant build --ca ca.pem -t none -f c/none c
status "a root without certificates gets a variable" 0
unlike "which is not in the config" "$(decant inspect none)" SSL_CERT_FILE
printf 'FROM roots\nRUN echo same\n' >c/same
decant build --ca ca.pem -f c/same c >/dev/null 2>&1
run decant build -f c/same c
like "no part of the key" "$ERR" CACHED

# --- the registry client ------------------------------------------------------------------------
if command -v docker-registry >/dev/null; then
	registry_start_tls "$T/srv.pem" "$T/srv.key"
	printf 'FROM base:1\nLABEL a=1\n' >c/push
	run decant build --ca ca.pem --push -t "$REGISTRY/app:1" -f c/push c
	status "build --push with --ca" 0
	run decant pull -q "$REGISTRY/app:1"
	ok "pull without" [ "$STATUS" -ne 0 ]
	run decant pull -q --ca ca.pem "$REGISTRY/app:1"
	status "pull with --ca" 0
	run decant push -q --ca ca.pem "$REGISTRY/app:1"
	status "push with --ca" 0
	run decant pull -q --insecure-registry "$REGISTRY" "$REGISTRY/app:1"
	status "pull with --insecure-registry" 0
	run decant pull -q --tls-verify=false "$REGISTRY/app:1"
	status "pull with --tls-verify=false" 0
	run decant pull -q --insecure-registry 0.0.0.0:1 "$REGISTRY/app:1"
	ok "another one's name is of no use" [ "$STATUS" -ne 0 ]
	mkdir auth && echo '{"auths":{"h.example":{"auth":"eDp5"}}}' >auth/a.json
	run decant pull -q --authfile auth/nothing "$REGISTRY/app:1"
	status "an auth file that is not there" 2
else
	skip "the registry client with --ca" "'docker-registry' is not installed"
fi

# --- proxies ------------------------------------------------------------------------------------
cat >c/env <<'D'
FROM base:1
RUN env | grep -i proxy | sort >/proxies; true
D
proxies() { # build options...
	decant build --no-cache -q -t prox "$@" -f c/env c >/dev/null && decant run --rm prox cat /proxies
}
is "none" "$(proxies)" ""
is "those of the environment, in both cases" "$(HTTPS_PROXY=http://proxy.example:3128 no_proxy=.local proxies)" \
	"HTTPS_PROXY=http://proxy.example:3128
NO_PROXY=.local
https_proxy=http://proxy.example:3128
no_proxy=.local"
unlike "not in config and history" "$(decant inspect prox; decant history --no-trunc prox)" 'proxy\.example'
is "--http-proxy=false" "$(HTTPS_PROXY=http://proxy.example:3128 proxies --http-proxy=false)" ""
is "loopback is none for a RUN" "$(https_proxy=http://u:p@127.0.0.1:3128 proxies)" ""
like "it is with the host's network" "$(https_proxy=http://u:p@127.0.0.1:3128 proxies --network host)" 'https_proxy=http://u:p@127.0.0.1:3128'
like "--build-arg goes first" "$(HTTPS_PROXY=http://proxy.example:1 proxies --build-arg HTTPS_PROXY=http://arg.example:2)" 'https_proxy=http://arg.example:2'
mkdir -p "$HOME/.docker" && cat >"$HOME/.docker/config.json" <<'J'
{"proxies": {"default": {"httpsProxy": "http://config.example:3", "noProxy": "*.corp"}}}
J
is "those of docker's config.json" "$(proxies)" "HTTPS_PROXY=http://config.example:3
NO_PROXY=*.corp
https_proxy=http://config.example:3
no_proxy=*.corp"
rm -r "$HOME/.docker"
decant build -f c/env c >/dev/null 2>&1
run env HTTPS_PROXY=http://proxy.example:1 "$DECANT" build -f c/env c
like "no part of the key" "$ERR" CACHED
is "nothing left over" "$(leftovers)" ""
done_testing
