#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a browser is shown by our registry: projects, builds with logs, streams with history and sizes; who sees what; hostile texts.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3 git
[ -x "$(git --exec-path)/git-http-backend" ] || skip_all "this git has no http-backend"
page() { # PATH [CURL OPTIONS...]: $CODE, $BODY, $HEADERS
	local path=$1
	shift
	# shellcheck disable=SC2034 # for tests
	CODE=$(curl -sS -m 60 -D "$T/.headers" -o "$T/.body" -w '%{http_code}' "$@" "http://$SERVE$path" 2>"$T/.curl")
	HEADERS=$(tr -d '\r' <"$T/.headers")
	BODY=$(tr -d '\0' <"$T/.body")
}
reads() { # NAME REGEX: the page has it, on any line
	ok "$1" grep -qE -- "$2" "$T/.body"
}
# Every element is closed in its order, each id is there once, references lead to one, nothing comes from elsewhere.
cat >check.py <<'E2'
import html.parser, re, sys
VOID = {"meta", "link", "br"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.wants, self.bad = [], [], [], []
    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key == "id": self.ids.append(value)
            if key == "aria-labelledby": self.wants.append(value)
            if key == "href" and value.startswith("#"): self.wants.append(value[1:])
            if key.startswith("on") or key == "style": self.bad.append("inline " + key)
            if key in ("href", "src") and not re.match(r"/[^/]|/$|#|data:,$", value): self.bad.append("leads to " + value)
        if tag not in VOID: self.stack.append(tag)
    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag: self.bad.append("closes " + tag)
p = Page()
text = open(sys.argv[1], encoding="utf-8").read()
p.feed(text); p.close()
p.bad += ["open: " + t for t in p.stack] + ["no id " + w for w in p.wants if w not in p.ids]
p.bad += ["id twice: " + i for i in set(p.ids) if p.ids.count(i) > 1]
p.bad += ["raw U+%04X" % ord(c) for c in set(text) if (ord(c) < 32 and c not in "\n\t") or 0x7f <= ord(c) < 0xa0 or c in "\u202e\u200b\u2066"]
print("\n".join(p.bad))
E2
sound() { is "$1: sound markup" "$(python3 check.py "$T/.body" 2>&1)" ""; }

# --- something to see
export GIT_CONFIG_GLOBAL=$T/gitconfig
git config --global user.name 'Eve <b>&"'
git config --global user.email eve@example.org
git config --global init.defaultBranch main
git init -q app
printf 'FROM scratch\nCOPY text /\n' >app/Dockerfile
echo one >app/text
git -C app add -A
git -C app commit -qm "<script>alert('x')</script>"
mkdir repos
git clone -q --bare app repos/app.git
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/repos" "$T/web.log")
WEB_PID=$!
E2E_PIDS+=("$WEB_PID")
read -r port <&3
run decant new-build "http://127.0.0.1:$port/cgi/app.git"
status "a build" 0
run decant logs -f bc/app
echo two >app/text
git -C app commit -qam "the second"
git -C app push -q "$T/repos/app.git" main
run decant start-build app -F
status "... and another" 0
P=$DECANT_ROOT/proj/default
make_build() { # NAME PHASE [MESSAGE]: as if there had been one
	python3 - "$P/builds/app-2.json" "$P/builds/$1.json" "$@" <<'E2'
import json, sys
b = json.load(open(sys.argv[1]))
name, phase = sys.argv[3:5]
b["metadata"]["name"] = name
b["status"]["phase"] = phase
if phase not in ("Complete", "Failed"):
    b["status"].pop("completionTimestamp", None)
json.dump(b, open(sys.argv[2], "w"))
E2
}
make_build app-3 Failed
printf 'plain\n\033[31mred\033[0m <img src=x onerror=alert(1)>\r\n\033]0;title\007after\n\033]8;;no end\nnext line\nbad \377 byte, \342\200\256 turned, \001 control, 50%%\rmore\n' >"$P/logs/app-3.log"
decant new-project other >/dev/null
mkdir -p "$DECANT_ROOT/proj/other/is"
sed 's/"namespace": *"default"/"namespace":"other"/' "$P/is/app.json" >"$DECANT_ROOT/proj/other/is/app.json"
decant project default >/dev/null

SERVE_ROOT=$DECANT_ROOT
serve_start
page /
is "the root" "$CODE $(header content-type)" "200 text/html; charset=utf-8"
sound "the root"
like "nothing but the server's own is loaded" "$(header content-security-policy)" "default-src 'none'.*script-src 'self'.*frame-ancestors 'none'"
is "headers" "$(header x-content-type-options) $(header cache-control) $(header referrer-policy)" "nosniff no-store no-referrer"
reads "projects to choose from" '<a aria-current="page" href="/p/default">default</a></li><li><a href="/p/other">other</a>'
reads "a build configuration" '<a href="/p/default/configs/app">app</a></th>'
reads "builds" '<a href="/p/default/builds/app-3">app-3</a></th><td><span class="phase Failed">Failed</span>'
reads "a stream with its size" '<a href="/p/default/streams/app">app</a></th><td data-k="Tags">latest</td><td data-k="Size">[0-9.]+ k?B</td>'
reads "commands" '<code>decant new-build https://'
reads "a commit's subject is a text" '&lt;script&gt;alert\(&#39;x&#39;\)'
page /p/other
sound "another project"
reads "... has its stream" 'href="/p/other/streams/app"'
is "style and script" "$(page /style.css; echo "$CODE $(header content-type)"; page /script.js; echo "$CODE $(header content-type)")" "200 text/css; charset=utf-8
200 text/javascript; charset=utf-8"

page /p/default/configs/app
sound "a configuration"
reads "... where from" "<dt>Source</dt><dd>http://.*/app.git</dd>"
reads "... its builds" 'builds/app-1'
reads "... the command" '<code>decant start-build app -F</code><button type="button" data-copy="decant start-build app -F" aria-label="Copy: decant start-build app -F" hidden>'
page /p/default/streams/app
sound "a stream"
new=$(decant get istag app:latest -o json | jq -r .image.metadata.name)
reads "... what it is now" "$new</code> \\(now\\)"
is "... and was" "$(grep -c '<tr.*sha256:' "$T/.body")" 2
reads "... how to pull it" "docker pull $SERVE/default/app@$new</code>"
reads "... how to go back" "<code>decant stream-tag app@sha256:[0-9a-f]{64} app:latest -n default</code>"
page /p/default/builds/app-1
sound "a build"
reads "... its status" '<span class="phase Complete">'
reads "... who wrote the commit" 'by Eve b&amp;'
unlike "... which is over" "$BODY" "refresh"

# --- logs
page /p/default/builds/app-3
sound "a log with all that is bad"
reads "markup in it" '^red &lt;img src=x onerror=alert\(1\)&gt;$'
reads "a sequence with a text in it" '^after$'
reads "one without an end hides no line" '^next line$'
reads "what is no text" '^bad � byte, � turned, ␁ control, 50%$'
page /p/default/builds/app-3/log
is "the whole log" "$CODE $(header content-disposition) $(header content-type)" '200 attachment; filename="app-3.log" text/plain; charset=utf-8'
ok "... as it was written" cmp -s "$T/.body" "$P/logs/app-3.log"
page '/p/default/builds/app-3/log?from=0'
is "a piece is clean" "$(header decant-log-over) $(grep -c red "$T/.body") $(grep -c $'\033' "$T/.body")" "1 1 0"
is "... and whole" "$(header decant-log-next)" "$(stat -c %s "$P/logs/app-3.log")"
page '/p/default/builds/app-3/log?from=99999999999999999999'
is "a piece from beyond the end" "$CODE $(header decant-log-over) ${#BODY}" "200 1 0"

# --- one that runs: a process holds its lock
make_build app-4 Running
printf 'begun\nhalf a li' >"$P/logs/app-4.log"
mkfifo held
python3 -c '
import fcntl, sys
f = open(sys.argv[1], "w")
fcntl.lockf(f, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()' "$P/builds/app-4.lock" <held >locked &
HOLDER=$!
E2E_PIDS+=("$HOLDER")
exec 4>held
for _ in $(seq 300); do [ ! -s locked ] || break; sleep 0.1; done
page /p/default/builds/app-4
sound "one that runs"
reads "... without a script the browser asks again" '<noscript><meta http-equiv="refresh" content="3"></noscript>'
reads "... with one it gets what comes" 'data-log="/p/default/builds/app-4/log" data-next="6">begun$'
printf 'ne\n' >>"$P/logs/app-4.log"
page '/p/default/builds/app-4/log?from=6'
is "... the line once it is whole" "$BODY $(header decant-log-next) $(header decant-log-over)" "half a line 18 0"
exec 4>&-
wait "$HOLDER"
page /p/default/builds/app-4
reads "its process is gone" '<span class="phase Error">Error</span> its process is gone'
is "... which changes nothing" "$(jq -r .status.phase "$P/builds/app-4.json")" "Running"

# --- what is not there
for path in /x /p/none /p/default/x /p/default/builds/none-1 /p/default/configs/none /p/default/streams/none /p/default/builds/app-1/x /p/../etc '/p/%2e%2e' /p/default/builds/..%2f..; do
	page "$path" --path-as-is
	ok "not there: $path ($CODE)" [ "$CODE" = 404 -o "$CODE" = 400 ]
done
page / -X POST -d x=1
is "nothing is changed" "$CODE $(header allow)" "405 GET, HEAD"
page / -I
is "HEAD" "$CODE" 200
page / -H 'Host: evil.example.org'
is "a name that another site made lead here" "$CODE" 421
unlike "... tells nothing" "$BODY" "default"
page / -H "Host: localhost:$SERVE_PORT"
is "localhost" "$CODE" 200
page / -H 'Host: [::1]:5000'
is "an address" "$CODE" 200
printf '{' >"$P/is/broken.json"
page /p/default
reads "a damaged one does not hide the others" 'broken</a></th><td data-k="Tags">damaged</td>'
page /p/default/streams/broken
is "... alone" "$CODE" 500
unlike "... says no path" "$BODY" "$T"
rm "$P/is/broken.json"
api GET /
is "the registry is where it was" "$CODE" 200
head -c 100 /dev/zero >blob
put_image pushed/thing v1 blob
page /p/pushed
sound "what was pushed"
reads "... is a repository" 'thing</th><td>v1</td>'

# --- thousands of builds
python3 - "$P/builds" <<'E2'
import json, os, sys
b = json.load(open(sys.argv[1] + "/app-2.json"))
for n in range(100, 3100):
    b["metadata"]["name"] = "app-%d" % n
    path = "%s/app-%d.json" % (sys.argv[1], n)
    json.dump(b, open(path, "w"))
    os.utime(path, (1700000000 + n, 1700000000 + n))
E2
page /p/default
is "of thousands the last ones" "$(grep -c 'builds/app-[0-9]*">app-' "$T/.body")" 20
reads "... and where the others are" 'href="/p/default/builds">All 3004 builds</a>'
page '/p/default/builds?from=3000'
sound "the last page"
is "... has those that are left" "$(grep -c 'builds/app-[0-9]*">app-' "$T/.body")" 4
reads "... and leads back" 'rel="prev" href="/p/default/builds\?from=2900"'
page '/p/default/builds?from=junk'
is "a place that is none" "$CODE $(grep -c 'builds/app-[0-9]*">app-' "$T/.body")" "200 100"
serve_stop

# --- who sees what
umask 077
printf 'ci sha256:%s default pull\nother sha256:%s other/app pull\npush sha256:%s default push\n' \
	"$(printf t1 | sha256sum | cut -d' ' -f1)" "$(printf t2 | sha256sum | cut -d' ' -f1)" "$(printf t3 | sha256sum | cut -d' ' -f1)" >users
serve_start --auth users --read-only
page /
is "nobody" "$CODE $(header www-authenticate)" '401 Basic realm="decant"'
unlike "... sees nothing" "$BODY" "default"
page / -u x:wrong
is "a wrong password" "$CODE" 401
page / -u ci:t1
is "who may pull a project" "$CODE" 200
reads "... sees it" 'href="/p/default/configs/app"'
unlike "... and no other" "$BODY" "/p/other|/p/pushed"
unlike "... and is told no push of a read-only registry" "$BODY" "docker push"
reads "... nor how to without a login" "docker login $SERVE"
page /p/other -u ci:t1
is "another's project" "$CODE" 404
page /p/none -u ci:t1
is "... is as one that is not there" "$CODE" 404
page / -u other:t2
reads "one repository" 'href="/p/other/streams/app"'
page /p/default/builds/app-1/log -u other:t2
is "... no other's log" "$CODE" 404
page / -u push:t3
unlike "who may only push sees nothing" "$BODY" "/p/default"
page /login -u ci:t1
is "logged in" "$CODE $(header location)" "303 /"
page /login
is "... or asked to" "$CODE" 401
serve_stop
printf '* - default pull\n' >>users
serve_start --auth users
page /
is "what everybody may" "$CODE" 200
reads "... with a way to log in" '<a href="/login">Log in</a>'
serve_stop
done_testing
