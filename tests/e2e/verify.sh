#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# verify: builds twice; what differs is named, with its step and, where the bytes tell it, the cause.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir "$T/c"
echo content >"$T/c/file"
dockerfile() { cat >"$T/c/Dockerfile"; }
refs() { decant images -aq --no-trunc | sort; }
before=$(refs)

dockerfile <<'D'
FROM alpine:edge AS one
COPY file /file
RUN mkdir /d && echo made >/d/made && chmod 700 /d && date >/dev/null
FROM alpine:edge
COPY --from=one /d /d
RUN echo end >/end
CMD ["/bin/sh"]
D
run decant verify -t named "$T/c"
status "a build that is reproducible" 0
like "says so" "$OUT" '^reproducible: sha256:[0-9a-f]{64}$'
like "which time both had" "$ERR" "SOURCE_DATE_EPOCH is not set: both builds have [0-9]{10}"
is "nothing is named" "$(refs)" "$before"
export SOURCE_DATE_EPOCH=1600000000
built=$(decant build -q "$T/c")
run decant verify -q "$T/c"
is "the ID is that of the build" "$OUT" "reproducible: $built"
is "an image that was there stays" "$(refs)" "$(printf '%s\n' "$before" "$built" | sort)"
decant rmi "$built" >/dev/null
before=$(refs)

dockerfile <<'D'
FROM alpine:edge AS clock
RUN echo same >/same
RUN mkdir /out && echo "built at $(date +%H:%M:%S)" >/out/stamp && date +%s >/out/s && cat /proc/sys/kernel/random/uuid >/out/uuid && chmod 7$(($(date +%s) % 7))0 /out/uuid
FROM alpine:edge
RUN echo fine >/fine
COPY --from=clock /out /out
D
run decant verify -q "$T/c"
status "one that is not" 1
like "the step that made it, not the one that copies" "$OUT" "^not reproducible: $T/c/Dockerfile:3:1: \[clock 3/3\] RUN mkdir"
like "a clock" "$OUT" "^  /out/stamp  content; from byte [0-9]+ on: 'built at .*', then 'built at .*', which looks like a date or a time$"
like "seconds" "$OUT" "^  /out/s  content; from byte [0-9]+ on: '[0-9]{10}', then '[0-9]{10}', which looks like seconds since 1970$"
like "what is only different is only shown" "$OUT" "^  /out/uuid  content.*; from byte [0-9]+ on: '[0-9a-f-]{36}', then '[0-9a-f-]{36}'$"
unlike "equal files are not" "$OUT" "/same|/fine"
is "nothing is left" "$(refs)" "$before"
of_first=$(sed -n "s|^  /out/s .*: '\([0-9]*\)', then.*|\1|p" <<<"$OUT")
run decant build --progress plain "$T/c"
is "all is in the cache" "$(grep -c CACHED <<<"$ERR")" 4
id=$(grep -o 'sha256:[0-9a-f]*' <<<"$ERR" | tail -n 1)
is "as the first build made it" "$(decant shell "$id" cat /out/s </dev/null)" "$of_first"
decant rmi "$id" >/dev/null

dockerfile <<'D'
FROM alpine:edge
RUN echo x >/x && gzip /x && t=$(date +%s) && for i in 0 8 16 24; do printf "\\$(printf %03o $((t >> i & 255)))"; done | dd of=/x.gz bs=1 seek=4 conv=notrunc
D
run decant verify -q "$T/c"
status "a gzip header" 1
like "is known" "$OUT" "/x.gz  content; byte 4: the time in a gzip header: gzip -n leaves it out$"
dockerfile <<'D'
FROM alpine:edge
RUN nproc >/processors; touch "/at-$(date +%s)"
D
run decant verify -q "$T/c"
like "a name of the first" "$OUT" "^  /at-[0-9]{10}  only in the first build$"
like "of the second" "$OUT" "^  /at-[0-9]{10}  only in the second build$"
if [ "$(nproc)" -gt 1 ]; then
	like "the number of processors" "$OUT" "^  /processors  content; from byte 0 on: '[0-9]+', then '1'$"
else
	skip "the number of processors" "there is one"
fi

dockerfile <<'D'
FROM alpine:edge
RUN false
D
run decant verify "$T/c"
status "a build that fails" 1
like "is told as by build" "$ERR" "Dockerfile:2:1: .*exit code: 1"
is "and says nothing of reproducing" "$OUT" ""
help=$(decant verify --help)
for option in --push "--output out" --iidfile=x --metadata-file=x --check --call=check --shell-on-error --cache-to=type=local,dest=c; do
	# shellcheck disable=SC2086
	run decant verify $option "$T/c"
	status "$option has no meaning here" 2
	name=${option%%[= ]*}
	like "... which is said" "$ERR" "verify has no $name"
	unlike "... and help has it not" "$help" "^ +(-., )?$name( |\$)"
	is "... but that of build has" "$(decant build --help | grep -cE "^ +(-., )?$name( |\$)")" 1
done
unlike "nor does completion offer it" "$(decant __complete -- verify --c | cut -f 1)" "^--(cache-to|check|call)"
run decant verify - <"$T/c/Dockerfile"
status "standard input cannot be read twice" 2
is "nothing is left behind" "$(leftovers)" ""
done_testing
