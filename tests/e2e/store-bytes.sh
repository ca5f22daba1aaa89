#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# K09: bytes of the small files that say what is in a store, flipped one by one: each command works or refuses clearly, and no image is lost by it.
# Some bytes of each here, every one with FAULTS=all.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
base base:1
base kept:1
decant publish base:1 >/dev/null
run python3 - "${FAULTS:-}" <<'P'
import os, re, subprocess, sys
store, decant = os.environ["DECANT_ROOT"], os.environ["DECANT"]
files = ["version", "index.json", "oci-layout", *("refs/" + name for name in sorted(os.listdir(store + "/refs")))]
bad, trials = [], 0


def run(*argv):
    done = subprocess.run([decant, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60)
    if done.returncode < 0 or re.search("Sanitizer|runtime error|Assertion", done.stderr):
        bad.append(f"{where}: {argv[0]} crashed: {done.stderr[-300:]}")
    if done.returncode and not re.match("(error|.*: error): .", done.stderr):
        bad.append(f"{where}: {argv[0]} ends with {done.returncode} and says {done.stderr[:200]!r}")
    return done


def blobs():
    return sorted(os.listdir(store + "/blobs/sha256")), sorted(os.listdir(store + "/layers"))


where = "before"
names, there = run("images", "-q", "--no-trunc").stdout, blobs()
for file in files:
    path = f"{store}/{file}"
    whole = open(path, "rb").read()
    step = 1 if sys.argv[1] == "all" else max(1, len(whole) // 24)
    for at in range(0, len(whole), step):
        where, trials = f"{file} byte {at}", trials + 1
        open(path, "wb").write(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:])
        listed = run("images", "-q", "--no-trunc")
        if listed.returncode == 0 and listed.stdout != names:
            bad.append(f"{where}: lists other images, and says nothing")
        run("image", "prune", "-f")
        if blobs() != there:
            bad.append(f"{where}: a prune took what names need")
        open(path, "wb").write(whole)
print(*bad, f"{trials} trials", sep="\n")
P
is "each command works or refuses, and nothing is lost ($(tail -n 1 <<<"$OUT"))" "$(sed '$d' <<<"$OUT")" ""
is "the images are there" "$(decant images --format '{{.Repository}}' | sort | paste -sd' ')" "base kept"
run decant fsck
status "the store is whole" 0
done_testing
