#!/usr/bin/env python3
"""Compare the assembler of src/x64 with GNU objdump, an outside judge.

    objdump_compare.py [--objdump PROGRAM] ASM_WORDS

ASM_WORDS writes code and says what each instruction is; objdump must say the
same, from the same offsets on.  Exits 77 without an objdump for x86-64.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAMS = ["objdump", "x86_64-linux-gnu-objdump"]
LINE = re.compile(r"^\s*([0-9a-f]+):\t(.*)$")


def find_objdump(wanted):
    for program in [wanted] if wanted else PROGRAMS:
        if shutil.which(program):
            text = subprocess.run([program, "-i"], stdout=subprocess.PIPE,
                                  text=True, check=False).stdout
            if "i386:x86-64" in text or "elf64-x86-64" in text:
                return program
    print("no objdump for x86-64")
    sys.exit(77)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objdump")
    parser.add_argument("asm_words")
    args = parser.parse_args()
    objdump = find_objdump(args.objdump)
    with tempfile.NamedTemporaryFile() as f:
        said = subprocess.run([args.asm_words, f.name], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        out = subprocess.run(
            [objdump, "-D", "-z", "-w", "-b", "binary", "-m", "i386:x86-64",
             "-M", "intel", "--no-show-raw-insn", f.name],
            check=True, text=True, stdout=subprocess.PIPE).stdout
    seen = {}
    for line in out.splitlines():
        match = LINE.match(line)
        if match:
            seen[int(match[1], 16)] = re.sub(r"\s+", " ", match[2]).strip()
    wrong = count = 0
    for line in said.splitlines():
        at, text = line.split(" ", 1)
        count += 1
        if seen.get(int(at, 16)) != text:
            wrong += 1
            if wrong <= 20:
                print("%s: \"%s\", objdump: \"%s\"" % (
                    at, text, seen.get(int(at, 16))))
    print("%d of %d instructions differ" % (wrong, count))
    sys.exit(wrong != 0 or count < 1000)


if __name__ == "__main__":
    main()
