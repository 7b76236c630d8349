"""Guest programs as words: some MIPS instructions, assembled by hand."""
import struct

R = {name: n for n, name in enumerate(
    "zero at v0 v1 a0 a1 a2 a3 a4 a5 a6 a7 t0 t1 t2 t3 "
    "s0 s1 s2 s3 s4 s5 s6 s7 t8 t9 k0 k1 gp sp s8 ra".split())}

#: Where programs are loaded, and the address that runs them.
CODE = 0x1000
ENTRY = 0xffffffff80001000
#: A device's page, and its uncached address for lui.
DEVICE = 0x10000000
DEVICE_HI = 0xb000

NOP = 0
BREAK = 0x0000000d


def _i(op, rs, rt, imm):
    return op << 26 | R[rs] << 21 | R[rt] << 16 | imm & 0xffff


def lui(rt, imm):
    return _i(0x0f, "zero", rt, imm)


def ori(rt, rs, imm):
    return _i(0x0d, rs, rt, imm)


def addiu(rt, rs, imm):
    return _i(0x09, rs, rt, imm)


def daddu(rd, rs, rt):
    return R[rs] << 21 | R[rt] << 16 | R[rd] << 11 | 0x2d


def lw(rt, at, base):
    return _i(0x23, base, rt, at)


def sw(rt, at, base):
    return _i(0x2b, base, rt, at)


def lbu(rt, at, base):
    return _i(0x24, base, rt, at)


def sb(rt, at, base):
    return _i(0x28, base, rt, at)


def ll(rt, at, base):
    return _i(0x30, base, rt, at)


def sc(rt, at, base):
    return _i(0x38, base, rt, at)


def beq(rs, rt, words):
    """words: from the delay slot, so -1 is the branch itself."""
    return _i(0x04, rs, rt, words)


def bne(rs, rt, words):
    return _i(0x05, rs, rt, words)


def mtc0(rt, rd):
    return 0x10 << 26 | 4 << 21 | R[rt] << 16 | rd << 11


def hypcall(code):
    return 0x42000028 | code << 11


def li(rt, value):
    """A 32-bit value, sign-extended."""
    return [lui(rt, value >> 16 & 0xffff), ori(rt, rt, value)]


def loop():
    return [beq("zero", "zero", -1), NOP]


def code(*words, order=">"):
    """Bytes of words and lists of words."""
    flat = []
    for word in words:
        flat.extend(word if isinstance(word, list) else [word])
    return struct.pack(f"{order}{len(flat)}I", *flat)


def elf(program, entry=ENTRY):
    """A 64-bit big-endian MIPS executable with one segment."""
    header = struct.pack(
        ">16sHHIQQQIHHHHHH", b"\x7fELF\x02\x02\x01" + bytes(9), 2, 8, 1, entry,
        64, 0, 0x20000000, 64, 56, 1, 0, 0, 0)
    segment = struct.pack(">IIQQQQQQ", 1, 7, 0x1000, entry, entry,
                          len(program), len(program), 0x1000)
    return (header + segment).ljust(0x1000, b"\0") + program
