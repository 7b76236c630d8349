/*
 * r10k.c - see r10k.h.
 */
#include "r10k.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mips/mips_asm.h"

enum { V0 = 2, V1 = 3, A0 = 4, A1 = 5, A2 = 6, A3 = 7, S0 = 16, RA = 31 };

/* As a kseg0 address. */
#define AT(word) (0x80000000u + R10K_CODE + 4 * (word))

const uint32_t r10k_loop[] = {
    LUI_(A0, 0x8000),
    RRI(ORI, A0, A0, 0x8000),
    LI(S0, 2000),
    JUMP(JAL, AT(12)), /* 3 */
    RRI(ADDIU, A1, A1, 3),
    MEM(SW, V0, 0, A0),
    MEM(LW, V1, 0, A0),
    RRR(DADDU, A2, A2, V1),
    RRI(ADDIU, S0, S0, -1),
    BRANCH(BNE, S0, 0, -7),
    RRR(XOR, A3, A3, A2),
    ASM(BREAK),
    RRR(ADDU, V0, A1, S0), /* 12 */
    ASM(JR) | FIELD(RA, 21),
    SHIFT(SLL, V0, V0, 1),
};
const uint32_t r10k_loop_words = sizeof(r10k_loop) / sizeof(r10k_loop[0]);

void r10k_make(struct r10k *g, const struct r10k_config *config,
               const uint32_t *words, uint32_t count)
{
    static const struct r10k_config none;
    const struct r10k_config *c = config ? config : &none;
    disco_machine_config machine = { .size = sizeof(machine),
                                     .cpus_per_node = 4,
                                     .code_cache_bytes = c->code_cache_bytes,
                                     .translate_at_run = c->translate_at
                                                             ? c->translate_at
                                                             : 1 };
    disco_vm_config vm = { .size = sizeof(vm), .threads = c->threads };
    disco_vcpu_config vcpu = { .size = sizeof(vcpu),
                               .engine = c->engine,
                               .break_exit = 1 };
    uint32_t i;

    assert_int_equal(disco_machine_create(&machine, &g->machine, NULL), 0);
    assert_int_equal(disco_vm_create(g->machine, &vm, &g->vm), 0);
    assert_int_equal(disco_vm_map_ram(g->vm, 0, R10K_RAM, NULL), 0);
    assert_int_equal(disco_vcpu_create(g->vm, &vcpu, &g->vcpu), 0);
    for (i = 1; i < c->vcpus; i++) {
        disco_vcpu *more;

        assert_int_equal(disco_vcpu_create(g->vm, &vcpu, &more), 0);
    }
    for (i = 0; i < count; i++) {
        const uint8_t word[] = { (uint8_t)(words[i] >> 24),
                                 (uint8_t)(words[i] >> 16),
                                 (uint8_t)(words[i] >> 8), (uint8_t)words[i] };

        assert_int_equal(disco_mem_write(g->vm, R10K_CODE + 4 * i, word, 4), 0);
    }
    assert_int_equal(disco_vcpu_start(g->vcpu, 0xffffffff80000000u + R10K_CODE),
                     0);
}

void r10k_drop(struct r10k *g)
{
    assert_int_equal(disco_vm_destroy(g->vm), 0);
    assert_int_equal(disco_machine_destroy(g->machine), 0);
}

disco_exit r10k_run(struct r10k *g, uint64_t max_insns)
{
    disco_run run = { .size = sizeof(run), .max_insns = max_insns };
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_vcpu_run(g->vcpu, 0, &run, &e), 0);
    return e;
}

uint64_t r10k_reg(struct r10k *g, uint64_t id)
{
    uint64_t value = 0;

    assert_int_equal(disco_vcpu_get_regs(g->vcpu, &id, &value, 1), 0);
    return value;
}
