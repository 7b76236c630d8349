/*
 * fuzz_interp.c - the R10000 backend on any memory and any state.
 *
 * Two ways, by a bit of the set-up (cpu_input.h):
 *
 *  twins  the same vCPU twice, one run in a single go and one in small steps:
 *         state and memory must be equal at the end;
 *  pair   two vCPUs on one memory, while bytes of the input drive the host:
 *         interrupts, pages that change kind, dropped code, save and load.
 *
 * Always: budgets are exact, the invariants of host_verify() hold, nothing is
 * leaked.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_input.h"

enum { INSNS = 1000, EXITS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- Twins
 * ----------------------------------------------------------------------- */

static struct host_vcpu *make(const uint8_t *data, size_t size)
{
    struct mips_host *h = host_new(RAM, 1);
    disco_vcpu_config config;
    struct host_vcpu *v;

    cpu_make_config(&config, data[0]);
    h->pinned = data[0] & IN_PINNED;
    v = host_vcpu(h, &config, 1);
    must(v != NULL);
    cpu_set_memory(h, data, size / 4, cpu_plain_word);
    cpu_set_state(v, data);
    h->mmio_value = 0x1234;
    h->mmio_status = data[0] & IN_MMIO_EXIT ? DISCO_E_STATE : DISCO_OK;
    return v;
}

static void run_twin(struct host_vcpu *v, uint64_t chunk)
{
    uint64_t done = 0;

    for (unsigned exits = 0; done < INSNS && exits < INSNS; exits++) {
        uint64_t left = INSNS - done, n = chunk < left ? chunk : left;
        uint64_t ran = cpu_step(v, n);

        if (ran == 0)
            return;
        if (ran <= n)
            done += ran;
    }
}

static void twins(const uint8_t *data, size_t size)
{
    struct host_vcpu *a = make(data, size), *b = make(data, size);

    run_twin(a, INSNS);
    run_twin(b, 1 + data[15] % 13);
    cpu_compare(a, b);
    must(host_free(a->host) && host_free(b->host));
}

/* --- A pair
 * ------------------------------------------------------------------------ */

static void pair(const uint8_t *data, size_t size)
{
    struct mips_host *h = host_new(RAM, 1);
    struct host_vcpu *v[2];
    disco_vcpu_config config;

    cpu_make_config(&config, data[0]);
    h->pinned = data[0] & IN_PINNED;
    for (unsigned i = 0; i < 2; i++)
        must((v[i] = host_vcpu(h, &config, 2)) != NULL);
    cpu_set_memory(h, data, size / 4, cpu_plain_word);
    for (unsigned i = 0; i < 2; i++)
        cpu_set_state(v[i], data);
    SET_PC(v[1], KSEG0(CODE + 4));
    for (unsigned i = 0; i < EXITS; i++) {
        uint8_t what = data[(i * 7 + 3) % (SETUP + size)];
        struct host_vcpu *now = v[i & 1];

        if (i > 4)
            cpu_disturb(now, what);
        must(host_verify(now) == NULL);
        if (cpu_step(now, 1 + what % 61) == 0)
            SET_PC(now, KSEG0(CODE + what % 16 * 4));
        must(host_verify(v[~i & 1]) == NULL);
    }
    must(host_free(h));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SETUP + 4)
        return 0;
    if (data[0] & IN_PAIR)
        pair(data, size - SETUP);
    else
        twins(data, size - SETUP);
    return 0;
}
