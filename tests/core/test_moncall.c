/*
 * test_moncall.c - monitor calls with good and hostile arguments.
 */
#include <string.h>

#include "fixture.h"

struct console {
    char text[2000];
    uint32_t bytes;
    uint32_t pieces;
    int32_t input;
};

static void con_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct console *c = opaque;

    if (c->bytes + bytes <= sizeof(c->text))
        memcpy(c->text + c->bytes, data, bytes);
    c->bytes += bytes;
    c->pieces++;
}

static int32_t con_read(void *opaque)
{
    return ((struct console *)opaque)->input;
}

/* One call; returns v0 and v1. */
static int64_t call(struct fixture *f, uint32_t code, uint64_t a0, uint64_t a1,
                    uint64_t *v1)
{
    uint32_t program[2] = { TOY(TOY_CALL, 0, 0, code),
                            TOY(TOY_BREAK, 0, 0, 0) };
    uint64_t pc = DISCO_REG_PC, at = 0x8000;
    disco_exit e;

    assert_int_equal(disco_mem_write(f->vm, at, program, 8), 0);
    assert_int_equal(disco_vcpu_set_regs(f->vcpu[0], &pc, &at, 1), 0);
    fixture_set_reg(f, 0, 1, a0);
    fixture_set_reg(f, 0, 2, a1);
    e = fixture_run(f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    if (v1)
        *v1 = fixture_reg(f, 0, 2);
    return (int64_t)fixture_reg(f, 0, 1);
}

static void test_codes(void **state)
{
    static const uint32_t reserved[] = { DISCO_HC_DISK, DISCO_HC_NET };
    struct fixture f;
    uint64_t v1;
    int i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(call(&f, DISCO_HC_DISCOVER, 0, 0, &v1), 0);
    assert_true(v1 == (DISCO_HC_MAGIC | DISCO_HC_ABI_VERSION));
    for (i = 0; i < 2; i++)
        assert_int_equal(call(&f, reserved[i], 0, 0, NULL),
                         DISCO_HC_E_UNSUPPORTED);
    assert_int_equal(call(&f, 0x0c, 0, 0, NULL), DISCO_HC_E_UNKNOWN);
    assert_int_equal(call(&f, 0x1ff, 0, 0, NULL), DISCO_HC_E_UNKNOWN);
    assert_int_equal(call(&f, 0x400, 0, 0, NULL), DISCO_HC_E_UNKNOWN);
    assert_int_equal(call(&f, DISCO_HC_HOST_FUNCTION, 0, 0, NULL),
                     DISCO_HC_E_INVAL);
    fixture_drop(&f);
}

static void test_console(void **state)
{
    disco_console_ops ops = { .size = sizeof(ops),
                              .write = con_write,
                              .read = con_read };
    struct console c = { .input = 'x' };
    struct fixture f;
    char text[1500];
    uint64_t v1;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_WRITE, 0, 5, NULL), 0);
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_READ, 0, 0, &v1), 0);
    assert_true(v1 == UINT64_MAX);
    assert_int_equal(disco_vm_set_console(f.vm, &ops, &c), 0);
    memset(text, 'a', sizeof(text));
    text[1499] = 'z';
    assert_int_equal(disco_mem_write(f.vm, 4000, text, sizeof(text)), 0);
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_WRITE, 4000, 1500, NULL), 0);
    assert_int_equal(c.bytes, 1500);
    assert_true(c.pieces > 1);
    assert_memory_equal(c.text, text, 1500);
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_READ, 0, 0, &v1), 0);
    assert_int_equal(v1, 'x');
    c.input = 300;
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_READ, 0, 0, &v1), 0);
    assert_true(v1 == UINT64_MAX);
    c.bytes = 0;
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_WRITE, (1 << 20) - 2, 4, NULL),
                     DISCO_HC_E_FAULT);
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_WRITE, UINT64_MAX, 4, NULL),
                     DISCO_HC_E_FAULT);
    assert_int_equal(call(&f, DISCO_HC_CONSOLE_WRITE, 0, UINT64_MAX, NULL),
                     DISCO_HC_E_INVAL);
    assert_int_equal(c.bytes, 0);
    assert_int_equal(disco_vm_set_console(f.vm, NULL, NULL), 0);
    fixture_drop(&f);
}

static void test_pages(void **state)
{
    disco_vm_stats s = { .size = sizeof(s) };
    disco_pin p = { .size = sizeof(p) };
    uint64_t value = 77;
    struct fixture f;
    uint32_t code;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_map_rom(f.vm, 0x200000, 4096, "r", 1, NULL), 0);
    for (code = DISCO_HC_ZERO_PAGE; code <= DISCO_HC_RELEASE_PAGE; code++) {
        value = 77;
        assert_int_equal(disco_mem_write(f.vm, 0x4ff8, &value, 8), 0);
        assert_int_equal(call(&f, code, 0x4000, 0, NULL), 0);
        assert_int_equal(disco_mem_read(f.vm, 0x4ff8, &value, 8), 0);
        assert_int_equal(value, 0);
        assert_int_equal(call(&f, code, 0x4000, 0, NULL), 0);
        assert_int_equal(call(&f, code, 0x4004, 0, NULL), DISCO_HC_E_INVAL);
        assert_int_equal(call(&f, code, 0x40000000, 0, NULL), DISCO_HC_E_FAULT);
        assert_int_equal(call(&f, code, 0x200000, 0, NULL), DISCO_HC_E_FAULT);
        assert_int_equal(call(&f, code, (uint64_t)0 - 4096, 0, NULL),
                         DISCO_HC_E_FAULT);
    }
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.released, 1);
    /* A pinned page stays, but is emptied. */
    assert_int_equal(disco_mem_pin(f.vm, 0x4000, 8, DISCO_READ, &p), 0);
    value = 5;
    assert_int_equal(disco_mem_write(f.vm, 0x4000, &value, 8), 0);
    assert_int_equal(call(&f, DISCO_HC_RELEASE_PAGE, 0x4000, 0, NULL), 0);
    assert_int_equal(*(uint64_t *)p.host, 0);
    assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
    fixture_drop(&f);
}

static void test_embedder_calls(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_CALL, 0, 0, DISCO_HC_EMBEDDER + 5),
        TOY(TOY_CALL, 0, 0, DISCO_HC_YIELD),
        TOY(TOY_BREAK, 0, 0, 0),
    };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    uint32_t i;

    (void)state;
    fixture_make(&f, NULL, program, 3);
    for (i = 1; i <= 6; i++)
        fixture_set_reg(&f, 0, i, 10 * i);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_HYPERCALL);
    assert_int_equal(e.u.hypercall.code, DISCO_HC_EMBEDDER + 5);
    for (i = 0; i < 6; i++)
        assert_int_equal(e.u.hypercall.arg[i], 10 * (i + 1));
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, NULL, &e), DISCO_E_STATE);
    assert_int_equal(disco_vcpu_complete(f.vcpu[0], -3, 44), 0);
    assert_true((int64_t)fixture_reg(&f, 0, 1) == -3);
    assert_int_equal(fixture_reg(&f, 0, 2), 44);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_YIELD);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_embedder_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
