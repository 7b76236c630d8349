#!/usr/bin/env python3
"""Check that the C program in README.md is examples/embed.c, to the letter.

usage: check_readme.py SOURCE-ROOT [--fix]
"""
import difflib
import pathlib
import re
import sys


def main():
    root = pathlib.Path(sys.argv[1])
    example = root / "examples" / "embed.c"
    path = root / "README.md"
    readme = path.read_text(encoding="utf-8")
    block = re.search(r"^```c\n(.*?)^```$", readme, re.S | re.M)
    if not block:
        print("README.md has no C block")
        return 1
    want = example.read_text(encoding="utf-8")
    if block.group(1) == want:
        return 0
    if "--fix" in sys.argv:
        path.write_text(readme[:block.start(1)] + want + readme[block.end(1):],
                        encoding="utf-8")
        return 0
    sys.stdout.writelines(difflib.unified_diff(
        want.splitlines(True), block.group(1).splitlines(True),
        "examples/embed.c", "README.md"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
