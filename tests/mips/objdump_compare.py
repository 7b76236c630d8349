#!/usr/bin/env python3
"""Compare the disassembler with GNU objdump, an outside judge.

    objdump_compare.py [--seed N] [--objdump PROGRAM] DISAS_WORDS INSN_DEF

Words: every row of insn.def with random fields, every value of the fields
that select an instruction with random rest, all words whose upper or lower
half is 0, and plain random ones, at several addresses.  Text must be equal,
and a word is `.word` for both or for neither, but for the differences listed
in RULES.  Then the ISA level of every row: the first CPU of LEVELS that has the
instruction.  Exits 77 when there is no objdump for MIPS.
"""

import argparse
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

OPTIONS = ['-D', '-z', '-b', 'binary', '-EB', '-M', 'no-aliases,gpr-names=64']
PROGRAMS = ['mips64-linux-gnuabi64-objdump', 'mips64-linux-gnu-objdump',
            'mips-linux-gnu-objdump', 'mips-elf-objdump', 'mips64-elf-objdump']

# A CPU that ends at each level.
LEVELS = {'MIPS1': 'mips:3000', 'MIPS2': 'mips:6000', 'MIPS3': 'mips:4000',
          'MIPS4': 'mips:8000', 'R10K': 'mips:10000'}

# A slice of the words for each.
ADDRESSES = [0, 0x0ffe0000, 0xffffffff80000000, 0xffffffffbfc00000,
             0x9000000000100000]

LINE = re.compile(r'^\s*([0-9a-f]+):\t([0-9a-f]{8}) \t?(.*)$')
ROW = re.compile(r'^INSN\(\w+\s*,\s*"([^"]+)"\s*,\s*(0x[0-9a-f]{8}),'
                 r'\s*(0x[0-9a-f]{8}),\s*\w+\s*,\s*(\w+)\s*,')


# --- Known differences ----------------------------------------------------
# Each rule turns objdump's text into the one that we should print, or returns
# None.  A rule that is never used is an error: then it is not true any more.

def dot_word(word):
    return '.word\t0x%x' % word


def hypcall(word, text):
    if word & 0xffe007ff == 0x42000028 and text.startswith('c0\t'):
        return 'hypcall\t0x%x' % (word >> 11 & 0x3ff)
    return None


def refused(pattern):
    expr = re.compile(pattern)

    def rule(word, text):
        return dot_word(word) if expr.match(text) else None
    return rule


def rewritten(pattern, replacement):
    expr = re.compile(pattern)

    def rule(_word, text):
        return expr.sub(replacement, text) if expr.match(text) else None
    return rule


RULES = [
    ('hypcall', 'our monitor call; a generic c0 word for objdump', hypcall),
    ('c0 to c2', 'generic coprocessor operation: the R10000 has only the ones '
     'that have a name', refused(r'c[0-2]\t')),
    ('cfc0', 'the R10000 has no CP0 control registers',
     refused(r'c[ft]c0\t')),
    ('cop2', 'the R10000 has no coprocessor 2',
     refused(r'(bc2[ft]l?|d?m[ft]c2|c[ft]c2)\t')),
    ('jalx', 'needs MIPS16 or microMIPS', refused(r'jalx\t')),
    ('sync.p', 'the R10000 knows type 0 of SYNC only', refused(r'sync\.p$')),
    ('wait', 'later CPUs only', refused(r'wait\b')),
    ('dli', 'alias that objdump prints even with no-aliases',
     rewritten(r'^dli\t(\w+),', r'ori\t\1,zero,')),
    ('neg', 'alias that objdump prints even with no-aliases',
     rewritten(r'^(d?)neg(u?)\t(\w+),(\w+)$', r'\1sub\2\t\3,zero,\4')),
]


# --- Words ----------------------------------------------------------------

def read_rows(path):
    rows = []
    with open(path, encoding='ascii') as source:
        for line in source:
            found = ROW.match(line)
            if found:
                rows.append((int(found[2], 16), int(found[3], 16), found[1],
                             found[4]))
            elif line.startswith('INSN('):
                sys.exit('objdump_compare: cannot read: ' + line)
    return rows


def make_words(rows, rng):
    words = []
    for mask, match, _, _ in rows:
        free = ~mask & 0xffffffff
        words += [match, match | free]
        words += [match | rng.getrandbits(32) & free for _ in range(200)]
        # One bit away from the row: mostly illegal.
        words += [(match | rng.getrandbits(32) & free) ^ 1 << bit
                  for bit in range(32)]
    for major in range(64):
        for low in range(64):
            words += [major << 26 | low]
            words += [major << 26 | rng.getrandbits(20) << 6 | low
                      for _ in range(4)]
        for rs in range(32):
            words += [major << 26 | rs << 21 | rng.getrandbits(21)
                      for _ in range(4)]
            words += [major << 26 | rng.getrandbits(5) << 21 | rs << 16
                      | rng.getrandbits(16) for _ in range(4)]
    for rs in range(32):
        for low in range(64):
            for major in (0x10, 0x11, 0x12, 0x13):
                words += [major << 26 | rs << 21 | low,
                          major << 26 | rs << 21 | rng.getrandbits(15) << 6
                          | low]
    # Two planes in full: they hold the words that stand for themselves.
    words += range(1 << 16)
    words += [high << 16 for high in range(1 << 16)]
    words += [rng.getrandbits(32) for _ in range(60000)]
    rng.shuffle(words)
    return words


# --- The two disassemblers ------------------------------------------------

def run_objdump(program, image, address, cpu):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'words')
        with open(path, 'wb') as out:
            out.write(image)
        done = subprocess.run(
            [program] + OPTIONS + ['-m', cpu, '--adjust-vma=0x%x' % address,
                                   path],
            stdout=subprocess.PIPE, check=True, text=True,
            env=dict(os.environ, LC_ALL='C'))
    return [LINE.match(line).groups() for line in done.stdout.splitlines()
            if LINE.match(line)]


def run_ours(program, image, address):
    done = subprocess.run([program, hex(address)], input=image,
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.decode('ascii').splitlines()


class Comparison:
    def __init__(self):
        self.words = 0
        self.legal = 0
        self.used = {name: 0 for name, _, _ in RULES}
        self.bad = []

    def expected(self, word, text):
        for name, _, rule in RULES:
            changed = rule(word, text)
            if changed is not None:
                self.used[name] += 1
                return changed
        return text

    def add(self, address, word, theirs, ours):
        self.words += 1
        want = self.expected(word, theirs)
        self.legal += not want.startswith('.word')
        if ours != want:
            self.bad.append('%x: %08x: ours %r, objdump %r'
                            % (address, word, ours, theirs))


def compare(args, words):
    result = Comparison()
    share = (len(words) + len(ADDRESSES) - 1) // len(ADDRESSES)
    for i, start in enumerate(ADDRESSES):
        part = words[i * share:(i + 1) * share]
        image = struct.pack('>%dI' % len(part), *part)
        theirs = run_objdump(args.objdump, image, start, 'mips:10000')
        ours = run_ours(args.disas_words, image, start)
        if len(theirs) != len(part) or len(ours) != len(part):
            sys.exit('objdump_compare: %d words, %d lines of objdump, %d of '
                     'ours' % (len(part), len(theirs), len(ours)))
        for k, word in enumerate(part):
            address, printed, text = theirs[k]
            if int(printed, 16) != word or int(address, 16) != start + 4 * k:
                sys.exit('objdump_compare: objdump printed %r for word %08x'
                         % (theirs[k], word))
            result.add(start + 4 * k, word, text.rstrip(), ours[k])
    return result


def compare_levels(args, rows, result):
    image = struct.pack('>%dI' % len(rows), *(row[1] for row in rows))
    first = {}
    for level, cpu in LEVELS.items():
        lines = run_objdump(args.objdump, image, 0, cpu)
        for (_, match, name, _), (_, _, text) in zip(rows, lines):
            if result.expected(match, text).split('\t')[0].strip() == name:
                first.setdefault(name, level)
    for _, _, name, level in rows:
        if level in LEVELS and first.get(name) != level:
            result.bad.append('%s: level %s, objdump has it from %s'
                              % (name, level, first.get(name)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--objdump', default=next(
        filter(None, map(shutil.which, PROGRAMS)), None))
    parser.add_argument('disas_words')
    parser.add_argument('insn_def')
    args = parser.parse_args()
    if not args.objdump:
        print('objdump_compare: skipped, no objdump for MIPS')
        return 77

    rows = read_rows(args.insn_def)
    result = compare(args, make_words(rows, random.Random(args.seed)))
    compare_levels(args, rows, result)
    print('objdump_compare: seed %d, %d words, %d legal'
          % (args.seed, result.words, result.legal))
    for name, reason, _ in RULES:
        print('  %-8s %6d  %s' % (name, result.used[name], reason))
        if not result.used[name]:
            result.bad.append('rule %s was never used' % name)
    for line in result.bad[:20]:
        print('  ' + line)
    if result.bad:
        print('  %d differences' % len(result.bad))
    return 1 if result.bad else 0


if __name__ == '__main__':
    sys.exit(main())
