#!/usr/bin/env python3
"""Show translated code: guest instructions, how they were taken, host code.

usage: scripts/code.py [--kind KIND] [--at ADDRESS] [--name TEXT] [--last N]
                       [--no-rare] FILE

FILE is what `disco-run --dump-code FILE` wrote.  Host code is disassembled by
objdump (binutils, or a cross one named by OBJDUMP).

  --kind KIND    only routine, block or region
  --at ADDRESS   only what has code of the guest instruction there (hexadecimal)
  --name TEXT    only what has TEXT in its name
  --last N       only the last N of those
  --no-rare      not what is behind the blocks
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile


class Piece:
    def __init__(self, line):
        _, self.kind, gva, insns, host, size, self.name = line.split(None, 6)
        self.gva, self.host = int(gva, 16), int(host, 16)
        self.insns, self.size = int(insns), int(size)
        self.facts = []  # lines
        self.parts = []  # (offset, line)
        self.hex = []

    def has(self, address):
        return any(line.startswith("%016x " % address)
                   for _, line in self.parts)


def read(lines):
    piece = None
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("code "):
            if piece:
                yield piece
            piece = Piece(line)
        elif line.startswith("#"):
            piece.facts.append(line)
        elif line.startswith("@"):
            offset, text = line[1:].split(None, 1)
            piece.parts.append((int(offset, 16), text))
        elif line.startswith("+"):
            piece.hex.append(line[1:])
    if piece:
        yield piece


INSN = re.compile(r"^\s*([0-9a-f]+):\s*((?:[0-9a-f]{2} )+)\s*(.*)$")


def disassemble(piece, objdump):
    """(offset, text) of each host instruction."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(bytes.fromhex("".join(piece.hex)))
        f.flush()
        out = subprocess.run(
            [objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel",
             "-w", "--adjust-vma=%#x" % piece.host, f.name],
            stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in out.splitlines():
        match = INSN.match(line)
        if match:
            yield int(match[1], 16) - piece.host, match[3]


def named(text, routines):
    """Addresses of routines become their names."""
    def name(match):
        return routines.get(int(match[0], 16), match[0])
    return re.sub(r"0x[0-9a-f]{6,}", name, text)


def show(piece, routines, objdump, rare):
    print("%s %s: %d instructions, %d bytes at %#x" % (
        piece.kind, piece.name, piece.insns, piece.size, piece.host))
    for line in piece.facts:
        print(line)
    parts = list(piece.parts)
    for offset, text in disassemble(piece, objdump):
        while parts and parts[0][0] <= offset:
            head = parts.pop(0)[1]
            if not rare and head.startswith(("# from outside", "# rare",
                                             "# jumps")):
                print()
                return
            print(head)
        print("      %5x  %s" % (offset, named(text, routines)))
    print()


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("--kind", choices=["routine", "block", "region"])
    parser.add_argument("--at", type=lambda text: int(text, 16))
    parser.add_argument("--name")
    parser.add_argument("--last", type=int)
    parser.add_argument("--no-rare", dest="rare", action="store_false")
    parser.add_argument("file")
    args = parser.parse_args()

    with open(args.file, encoding="utf-8") as f:
        pieces = list(read(f))
    routines = {p.host: p.name for p in pieces if p.kind == "routine"}
    wanted = [p for p in pieces
              if (not args.kind or p.kind == args.kind) and
              (args.at is None or p.has(args.at)) and
              (not args.name or args.name in p.name)]
    for piece in wanted[-args.last:] if args.last else wanted:
        show(piece, routines, os.environ.get("OBJDUMP", "objdump"), args.rare)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
