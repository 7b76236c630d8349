/*
 * state.c - save and load one vCPU.
 *
 * The stream is a magic, a version, a count, then 64-bit little-endian values
 * in the fixed order below.  Tables and decoded code are not state.  Loading
 * checks everything before it changes anything.
 */
#include "mips/state.h"

#include <string.h>

#include "base/bits.h"
#include "mips/cpu.h"
#include "mips/regs.h"

enum { STATE_MAGIC = 0x4d495053, STATE_VERSION = 1 }; /* "MIPS" */

/* Scalars that registers by id do not carry; X(field, valid mask). */
#define STATE_FIELDS(X)            \
    X(insns, UINT64_MAX)           \
    X(skew, UINT64_MAX)            \
    X(count_offset, UINT32_MAX)    \
    X(timer_cycles, UINT64_MAX)    \
    X(timer_ip, 1)                 \
    X(random_base, UINT64_MAX)     \
    X(badvpn, UINT64_MAX)          \
    X(lines, 0x7c00)               \
    X(compare, UINT32_MAX)         \
    X(status, ST_WRITABLE | ST_TS) \
    X(pc, UINT64_MAX)              \
    X(delay, 1)                    \
    X(delay_target, UINT64_MAX)    \
    X(watch_waits, 1)              \
    X(mmio_done, 1)                \
    X(mmio_status, UINT64_MAX)     \
    X(mmio_value, UINT64_MAX)

enum {
#define COUNT_FIELD(field, mask) FIELD_##field,
    STATE_FIELDS(COUNT_FIELD)
#undef COUNT_FIELD
        FIELDS,
    REGS_MAX = 32 + 2 + 32 + 1 + 32 + 2 * PERF_COUNTERS_MAX + 4 * TLB_ENTRIES,
    VALUES_MAX = FIELDS + REGS_MAX
};

/* Registers in stream order; Count, Compare and Status travel as fields. */
static unsigned list_regs(uint64_t ids[REGS_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < 32; i++)
        ids[n++] = DISCO_REG_GPR(i);
    ids[n++] = DISCO_REG_HI;
    ids[n++] = DISCO_REG_LO;
    for (unsigned i = 0; i < 32; i++)
        ids[n++] = DISCO_REG_FPR(i);
    ids[n++] = DISCO_REG_FCSR;
    for (unsigned i = 0; i < 32; i++)
        if (mips_reg_name(DISCO_REG_CP0(i)) && i != C0_RANDOM &&
            i != C0_COUNT && i != C0_COMPARE && i != C0_STATUS)
            ids[n++] = DISCO_REG_CP0(i);
    for (unsigned i = 0; i < 2 * PERF_COUNTERS_MAX; i++)
        ids[n++] = DISCO_REG(DISCO_REG_CLASS_PERF, i);
    for (unsigned i = 0; i < 4 * TLB_ENTRIES; i++)
        ids[n++] = DISCO_REG(DISCO_REG_CLASS_TLB, i);
    return n;
}

disco_status mips_save(void *state, const disco_stream *out)
{
    struct mips_cpu *cpu = state;
    uint64_t ids[REGS_MAX], value, head[2];
    unsigned n = list_regs(ids);
    disco_status status;

    store_le64(&head[0], (uint64_t)STATE_MAGIC << 32 | STATE_VERSION);
    store_le64(&head[1], FIELDS + n);
    status = out->write(out->opaque, head, sizeof(head));
#define SAVE_FIELD(field, mask)                                  \
    if (!status) {                                               \
        store_le64(&value, cpu->field);                          \
        status = out->write(out->opaque, &value, sizeof(value)); \
    }
    STATE_FIELDS(SAVE_FIELD)
#undef SAVE_FIELD
    for (unsigned i = 0; i < n && !status; i++) {
        uint64_t v = 0;

        mips_get_reg(cpu, ids[i], &v);
        store_le64(&value, v);
        status = out->write(out->opaque, &value, sizeof(value));
    }
    return status;
}

static disco_status read_all(const disco_stream *in, uint64_t *values,
                             unsigned n)
{
    uint64_t head[2];
    disco_status status = in->read(in->opaque, head, sizeof(head));

    if (status)
        return status;
    if (load_le64(&head[0]) >> 32 != STATE_MAGIC)
        return DISCO_E_CORRUPT;
    if ((uint32_t)load_le64(&head[0]) != STATE_VERSION)
        return DISCO_E_VERSION;
    if (load_le64(&head[1]) != n)
        return DISCO_E_CORRUPT;
    status = in->read(in->opaque, values, (uint64_t)n * 8);
    for (unsigned i = 0; i < n && !status; i++)
        values[i] = load_le64(&values[i]);
    return status;
}

disco_status mips_load(void *state, const disco_stream *in)
{
    struct mips_cpu *cpu = state;
    uint64_t ids[REGS_MAX], values[VALUES_MAX];
    unsigned n = list_regs(ids);
    disco_status status = read_all(in, values, FIELDS + n);

    if (status)
        return status;
#define CHECK_FIELD(field, mask)                   \
    if (values[FIELD_##field] & ~(uint64_t)(mask)) \
        return DISCO_E_CORRUPT;
    STATE_FIELDS(CHECK_FIELD)
#undef CHECK_FIELD
    mips_tlb_reset(cpu);
    for (unsigned i = 0; i < n; i++)
        mips_set_reg(cpu, ids[i], values[FIELDS + i]);
#define LOAD_FIELD(field, mask) \
    cpu->field = (__typeof__(cpu->field))values[FIELD_##field];
    STATE_FIELDS(LOAD_FIELD)
#undef LOAD_FIELD
    cpu->slice_end = cpu->insns;
    cpu->left = 0;
    cpu->ll_valid = false;
    cpu->perf_since = cpu->insns;
    cpu->user_insns = 0;
    cpu->user_since = cpu->insns;
    mips_mode_update(cpu);
    mips_tables_flush(cpu);
    return DISCO_OK;
}
