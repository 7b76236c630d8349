/*
 * fixture.c - see fixture.h.
 */
#include "fixture.h"

#include <string.h>

static void make_vcpus(struct fixture *f, uint32_t vcpus)
{
    disco_vcpu_config config = { .size = sizeof(config), .backend = "toy" };
    uint32_t i;

    f->vcpus = vcpus;
    for (i = 0; i < vcpus; i++) {
        assert_int_equal(disco_vcpu_create(f->vm, &config, &f->vcpu[i]), 0);
        assert_int_equal(disco_vcpu_start(f->vcpu[i], 0), 0);
    }
}

void fixture_make(struct fixture *f, const struct fixture_config *config,
                  const uint32_t *program, uint32_t words)
{
    struct fixture_config c = { 0 };
    disco_vm_config vm = { .size = sizeof(vm) };

    if (config)
        c = *config;
    memset(f, 0, sizeof(*f));
    if (!c.machine.size) {
        c.machine.size = sizeof(c.machine);
        c.machine.nodes = c.nodes;
        c.machine.cpus_per_node = c.cpus ? c.cpus : 4;
        c.machine.node_bytes = c.node_bytes;
        c.machine.flags = c.flags;
    }
    assert_int_equal(disco_machine_create(&c.machine, &f->machine, NULL), 0);
    assert_int_equal(disco_machine_add_backend(f->machine, &toy_ops), 0);
    vm.threads = c.threads;
    assert_int_equal(disco_vm_create(f->machine, &vm, &f->vm), 0);
    assert_int_equal(
        disco_vm_map_ram(f->vm, 0, c.ram_bytes ? c.ram_bytes : 1 << 20, NULL),
        0);
    if (words)
        assert_int_equal(disco_mem_write(f->vm, 0, program, words * 4), 0);
    make_vcpus(f, c.vcpus ? c.vcpus : 1);
}

void fixture_drop(struct fixture *f)
{
    assert_int_equal(disco_machine_verify(f->machine), 0);
    assert_int_equal(disco_vm_destroy(f->vm), 0);
    assert_int_equal(disco_machine_verify(f->machine), 0);
    assert_int_equal(disco_machine_destroy(f->machine), 0);
}

disco_exit fixture_run(struct fixture *f, uint32_t i, uint64_t max_insns)
{
    disco_run run = { .size = sizeof(run), .max_insns = max_insns };
    disco_exit exit = { .size = sizeof(exit) };

    assert_int_equal(disco_vcpu_run(f->vcpu[i], i, &run, &exit), 0);
    return exit;
}

uint64_t fixture_reg(struct fixture *f, uint32_t i, uint32_t reg)
{
    uint64_t id = DISCO_REG_GPR(reg), value = 0;

    assert_int_equal(disco_vcpu_get_regs(f->vcpu[i], &id, &value, 1), 0);
    return value;
}

void fixture_set_reg(struct fixture *f, uint32_t i, uint32_t reg,
                     uint64_t value)
{
    uint64_t id = DISCO_REG_GPR(reg);

    assert_int_equal(disco_vcpu_set_regs(f->vcpu[i], &id, &value, 1), 0);
}

const char *fixture_error(struct fixture *f, char text[240])
{
    disco_error err = { .size = sizeof(err) };

    disco_machine_last_error(f->machine, &err);
    memcpy(text, err.text, sizeof(err.text));
    return text;
}

void fixture_set_pc(disco_vcpu *vcpu, uint64_t pc)
{
    uint64_t id = DISCO_REG_PC;

    assert_int_equal(disco_vcpu_set_regs(vcpu, &id, &pc, 1), 0);
}
