/*
 * fuzz_virtq.c - the device side of a virtqueue on any memory at all.
 *
 * Input: a byte of options, then records of four bytes.  A record stores into
 * the rings, or takes, reads, fills and returns a chain.  While chains are
 * read, an option lets the guest change memory between two reads.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "devices/fake_vm.h"
#include "devices/virtq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    DESC = 0x1000,
    AVAIL = 0x2000,
    USED = 0x3000,
    TABLE = 0x4000,

    OPTION_SIZE = 0x0f,
    OPTION_EVENT_IDX = 0x10,
    OPTION_SCRIBBLE = 0x20
};

static void require(int holds)
{
    if (!holds)
        abort();
}

static void scribble(disco_vm *vm, uint64_t gpa, uint64_t bytes)
{
    uint64_t i;

    for (i = 0; i < bytes; i++)
        vm->ram[gpa + i] = (uint8_t)(vm->ram[gpa + i] * 5 + 1);
}

/* What every chain that was taken promises. */
static void check_chain(const struct virtq *vq, const struct virtq_chain *chain)
{
    uint64_t out = 0, in = 0;
    uint32_t i;

    require(chain->head < vq->num && chain->segs <= vq->num &&
            chain->out_segs <= chain->segs);
    for (i = 0; i < chain->segs; i++) {
        require(chain->seg[i].bytes > 0);
        require(chain->seg[i].gpa + chain->seg[i].bytes <= UINT64_C(1) << 40);
        *(i < chain->out_segs ? &out : &in) += chain->seg[i].bytes;
    }
    require(out == chain->out_bytes && in == chain->in_bytes);
}

static void use_chain(struct virtq *vq, struct virtq_chain *chain,
                      uint32_t value)
{
    uint8_t buffer[64];
    uint64_t at = value >> 4;
    uint64_t bytes = value & 63;
    uint32_t before = vq->used_next;

    require((virtq_read(vq->vm, chain, at, buffer, bytes) == 0) <=
            (bytes == 0 || at + bytes <= chain->out_bytes));
    memset(buffer, (int)value, sizeof(buffer));
    require((virtq_write(vq->vm, chain, at, buffer, bytes) == 0) <=
            (bytes == 0 || at + bytes <= chain->in_bytes));
    virtq_push(vq, chain->head, value);
    require(vq->used_next == (uint16_t)(before + 1));
    virtq_wants_interrupt(vq);
}

static void record(disco_vm *vm, struct virtq *vq, struct virtq_chain *chain,
                   const uint8_t *r)
{
    uint16_t next = vq->avail_next;
    uint16_t value = load_le16(r + 2);
    int got;

    switch (r[0] & 7) {
    case 0:
        fake_store16(vm, DESC + 2u * r[1], value);
        break;
    case 1:
        fake_store16(vm, AVAIL + 2u * r[1], value);
        break;
    case 2:
        fake_store16(vm, TABLE + 2u * r[1], value);
        break;
    case 3: /* one more entry, as a driver does it */
        fake_store16(vm, AVAIL + 4 + 2 * (next % vq->num), value);
        fake_store16(vm, AVAIL + 2, (uint16_t)(next + 1));
        break;
    case 4:
        virtq_want_notify(vq);
        break;
    case 5:
        /* Registers are latched: this must change nothing. */
        vq->reg_num = value;
        vq->reg_desc = (uint64_t)value << r[1] % 48;
        virtq_activate(vq, r[1] & 1);
        break;
    default:
        got = virtq_pop(vq, chain);
        require((uint16_t)(vq->avail_next - next) <= 1);
        if (got == VIRTQ_GOT) {
            check_chain(vq, chain);
            use_chain(vq, chain, (uint32_t)r[1] << 16 | value);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    disco_machine *machine;
    disco_vm *vm;
    struct virtq vq;
    struct virtq_chain *chain;
    size_t i;

    if (size < 1)
        return 0;
    machine = fake_machine_new();
    vm = fake_vm_new(machine, "fuzz");
    chain = malloc(sizeof(*chain));
    virtq_init(&vq, vm, VIRTQ_SIZE_MAX);
    vq.reg_num = 1u << (data[0] & OPTION_SIZE) % 9;
    vq.reg_desc = DESC;
    vq.reg_avail = AVAIL;
    vq.reg_used = USED;
    require(virtq_activate(&vq, (data[0] & OPTION_EVENT_IDX) != 0) == 0);
    if (data[0] & OPTION_SCRIBBLE)
        vm->after_read = scribble;
    for (i = 1; i + 4 <= size && i < 8192; i += 4)
        record(vm, &vq, chain, data + i);
    free(chain);
    fake_vm_free(vm);
    require(fake_machine_free(machine) == 0);
    return 0;
}
