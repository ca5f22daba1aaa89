#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that every numbered case of the Dockerfile language has a test that names it.

usage: tools/check-cases.py [--list]

tests/cases.txt has the cases, "T-nnn meaning".  A test names one as T-nnn anywhere in its text; tests are
tests/golden/, tests/e2e/ and src/*/test/.  --list prints each case and where its tests are.
Fails for a case without a test, and for a number that is no case.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASE = re.compile(r"\bT-\d{3}\b")
PLACES = ("tests/golden/**/*", "tests/e2e/*", "src/*/test/*")


def read_cases():
    """number → meaning"""
    cases = {}
    for number, line in enumerate((ROOT / "tests/cases.txt").read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        case, _, meaning = line.partition(" ")
        if not CASE.fullmatch(case) or not meaning or case in cases:
            sys.exit(f"tests/cases.txt:{number}: no case, or one that was there before: {line}")
        cases[case] = meaning
    return cases


def read_tests():
    """number → ["file:line", ...], the first mention of each file"""
    found = {}
    for path in sorted(path for place in PLACES for path in ROOT.glob(place) if path.is_file()):
        name, seen = path.relative_to(ROOT), set()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            for case in CASE.findall(line):
                if case not in seen:
                    found.setdefault(case, []).append(f"{name}:{number}")
                    seen.add(case)
    return found


def main():
    cases, tests = read_cases(), read_tests()
    if sys.argv[1:] == ["--list"]:
        for case, meaning in cases.items():
            print(f"{case} {meaning}")
            print("".join(f"      {place}\n" for place in tests.get(case, ["none"])), end="")
        return 0
    if sys.argv[1:]:
        sys.exit("usage: tools/check-cases.py [--list]")
    wrong = [f"{case} has no test: {cases[case]}" for case in cases if case not in tests]
    wrong += [f"{places[0]}: {case} is no case of tests/cases.txt" for case, places in sorted(tests.items()) if case not in cases]
    print("".join(f"{line}\n" for line in wrong), end="")
    print(f"{sum(case in tests for case in cases)} of {len(cases)} cases have a test")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
