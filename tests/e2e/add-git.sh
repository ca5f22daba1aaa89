#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ADD of git repositories: what comes, when it is asked for, and what a hostile repository gets.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3 git
[ -x "$(git --exec-path)/git-http-backend" ] || skip_all "this git has no http-backend"
mkdir repos ctx bin && cd ctx || exit 1
exec 3< <(exec "$E2E_ROOT/tests/lib/web-server" "$T/repos" "$T/web.log")
E2E_PIDS+=($!)
read -r port <&3
WEB=http://127.0.0.1:$port
URL=$WEB/cgi/r.git

# Repositories are made with a configuration of their own; decant's git must see none of it.
g() { GIT_CONFIG_GLOBAL=$T/gitconfig git -C "$T/src" "$@"; }
cat >"$T/gitconfig" <<-C
[user]
	name = tester
	email = tester@example.org
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
C
publish() { # name [format]: what is in src, as a bare repository
	rm -rf "$T/repos/$1"
	GIT_CONFIG_GLOBAL=$T/gitconfig git clone -q --bare "$T/src" "$T/repos/$1"
	git -C "$T/repos/$1" update-server-info
}
new_source() { # [init options]
	rm -rf "$T/src"
	GIT_CONFIG_GLOBAL=$T/gitconfig git init -q "$@" "$T/src"
}
commit() { g add -A && GIT_COMMITTER_DATE=@${1:-1000000000} GIT_AUTHOR_DATE=@${1:-1000000000} g commit -qm c; }

new_source
mkdir "$T/src/sub"
echo one >"$T/src/a"
commit
old=$(g rev-parse HEAD)
g tag light
echo two >"$T/src/a"
printf '#!/bin/sh\n' >"$T/src/sub/x.sh"
chmod 777 "$T/src/sub/x.sh"
ln -s /etc/shadow "$T/src/sub/link"
commit 1100000000
head=$(g rev-parse HEAD)
g tag -am annotated v1
tag=$(g rev-parse v1)
g branch both "$old"
g tag both
ln -s sub "$T/src/linked"
publish r.git

dockerfile() { printf '%s\n' 'FROM scratch' "$@" >Dockerfile; }
build() { : >"$T/web.log"; run decant build --progress=plain -t img "$@" .; }
asked() { grep -c . "$T/web.log"; }
tree() { # of the image: type mode owner path content
	decant build -q -o type=tar,dest="$T/out.tar" . >/dev/null && python3 - "$T/out.tar" <<-'P'
	import sys, tarfile
	t = tarfile.open(sys.argv[1])
	for m in t:
	    what = t.extractfile(m).read().decode(errors="replace").split("\n")[0] if m.isreg() else m.linkname
	    if not m.isdir():
	        print(f"{m.mode:o} {m.uid}:{m.gid} /{m.name} {what}")
	P
}
paths() { tree | awk '{print $3}' | tr '\n' ' '; }
content() { tree | grep -a '/a ' | sed 's/.* //'; } # of the file a

# --- what comes
umask 077
dockerfile "ADD $URL /x/"
is "files are root's, 0644 or 0755, whatever the umask; links are links; no .git" "$(tree)" \
	"644 0:0 /x/a two
755 0:0 /x/sub/x.sh #!/bin/sh
777 0:0 /x/sub/link /etc/shadow"
umask 022
dockerfile "ADD --chown=3:4 --chmod=700 $URL#main:sub /y"
is "a subdirectory; --chown and --chmod" "$(tree)" "700 3:4 /y/x.sh #!/bin/sh
777 3:4 /y/link /etc/shadow"
dockerfile "ADD --exclude=sub/link --exclude=a $URL#main /x/"
is "--exclude" "$(paths)" "/x/sub/x.sh "
got=
for form in "#main" "#light" "#v1" "#both" "#refs/heads/main" "#heads/main" "#$old" "#$head" "?branch=both" "?tag=both" "?ref=light" \
	"?tag=refs/tags/v1" "?commit=$head" "?commit=${head:0:9}" "?commit=${tag:0:7}&tag=v1" "?commit=$head&tag=v1" \
	"?fetch-by-commit&commit=$old" "?fetch-by-commit=1&commit=$head#main"; do
	dockerfile "ADD $URL$form /x/"
	got=$got$(content),
done
is "refs: branch, tags, whole names, commits; a branch before a tag (G07)" "$got" "two,one,two,one,two,two,one,two,one,two,one,two,two,two,two,two,one,two,"

dockerfile "ADD $URL#${head:0:8} /x/"
build
status "T-138 a short commit as ref" 3
like "T-138 is no ref" "$ERR" "^Dockerfile:2:5: error: repository does not contain ref ${head:0:8}"
dockerfile "ADD $URL?commit=${old:0:8} /x/"
build
like "T-138 a short commit must be that of the default branch" "$ERR" "error: expected checksum to match ${old:0:8}, got $head"
dockerfile "ADD --checksum=$old $URL#main /x/"
build
like "a checksum that does not hold" "$ERR" "expected checksum to match $old, got $head"
dockerfile "ADD --checksum=$old $URL#v1 /x/"
build
like "names the tag and its commit" "$ERR" "expected checksum to match $old, got $tag or $head"
dockerfile "ADD --checksum=$old $URL#$head /x/"
build
like "holds against a commit, too" "$ERR" "expected checksum to match $old, got $head"

# --- asking
dockerfile "ADD $URL#main /x/"
build
first=$(decant image inspect --format '{{.RootFS.Layers}}' img)
build
is "an unchanged build asks for the names alone" "$(asked) $(grep -c CACHED <<<"$ERR")" "2 2"
dockerfile "ADD --checksum=$head $URL#main /x/"
build
is "T-137 a checksum changes nothing" "$(grep -c CACHED <<<"$ERR") $(decant image inspect --format '{{.RootFS.Layers}}' img)" "2 $first"
dockerfile "ADD $URL#$head /x/"
build
is "a whole commit that is here is not asked for" "$(asked) $(grep -c CACHED <<<"$ERR")" "0 2"
echo three >"$T/src/a"
commit 1200000000
publish r.git
dockerfile "ADD $URL#main /x/"
is "a branch that moved" "$(content)" three

# --- .git
dockerfile "ADD --keep-git-dir $URL#main /x/" "ADD $URL?keep-git-dir=1#v1 /y/"
build -o "$T/kept"
is "--keep-git-dir: a clean clone of one commit" "$(git -C "$T/kept/x" status --porcelain; git -C "$T/kept/x" log --format=%H; git -C "$T/kept/x" config remote.origin.url)" \
	"$(g rev-parse HEAD)
$URL"
is "with its branch, or tag" "$(git -C "$T/kept/x" for-each-ref --format='%(refname)') $(git -C "$T/kept/y" describe)" "refs/heads/main v1"
is "without hooks" "$(ls "$T/kept/x/.git/hooks" 2>/dev/null)" ""
dockerfile "ADD --keep-git-dir $URL#main /x/"
export SOURCE_DATE_EPOCH=1600000000
twice() { # the IDs that two builds give, some time apart
	decant build -q --no-cache .
	sleep 0.01
	decant build -q --no-cache .
}
is "equal commits give equal bytes, .git and all" "$(twice | uniq | grep -c sha256:)" 1
decant build -q -o "$T/kept2" .
is "nothing in it tells of the fetch" "$(cd "$T/kept2/x/.git" && find . -name 'FETCH_HEAD' -o -name ORIG_HEAD -o -name logs)" ""
unset SOURCE_DATE_EPOCH
dockerfile "ADD --keep-git-dir $URL#main:sub /x/"
is "of a subdirectory there is none" "$(paths)" "/x/x.sh /x/link "

# --- times
dockerfile "ADD $URL?mtime=commit&commit=$head#v1 /x/"
decant build -q -o type=tar,dest="$T/out.tar" . >/dev/null
is "mtime=commit" "$(python3 -c 'import sys, tarfile; print({int(m.mtime) for m in tarfile.open(sys.argv[1]) if m.isreg()})' "$T/out.tar")" "{1100000000}"
dockerfile "ADD $URL?commit=$head#v1 /m/"
build
dockerfile "ADD $URL?mtime=commit&commit=$head#v1 /m/"
build
unlike "is no hit for the same files without it" "$(grep -A1 'ADD ' <<<"$ERR")" CACHED
dockerfile "ADD $URL?commit=$head#v1 /m/"
build
like "which are one again" "$(grep -A1 'ADD ' <<<"$ERR")" CACHED

# --- other servers
dockerfile "ADD $WEB/r.git#v1 /x/"
is "a server of plain files (no shallow clones)" "$(content)" two
dockerfile "ADD $WEB/r.git#$old /x/"
is "and its commits" "$(content)" one
free_port >"$T/port"
git daemon --listen=127.0.0.1 --port="$(cat "$T/port")" --base-path="$T/repos" --export-all --reuseaddr --pid-file="$T/daemon.pid" "$T/repos" 2>/dev/null &
E2E_PIDS+=($!)
for _ in $(seq 600); do git ls-remote "git://127.0.0.1:$(cat "$T/port")/r.git" >/dev/null 2>&1 && break; sleep 0.1; done
dockerfile "ADD git://127.0.0.1:$(cat "$T/port")/r.git#v1 /x/"
is "git://" "$(content)" two
cat >"$T/bin/ssh" <<-S
#!/bin/bash
echo "\$@" >>$T/ssh.log
eval "exec \${@: -1}"
S
chmod 755 "$T/bin/ssh"
dockerfile "ADD git@example.org:$T/repos/r.git#v1 /x/" "ADD ssh://git@example.org:22$T/repos/r.git#light /y/"
PATH=$T/bin:$PATH build
status "ssh, both ways of writing it" 0
like "ssh gets no configuration, no keys of the user, no question" "$(cat "$T/ssh.log")" "^-F /dev/null -o BatchMode=yes -o IdentityFile=none .*git@example.org git-upload-pack '$T/repos/r.git'"
like "a new host key is kept, a changed one refused" "$(cat "$T/ssh.log")" "-o StrictHostKeyChecking=accept-new "
new_source --object-format=sha256
echo long >"$T/src/a"
commit
publish long.git
dockerfile "ADD $WEB/cgi/long.git /x/" "ADD --checksum=$(g rev-parse HEAD) --keep-git-dir $WEB/cgi/long.git#main /y/"
is "a repository with SHA-256" "$(content | head -n 1)" long

# --- verify: an image that differs elsewhere; what was fetched has other times, which the image has not
if mkdir -p "$T/verify" && base alpine:edge 2>/dev/null; then
	printf '%s\n' 'FROM alpine:edge' "ADD --keep-git-dir $URL#main /x/" 'RUN cat /proc/sys/kernel/random/uuid >/uuid' >"$T/verify/Dockerfile"
	SOURCE_DATE_EPOCH=1600000000 run decant verify -q "$T/verify"
	like "verify names the step that differs, not the fetch" "$OUT" '^not reproducible: .*RUN cat'
	unlike "... and no file for a time that the image has not" "$OUT" ' /a |/x/|  time '
fi

# --- submodules
new_source
echo inner >"$T/src/in"
commit
publish module.git
module=$(g rev-parse HEAD)
with_module() { # url [path [name]]: a repository that has it
	new_source
	echo outer >"$T/src/a"
	printf '[submodule "%s"]\n\tpath = %s\n\turl = %s\n' "${3:-m}" "${2:-m}" "$1" >"$T/src/.gitmodules"
	g update-index --add --cacheinfo "160000,$module,${2:-m}"
	g add a .gitmodules
	g commit -qm c
	publish outer.git
}
with_module "$WEB/cgi/module.git"
dockerfile "ADD $WEB/cgi/outer.git /x/"
is "submodules come along, without their .git" "$(paths)" "/x/.gitmodules /x/a /x/m/in "
dockerfile "ADD $WEB/cgi/outer.git?submodules=false /x/"
is "unless told not to" "$(paths)" "/x/.gitmodules /x/a "
with_module ../module.git
dockerfile "ADD $WEB/cgi/outer.git /x/"
is "with an address relative to the outer one's" "$(paths)" "/x/.gitmodules /x/a /x/m/in "


chain() { # levels: repositories, each twice in the next
	new_source
	echo level 0 >"$T/src/in"
	commit
	publish chain0.git
	local i name module
	for i in $(seq "$1"); do
		module=$(g rev-parse HEAD)
		for name in m n; do
			printf '[submodule "%s"]\n\tpath = %s\n\turl = ../chain%s.git\n' $name $name $((i - 1))
		done >"$T/src/.gitmodules"
		echo "level $i" >"$T/src/in"
		g add .gitmodules in
		g update-index --add --cacheinfo "160000,$module,m" --cacheinfo "160000,$module,n"
		g commit -qm c
		publish "chain$i.git"
	done
}
chain 9
want="/x/in /x/m/in /x/m/m/in /x/m/n/in /x/n/in /x/n/m/in /x/n/n/in "
dockerfile "ADD $WEB/cgi/chain2.git /x/"
is "submodules of submodules" "$(tree | awk '/\/in / {print $3}' | tr '\n' ' ')" "$want"
dockerfile "ADD --keep-git-dir $WEB/cgi/chain2.git /x/"
is "also with --keep-git-dir" "$(tree | awk '/\/in / {print $3}' | tr '\n' ' ')" "$want"
export SOURCE_DATE_EPOCH=1600000000
is "and the submodules' repositories are equal each time" "$(twice | uniq | grep -c sha256:)" 1
unset SOURCE_DATE_EPOCH
dockerfile "ADD $WEB/cgi/chain9.git /x/"
build
status "G02 submodules without an end" 3
like "G02 end at a depth" "$ERR" "^Dockerfile:2:5: error: submodules are nested deeper than 8 levels"
like "G02 and can be left out" "$ERR" "submodules=false"
new_source
for i in $(seq 1001); do printf '[submodule "%s"]\n\tpath = m%s\n\turl = ../module.git\n' "$i" "$i"; done >"$T/src/.gitmodules"
for i in $(seq 1001); do printf '160000 %s\tm%s\n' "$module" "$i"; done | g update-index --index-info
g add .gitmodules
g commit -qm c
publish many.git
dockerfile "ADD $WEB/cgi/many.git /x/"
build
like "G02 and at a number" "$ERR" "^Dockerfile:2:5: error: there are more than 1000 submodules"
ok "G02 before any is fetched" [ "$(grep -c module.git "$T/web.log")" -eq 0 ]

# --- G02, G04: hostile submodules
refused() { # name url [path [name]]
	local what=$1
	shift
	with_module "$@" 2>/dev/null
	dockerfile "ADD $WEB/cgi/outer.git /x/"
	build --no-cache
	ok "$what is refused" [ "$STATUS" -ne 0 ]
	ok "and runs nothing" [ ! -e "$T/pwned" ]
}
refused "G02 a submodule of this machine" "file://$T/repos/module.git"
like "by its protocol" "$ERR" "transport 'file' not allowed"
refused "G02 a submodule at a path" "$T/repos/module.git"
refused "G02 a submodule by a command" "ext::sh -c touch% $T/pwned"
refused "G04 an address that is an option" "--upload-pack=touch $T/pwned"
refused "G04 a name that climbs" "$WEB/cgi/module.git" m ../../../m
refused "G04 an address with a line end" "$WEB/cgi/module.git\\n[core]"

raw_tree() { # mode name object...: a commit of such a tree, whatever git thinks of it
	new_source
	echo x >"$T/src/a"
	commit
	local blob tree
	blob=$(g rev-parse HEAD:a)
	tree=$(python3 - "$blob" "$@" <<-'P' | g hash-object -t tree -w --stdin --literally
	import sys
	for i in range(2, len(sys.argv), 2):
	    sys.stdout.buffer.write(f"{sys.argv[i]} {sys.argv[i + 1]}\0".encode() + bytes.fromhex(sys.argv[1]))
	P
	)
	g update-ref refs/heads/main "$(g commit-tree -m evil "$tree")"
	publish evil.git
	dockerfile "ADD $WEB/cgi/evil.git /x/"
	build --no-cache
}
raw_tree 100644 .git
ok "G04 a file called .git" [ "$STATUS" -ne 0 ]
raw_tree 100644 ..
ok "G04 a file called .." [ "$STATUS" -ne 0 ]
raw_tree 100644 'a/../../../../../../../tmp/x'
ok "G04 a file with slashes in its name" [ "$STATUS" -ne 0 ]
raw_tree 100644 .GIT
ok "G04 a file called .GIT" [ "$STATUS" -ne 0 ]
raw_tree 120000 .gitmodules
ok "G04 .gitmodules that is a link" [ "$STATUS" -ne 0 ]

# --- G03: subdirectories
new_source
mkdir "$T/src/real"
echo r >"$T/src/real/f"
ln -s real "$T/src/link"
ln -s / "$T/src/root"
commit
publish dirs.git
for dir in link root/etc link/f real/f gone .git; do
	dockerfile "ADD $WEB/cgi/dirs.git#main:$dir /x/"
	build
	like "G03 subdirectory '$dir'" "$ERR" "^Dockerfile:2:5: error: invalid subdir $dir: "
done
dockerfile "ADD $WEB/cgi/dirs.git#main:../../real /x/"
is "G03 what climbs stays inside" "$(paths)" "/x/f "

# --- G05: nobody's settings
cat >"$HOME/.gitconfig" <<-C
[core]
	sshCommand = touch $T/pwned
	hooksPath = $T/hooks
	fsmonitor = touch $T/pwned
[init]
	templateDir = $T/template
[url "file:///etc/"]
	insteadOf = $WEB
[filter "evil"]
	smudge = touch $T/pwned
	process = touch $T/pwned
C
mkdir -p "$T/hooks" "$T/template/hooks"
printf '#!/bin/sh\ntouch %s\n' "$T/pwned" | tee "$T/hooks/post-checkout" >"$T/template/hooks/post-checkout"
chmod 755 "$T"/hooks/* "$T"/template/hooks/*
new_source
echo '* filter=evil' >"$T/src/.gitattributes"
echo f >"$T/src/a"
commit
publish filter.git
dockerfile "ADD --keep-git-dir $WEB/cgi/filter.git /x/"
GIT_DIR=/nonexistent GIT_SSH_COMMAND="touch $T/pwned" GIT_CONFIG_PARAMETERS="'core.fsmonitor=touch $T/pwned'" build
status "G05 hooks, filters and settings of the user" 0
ok "G05 are nobody's" [ ! -e "$T/pwned" ]
rm "$HOME/.gitconfig"

# --- credentials
new_source
echo mine >"$T/src/a"
commit
mkdir "$T/repos/private"
publish private/p.git
dockerfile "ADD $WEB/cgi/private/p.git /x/"
build
status "a private repository" 4
like "asks nobody" "$ERR" "terminal prompts disabled"
dockerfile "ARG who" "ADD --keep-git-dir http://\${who}@127.0.0.1:$port/cgi/private/p.git /x/"
build --build-arg who=me:s3cret -o "$T/private"
status "with the user and password of the URL" 0
unlike "S04 which nothing shows" "$ERR$(decant history --no-trunc img | grep ADD)" s3cret
is "G09 and which .git does not hold" "$(grep -r s3cret "$T/private/x")" ""
is "S04 nor the store" "$(grep -raF s3cret "$DECANT_ROOT/cache" "$DECANT_ROOT/layers" "$DECANT_ROOT/tmp" 2>/dev/null | grep -v '|1 who=')" ""

dockerfile "ADD $WEB/cgi/private/p.git /x/"
HEADER="Basic $(printf me:s3cret | base64)" build --no-cache --secret id=GIT_AUTH_HEADER,env=HEADER
status "the secret GIT_AUTH_HEADER" 0
dockerfile "ADD $WEB/cgi/token/p.git /x/"
cp -r "$T/repos/private" "$T/repos/token"
echo s3cret >"$T/token"
build --no-cache --secret id=GIT_AUTH_TOKEN,src="$T/token"
status "the secret GIT_AUTH_TOKEN" 0
build --no-cache --secret "id=GIT_AUTH_TOKEN.127.0.0.1:$port,src=$T/token" --secret id=GIT_AUTH_TOKEN,env=nosuch
status "that of the host comes first" 0

# A redirect leads to another host: git by itself would ask that one with the header.
elsewhere() { grep -c '^[A-Z]* /cgi/' "$T/web.log"; }
dockerfile "ADD $WEB/away/cgi/r.git#v1 /x/"
build --no-cache
is "a redirect is followed without credentials" "$STATUS $(grep -c authorized "$T/web.log")" "0 0"
build --no-cache --secret "id=GIT_AUTH_TOKEN.127.0.0.1:$port,src=$T/token"
status "not with a token" 4
like "which is told" "$ERR" "write that one"
is "the other host is not asked" "$(elsewhere)" 0
HEADER="Basic $(printf me:s3cret | base64)" build --no-cache --secret id=GIT_AUTH_HEADER,env=HEADER
is "nor with the secret GIT_AUTH_HEADER" "$STATUS $(elsewhere)" "4 0"
dockerfile "ADD http://me:s3cret@127.0.0.1:$port/away/cgi/r.git#$old /x/"
build --no-cache
is "nor with user and password, when a commit is fetched at once" "$STATUS $(elsewhere)" "4 0"
with_module "$WEB/away/cgi/module.git"
dockerfile "ADD http://me:s3cret@127.0.0.1:$port/cgi/outer.git /x/"
build --no-cache
is "a submodule elsewhere gets no credentials, and may redirect" "$STATUS $(grep authorized "$T/web.log" | grep -vc outer.git)" "0 0"

is "S01 neither is anywhere" "$(grep -raF -e s3cret -e "$(printf x-access-token:s3cret | base64)" "$DECANT_ROOT" | grep -v 'who=me:s3cret')" ""
if command -v ssh-agent >/dev/null; then
	ssh-agent -a "$T/agent" >/dev/null
	E2E_PIDS+=("$(pgrep -f "ssh-agent -a $T/agent")")
	cat >"$T/bin/ssh" <<-S
	#!/bin/bash
	SSH_AUTH_SOCK=\$SSH_AUTH_SOCK ssh-add -l >>$T/agent.log 2>&1
	echo "status \$?" >>$T/agent.log
	eval "exec \${@: -1}"
	S
	dockerfile "ADD git@example.org:$T/repos/private/p.git /x/"
	PATH=$T/bin:$PATH SSH_AUTH_SOCK=$T/agent build --no-cache --ssh default
	is "--ssh gives ssh the agent (which has no keys here)" "$(sort -u "$T/agent.log")" "The agent has no identities.
status 1"
	: >"$T/agent.log"
	PATH=$T/bin:$PATH SSH_AUTH_SOCK=$T/agent build --no-cache
	is "without it there is none" "$(grep -c 'status 2' "$T/agent.log")" 2
	ssh-keygen -q -t ed25519 -N '' -C the-key -f "$T/key"
	: >"$T/agent.log"
	PATH=$T/bin:$PATH build --ssh default="$T/key" --no-cache
	like "--ssh with a key: an agent that has it" "$(cat "$T/agent.log")" "the-key"
	: >"$T/agent.log"
	PATH=$T/bin:$PATH build --ssh default="$T/key"
	like "also when it is only asked" "$(cat "$T/agent.log")" "the-key"
else
	skip "--ssh for repositories" "no ssh-agent"
fi

# --- G08: servers that hang
dockerfile "ADD $WEB/hang/r.git /x/"
"$DECANT" build --progress=plain . 2>"$T/hang.err" &
pid=$!
wait_until 60 grep -q hang "$T/web.log"
kill -TERM $pid
wait_until 30 eval "! kill -0 $pid 2>/dev/null" # the server is silent for a minute
ok "G08 an interrupted build ends at once" [ ! -d /proc/$pid ]
wait $pid
is "G08 with its git" "$(pgrep -f "ls-remote.*$port/hang")" ""

dockerfile "ADD $URL /x/"
rm -rf "$T/nogit" && mkdir "$T/nogit"
run env PATH="$T/nogit" "$DECANT" build --progress=plain .
like "without git" "$ERR" "git is not installed"

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
