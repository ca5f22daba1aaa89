#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Root and an ordinary user with subordinate ids give the same image, and leave nothing behind.
. "$(dirname "$0")/../lib/e2e.sh"
needs_root
needs newuidmap
needs_run
base alpine:edge
tar=$T/base.tar # one image for both: its history is part of what is built on it
decant save -o "$tar" alpine:edge
chmod 644 "$tar"
mkdir ctx && cd ctx || exit 1
chmod 755 "$T"
cat >Dockerfile <<'D'
FROM alpine:edge AS one
RUN adduser -D x 2>/dev/null; mkdir -p /a/b && echo hi > /a/b/f && chown 1000:50 /a/b/f && chmod 4755 /a/b/f && ln /a/b/f /a/l
USER app
WORKDIR /srv/app
RUN id -u > mine
FROM alpine:edge
RUN rm -r /home && mkdir -p /home/new && mkfifo /fifo && ln -s /a /l
COPY --from=one /a /a
COPY --from=one --chown=app:staff /srv /srv
COPY data /data
D
echo data >data
cat >"$T/both" <<'S'
set -e
export SOURCE_DATE_EPOCH=1600000000
"$DECANT" load -q -i "$1" >/dev/null
"$DECANT" build -q --network=none --progress=plain -t img .
S
run bash "$T/both" "$tar"
status "as root" 0
root_id=$OUT
run as_user bash "$T/both" "$tar"
status "as an ordinary user" 0
is "the same image" "$OUT" "$root_id"
like "a digest" "$OUT" '^sha256:[0-9a-f]{64}$'
is "nothing is left" "$(leftovers)" ""
done_testing
