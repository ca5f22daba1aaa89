#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# T-070: which uid, gid and further groups a RUN has, for every way of writing USER.  T-063: and it runs nothing but its command.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base box:1

mkdir ctx out
# A base where root and app are in more groups than their own.
cat >ctx/Dockerfile <<'D'
FROM box:1
RUN echo 'wheel:x:10:root' >>/etc/group && echo 'extra:x:60:daemon,app' >>/etc/group
ENTRYPOINT ["/bin/false"]
D
run decant build -q -t groups:1 ctx
status "the base" 0

ways=(root:root 0 1000 app 1000:1000 app:staff app:50 daemon 1 1042 1042:1043 nobody:nobody)
{
	echo "FROM groups:1 AS test"
	echo "RUN mkdir -m 1777 /out && id -u >/out/default && id -g >>/out/default && id -G >>/out/default"
	for way in "${ways[@]}"; do
		echo "USER $way"
		# busybox's id sorts nothing: the list as the kernel has it
		echo "RUN (id -u; id -g; id -G) >/out/$way"
	done
	echo "FROM scratch"
	echo "COPY --from=test /out /"
} >ctx/Dockerfile
run decant build -q --output type=local,dest=out ctx
status "builds" 0

# "UID GID FURTHER...": further groups sorted, the primary one among them once.
of() {
	local lines
	mapfile -t lines <"out/$1"
	# shellcheck disable=SC2086 # words
	echo "${lines[0]} ${lines[1]} $(printf '%s\n' ${lines[2]} | sort -nu | paste -sd ' ')"
}
is "without USER: root and its groups" "$(of default)" "0 0 0 10"
is "root:root: that group alone" "$(of root:root)" "0 0 0"
is "0: as root" "$(of 0)" "0 0 0 10"
is "app: primary and further groups" "$(of app)" "1000 1000 50 60 1000"
is "1000: a number that has a name is that user" "$(of 1000)" "1000 1000 50 60 1000"
is "1000:1000: that group alone" "$(of 1000:1000)" "1000 1000 1000"
is "app:staff: that group alone" "$(of app:staff)" "1000 50 50"
is "app:50: the same by number" "$(of app:50)" "1000 50 50"
is "daemon" "$(of daemon)" "1 1 1 60"
is "1" "$(of 1)" "1 1 1 60"
is "1042: a number without a name has group 0" "$(of 1042)" "1042 0 0"
is "1042:1043: numbers need no names" "$(of 1042:1043)" "1042 1043 1043"
is "nobody:nobody" "$(of nobody:nobody)" "65534 65534 65534"

# D20: the groups of whoever runs decant are none of a RUN's.
if [ "$(id -u)" -eq 0 ]; then
	run setpriv --groups 4242,10 "$DECANT" build -q --no-cache --output type=local,dest=out ctx
	status "D20 builds for one who is in other groups" 0
	is "D20 app has those of the image" "$(of app)" "1000 1000 50 60 1000"
	is "D20 and so has a number without a name" "$(of 1042)" "1042 0 0"
else
	skip "D20 groups of the host" "only root can be in others"
fi

for way in nosuch app:nosuch nosuch:0; do
	printf 'FROM groups:1\nUSER %s\nRUN true\n' "$way" >ctx/Dockerfile
	run decant build -q ctx
	ok "USER $way: refused" [ "$STATUS" -ne 0 ]
	like "... at its line" "$ERR" '^Dockerfile:2:|^ctx/Dockerfile:2:'
	like "... by name" "$ERR" nosuch
done
# Malformed lines: what is not looked for is skipped, a gid that is missing or none is 0.
cat >ctx/Dockerfile <<'D'
FROM groups:1
RUN cp /etc/group /etc/passwd && (echo no line; echo :::; echo half:x:77; echo word:x:78:y; echo big:x:79:4294967296; echo none:x::5) >>/etc/passwd
RUN echo "root $(id -u) $(id -g)"
USER half
RUN echo "half $(id -u) $(id -g)"
USER word
RUN echo "word $(id -u) $(id -g)"
D
run decant build --progress=plain ctx
status "malformed lines of /etc/passwd stop nothing" 0
like "... root is root" "$ERR" '[0-9] root 0 0$'
like "... a line that ends before its gid" "$ERR" '[0-9] half 77 0$'
like "... a word for a gid" "$ERR" '[0-9] word 78 0$'
for way in big none; do
	{ sed '/^RUN echo/,$d' ctx/Dockerfile && printf 'USER %s\nRUN true\n' "$way"; } >ctx/Dockerfile.bad
	run decant build -q -f ctx/Dockerfile.bad ctx
	ok "... an id that is asked for and is none ($way): refused" [ "$STATUS" -ne 0 ]
	like "... naming file and line" "$ERR" "of '$way' in the image's /etc/passwd is no id between 0 and 4294967294"
done

printf 'FROM groups:1\nUSER nosuch\nCMD ["x"]\n' >ctx/Dockerfile
run decant build -q ctx
status "USER that no RUN needs is not looked up" 0

printf 'FROM groups:1\nRUN ["/bin/echo", "one two"]\nRUN echo $0\n' >ctx/Dockerfile
run decant build --progress=plain ctx
status "T-063 RUN does not go through ENTRYPOINT" 0
like "T-063 exec form" "$ERR" '[0-9] one two$'
like "T-063 shell form" "$ERR" '[0-9] /bin/sh$'
done_testing
