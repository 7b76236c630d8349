/*
 * model_cpu.c - see model_cpu.h.
 */
#include "model_cpu.h"

#include <string.h>

#include <disco/guest.h>

#include "../mips/mips_asm.h"
#include "mips/cpu.h"
#include "toy.h"

enum { PROGRAM_WORDS = 20, PROGRAM_BYTES = PROGRAM_WORDS * 4 };
_Static_assert(RUN_PROGRAMS *PROGRAM_BYTES <= MODEL_CODE_BYTES, "room");

#define T(op, a, b, imm)  TOY(TOY_##op, a, b, imm)
#define AT(program, word) ((program)*PROGRAM_BYTES + (word)*4)
#define T_END             T(ADDI, 1, 0, 0), T(BREAK, 0, 0, 0)
#define T_BAD             T(ADDI, 1, 0, -1), T(BREAK, 0, 0, 0)

/*
 * Registers of the toy: 1 value and result, 2 addr, 3 extra, 4 count, 5
 * scratch, 6 snippet of 0, 7 what the next one adds, 8 expected, 14 return
 * address.
 */
static const uint32_t toy_code[RUN_PROGRAMS][PROGRAM_WORDS] = {
    [RUN_STORE] = { T(ST, 1, 2, 0), T(BREAK, 0, 0, 0) },
    [RUN_LOAD] = { T(LD, 1, 2, 0), T(BREAK, 0, 0, 0) },
    [RUN_RELEASE] = { T(ADDI, 1, 2, 0), T(CALL, 0, 0, DISCO_HC_RELEASE_PAGE),
                      T(BREAK, 0, 0, 0) },
    [RUN_ZERO] = { T(ADDI, 1, 2, 0), T(CALL, 0, 0, DISCO_HC_ZERO_PAGE),
                   T(BREAK, 0, 0, 0) },
    [RUN_SHARE] = { T(CALL, 0, 0, DISCO_HC_SHARE), T(BREAK, 0, 0, 0) },
    [RUN_UNSHARE] = { T(CALL, 0, 0, DISCO_HC_UNSHARE), T(BREAK, 0, 0, 0) },
    [RUN_COUNT] = { T(LL, 5, 2, 0), T(ADD, 5, 5, 3), T(SC, 5, 2, 0),
                    T(BEQ, 5, 0, -3), T(ADDI, 4, 4, -1), T(BNE, 4, 0, -5),
                    T_END },
    [RUN_WATCH] = { T(LD, 5, 2, 0), T(BNE, 5, 3, 5), T(ADDI, 4, 4, -1),
                    T(BNE, 4, 0, -3), T_END, T_BAD },
    [RUN_OWN] = { T(LD, 5, 2, 0), T(BNE, 5, 3, 7), T(ADDI, 3, 3, 1),
                  T(ST, 3, 2, 0), T(ADDI, 4, 4, -1), T(BNE, 4, 0, -5), T_END,
                  T_BAD },
    [RUN_CODE] = { T(ADDI, 14, 0, AT(RUN_CODE, 2)), T(JMP, 0, 2, 0),
                   T(BREAK, 0, 0, 0) },
    [RUN_CALLS] = { T(ADDI, 14, 0, AT(RUN_CALLS, 2)), T(JMP, 0, 2, 0),
                    T(ADDI, 4, 4, -1), T(BNE, 4, 0, -3), T_END },
    [RUN_PATCH] = { T(ADD, 6, 6, 7), T(ST, 6, 2, 0), T(ADDI, 8, 8, 1),
                    T(ADDI, 14, 0, AT(RUN_PATCH, 5)), T(JMP, 0, 2, 0),
                    T(BNE, 1, 8, 5), T(ADDI, 4, 4, -1), T(BNE, 4, 0, -7), T_END,
                    T_BAD },
};

#define M_END MOVE(9, 0), ASM(BREAK)
#define M_BAD LI(9, -1), ASM(BREAK)

/*
 * Of the R10000: 4 physical address (for calls), 8 addr, 9 value and result, 10
 * extra, 11 count, 12 scratch, 13 snippet, 14 its step, 15 expected, 31 return.
 */
static const uint32_t mips_code[RUN_PROGRAMS][PROGRAM_WORDS] = {
    [RUN_STORE] = { MEM(SD, 9, 0, 8), ASM(BREAK) },
    [RUN_LOAD] = { MEM(LD, 9, 0, 8), ASM(BREAK) },
    [RUN_RELEASE] = { DISCO_HYPCALL_WORD(DISCO_HC_RELEASE_PAGE), MOVE(9, 2),
                      ASM(BREAK) },
    [RUN_ZERO] = { DISCO_HYPCALL_WORD(DISCO_HC_ZERO_PAGE), MOVE(9, 2),
                   ASM(BREAK) },
    [RUN_SHARE] = { MOVE(5, 4), MOVE(4, 9), MOVE(6, 10),
                    DISCO_HYPCALL_WORD(DISCO_HC_SHARE), MOVE(9, 2),
                    ASM(BREAK) },
    [RUN_UNSHARE] = { MOVE(4, 9), DISCO_HYPCALL_WORD(DISCO_HC_UNSHARE),
                      MOVE(9, 2), ASM(BREAK) },
    [RUN_COUNT] = { MEM(LLD, 12, 0, 8), RRR(DADDU, 12, 12, 10),
                    MEM(SCD, 12, 0, 8), BRANCH(BEQ, 12, 0, -4), NOP_WORD,
                    RRI(ADDIU, 11, 11, -1), BRANCH(BNE, 11, 0, -7), NOP_WORD,
                    M_END },
    [RUN_WATCH] = { MEM(LD, 12, 0, 8), BRANCH(BNE, 12, 10, 6),
                    RRI(ADDIU, 11, 11, -1), BRANCH(BNE, 11, 0, -4), NOP_WORD,
                    M_END, NOP_WORD, M_BAD },
    [RUN_OWN] = { MEM(LD, 12, 0, 8), BRANCH(BNE, 12, 10, 8),
                  RRI(ADDIU, 11, 11, -1), RRI(DADDIU, 10, 10, 1),
                  MEM(SD, 10, 0, 8), BRANCH(BNE, 11, 0, -6), NOP_WORD, M_END,
                  NOP_WORD, M_BAD },
    [RUN_CODE] = { RRR(JALR, 31, 8, 0), NOP_WORD, ASM(BREAK) },
    [RUN_CALLS] = { RRR(JALR, 31, 8, 0), NOP_WORD, RRR(SLTU, 12, 9, 15),
                    BRANCH(BNE, 12, 0, 7), MOVE(15, 9), RRI(ADDIU, 11, 11, -1),
                    BRANCH(BNE, 11, 0, -7), NOP_WORD, M_END, NOP_WORD, M_BAD },
    [RUN_PATCH] = { RRR(DADDU, 13, 13, 14), MEM(SD, 13, 0, 8),
                    RRR(JALR, 31, 8, 0), RRI(ADDIU, 15, 15, 1),
                    BRANCH(BNE, 9, 15, 7), NOP_WORD, RRI(ADDIU, 11, 11, -1),
                    BRANCH(BNE, 11, 0, -8), NOP_WORD, M_END, NOP_WORD, M_BAD },
};

static void put32(uint32_t kind, uint8_t *p, uint32_t word)
{
    uint32_t i;

    if (kind == CPU_TOY) {
        memcpy(p, &word, 4);
        return;
    }
    for (i = 0; i < 4; i++)
        p[kind == CPU_BIG ? 3 - i : i] = (uint8_t)(word >> 8 * i);
}

void model_put64(uint32_t kind, uint8_t *p, uint64_t value)
{
    uint32_t i;

    if (kind == CPU_TOY) {
        memcpy(p, &value, 8);
        return;
    }
    for (i = 0; i < 8; i++)
        p[kind == CPU_BIG ? 7 - i : i] = (uint8_t)(value >> 8 * i);
}

uint64_t model_get64(uint32_t kind, const uint8_t *p)
{
    uint64_t value = 0;
    uint32_t i;

    if (kind == CPU_TOY) {
        memcpy(&value, p, 8);
        return value;
    }
    for (i = 0; i < 8; i++)
        value |= (uint64_t)p[kind == CPU_BIG ? 7 - i : i] << 8 * i;
    return value;
}

void model_code(uint32_t kind, uint8_t code[MODEL_CODE_BYTES])
{
    const uint32_t(*from)[PROGRAM_WORDS] =
        kind == CPU_TOY ? toy_code : mips_code;
    uint32_t i, j;

    memset(code, 0, MODEL_CODE_BYTES);
    for (i = 0; i < RUN_PROGRAMS; i++)
        for (j = 0; j < PROGRAM_WORDS; j++)
            put32(kind, code + AT(i, j), from[i][j]);
}

void model_snippet(uint32_t kind, uint8_t out[SNIPPET_BYTES], uint32_t imm)
{
    if (kind == CPU_TOY) {
        put32(kind, out, T(ADDI, 1, 0, imm));
        put32(kind, out + 4, T(JMP, 0, 14, 0));
    } else {
        put32(kind, out, ASM(JR) | FIELD(31, 21));
        put32(kind, out + 4, LI(9, imm));
    }
}

int model_is_snippet(uint32_t kind, const uint8_t *p, uint32_t *imm)
{
    uint64_t first, value = model_get64(kind, p);
    uint8_t bytes[SNIPPET_BYTES];

    for (*imm = 0; *imm < 64; ++*imm) {
        model_snippet(kind, bytes, *imm);
        first = model_get64(kind, bytes);
        if (first == value)
            return 1;
    }
    return 0;
}

disco_status model_vcpu(disco_vm *vm, uint32_t kind, disco_vcpu **out)
{
    disco_vcpu_config c = { .size = sizeof(c),
                            .backend = kind == CPU_TOY ? "toy" : "mips",
                            .mode = kind == CPU_TOY ? 0 : DISCO_MODE_DISCO,
                            .order =
                                kind == CPU_LITTLE ? DISCO_LITTLE : DISCO_BIG,
                            .break_exit = 1 };
    uint64_t id = DISCO_REG_CP0(12), status = ST_CU0 | ST_KX | ST_SX | ST_UX;
    disco_status error = disco_vcpu_create(vm, &c, out);

    if (!error && kind != CPU_TOY && disco_vcpu_index(*out) % 2)
        error = disco_vcpu_set_engine(*out, DISCO_ENGINE_INTERP);
    if (!error)
        error = disco_vcpu_start(*out, 0);
    if (!error && kind != CPU_TOY)
        error = disco_vcpu_set_regs(*out, &id, &status, 1);
    return error;
}

/* Two ways to the same memory, so that tables hold a page twice. */
static uint64_t mips_va(uint64_t gpa)
{
    if (gpa >> 3 & 1)
        return UINT64_C(0xffffffff80000000) + gpa;
    return UINT64_C(0x9800000000000000) + gpa;
}

void model_start(disco_vcpu *v, uint32_t kind, enum model_program program,
                 uint64_t addr, uint64_t value, uint64_t extra)
{
    static const uint8_t toy_regs[] = { 1, 2, 3, 4, 6, 7, 8, 1 };
    static const uint8_t mips_regs[] = { 9, 8, 10, 11, 13, 14, 15, 4 };
    const uint8_t *reg = kind == CPU_TOY ? toy_regs : mips_regs;
    uint8_t snippet[2][SNIPPET_BYTES];
    uint64_t ids[9], values[9], s[2];
    uint32_t i;

    for (i = 0; i < 2; i++) {
        model_snippet(kind, snippet[i], i);
        s[i] = model_get64(kind, snippet[i]);
    }
    for (i = 0; i < 8; i++)
        ids[i] = DISCO_REG_GPR(reg[i]);
    ids[8] = DISCO_REG_PC;
    values[0] = value;
    values[1] = kind == CPU_TOY ? addr : mips_va(addr);
    values[2] = extra;
    values[3] = value;
    values[4] = s[0];
    values[5] = s[1] - s[0];
    values[6] = 0;
    values[7] = kind == CPU_TOY ? value : addr;
    values[8] =
        AT(program, 0) + (kind == CPU_TOY ? 0 : UINT64_C(0xffffffff80000000));
    disco_vcpu_set_regs(v, ids, values, 9);
}

uint64_t model_value(disco_vcpu *v, uint32_t kind)
{
    uint64_t id = DISCO_REG_GPR(kind == CPU_TOY ? 1 : 9), value = 0;

    disco_vcpu_get_regs(v, &id, &value, 1);
    return value;
}
