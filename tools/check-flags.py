#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that every flag of src/dockerfile/flags.def means something: src/plan/ names its FLAG_ID_<ID>.

The reader takes a flag as soon as it stands in the table; one that no handler asks for would be ignored without a word.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/dockerfile/flags.def"
plan = "".join(path.read_text() for path in (ROOT / "src/plan").glob("*.c"))
known = set(re.findall(r"\bFLAG_ID_(\w+)", plan))
wrong = [flag for flag in re.findall(r"^FLAG\((\w+),", TABLE.read_text(), re.M) if flag not in known]
for flag in wrong:
    print(f"{TABLE.relative_to(ROOT)}: nothing in src/plan/ asks for FLAG_ID_{flag}")
sys.exit(1 if wrong else 0)
