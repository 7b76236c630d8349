/*
 * main.c - goes through the board's devices one after the other, and then
 * checks that the devices still identify themselves.
 *
 * Command line: seed=N, rounds=N (of the random part, for each device).
 */
#include "abuse.h"

static uint64_t state;

uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

uint64_t odd_value(void)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       2,
                                       15,
                                       16,
                                       17,
                                       0x7f,
                                       0xff,
                                       0x7fff,
                                       0x8000,
                                       0xffff,
                                       0x10000,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       0x7fffffffffffffff,
                                       0xffffffffffffffff };
    uint64_t r = random64();

    if (r & 1)
        return values[(r >> 8) % (sizeof values / sizeof *values)];
    return r & 2 ? random64() : random64() & 0xff;
}

/* In the arena, at its end, in devices, in holes, behind everything. */
uint64_t odd_address(void)
{
    static const uint64_t far[] = {
        0x1c030000,                     /* power */
        0x1c030002,         0x1c020000, /* UART */
        0x1c010000,                     /* mailbox */
        0x1c011000,                     /* idle */
        0x1c012000,                     /* CP0 page */
        0x1c100000,                     /* virtio itself */
        0x1c100050,         0x1d000000, /* nothing */
        0x1fc00000,                     /* ROM */
        0xffffffffff,       0x10000000000,     0xfffffffffffff000,
        0xffffffffffffffff, 0x8000000000000000
    };
    uint64_t r = random64();

    switch (r & 3) {
    case 0:
        return far[(r >> 8) % (sizeof far / sizeof *far)];
    case 1:
        return board.ram_low - (r >> 8) % 64;
    default:
        return arena_phys() + (r >> 8) % ARENA_BYTES;
    }
}

static uint64_t read_one(uint64_t phys, uint64_t bytes)
{
    switch (bytes) {
    case 1:
        return io_read8(phys);
    case 2:
        return io_read16(phys);
    case 4:
        return io_read32(phys);
    default:
        return io_read64(phys);
    }
}

static uint64_t write_value;

static uint64_t write_one(uint64_t phys, uint64_t bytes)
{
    switch (bytes) {
    case 1:
        io_write8(phys, (uint8_t)write_value);
        break;
    case 2:
        io_write16(phys, (uint16_t)write_value);
        break;
    case 4:
        io_write32(phys, (uint32_t)write_value);
        break;
    default:
        io_write64(phys, write_value);
    }
    return 0;
}

int try_read(uint64_t phys, uint32_t bytes, uint64_t *value)
{
    struct caught c;

    catch_trap(&c, read_one, phys, bytes);
    *value = c.value;
    return c.taken;
}

int try_write(uint64_t phys, uint32_t bytes, uint64_t value)
{
    struct caught c;

    write_value = value;
    catch_trap(&c, write_one, phys, bytes);
    return c.taken;
}

/* Stray writes may let interrupts in: shut them out again. */
static int no_interrupts(struct trap_frame *f)
{
    if (CAUSE_CODE((uint32_t)f->cause) != EXC_INT)
        return 0;
    f->status &= ~(uint64_t)(ST_IM | ST_IE);
    return 1;
}

static const char *device_name(uint32_t id)
{
    static const char *const names[] = { "?", "net", "blk", "console", "rng" };

    return id < sizeof names / sizeof *names ? names[id] : "?";
}

int guest_main(void)
{
    uint32_t rounds = (uint32_t)option_value("rounds", 300);
    int failures = 0, devices = 0;

    state = (uint64_t)option_value("seed", 1) * 0x9e3779b97f4a7c15 | 1;
    trap_hook = no_interrupts;
    abuse_board();
    print("abuse: board devices survived\n");
    for (uint32_t s = 0; s < DISCO_BOARD_VIRTIO_SLOTS; s++) {
        uint32_t id = vio_probe(s);

        if (!id)
            continue;
        devices++;
        abuse_virtio(s);
        fuzz_virtio(s, rounds);
        if (vio_probe(s) != id) {
            print("abuse: slot %u has lost its identity\n", s);
            failures++;
        }
        print("abuse: slot %u (%s) survived\n", s, device_name(id));
    }
    print("abuse: %d virtio devices, %d lost\n", devices, failures);
    return failures;
}
