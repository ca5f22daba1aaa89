#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# history --lines: which line of the Dockerfile each entry comes from.
. "$(dirname "$0")/../lib/e2e.sh"
base alpine:edge
mkdir "$T/c"
echo x >"$T/c/x"
cat >"$T/c/Dockerfile" <<'D'
# a comment
FROM alpine:edge AS Base
ENV A=1 \
    B=2
COPY x /x

FROM scratch AS unused
COPY x /y
FROM base
ARG LATE
LABEL l=1
COPY --from=unused \
  /y /y
CMD ["/bin/sh"]
D
run decant build -q -t app "$T/c"
status "a build" 0
lines() { decant history --format '{{.Line}} {{.CreatedBy}}' --no-trunc "$@" | sed 's/ *# buildkit//'; }
is "each entry has its line, those of the base none" "$(lines app | sed 's/ *$//')" '14 CMD ["/bin/sh"]
12 COPY /y /y
11 LABEL l=1
10 ARG LATE
5 COPY x /x
3 ENV A=1 B=2'
run decant history --lines app
like "a column of its own" "$(head -n 1 <<<"$OUT")" '^IMAGE +CREATED +LINE +CREATED BY +SIZE +COMMENT$'
like "filled" "$OUT" ' 14 +CMD '
run decant history app
like "not by default" "$(head -n 1 <<<"$OUT")" '^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$'
run decant history --format json app
unlike "nor in JSON" "$OUT" Line
run decant history --lines alpine:edge
status "an image that was not built here" 0
printf 'FROM alpine:edge\nCOPY x /a\nENV X=1\nONBUILD RUN x\nCOPY x /b\n' | decant build -q -t triggers -f - "$T/c" >/dev/null
is "ONBUILD leaves no entry, and takes no line from others" "$(lines triggers | sed 's/ *$//')" '5 COPY x /b
3 ENV X=1
2 COPY x /a'
# The file changes: an image keeps the lines of the file that it was built from.
sed -i 1d "$T/c/Dockerfile"
is "lines as they were" "$(lines app | head -n 1)" '14 CMD ["/bin/sh"]'
run decant build -q -t app "$T/c"
is "and as they are, by the last build that made it" "$(lines app | head -n 1)" '13 CMD ["/bin/sh"]'
is "nothing is left behind" "$(leftovers)" ""
done_testing
