/*
 * interp.c - a register bytecode interpreter (switch dispatch: one indirect
 * jump per virtual instruction) running a Collatz search and a prime count.
 */
#include "bench.h"

enum op {
    LDI,
    MOV,
    ADD,
    SUB,
    MUL,
    AND,
    SHR,
    ADDI,
    JMP,
    JZ,
    JLT,
    LD,
    ST,
    CALL,
    RET,
    HALT
};
struct insn {
    uint8_t op, a, b, c;
    int32_t imm;
};
/* clang-format off */
#define I(o, a, b, c, i) { o, a, b, c, i }
static const struct insn prog[] = {
    /* r1 = limit (set by caller); r0 = 0; r7 = one */
    I(LDI, 2, 0, 0, 1),            /*  0: n = 1 */
    I(LDI, 6, 0, 0, 0),            /*  1: best = 0 */
    I(LDI, 7, 0, 0, 1),            /*  2 */
    I(JLT, 2, 1, 0, 5),            /*  3: while n < limit */
    I(JMP, 0, 0, 0, 12),           /*  4: -> second part */
    I(MOV, 3, 2, 0, 0),            /*  5: x = n */
    I(LDI, 4, 0, 0, 0),            /*  6: steps = 0 */
    I(CALL, 0, 0, 0, 30),          /*  7: collatz */
    I(JLT, 4, 6, 0, 10),           /*  8 */
    I(MOV, 6, 4, 0, 0),            /*  9: best = steps */
    I(ADDI, 2, 2, 0, 1),           /* 10: n++ */
    I(JMP, 0, 0, 0, 3),            /* 11 */
    I(LDI, 2, 0, 0, 0),            /* 12: sum over memory */
    I(LDI, 5, 0, 0, 0),            /* 13 */
    I(LDI, 8, 0, 0, 256),          /* 14 */
    I(ST, 2, 2, 0, 0),             /* 15: mem[i] = i */
    I(LD, 9, 2, 0, 0),             /* 16 */
    I(MUL, 9, 9, 2, 0),            /* 17 */
    I(ADD, 5, 5, 9, 0),            /* 18 */
    I(ADDI, 2, 2, 0, 1),           /* 19 */
    I(JLT, 2, 8, 0, 15),           /* 20 */
    I(ADD, 5, 5, 6, 0),            /* 21 */
    I(HALT, 5, 0, 0, 0),           /* 22 */
    I(HALT, 0, 0, 0, 0), I(HALT, 0, 0, 0, 0), I(HALT, 0, 0, 0, 0), I(HALT, 0, 0, 0, 0),
    I(HALT, 0, 0, 0, 0), I(HALT, 0, 0, 0, 0), I(HALT, 0, 0, 0, 0),
    I(SUB, 9, 3, 7, 0),            /* 30: x == 1 ? */
    I(JZ, 9, 0, 0, 40),            /* 31 */
    I(ADDI, 4, 4, 0, 1),           /* 32: steps++ */
    I(AND, 9, 3, 7, 0),            /* 33 */
    I(JZ, 9, 0, 0, 38),            /* 34 */
    I(ADD, 9, 3, 3, 0),            /* 35: 3x+1 */
    I(ADD, 3, 3, 9, 0),            /* 36 */
    I(ADDI, 3, 3, 0, 1),           /* 37 falls into the halving only if even */
    I(SHR, 3, 3, 7, 0),            /* 38: (3x+1)/2 or x/2 */
    I(JMP, 0, 0, 0, 30),           /* 39 */
    I(RET, 0, 0, 0, 0),            /* 40 */
};
/* clang-format on */

static int64_t mem[256];
static NOINLINE int64_t run(const struct insn *code, int64_t limit)
{
    int64_t r[16] = { 0 };
    int32_t stack[16], sp = 0, pc = 0;
    r[1] = limit;
    for (;;) {
        const struct insn *i = &code[pc++];
        switch ((enum op)i->op) {
        case LDI:
            r[i->a] = i->imm;
            break;
        case MOV:
            r[i->a] = r[i->b];
            break;
        case ADD:
            r[i->a] = r[i->b] + r[i->c];
            break;
        case SUB:
            r[i->a] = r[i->b] - r[i->c];
            break;
        case MUL:
            r[i->a] = r[i->b] * r[i->c];
            break;
        case AND:
            r[i->a] = r[i->b] & r[i->c];
            break;
        case SHR:
            r[i->a] = r[i->b] >> r[i->c];
            break;
        case ADDI:
            r[i->a] = r[i->b] + i->imm;
            break;
        case JMP:
            pc = i->imm;
            break;
        case JZ:
            if (r[i->a] == 0)
                pc = i->imm;
            break;
        case JLT:
            if (r[i->a] < r[i->b])
                pc = i->imm;
            break;
        case LD:
            r[i->a] = mem[r[i->b] & 255];
            break;
        case ST:
            mem[r[i->b] & 255] = r[i->a];
            break;
        case CALL:
            stack[sp++] = pc;
            pc = i->imm;
            break;
        case RET:
            pc = stack[--sp];
            break;
        case HALT:
            return r[i->a];
        }
    }
}

BENCH("interp", 20)
{
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++)
        h = mix64(h, (uint64_t)run(prog, 4000 + (int64_t)(r & 15)));
    return h;
}
