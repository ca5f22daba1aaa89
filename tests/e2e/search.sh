#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# search: Docker Hub's (a fake behind a proxy), the catalogue and the tags of other registries, pages without end (R12).
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/auth.sh
. "$E2E_ROOT/tests/lib/auth.sh"
needs openssl jq
auth_authority ca
auth_certificate ca hub "DNS:index.docker.io,DNS:registry-1.docker.io"
auth_start HUB=search,cert=hub.pem,key=hub.key PROXY=proxy,to=HUB SEARCH=search PAGES=pages LOOP=loop ENDLESS=endless EMPTY=empty TOKEN=token
export https_proxy=http://127.0.0.1:$PROXY_PORT

run decant search --ca ca.pem alpine
status "Docker Hub" 0
is "as docker's table" "$OUT" "NAME           DESCRIPTION                                     STARS     OFFICIAL
alpine         A [31m small one of two lines xxxxxxxxxxxxxx…   1234      [OK]
other/alpine                                                   2         "
unlike "no escape for the terminal" "$OUT" $'\x1b'
run decant search --ca ca.pem --filter stars=10 --filter is-official=true --format '{{.Name}} {{.StarCount}} {{.IsOfficial}}' alpine
is "filters, a template" "$OUT" "alpine 1234 [OK]"
run decant search --ca ca.pem --no-trunc --limit 1 --format '{{.Description}}' alpine
like "--no-trunc" "$OUT" 'x{60}$'
like "--limit is told" "$(auth_log)" 'GET /v1/search\?q=alpine&n=1 auth=-'
run decant search --ca ca.pem --format json docker.io/alpine
like "json" "$OUT" '"Name":"alpine"'
is "is a word there" "$(jq -r .IsOfficial <<<"$OUT" | sort | xargs)" "false true"
for bad in stars=x stars=-1 is-official=maybe colour=red; do
	run decant search --filter "$bad" x
	status "a bad filter: $bad" 2
	like "named: $bad" "$ERR" "invalid filter '$bad'"
done
run decant search --limit 101 x
status "more than Docker Hub gives" 2
run decant search 'a b/c:d x'
ok "a strange term" [ "$STATUS" -ne 0 ]
unset https_proxy

S=127.0.0.1:$SEARCH_PORT
run decant search "$S/tools"
is "a catalogue" "$(awk '{print $1}' <<<"$OUT")" "NAME
$S/tools/four
$S/tools/three"
run decant search --format '{{.Name}}' "$S/"
is "all of it" "$(wc -l <<<"$OUT")" 5
run decant search --format '{{.Name}}' "$S"
is "a host alone is asked, not Docker Hub" "$STATUS $(wc -l <<<"$OUT")" "0 5"
run decant search --format '{{.Name}}' "127.0.0.1:$PAGES_PORT/"
is "over several pages" "$(wc -l <<<"$OUT")" 5
run decant search --list-tags "127.0.0.1:$PAGES_PORT/apps/one"
is "tags, over two pages" "$OUT" "NAME                       TAG
127.0.0.1:$PAGES_PORT/apps/one   1.0
127.0.0.1:$PAGES_PORT/apps/one   1.1
127.0.0.1:$PAGES_PORT/apps/one   2.0
127.0.0.1:$PAGES_PORT/apps/one   latest"
auth_forget
run decant search --list-tags --limit 2 "127.0.0.1:$PAGES_PORT/apps/one"
is "no page more than needed" "$(auth_log | grep -c tags/list)" 1
run decant search --list-tags --limit 1000 "127.0.0.1:$LOOP_PORT/x"
status "R12 a page that is its own next one" 4
like "R12 says so" "$ERR" 'the pages lead in a circle'
auth_forget
run decant search --list-tags --limit 100000 "127.0.0.1:$ENDLESS_PORT/x"
status "R12 pages without end" 4
like "R12 says so too" "$ERR" 'over 1000 pages'
ok "R12 and stops" [ "$(auth_log | grep -c tags/list)" -le 1000 ]
run decant search "127.0.0.1:$EMPTY_PORT/x"
ok "neither catalogue nor search" [ "$STATUS" -ne 0 ]
like "says so" "$ERR" 'nor has it a search'
run decant search --list-tags "127.0.0.1:$EMPTY_PORT/x"
like "no list of tags" "$ERR" 'list of tags not found'
run decant search "127.0.0.1:$TOKEN_PORT/x"
ok "who are you?" [ "$STATUS" -ne 0 ]
like "asks for a login" "$ERR" 'decant login'
run decant search --list-tags 'h:1/UP'
status "a bad name" 2
is "nothing left over" "$(leftovers)" ""
done_testing
