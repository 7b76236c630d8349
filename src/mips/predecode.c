/*
 * predecode.c - one instruction word to one slot.
 *
 * Knows the shapes of slots; which instruction a word is comes from decode.c.
 * What depends on slow-changing mode bits (MIPS IV, 64-bit operations, FR) is
 * settled here, so a code page is made for one set of them (CFG_KEY).
 */
#include "mips/predecode.h"

#include "base/compiler.h"
#include "mips/cpu.h"
#include "mips/decode.h"
#include "mips/insn.h"

enum { GPR_SINK = 32 };

/* One value a row of uop.def: the `meaning` column of insn.def. */
enum uop {
    UOP_NONE,
#define UOP_ALU(name, ...)   UOP_##name,
#define UOP_OVF(name, ...)   UOP_##name,
#define UOP_BR(name, ...)    UOP_##name,
#define UOP_TRAP(name, ...)  UOP_##name,
#define UOP_LOAD(name, ...)  UOP_##name,
#define UOP_STORE(name, ...) UOP_##name,
#define UOP_FP3(name, ...)   UOP_##name,
#define UOP_FP2(name, ...)   UOP_##name,
#define UOP_FP4(name, ...)   UOP_##name,
#define UOP_FCMP(name, ...)  UOP_##name,
#define UOP_JUMP(name)       UOP_##name,
#define UOP_FOP(name, kind)  UOP_##name,
#define UOP_OP(name)         UOP_##name,
#include "mips/uop.def"
    UOP_COUNT
};

/* How operands sit in a slot, beyond what the operand shape says. */
enum fp_kind { FP_NONE, FP_W, FP_D };

struct uop_info {
    uint16_t op;  /* register form, or the only one */
    uint16_t imm; /* constant form; a branch: its first form */
    uint8_t dst;  /* enum fp_kind of fd */
    uint8_t src;  /* ... of fs, ft, fr */
};

static const struct uop_info uops[UOP_COUNT] = {
#define UOP_ALU(name, ...) \
    [UOP_##name] = { OP_##name##_R, OP_##name##_I, FP_NONE, FP_NONE },
#define UOP_OVF(name, ...) \
    [UOP_##name] = { OP_##name##_R, OP_##name##_I, FP_NONE, FP_NONE },
#define UOP_BR(name, ...) \
    [UOP_##name] = { OP_##name##_PN, OP_##name##_PN, FP_NONE, FP_NONE },
#define UOP_TRAP(name, ...) \
    [UOP_##name] = { OP_##name##_R, OP_##name##_I, FP_NONE, FP_NONE },
#define UOP_LOAD(name, ...) \
    [UOP_##name] = { OP_##name, OP_##name, FP_NONE, FP_NONE },
#define UOP_STORE(name, ...) \
    [UOP_##name] = { OP_##name, OP_##name, FP_NONE, FP_NONE },
#define UOP_FP3(name, fn, k)    [UOP_##name] = { OP_##name, 0, FP_##k, FP_##k },
#define UOP_FP2(name, fn, d, s) [UOP_##name] = { OP_##name, 0, FP_##d, FP_##s },
#define UOP_FP4(name, fn, k)    [UOP_##name] = { OP_##name, 0, FP_##k, FP_##k },
#define UOP_FCMP(name, fn, k)   [UOP_##name] = { OP_##name, 0, FP_NONE, FP_##k },
#define UOP_JUMP(name) \
    [UOP_##name] = { OP_##name, OP_##name, FP_NONE, FP_NONE },
#define UOP_FOP(name, k) [UOP_##name] = { OP_##name, 0, FP_##k, FP_##k },
#define UOP_OP(name)     [UOP_##name] = { OP_##name, OP_##name, FP_NONE, FP_NONE },
#include "mips/uop.def"
};

static const uint8_t insn_uop[INSN_COUNT] = {
    [INSN_RESERVED] = UOP_RESERVED,
#define INSN(id, text, mask, match, operands, isa, cls, meaning, flags) \
    [INSN_##id] = UOP_##meaning,
#include "mips/insn.def"
#undef INSN
};
_Static_assert(UOP_COUNT <= 256, "insn_uop holds bytes");

/* Offsets from the register form of a branch (slot.h has their order). */
enum { FORM_SOME = 1, FORM_FAR = 2, FORM_LIKELY = 4 };

static unsigned gpr_dst(unsigned reg)
{
    return reg ? reg : GPR_SINK;
}

static unsigned fp_index(enum fp_kind kind, uint32_t key, unsigned reg)
{
    bool fr = key & CFG_KEY_FR;

    return kind == FP_D ? fpu_didx(fr, reg) : fpu_widx(fr, reg);
}

/* What an instruction is when this mode does not have it. */
static uint16_t reserved_op(const struct insn_info *info, uint32_t word,
                            uint32_t key)
{
    unsigned major = insn_major(word);

    if (info->isa == INSN_ISA_DISCO)
        return OP_RESERVED;
    if (major == 0x10)
        return OP_COP0_RI;
    if (major == 0x11)
        return info->flags & INSN_F_OP64 ? OP_COP1X_RI : OP_COP1_E;
    if (major == 0x12)
        return OP_COP2;
    if (major == 0x13 && key & CFG_KEY_MIPS4)
        return OP_COP1X_RI;
    return OP_RESERVED;
}

static bool available(const struct insn_info *info, uint32_t word, uint32_t key,
                      uint32_t isa)
{
    if (info->isa == INSN_ISA_DISCO)
        return key & CFG_KEY_DISCO;
    if (info->isa > isa)
        return false;
    if (info->isa == INSN_ISA_MIPS4 && !(key & CFG_KEY_MIPS4))
        return false;
    if (info->flags & INSN_F_OP64 && !(key & CFG_KEY_OP64))
        return false;
    if (info->flags & INSN_F_CC_MIPS4 && !(key & CFG_KEY_MIPS4)) {
        unsigned cc =
            info->class == INSN_CLASS_FCMP ? insn_cc8(word) : insn_cc18(word);
        return cc == 0;
    }
    return true;
}

/* Which of FUSED_SLOTS an operation is, or -1. */
static int fused_index(uint16_t op)
{
#define FUSED_NAME(branch, meaning, form) OP_##meaning##_##form,
    static const uint16_t ops[] = { FUSED_SLOTS(FUSED_NAME, NONE) };
#undef FUSED_NAME

    for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
        if (ops[i] == op)
            return (int)i;
    return -1;
}

/* A branch with Some delay slot, in this page: one operation for both? */
static uint16_t fused_op(uint16_t op, uint16_t slot_op)
{
    int i = fused_index(slot_op);

    if (i < 0)
        return op;
    switch (op) {
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_BR(name, ...) \
    case OP_##name##_PS:  \
        return (uint16_t)(OP_##name##_F_ADD64_I + i);
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(...)
#define UOP_FP2(...)
#define UOP_FP4(...)
#define UOP_FCMP(...)
#define UOP_JUMP(...)
#define UOP_FOP(...)
#define UOP_OP(...)
#include "mips/uop.def"
    default:
        return op;
    }
}

static void set_branch(struct slot *s, const struct insn_info *info,
                       uint32_t word)
{
    s->a = (uint8_t)insn_rs(word);
    s->b =
        info->operands == INSN_OPERANDS_RS_RT_BOFF ? (uint8_t)insn_rt(word) : 0;
    s->imm = (int32_t)insn_imm16(word) + 1; /* in words from the branch */
    if (info->flags & INSN_F_LIKELY)
        s->op += FORM_LIKELY;
}

/* The interpreter's forms: a NOP in the slot, and where the target is. */
static void set_form(struct slot *s, uint32_t next, unsigned index)
{
    int64_t target = (int64_t)index + s->imm;

    if (next)
        s->op += FORM_SOME;
    if (target < 0 || target >= PAGE_INSNS)
        s->op += FORM_FAR;
}

static void set_jump(struct slot *s, const struct insn_info *info,
                     uint32_t word, enum uop uop)
{
    bool likely = info->flags & INSN_F_LIKELY;

    switch (uop) {
    case UOP_J:
    case UOP_JAL:
        s->imm = (int32_t)insn_target26(word);
        break;
    case UOP_BC1:
        s->x = (uint8_t)(insn_cc18(word) << 2 | (word >> 16 & 1) << 1 | likely);
        s->imm = (int32_t)insn_imm16(word) + 1;
        break;
    case UOP_BAL:
        s->a = (uint8_t)insn_rs(word);
        s->x = (uint8_t)((word >> 16 & 1) << 1 | likely);
        s->imm = (int32_t)insn_imm16(word) + 1;
        break;
    default: /* JR, JALR */
        s->a = (uint8_t)insn_rs(word);
        s->d = (uint8_t)gpr_dst(insn_rd(word));
        break;
    }
}

/* Everything whose operands the shape alone places. */
static void set_operands(struct slot *s, const struct insn_info *info,
                         const struct uop_info *u, uint32_t word, uint32_t key)
{
    enum fp_kind dst = u->dst, src = u->src;

    s->imm = (int32_t)insn_imm16(word);
    switch ((enum insn_operands)info->operands) {
    case INSN_OPERANDS_RD_RT_SA:
        s->op = u->imm;
        s->d = (uint8_t)gpr_dst(insn_rd(word));
        s->a = (uint8_t)insn_rt(word);
        /* dsll32 and friends: bit 2 of the function adds 32, bit 5 says D. */
        s->imm = (int32_t)(insn_sa(word) | ((word & 0x3c) == 0x3c ? 32 : 0));
        break;
    case INSN_OPERANDS_RD_RT_RS:
        s->d = (uint8_t)gpr_dst(insn_rd(word));
        s->a = (uint8_t)insn_rt(word);
        s->b = (uint8_t)insn_rs(word);
        break;
    case INSN_OPERANDS_RT_RS_UIMM:
        s->imm = (int32_t)insn_uimm16(word);
        FALLTHROUGH;
    case INSN_OPERANDS_RT_RS_IMM:
        s->op = u->imm;
        s->d = (uint8_t)gpr_dst(insn_rt(word));
        s->a = (uint8_t)insn_rs(word);
        break;
    case INSN_OPERANDS_RS_IMM:
        s->op = u->imm;
        s->a = (uint8_t)insn_rs(word);
        break;
    case INSN_OPERANDS_RT_UIMM:
        s->d = (uint8_t)gpr_dst(insn_rt(word));
        s->imm = (int32_t)(insn_uimm16(word) << 16);
        break;
    case INSN_OPERANDS_RD_RS_CC18:
        s->d = (uint8_t)gpr_dst(insn_rd(word));
        s->a = (uint8_t)insn_rs(word);
        s->x = (uint8_t)(insn_cc18(word) << 1 | (word >> 16 & 1));
        break;
    case INSN_OPERANDS_RT_OFF_RS:
        s->a = (uint8_t)insn_rs(word);
        s->b = (uint8_t)insn_rt(word);
        s->d = (uint8_t)gpr_dst(s->b);
        break;
    case INSN_OPERANDS_OP16_OFF_RS:
        s->a = (uint8_t)insn_rs(word);
        s->x = (uint8_t)insn_cache_op(word);
        break;
    case INSN_OPERANDS_FT_OFF_RS:
        s->a = (uint8_t)insn_rs(word);
        s->d = (uint8_t)fp_index(src, key, insn_ft(word));
        break;
    case INSN_OPERANDS_RT_FS:
        s->b = (uint8_t)insn_rt(word);
        s->d = (uint8_t)gpr_dst(s->b);
        s->a = (uint8_t)fp_index(src, key, insn_fs(word));
        break;
    case INSN_OPERANDS_RT_PREG5_1:
        s->b = (uint8_t)insn_rt(word);
        s->d = (uint8_t)gpr_dst(s->b);
        s->x = (uint8_t)(insn_perf(word) << 1 | (word & 1));
        break;
    case INSN_OPERANDS_RT_C0RD:
    case INSN_OPERANDS_RT_FCR:
        s->b = (uint8_t)insn_rt(word);
        s->d = (uint8_t)gpr_dst(s->b);
        s->a = (uint8_t)insn_rd(word);
        break;
    case INSN_OPERANDS_HCODE:
        s->imm = (int32_t)insn_hypcall(word);
        break;
    case INSN_OPERANDS_FD_FR_FS_FT:
        s->x = (uint8_t)fp_index(src, key, insn_fr(word));
        FALLTHROUGH;
    case INSN_OPERANDS_FD_FS_FT:
    case INSN_OPERANDS_FD_FS:
        s->d = (uint8_t)fp_index(dst, key, insn_fd(word));
        s->a = (uint8_t)fp_index(src, key, insn_fs(word));
        s->b = (uint8_t)fp_index(src, key, insn_ft(word));
        break;
    case INSN_OPERANDS_CC8_FS_FT:
        s->d = (uint8_t)insn_cc8(word);
        s->x = word & 15;
        s->a = (uint8_t)fp_index(src, key, insn_fs(word));
        s->b = (uint8_t)fp_index(src, key, insn_ft(word));
        break;
    case INSN_OPERANDS_FD_FS_CC18:
        s->d = (uint8_t)fp_index(dst, key, insn_fd(word));
        s->a = (uint8_t)fp_index(src, key, insn_fs(word));
        s->x = (uint8_t)(insn_cc18(word) << 1 | (word >> 16 & 1));
        break;
    case INSN_OPERANDS_FD_FS_RT:
        s->d = (uint8_t)fp_index(dst, key, insn_fd(word));
        s->a = (uint8_t)fp_index(src, key, insn_fs(word));
        s->b = (uint8_t)insn_rt(word);
        s->x = word & 1;
        break;
    case INSN_OPERANDS_FD_RTX_RS:
        s->a = (uint8_t)insn_rs(word);
        s->b = (uint8_t)insn_rt(word);
        s->d = (uint8_t)fp_index(src, key, insn_fd(word));
        break;
    case INSN_OPERANDS_FS_RTX_RS:
        s->a = (uint8_t)insn_rs(word);
        s->b = (uint8_t)insn_rt(word);
        s->d = (uint8_t)fp_index(src, key, insn_fs(word));
        break;
    default: /* rd, rs, rt where they are used */
        s->d = (uint8_t)gpr_dst(insn_rd(word));
        s->a = (uint8_t)insn_rs(word);
        s->b = (uint8_t)insn_rt(word);
        break;
    }
}

/* The odd field of instructions that share an operation. */
static void set_variant(struct slot *s, enum insn_id id)
{
    switch (id) {
    case INSN_LWL:
    case INSN_SWL:
        s->x = 4 << 1 | 1;
        break;
    case INSN_LWR:
    case INSN_SWR:
        s->x = 4 << 1;
        break;
    case INSN_LDL:
    case INSN_SDL:
        s->x = 8 << 1 | 1;
        break;
    case INSN_LDR:
    case INSN_SDR:
        s->x = 8 << 1;
        break;
    case INSN_LL:
    case INSN_SC:
        s->x = 4;
        break;
    case INSN_LLD:
    case INSN_SCD:
        s->x = 8;
        break;
    default:
        break;
    }
}

/* Results nobody sees need not be computed. */
static bool is_nop(const struct slot *s, const struct insn_info *info,
                   uint32_t word)
{
    return word == 0 || (info->class == INSN_CLASS_ALU && s->d == GPR_SINK &&
                         s->op != OP_ADDV32_R && s->op != OP_ADDV32_I &&
                         s->op != OP_SUBV32_R && s->op != OP_ADDV64_R &&
                         s->op != OP_ADDV64_I && s->op != OP_SUBV64_R);
}

/* Returns flags of the row, and whether it is an ordinary branch. */
static unsigned decode(struct slot *s, uint32_t word, uint32_t key,
                       uint32_t isa, bool *is_branch)
{
    enum insn_id id = insn_decode(word);
    const struct insn_info *info = &insn_info[id];
    enum uop uop = insn_uop[id];
    const struct uop_info *u = &uops[uop];

    *is_branch = false;
    *s = (struct slot){ .op = u->op, .word = word };
    if (id == INSN_RESERVED || !available(info, word, key, isa)) {
        s->op = reserved_op(info, word, key);
        return 0;
    }
    if (info->class == INSN_CLASS_BRANCH && uop != UOP_BAL) {
        *is_branch = true;
        set_branch(s, info, word);
    } else if (info->flags & INSN_F_SLOT) {
        set_jump(s, info, word, uop);
    } else {
        set_operands(s, info, u, word, key);
        set_variant(s, id);
        if (is_nop(s, info, word))
            s->op = OP_NOP;
    }
    return info->flags;
}

void predecode_plain(struct slot *s, uint32_t word, uint32_t key, uint32_t isa)
{
    bool is_branch;

    decode(s, word, key, isa, &is_branch);
}

void predecode(struct slot *s, uint32_t word, uint32_t next, unsigned index,
               uint32_t key, uint32_t isa)
{
    bool is_branch, unused;
    unsigned flags = decode(s, word, key, isa, &is_branch);
    struct slot slot;

    if (flags & INSN_F_SLOT && index == PAGE_INSNS - 1) {
        s->op = OP_EDGE;
        return;
    }
    if (!is_branch)
        return;
    set_form(s, next, index);
    decode(&slot, next, key, isa, &unused);
    s->op = fused_op(s->op, slot.op);
}
