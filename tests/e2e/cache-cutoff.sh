#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Early cut-off after every kind of step, and where there is none: a changed definition, --no-cache.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3 git
base alpine:edge
mkdir ctx web && cd ctx || exit 1
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/web" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
URL=http://127.0.0.1:$port

build() { run decant build --progress=plain --network=none -t img "$@" .; }
# what became of the step whose title matches: CACHED or DONE
fate() {
	local n
	n=$(grep -m 1 -oE "^#[0-9]+ (\[[^]]*\] )?$1" <<<"$ERR" | cut -d' ' -f1)
	grep -oE "^${n:-none} (CACHED|DONE)" <<<"$ERR" | head -n 1 | cut -d' ' -f2
}
layer() { decant image inspect --format '{{json .RootFS.Layers}}' img | tr -d '[]"' | cut -d, -f"$1"; } # 1 is the base
# cut_off NAME STEP LAYER CHANGE...: the CHANGE runs STEP again; it keeps its layer, and the RUN behind it is a hit
cut_off() {
	local name=$1 step=$2 number=$3 before
	shift 3
	build
	[ "$STATUS" -eq 0 ] || { status "$name: at first" 0; return; }
	before=$(layer "$number")
	"$@"
	build
	[ "$STATUS" -eq 0 ] || { status "$name: after the change" 0; return; }
	is "$name" "$(fate "$step") $(fate 'RUN date') $([ "$(layer "$number")" = "$before" ] && echo kept)" "DONE CACHED kept"
}

# --- RUN ---
printf 'FROM alpine:edge\nRUN --mount=type=bind,source=in,target=/in wc -l </in >/size\nRUN date +%%N >/when\n' >Dockerfile
echo a >in
cut_off "RUN that mounts a file of the context" 'RUN --mount' 2 eval 'echo b >in'
mkdir from && echo a >from/x
printf 'FROM scratch AS from\nCOPY from /\nFROM alpine:edge\nRUN --mount=type=bind,from=from,target=/in ls /in >/names\nRUN date +%%N >/when\n' >Dockerfile
cut_off "RUN that mounts a stage" 'RUN --mount' 2 eval 'echo b >from/x'
printf 'FROM alpine:edge\nRUN --mount=type=cache,target=/c --mount=type=bind,source=in,target=/in echo 1 >>/c/runs; wc -l </in >/size\nRUN date +%%N >/when\n' >Dockerfile
cut_off "RUN that mounts a cache" 'RUN --mount' 2 eval 'echo c >in'
printf 'FROM alpine:edge\nARG WHO\nRUN echo "$WHO" | tr a-z A-Z >/who\nRUN date +%%N >/when\n' >Dockerfile
build --build-arg WHO=me
before=$(layer 2)
build --build-arg WHO=Me
# an ARG is in the environment of all that follows, of which the first step alone is the same
is "RUN with another ARG is another definition: a new layer" "$(fate 'RUN echo') $(fate 'RUN date') $([ "$(layer 2)" = "$before" ] && echo kept)" "DONE DONE "

# --- COPY ---
printf 'FROM alpine:edge AS a\nCOPY in /in\nFROM alpine:edge AS b\nRUN --mount=type=bind,source=beside,target=/b cat /b >/beside\nCOPY tree /tree\nFROM alpine:edge\nCOPY --from=b /tree /tree\nRUN date +%%N >/when\n' >Dockerfile
mkdir tree && echo t >tree/file && echo 1 >beside
build
echo 2 >beside && touch tree tree/file
build
is "COPY on another parent, of touched files: what takes them is a hit" "$(fate 'COPY tree') $(fate 'COPY --from') $(fate 'RUN date')" "DONE CACHED CACHED"
printf 'FROM alpine:edge\nRUN --mount=type=bind,source=beside,target=/b cat /b >/beside\nCOPY tree /tree\n' >Dockerfile
build
before=$(layer 3)
echo 3 >beside && touch tree tree/file
build
is "and its layer is kept" "$(fate 'COPY tree') $([ "$(layer 3)" = "$before" ] && echo kept)" "DONE kept"
printf 'FROM alpine:edge AS b\nCOPY in /in\nRUN wc -l </in >/size\nFROM alpine:edge\nCOPY --from=b --exclude=in / /b\nRUN date +%%N >/when\n' >Dockerfile
build
echo d >in
build
is "COPY --from of a stage that changed elsewhere" "$(fate 'RUN wc') $(fate 'COPY --from') $(fate 'RUN date')" "DONE CACHED CACHED"

# --- ADD ---
mkdir pack && echo packed >pack/file && touch -d @1000000000 pack/file pack
pack() { tar -C pack --sort=name -c file | gzip "$1" >pack.tgz; }
pack -1
printf 'FROM alpine:edge\nADD pack.tgz /pack/\nRUN date +%%N >/when\n' >Dockerfile
cut_off "ADD of an archive that was packed again" 'ADD pack' 2 pack -9
touch -d @1100000000 pack/file
pack -9
build
is "of one whose file has another time: another result" "$(fate 'ADD pack') $(fate 'RUN date')" "DONE DONE"
printf 'FROM alpine:edge\nADD in /in\nRUN date +%%N >/when\n' >Dockerfile
build
mv in other && cp other in
build
is "ADD of the same file, made anew" "$(fate 'ADD in') $(fate 'RUN date')" "CACHED CACHED"
echo page >"$T/web/page"
printf 'FROM alpine:edge\nADD %s/page /page\nRUN date +%%N >/when\n' "$URL" >Dockerfile
build
before=$(layer 2)
touch -d @1234567890 "$T/web/page"
build
is "ADD of a URL that was touched: fetched again, the same" "$(fate "fetch $URL/page") $(fate 'ADD http') $(fate 'RUN date') $([ "$(layer 2)" = "$before" ] && echo kept)" \
	"DONE CACHED CACHED kept"
if [ -x "$(git --exec-path)/git-http-backend" ]; then
	export GIT_CONFIG_GLOBAL=$T/gitconfig
	printf '[user]\nname = t\nemail = t@example.org\n[init]\ndefaultBranch = main\n' >"$T/gitconfig"
	git init -q "$T/src" && mkdir "$T/src/sub" && echo f >"$T/src/sub/f" && echo 1 >"$T/src/other"
	commit() { git -C "$T/src" add -A && git -C "$T/src" commit -qm c && rm -rf "$T/web/r.git" && git clone -q --bare "$T/src" "$T/web/r.git"; }
	commit
	printf 'FROM alpine:edge\nADD %s/cgi/r.git#main:sub /sub\nRUN date +%%N >/when\n' "$URL" >Dockerfile
	build
	before=$(layer 2)
	echo 2 >"$T/src/other"
	commit
	build
	is "ADD of a folder that another commit left as it was" "$(fate "fetch $URL/cgi") $(fate 'ADD http') $(fate 'RUN date') $([ "$(layer 2)" = "$before" ] && echo kept)" \
		"DONE CACHED CACHED kept"
else
	skip "ADD of a folder that another commit left as it was" "this git has no http-backend"
fi

# --- WORKDIR, ONBUILD ---
printf 'FROM alpine:edge\nRUN --mount=type=bind,source=in,target=/in cat /in >/x\nWORKDIR /made\n' >Dockerfile
build
before=$(layer 3)
echo e >in
build
is "WORKDIR on another parent keeps its layer" "$(fate WORKDIR) $([ "$(layer 3)" = "$before" ] && echo kept)" "DONE kept"
printf 'FROM alpine:edge\nUSER root\nWORKDIR /made\nUSER app\nRUN date +%%N >/tmp/when\n' >Dockerfile
build
sed -i 's/USER root/USER 0/' Dockerfile
build
is "WORKDIR for the same user by another name" "$(fate WORKDIR) $(fate 'RUN date')" "DONE CACHED"
printf 'FROM alpine:edge\nONBUILD RUN --mount=type=bind,source=in,target=/in wc -l </in >/size\n' >Dockerfile
decant build -q -t trigger . >/dev/null
printf 'FROM trigger\nRUN date +%%N >/when\n' >Dockerfile
cut_off "RUN of an ONBUILD" "ONBUILD RUN" 2 eval 'echo f >in'

# --- a definition that changed: its result is judged, its layer is new ---
printf 'FROM alpine:edge\nRUN echo one >/f\nRUN date +%%N >/when\n' >Dockerfile
build
before=$(layer 2)
sed -i 's/echo one/echo  one/' Dockerfile
build
is "another line with the same result: what follows is a hit" "$(fate 'RUN echo') $(fate 'RUN date')" "DONE CACHED"
[ "$(layer 2)" != "$before" ]
ok "its layer is the new one" [ $? -eq 0 ]
sed -i 's/echo  one/echo two/' Dockerfile
build
is "another result: a miss" "$(fate 'RUN echo') $(fate 'RUN date')" "DONE DONE"
printf 'FROM alpine:edge\nRUN touch -d "2020-01-01 00:00:00" /f\nRUN date +%%N >/when\n' >Dockerfile
build
sed -i 's/2020/2021/' Dockerfile
build --output "$T/out"
is "a time that was edited: a miss" "$(fate 'RUN touch') $(fate 'RUN date') $(stat -c %y "$T/out/f" | cut -c-4)" "DONE DONE 2021"
sed -i 's/2021/2020/' Dockerfile
build --output "$T/out"
is "edited back: all is known" "$(fate 'RUN touch') $(fate 'RUN date') $(stat -c %y "$T/out/f" | cut -c-4)" "CACHED CACHED 2020"

# --- results of before, and of other stages with the same line ---
printf 'FROM alpine:edge\nRUN --mount=type=bind,source=in,target=/in tr a-z A-Z </in >/f\nRUN date +%%N >/when\n' >Dockerfile
echo x >in
build
before=$(layer 2)
echo other >in
build
echo X >in
build
is "the result of before the last: its layer is kept as well" "$(fate 'RUN --mount') $(fate 'RUN date') $([ "$(layer 2)" = "$before" ] && echo kept)" "DONE CACHED kept"
cat >Dockerfile <<'D'
FROM alpine:edge AS one
RUN --mount=type=bind,source=in,target=/in wc -l </in >/lines; ls / >>/lines
FROM alpine:edge AS two
RUN mkdir /two
COPY --from=one /lines /from-one
RUN --mount=type=bind,source=in,target=/in wc -l </in >/lines; ls / >>/lines
RUN date +%N >/when
D
echo 1 >in
build
before=$(layer 4)
for word in 2 3; do
	echo $word >in
	build
	is "two stages with the same line: each keeps its layer ($word)" "$(fate 'RUN date') $([ "$(layer 4)" = "$before" ] && echo kept)" "CACHED kept"
done

# --- never without the cache ---
printf 'FROM alpine:edge AS one\nRUN echo one >/one\nFROM alpine:edge AS two\nCOPY --from=one /one /one\nRUN echo two >/two\n' >Dockerfile
build
before=$(layer 3) copied=$(layer 2)
build --no-cache
is "--no-cache runs all" "$(fate 'RUN echo one') $(fate COPY) $(fate 'RUN echo two')" "DONE DONE DONE"
[ "$(layer 3)" != "$before" ]
ok "and keeps no layer, equal or not" [ $? -eq 0 ]
fresh=$(layer 3)
build
is "what it made is what is known from then on" "$(fate 'RUN echo two') $(layer 3)" "CACHED $fresh"
build --no-cache-filter two
is "--no-cache-filter runs that stage" "$(fate 'RUN echo one') $(fate COPY) $(fate 'RUN echo two')" "CACHED DONE DONE"
[ "$(layer 3)" != "$fresh" ]
ok "with fresh layers" [ $? -eq 0 ]
fresh=$(layer 3) copied=$(layer 2)
build --no-cache-filter one
is "a stage behind the filtered one is judged by what came of it" "$(fate 'RUN echo one') $(fate COPY) $(fate 'RUN echo two')" "DONE CACHED CACHED"
is "and stays" "$(layer 2) $(layer 3)" "$copied $fresh"

is "nothing is left" "$(leftovers)" ""
done_testing
