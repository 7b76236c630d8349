/*
 * model_cpu.h - guests for the model tests: the same few programs for the toy
 * CPU and for the R10000 in both byte orders.  All of a guest's own code lies
 * at the start of its page 0.
 */
#ifndef TESTS_MODEL_CPU_H
#define TESTS_MODEL_CPU_H

#include <disco/disco.h>

enum { CPU_TOY, CPU_LITTLE, CPU_BIG, CPU_KINDS };

/*
 * Programs; each ends with a BREAK that leaves run.  `addr`, `value` and
 * `extra` are what model_start was given; the result is in model_value.
 */
enum model_program {
    RUN_STORE,   /* 64 bits at addr = value */
    RUN_LOAD,    /* result = 64 bits at addr */
    RUN_RELEASE, /* release the page at addr; result = the call's */
    RUN_ZERO,    /* zero the page at addr; result = the call's */
    RUN_SHARE,   /* extra pages at addr by the key value; result = the call's */
    RUN_UNSHARE, /* the key value; result = the call's */
    RUN_COUNT,   /* value times: 64 bits at addr += extra, with LL and SC */
    RUN_WATCH,   /* value times: the word at addr is extra; 0, or ~0: not so */
    RUN_OWN,     /* value times: it is extra, then extra + 1 ...; as WATCH */
    RUN_CODE,    /* result = what the snippet at addr gives */
    RUN_CALLS,   /* value times: the snippet never gives less; as WATCH */
    RUN_PATCH,   /* value times: store the next snippet, call it; as WATCH */
    RUN_PROGRAMS
};

enum { MODEL_CODE_BYTES = 1024, SNIPPET_BYTES = 8 };

/* The programs, as bytes for page 0. */
void model_code(uint32_t kind, uint8_t code[MODEL_CODE_BYTES]);
/* A vCPU that can run them.  Every second one of a VM has the interpreter. */
disco_status model_vcpu(disco_vm *vm, uint32_t kind, disco_vcpu **out);

/* Get ready to run a program; then call disco_vcpu_run until it leaves. */
void model_start(disco_vcpu *v, uint32_t kind, enum model_program program,
                 uint64_t addr, uint64_t value, uint64_t extra);
uint64_t model_value(disco_vcpu *v, uint32_t kind);

uint64_t model_get64(uint32_t kind, const uint8_t *p);
void model_put64(uint32_t kind, uint8_t *p, uint64_t value);

/* "result = imm; return", imm 0..32767; and is this one? */
void model_snippet(uint32_t kind, uint8_t out[SNIPPET_BYTES], uint32_t imm);
int model_is_snippet(uint32_t kind, const uint8_t *p, uint32_t *imm);

#endif
