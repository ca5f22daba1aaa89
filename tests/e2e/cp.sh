#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cp and export: out of images and containers, running or not, into containers, by docker's rules; links lead nowhere outside.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
decant build -q -t app - >/dev/null <<'D'
FROM alpine:edge
RUN mkdir -p /data/sub /empty && echo one >/data/one && echo two >/data/sub/two && ln /data/one /data/same && \
    ln -s /data/one /abs && ln -s ../../../../../../etc/hostname /escape && ln -s /data /dir && chown 5:6 /data/sub/two && chmod 4755 /data/sub/two
D
hidden=$(cat /etc/hostname)

# --- out of an image --------------------------------------------------------------------------------
run decant cp app:/data/one here
status "a file" 0
is "its content" "$(cat here)" one
mkdir into
decant cp app:/data/one into
is "into a directory" "$(cat into/one)" one
decant cp app:/data/one into/named
is "under a name" "$(cat into/named)" one
decant cp app:/data into
is "a directory, into one that is there" "$(cat into/data/sub/two)" two
decant cp app:/data fresh
is "or in place of none" "$(cat fresh/sub/two)" two
mkdir content && decant cp app:/data/. content
is "SRC/. is its content" "$(find content -mindepth 1 -maxdepth 1 | sort | tr '\n' ' ')" "content/one content/same content/sub "
is "hard links stay" "$(stat -c %i content/one)" "$(stat -c %i content/same)"
is "modes stay, but rights of others" "$(stat -c %a content/sub/two)" 755
decant cp --archive app:/data/sub/two archived 2>/dev/null && is "-a keeps them" "$(stat -c %a archived)" 4755
decant cp app:/abs link
is "a link as it is" "$(readlink link)" /data/one
decant cp -L app:/abs followed
is "-L: what it leads to" "$(cat followed)" one
decant cp -L app:/escape out 2>err
unlike "never outside" "$(cat out err 2>/dev/null)" "^$hidden\$"
decant cp app:/dir/one through
is "links on the way, inside" "$(cat through)" one
run decant cp app:/nope x
status "what is not there" 1
like "says so" "$ERR" "Could not find the file /nope in image app"
like "and what was to be done" "$ERR" "while copying from 'app:/nope' to 'x'"
run decant cp app:/data/one nowhere/
ok "a directory that is not there" [ "$STATUS" -ne 0 ]
run decant cp app:/data here
ok "a directory over a file" [ "$STATUS" -ne 0 ]
run decant cp nope:/x y
like "no such container" "$ERR" "No such container: nope"
run decant cp here app:/x
like "into an image: no" "$ERR" "is an image"
run decant cp a b
like "no container at all" "$ERR" "must specify at least one container source"
run decant cp a:/b c:/d
like "two of them" "$ERR" "between containers is not supported"
is "as an archive" "$(decant cp app:/data - | tar -tf - | tr '\n' ' ')" "data/ data/one data/same data/sub/ data/sub/two "

# --- a container that does not run ------------------------------------------------------------------
decant create --name box app sh -c 'cat /in/one /new; echo changed >/data/one' >/dev/null
echo new >new && mkdir -p in/deep && echo one >in/one && echo deep >in/deep/file
run decant cp new box:/new
status "into one that was made" 0
run decant cp in box:/
status "a directory" 0
run decant cp in/. box:/data/sub
status "its content" 0
run decant cp nope box:/x
ok "what is not here" [ "$STATUS" -ne 0 ]
run decant start -a box
is "it has them" "$(tr '\n' ' ' <<<"$OUT")" "one new "
is "out again, changed" "$(decant cp box:/data/one - | tar -xOf -)" changed
is "owned by root" "$(decant cp box:/in - | tar --numeric-owner -tvf - | awk '{print $2}' | sort -u)" 0/0
tar -cf t.tar -C in . && run decant cp - box:/empty <t.tar
status "an archive" 0
is "is unpacked" "$(decant cp box:/empty/deep/file - | tar -xOf -)" deep
run decant cp - box:/nope <t.tar
ok "not where nothing is" [ "$STATUS" -ne 0 ]
echo evil >evil && tar -cPf evil.tar --transform 's,evil,../../../evil,' evil 2>/dev/null
run decant cp - box:/empty <evil.tar
ok "nor outside" [ "$STATUS" -ne 0 ]

# --- a running one ----------------------------------------------------------------------------------
decant run -d --name live --tmpfs /mem app sh -c 'echo first >/mem/f; echo up; while [ ! -s /go ]; do sleep 0.05; done; cat /go' >/dev/null
wait_until 60 eval 'decant logs live | grep -q up'
is "out of a running one, from what is mounted too" "$(decant cp live:/mem/f - | tar -xOf -)" first
run decant cp new live:/go
status "into it" 0
is "and it sees it" "$(decant wait live; decant logs live | tail -1)" "0
new"
run decant run --rm app true
decant rm -f box live >/dev/null

# --- export -----------------------------------------------------------------------------------------
decant run --name made app sh -c 'rm -r /data/sub; echo x >/x' >/dev/null
decant export made | tar -tf - >list
ok "export: what it made" grep -qx x list
ok "not what it removed" eval '! grep -q data/sub list'
ok "and the image's files" grep -qx data/one list
run decant export -o made.tar made
status "export -o" 0
is "the same" "$(tar -tf made.tar | sort | cksum)" "$(sort list | cksum)"
ok "of an image" eval 'decant export app | tar -tf - | grep -qx data/sub/two'
run decant import made.tar flat:1
status "and can be imported" 0
is "and run" "$(decant run --rm flat:1 cat /x)" x
run decant export nope
status "export of none" 1
like "says so" "$ERR" "No such container: nope"
run decant export -o nowhere/x.tar made
ok "into no directory" [ "$STATUS" -ne 0 ]
run decant export -o half.tar nope
status "export -o of none" 1
is "no half file stays" "$(find . -maxdepth 1 -name '.decant-*' -o -name half.tar)" ""
is "export -o: the mode is that of any new file" "$(stat -c %a made.tar)" "$(printf %o $((0666 & ~0$(umask))))"
export_to() { # FILE: what goes into it by export -o is the archive
	run decant export -o "$1" made
	is "export -o $1" "$STATUS $ERR" "0 "
}
mkdir placed && ln -s placed/linked.tar first-link && ln -s "$T/first-link" second-link && ln -s own-link own-link
export_to second-link
is "... the link stays, its target is made" "$(readlink second-link) $(readlink first-link) $(stat -c %F placed/linked.tar)" "$T/first-link placed/linked.tar regular file"
ok "... and is the archive" cmp made.tar placed/linked.tar
echo old >placed/linked.tar
export_to first-link
ok "... that replaces what was there" cmp made.tar placed/linked.tar
is "... nothing else is left" "$(ls -A placed)" linked.tar
run decant export -o own-link made
like "... a link to itself" "$STATUS $ERR" "^[1-9].*'own-link'.*Too many levels"
run decant save -o first-link app
is "save -o: the same" "$STATUS $(readlink first-link) $(tar -tf placed/linked.tar | grep -c '^manifest.json$')" "0 placed/linked.tar 1"
mkfifo fifo
timeout 120 cat fifo >through.tar &
export_to fifo
wait $!
ok "... a pipe stays one, and carries the archive" cmp made.tar through.tar
is "... it is there" "$(stat -c %F fifo)" fifo
if mknod null c 1 3 2>/dev/null && : 2>/dev/null >null; then
	export_to null
	is "... a device stays one" "$(stat -c %F null)" "character special file"
else
	skip "export -o into a device" "no device can be made here"
fi
if command -v script >/dev/null; then
	run script -qec "$DECANT export made" /dev/null
	like "not to a terminal" "$OUT" "cowardly refusing"
else
	skip "not to a terminal" "no script(1)"
fi
decant rm made >/dev/null

# --- export of a running one ------------------------------------------------------------------------
mkdir volume && echo outside >volume/secret
decant run -d --name live -v "$T/volume:/data" -v "$T/volume:/made/here" --tmpfs /empty -p 127.0.0.1::80 app \
	sh -c 'echo tmp >/empty/f; echo own >/own; rm /escape; echo up; while [ ! -e /data/go ]; do sleep 0.05; done' >/dev/null
for _ in $(seq 600); do
	if decant logs live | grep -q up; then break; fi
	sleep 0.05
done
run decant export -o live.tar live
status "export of a running one" 0
is "it is running still" "$(decant ps -q | wc -l)" 1
tar -tf live.tar >list
ok "what it made" grep -qx own list
ok "not what it removed" eval '! grep -qx escape list'
is "the mount points are empty" "$(grep -E '^(proc|sys|dev|empty)/' list | sort | tr '\n' ' ')" "dev/ empty/ proc/ sys/ "
ok "nothing of a volume" eval '! grep -q secret list'
ok "but what the image has in its place" grep -qx data/sub/two list
is "cp sees the volume" "$(decant cp live:/data/secret - | tar -xOf -)" outside
is "and the tmpfs" "$(decant cp live:/empty/f - | tar -xOf -)" tmp
touch volume/go
decant wait live >/dev/null
decant export -o ended.tar live
tar -tvf live.tar | sort >live.list
tar -tvf ended.tar | sort >ended.list
is "when it has ended, the same but for what was made as mount points" "$(diff live.list ended.list | awk '/^[<>]/ { print $1 $7 }' | tr '\n' ' ')" \
	"<etc/hostname <etc/hosts <etc/resolv.conf <made/ <made/here/ "
decant rm live >/dev/null
is "nothing stays" "$(leftovers)" ""
done_testing
