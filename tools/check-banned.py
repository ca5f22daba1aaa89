#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that this project does without.

usage: tools/check-banned.py [ROOT]

always   string functions that know no bounds, and a few that run a shell or guess at numbers
paths    calls that take a whole path instead of (dirfd, path), outside fs/, cli/ and tests: what
         comes from outside must be resolved below a directory fd.  A constant path ("/proc/self/ns")
         is fine.  So is a line that ends in a comment `/* whole path: REASON */`.
"""
import pathlib
import re
import sys

ALWAYS = "strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol localtime gmtime ctime asctime " \
         "tmpnam mktemp tempnam system popen alloca".split()
PATHS = "open openat64 creat fopen freopen stat lstat mkdir rmdir unlink rename link symlink readlink chmod chown lchown " \
        "access truncate mknod mkfifo opendir nftw ftw scandir realpath utimes remove setxattr lsetxattr getxattr lgetxattr".split()
FREE_OF_PATHS = {"fs", "cli"}
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(\s*(\"/)?" % "|".join(ALWAYS + PATHS))
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def blank(match):
    """Comments go, and so does the text of strings save a leading slash; lines keep their number."""
    text = match.group(0)
    if text.startswith('"'):
        return '"/"' if text.startswith('"/') else '""'
    return re.sub(r"[^\n]", " ", text)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    breaches = 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        parts = path.relative_to(root / "src").parts
        original = path.read_text(errors="replace")
        lines = original.splitlines()
        for number, line in enumerate(COMMENT_OR_TEXT.sub(blank, original).splitlines(), 1):
            for name, constant in CALL.findall(line):
                in_test = "test" in parts[1:-1]
                if in_test and name in ("system", "popen"):
                    continue  # a test may ask other programs
                if name in ALWAYS:
                    reason = "banned"
                elif parts[0] in FREE_OF_PATHS or in_test or constant or "/* whole path:" in lines[number - 1]:
                    continue
                elif path.suffix == ".h" or re.match(r"\s*(static\s+)?[A-Za-z_]\w*\s[\s*\w]*\b" + name + r"\s*\(", line):
                    continue  # a declaration or a member of that name
                else:
                    reason = "takes a whole path: use the call with a directory fd (src/fs/path.h)"
                print(f"{path}:{number}: {name}(): {reason}")
                breaches += 1
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
