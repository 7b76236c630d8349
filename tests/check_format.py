#!/usr/bin/env python3
"""Check the layout of all C files with clang-format 14.

usage: check_format.py SOURCE-ROOT [--fix]
--fix lays the files out instead.
Exit status 77 (skipped) when clang-format 14 is not there: other versions lay
out differently.
"""
import pathlib
import re
import shutil
import subprocess
import sys

FOLDERS = ("include", "src", "examples", "tests", "bench", "guests", "python")


def find_tool():
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            text = subprocess.run([name, "--version"], stdout=subprocess.PIPE,
                                  text=True).stdout
            if re.search(r"version 14\.", text):
                return name
    return None


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    tool = find_tool()
    if tool is None:
        print("clang-format 14 not found")
        return 77
    files = [str(p) for folder in FOLDERS if (root / folder).is_dir()
             for p in sorted((root / folder).rglob("*"))
             if p.suffix in (".c", ".h")]
    if "--fix" in sys.argv:
        return subprocess.run([tool, "-i"] + files).returncode
    text = subprocess.run([tool, "--dry-run", "-Werror"] + files,
                          stderr=subprocess.PIPE, text=True).stderr
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", text, re.M)))
    for name in wrong:
        print(pathlib.Path(name).relative_to(root), "is laid out otherwise")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
