/*
 * fuzz_jit.c - the interpreter and the JIT on any memory and any state.
 *
 * The same machine twice (cpu_input.h), with one vCPU or two, run in the same
 * slices; after each slice both machines are equal.  Bytes of the input drive
 * the host: interrupts, pages that change kind, dropped code, stores to code by
 * a device, save and load.  Of the set-up
 *   13  low 3 bits: runs before a region is made; high 4: features of the host
 *       that are not used
 *   14  IN_VALID and IN_SHORT
 *   15  how long slices are
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_input.h"
#include "mips/cpu.h"
#include "mips/insn.h"
#include "mips/jit/jit.h"

enum { SLICES = 96, WORDS_MAX = 1024 };

enum {
    IN_VALID = 1, /* every word becomes an instruction */
    IN_SHORT = 2  /* branches go a few words */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fields of a word in the instruction that the word before it chooses. */
static uint32_t valid_word(const uint8_t *data, size_t i)
{
    uint32_t word = cpu_plain_word(data, i);
    uint32_t pick = (word * 0x9e3779b1u) >> 16;
    const struct insn_info *info = &insn_info[1 + pick % (INSN_COUNT - 1)];
    bool is_branch =
        info->class == INSN_CLASS_BRANCH || info->class == INSN_CLASS_FBRANCH;

    word = info->match | (word & ~info->mask);
    if (is_branch && data[14] & IN_SHORT)
        word = (word & ~0xffffu & ~info->mask) | info->match |
               ((((word & 31) - 20u) & 0xffff) & ~info->mask);
    return word;
}

static void make(const uint8_t *data, size_t words, uint32_t engine,
                 unsigned vcpus, struct host_vcpu *v[2])
{
    struct mips_host *h = host_new(RAM, 1);
    disco_vcpu_config config;

    cpu_make_config(&config, data[0]);
    config.engine = engine;
    ((struct jit *)h->shared)->denied = data[13] >> 4;
    ((struct jit *)h->shared)->heat = (uint16_t)(1 + (data[13] & 7));
    h->machine.code_cache_bytes = 1 << 20;
    h->machine.translate_at_run = 1 + (data[13] >> 3 & 1) * 4;
    h->pinned = data[0] & IN_PINNED;
    for (unsigned i = 0; i < vcpus; i++)
        must((v[i] = host_vcpu(h, &config, vcpus)) != NULL);
    cpu_set_memory(h, data, words,
                   data[14] & IN_VALID ? valid_word : cpu_plain_word);
    for (unsigned i = 0; i < vcpus; i++)
        cpu_set_state(v[i], data);
    h->mmio_value = 0x1234;
    h->mmio_status = data[0] & IN_MMIO_EXIT ? DISCO_E_STATE : DISCO_OK;
}

/* A device stores to a word of code. */
static void store_code(struct host_vcpu *v, uint8_t what)
{
    uint64_t gpa = CODE + 4u * what;
    uint32_t word = host_get32(v->host, gpa) ^ (1u << (what & 15));

    host_drop_code(v->host, CODE);
    host_put32(v->host, gpa, word);
}

static void disturb_both(struct host_vcpu *a, struct host_vcpu *b, uint8_t what)
{
    /* Allocations fail at other places in another engine. */
    if ((what & 15) == 8)
        return;
    if ((what & 15) == 10) {
        store_code(a, what);
        store_code(b, what);
        return;
    }
    cpu_disturb(a, what);
    cpu_disturb(b, what);
}

static uint64_t slice(uint8_t kind, uint8_t what)
{
    switch (kind & 3) {
    case 0:
        return 1 + what % 5;
    case 1:
        return 1 + what % 61;
    case 2:
        return 1 + 2 * (uint64_t)what;
    default:
        return what & 1 ? 1 + 8 * (uint64_t)what : 1 + (uint64_t)what % 9;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host_vcpu *v[2] = { NULL }, *w[2] = { NULL };
    unsigned vcpus;
    size_t words;

    if (!X64_IS_HOST || size < SETUP + 4)
        return 0;
    words = (size - SETUP) / 4;
    if (words > WORDS_MAX)
        words = WORDS_MAX;
    vcpus = data[0] & IN_PAIR ? 2 : 1;
    make(data, words, DISCO_ENGINE_INTERP, vcpus, v);
    make(data, words, DISCO_ENGINE_JIT, vcpus, w);
    for (unsigned i = 0; i < SLICES; i++) {
        uint8_t what = data[(i * 7 + 3) % (SETUP + 4 * words)];
        unsigned now = i % vcpus;
        uint64_t n = slice(data[15], what), ran;

        if (i > 8 && i % 3 == 0)
            disturb_both(v[now], w[now], what);
        ran = cpu_step(v[now], n);
        must(cpu_step(w[now], n) == ran);
        cpu_compare(v[now], w[now]);
        if (ran == 0) {
            SET_PC(v[now], KSEG0(CODE + what % 16 * 4));
            SET_PC(w[now], KSEG0(CODE + what % 16 * 4));
        }
    }
    must(host_free(v[0]->host) && host_free(w[0]->host));
    return 0;
}
