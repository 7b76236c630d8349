"""A small MIPS assembler and ELF writer for the tests of disco-run.

Only what the guests of these tests need; no assembler has to be installed.
"""

import struct

REGS = {name: number for number, name in enumerate(
    "zero at v0 v1 a0 a1 a2 a3 t0 t1 t2 t3 t4 t5 t6 t7 "
    "s0 s1 s2 s3 s4 s5 s6 s7 t8 t9 k0 k1 gp sp fp ra".split())}

UART = 0xbc020000
POWER = 0xbc030000
IDLE = 0xbc011000
MAILBOX = 0xbc010000
VIRTIO = 0xbc100000
BASE = 0x80100000


class Asm:
    """Collect words; labels are resolved by code()."""

    OPS = {"lui": 0x0f, "ori": 0x0d, "addiu": 0x09, "daddiu": 0x19,
           "andi": 0x0c, "lw": 0x23, "lbu": 0x24, "sb": 0x28, "sw": 0x2b,
           "ld": 0x37, "sd": 0x3f, "ll": 0x30, "sc": 0x38}
    FUNCTS = {"addu": 0x21, "subu": 0x23, "and": 0x24, "or": 0x25,
              "xor": 0x26, "slt": 0x2a, "sltu": 0x2b}

    def __init__(self):
        self.words = []
        self.labels = {}
        self.fixes = []
        self.data = b""

    def label(self, name):
        self.labels[name] = len(self.words)

    def word(self, value):
        self.words.append(value & 0xffffffff)

    def imm(self, op, rt, rs, value):
        """op rt, value(rs) for memory, op rt, rs, value otherwise."""
        self.word(self.OPS[op] << 26 | REGS[rs] << 21 | REGS[rt] << 16 |
                  value & 0xffff)

    def reg(self, op, rd, rs, rt):
        self.word(REGS[rs] << 21 | REGS[rt] << 16 | REGS[rd] << 11 |
                  self.FUNCTS[op])

    def nop(self):
        self.word(0)

    def li(self, rt, value):
        self.imm("lui", rt, "zero", value >> 16 & 0xffff)
        self.imm("ori", rt, rt, value & 0xffff)

    def branch(self, op, rs, rt, target):
        """With a nop in the delay slot."""
        self.fixes.append((len(self.words), target))
        self.word({"beq": 4, "bne": 5}[op] << 26 | REGS[rs] << 21 |
                  REGS[rt] << 16)
        self.nop()

    def b(self, target):
        self.branch("beq", "zero", "zero", target)

    def mfc0(self, rt, number):
        self.word(0x10 << 26 | REGS[rt] << 16 | number << 11)

    def mtc0(self, rt, number):
        self.word(0x10 << 26 | 4 << 21 | REGS[rt] << 16 | number << 11)

    def puts(self, text):
        """Write text to the UART; uses t8 and t9."""
        self.li("t9", UART)
        for byte in text.encode():
            self.imm("ori", "t8", "zero", byte)
            self.imm("sb", "t8", "t9", 0)

    def exit(self, status):
        """End with a constant status."""
        self.li("t8", status << 16 | 0x3333)
        self.power("t8")

    def exit_reg(self, reg):
        self.word(REGS[reg] << 16 | REGS["t8"] << 11 | 16 << 6)  # sll
        self.imm("ori", "t8", "t8", 0x3333)
        self.power("t8")

    def power(self, reg):
        self.li("t9", POWER)
        self.imm("sw", reg, "t9", 0)
        self.label("hang%d" % len(self.words))
        self.b("hang%d" % len(self.words))

    def code(self, order):
        words = list(self.words)
        for at, target in self.fixes:
            words[at] |= self.labels[target] - at - 1 & 0xffff
        return b"".join(struct.pack(order + "I", word) for word in words)


def sign_extended(address):
    return address | 0xffffffff00000000 if address & 0x80000000 else address


def elf(code, bits=64, order=">", machine=8, kind=2, base=BASE):
    """An executable with one segment at `base`, entered at its start."""
    vaddr = sign_extended(base) if bits == 64 else base
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1,
                                2 if order == ">" else 1, 1]) + bytes(9)
    if bits == 64:
        header = struct.pack(order + "HHIQQQIHHHHHH", kind, machine, 1, vaddr,
                             64, 0, 0, 64, 56, 1, 64, 0, 0)
        ph = struct.pack(order + "IIQQQQQQ", 1, 7, 120, vaddr, vaddr,
                         len(code), len(code) + 64, 8)
    else:
        header = struct.pack(order + "HHIIIIIHHHHHH", kind, machine, 1, vaddr,
                             52, 0, 0, 52, 32, 1, 40, 0, 0)
        ph = struct.pack(order + "IIIIIIII", 1, 84, vaddr, vaddr, len(code),
                         len(code) + 64, 7, 8)
    return ident + header + ph + code
