/*
 * test_virtio_rng.c - the entropy device: its generator, the host's function.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <string.h>
#include <linux/virtio_mmio.h>

enum { GPA = 0x1c100000, NUM = 8, BUF = DRIVER_BUFFERS };

static void fill(void *opaque, void *data, uint32_t bytes)
{
    uint32_t *calls = opaque;

    memset(data, 0x5a, bytes);
    (*calls)++;
}

static uint32_t ask(struct driver *d, uint64_t gpa, uint32_t bytes)
{
    uint32_t id = 0, written = UINT32_MAX;

    driver_desc(d, driver_desc_at(0), 0, gpa, bytes, DESC_WRITE, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &id, &written), 1);
    return written;
}

/* 256 bytes from a fresh device with this seed. */
static void take(uint64_t seed, uint8_t *out)
{
    disco_machine *machine = fake_machine_new();
    disco_vm *vm = fake_vm_new(machine, "vm0");
    struct driver d;

    assert_int_equal(disco_virtio_rng_create(vm, GPA, 8, NULL, NULL, seed), 0);
    driver_start(&d, vm, GPA, 0, 1, NUM);
    assert_int_equal(driver_reg(&d, VIRTIO_MMIO_DEVICE_ID), 4);
    assert_int_equal(ask(&d, BUF, 128), 128);
    assert_int_equal(ask(&d, BUF + 128, 128), 128);
    memcpy(out, vm->ram + BUF, 256);
    fake_vm_free(vm);
    assert_int_equal(fake_machine_free(machine), 0);
}

static void repeats_by_seed(void **state)
{
    uint8_t a[256], b[256], c[256];
    uint32_t ones = 0;
    int i;

    (void)state;
    take(1, a);
    take(1, b);
    take(2, c);
    assert_memory_equal(a, b, 256);
    assert_memory_not_equal(a, c, 256);
    assert_memory_not_equal(a, a + 128, 128);
    for (i = 0; i < 256; i++)
        ones += (uint32_t)__builtin_popcount(a[i]);
    assert_in_range(ones, 900, 1150);
}

static void host_function_and_bounds(void **state)
{
    disco_machine *machine = fake_machine_new();
    disco_vm *vm = fake_vm_new(machine, "vm0");
    struct driver d;
    uint32_t calls = 0;

    (void)state;
    assert_int_equal(disco_virtio_rng_create(vm, GPA, 8, fill, &calls, 0), 0);
    driver_start(&d, vm, GPA, 0, 1, NUM);
    assert_int_equal(ask(&d, BUF, 10), 10);
    assert_int_equal(calls, 1);
    assert_int_equal(vm->ram[BUF + 9], 0x5a);
    assert_int_equal(vm->ram[BUF + 10], 0);
    assert_int_equal(ask(&d, 0x80000, 0x10000), 4096);
    assert_int_equal(ask(&d, GPA, 16), 0);
    assert_int_equal(ask(&d, BUF, 0), 0);
    assert_int_equal(ask(&d, FAKE_RAM_BYTES - 8, UINT32_MAX), 0);
    assert_int_equal(driver_reg(&d, VIRTIO_MMIO_STATUS), 15);
    machine->fail_in = 0;
    assert_int_equal(disco_virtio_rng_create(vm, 0, 8, NULL, NULL, 0),
                     DISCO_E_NOMEM);
    machine->fail_in = 1;
    assert_int_equal(disco_virtio_rng_create(vm, 0, 8, NULL, NULL, 0),
                     DISCO_E_NOMEM);
    vm->refuse_map = 1;
    assert_int_equal(disco_virtio_rng_create(vm, 0, 8, NULL, NULL, 0),
                     DISCO_E_EXISTS);
    assert_int_equal(disco_virtio_rng_create(vm, 0, 64, NULL, NULL, 0),
                     DISCO_E_INVAL);
    fake_vm_free(vm);
    assert_int_equal(fake_machine_free(machine), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_by_seed),
        cmocka_unit_test(host_function_and_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
