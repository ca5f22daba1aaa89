#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# rmi while a build runs: nobody is waited for, and what could not be collected goes with the next one.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run

base base:1
head -c 300000 /dev/urandom >big
tar -c big | decant import - gone >/dev/null
layer=$(decant inspect -f '{{index .RootFS.Layers 0}}' gone)
layer=${layer#sha256:}
env --default-signal=TERM "$DECANT" build --progress=plain - >build.log 2>&1 <<'D' &
FROM base:1
RUN echo begun; sleep 1000
D
pid=$!
wait_until 120 eval 'grep -q " begun$" build.log || ! kill -0 "$pid" 2>/dev/null'
ok "a build runs" grep -q ' begun$' build.log
run timeout 60 "$DECANT" rmi gone
status "an image is removed meanwhile" 0
like "and that is said" "$OUT" '^Untagged: gone:latest$'
ok "while the build still runs" kill -0 "$pid"
ok "its layer stays for now" test -e "$DECANT_ROOT/layers/$layer.list"
kill "$pid"
wait "$pid"
decant image prune -f >/dev/null
is "the next prune takes the layer" "$(find "$DECANT_ROOT/layers" -name "$layer*" | wc -l)" 0
done_testing
