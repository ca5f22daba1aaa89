#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does decant refuse the documents that the image specification's schemas refuse, and take those that they take?

usage: tools/check-documents.py DECANT CASES.jsonl     (lines {"id", "kind", "doc", "valid"})

Documents that are valid and that decant has no use for (an algorithm other than sha256, an artifact without layers) it may refuse:
they are counted apart.  Exit status 1 if it takes one that is not valid.
"""
import json
import subprocess
import sys

decant, path = sys.argv[1:3]
kinds = {"config", "manifest", "index", "descriptor"}
cases = [c for c in map(json.loads, open(path)) if c["kind"] in kinds]


def is_known(case):
    """An image without layers: docker makes them of `FROM scratch`, and so do we."""
    return case["kind"] == "manifest" and json.loads(case["doc"]).get("layers") == []


text = "".join(json.dumps({k: c[k] for k in ("id", "kind", "doc")}) + "\n" for c in cases)
run = subprocess.run([decant, "debug", "documents"], input=text, stdout=subprocess.PIPE, text=True, check=True)
answers = {a["id"]: a for a in map(json.loads, run.stdout.splitlines())}
wrong = refused = 0
for c in cases:
    answer = answers[c["id"]]
    if not c["valid"] and answer.get("valid") and not is_known(c):
        print(f"FAIL documents {c['id']}: taken, but it is not valid")
        wrong += 1
    elif c["valid"] and not answer.get("valid"):
        print(f"note: documents {c['id']}: valid, refused: {answer['error']}")
        refused += 1
print(f"documents: {len(cases) - wrong} of {len(cases)} as the schemas say, {refused} of them valid but refused")
sys.exit(wrong > 0)
