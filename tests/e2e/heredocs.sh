#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Heredocs as they end up: files with their content, and commands that ran (T-001 to T-011).
. "$(dirname "$0")/../lib/e2e.sh"

mkdir ctx out
# What COPY and ADD make of them needs no RUN.
cat >ctx/Dockerfile <<'D'
FROM scratch
# T-001
COPY <<EOF single
one

  two
EOF
# T-002
COPY <<EOF <<EOF2 double/
first
EOF
second
EOF2
# T-003
COPY --chmod=777 --chown=12:34 <<EOF /permfiles/all
x
EOF
# T-004
COPY <<EOF /escapes/plain
\
\\
\$
a\b "\"" '\''
EOF
COPY <<"EOF" /escapes/quoted
\
\\
\$
EOF
# T-005
ARG name=world
COPY <<EOF <<'RAW' <<-TABS /vars/
Hello '${name}'! "$name" ${none:-no} $1
EOF
$name
RAW
		$name
	 	kept
	TABS
COPY <<empty /
empty
D
run decant build -q --output type=local,dest=out ctx
status "builds" 0
is "T-001 content with its last newline" "$(cat out/single; echo .)" $'one\n\n  two\n.'
is "T-001 mode" "$(stat -c %a out/single)" 644
is "T-002 each is named after its word" "$(cd out/double && cat EOF EOF2; ls)" $'first\nsecond\nEOF\nEOF2'
is "T-003 --chmod" "$(stat -c %a out/permfiles/all)" 777
run decant build -q -t files --output type=tar,dest=files.tar ctx
is "T-003 --chown" "$(tar tvf files.tar --numeric-owner | awk '/permfiles.all/ { print $1, $2 }')" '-rwxrwxrwx 12/34'
is "their time is not that of the build" "$(TZ=UTC tar tvf files.tar --full-time | awk '/permfiles.all| single/ { print $4, $5 }' | sort -u)" '1970-01-01 00:00:00'
is "T-004 escapes in a body that is expanded" "$(cat out/escapes/plain)" $'\n\\\n$\nab """ \'\'\''
is "T-004 ... and in one that is not" "$(cat out/escapes/quoted)" $'\\\n\\\\\n\\$'
is "T-005 variables, quotes as they are" "$(cat out/vars/EOF)" "Hello 'world'! \"world\" no "
is "T-005 a quoted word protects the body" "$(cat out/vars/RAW)" '$name'
is "T-005 tabs go before variables come" "$(cat out/vars/TABS)" $'world\n \tkept'
is "an empty body is an empty file" "$(stat -c %s out/empty)" 0

rm -rf out && mkdir out
printf '# escape=`\nFROM scratch\nARG name=x\nCOPY <<E `\n /dest`\n/f\n\\$name ` `$name\nE\n' >ctx/Dockerfile
run decant build -q --output type=local,dest=out ctx
is "T-005 \\ escapes in bodies whatever the directive says" "$(cat out/dest/f)" '$name ` `x'

# T-011: the text goes into the image as it stands.
cat >ctx/Dockerfile <<'D'
FROM scratch
onbuild run --network=none <<-EOF cat
	a $b
	EOF
D
run decant build -q -t onbuild ctx
is "T-011 ONBUILD keeps body and end" "$(decant inspect -f '{{json .Config.OnBuild}}' onbuild)" \
	'["run --network=none <<-EOF cat\n\ta $b\nEOF"]'

needs_run
base box:1
cat >ctx/Dockerfile <<'D'
FROM box:1 AS test
ENV who=builder
# T-006
RUN <<EOF
who=shell
printf '%s\n' "$who" '$who' >/t006
printf %s "a\
b" >>/t006
EOF
# T-007
RUN <<EOF
#!/bin/sh
echo "$0" >/t007
ls -l "$0" | cut -c1-10 >>/t007
EOF
# T-008
RUN <<-EOF
	#!/bin/awk -f
	BEGIN { print "tabs" >"/t008" }
EOF
# T-009
RUN <<EOF sh >/t009
echo 'from sh'
EOF
RUN cat <<A | tr a-z A-Z >>/t009; cat <<'B' >>/t009
one $who
A
two $who
B
RUN <<EOF 3<<IN1 4<<IN2 sh
cat <&3 >>/t009
cat <&4 >>/t009
EOF
three
IN1
four
IN2
# T-010
SHELL ["/bin/awk"]
RUN <<EOF
BEGIN {
  print "shell is awk" >"/t010"
}
EOF
FROM scratch
COPY --from=test /t* /
COPY --from=test /dev /dev/
D
rm -rf out && mkdir out
run decant build -q --output type=local,dest=out ctx
status "RUN heredocs" 0
is "T-006 the shell gets the body as it is" "$(cat out/t006)" $'shell\n$who\nab'
is "T-007 the script and where it was" "$(cat out/t007)" $'/dev/pipes/EOF\n-rwxr-xr-x'
ok "T-007 nothing of it stays" [ ! -e out/dev/pipes ]
is "T-008 tabs go before the script is looked for" "$(cat out/t008)" tabs
is "T-009 the shell reads the heredocs of a longer command" "$(cat out/t009)" $'from sh\nONE BUILDER\ntwo $who\nthree\nfour'
is "T-010 the shell that is set" "$(cat out/t010)" 'shell is awk'
done_testing
