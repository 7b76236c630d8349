#!/usr/bin/env python3
"""Compile every public header alone: as C99, C11 and C++11, twice included.

usage: check_headers.py INCLUDE-DIR CC...
CC is the C compiler's command; a C++ compiler is looked for beside it.
"""
import pathlib
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]


def compiles(command, text):
    done = subprocess.run(command + WARNINGS + ["-fsyntax-only", "-"],
                          input=text, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        print(" ".join(command), "\n" + text + done.stdout)
    return done.returncode == 0


def main():
    include = pathlib.Path(sys.argv[1])
    cc = sys.argv[2:]
    cxx = shutil.which("clang++" if "clang" in cc[0] else "g++") \
        or shutil.which("c++")
    languages = [cc + ["-x", "c", "-std=c99"], cc + ["-x", "c", "-std=c11"]]
    if cxx:
        languages.append([cxx, "-x", "c++", "-std=c++11"])
    else:
        print("no C++ compiler: C++11 not checked")
    good = True
    for header in sorted((include / "disco").glob("*.h")):
        text = f"#include <disco/{header.name}>\n" * 2 + "extern int here;\n"
        for language in languages:
            good &= compiles(language + ["-I", str(include)], text)
    # guest.h is also for assembly: macros and comments only.
    asm = "#include <disco/guest.h>\n"
    out = subprocess.run(cc + ["-x", "assembler-with-cpp", "-E", "-P", "-I",
                               str(include), "-"], input=asm, text=True,
                         stdout=subprocess.PIPE)
    if out.returncode or out.stdout.strip():
        print("guest.h leaves text behind in assembly:", out.stdout)
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
