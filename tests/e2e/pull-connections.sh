#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A large layer comes over several connections where one is slow, and over one where that is quick.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/fault.sh
. "$E2E_ROOT/tests/lib/fault.sh"
needs_run
mkdir ctx
head -c 20000000 /dev/urandom >ctx/large
printf 'FROM scratch\nCOPY large /\n' >ctx/Dockerfile
run decant build -q -o type=oci,dest=layout,tar=false ctx
status "an image with a layer of 20 MB" 0
FAULT_LAYOUT=$T/layout fault_start
FAULT=0.0.0.0:$PORT # which is no loopback address: those are asked over one connection

pieces() { fault_log | grep -c "blobs/$LAYER range=bytes=[0-9]*-[0-9]"; }
rests() { fault_log | grep -c "blobs/$LAYER range=bytes=[0-9]*- "; }

taken throttle-15000 "15 MB/s" --insecure-registry "$FAULT"
ok "15 MB/s: in pieces" [ "$(pieces)" -ge 4 ]
is "15 MB/s: not as a stream" "$(rests)" 0
# A machine under load may find any server slow: once of several times is enough.
for _ in $(seq 10); do
	taken throttle-4000000 "4 GB/s" --insecure-registry "$FAULT"
	[ "$(rests)" -eq 0 ] || break
done
is "4 GB/s: a piece that was quick" "$(pieces)" 1
is "4 GB/s: then the rest as a stream" "$(rests)" 1
DECANT_CONNECTIONS=3 taken throttle-4000000 "4 GB/s, three connections wished for" --insecure-registry "$FAULT"
ok "4 GB/s, three connections wished for: in pieces" [ "$(pieces)" -ge 4 ]
is "nothing left over" "$(leftovers)" ""
done_testing
